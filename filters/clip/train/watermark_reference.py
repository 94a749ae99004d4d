#!/usr/bin/env python3
"""The watermark classifier by numpy, in double, from its file alone: one layer after the other as plain sums. It made
tests/data/watermark/vectors.tsv:

    watermark_reference.py filters/clip/watermark/model.safetensors pattern:1 pattern:2 pattern:3 [ROOT/PICTURE...]

pattern:N is computed (tests/unit/clip_watermark_test.c has the same); pictures are squashed to 448 pixels by Pillow, bicubic, what is
transparent over white.
"""
import sys

import numpy

import tensors

SIDE, BLOCKS = 448, 9
STRIDES = {1: 2, 3: 2, 5: 2}  # of blocks; of all others 1
RESIDUAL = {2, 4, 6, 7}


def convolve(x, weight, bias, stride, depthwise=False):
    """[side, side, in] to [side / stride, side / stride, out]; borders are TensorFlow's "same"."""
    kernel, side = weight.shape[-1], x.shape[0]
    out = -(-side // stride)
    total = max((out - 1) * stride + kernel - side, 0)
    x = numpy.pad(x, ((total // 2, total - total // 2),) * 2 + ((0, 0),))
    sums = numpy.zeros((out, out, weight.shape[0])) + bias
    for r in range(kernel):
        for c in range(kernel):
            met = x[r:r + (out - 1) * stride + 1:stride, c:c + (out - 1) * stride + 1:stride]
            sums += met * weight[:, 0, r, c] if depthwise else met @ weight[:, :, r, c].T
    return sums


def logit(given, pixels):
    def part(x, name, stride=1, **options):
        return convolve(x, given[name + ".weight"], given[name + ".bias"], stride, **options)

    def relu6(x):
        return numpy.clip(x, 0, 6)
    x = relu6(part(pixels / 127.5 - 1, "stem", 2))
    for block in range(BLOCKS):
        name = f"blocks.{block}."
        y = relu6(part(x, name + "expand")) if name + "expand.weight" in given else x
        y = part(relu6(part(y, name + "depthwise", STRIDES.get(block, 1), depthwise=True)), name + "project")
        x = x + y if block in RESIDUAL else y
    x = relu6(part(x, "head"))
    return float(numpy.concatenate([x.mean((0, 1)), x.max((0, 1))]) @ given["out.weight"][0] + given["out.bias"][0])


def pattern(seed):
    y, x, c = numpy.mgrid[0:SIDE, 0:SIDE, 0:3]
    return ((((x * 3 + y * 5 * (c + 1)) ^ (x * y >> seed)) + 40 * c) & 255).astype(float)


def picture(path):
    from PIL import Image
    image = Image.open(path)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    image = image.convert("RGB")
    for size in ((SIDE, image.height), (SIDE, SIDE)):  # across first, as Pillow does up to 12
        image = image.resize(size, Image.Resampling.BICUBIC)
    return numpy.asarray(image).astype(float)


def main():
    given = {name: array.astype(float) for name, array in tensors.read(sys.argv[1]).items()}
    print("picture\tp_watermark")
    for path in sys.argv[2:]:
        pixels = pattern(int(path[8:])) if path.startswith("pattern:") else picture(path)
        print(f"{path}\t{1 / (1 + numpy.exp(-logit(given, pixels))):.9f}")


if __name__ == "__main__":
    main()
