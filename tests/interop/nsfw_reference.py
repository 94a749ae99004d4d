"""GantMan's NSFW model by numpy, from nsfwjs's own files: the layers as the Keras topology lists them, one after the other, batch
norms unfolded, in double. It made tests/data/nsfw/vectors.tsv:

    python3 tests/interop/nsfw_reference.py model.json group1-shard1of1 ROOT PICTURE... > tests/data/nsfw/vectors.tsv

A picture is a path under ROOT, or pattern:N, which is computed (tests/unit/clip_nsfw_test.c has the same). Needs numpy and Pillow."""

import json
import sys

import numpy
from PIL import Image

CLASSES = ["drawing", "hentai", "neutral", "porn", "sexy"]


def read_weights(manifest, data):
    at, weights = 0, {}
    for group in manifest:
        for w in group["weights"]:
            count = int(numpy.prod(w["shape"]))
            bytes_ = numpy.frombuffer(data, numpy.uint8, count, at).astype(numpy.float64)
            numbers = bytes_ * w["quantization"]["scale"] + w["quantization"]["min"]
            weights[w["name"]] = numbers.astype(numpy.float32).astype(numpy.float64).reshape(w["shape"])
            at += count
    return weights


def pad(x, config):
    (top, bottom), (left, right) = config["padding"]
    return numpy.pad(x, ((top, bottom), (left, right), (0, 0)))


def windows(x, kernel, stride, same):
    """[kernel * kernel, out, out, channels]: for each tap what it meets."""
    if same:
        side = x.shape[0]
        total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
        x = numpy.pad(x, ((total // 2, total - total // 2),) * 2 + ((0, 0),))
    out = (x.shape[0] - kernel) // stride + 1
    return numpy.stack([x[r:r + (out - 1) * stride + 1:stride, c:c + (out - 1) * stride + 1:stride]
                        for r in range(kernel) for c in range(kernel)])


def layer(kind, name, config, x, weights):
    if kind == "ZeroPadding2D":
        return pad(x[0], config)
    if kind in ("Conv2D", "DepthwiseConv2D"):
        met = windows(x[0], config["kernel_size"][0], config["strides"][0], config["padding"] == "same")
        if kind == "Conv2D":
            kernel = weights[name + "/kernel"]
            return numpy.einsum("thwi,tio->hwo", met, kernel.reshape(-1, *kernel.shape[2:]), optimize=True)
        kernel = weights[name + "/depthwise_kernel"]
        return (met * kernel.reshape(met.shape[0], 1, 1, -1)).sum(axis=0)
    if kind == "BatchNormalization":
        gamma, beta, mean, variance = (weights[f"{name}/{part}"] for part in ("gamma", "beta", "moving_mean", "moving_variance"))
        return (x[0] - mean) / numpy.sqrt(variance + config["epsilon"]) * gamma + beta
    if kind == "ReLU":
        return numpy.clip(x[0], 0, config["max_value"])
    if kind == "Add":
        return x[0] + x[1]
    if kind == "AveragePooling2D":
        assert x[0].shape[:2] == tuple(config["pool_size"])
        return x[0].mean(axis=(0, 1))
    if kind == "Dense":
        y = x[0] @ weights[name + "/kernel"] + weights[name + "/bias"]
        if config["activation"] == "relu":
            return numpy.maximum(y, 0)
        assert config["activation"] == "softmax"
        y = numpy.exp(y - y.max())
        return y / y.sum()
    assert kind in ("Flatten", "Dropout"), kind
    return x[0]


def run(topology, weights, pixels):
    values = {}
    for each in topology["model_config"]["config"]["layers"]:
        name = each["config"]["name"]
        if each["class_name"] == "InputLayer":
            values[name] = pixels
            continue
        inputs = [values[i[0]] for i in each["inbound_nodes"][0]]
        values[name] = layer(each["class_name"], name, each["config"], inputs, weights)
    return values[name]


def pattern(seed):
    y, x, c = numpy.mgrid[0:224, 0:224, 0:3]
    return (((x * 3 + y * 5 * (c + 1)) ^ (x * y >> seed)) + 40 * c) & 255


def picture(path):
    """[224, 224, 3], 0 to 255. What is transparent lies over white."""
    image = Image.open(path)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    image = image.convert("RGB")
    for size in ((224, image.height), (224, 224)):  # across first, as Pillow does up to 12; from 13 on it sometimes goes down first
        image = image.resize(size, Image.Resampling.BICUBIC)
    return numpy.asarray(image)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        model = json.load(file)
    with open(sys.argv[2], "rb") as file:
        weights = read_weights(model["weightsManifest"], file.read())
    root = sys.argv[3]
    print("picture", *CLASSES, sep="\t")
    for path in sys.argv[4:]:
        pixels = pattern(int(path[8:])) if path.startswith("pattern:") else picture(f"{root}/{path}")
        result = run(model["modelTopology"], weights, pixels.astype(numpy.float64) / 255)
        print(path, *(f"{p:.9f}" for p in result), sep="\t")


main()
