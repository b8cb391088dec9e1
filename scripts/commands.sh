# shellcheck shell=bash
# What build.sh, deploy.sh and cleanup.sh have in common: speaking, and running commands or only showing them.
# Sourced. Kept to what bash 3.2 knows, which is what macOS brings.

say() { printf '%s\n' "$*" >&2; }

die() { # SENTENCE [EXIT CODE]
  printf '%s: %s\n' "$(basename "$0")" "$1" >&2
  exit "${2:-1}"
}

has() { command -v "$1" >/dev/null 2>&1; }

show() { # COMMAND...: as it could be typed
  local word line=+
  for word; do line="$line $(printf '%q' "$word")"; done
  say "$line"
}

run() { # COMMAND...: shown; with --dry-run only shown
  show "$@"
  [ "${dry_run:-no}" = yes ] || "$@"
}

argument_of() { # OPTION COUNT: an option that needs a value has one
  [ "$2" -ge 2 ] || die "$1 needs a value; see --help" 64
}

need() { # COMMAND WHY
  has "$1" || die "$1 is not on PATH; it is needed to $2" 69
}
