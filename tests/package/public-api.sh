#!/usr/bin/env bash
# Compares the public interface, all features on, with public-api.txt.
#
#   tests/package/public-api.sh            compares
#   tests/package/public-api.sh --update   writes the file: commit it with what changed it
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/package/tools.sh

mode=${1:---check}
case $mode in
  --check | --update) ;;
  *) echo "usage: $0 [--update]" >&2; exit 2 ;;
esac

need_toolchain "$nightly"
need_public_api
now=$target/public-api.txt
# What is derived is named by its `impl` alone; what pin-project-lite adds is not named.
derived='clone|fmt|eq|cmp|partial_cmp|hash<__H.*>|default|serialize<__S>|deserialize<__D>'
cargo "+$nightly" public-api --all-features --target-dir "$target/nightly" \
  --omit blanket-impls,auto-trait-impls |
  grep -vE "^impl<'__pin|StructuralPartialEq|^pub fn .*::($derived)\(" >"$now"

committed=tests/package/public-api.txt
if [ "$mode" = --update ]; then
  cp "$now" "$committed"
elif ! diff -U0 "$committed" "$now"; then
  echo "The public interface has changed. If that is meant: $0 --update"
  exit 1
fi
