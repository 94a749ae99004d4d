#!/bin/sh
# Reads winnow's output with the programs that people use. Needs the network once: the clients are installed with pip into a
# virtual environment outside the tree ($WINNOW_VENV, else a folder that is removed at the end). The CLIP libraries have one of their
# own ($WINNOW_CLIP_VENV) and bring 6 GB: WINNOW_WITHOUT_TORCH=1 leaves them out, and what they test is skipped.
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
clip_python=$venv/bin/python
if [ -z "${WINNOW_WITHOUT_TORCH:-}" ]; then
    clip_venv=${WINNOW_CLIP_VENV:-$venv/clip}
    clip_python=$clip_venv/bin/python
    [ -x "$clip_python" ] || python3 -m venv "$clip_venv"
    "$clip_python" -c 'import torch, transformers, open_clip' 2>/dev/null ||
        "$clip_venv/bin/pip" install -q -r "$root/tests/interop/clip_clients.txt"
fi
cd "$root"
export WINNOW=${WINNOW:-$root/winnow} PYTHONDONTWRITEBYTECODE=1 PATH="$venv/bin:$PATH"
failed=0
for test in tests/interop/*_interop.py; do
    old= python=$venv/bin/python
    case $test in
        *readers_interop.py) old=$venv/old ;;
        *clip_interop.py | *clip_variants_interop.py | *train_interop.py) python=$clip_python ;;
    esac
    PYTHONPATH=$old "$python" -W ignore -m unittest -v "$test" || failed=1
done
exit $failed
