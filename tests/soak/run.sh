#!/usr/bin/env bash
# Runs the soak for 20 minutes, or for as many seconds as the first argument says. As root it has a
# small disk that is filled; else something takes the log's place from time to time.
set -euo pipefail
cd "$(dirname "$0")/../.."

cargo build --release --quiet --example gateway --features full
export GATEWAY_BIN=${CARGO_TARGET_DIR:-target}/release/examples/gateway
export SOAK_SECONDS=${1:-1200}
case $GATEWAY_BIN in /*) ;; *) GATEWAY_BIN=$PWD/$GATEWAY_BIN ;; esac
exec cargo test --quiet --features full --test soak -- --nocapture
