#!/usr/bin/env bash
# The short loop while you work: format, lints and unit tests. tests/run.sh is what a change must pass.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo fmt --all -- --check
cargo clippy --quiet --all-targets --all-features -- -D warnings
cargo test --quiet --all-features --lib
