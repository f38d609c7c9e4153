#!/usr/bin/env bash
# ./dev check [--all]: format, lint, layers, file sizes, wording. Lint looks at changed files unless --all.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tools/common.sh
tools/bootstrap.sh --quiet || exit 1
failed=0

mapfile -t sources < <(git ls-files --cached --others --exclude-standard -- '*.cc' '*.h' | sort -u)
existing=()
for file in "${sources[@]}"; do [ -f "$file" ] && existing+=("$file"); done
clang-format-19 --dry-run --Werror "${existing[@]}" || failed=1

if [ "${1:-}" = --all ]; then
  lint=("${existing[@]}")
else
  mapfile -t lint < <({ git diff --name-only HEAD -- '*.cc'; git ls-files --others --exclude-standard -- '*.cc'; } | sort -u)
fi
[ -f build/release/compile_commands.json ] || cmake --preset release > /dev/null || failed=1
compiled=()
for file in "${lint[@]}"; do
  [ -f "$file" ] && grep -qF "/$file\"" build/release/compile_commands.json && compiled+=("$file")
done
if [ ${#compiled[@]} -gt 0 ]; then
  "$NODE" tools/lint.mjs "${compiled[@]}" || failed=1
fi

"$NODE" tools/check_tree.mjs || failed=1
[ "$failed" -eq 0 ] && echo "check: all well"
exit "$failed"
