#!/usr/bin/env python3
"""A run's weights as a folder that winnow reads: `winnow model info FOLDER`, `winnow model eval FOLDER PAIRS`.

    export.py --work WORK --name NAME --version VERSION --out FOLDER final.pt

Pictures in float16 with the batch norms' scales folded in, texts' matrices as rows of int8 with a float16 scale, the rest float16;
vocab.txt; config.json as the built-in model's, but for name, version and scale of the similarities. NAME stands in the columns
(sim_NAME). Heads (kinds of pictures) belong to the features they were fitted on and are not taken along.
"""
import argparse
import json
import os
import pathlib
import shutil

import numpy
import torch

import tensors

CONFIG = pathlib.Path(__file__).parent.parent / "builtin" / "config.json"


def picture_tensors(state):
    out = {}
    for name, weight in state.items():
        if name.endswith(".scale"):
            continue
        scale = state.get(name.removesuffix(".weight") + ".scale")
        if scale is not None and name.endswith(".weight"):
            weight = weight * scale[:, None, None, None]
        kind = numpy.float32 if name == "embed.class_logit_scale" else numpy.float16
        out[f"image.{name}"] = weight.numpy().astype(kind)
    return out


def text_tensors(state):
    out = {}
    for name, weight in state.items():
        if weight.dim() == 2 and name != "position_embedding.weight":
            out[f"text.{name}.int8"], out[f"text.{name}.scale"] = tensors.to_int8(weight.numpy())
        else:
            out[f"text.{name}"] = weight.numpy().astype(numpy.float16)
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("--work", "--name", "--version", "--out"):
        parser.add_argument(name, required=True)
    parser.add_argument("run")
    options = parser.parse_args()
    run = torch.load(options.run, map_location="cpu", weights_only=True)
    os.makedirs(options.out, exist_ok=True)
    out = picture_tensors(run["image"]) | text_tensors(run["text"])
    bad = [name for name, array in out.items() if not numpy.isfinite(array.astype(numpy.float32)).all()]
    if bad:
        raise SystemExit(f"not finite as stored: {', '.join(bad)}")
    tensors.write(f"{options.out}/model.safetensors", out)
    shutil.copy(f"{options.work}/vocab.txt", options.out)
    config = json.loads(CONFIG.read_text(encoding="utf-8"))
    config |= {"name": options.name, "version": options.version, "logit_scale": round(float(run["scale"]), 4)}
    config.pop("kind_classes", None)
    config["files"].pop("kind.safetensors", None)
    with open(f"{options.out}/config.json", "w", encoding="utf-8") as file:
        json.dump(config, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
