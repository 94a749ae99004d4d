#!/usr/bin/env python3
"""Trains the watermark classifier on what watermark_make.py made.

    watermark_train.py --examples WORK/examples --parts 60 --lite0 FILE --out WORK/run [--steps 6000] [--kept WORK/kept]
    watermark_train.py ... --start WORK/run/checkpoint.pt --frozen 0 --peak .5 --hard 3 --out WORK/run2      goes on from another run

The network: EfficientNet-Lite0's stem and first eight blocks on pictures of 448 x 448, then a block of 128 channels that says of each
of 28 x 28 places whether it carries ink. Stem and the first two blocks stay as ImageNet left them unless --frozen 0 lets them learn. A
picture's logit is made of its places: relu6(3 (ink - t)) for eight steps t, of each the mean and the largest of all places, and a
logistic over these sixteen, fitted when the places are as they will stay, over pictures that they never saw where --kept names such
parts. Every place is asked by itself in training: a map of pooled features that sees labels of whole pictures learns hundreds of them
by heart.

A step sees sixteen windows of 160 pixels, each put together anew: a picture of a part, and on every other one any mark of that part,
laid on at the size that both were drawn at, saved as JPEG or not, and only then brought to the network's pixels. Where a window
lies hangs on marks in both cases. Of --hard pictures drawn for a window one is taken, the likelier the more it looked marked when last
seen untouched; those not seen yet come first. Step s draws from the parts made so far if one is made every EVERY steps, so that making and
training may run side by side. A run that was stopped goes on at its last checkpoint; the running mean of the weights is what counts.
"""
import argparse
import os
import time

import numpy
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

import model
import steps as common
import tensors
import watermark_draw as draw
from watermark_gate import auc
from watermark_make import PART, recompressed

SIDE, WINDOW, CELL, BLOCKS, FROZEN, WIDTH = 448, 160, 16, 8, 2, 128
BATCH, KEEP, FIRST, EVERY, LEAST_INK, MEAN, MOST = 16, 100, 6, 12, 5, .998, 5
STEPS = numpy.arange(-6, 10, 2)  # of ink: relu6(3 (ink - t)) rises from t to t + 2


class Network(nn.Module):
    """uint8 [n, 3, side, side] to logits of places [n, side / 16, side / 16]."""
    def __init__(self, frozen=FROZEN):
        super().__init__()
        self.first = frozen  # blocks that do not learn, nor does the stem then
        self.stem = model.Convolution(3, 2, 3, 32)
        self.blocks = nn.ModuleList(model.Block(*shape, 0) for shape in model.BLOCKS[:BLOCKS])
        self.expand = model.Convolution(1, 1, model.BLOCKS[BLOCKS - 1][4], WIDTH)
        self.depthwise = model.Convolution(3, 1, WIDTH, WIDTH, groups=WIDTH)
        self.place = nn.Conv2d(WIDTH, 1, 1)
        nn.init.kaiming_normal_(self.expand.weight)
        self.depthwise.weight.data[:, :, 1, 1] = 1
        nn.init.constant_(self.place.bias, -2)

    def frozen(self, pictures):
        x = F.relu6(self.stem((pictures.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)))
        for block in self.blocks[:self.first]:
            x = block(x)
        return x

    def forward(self, pictures):
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.first):  # a few at a time stay in the processor's cache
            x = torch.cat([self.frozen(some) for some in pictures.split(4)])
        for block in self.blocks[self.first:]:
            x = block(x)
        return self.place(F.relu6(self.depthwise(F.relu6(self.expand(x)))))[:, 0]


def pooled(places):
    """[n, rows, columns] to [n, 16]: means, then maxima."""
    features = F.relu6(3 * (places[:, None] - torch.tensor(STEPS, dtype=places.dtype)[:, None, None]))
    return torch.cat([features.mean((2, 3)), features.amax((2, 3))], 1)


