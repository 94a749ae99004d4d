"""A reader of row files written from schemas/FORMAT.md alone: Python's standard library, and the zstd program to decompress.

    columns, rows, description = read("00000.rows.zst")     rows: lists of cells, escapes undone, "" where absent
"""
import json
import re
import struct
import subprocess

ESCAPE = re.compile(r"\\(?:([tnr\\])|x([01][0-9A-F]|7F)|u\{([0-9A-F]+)\})")
SHORT = {"t": "\t", "n": "\n", "r": "\r", "\\": "\\"}


class CutOff(Exception):
    """The file is winnow's own and does not go to its end."""


def cell(stored):
    return ESCAPE.sub(lambda m: SHORT[m[1]] if m[1] else chr(int(m[2] or m[3], 16)), stored)


def decompress(stored):
    return subprocess.run(["zstd", "-dcq"], input=stored, stdout=subprocess.PIPE, check=True).stdout


def frames(path):
    """[(stored bytes of a frame, its uncompressed size)] by the seek table, without the table's own frame."""
    with open(path, "rb") as file:
        data = file.read()
    count, flags, magic = struct.unpack("<IBI", data[-9:]) if len(data) > 9 else (0, 0, 0)
    if (flags, magic) != (0x80, 0x8F92EAB1):
        raise CutOff(f"{path}: no seek table at the end")
    table = len(data) - 9 - 12 * count
    if struct.unpack("<II", data[table - 8:table]) != (0x184D2A5E, 12 * count + 9):
        raise CutOff(f"{path}: the seek table has no head")
    found, at = [], 0
    for stored, size, _ in struct.iter_unpack("<III", data[table:-9]):
        found.append((data[at:at + stored], size))
        at += stored
    if at != table - 8:
        raise CutOff(f"{path}: the seek table names {at} bytes, before it stand {table - 8}")
    return found


def read(path):
    *data, (last, size) = frames(path)
    if size or struct.unpack("<II", last[:8]) != (0x184D2A5D, len(last) - 8):
        raise CutOff(f"{path}: no description before the seek table")
    description = json.loads(last[8:])
    lines = [decompress(stored).decode() for stored, _ in data]
    assert description["format"] == "winnow-rows-1" and lines[0].count("\n") == 1
    assert [len(text.encode()) for text in lines] == [size for _, size in data]
    assert [text.count("\n") for text in lines[1:]] == description["frame_rows"]
    columns = lines[0].rstrip("\n").split("\t")
    assert columns == [column["name"] for column in description["columns"]]
    rows = [[cell(stored) for stored in line.split("\t")] for line in "".join(lines[1:]).split("\n")[:-1]]
    assert len(rows) == description["rows"] and all(len(row) == len(columns) for row in rows)
    return columns, rows, description
