"""Safetensors files, read and written with numpy alone. Names in order, no metadata: equal tensors give equal bytes."""
import json
import struct

import numpy

TYPES = {"F16": numpy.float16, "F32": numpy.float32, "I8": numpy.int8, "I64": numpy.int64}


def read(path):
    """{name: array}; integers and floats as stored."""
    with open(path, "rb") as file:
        size = struct.unpack("<Q", file.read(8))[0]
        header, data = json.loads(file.read(size)), file.read()
    tensors = {}
    for name, about in header.items():
        if name == "__metadata__":
            continue
        begin, end = about["data_offsets"]
        tensors[name] = numpy.frombuffer(data[begin:end], TYPES[about["dtype"]]).reshape(about["shape"])
    return tensors


def write(path, tensors):
    names = {numpy.dtype(t): name for name, t in TYPES.items()}
    header, at = {}, 0
    for name, array in sorted(tensors.items()):
        header[name] = {"dtype": names[array.dtype], "shape": list(array.shape), "data_offsets": [at, at + array.nbytes]}
        at += array.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, array in sorted(tensors.items()):
            file.write(numpy.ascontiguousarray(array).tobytes())


def to_int8(matrix):
    """Rows of int8 and a float16 scale each. Rounded to the scale as it is stored, so that reading gives the nearest."""
    scale = (numpy.abs(matrix).max(axis=1) / 127).astype(numpy.float16)
    scale[scale == 0] = 1
    rows = numpy.rint(matrix / scale[:, None].astype(numpy.float32))
    return rows.clip(-127, 127).astype(numpy.int8), scale


def from_int8(rows, scale):
    return rows.astype(numpy.float32) * scale[:, None].astype(numpy.float32)