class Examples:
    def __init__(self, folder, parts):
        self.folder, self.there = folder, {}
        self.looked = torch.zeros(parts, PART)  # how marked each picture looked when it was seen untouched: its windows' mean logits

    def part(self, number):
        while number not in self.there:
            path = f"{self.folder}/part-{number:03}.npz"
            if os.path.exists(path):
                with numpy.load(path) as file:
                    self.there[number] = {name: file[name] for name in ("pixels", "ink", "band", "layout")}
            else:
                time.sleep(2)
        return self.there[number]

    def window(self, rng, part, row, marked, side):
        """(pixels [side, side, 3], ink [side / 16, side / 16]) of picture `row`; side in pixels of the network."""
        height, width = part["pixels"].shape[1:3]
        mark = int(rng.integers(len(part["ink"])))
        tries = []
        for _ in range(4):
            x, y = (rng.uniform(0, SIDE - side, 2) if side < SIDE else (0, 0)) if rng.random() < .7 else rng.choice((0, SIDE - side), 2)
            box = x * width / SIDE, y * height / SIDE, (x + side) * width / SIDE, (y + side) * height / SIDE
            left, top, right, bottom = int(box[0]), int(box[1]), min(int(numpy.ceil(box[2])), width), min(int(numpy.ceil(box[3])), height)
            rows = max(part["band"][mark][0] - top, 0), min(part["band"][mark][1], bottom) - top
            ink = part["ink"][mark][top:bottom, left:right]
            much = (rows[1] - rows[0]) * (right - left) if rows[1] > rows[0] else numpy.count_nonzero(ink > 127)
            tries.append((much, (left, top, right, bottom), box, rows, ink))
        _, (left, top, right, bottom), box, rows, ink = max(tries, key=lambda t: t[0]) if rng.random() < .8 else tries[0]
        picture = Image.fromarray(part["pixels"][row][top:bottom, left:right])
        where = Image.new("L", picture.size)
        if marked:
            picture, where = marked_picture(rng, picture, Image.fromarray(ink), rows if rows[1] > rows[0] else None,
                                            part["layout"][mark], (width * height) ** .5)
        picture = recompressed(rng, picture, .5)
        box = box[0] - left, box[1] - top, min(box[2] - left, right - left), min(box[3] - top, bottom - top)
        pixels = numpy.asarray(picture.resize((side, side), Image.Resampling.BICUBIC, box))
        cells = side // CELL
        return 255 - pixels if rng.random() < .1 else pixels, numpy.asarray(where.resize((cells, cells), Image.Resampling.BOX, box))

    def drawn(self, rng, parts, hard):
        """(part, row) of one of `hard` pictures."""
        some = [(int(rng.integers(parts)), int(rng.integers(PART))) for _ in range(hard)]
        chances = numpy.exp([float(self.looked[one]) for one in some])
        return some[int(rng.choice(hard, p=chances / chances.sum()))] if hard > 1 else some[0]

    def batch(self, rng, count, parts, side, hard=1):
        """pixels [n, 3, side, side], ink of places, (part, row) of each: every other one has been marked."""
        pixels, ink, which = [], [], [self.drawn(rng, parts, hard) for _ in range(count)]
        for i, (part, row) in enumerate(which):
            both = self.window(rng, self.part(part), row, i % 2, side)
            pixels.append(both[0])
            ink.append(both[1])
        return torch.from_numpy(numpy.stack(pixels)).permute(0, 3, 1, 2), torch.from_numpy(numpy.stack(ink)), which

    def saw(self, which, places):
        """Untouched windows' logits are remembered, within bounds."""
        for one, logit in zip(which[::2], strongest(places[::2]).clamp(-3, 3).tolist()):
            self.looked[one] = (self.looked[one] + logit) / 2 if self.looked[one] else logit


