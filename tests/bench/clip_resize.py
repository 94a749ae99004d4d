#!/usr/bin/env python3
"""Pillow's resize and crop of a raw RGB picture: a line of standard input is answered by the CPU seconds of one; SIDE x SIDE bytes of
the result go to FILE.pillow.

    python clip_resize.py FILE WIDTH HEIGHT SIDE
    python clip_resize.py --make FILE SIDE        writes a JPEG of SIDE by 4/3 SIDE, soft patterns with some noise upon them
"""
import sys
import time

from PIL import Image


def make(path, side):
    size = (side * 4 // 3, side)
    soft = Image.effect_noise((12, 9), 120).convert("RGB").resize(size, Image.Resampling.BICUBIC)
    Image.blend(soft, Image.effect_noise(size, 60).convert("RGB"), 0.15).save(path, quality=95)


if sys.argv[1] == "--make":
    make(sys.argv[2], int(sys.argv[3]))
    sys.exit()
path, width, height, side = sys.argv[1], *map(int, sys.argv[2:])
with open(path, "rb") as file:
    picture = Image.frombytes("RGB", (width, height), file.read())
wide, high = (side, int(side * height / width)) if width <= height else (int(side * width / height), side)
left, top = int(round((wide - side) / 2.0)), int(round((high - side) / 2.0))
for _ in sys.stdin:
    begun = time.process_time()
    result = picture.resize((wide, high), Image.Resampling.BICUBIC).crop((left, top, left + side, top + side))
    print(time.process_time() - begun, flush=True)
    with open(path + ".pillow", "wb") as out:
        out.write(result.tobytes())
