#!/usr/bin/env python3
"""The perceptual hash of crawl/image/phash.h, written from its definition alone, and the vectors that both must give.

    phash.py                  recomputes tests/data/phash-vectors.tsv and says whether it is right
    phash.py --write          writes it
    phash.py FILE.ppm ...     prints the hash of binary PPM files (8 bits, no comments)

Vectors are pictures made by a formula: sample c (0 R, 1 G, 2 B) at x, y is
((p * x * x + q * y * y + r * x * y + s * c + t * (x // 16 + y // 16)) >> shift) & 255.
"""
import math
import os
import sys

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "phash-vectors.tsv")
NAMES = ["width", "height", "p", "q", "r", "s", "t", "shift"]
PICTURES = [  # in the order of NAMES
    (1, 1, 0, 0, 0, 0, 0, 0),
    (64, 64, 0, 0, 0, 40, 0, 0),
    (64, 48, 3, 1, 2, 0, 0, 6),
    (33, 77, 5, 2, 7, 900, 0, 5),
    (500, 333, 1, 3, 2, 7000, 9000, 9),
    (31, 17, 40, 60, 11, 300, 0, 6),
    (3, 200, 90, 1, 10, 500, 0, 7),
    (640, 480, 2, 1, 3, 20000, 30000, 11),
]


def picture(width, height, p, q, r, s, t, shift):
    value = lambda x, y, c: ((p * x * x + q * y * y + r * x * y + s * c + t * (x // 16 + y // 16)) >> shift) & 255
    return [[[value(x, y, c) for c in range(3)] for x in range(width)] for y in range(height)]


def spans(source):
    """For each of 32 cells: (source index, weight); weights of a cell add up to `source`."""
    cells = []
    for cell in range(32):
        low, high = cell * source, (cell + 1) * source
        cells.append([(i, min(high, (i + 1) * 32) - max(low, i * 32)) for i in range(low // 32, (high + 31) // 32)])
    return cells


def phash(pixels):
    height, width = len(pixels), len(pixels[0])
    luma = [[299 * r + 587 * g + 114 * b for r, g, b in row] for row in pixels]
    columns, rows = spans(width), spans(height)
    narrow = [[sum(row[i] * w for i, w in cell) for cell in columns] for row in luma]
    grid = [[sum(narrow[i][x] * w for i, w in cell) / (1000 * width * height) for x in range(32)] for cell in rows]
    corner = []
    for v in range(8):
        for u in range(8):
            f = sum(grid[y][x] * math.cos(math.pi * (2 * x + 1) * u / 64) * math.cos(math.pi * (2 * y + 1) * v / 64)
                    for y in range(32) for x in range(32))
            corner.append(math.copysign(math.floor(abs(f) * 1024 + 0.5), f))
    ordered = sorted(corner)
    median = (ordered[31] + ordered[32]) / 2
    return "%016x" % int("".join("1" if f > median else "0" for f in corner), 2)


def read_ppm(path):
    with open(path, "rb") as file:
        magic, width, height, depth, samples = split_ppm(file.read())
    assert magic == b"P6" and depth == 255, path
    row = lambda y: [samples[3 * (y * width + x):3 * (y * width + x) + 3] for x in range(width)]
    return [row(y) for y in range(height)]


def split_ppm(data):
    words, at = [], 0
    while len(words) < 4:
        end = at
        while data[end:end + 1] > b" ":
            end += 1
        if end > at:
            words.append(data[at:end])
        at = end + 1
    return words[0], int(words[1]), int(words[2]), int(words[3]), data[at:]


def main():
    if sys.argv[1:] and sys.argv[1] != "--write":
        for path in sys.argv[1:]:
            print(phash(read_ppm(path)), path, sep="\t")
        return 0
    lines = ["\t".join(NAMES + ["phash"])]
    lines += ["\t".join(map(str, numbers + (phash(picture(*numbers)),))) for numbers in PICTURES]
    text = "\n".join(lines) + "\n"
    if sys.argv[1:]:
        open(PATH, "w").write(text)
        return 0
    same = open(PATH).read() == text
    print("phash-vectors.tsv is", "right" if same else "wrong: run phash.py --write")
    return not same


if __name__ == "__main__":
    sys.exit(main())
