#!/usr/bin/env bash
# Looks at the dashboard with a real, headless Chromium, and clicks on it.
#
#   tests/dashboard/run.sh [GATEWAY_BINARY]
#   tests/dashboard/run.sh --install          only installs what is missing
#
# Needs node 20, npm and Chromium (Debian's package, which is installed where it is missing).
# Without a binary, builds the example. Screenshots are left in ${CARGO_TARGET_DIR:-target}/dashboard,
# and in $CI_ARTIFACTS/dashboard where that variable is set. The last line is always
# "N passed, M failed"; the exit code is 0 only if something ran and nothing failed.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

quietly() {
    "$@" >"$log" 2>&1 || {
        tail -n 30 "$log"
        echo "could not run: $*"
        echo "0 passed, 1 failed"
        exit 1
    }
}

install_chromium() {
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium
}

command -v chromium >/dev/null || quietly install_chromium
stamp=$here/node_modules/.stamp
hash=$(cat "$here/package.json" "$here/package-lock.json" | sha256sum)
if [[ ! -f $stamp || $(cat "$stamp") != "$hash" ]]; then
    (cd "$here" && quietly timeout 300 npm ci --no-audit --no-fund --ignore-scripts)
    echo "$hash" >"$stamp"
fi
[[ ${1:-} != --install ]] || exit 0

gateway=${1:-}
if [[ -z $gateway ]]; then
    (cd "$root" && quietly cargo build --release --example gateway --features full)
    gateway=$target/release/examples/gateway
fi
gateway=$(realpath "$gateway")

# Loopback must not go through a proxy.
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
pictures=$target/dashboard
rm -rf "$pictures"
mkdir -p "$pictures"

status=0
timeout 180 node "$here/suite.mjs" "$gateway" "$(command -v chromium)" "$pictures" >"$log" 2>&1 || status=$?
if [[ -n ${CI_ARTIFACTS:-} ]]; then
    mkdir -p "$CI_ARTIFACTS/dashboard"
    cp "$pictures"/*.png "$CI_ARTIFACTS/dashboard/" 2>/dev/null || true
fi
cat "$log"
if [[ $(tail -n 1 "$log") != *" passed, "*" failed" ]]; then
    echo "the suite did not run to its end (exit code $status)"
    echo "0 passed, 1 failed"
    exit 1
fi
exit "$status"
