#!/usr/bin/env python3
"""What a trained model's towers make of each picture and caption before their last layers, once, for continue.py.

    features.py --work WORK --model FOLDER [--views 5]

WORK/features-V.npy: float16 [n, 1280], of all pictures of WORK: of view 0 as they are, of the others changed at random (augment.py),
by numbers that hang on V and the place of its group of 64 alone. WORK/pooled.npy: float32 [texts, 384], of all views of all pairs,
in their order. What is there is not made again.
"""
import argparse
import os

import numpy
import torch

import augment
import evaluate
import model
import steps
import teacher as teachers

AT_ONCE = 64


def shown_as(tower, number, pairs, pictures, where):
    rows = []
    with torch.no_grad():
        for i in range(0, len(pairs), AT_ONCE):
            some = pairs[i:i + AT_ONCE]
            shown = torch.from_numpy(pictures[i:i + AT_ONCE]).to(where).permute(0, 3, 1, 2)
            if number:
                shown = augment.augment(steps.chance(number, i, 4), shown, [p["width"] for p in some], [p["height"] for p in some],
                                        [p["kind"] for p in some], 0.35).round()
            shown = shown.contiguous(memory_format=torch.channels_last)
            parts = shown.split(AT_ONCE if where.type == "cuda" else 4)  # few pictures' maps stay in a processor's cache
            rows += [tower.features(part).half().cpu().numpy() for part in parts]
            if i // AT_ONCE % 20 == 0:
                print(f"view {number}: {i} of {len(pairs)}", flush=True)
    return numpy.concatenate(rows)


def said(tower, texts, pairs):
    lines = [view for pair in pairs for view in pair["views"]]
    order = sorted(range(len(lines)), key=lambda i: len(lines[i]))
    rows = numpy.empty((len(lines), model.WIDTH), numpy.float32)
    with torch.no_grad():
        for i in range(0, len(order), AT_ONCE):
            some = order[i:i + AT_ONCE]
            rows[some] = tower.pooled(texts.ids([lines[k] for k in some])).cpu().numpy()
    return rows


def once(path, make):
    if not os.path.exists(path):
        made = make()
        with open(path + ".part", "wb") as file:
            numpy.save(file, made)
        os.replace(path + ".part", path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", required=True)
    parser.add_argument("--model", required=True, help="folder with a model.safetensors as winnow reads it")
    parser.add_argument("--views", type=int, default=5, help="how many changed views (default 5)")
    options = parser.parse_args()
    pairs, pictures = evaluate.read_pairs(options.work)
    where = steps.device()
    image, text = (tower.to(where) for tower in model.load_winnow(f"{options.model}/model.safetensors"))
    image = image.to(memory_format=torch.channels_last)
    once(f"{options.work}/pooled.npy", lambda: said(text, teachers.Texts(options.work, where), pairs))
    for number in range(options.views + 1):
        once(f"{options.work}/features-{number}.npy", lambda: shown_as(image, number, pairs, pictures, where))


if __name__ == "__main__":
    main()
