# shellcheck shell=bash
# How .ci/run runs its checks, ends those that hang, and counts them. Sourced; PYTEST is the command that runs tests.

results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
passed=0 failed=0 failures=() flaky=()
limit=600    # seconds for a step, or for one run of tests; `limit=900 step ...` gives one step more
all_end=4800 # seconds since the start, at which whatever runs is ended and nothing else is begun

within_limit() { # COMMAND...: 124 or 137 when it was ended at its limit, with everything of its process group
  local seconds=$((all_end - SECONDS)) kind
  [ "$seconds" -le "$limit" ] || seconds=$limit
  [ "$seconds" -gt 0 ] || { echo "not begun: the whole run has taken its $all_end s"; return 124; }
  kind=$(type -t "$1") && [ "$kind" = function ] && export -f "${1?}"
  timeout --signal=INT --kill-after=30 "$seconds" bash -c '"$@"' bash "$@" # pytest says at INT where it was
}

exit_in_words() { # CODE: what it means when a command, or pytest, ends with it
  local words
  case $1 in
    2) words=" (pytest: interrupted, or an error while collecting)" ;;
    3) words=" (pytest: an error inside it or a plugin)" ;;
    4) words=" (pytest: wrong arguments)" ;;
    5) words=" (pytest: no test was chosen)" ;;
    124) words=": ended at its limit of $limit s, or at the whole run's of $all_end s" ;;
    137) words=": killed, at its limit of $limit s or because memory ran out" ;;
  esac
  printf 'exit code %s%s' "$1" "${words-}"
}

step() { # NAME COMMAND...: one check, passed when the command succeeds
  local name=$1 begin=$SECONDS ended=0
  shift
  printf '\n=== %s\n' "$name"
  within_limit "$@" || ended=$?
  if [ "$ended" -eq 0 ]; then
    passed=$((passed + 1))
    printf '=== %s: passed in %s s\n' "$name" $((SECONDS - begin))
  else
    failed=$((failed + 1))
    failures+=("$name, $(exit_in_words "$ended")")
    printf '=== %s: FAILED after %s s with %s\n' "$name" $((SECONDS - begin)) "$(exit_in_words "$ended")"
  fi
}

tests() { # NAME ARGUMENT...: every test counts by itself; what fails is run once more, with no other test beside it
  local name=$1 begin=$SECONDS first="$results/$1.xml" again="$results/$1-again.xml" good bad names ended=0 why=
  local memory=(-o "cache_dir=$results/$1-cache")
  shift
  printf '\n=== %s\n' "$name"
  within_limit "${PYTEST[@]}" "${memory[@]}" --junitxml "$first" -q "$@" || ended=$?
  if [ ! -e "$first" ] && [ "$ended" -ne 124 ]; then # pytest itself died: its tests may be good
    printf '\n=== %s: once more, as pytest left no report and ended with %s\n' "$name" "$(exit_in_words "$ended")"
    flaky+=("all of $name: pytest itself died the first time")
    ended=0
    within_limit "${PYTEST[@]}" "${memory[@]}" --junitxml "$first" -q "$@" || ended=$?
  fi
  if [ ! -e "$first" ]; then
    why="no report of the tests: pytest ended with $(exit_in_words "$ended")"
  elif [ "$ended" -eq 1 ]; then
    printf '\n=== %s: what failed, once more and alone\n' "$name"
    within_limit "${PYTEST[@]}" "${memory[@]}" --junitxml "$again" -q "$@" --last-failed --last-failed-no-failures none -n 0
  elif [ "$ended" -ne 0 ]; then
    why="pytest ended with $(exit_in_words "$ended")"
  fi
  { read -r good bad; mapfile -t names; } < <(python3 .ci/count_tests.py "$first" "$again" || echo 0 1)
  [ "$ended" -eq 0 ] || [ $((bad + ${#names[@]})) -gt 0 ] || bad=1 # what failed was no test
  passed=$((passed + good))
  failed=$((failed + bad))
  [ "$bad" -eq 0 ] || failures+=("$name${why:+, $why}")
  flaky+=("${names[@]}")
  printf '=== %s: %s passed, %s failed, %s flaky, in %s s%s\n' "$name" "$good" "$bad" "${#names[@]}" $((SECONDS - begin)) "${why:+; $why}"
}

conclude() { # prints what failed, what was flaky, and the counts; fails when anything failed
  printf '\n'
  [ ${#failures[@]} -eq 0 ] || printf 'failed: %s\n' "${failures[@]}"
  [ ${#flaky[@]} -eq 0 ] || printf 'flaky: %s\n' "${flaky[@]}"
  printf '%s passed, %s failed\n' "$passed" "$failed"
  [ "$failed" -eq 0 ]
}
