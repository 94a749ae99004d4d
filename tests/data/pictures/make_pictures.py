#!/usr/bin/env python3
"""Makes the small pictures in this folder: Python's own zlib is all they take.

turned.png   16 x 10 pixels, a red corner at the left top as stored, EXIF orientation 6: seen, it is 10 x 16
glass.png    8 x 8 pixels of blue, half transparent: over white (127, 127, 255)
"""
import os
import struct
import zlib

FOLDER = os.path.dirname(os.path.abspath(__file__))


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, pixel, alpha=False, exif=None):
    """`pixel(x, y)` gives 3 samples, or 4 with alpha."""
    rows = b"".join(b"\0" + b"".join(bytes(pixel(x, y)) for x in range(width)) for y in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 6 if alpha else 2, 0, 0, 0)
    extra = chunk(b"eXIf", exif) if exif else b""
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def orientation(number):
    """An EXIF block that holds nothing else."""
    return b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, number, 0, 0)


if __name__ == "__main__":
    red_corner = lambda x, y: (220, 30, 30) if x < 4 and y < 4 else (40, 90 + 5 * x, 160 + 5 * y)
    for name, data in [("turned.png", png(16, 10, red_corner, exif=orientation(6))),
                       ("glass.png", png(8, 8, lambda x, y: (0, 0, 255, 128), alpha=True))]:
        with open(os.path.join(FOLDER, name), "wb") as file:
            file.write(data)
