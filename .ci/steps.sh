# shellcheck shell=bash
# How .ci/run runs its checks and counts them. Sourced; PYTEST is the command that runs tests.

results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
passed=0 failed=0 failures=() flaky=()

step() { # NAME COMMAND...: one check, passed when the command succeeds
  local name=$1 begin=$SECONDS
  shift
  printf '\n=== %s\n' "$name"
  if "$@"; then
    passed=$((passed + 1))
    printf '=== %s: passed in %s s\n' "$name" $((SECONDS - begin))
  else
    failed=$((failed + 1))
    failures+=("$name")
    printf '=== %s: FAILED after %s s\n' "$name" $((SECONDS - begin))
  fi
}

tests() { # NAME ARGUMENT...: every test counts by itself; what fails is run once more, with no other test beside it
  local name=$1 begin=$SECONDS first="$results/$1.xml" again="$results/$1-again.xml" good bad names ended=0
  local memory=(-o "cache_dir=$results/$1-cache")
  shift
  printf '\n=== %s\n' "$name"
  "${PYTEST[@]}" "${memory[@]}" --junitxml "$first" -q "$@" || ended=$?
  if [ "$ended" -ne 0 ] && [ -e "$first" ]; then
    printf '\n=== %s: what failed, once more and alone\n' "$name"
    "${PYTEST[@]}" "${memory[@]}" --junitxml "$again" -q "$@" --last-failed --last-failed-no-failures none -n 0
  fi
  { read -r good bad; mapfile -t names; } < <(python3 .ci/count_tests.py "$first" "$again" || echo 0 1)
  [ "$ended" -eq 0 ] || [ $((bad + ${#names[@]})) -gt 0 ] || bad=1 # what failed was no test
  passed=$((passed + good))
  failed=$((failed + bad))
  [ "$bad" -eq 0 ] || failures+=("$name")
  flaky+=("${names[@]}")
  printf '=== %s: %s passed, %s failed, %s flaky, in %s s\n' "$name" "$good" "$bad" "${#names[@]}" $((SECONDS - begin))
}

conclude() { # prints what failed, what was flaky, and the counts; fails when anything failed
  printf '\n'
  [ ${#failures[@]} -eq 0 ] || printf 'failed: %s\n' "${failures[@]}"
  [ ${#flaky[@]} -eq 0 ] || printf 'flaky: %s\n' "${flaky[@]}"
  printf '%s passed, %s failed\n' "$passed" "$failed"
  [ "$failed" -eq 0 ]
}
