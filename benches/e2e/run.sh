#!/usr/bin/env bash
# Measures the example gateway beside a bare hyper proxy, nginx and the crate axum-reverse-proxy, and
# writes docs/performance.md and docs/performance.svg. About 12 minutes after building, and 10 more at
# most where others disturb it. Needs Linux with two idle cores: one for the server under test
# (server_core=1), one for the load and the upstream (load_core=0).
#
#   benches/e2e/run.sh                  some loads
#   benches/e2e/run.sh --all            all loads: about 40 minutes; writes docs/performance-all.md and its plot
#   benches/e2e/run.sh scale            many open streams, and several threads: about 12 minutes
#   benches/e2e/run.sh only=events-50 rounds=1 repeats=0 window_ms=300 page=FILE plot=FILE     to try it
#
# `only=` has parts of names of loads with commas between, such as json-1/http1/64, tls or own-route (that of an
# axum app), `targets=` parts of titles of targets, such as SQLite or everything. FILE is a copy of the page.
set -euo pipefail
cd "$(dirname "$0")/../.."

target=${CARGO_TARGET_DIR:-target}
scratch=$target/e2e
peer=benches/e2e/peers/axum-reverse-proxy/Cargo.toml
mkdir -p "$scratch"

missing=()
command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || missing+=(nginx-light)
command -v taskset >/dev/null && command -v setpriv >/dev/null || missing+=(util-linux)
if [ ${#missing[@]} -gt 0 ]; then
  command -v apt-get >/dev/null || { echo "please install: ${missing[*]}"; exit 1; }
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}"
fi

# One program for each choice of features, so each is put aside.
cargo build --release --example gateway
cp "$target/release/examples/gateway" "$scratch/gateway"
cargo build --release --example gateway --features metrics
cp "$target/release/examples/gateway" "$scratch/gateway-metered"
cargo build --release --example gateway --features log-sqlite
cp "$target/release/examples/gateway" "$scratch/gateway-logged"
cargo build --release --example gateway --features full
cp "$target/release/examples/gateway" "$scratch/gateway-full"
cargo build --release --locked --manifest-path "$peer" --target-dir "$scratch/peers"

run=compare page=docs/performance
if [ "${1-}" = scale ]; then
  run=scale
  shift
fi
# Wherever it stands, so that it never writes over the page of the other loads.
case " $* " in *" --all "*) page=docs/performance-all ;; esac

ulimit -n "$(ulimit -Hn)"
# Where a name is there twice, the first one counts.
exec cargo bench --features full --bench e2e -- "$run" "$@" \
  only= targets= streams=9500 http2_streams=15000 rounds=5 repeats=200 warm_up_ms=250 window_ms=1000 \
  server_core=1 load_core=0 nginx="$(PATH=$PATH:/usr/sbin command -v nginx)" \
  gateway="$scratch/gateway" gateway_metered="$scratch/gateway-metered" gateway_full="$scratch/gateway-full" \
  gateway_logged="$scratch/gateway-logged" \
  axum_reverse_proxy="$scratch/peers/release/axum-reverse-proxy-peer" \
  scratch="$scratch" page="$page.md" plot="$page.svg"