def marked_picture(rng, picture, ink, band, layout, across):
    for _ in range(8):
        drawn, where = draw.laid(rng, picture, ink, band, *draw.style(rng, layout), step=max(int(across / 250), 1))
        if draw.seen(picture, drawn, where):
            return drawn, where
    return picture, Image.new("L", picture.size)


def strongest(places):
    return places.flatten(1).topk(MOST).values.mean(1)


def loss_of(places, ink):
    """Of places, and of windows by the mean of their strongest places."""
    sure = (ink == 0) | (ink > LEAST_INK)  # a place that ink barely touches says nothing
    each = F.binary_cross_entropy_with_logits(places, (ink > LEAST_INK).float(), reduction="none", pos_weight=torch.tensor(2.0))
    inked = (ink > LEAST_INK).flatten(1).sum(1)
    some = (inked == 0) | (inked >= MOST)
    whole = F.binary_cross_entropy_with_logits(strongest(places), (inked > 0).float(), reduction="none")
    return (each * sure).sum() / sure.sum(), (whole * some).sum() / some.sum()


def train(options):
    torch.manual_seed(options.seed)
    network, given = Network(options.frozen), model.from_efficientnet(options.lite0).state_dict()
    own = network.state_dict()
    network.load_state_dict(own | {name: given[name] for name in own if name.startswith(("stem.", "blocks."))})
    if options.start:
        before = common.load(options.start)
        if not before:
            raise SystemExit(f"--start {options.start}: not there; a run leaves it as OUT/checkpoint.pt")
        network.load_state_dict(before["mean"])
    network = network.to(memory_format=torch.channels_last)
    for part in (network.stem, *network.blocks[:options.frozen]) if options.frozen else ():
        part.requires_grad_(False)
    learnt = {name: p for name, p in network.named_parameters() if p.requires_grad}
    optimizer = torch.optim.AdamW([{"params": [p for name, p in learnt.items() if name.startswith(("stem", "blocks"))], "base": 5e-4},
                                   {"params": [p for name, p in learnt.items() if not name.startswith(("stem", "blocks"))], "base": 2e-3}],
                                  betas=(.9, .98), weight_decay=.02)
    kept, first = common.load(f"{options.out}/checkpoint.pt"), 0
    mean = {name: value.clone() for name, value in network.state_dict().items()}
    if kept:
        network.load_state_dict(kept["network"])
        optimizer.load_state_dict(kept["optimizer"])
        mean, first = kept["mean"], kept["step"]
    examples = Examples(options.examples, options.parts)
    if kept:
        examples.looked = kept["looked"]
    log = common.Log(f"{options.out}/curve.tsv", ["step", "place", "window"], first)
    for step in range(first, options.steps):
        there = options.parts if options.start else min(options.parts, FIRST + step // EVERY)
        pixels, ink, which = examples.batch(common.chance(options.seed, step), BATCH, there, WINDOW, options.hard)
        places = network(pixels)
        place, window = loss_of(places, ink)
        examples.saw(which, places.detach())
        optimizer.zero_grad()
        (place + .3 * window).backward()
        nn.utils.clip_grad_norm_(learnt.values(), 2)
        for group in optimizer.param_groups:
            group["lr"] = options.peak * group["base"] * common.factor(step, options.steps, 100, .01)
        optimizer.step()
        share = min(MEAN, step / (step + 20))
        with torch.no_grad():
            for name, value in network.state_dict().items():
                mean[name].lerp_(value, 1 - share)
        log.add(step=step, place=place.item(), window=window.item())
        if (step + 1) % KEEP == 0 or step + 1 == options.steps:
            common.save(f"{options.out}/checkpoint.pt", network=network.state_dict(), optimizer=optimizer.state_dict(), mean=mean, step=step + 1,
                        looked=examples.looked)
    network.load_state_dict(mean)
    return network, examples


def whole(network, examples, options, count):
    """Pooled places of whole pictures, and whether each is marked."""
    rows, labels = [], []
    with torch.no_grad():
        for i in range(count // BATCH):
            pixels, ink, _ = examples.batch(common.chance(options.seed, i, 1), BATCH, len(examples.looked), SIDE)
            rows.append(pooled(network(pixels)).double())
            labels.append((ink > LEAST_INK).flatten(1).any(1).double())
    return torch.cat(rows), torch.cat(labels)


def fit_out(network, examples, options, count):
    """The last map."""
    return logistic(*whole(network, examples, options, count))


def measure(network, out, examples, options):
    rows, labels = whole(network, examples, options, options.fit)
    logits, marked = (rows @ out[0]).numpy(), labels.numpy() > 0
    bound = numpy.sort(logits[~marked])[-int((~marked).sum() * .01) - 1]
    print(f"held: {marked.sum()} of {len(marked)} marked, AUC {auc(logits[marked], logits[~marked]):.4f}, "
          f"found at 1 % false alarms {(logits[marked] > bound).mean():.3f}")


def logistic(rows, labels, decay=1e-3):
    """A regression by Newton's steps: (weights, bias)"""
    x = torch.cat([rows, torch.ones(len(rows), 1, dtype=torch.float64)], 1)
    weights, keep = torch.zeros(x.shape[1], dtype=torch.float64), decay * len(rows) * torch.eye(x.shape[1]).double()
    keep[-1, -1] = 0
    for _ in range(30):
        p = torch.sigmoid(x @ weights)
        weights -= torch.linalg.solve((x * (p * (1 - p))[:, None]).T @ x + keep, x.T @ (p - labels) + keep @ weights)
    return weights[:-1], weights[-1:]


def export(network, out, path):
    """Half floats under the names of an EfficientNet's parts, scales of batch norms folded in; what asks the places is the last block."""
    state, arrays = network.state_dict(), {}
    for name in [n.removesuffix(".scale") for n in state if n.endswith(".scale")]:
        to = name if name.startswith(("stem", "blocks")) else f"blocks.{BLOCKS}.{name}"
        arrays[to + ".weight"] = state[name + ".weight"] * state[name + ".scale"][:, None, None, None]
        arrays[to + ".bias"] = state[name + ".bias"]
    for kind in ("weight", "bias"):
        arrays[f"blocks.{BLOCKS}.project.{kind}"] = state[f"place.{kind}"]
    arrays["head.weight"] = torch.full((len(STEPS), 1, 1, 1), 3.0)
    arrays["head.bias"] = torch.from_numpy(-3.0 * STEPS)
    arrays["out.weight"], arrays["out.bias"] = out[0][None], out[1]
    arrays = {name: weight.contiguous().numpy().astype(numpy.float16) for name, weight in arrays.items()}
    assert all(numpy.isfinite(array.astype(numpy.float32)).all() for array in arrays.values())
    tensors.write(path, arrays)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("--examples", "--lite0", "--out"):
        parser.add_argument(name, required=True)
    for name, value in (("--parts", 60), ("--steps", 6000), ("--fit", 960), ("--frozen", FROZEN), ("--hard", 1), ("--kept-parts", 6),
                        ("--seed", 17), ("--threads", 1)):
        parser.add_argument(name, type=int, default=value)
    parser.add_argument("--start", help="checkpoint of another run")
    parser.add_argument("--peak", type=float, default=1, help="of the learning rate")
    parser.add_argument("--kept", help="parts of pictures kept back (watermark_make.py --kept), for the logistic")
    parser.add_argument("--held", help="parts of the judge's side (watermark_make.py --judge), to measure at the end")
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)
    torch.set_num_threads(options.threads)
    network, examples = train(options)
    if options.kept:
        examples = Examples(options.kept, options.kept_parts)
    out = fit_out(network, examples, options, options.fit)
    export(network, out, f"{options.out}/model.safetensors")
    if options.held:
        measure(network, out, Examples(options.held, options.kept_parts), options)


if __name__ == "__main__":
    main()
