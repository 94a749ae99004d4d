"""The small checkpoints of the shared data and what real libraries gave for them; PNG and .npy read with nothing but Python."""
import functools
import importlib.util
import json
import os
import shutil
import struct
import subprocess
import tempfile
import unittest
import zlib

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHARED = os.path.abspath(os.environ.get("WINNOW_SHARED", os.path.join(ROOT, "../shared")))
DATA = os.path.join(SHARED, "data/clip")

# folder or file → name of its expected values
CHECKPOINTS = {"hf-tiny-quick": "hf-tiny-quick", "hf-tiny-quick-bin": "hf-tiny-quick", "hf-tiny-quick-configdict": "hf-tiny-quick",
               "hf-tiny-gelu": "hf-tiny-gelu", "hf-tiny-gelu-eos2": "hf-tiny-gelu", "openclip-tiny": "openclip-tiny",
               "openclip-tiny-custom": "openclip-tiny-custom", "openai-ts/ViT-tiny.pt": "openai-ts"}
BORROWED = {"hf-tiny-quick-configdict": ("hf-tiny-quick", ["model.safetensors", "preprocessor_config.json"]),
            "hf-tiny-gelu-eos2": ("hf-tiny-gelu", ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
                                                   "model.safetensors.index.json"]),
            "hf-tiny-quick-bin": ("hf-tiny-quick", ["preprocessor_config.json"])}
# In folders of these kinds, pictures with alpha are not dropped onto black as their libraries do, and text 22 is not repaired
# by ftfy: what winnow chooses instead stands in its manual.
OTHER_PICTURES, OTHER_TEXTS = {0, 7}, {22}


def make_clip():
    spec = importlib.util.spec_from_file_location("make_clip", os.path.join(ROOT, "tests/data/make_clip.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def needs_data():
    if not os.path.isdir(DATA):
        raise unittest.SkipTest(f"no {DATA}")


@functools.lru_cache(maxsize=None)
def unpacked():
    """The folder of the checkpoints and of the pictures, made once a process."""
    needs_data()
    folder = tempfile.mkdtemp(prefix="winnow-clip-")
    import atexit
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for archive, into in ((f"{DATA}/checkpoints/checkpoints.tar.zst", folder),
                          (f"{SHARED}/data/conformance/images/images.tar.zst", f"{folder}/pictures")):
        os.makedirs(into, exist_ok=True)
        unzstd = subprocess.Popen(["zstd", "-dcq", "--long=27", archive], stdout=subprocess.PIPE)
        subprocess.run(["tar", "-xf", "-", "-C", into], stdin=unzstd.stdout, check=True)
        if unzstd.wait():
            raise RuntimeError(archive)
    for name, (lender, files) in BORROWED.items():
        for file in files:
            shutil.copy(f"{folder}/{lender}/{file}", f"{folder}/{name}/{file}")
    return folder


def inputs():
    """(paths of the pictures, texts)"""
    with open(f"{DATA}/expected/inputs.json", encoding="utf-8") as file:
        listed = json.load(file)
    paths = [p["file"].split(":") for p in listed["pictures"]]
    pictures = [f"{unpacked()}/pictures/{p[1]}" if len(p) > 1 else os.path.join(os.path.dirname(SHARED), p[0].replace(
        "shared", os.path.basename(SHARED), 1)) for p in paths]
    return pictures, listed["texts"]


def npy(path):
    """(shape, flat tuple of numbers)"""
    with open(path, "rb") as file:
        data = file.read()
    length = struct.unpack_from("<H", data, 8)[0]
    header = eval(data[10:10 + length], {"__builtins__": {}})  # a literal of Python's own
    count = 1
    for n in header["shape"]:
        count *= n
    letter = {"f2": "e", "f4": "f", "f8": "d", "u1": "B", "i8": "q", "i4": "i"}[header["descr"][1:]]
    return header["shape"], struct.unpack_from(f"<{count}{letter}", data, 10 + length)


def expected(name, file):
    """Rows of an array of expected values."""
    shape, numbers = npy(f"{DATA}/expected/{name}/{file}.npy")
    length = len(numbers) // shape[0]
    return [numbers[i * length:(i + 1) * length] for i in range(shape[0])]


def png_pixels(path, channels=3):
    """(width, height, bytes) of an 8-bit PNG of 3 or 4 channels without interlacing."""
    with open(path, "rb") as file:
        data = file.read()
    at, packed = 8, b""
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"IHDR":
            width, height = struct.unpack_from(">II", data, at + 8)
        if kind == b"IDAT":
            packed += data[at + 8:at + 8 + size]
        at += size + 12
    raw, stride, out, before = zlib.decompress(packed), width * channels + 1, bytearray(), bytes(width * channels)
    for y in range(height):
        how, line = raw[y * stride], bytearray(raw[y * stride + 1:(y + 1) * stride])
        for i in range(len(line)):
            left, up, corner = (line[i - channels], before[i], before[i - channels]) if i >= channels else (0, before[i], 0)
            near = min((abs(up - corner), 0, left), (abs(left - corner), 1, up), (abs(left + up - 2 * corner), 2, corner))[2]
            line[i] = (line[i] + (0, left, up, (left + up) // 2, near)[how]) & 255
        out += line
        before = bytes(line)
    return width, height, bytes(out)
