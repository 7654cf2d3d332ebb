#!/usr/bin/env bash
# Run the Dockerfile without a Docker engine, as far as that goes.
#
#   scripts/verify_dockerfile.sh [PYTHON]
#
# Every COPY and RUN is carried out as written, in a temporary folder that stands for the image's root: the image's
# absolute paths are replaced by paths in it. Then the entry point is started there, the health check has to
# succeed, and the stop signal has to end it with exit code 0. What this cannot show: the base image, users and volumes.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
checkout=$PWD
python=$("${1:-python3}" -c 'import sys; print(sys.executable)')

image=$(mktemp -d)
server=
# shellcheck disable=SC2317  # called by the trap
clean_up() {
    [ -z "$server" ] || kill -KILL "$server" 2>/dev/null || true
    rm -rf "$image"
}
trap clean_up EXIT

inside() { # replace the image's absolute paths
    sed -E "s#(^|[ =:])(/src|/build|/opt/clarion|/wheels|/var/lib/clarion)#\1$image\2#g" <<<"$1"
}
array() { # ["a", "b"] -> one word a line
    python3 -c 'import json, sys; print("\n".join(json.loads(sys.argv[1])))' "$1"
}

mkdir -p "$image/bin" "$image/var/lib/clarion"
ln -s "$python" "$image/bin/python" # what `python` means in the base image
PATH=$image/bin:$PATH
workdir=$image
stop=TERM

while IFS= read -r line; do
    instruction=${line%% *} rest=${line#* }
    case $instruction in
    FROM) workdir=$image ;;
    WORKDIR)
        workdir=$(inside "$rest")
        mkdir -p "$workdir"
        ;;
    ENV)
        for pair in $(inside "$rest"); do
            eval "export $pair"
        done
        ;;
    COPY)
        case $rest in --from=*) continue ;; esac # both stages share the folder
        read -ra words <<<"$rest"
        target=$workdir/${words[-1]}
        unset 'words[-1]'
        for source in "${words[@]}"; do
            if [ -d "$checkout/$source" ]; then
                # Tests may be running beside, and their bytecode comes and goes.
                mkdir -p "$target" && tar -C "$checkout/$source" --exclude=__pycache__ -cf - . | tar -C "$target" -xf -
            else
                mkdir -p "$target" && cp "$checkout/$source" "$target"
            fi
        done
        ;;
    RUN)
        case $rest in groupadd*)
            echo "-- skipped (needs a root of its own): $rest"
            continue
            ;;
        esac
        echo "-- RUN $rest"
        if ! (cd "$workdir" && bash -euc "$(inside "$rest")") >"$image/log" 2>&1; then
            cat "$image/log" >&2
            exit 1
        fi
        ;;
    STOPSIGNAL) stop=${rest#SIG} ;;
    HEALTHCHECK) mapfile -t health < <(array "${rest#*CMD }") ;;
    ENTRYPOINT) mapfile -t entrypoint < <(array "$rest") ;;
    CMD) mapfile -t arguments < <(array "$rest") ;;
    esac
done < <(grep -vE '^\s*(#|$)' Dockerfile)

unset PYTHONPATH VIRTUAL_ENV
# In the image the default port is free; on this machine somebody may have it.
CLARION_LISTEN=127.0.0.1:$(python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export CLARION_LISTEN
cd "$workdir"
echo "-- ENTRYPOINT ${entrypoint[*]} ${arguments[*]}"
"${entrypoint[@]}" "${arguments[@]}" >"$image/log" 2>&1 &
server=$!
for _ in $(seq 60); do
    if "${health[@]}" >/dev/null 2>&1; then
        healthy=yes
        break
    fi
    kill -0 "$server" 2>/dev/null || break
    sleep 1
done
if [ -z "${healthy:-}" ]; then
    cat "$image/log" >&2
    echo "verify_dockerfile: FAILED: ${health[*]} never succeeded" >&2
    exit 1
fi
echo "-- healthy; sending SIG$stop"
kill -s "$stop" "$server"
status=0
wait "$server" || status=$?
server=
if [ "$status" -ne 0 ]; then
    cat "$image/log" >&2
    echo "verify_dockerfile: FAILED: exit code $status after SIG$stop" >&2
    exit 1
fi
if "${health[@]}" >/dev/null 2>&1; then
    echo "verify_dockerfile: FAILED: ${health[*]} succeeds although nothing runs" >&2
    exit 1
fi
echo "verify_dockerfile: passed"
