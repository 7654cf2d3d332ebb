#!/usr/bin/env bash
# Make a virtual environment, or bring it up to date, with exactly the packages of a lock file.
#
#   scripts/make_venv.sh DIR LOCK PYTHON
#
# PYTHON may be empty: the Makefile found none that is new enough.
set -euo pipefail

dir=$1 lock=$2 python=$3

if [ -z "$python" ]; then
    cat >&2 <<'HINT'
Clarion needs Python 3.11 or later, and none was found as python3.13, python3.12, python3.11 or python3.
  Debian, Ubuntu:  sudo apt-get install python3 python3-venv
  macOS:           brew install python@3.13
  elsewhere:       make PYTHON=/path/to/python3 ...
HINT
    exit 1
fi

# An environment whose interpreter has gone, or whose making was interrupted, is made again.
if ! "$dir/bin/python" -m pip --version >/dev/null 2>&1; then
    echo "Making $dir with $("$python" --version)"
    rm -rf "$dir"
    if ! log=$("$python" -m venv "$dir" 2>&1); then
        rm -rf "$dir"
        printf '%s\n' "$log" >&2
        cat >&2 <<HINT

$python cannot make virtual environments.
  Debian, Ubuntu:  sudo apt-get install python3-venv
  elsewhere:       install Python with its modules venv and ensurepip, or make PYTHON=/path/to/python3 ...
HINT
        exit 1
    fi
fi

echo "Installing $lock into $dir"
"$dir/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --require-hashes --requirement "$lock"
