#!/usr/bin/env bash
# Installs what the build and the tests need on Debian 12. Does nothing when all of it is there.
#   tools/bootstrap.sh [--quiet]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
quiet=0
[ "${1:-}" = --quiet ] && quiet=1

packages=(
  clang-19 lld-19 clang-tidy-19 clang-format-19 libclang-rt-19-dev llvm-19 mold ccache ninja-build cmake
  libboost1.81-dev libboost-json1.81-dev librocksdb-dev libtomlplusplus-dev libcli11-dev libspdlog-dev libfmt-dev
  libgtest-dev libgmock-dev libbenchmark-dev wrk git curl ca-certificates procps chromium debootstrap zsh fish
)
command -v node > /dev/null && command -v npm > /dev/null || packages+=(nodejs npm)

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null | grep -qx installed || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  echo "installing ${#missing[@]} Debian packages: ${missing[*]}"
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo > /dev/null || { echo "run ./dev bootstrap as root, or install sudo" >&2; exit 1; }
    as_root=(sudo)
  fi
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
fi

# The lock's checksum beside the modules says what they were installed from.
stamp=node_modules/.limpet-lock
if [ "$(sha256sum < package-lock.json)" != "$(cat "$stamp" 2> /dev/null)" ]; then
  echo "installing npm packages"
  npm ci --loglevel=error > /dev/null  # Silent when all is well, and says why when it is not.
  sha256sum < package-lock.json > "$stamp"
fi
# Test data of the Web Platform Tests, which two Debian packages carry; they themselves need a Rust toolchain: unpacked alone.
if [ ! -f build/wpt/mime-types.json ]; then
  echo "fetching data of the Web Platform Tests"
  folder="$(mktemp -d)"
  (cd "$folder" && apt-get download -qq librust-url-dev librust-data-url-dev && for file in *.deb; do dpkg -x "$file" .; done)
  mkdir -p build/wpt
  cp "$folder"/usr/share/cargo/registry/{url-*/tests/{urltestdata,setters_tests},data-url-*/tests/{base64,mime-types}}.json build/wpt/
  rm -rf "$folder"
fi
[ "$quiet" = 1 ] || echo "ready: next, ./dev build"
