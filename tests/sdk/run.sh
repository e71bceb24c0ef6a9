#!/usr/bin/env bash
# Runs real client libraries against the gateway, with a scripted provider behind it.
#
#   tests/sdk/run.sh [-v] [GATEWAY_BINARY]
#   tests/sdk/run.sh --install               only installs what is missing
#
# All of it runs at a gateway without settings, to which clients bring their own keys (the mode
# `open`). What is basic runs at gateways from a settings file too:
#
#   token   clients show a token in `cf-aig-authorization`, beside their own keys
#   stored  clients show the token alone, and the gateway has the keys
#   rest    the token is the client's API key, on the REST routes; the gateway has the keys
#
# At last the libraries of several providers are asked what a call has used, and the gateway's log
# must say the same (`usage_suite.py`, which starts its own gateway and providers), and whether they can
# tell an answer from its cache (`cache_suite.py`, likewise).
#
# Needs python3 (with venv), node 20, npm and curl. The last line is always
# "N passed, M failed"; the exit code is 0 only if something ran and nothing failed.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
verbose=0
if [[ ${1:-} == -v ]]; then
    verbose=1
    shift
fi
gateway=${1:-$here/../../target/release/examples/gateway}
work=$(mktemp -d)
python=$here/.venv/bin/python
passed=0
failed=0
pids=()

# gone PID: whether the process ends within five seconds.
gone() {
    for _ in {1..50}; do
        kill -0 "$1" 2>/dev/null || return 0
        sleep 0.1
    done
    return 1
}

