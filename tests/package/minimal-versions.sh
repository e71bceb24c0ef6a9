#!/usr/bin/env bash
# Compiles the library with the lowest version of each dependency that Cargo.toml allows. Those of
# tests and benches are left out: no user has them. Needs cargo-hack.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/package/tools.sh

need_toolchain "$nightly"
# Beside the repository: cargo-hack takes lines out of Cargo.toml for a while, in which no other cargo may
# read it, and the lock file is another.
copy=$target/minimal
rm -rf "$copy"
mkdir -p "$copy"
cp Cargo.toml "$copy"
for name in README.md benches docs examples src tests; do
  ln -s "$PWD/$name" "$copy/$name"
done
cd "$copy"
cargo "+$nightly" hack check --no-dev-deps --all-features --lib --target-dir "$target/nightly" \
  -Z direct-minimal-versions
