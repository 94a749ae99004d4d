#!/usr/bin/env python3
"""Examples for watermark_train.py: pictures with and without a watermark, as the classifier gets them.

    watermark_make.py --pictures WORK/pictures --fonts FONTS --count 3000 WORK/examples

Example i hangs on the seed and i alone: a run that was stopped goes on behind the last whole part. Parts of 100: part-NNN.npz with
pixels [100, 320, 320, 3], label, where [100, 20, 20] (share of each place that is ink, 0 to 255) and kind. Of each picture that
comes up every other time carries a watermark. Pictures of the judge's quarter are left to --judge, which draws with the judge's
fonts, logos and words.
"""
import argparse
import io
import os

import numpy
from PIL import Image

import watermark_draw as draw

SIDE, GRID, PART = 320, 20, 100


def recompressed(rng, picture, chance):
    if rng.random() > chance:
        return picture
    file = io.BytesIO()
    if rng.random() < .15:
        picture.save(file, "WEBP", quality=int(rng.integers(55, 95)), method=1)
    else:
        picture.save(file, "JPEG", quality=int(rng.integers(50, 97)), subsampling=int(rng.choice((0, 2))))
    return Image.open(file).convert("RGB")


def opened(rng, path):
    """A picture of the folder, or a part of it, at a size of the web: sharp, for it is only ever made smaller."""
    picture = Image.open(path).convert("RGB")
    w, h = picture.size
    if min(w, h) > 500 and rng.random() < .4:
        share = rng.uniform(.5, 1, 2)
        box = int(w * share[0]), int(h * share[1])
        at = int(rng.integers(w - box[0] + 1)), int(rng.integers(h - box[1] + 1))
        picture = picture.crop((*at, at[0] + box[0], at[1] + box[1]))
    side = int(rng.integers(330, 800))
    picture.thumbnail((side, side), Image.Resampling.BICUBIC, reducing_gap=2)
    return picture


def example(seed, number, paths, kit):
    rng = numpy.random.default_rng((seed, number))
    picture = opened(rng, paths[rng.integers(len(paths))])
    kind = "picture"
    if rng.random() < .12:
        picture, kind = draw.page(rng, kit, [picture]), "page"
    lettered = rng.random() < .35
    if lettered:
        picture, kind = draw.caption(rng, kit, picture), kind + "+caption"
    where = numpy.zeros((GRID, GRID), numpy.uint8)
    if number % 2:
        picture, mask, layout, opacity = draw.watermark(rng, kit, picture)
        kind += f"+{layout}:{opacity:.2f}"
        where = numpy.asarray(mask.resize((GRID, GRID), Image.Resampling.BOX))
    picture = draw.blurred(rng, recompressed(rng, picture, .7))
    pixels = numpy.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    return pixels, number % 2, where, kind


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", required=True)
    parser.add_argument("--fonts", required=True)
    parser.add_argument("--count", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--judge", action="store_true")
    parser.add_argument("out")
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)
    paths = sorted(os.path.join(at, name) for at, _, names in os.walk(options.pictures) for name in names if name.endswith((".jpg", ".png")))
    paths = [p for p in paths if draw.half(os.path.basename(p)) == options.judge]
    kit = draw.Kit(options.fonts, options.judge)
    print(f"{len(paths)} pictures, {len(kit.fonts)} families of fonts, {len(kit.logos)} logos", flush=True)
    for part in range(options.count // PART):
        path = f"{options.out}/part-{part:03}.npz"
        if os.path.exists(path):
            continue
        rows = [example(options.seed + options.judge, part * PART + i, paths, kit) for i in range(PART)]
        with open(path + ".part", "wb") as file:
            numpy.savez(file, pixels=numpy.stack([r[0] for r in rows]), label=numpy.array([r[1] for r in rows], numpy.uint8),
                        where=numpy.stack([r[2] for r in rows]), kind=numpy.array([r[3] for r in rows]))
        os.replace(path + ".part", path)
        print(path, flush=True)


if __name__ == "__main__":
    main()
