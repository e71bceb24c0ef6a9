#!/usr/bin/env bash
# Builds the documentation as docs.rs does, where features are named beside what needs them.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/package/tools.sh

need_toolchain "$nightly"
RUSTDOCFLAGS='--cfg docsrs -D warnings' cargo "+$nightly" doc --locked --no-deps --all-features --lib \
  --target-dir "$target/nightly"
