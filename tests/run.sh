#!/usr/bin/env bash
# Everything that can be tested, installing what is missing. A line per step; the log of a step
# that fails is printed whole.
set -euo pipefail
cd "$(dirname "$0")/.."

logs=${CARGO_TARGET_DIR:-target}/run-logs
mkdir -p "$logs"

step() {
  local name=$1 log started=$SECONDS
  shift
  log="$logs/${name// /-}.log"
  if "$@" >"$log" 2>&1; then
    printf 'ok   %-34s %4d s\n' "$name" $((SECONDS - started))
  else
    printf 'FAIL %-34s %4d s\n' "$name" $((SECONDS - started))
    cat "$log"
    exit 1
  fi
}

# Runs as a step and shows the results of the tests as well.
tested() {
  step "$@"
  grep -hE '^test result: |^[0-9]+ passed, ' "$logs/${1// /-}.log" | sed 's/^/     /'
}

# Runs as a step that says where it has left something out, or found something that fails nothing.
lenient() {
  step "$@"
  grep -hE '^(DIFFERS|SKIPPED)|prices are the same' "$logs/${1// /-}.log" | sed 's/^/     /' || true
}

install_tools() {
  local missing=()
  command -v python3 >/dev/null && python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3 python3-venv)
  command -v node >/dev/null || missing+=(nodejs)
  command -v npm >/dev/null || missing+=(npm)
  command -v curl >/dev/null || missing+=(curl)
  command -v cc >/dev/null || missing+=(build-essential)
  command -v chromium >/dev/null || missing+=(chromium)
  command -v nginx >/dev/null || missing+=(nginx-light)
  command -v redis-server >/dev/null || missing+=(redis-server)
  if [ ${#missing[@]} -gt 0 ]; then
    command -v apt-get >/dev/null || { echo "please install: ${missing[*]}"; return 1; }
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}"
  fi
  cargo hack --version >/dev/null 2>&1 || cargo install --locked --quiet cargo-hack --version 0.6.46
  benches/instructions/run.sh --install
}

step 'install tools' install_tools
step 'format' cargo fmt --all -- --check
step 'lints' cargo clippy --all-targets --all-features -- -D warnings
step 'docs' env RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --all-features
lenient 'docs as on docs.rs' tests/package/docsrs.sh
lenient 'public interface' tests/package/public-api.sh
lenient 'dependencies' tests/package/deny.sh
lenient 'oldest Rust' tests/package/msrv.sh
lenient 'lowest versions' tests/package/minimal-versions.sh
lenient 'prices against the catalogue' tests/prices/run.sh
step 'each feature alone' env RUSTFLAGS='-D warnings' \
  cargo hack check --each-feature --no-dev-deps --target-dir "${CARGO_TARGET_DIR:-target}/hack"
tested 'tests' cargo test --all-features
tested 'tests without features' cargo test --no-default-features --lib --test it
tested 'tests of control alone' cargo test --no-default-features --features control --lib --test it
tested 'tests of config alone' cargo test --no-default-features --features config --lib -- config:: settings::
tested 'limits under loom' env RUSTFLAGS='--cfg loom' cargo test --release --lib \
  --manifest-path tests/loom/Cargo.toml --target-dir "${CARGO_TARGET_DIR:-target}/loom"
tested 'example by default' cargo test --example gateway
step 'benches and examples build' cargo build --release --benches --examples --all-features
tested 'official SDKs' tests/sdk/run.sh "${CARGO_TARGET_DIR:-target}/release/examples/gateway"
tested 'dashboard in Chromium' tests/dashboard/run.sh "${CARGO_TARGET_DIR:-target}/release/examples/gateway"
# Last, for it also fails where tools are of other versions than those of the baseline.
step 'instructions' benches/instructions/run.sh
