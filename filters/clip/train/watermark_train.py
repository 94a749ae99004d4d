#!/usr/bin/env python3
"""Trains the watermark classifier on what watermark_make.py made.

    watermark_train.py --examples WORK/examples --parts 48 --lite0 FILE --out WORK/run [--steps 450 --whole 60]

The network: EfficientNet-Lite0's stem and first six blocks at 320 pixels, then 128 numbers at each of 20 x 20 places say whether that
place carries ink; a picture's logit is made of the mean and the largest of its places. Stem and the first two blocks stay as ImageNet
left them. Every place is asked by itself in training: a map of the picture's 128 features that sees labels of whole pictures alone
learns hundreds of them by heart (AUC .98 on its own, .60 on others) where the largest place reaches .73 on both.

The first steps see quarters of pictures, which costs a quarter; the last --whole steps see all of them. Step s draws from the parts
made so far if one is made every twelve steps, so that making and training may run side by side and every run still draws the same. A run
that was stopped goes on at its last checkpoint.
"""
import argparse
import os
import time

import numpy
import torch
from torch import nn
from torch.nn import functional as F

import model
import steps as common
import tensors

SIDE, CELL, BLOCKS, FROZEN, WIDTH = 320, 16, 6, 2, 128
BATCH, KEEP, FIRST, EVERY, LEAST_INK, RANGE = 16, 25, 3, 12, 5, 12


class Network(nn.Module):
    """uint8 [n, 3, side, side] to (logits of places [n, side / 16, side / 16], logits of pictures [n])."""
    def __init__(self):
        super().__init__()
        self.stem = model.Convolution(3, 2, 3, 32)
        self.blocks = nn.ModuleList(model.Block(*shape, 0) for shape in model.BLOCKS[:BLOCKS])
        self.head = model.Convolution(1, 1, model.BLOCKS[BLOCKS - 1][4], WIDTH)
        self.place = nn.Conv2d(WIDTH, 1, 1)
        self.out = nn.Linear(2, 1)
        nn.init.kaiming_normal_(self.head.weight)
        nn.init.constant_(self.place.bias, -2)
        nn.init.constant_(self.out.weight, .5)

    def places(self, pictures):
        with torch.no_grad():
            x = F.relu6(self.stem((pictures.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)))
            for block in self.blocks[:FROZEN]:
                x = block(x)
        for block in self.blocks[FROZEN:]:
            x = block(x)
        return self.place(F.relu6(self.head(x)))[:, 0]

    def forward(self, pictures):
        places = self.places(pictures)
        return places, self.out(pooled(places))[:, 0]


def pooled(places):
    return torch.stack([places.mean((1, 2)), places.amax((1, 2))], 1)


def fill(network, lite0, start):
    """ImageNet's weights; over them those of `start`, an earlier result, whose scales are in its weights. The last map starts anew."""
    places = {f"blocks.{BLOCKS}.expand": "head", f"blocks.{BLOCKS}.project": "place"}
    given, own = model.from_efficientnet(lite0).state_dict(), network.state_dict()
    own.update({name: given[name] for name in own if name.startswith(("stem.", "blocks."))})
    for name, array in (tensors.read(start) if start else {}).items():
        part, kind = name.rsplit(".", 1)
        name = f"{places.get(part, part)}.{kind}"
        if name in own and not part.startswith(("head", "out")):
            own[name] = torch.from_numpy(array.astype(numpy.float32))
            scale = name.removesuffix(".weight") + ".scale"
            if name.endswith(".weight") and scale in own:
                own[scale] = torch.ones_like(own[scale])
    network.load_state_dict(own)


