#!/usr/bin/env python3
"""What watermark_train.py puts together: pictures without a watermark, and marks to lay on them.

    watermark_make.py --pictures WORK/pictures --fonts FONTS --parts 60 WORK/examples

A part hangs on the seed and its number alone: a run that was stopped goes on behind the last whole part. All of a part have one size,
as pictures on the web have (150 to 620 pixels as a mean of the sides), so that each of its marks fits each of its pictures at the
size that both were drawn at; nothing is enlarged by more than a twentieth, for then a crisp mark on a blurred picture would betray
itself. part-NNN.npz: pixels [100, h, w, 3]; ink [100, h, w] of the marks; band [100, 2], rows (top, end) behind the ink, or zeros;
layout and kind. Pictures of the judge's quarter are left to --judge, which draws with the judge's fonts, logos and words.
"""
import argparse
import io
import os

import numpy
from PIL import Image

import watermark_draw as draw

PART = 100


def recompressed(rng, picture, chance):
    if rng.random() > chance:
        return picture
    file = io.BytesIO()
    if rng.random() < .1:
        picture.save(file, "WEBP", quality=int(rng.integers(55, 95)), method=1)
    else:
        picture.save(file, "JPEG", quality=int(rng.integers(50, 97)), subsampling=int(rng.choice((0, 2))))
    return Image.open(file).convert("RGB")


def cropped(rng, picture, size):
    """A part of the picture at this size, between all of it and two thirds; None: the picture is too small."""
    w, h = size
    fit = min(picture.width / w, picture.height / h)
    if fit < .95:
        return None
    scale = max(fit * rng.uniform(.67, 1), .95)
    box = min(w * scale, picture.width), min(h * scale, picture.height)
    left, top = ((whole - part) * rng.random() for whole, part in zip(picture.size, box))
    return picture.resize(size, Image.Resampling.BICUBIC, (left, top, left + box[0], top + box[1]), reducing_gap=3)


def ground(rng, paths, kit, size):
    """(picture, kind)"""
    picture = None
    while not picture:
        picture = cropped(rng, Image.open(paths[rng.integers(len(paths))]).convert("RGB"), size)
    kind = "picture"
    if rng.random() < .15:
        scale = rng.uniform(1, 2) if size[0] < 400 else 1
        picture, kind = draw.page(rng, kit, [int(side * scale) for side in size], [picture]).resize(size, Image.Resampling.BICUBIC), "page"
    if rng.random() < .3:
        picture, kind = draw.caption(rng, kit, picture), kind + "+caption"
    return draw.blurred(rng, recompressed(rng, picture, .5)), kind


def size_of(rng):
    across, aspect = numpy.exp(rng.uniform(numpy.log(150), numpy.log(620))), numpy.exp(rng.uniform(numpy.log(.65), numpy.log(1.8)))
    return int(across * aspect ** .5), int(across / aspect ** .5)


def make(seed, part, paths, kit):
    size = size_of(numpy.random.default_rng((seed, part, 1)))
    rows = {name: [] for name in ("pixels", "kind", "ink", "band", "layout")}
    for number in range(PART):
        rng = numpy.random.default_rng((seed, part * PART + number))
        layout = draw.LAYOUTS[rng.integers(len(draw.LAYOUTS))]
        ink, band = draw.marks(rng, kit, size, layout)
        picture, kind = ground(rng, paths, kit, size)
        for name, value in zip(rows, (numpy.asarray(picture), kind, numpy.asarray(ink), band or (0, 0), layout)):
            rows[name].append(value)
    return {name: numpy.stack(values) if name in ("pixels", "ink") else numpy.array(values) for name, values in rows.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", required=True)
    parser.add_argument("--fonts", required=True)
    parser.add_argument("--first", type=int, default=0, help="number of the first part")
    parser.add_argument("--parts", type=int, default=60, help="how many")
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--judge", action="store_true")
    parser.add_argument("out")
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)
    paths = sorted(os.path.join(at, name) for at, _, names in os.walk(options.pictures) for name in names if name.endswith((".jpg", ".png")))
    paths = [p for p in paths if draw.half(os.path.basename(p)) == options.judge]
    kit = draw.Kit(options.fonts, options.judge)
    print(f"{len(paths)} pictures, {len(kit.fonts)} families of fonts, {len(kit.logos)} logos", flush=True)
    for part in range(options.first, options.first + options.parts):
        path = f"{options.out}/part-{part:03}.npz"
        if os.path.exists(path):
            continue
        arrays = make(options.seed + options.judge, part, paths, kit)
        with open(path + ".part", "wb") as file:
            numpy.savez(file, **arrays)
        os.replace(path + ".part", path)
        print(path, arrays["pixels"].shape, flush=True)


if __name__ == "__main__":
    main()