stop() {
    local pid
    for pid in "${pids[@]}"; do
        kill "$pid" 2>/dev/null || true
    done
    for pid in "${pids[@]}"; do
        gone "$pid" || kill -9 "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap stop EXIT
trap 'exit 130' INT TERM

give_up() {
    echo "$1" >&2
    if [[ -n ${2:-} && -s $2 ]]; then
        tail -n 30 "$2" >&2
    fi
    echo "$passed passed, $((failed + 1)) failed"
    exit 1
}

# install STAMP FILE... -- COMMAND: runs the command unless the files are as at the last time.
install() {
    local stamp=$1 files=() hash
    shift
    while [[ $1 != -- ]]; do
        files+=("$1")
        shift
    done
    shift
    hash=$(cat "${files[@]}" | sha256sum | cut -d' ' -f1)
    if [[ -f $stamp && $(cat "$stamp") == "$hash" ]]; then
        return
    fi
    "$@" >"$work/install" 2>&1 || give_up "installation failed: $*" "$work/install"
    echo "$hash" >"$stamp"
}

python_packages() {
    timeout 120 python3 -m venv --clear "$here/.venv" &&
        timeout 300 "$python" -m pip install --quiet --disable-pip-version-check \
            -r "$here/requirements.txt"
}

node_packages() {
    (cd "$here" && timeout 300 npm ci --no-audit --no-fund --ignore-scripts)
}

start() {
    local log=$1
    shift
    "$@" >"$log" 2>&1 &
    pids+=($!)
}

# wait_for WHAT LOG COMMAND: polls for ten seconds.
wait_for() {
    local what=$1 log=$2
    shift 2
    for _ in {1..100}; do
        if "$@" >/dev/null 2>&1; then
            return
        fi
        sleep 0.1
    done
    give_up "$what did not come up" "$log"
}

port_of() {
    "$python" -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' \
        "$work/ports" "$1"
}

free_port() {
    "$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

suite() {
    local name=$SDK_MODE\ $1 out=$work/$SDK_MODE-$1.out good=0 bad=0 seconds=? status=0
    shift
    # In the background, so that an interrupt does not wait for its end.
    start "$out" timeout --kill-after=5 200 "$@"
    wait "${pids[-1]}" || status=$?
    unset 'pids[-1]'
    if [[ $(tail -n 1 "$out") =~ ^RESULT\ ([0-9]+)\ ([0-9]+)\ ([0-9.]+)$ ]]; then
        good=${BASH_REMATCH[1]} bad=${BASH_REMATCH[2]} seconds=${BASH_REMATCH[3]}
        sed -i '$d' "$out"
    fi
    if ((bad == 0 && (status != 0 || good == 0))); then
        bad=1
        echo "FAIL $name did not run to its end (exit code $status)" >>"$out"
    fi
    passed=$((passed + good))
    failed=$((failed + bad))
    echo "$name: $good passed, $bad failed ($seconds s)"
    if ((verbose || bad)); then
        sed 's/^/    /' "$out"
    fi
}

# suites MODE GATEWAY_NAME BASE_URL
suites() {
    export SDK_MODE=$1 SDK_GATEWAY_NAME=$2 SDK_GATEWAY=$3
    suite openai-python "$python" "$here/openai_suite.py"
    suite anthropic-python "$python" "$here/anthropic_suite.py"
    suite openai-node node "$here/openai_suite.mjs"
    suite anthropic-node node "$here/anthropic_suite.mjs"
    suite curl "$python" "$here/curl_suite.py"
}

# check WHAT COMMAND: one more test.
check() {
    local what=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL $what"
    fi
}

# hides TEXT FILE...: whether the text is in none of the files.
hides() {
    local status=0
    grep --quiet --fixed-strings --regexp="$1" "${@:2}" || status=$?
    ((status == 1))
}

settings() {
    local name hash
    hash=$(printf %s "$SDK_TOKEN" | sha256sum | cut -d' ' -f1)
    for name in grok openai anthropic; do
        echo "[providers.$name]"
        echo "base_url = \"http://127.0.0.1:$(port_of "$name")/v1\""
    done
    cat <<END

[gateways.gw-token]
account = "$SDK_ACCOUNT"
require_credentials = true
tokens = [{ sha256 = "$hash" }]

[gateways.gw-stored]
account = "$SDK_ACCOUNT"
tokens = [{ env = "OLD_TOKEN" }, { sha256 = "$hash" }]
keys = [
  { provider = "grok", env = "GROK_KEY" },
  { provider = "openai", env = "OPENAI_KEY" },
  { provider = "anthropic", env = "ANTHROPIC_KEY" },
]

[[gateways.gw-stored.routes]]
name = "support"
start = "plan"
[gateways.gw-stored.routes.nodes]
plan = { type = "conditional", condition = { "metadata.plan" = { eq = "paid" } }, true = "big", false = "small" }
big = { type = "model", provider = "openai", model = "gpt-big" }
small = { type = "model", provider = "grok", model = "grok-small" }

[[gateways.gw-stored.routes]]
name = "steady"
version = "2"
start = "first"
[gateways.gw-stored.routes.nodes]
first = { type = "model", provider = "grok", model = "grok-503", fallback = "second" }
second = { type = "model", provider = "openai", model = "gpt-test" }
END
}

violations() {
    curl --silent --max-time 5 "http://127.0.0.1:$SDK_CONTROL/_violations"
}

[[ -x $python ]] || rm -f "$here/.venv/.stamp"
[[ -d $here/node_modules ]] || rm -f "$here/node_modules/.stamp"
install "$here/.venv/.stamp" "$here/requirements.txt" -- python_packages
install "$here/node_modules/.stamp" "$here/package.json" "$here/package-lock.json" -- node_packages
[[ $gateway != --install ]] || exit 0

[[ -x $gateway ]] || give_up "no gateway binary at $gateway"
gateway=$(cd "$(dirname "$gateway")" && pwd)/$(basename "$gateway")

# Loopback must not go through a proxy, and no key of the user's may take part.
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
unset "${!OPENAI_@}" "${!ANTHROPIC_@}" "${!GROQ_@}" "${!MISTRAL_@}" "${!CO_@}" "${!GOOGLE_@}" "${!GEMINI_@}" "${!CEREBRAS_@}"
export PYTHONDONTWRITEBYTECODE=1 SDK_VERBOSE=$verbose
export SDK_ACCOUNT=acct-t1
export SDK_GROK_KEY=test-key-grok SDK_OPENAI_KEY=test-key-openai SDK_ANTHROPIC_KEY=test-key-anthropic
export SDK_TOKEN=test-gateway-token SDK_UNUSED_KEY=test-key-unused

start "$work/upstream.log" "$python" "$here/upstream.py" --ready "$work/ports" \
    --id "$SDK_ACCOUNT" --id gw-t1 --id gw-token --id gw-stored \
    --secret "$SDK_TOKEN" --secret "$SDK_UNUSED_KEY" \
    "grok=$SDK_GROK_KEY" "openai=$SDK_OPENAI_KEY" "anthropic=$SDK_ANTHROPIC_KEY"
wait_for "the stand-in provider" "$work/upstream.log" test -s "$work/ports"
SDK_CONTROL=$(port_of control)
export SDK_CONTROL
open=127.0.0.1:$(free_port)
start "$work/gateway.log" "$gateway" --listen "$open" \
    --provider "grok=http://127.0.0.1:$(port_of grok)/v1" \
    --provider "openai=http://127.0.0.1:$(port_of openai)/v1"
wait_for "the gateway" "$work/gateway.log" curl --fail --silent --max-time 2 "http://$open/healthz"
settings >"$work/gateway.toml"
set_up=127.0.0.1:$(free_port)
start "$work/gateway-config.log" env GROK_KEY="$SDK_GROK_KEY" OPENAI_KEY="$SDK_OPENAI_KEY" \
    ANTHROPIC_KEY="$SDK_ANTHROPIC_KEY" OLD_TOKEN=test-gateway-token-of-before \
    "$gateway" --listen "$set_up" --config "$work/gateway.toml"
wait_for "the gateway with settings" "$work/gateway-config.log" \
    curl --fail --silent --max-time 2 "http://$set_up/healthz"

suites open gw-t1 "http://$open"
suites token gw-token "http://$set_up"
suites stored gw-stored "http://$set_up"
suites rest gw-stored "http://$set_up"
SDK_MODE=usage suite python "$python" "$here/usage_suite.py" "$gateway"
SDK_MODE=cache suite all "$python" "$here/cache_suite.py" "$gateway"

# The gateways are the last processes that were started.
gateways=("${pids[@]: -2}")
kill "${gateways[@]}" 2>/dev/null || true
for pid in "${gateways[@]}"; do
    check "a gateway was still running five seconds after SIGTERM" gone "$pid"
done
for secret in "$SDK_TOKEN" "$SDK_GROK_KEY" "$SDK_OPENAI_KEY" "$SDK_ANTHROPIC_KEY"; do
    check "a gateway's log shows $secret" hides "$secret" "$work"/gateway{,-config}.log
done

found=$(violations || true)
if [[ $found != "[]" ]]; then
    failed=$((failed + 1))
    echo "FAIL the provider saw what it must not see: ${found:-no answer from the stand-in}"
fi
if ((failed)); then
    for log in "$work"/gateway{,-config}.log; do
        echo "last lines of $(basename "$log"):"
        tail -n 20 "$log" | sed 's/^/    /'
    done
fi
echo "$passed passed, $failed failed"
((passed > 0 && failed == 0))