class Examples:
    def __init__(self, folder, parts):
        self.folder, self.parts, self.there = folder, parts, {}

    def part(self, number):
        while number not in self.there:
            path = f"{self.folder}/part-{number:03}.npz"
            if os.path.exists(path):
                with numpy.load(path) as file:
                    self.there[number] = {name: file[name] for name in ("pixels", "label", "where")}
            else:
                time.sleep(2)
        return self.there[number]

    def batch(self, rng, step, side):
        """pixels [n, 3, side, side], ink of places, label: as many with a watermark as without."""
        parts = min(self.parts, FIRST + step // EVERY)
        pixels, ink = [], []
        for i in range(BATCH):
            part = self.part(int(rng.integers(parts)))
            row = int(rng.integers(len(part["label"]) // 2)) * 2 + i % 2  # odd ones carry a watermark
            cells, most = side // CELL, (SIDE - side) // CELL
            tries = [rng.integers(most + 1, size=2) for _ in range(4)]
            inside = [part["where"][row][y:y + cells, x:x + cells] for y, x in tries]
            best = int(numpy.argmax([w.max() for w in inside])) if i % 2 else 0  # of four places one that shows much of it
            y, x = tries[best]
            crop = part["pixels"][row][y * CELL:y * CELL + side, x * CELL:x * CELL + side]
            pixels.append(255 - crop if rng.random() < .15 else crop)
            ink.append(inside[best])
        return (torch.from_numpy(numpy.stack(pixels)).permute(0, 3, 1, 2), torch.from_numpy(numpy.stack(ink)),
                torch.from_numpy((numpy.stack(ink).max((1, 2)) > LEAST_INK).astype(numpy.float32)))


def loss_of(network, pixels, ink, label):
    places, pictures = network(pixels)
    sure = (ink == 0) | (ink > LEAST_INK)  # a place that ink barely touches says nothing
    each = F.binary_cross_entropy_with_logits(places, (ink > LEAST_INK).float(), reduction="none", pos_weight=torch.tensor(2.0))
    return (each * sure).sum() / sure.sum(), F.binary_cross_entropy_with_logits(pictures, label)


def train(options):
    torch.manual_seed(options.seed)
    network = Network()
    fill(network, options.lite0, options.start)
    network = network.to(memory_format=torch.channels_last)
    for part in (network.stem, *network.blocks[:FROZEN]):
        part.requires_grad_(False)
    new = [p for name, p in network.named_parameters() if name.startswith(("head", "place"))]
    out = list(network.out.parameters())
    old = [p for name, p in network.named_parameters() if name.startswith("blocks") and p.requires_grad]
    optimizer = torch.optim.AdamW([{"params": old, "base": 5e-4}, {"params": new, "base": 2e-3}, {"params": out, "base": 2e-3}], betas=(.9, .98), weight_decay=.02)
    kept, first = common.load(f"{options.out}/checkpoint.pt"), 0
    if kept:
        network.load_state_dict(kept["network"])
        optimizer.load_state_dict(kept["optimizer"])
        first = kept["step"]
    log = common.Log(f"{options.out}/curve.tsv", ["step", "side", "place", "picture"], first)
    examples, total = Examples(options.examples, options.parts), options.steps + options.whole
    for step in range(first, total):
        side = SIDE // 2 if step < options.steps else SIDE
        place, picture = loss_of(network, *examples.batch(common.chance(options.seed, step), step, side))
        optimizer.zero_grad()
        (place + .3 * picture if side < SIDE else place + picture).backward()
        nn.utils.clip_grad_norm_(old + new + out, 2)
        for group in optimizer.param_groups:
            group["lr"] = group["base"] * common.factor(step, total, 40, .01)
        optimizer.step()
        log.add(step=step, side=side, place=place.item(), picture=picture.item())
        if (step + 1) % KEEP == 0 or step + 1 == total:
            common.save(f"{options.out}/checkpoint.pt", network=network.state_dict(), optimizer=optimizer.state_dict(), step=step + 1)
    return network, examples


def fit_out(network, examples, parts):
    """The last map anew, on the whole pictures of the first parts, when the places are as they will stay."""
    rows, labels = [], []
    with torch.no_grad():
        for number in range(parts):
            part = examples.part(number)
            for i in range(0, len(part["label"]), 20):
                rows.append(pooled(network.places(torch.from_numpy(part["pixels"][i:i + 20]).permute(0, 3, 1, 2))).double())
            labels.append(torch.from_numpy(part["label"].astype(numpy.float64)))
    fit(network, torch.cat(rows), torch.cat(labels))


def fit(network, rows, labels):
    """A logistic regression by Newton's steps."""
    x = torch.cat([rows, torch.ones(len(rows), 1, dtype=torch.float64)], 1)
    weights = torch.zeros(3, dtype=torch.float64)
    for _ in range(20):
        p = torch.sigmoid(x @ weights)
        weights -= torch.linalg.solve((x * (p * (1 - p))[:, None]).T @ x + 1e-6 * torch.eye(3).double(), x.T @ (p - labels))
    network.out.weight.data = weights[None, :2].float()
    network.out.bias.data = weights[2:].float()


def export(network, path):
    """Half floats under the names of an EfficientNet's parts, scales of batch norms folded in. What asks a place is a seventh block
    with a window of one pixel; the one feature behind it, (logit + RANGE) / (RANGE / 3), stays within ReLU6 for logits up to RANGE."""
    state, out = network.state_dict(), {}

    def folded(name):
        return state[name + ".weight"] * state[name + ".scale"][:, None, None, None], state[name + ".bias"]
    for name in [n.removesuffix(".scale") for n in state if n.endswith(".scale") and not n.startswith("head.")]:
        out[name + ".weight"], out[name + ".bias"] = folded(name)
    block = f"blocks.{BLOCKS}."
    out[block + "expand.weight"], out[block + "expand.bias"] = folded("head")
    out[block + "depthwise.weight"], out[block + "depthwise.bias"] = torch.ones(WIDTH, 1, 1, 1), torch.zeros(WIDTH)
    out[block + "project.weight"], out[block + "project.bias"] = state["place.weight"], state["place.bias"]
    out["head.weight"], out["head.bias"] = torch.full((1, 1, 1, 1), 3 / RANGE), torch.full((1,), 3.0)
    out["out.weight"] = state["out.weight"] * RANGE / 3
    out["out.bias"] = state["out.bias"] - RANGE * state["out.weight"].sum()
    arrays = {name: weight.contiguous().numpy().astype(numpy.float16) for name, weight in out.items()}
    assert all(numpy.isfinite(array.astype(numpy.float32)).all() for array in arrays.values())
    tensors.write(path, arrays)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("--examples", "--lite0", "--out"):
        parser.add_argument(name, required=True)
    parser.add_argument("--start", help="this model.safetensors instead of ImageNet's weights")
    for name, value in (("--parts", 48), ("--steps", 450), ("--whole", 60), ("--fit", 12), ("--seed", 17), ("--threads", 1)):
        parser.add_argument(name, type=int, default=value)
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)
    torch.set_num_threads(options.threads)
    network, examples = train(options)
    fit_out(network, examples, options.fit)
    export(network, f"{options.out}/model.safetensors")


if __name__ == "__main__":
    main()
