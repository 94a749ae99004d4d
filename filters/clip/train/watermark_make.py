#!/usr/bin/env python3
"""What watermark_train.py puts together: pictures without a watermark, and marks to lay on them.

    watermark_make.py --pictures WORK/pictures... --fonts FONTS --parts 60 [--small] WORK/examples

A part hangs on the seed and its number alone: a run that was stopped goes on behind the last whole part. All of a part have one size,
as pictures on the web have (150 to 620 pixels as a mean of the sides), so that each of its marks fits each of its pictures at the
size that both were drawn at; nothing is enlarged by more than a twentieth, for then a crisp mark on a blurred picture would betray
itself. part-NNN.npz: pixels [100, h, w, 3]; ink [100, h, w] of the marks; band [100, 2], rows (top, end) behind the ink, or zeros;
layout and kind. Pictures of the judge's quarter are left to --kept, which draws with the fonts, logos and words of training, and to
--judge, which draws with the judge's. --small: marks in corners and on edges more often and down to half the size, tones of pictures
changed, fewer pages drawn here.
"""
import argparse
import io
import os

import numpy
from PIL import Image, ImageEnhance

import watermark_draw as draw

PART, SMALLEST = 100, .45
LAYOUTS = ("tiled", "tiled", "corner", "corner", "corner", "edge", "edge", "middle", "across", "band")  # of --small


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


def toned(rng, picture):
    """Brighter, paler or tinted, as cameras err."""
    for change, low, high in ((ImageEnhance.Brightness, .8, 1.5), (ImageEnhance.Contrast, .5, 1.2), (ImageEnhance.Color, .4, 1.4)):
        picture = change(picture).enhance(rng.uniform(low, high))
    tint = rng.uniform(.9, 1.1, 3)
    return Image.fromarray((numpy.asarray(picture) * tint).clip(0, 255).astype(numpy.uint8))


def ground(rng, paths, kit, size, small):
    """(picture, kind)"""
    picture = None
    while not picture:
        picture = cropped(rng, Image.open(paths[rng.integers(len(paths))]).convert("RGB"), size)
    kind = "picture"
    if small and rng.random() < .2:
        picture = toned(rng, picture)
    if rng.random() < (.05 if small else .15):
        scale = rng.uniform(1, 2) if size[0] < 400 else 1
        picture, kind = draw.page(rng, kit, [int(side * scale) for side in size], [picture]).resize(size, Image.Resampling.BICUBIC), "page"
    if rng.random() < .3:
        picture, kind = draw.caption(rng, kit, picture), kind + "+caption"
    return draw.blurred(rng, recompressed(rng, picture, .5)), kind


def size_of(rng):
    across, aspect = numpy.exp(rng.uniform(numpy.log(150), numpy.log(620))), numpy.exp(rng.uniform(numpy.log(.65), numpy.log(1.8)))
    return int(across * aspect ** .5), int(across / aspect ** .5)


def make(seed, part, paths, kit, small):
    size = size_of(numpy.random.default_rng((seed, part, 1)))
    rows = {name: [] for name in ("pixels", "kind", "ink", "band", "layout")}
    for number in range(PART):
        rng = numpy.random.default_rng((seed, part * PART + number))
        layouts = LAYOUTS if small else draw.LAYOUTS
        layout = layouts[rng.integers(len(layouts))]
        factor = float(numpy.exp(rng.uniform(numpy.log(SMALLEST), 0))) if small and rng.random() < .6 else 1
        ink, band = draw.marks(rng, kit, size, layout, factor)
        picture, kind = ground(rng, paths, kit, size, small)
        for name, value in zip(rows, (numpy.asarray(picture), kind, numpy.asarray(ink), band or (0, 0), layout)):
            rows[name].append(value)
    return {name: numpy.stack(values) if name in ("pixels", "ink") else numpy.array(values) for name, values in rows.items()}


def kept_back(path):
    name = os.path.basename(path)
    return draw.half(name.rsplit("-", 1)[0] if name.startswith("page-") else name)  # pieces of one page stay together


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", nargs="+", required=True)
    parser.add_argument("--fonts", required=True)
    parser.add_argument("--first", type=int, default=0, help="number of the first part")
    parser.add_argument("--parts", type=int, default=60, help="how many")
    parser.add_argument("--seed", type=int, default=17)
    for name in ("--small", "--kept", "--judge"):
        parser.add_argument(name, action="store_true")
    parser.add_argument("out")
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)
    found = (os.path.join(at, name) for folder in options.pictures for at, _, names in os.walk(folder) for name in names)
    paths = sorted(p for p in found if p.endswith((".jpg", ".png")) and kept_back(p) == (options.judge or options.kept))
    kit = draw.Kit(options.fonts, options.judge)
    print(f"{len(paths)} pictures, {len(kit.fonts)} families of fonts, {len(kit.logos)} logos", flush=True)
    for part in range(options.first, options.first + options.parts):
        path = f"{options.out}/part-{part:03}.npz"
        if os.path.exists(path):
            continue
        arrays = make(options.seed + options.judge, part, paths, kit, options.small)
        with open(path + ".part", "wb") as file:
            numpy.savez(file, **arrays)
        os.replace(path + ".part", path)
        print(path, arrays["pixels"].shape, flush=True)


if __name__ == "__main__":
    main()
