#!/usr/bin/env bash
# Generate the Python code of every file in protos/.
#
#   scripts/codegen.sh OUT_DIR
#
# OUT_DIR is the folder that holds the package `clarion`: clients/python to renew what is committed,
# any other one to compare with it. Needs .venv-codegen (the Makefile makes it). Only the folders of the packages are
# touched (clarion/v1, clarion/audit, …), and as a whole, so that no module outlives its proto.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
out=${1:?usage: scripts/codegen.sh OUT_DIR}
mkdir -p "$out"
out=$(cd "$out" && pwd)
bin=$root/.venv-codegen/bin

cd "$root/protos"
mapfile -t sources < <(find clarion -name '*.proto' | LC_ALL=C sort)
if [ "${#sources[@]}" -eq 0 ]; then
    echo "codegen: no .proto file under $root/protos/clarion" >&2
    exit 1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$bin/python" -W ignore -m grpc_tools.protoc \
    --proto_path=. \
    --plugin=protoc-gen-mypy_grpc="$bin/protoc-gen-mypy_grpc" \
    --python_out="$work" \
    --pyi_out="$work" \
    --grpc_python_out="$work" \
    --mypy_grpc_out=quiet:"$work" \
    "${sources[@]}"
# protoc writes empty service modules for files without a service; they would only mislead.
while IFS= read -r stub; do
    if ! grep -q '^class ' "$stub"; then
        rm -f "$stub" "${stub}i"
    fi
done < <(find "$work/clarion" -name '*_pb2_grpc.py')
# This protoc names datetime in its stubs without importing it.
while IFS= read -r stub; do
    if grep -q 'datetime\.' "$stub" && ! grep -q '^import datetime' "$stub"; then
        sed -i.bak '1i\
import datetime
' "$stub"
        rm "$stub.bak"
    fi
done < <(find "$work/clarion" -name '*_pb2.pyi')
# Each package, such as clarion/audit/v1, and what is above it, such as clarion/audit.
while IFS= read -r folder; do
    package=clarion.$(tr / . <<<"${folder#"$work/clarion/"}")
    # shellcheck disable=SC2016  # the backticks are text
    if compgen -G "$folder/*_pb2.py" >/dev/null; then
        echo "\"\"\"Messages and services of the package $package, generated from protos/ by \`make proto\`.\"\"\""
    else
        echo "\"\"\"Versions of the package $package.\"\"\""
    fi >"$folder/__init__.py"
done < <(find "$work/clarion" -mindepth 1 -type d)

# Swap only once everything has been generated: a broken proto leaves the old code in place.
mkdir -p "$out/clarion"
for package in "$work"/clarion/*/; do
    name=$(basename "$package")
    rm -rf "$out/clarion/$name"
    mv "$package" "$out/clarion/$name"
done
