#!/usr/bin/env bash
# Generate the Python code of every file in protos/.
#
#   scripts/codegen.sh OUT_DIR
#
# OUT_DIR is the folder that holds the package `clarion`: clients/python to renew what is committed,
# any other one to compare with it. Needs .venv-codegen (the Makefile makes it). Only the folders of protobuf
# packages (clarion/v1, clarion/iam/v1, …) are touched, and each as a whole, so that no module outlives its proto.
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
mapfile -t packages < <(dirname "${sources[@]}" | LC_ALL=C sort -u)
mapfile -t stubs < <(find "$work" -name '*_pb2_grpc.py')
for stub in "${stubs[@]}"; do
    if ! grep -q '^class ' "$stub"; then
        rm -f "$stub" "${stub}i"
    fi
done
# This protoc names datetime in its stubs without importing it.
mapfile -t stubs < <(find "$work" -name '*_pb2.pyi')
for stub in "${stubs[@]}"; do
    if grep -q 'datetime\.' "$stub" && ! grep -q '^import datetime' "$stub"; then
        sed -i.bak '1i\
import datetime
' "$stub"
        rm "$stub.bak"
    fi
done
for package in "${packages[@]}"; do
    # shellcheck disable=SC2016  # the backticks are text
    printf '"""Messages and services of the package %s, generated from protos/ by `make proto`."""\n' "${package//\//.}" \
        >"$work/$package/__init__.py"
done

# Swap only once everything has been generated: a broken proto leaves the old code in place.
for package in "${packages[@]}"; do
    mkdir -p "$out/$(dirname "$package")"
    rm -rf "${out:?}/$package"
    mv "$work/$package" "$out/$package"
done
