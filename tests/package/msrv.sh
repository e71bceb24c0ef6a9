#!/usr/bin/env bash
# Compiles the library with the oldest Rust that Cargo.toml promises.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/package/tools.sh

rust=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
for file in README.md src/lib.rs; do
  grep -qF "$rust." "$file" || { echo "$file does not name Rust $rust, the minimum of Cargo.toml"; exit 1; }
done
need_toolchain "$rust"
cargo "+$rust" check --locked --all-features --lib --target-dir "$target/msrv"
