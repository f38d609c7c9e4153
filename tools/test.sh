#!/usr/bin/env bash
# ./dev test [asan|tsan] [--seeds N] [--rounds N] [FILTER]: builds, runs every test, sums up in the last line.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tools/common.sh

preset=release
seeds=10000
rounds=50
filter=""
while [ $# -gt 0 ]; do
  case "$1" in
    asan | tsan) preset="$1" ;;
    --seeds) seeds="$2"; shift ;;
    --rounds) rounds="$2"; shift ;;
    -*) echo "unknown flag: $1" >&2; exit 2 ;;
    *) filter="$1" ;;
  esac
  shift
done

passed=0
failed=0
failures=()
log="$(mktemp)"
trap 'rm -f "$log"' EXIT

wanted() { [[ "$1" == *"$filter"* ]]; }
add() {  # add NAME PASSED FAILED
  passed=$((passed + $2))
  failed=$((failed + $3))
  echo "$1: $2 passed, $3 failed"
  if [ "$3" -gt 0 ]; then failures+=("$1"); tail -n 60 "$log"; fi
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
    env ${preload:+LD_PRELOAD="$preload"} timeout 900 "$NODE" tests/host.cjs "$program" > "$log" 2>&1 || status=$?
  else
    timeout 900 "$program" > "$log" 2>&1 || status=$?
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
      timeout 1800 "$simulation" $arguments > "$log" 2>&1 || status=$?
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
  "$NODE" tools/check_tree.mjs > "$log" 2>&1 || status=$?
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
  trap 'rm -rf "$log" "$reports"' EXIT
  export LIMPET_BINARY="$PWD/tools/limpet_asan.sh" LIMPET_ASAN_REPORTS="$reports/report" LIMPET_SANITIZED=1
  rounds=$((rounds > 3 ? 3 : rounds))
  unset ASAN_OPTIONS UBSAN_OPTIONS LSAN_OPTIONS LD_LIBRARY_PATH
fi
# black_box COMMAND...: its output goes to the log, and what the sanitizers have to say.
black_box() {
  local status=0
  "$@" > "$log" 2>&1 || status=$?
  if [ "$preset" = asan ] && compgen -G "$LIMPET_ASAN_REPORTS*" > /dev/null; then
    cat "$LIMPET_ASAN_REPORTS"* >> "$log"
    rm -f "$LIMPET_ASAN_REPORTS"*
    status=99
  fi
  return "$status"
}
if [ "$preset" = release ] && wanted conformance; then
  status=0
  black_box timeout 900 "$NODE" tests/conformance/run.mjs --on workerd || status=$?
  add_summary "conformance on workerd" "$status"
fi
if [ "$preset" != tsan ] && wanted conformance; then
  status=0
  black_box timeout 900 "$NODE" tests/conformance/run.mjs --on limpet || status=$?
  add_summary "conformance on limpet" "$status"
fi
for file in "${system_tests[@]}"; do
  name="system $(basename "$file" .test.mjs)"
  wanted "$name" || continue
  status=0
  LIMPET_TEST_ROUNDS="$rounds" black_box timeout 1800 "$NODE" --test --test-force-exit --test-reporter=tap "$file" || status=$?
  good="$(sed -n 's/^# pass \([0-9]*\)$/\1/p' "$log" | tail -n 1)"
  bad="$(($(sed -n 's/^# fail \([0-9]*\)$/\1/p' "$log" | tail -n 1) + $(sed -n 's/^# cancelled \([0-9]*\)$/\1/p' "$log" | tail -n 1)))" || bad=1
  if [ "$status" -ne 0 ] && [ "${bad:-0}" -eq 0 ]; then bad=1; fi
  add "$name" "${good:-0}" "${bad:-1}"
done

[ ${#failures[@]} -eq 0 ] || printf 'failed: %s\n' "${failures[@]}"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
