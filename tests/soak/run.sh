#!/usr/bin/env bash
# Runs the soak for 20 minutes, or for as many seconds as the first argument says. Needs root, or a
# kernel that lets users have a namespace of their own, for a small disk that can be filled.
set -euo pipefail
cd "$(dirname "$0")/../.."

cargo build --release --quiet --example gateway --features full
export GATEWAY_BIN=${CARGO_TARGET_DIR:-target}/release/examples/gateway
export SOAK_SECONDS=${1:-1200}
case $GATEWAY_BIN in /*) ;; *) GATEWAY_BIN=$PWD/$GATEWAY_BIN ;; esac
soak=(cargo test --quiet --features full --test soak -- --nocapture)
if [ "$(id -u)" = 0 ]; then
  exec "${soak[@]}"
fi
exec unshare --map-root-user --mount "${soak[@]}"
