#!/usr/bin/env bash
# Write requirements/*.txt: every package the project installs, by exact version and hash.
#
#   scripts/lock.sh [--upgrade | --upgrade-package NAME ...]
#
# The files hold for Python 3.11 and later on every platform, and name no registry: the installer's own
# configuration decides where packages come from. Without arguments versions move only where pyproject.toml
# demands it. Needs .venv (it brings uv).
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
unset PIP_FIND_LINKS UV_FIND_LINKS # a folder of wheels on one machine must not shape a lock for all

compile() { # NAME, then arguments of `uv pip compile`
    local output=requirements/$1.txt
    shift
    .venv/bin/uv pip compile --quiet --no-config \
        --universal --python-version 3.11 --generate-hashes \
        --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
        --no-emit-package clarion-client --no-emit-package clarion-server \
        --output-file "$output" "$@"
    if grep -nE '://|^-' "$output"; then
        echo "lock: $output names a place; see the lines above" >&2
        exit 1
    fi
}

mkdir -p requirements
# dev first: the others are parts of it and must agree with it.
compile dev pyproject.toml --group build --group dev "$@"
compile server pyproject.toml --constraint requirements/dev.txt
compile build --group build --constraint requirements/dev.txt
compile codegen --group codegen "$@"
