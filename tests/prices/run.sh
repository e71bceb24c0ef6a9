#!/usr/bin/env bash
# Compares the built-in prices with LiteLLM's catalogue, as the package registry has it today.
# Differences are printed, and fail nothing; without a network it says that it was skipped.
set -euo pipefail
cd "$(dirname "$0")/../.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if ! python3 -m pip download --quiet --no-deps --only-binary :all: --dest "$work" litellm; then
  echo "SKIPPED: litellm cannot be had from the package registry"
  exit 0
fi
python3 - "$work" <<'PYTHON'
import glob, sys, zipfile

name = "litellm/model_prices_and_context_window_backup.json"
wheel, = glob.glob(sys.argv[1] + "/litellm-*.whl")
with zipfile.ZipFile(wheel) as files:
    files.extract(name, sys.argv[1])
PYTHON
LITELLM_CATALOGUE=$work/litellm/model_prices_and_context_window_backup.json \
  cargo test --quiet --all-features --lib usage::table::file::agreement -- --nocapture
