#!/usr/bin/env python3
"""Joins the towers of the small model, as training writes them, into the one file that winnow ships.

    join.py FOLDER model.safetensors

FOLDER holds model-image.safetensors (float16, batch norms folded) and model-text-int8.safetensors. Tensors are copied as they
are, in name order; the file says nothing that the inputs do not, so equal inputs give equal bytes.
"""
import json
import struct
import sys


def read(path):
    with open(path, "rb") as f:
        data = f.read()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    for name, about in header.items():
        if name == "__metadata__":
            continue
        begin, end = about["data_offsets"]
        yield name, about["dtype"], about["shape"], data[8 + size + begin:8 + size + end]


def main(folder, out):
    tensors = sorted(t for part in ("image", "text-int8") for t in read(f"{folder}/model-{part}.safetensors"))
    header, at = {}, 0
    for name, dtype, shape, data in tensors:
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(out, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for *_, data in tensors:
            f.write(data)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
