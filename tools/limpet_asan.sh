#!/usr/bin/env bash
# limpet as the asan preset built it, for tests that drive the program (LIMPET_BINARY). What the sanitizers report goes
# to files LIMPET_ASAN_REPORTS.PID: a core that they end is started again, and its test may pass all the same.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
runtime="$(clang++-19 -print-file-name=libclang_rt.asan-x86_64.so)"
[ -f "$runtime" ] || runtime="$(clang++-19 -print-file-name=libclang_rt.asan.so)"
export LD_PRELOAD="$runtime" LD_LIBRARY_PATH="$(dirname "$runtime")${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
export ASAN_OPTIONS="detect_leaks=1:log_path=$LIMPET_ASAN_REPORTS"
export UBSAN_OPTIONS="print_stacktrace=1:log_path=$LIMPET_ASAN_REPORTS"
export LSAN_OPTIONS="suppressions=$root/tools/lsan.supp:print_suppressions=0"
exec "$root/build/asan/limpet" "$@"
