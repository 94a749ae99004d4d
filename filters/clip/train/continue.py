#!/usr/bin/env python3
"""A trained model's last layers learn from more pairs; what is before them stays, so that minutes of one core are enough.

    continue.py --work WORK --model FOLDER --out run.pt

The picture's head (linear, hidden layer, class vectors) and the texts' projection, on what features.py made of WORK's pairs, by
contrastive.py's loss: the given projection is the teacher. `soup.py` takes the mean of several seeds' runs, `export.py` writes it.
OUT.tsv has a line a step. --lot KEY says from which key on pairs are new: --new N draws them N times as often as the others. What is
written is a mean of what was learnt and, by --given, what was there: that forgets less.
"""
import argparse
import copy
import json

import numpy
import torch
from torch import nn
from torch.nn import functional as F

import contrastive
import model
import steps


class Last(nn.Module):
    """What is learnt. Features [n, 1280] and pooled texts [n, 384] to embeddings of length 1."""
    def __init__(self, image, text, scale):
        super().__init__()
        self.embed, self.projection, self.classifier = copy.deepcopy(image.embed), copy.deepcopy(text.projection), image.classifier
        self.classifier.requires_grad_(False)
        self.scale = nn.Parameter(torch.tensor(scale).log())

    def shown(self, features):
        return F.normalize(self.embed(features, self.classifier(features)), dim=-1)

    def said(self, pooled):
        return F.normalize(self.projection(pooled), dim=-1)


class Made:
    """The rows that features.py made."""
    def __init__(self, work, pairs):
        self.views = []
        try:
            while True:
                self.views.append(numpy.load(f"{work}/features-{len(self.views)}.npy", mmap_mode="r"))
        except FileNotFoundError:
            if not self.views:
                raise SystemExit(f"{work}/features-0.npy is not there: features.py makes it") from None
        self.pooled = torch.from_numpy(numpy.load(f"{work}/pooled.npy"))
        self.first = numpy.concatenate([[0], numpy.cumsum([len(pair["views"]) for pair in pairs])])

    def features(self, which, chance):
        """Of these pairs, of one view each drawn."""
        views = chance.integers(len(self.views), size=len(which))
        return torch.from_numpy(numpy.stack([self.views[v][i] for v, i in zip(views, which)])).float()

    def texts(self, pairs, which, captions):
        return self.pooled[[self.first[i] + pairs[i]["views"].index(caption) for i, caption in zip(which, captions)]]


def losses(options, step, last, given, draw, made):
    which, captions = draw(step)
    chance = steps.chance(options.seed, step, 3)
    features, texts = made.features(which, chance), made.texts(draw.pairs, which, captions)
    with torch.no_grad():
        taught = given.said(texts)
    shown, said = last.shown(F.dropout(features, options.dropout)), last.said(texts)
    hard, soft = contrastive.contrast(shown, said, taught, last.scale.exp(), contrastive.equal(draw.pairs, which, captions))
    kept = 0.5 * (1 - (said * taught).sum(-1)).mean()
    return (1 - options.soft) * hard + options.soft * soft + kept, hard, soft, kept


def train(options, pairs, image, text, scale):
    given = Last(image, text, scale)
    last, mean = copy.deepcopy(given), copy.deepcopy(given)
    learnt = [p for p in last.parameters() if p.requires_grad]
    projection = list(last.projection.parameters())
    head = [p for p in learnt if all(p is not q for q in projection)]
    optimiser = torch.optim.AdamW([{"params": head, "rate": options.rate, "weight_decay": 0.05},
                                   {"params": projection, "rate": options.text_rate, "weight_decay": 0.01}], betas=(0.9, 0.98))
    draw, made = contrastive.Draw(pairs, options), Made(options.work, pairs)
    new = [i for i in draw.plain if options.lot and int(pairs[i]["key"]) >= options.lot]
    draw.plain = numpy.concatenate([draw.plain] + [new] * (options.new - 1)).astype(int)
    draw.epoch = (len(draw.plain) + draw.taken) // options.batch
    total = options.epochs * draw.epoch
    log = steps.Log(options.out + ".tsv", ["step", "loss", "hard", "soft", "kept"], 0)
    for step in range(total):
        for group in optimiser.param_groups:
            group["lr"] = group["rate"] * steps.factor(step, total, 20, 0.01)
        loss, *parts = losses(options, step, last, given, draw, made)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(learnt, 2)
        optimiser.step()
        contrastive.move_mean(mean, last, step)
        log.add(step=step, loss=loss.item(), **{name: part.item() for name, part in zip(("hard", "soft", "kept"), parts)})
    with torch.no_grad():
        for weight, before in zip(mean.parameters(), given.parameters()):
            weight.lerp_(before, options.given)
    return mean


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("--work", "--model", "--out"):
        parser.add_argument(name, required=True)
    for name, default in (("--batch", 512), ("--epochs", 6), ("--seed", 0), ("--lot", 0), ("--new", 1), ("--threads", 1)):
        parser.add_argument(name, type=int, default=default)
    for name, default in (("--rate", 3e-4), ("--text-rate", 1e-4), ("--soft", 0.3), ("--dropout", 0.1), ("--given", 0.5)):
        parser.add_argument(name, type=float, default=default)
    parser.add_argument("--leave", nargs="*", default=[], help="sources that are not learnt from")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with open(f"{options.work}/pairs.jsonl", encoding="utf-8") as file:
        pairs = [json.loads(line) for line in file]
    pairs = [pair | ({"role": "left"} if pair["source"] in options.leave else {}) for pair in pairs]
    image, text = model.load_winnow(f"{options.model}/model.safetensors")
    with open(f"{options.model}/config.json", encoding="utf-8") as file:
        scale = json.load(file)["logit_scale"]
    mean = train(options, pairs, image, text, scale)
    image.embed, text.projection = mean.embed, mean.projection
    steps.save(options.out, image=image.state_dict(), text=text.state_dict(), scale=mean.scale.exp().item())


if __name__ == "__main__":
    main()
