#!/bin/sh
# Reads winnow's output with the programs that people use. Needs the network once: the clients are installed with pip into a
# virtual environment outside the tree ($WINNOW_VENV, else a folder that is removed at the end).
set -eu
here=$(dirname "$0")
root=$(cd "$here/../.." && pwd)
venv=${WINNOW_VENV:-}
if [ -z "$venv" ]; then
    venv=$(mktemp -d "${TMPDIR:-/tmp}/winnow-interop-XXXXXX")
    trap 'rm -rf "$venv"' EXIT
fi
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
if ! cmp -s "$root/tests/interop/clients.txt" "$venv/clients.txt"; then
    # open_clip and clip-retrieval bring PyTorch, which their reading parts do not need, and want an old webdataset
    grep -v '^#\|;' "$root/tests/interop/clients.txt" | xargs "$venv/bin/pip" install -q
    sed -n 's/ *; alone$//p' "$root/tests/interop/clients.txt" | xargs "$venv/bin/pip" install -q --no-deps
    sed -n 's/ *; old$//p' "$root/tests/interop/clients.txt" | xargs "$venv/bin/pip" install -q --no-deps --target "$venv/old"
    cp "$root/tests/interop/clients.txt" "$venv/clients.txt"
fi
cd "$root"
export WINNOW=${WINNOW:-$root/winnow} PYTHONDONTWRITEBYTECODE=1 PATH="$venv/bin:$PATH"
failed=0
for test in tests/interop/*_interop.py; do
    old=
    case $test in *readers_interop.py) old=$venv/old ;; esac
    PYTHONPATH=$old "$venv/bin/python" -W ignore -m unittest -v "$test" || failed=1
done
exit $failed
