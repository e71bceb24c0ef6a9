#!/usr/bin/env bash
# Everything that can be tested, installing what is missing: first all is built, in two lanes, then all
# is run. A line per step; the log of a step that fails is printed whole.
set -euo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-target}
logs=$target/run-logs
mkdir -p "$logs"

# step [-p PATTERN] NAME COMMAND...: runs it, and shows the lines of its log that match.
step() {
  local pattern= name log found= started=$SECONDS
  if [ "$1" = -p ]; then pattern=$2; shift 2; fi
  name=$1
  shift
  log="$logs/${name// /-}.log"
  if "$@" >"$log" 2>&1; then
    [ -z "$pattern" ] || found=$(grep -hE "$pattern" "$log" | sed 's/^/     /' || true)
    # At once, for another lane prints as well.
    printf 'ok   %-34s %4d s\n%s' "$name" $((SECONDS - started)) "${found:+$found$'\n'}"
  else
    printf 'FAIL %-34s %4d s\n%s\n' "$name" $((SECONDS - started)) "$(cat "$log")"
    exit 1
  fi
}

# Shows the results of the tests as well.
tested() { step -p '^test result: |^[0-9]+ passed, ' "$@"; }

# Says where it has left something out, or found something that fails nothing.
lenient() { step -p '^(DIFFERS|SKIPPED)|prices are the same' "$@"; }

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

# What is built in directories of its own, or not at all. Much of a build is one thread's work, so two of
# them side by side take less time than one after the other.
elsewhere() {
  lenient 'docs as on docs.rs' tests/package/docsrs.sh
  lenient 'public interface' tests/package/public-api.sh
  lenient 'lowest versions' tests/package/minimal-versions.sh
  lenient 'oldest Rust' tests/package/msrv.sh
  lenient 'dependencies' tests/package/deny.sh
  step 'packages of the SDKs' tests/sdk/run.sh --install
  step 'packages for the dashboard' tests/dashboard/run.sh --install
  tested 'models under loom' env RUSTFLAGS='--cfg loom' cargo test --release --lib \
    --manifest-path tests/loom/Cargo.toml --target-dir "$target/loom"
  # The other benches are checked by the lints: they are not run here, and each takes as long to link as this one.
  step 'release build' cargo build --release --all-features --bench instructions
}

step 'install tools' install_tools
step 'format' cargo fmt --all -- --check

# A process group of its own, so that it can be ended with all that it has started.
set -m
elsewhere </dev/null &
elsewhere=$!
set +m
trap 'kill -- -"$elsewhere" 2>/dev/null || true' EXIT

step 'lints' cargo clippy --all-targets --all-features -- -D warnings
step 'docs' env RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --all-features
# By clippy, for flags of rustc would have all dependencies checked once more.
step 'each feature alone' cargo hack clippy --each-feature --exclude-all-features --exclude-features full --lib -- -D warnings
step 'build of the tests' cargo test --all-features --no-run
step 'build of the example' cargo build --all-features --example gateway
step 'build without features' cargo test --no-default-features --lib --test it --no-run
step 'build of control alone' cargo test --no-default-features --features control --lib --test it --no-run
step 'build of config alone' cargo test --no-default-features --features config --lib --no-run
step 'build of the example by default' cargo test --example gateway --no-run

wait "$elsewhere" || exit 1
trap - EXIT

# From here on nothing is compiled: tests that keep time have the machine to themselves.
GATEWAY_BIN=$(realpath "$target/debug/examples/gateway")
export GATEWAY_BIN
lenient 'prices against the catalogue' tests/prices/run.sh
tested 'tests' cargo test --all-features
tested 'tests without features' cargo test --no-default-features --lib --test it
tested 'tests of control alone' cargo test --no-default-features --features control --lib --test it
tested 'tests of config alone' cargo test --no-default-features --features config --lib -- config:: settings::
tested 'example by default' cargo test --example gateway
tested 'official SDKs' tests/sdk/run.sh "$GATEWAY_BIN"
tested 'dashboard in Chromium' tests/dashboard/run.sh "$GATEWAY_BIN"
# Last, for it also fails where tools are of other versions than those of the baseline.
step 'instructions' benches/instructions/run.sh
