#!/usr/bin/env bash
# What depending on the crate costs to build: crates, and the time of a cold debug build, for the
# default features and for each one alone. Prints a Markdown table. About 8 minutes on 2 cores.
set -euo pipefail
cd "$(dirname "$0")/../.."

scratch=$(mktemp -d "${CARGO_TARGET_DIR:-target}/build-cost.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
TIMEFORMAT='%1R %1U %1S'
cargo fetch --quiet --locked

crates() {
  # The crate itself does not count.
  cargo tree --locked --edges normal,build --prefix none "$@" | sed 's/ (\*)$//' | sort -u | grep -vc '^tower-ai-gateway '
}

row() {
  local name=$1 real user system
  shift
  rm -rf "$scratch/target"
  read -r real user system < <({ time cargo build --quiet --locked --lib --target-dir "$scratch/target" "$@" >&2; } 2>&1 | tail -1)
  awk -v name="$name" -v crates="$(crates "$@")" -v real="$real" -v cpu="$user $system" \
    'BEGIN { split(cpu, parts, " "); printf "| %s | %d | %.0f s | %.0f s |\n", name, crates, real, parts[1] + parts[2] }'
}

echo '| features | crates | cold build | CPU |'
echo '|---|---:|---:|---:|'
row none --no-default-features
row '`default`'
for feature in client tls-aws-lc-rs tls-ring control config decompression jwt metrics otel log log-sqlite \
  prices proxy reqwest testing; do
  row "\`$feature\` alone" --no-default-features --features "$feature"
done
row '`full` and the default' --features full
