#!/usr/bin/env bash
# Counts the instructions of exchanges (main.rs) under callgrind, and fails where one takes over 3 %
# more than in baseline.toml (the record of a log: 0.5 to 1 %), or where the two cannot be compared. Needs
# Linux; about 10 seconds after building, and once 2 minutes to build gungraun's runner.
#
#   benches/instructions/run.sh            compares
#   benches/instructions/run.sh --update   writes the baseline: commit it with what changed it
#   benches/instructions/run.sh --install  only installs what is missing
set -euo pipefail
cd "$(dirname "$0")/../.."

mode=${1:---check}
case $mode in
  --check | --update | --install) ;;
  *) echo "usage: $0 [--update | --install]" >&2; exit 2 ;;
esac

# The runner must be of the version of the library.
version=$(sed -n '/^name = "gungraun-runner"$/{n;s/^version = "\(.*\)"$/\1/p}' Cargo.lock)
export PATH=${CARGO_HOME:-$HOME/.cargo}/bin:$PATH

missing=()
command -v valgrind >/dev/null || missing+=(valgrind)
command -v python3 >/dev/null || missing+=(python3)
if [ ${#missing[@]} -gt 0 ]; then
  command -v apt-get >/dev/null || { echo "please install: ${missing[*]}" >&2; exit 1; }
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}"
fi
[ "$(gungraun-runner --version 2>/dev/null)" = "gungraun-runner $version" ] ||
  cargo install --locked --quiet gungraun-runner --version "$version"
[ "$mode" != --install ] || exit 0

counts=$(mktemp)
trap 'rm -f "$counts"' EXIT
# With the features of `cargo build --release --benches --all-features`, so nothing is built twice.
cargo bench --quiet --locked --all-features --bench instructions -- --output-format=json >"$counts"
python3 benches/instructions/compare.py "$mode" benches/instructions/baseline.toml "$counts"
