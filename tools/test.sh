#!/usr/bin/env bash
# ./dev test [asan|tsan] [--seeds N] [--rounds N] [--minutes N] [FILTER]: builds, runs every test, sums up in the last line.
# A suite that hangs is cut and named; when the minutes (85, with the build) are over, what has not run yet counts as failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tools/common.sh

preset=release
seeds=10000
rounds=50
minutes=85
filter=""
while [ $# -gt 0 ]; do
  case "$1" in
    asan | tsan) preset="$1" ;;
    --seeds) seeds="$2"; shift ;;
    --rounds) rounds="$2"; shift ;;
    --minutes) minutes="$2"; shift ;;
    -*) echo "unknown flag: $1" >&2; exit 2 ;;
    *) filter="$1" ;;
  esac
  shift
done

readonly unit_seconds=600 suite_seconds=1500 simulation_seconds=1800
readonly test_ms=600000  # One test of a suite.
passed=0
failed=0
failures=()
log="$(mktemp)"
told="$(mktemp)"  # What the tests that failed said.
trap 'rm -f "$log" "$told"' EXIT

wanted() { [[ "$1" == *"$filter"* ]]; }
# bounded SECONDS COMMAND...: its output goes to the log; it is ended after so many seconds, or when all minutes are over.
begun=0
remark=""  # What is to be said of the suite that no test of it does.
bounded() {
  local seconds="$1" left=$((minutes * 60 - SECONDS)) status=0
  shift
  begun=$SECONDS
  remark=""
  if [ "$left" -le 0 ]; then
    remark="not run, the $minutes minutes are over"
    echo "$remark" > "$log"
    return 1
  fi
  if [ "$left" -lt "$seconds" ]; then seconds="$left"; fi
  timeout --kill-after=15 "$seconds" "$@" > "$log" 2>&1 || status=$?
  if [ "$status" -ne 0 ] && [ $((SECONDS - begun)) -ge "$seconds" ]; then remark="cut after $seconds s"; fi
  return "$status"
}
add() {  # add NAME PASSED FAILED
  passed=$((passed + $2))
  failed=$((failed + $3))
  echo "$1: $2 passed, $3 failed ($((SECONDS - begun)) s)"
  [ "$3" -gt 0 ] || return 0
  local names=() each
  mapfile -t names < <("$NODE" tools/failures.mjs "$log")
  [ -z "$remark" ] || names+=("($remark)")
  for each in "${names[@]:-(no test is named)}"; do failures+=("$1: $each"); done
  # What the failed tests said; a suite that was cut, or knows no names, said it last.
  {
    "$NODE" tools/failures.mjs "$log" 25 | head -n 100
    if [ -n "$remark" ] || [ ${#names[@]} -eq 0 ]; then tail -n 30 "$log"; fi
  } | sed "1i $1" | tee -a "$told"
}
# Takes the totals from a last line "N passed, N failed"; a program that died without one is one failure.
add_summary() {
  local last
  last="$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$log" | tail -n 1 || true)"
  if [[ "$last" =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
    local bad="${BASH_REMATCH[2]}"
    if [ "$2" -ne 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
    add "$1" "${BASH_REMATCH[1]}" "$bad"
  else
    add "$1" 0 1
  fi
}
# The totals of a GoogleTest program; tests that a crash kept from running count as failed.
add_gtest() {
  local all good
  all="$(sed -n 's/^\[==========\] Running \([0-9]*\) tests\?.*/\1/p' "$log" | head -n 1)"
  good="$(grep -c '^\[       OK \]' "$log" || true)"
  local skipped
  skipped="$(grep -c '^\[  SKIPPED \] .*ms)$' "$log" || true)"
  local bad=$((${all:-1} - good - skipped))
  if [ "$2" -ne 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
  add "$1" "$good" "$bad"
}

tools/bootstrap.sh --quiet
if ! build "$preset"; then
  echo "the build failed" >&2
  echo "0 passed, 1 failed"
  exit 1
fi

preload=""
if [ "$preset" = asan ]; then
  preload="$(clang++-19 -print-file-name=libclang_rt.asan-x86_64.so)"
  [ -f "$preload" ] || preload="$(clang++-19 -print-file-name=libclang_rt.asan.so)"
  export LD_LIBRARY_PATH="$(dirname "$preload")${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
  export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1
  export LSAN_OPTIONS="suppressions=$PWD/tools/lsan.supp:print_suppressions=0"
fi
if [ "$preset" = tsan ]; then
  export TSAN_OPTIONS="suppressions=$PWD/tools/tsan.supp halt_on_error=0 exitcode=66 second_deadlock_stack=1"
fi
# Node's own variables would reach the host: tests run without them.
unset NODE_OPTIONS NODE_PATH OPENSSL_CONF

while read -r program; do
  [ -n "$program" ] || continue
  name="$(basename "$program" .node)"
  wanted "$name" || continue
  [ "$preset" != tsan ] || [[ " ${TSAN_TARGETS[*]} " == *" $name "* ]] || continue
  status=0
  if [[ "$program" == *.node ]]; then
    bounded "$unit_seconds" env ${preload:+LD_PRELOAD="$preload"} "$NODE" tests/host.cjs "$program" || status=$?
  else
    bounded "$unit_seconds" "$program" || status=$?
  fi
  add_gtest "$name" "$status"
done < "build/$preset/unit_tests.txt"

simulation="$(find "build/$preset" -type f -name limpet_sim -perm -u+x | head -n 1)"
if [ "$preset" != tsan ] && wanted sim; then  # One thread.
  if [ "$preset" = asan ]; then
    seeds=$((seeds > 500 ? 500 : seeds))
    export ASAN_OPTIONS=detect_leaks=0  # A power cut leaves behind what was on its way from shard to shard.
  fi
  runs=("--seeds $seeds")
  [ "$preset" = asan ] || runs+=(--mutants)  # They tell of the tests, which are the same there.
  for arguments in "${runs[@]}"; do
    status=0
    if [ -n "$simulation" ]; then
      # shellcheck disable=SC2086
      bounded "$simulation_seconds" "$simulation" $arguments || status=$?
    else
      echo "there is no program limpet_sim in build/$preset" > "$log"
      status=1
    fi
    if grep -qE '^[0-9]+ passed, [0-9]+ failed$' "$log"; then
      add_summary "sim $arguments" "$status"
    else
      add "sim $arguments" $((status == 0 ? 1 : 0)) $((status == 0 ? 0 : 1))
    fi
  done
fi

if [ "$preset" != tsan ] && wanted layers; then
  status=0
  bounded "$unit_seconds" "$NODE" tools/check_tree.mjs || status=$?
  add_summary layers "$status"
fi

# Black-box tests drive the program. Under the sanitizers those of them that send it the most different things; a server
# says nothing on its output when a sanitizer ends it, so each suite's reports are looked for.
system_tests=()
if [ "$preset" = release ]; then
  system_tests=(tests/system/*.test.mjs)
elif [ "$preset" = asan ]; then
  for name in abuse deploy limits serve websocket; do system_tests+=("tests/system/$name.test.mjs"); done
  reports="$(mktemp -d)"
  trap 'rm -rf "$log" "$told" "$reports"' EXIT
  export LIMPET_BINARY="$PWD/tools/limpet_asan.sh" LIMPET_ASAN_REPORTS="$reports/report" LIMPET_SANITIZED=1
  rounds=$((rounds > 3 ? 3 : rounds))
  unset ASAN_OPTIONS UBSAN_OPTIONS LSAN_OPTIONS LD_LIBRARY_PATH
fi
# black_box COMMAND...: bounded, and what the sanitizers have to say goes to the log, too.
black_box() {
  local status=0
  bounded "$suite_seconds" "$@" || status=$?
  if [ "$preset" = asan ] && compgen -G "$LIMPET_ASAN_REPORTS*" > /dev/null; then
    cat "$LIMPET_ASAN_REPORTS"* | tee -a "$log" | head -n 30 >> "$told"
    rm -f "$LIMPET_ASAN_REPORTS"*
    remark="${remark:-a sanitizer reports}"
    status=99
  fi
  return "$status"
}
if [ "$preset" = release ] && wanted conformance; then
  status=0
  black_box "$NODE" tests/conformance/run.mjs --on workerd || status=$?
  add_summary "conformance on workerd" "$status"
fi
if [ "$preset" != tsan ] && wanted conformance; then
  status=0
  black_box "$NODE" tests/conformance/run.mjs --on limpet || status=$?
  add_summary "conformance on limpet" "$status"
fi
if [ "$preset" = release ] && wanted differential; then
  status=0
  black_box "$NODE" tests/differential/run.mjs --count 80 --seconds 45 || status=$?
  add_summary differential "$status"
fi
count() { sed -n "s/^# $1 \([0-9]*\)\$/\1/p" "$log" | tail -n 1 | grep . || echo 0; }  # A suite that was cut counts nothing.
for file in "${system_tests[@]}"; do
  name="system $(basename "$file" .test.mjs)"
  wanted "$name" || continue
  status=0
  LIMPET_TEST_ROUNDS="$rounds" black_box "$NODE" --test --test-force-exit --test-timeout="$test_ms" --test-reporter=tap "$file" || status=$?
  good="$(count pass)"
  bad=$(($(count fail) + $(count cancelled)))
  if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
  add "$name" "$good" "$bad"
done

# Who sees only the end of all this sees what failed, and what the first of them said.
if [ ${#failures[@]} -gt 0 ]; then
  echo
  head -n 40 "$told"
  printf 'failed: %s\n' "${failures[@]:0:30}"
  [ ${#failures[@]} -le 30 ] || echo "failed: and $((${#failures[@]} - 30)) more"
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
