#!/usr/bin/env bash
# Checks the dependencies against deny.toml: licences, duplicate versions and sources, and advisories
# where their database can be fetched.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/package/tools.sh

need_deny
cargo deny --locked check --deny warnings licenses bans sources
if timeout 120 cargo deny fetch db; then
  cargo deny --locked check advisories
else
  echo 'SKIPPED: the database of advisories cannot be had'
fi
