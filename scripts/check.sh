#!/usr/bin/env bash
# Every check but the tests. Runs them all, then says which failed. Call it through `make check`.
# They run at the same time, most of it beside mypy; what each says is shown as a whole, in the order below.
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
bin=.venv/bin
failed=()

names=() jobs=()
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

check() { # NAME COMMAND...
    local name=$1 log=$logs/${#names[@]}
    shift
    (
        SECONDS=0
        "$@" >"$log" 2>&1
        status=$?
        echo "$SECONDS" >"$log.seconds"
        exit "$status"
    ) &
    names+=("$name") jobs+=("$!")
}

generated_code_is_fresh() {
    local fresh status package
    fresh=$(mktemp -d)
    scripts/codegen.sh "$fresh"
    status=$?
    while read -r package; do
        diff --recursive --brief --exclude=__pycache__ "clients/python/$package" "$fresh/$package" || status=1
    done < <(cd protos && find clarion -name '*.proto' -exec dirname {} + | LC_ALL=C sort -u)
    rm -rf "$fresh"
    [ "$status" -eq 0 ] || echo "Generated code differs from protos/: run \`make proto\` and commit the result." >&2
    return "$status"
}

python_paths=()
for path in server clients/python tests scripts bench examples; do
    if [ -n "$(find "$path" -name '*.py' -print -quit 2>/dev/null)" ]; then
        python_paths+=("$path")
    fi
done

check "ruff check" "$bin/ruff" check .
check "ruff format" "$bin/ruff" format --check .
check "mypy" "$bin/mypy" "${python_paths[@]}"
check "import contracts" "$bin/lint-imports" --no-logo
check "buf lint" "$bin/buf" lint
check "buf format" "$bin/buf" format --diff --exit-code
check "buf breaking" "$bin/buf" breaking --against protos/image.binpb
check "generated code" generated_code_is_fresh
check "generated docs" "$bin/python" -m scripts.error_reference --check
check "generated docs on access" "$bin/python" -m scripts.access_reference --check

for number in "${!names[@]}"; do
    wait "${jobs[$number]}" || failed+=("${names[$number]}")
    echo "── ${names[$number]} ($(cat "$logs/$number.seconds") s)"
    cat "$logs/$number"
done

echo
if [ "${#failed[@]}" -gt 0 ]; then
    printf 'check: FAILED: %s\n' "$(IFS=,; echo "${failed[*]}")" >&2
    exit 1
fi
echo "check: all passed"
