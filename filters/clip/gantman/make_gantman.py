#!/usr/bin/env python3
"""Lays the tensors of a TensorFlow.js layers model out as safetensors, number for number:

    make_gantman.py MODEL.json SHARD... model.safetensors

A tensor of 8 bits becomes two, NAME (U8, the shape that Keras gives it) and NAME.range (F64: scale, minimum); a number is
byte * scale + minimum, in double, rounded to single precision. The files of infinitered/nsfwjs (commit d55a54c) that
model.safetensors here is made of have the SHA-256 sums that SUMS below names; others are refused."""

import hashlib
import json
import struct
import sys

SUMS = ["11846416217e68bf1eb7b0e651bcfd305973566453c63275bbd16766ab089979",
        "8e7dddbb16acacc1bf1601b1b8a761e730ff934b7f2d7771312b2f000e5f5f13"]


def tensors(manifest, data):
    at = 0
    for group in manifest:
        for weight in group["weights"]:
            coding = weight.get("quantization")
            if not coding or coding["dtype"] != "uint8":
                sys.exit(f"{weight['name']}: 8 bits are expected")
            size = 1
            for side in weight["shape"]:
                size *= side
            yield weight["name"], "U8", weight["shape"], data[at:at + size]
            yield weight["name"] + ".range", "F64", [2], struct.pack("<2d", coding["scale"], coding["min"])
            at += size
    if at != len(data):
        sys.exit(f"{len(data)} bytes, {at} were expected")


def main():
    model, *shards, out = sys.argv[1:]
    with open(model, "rb") as file:
        text = file.read()
    data = b""
    for shard in shards:
        with open(shard, "rb") as file:
            data += file.read()
    found = [hashlib.sha256(part).hexdigest() for part in (text, data)]
    if found != SUMS:
        sys.exit(f"other files than those of nsfwjs: {found}")
    header, body = {"__metadata__": {"made_from": "sha256 " + " ".join(found)}}, b""
    # doubles first, so that all lie at multiples of 8
    for name, kind, shape, part in sorted(tensors(json.loads(text)["weightsManifest"], data), key=lambda t: (t[1], t[0])):
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [len(body), len(body) + len(part)]}
        body += part
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    with open(out, "wb") as file:
        file.write(struct.pack("<Q", len(head)) + head + body)


main()
