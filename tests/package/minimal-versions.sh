#!/usr/bin/env bash
# Compiles the library with the lowest version of each dependency that Cargo.toml allows. Those of
# tests and benches are left out: no user has them. Needs cargo-hack.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/package/tools.sh

need_toolchain "$nightly"
# The lock file of the repository stays as it is.
mkdir -p "$target/minimal"
rm -f "$target/minimal/Cargo.lock"
CARGO_RESOLVER_LOCKFILE_PATH=$target/minimal/Cargo.lock cargo "+$nightly" hack check --no-dev-deps \
  --all-features --lib --target-dir "$target/nightly" -Z direct-minimal-versions
