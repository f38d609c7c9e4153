#!/usr/bin/env bash
# ./dev fuzz NAME [--seconds N]: builds tests/fuzz/NAME_fuzz.cc with libFuzzer and runs it on its corpus (default 60 s).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tools/common.sh
name="${1:-}"
seconds=60
[ "${2:-}" = --seconds ] && seconds="$3"
if [ ! -f "tests/fuzz/${name}_fuzz.cc" ]; then
  echo "which decoder? one of:" >&2
  for file in tests/fuzz/*_fuzz.cc; do basename "$file" _fuzz.cc >&2; done
  exit 2
fi
tools/bootstrap.sh --quiet
[ -f build/asan/build.ninja ] || cmake --preset asan > /dev/null
ninja -C build/asan --quiet "fuzz_$name"
mkdir -p build/asan/fuzz-corpus/"$name" build/asan/fuzz-found
# What it finds interesting stays in the build folder; what crashes is kept by hand, under a name, in tests/fuzz/corpus.
ASAN_OPTIONS=detect_leaks=0 exec "build/asan/tests/fuzz/fuzz_$name" -max_total_time="$seconds" \
  -artifact_prefix=build/asan/fuzz-found/ "build/asan/fuzz-corpus/$name" "tests/fuzz/corpus/$name"
