#!/usr/bin/env python3
"""Both towers, together: a picture's embedding is to be near its own caption's and far from the others of the batch.

    contrastive.py --work WORK --minilm FOLDER --efficientnet FILE.pth --text text.pt --out run.pt

Symmetric InfoNCE with a learnt scale, in which equal captions are no negatives; a part of the loss (--soft) against the teacher's
likeness of the captions; the text tower is held near its teacher. Kept is the running mean of the weights (EMA). Stopped, it goes on
from OUT.checkpoint to the same result. OUT.tsv has a line a step, and every --look steps the figures of the pairs kept back.
"""
import argparse
import copy
import json
import os
import time

import numpy
import torch
from torch.nn import functional as F

import augment
import evaluate
import model
import steps
import teacher as teachers

DOUBLES = {"grocery-store", "clothing-small"}  # sources whose captions come from a few classes
DOUBLES_SHARE = 0.35
COLUMNS = ["step", "loss", "hard", "soft", "kept", "scale", "auc", "auc_within", "r_at_10", "seconds"]


class Towers(torch.nn.Module):
    def __init__(self, image, text):
        super().__init__()
        self.image, self.text = image, text
        self.scale = torch.nn.Parameter(torch.tensor(20.0).log())


def start(options, texts):
    """(towers, teacher): published weights, the distilled text tower, class vectors from the classes' names."""
    teacher, text = teachers.make(options.work, options.minilm, texts, options.space)
    text.load_state_dict(torch.load(options.text, map_location="cpu", weights_only=True)["text"])
    image = model.from_efficientnet(options.efficientnet)
    steps.chance(0, 0)  # every run's new layers start alike: soup.py averages them
    for layer in (image.embed.linear, image.embed.hidden, image.embed.output):
        torch.nn.init.normal_(layer.weight, std=layer.in_features ** -0.5)
        if layer.bias is not None:
            torch.nn.init.zeros_(layer.bias)
    image.embed.class_vectors.weight.data = name_vectors(options.work, text, texts)
    return Towers(image, text).to(texts.where, memory_format=torch.channels_last), teacher


def name_vectors(work, text, texts):
    """[1000, 256]: the mean embedding of a class's names, each bare and as what a photo shows."""
    with open(f"{work}/classes.json", encoding="utf-8") as file:
        said = [(row, prompt.format(name)) for row, synonyms in enumerate(json.load(file)) for name in synonyms["names"]
                for prompt in ("{}", "a photo of a {}")]
    said.sort(key=lambda each: len(each[1]))
    sums, numbers = torch.zeros(model.CLASSES, model.EMBEDDING), torch.zeros(model.CLASSES, 1)
    text.eval()
    with torch.no_grad():
        for i in range(0, len(said), 256):
            rows, lines = zip(*said[i:i + 256])
            sums.index_add_(0, torch.tensor(rows), text(texts.ids(lines)).cpu())
            numbers.index_add_(0, torch.tensor(rows), torch.ones(len(rows), 1))
    return sums / numbers


def groups(towers, options):
    """AdamW's groups. What is of one dimension (scales, biases, norms) does not decay."""
    found = {}
    for name, weight in towers.named_parameters():
        part = "text" if name.startswith("text.") else "head" if ".embed." in name or name == "scale" else "backbone"
        rate = {"text": options.text_rate, "head": options.head_rate, "backbone": options.rate}[part]
        decay = 0 if weight.dim() < 2 else 0.01 if part == "text" else 0.05
        found.setdefault((rate, decay), []).append(weight)
    return [{"params": weights, "rate": rate, "weight_decay": decay} for (rate, decay), weights in found.items()]


class Draw:
    """Batches of pairs: an epoch takes every pair once, but of the sources with doubles a share."""
    def __init__(self, pairs, options):
        train = [i for i, pair in enumerate(pairs) if pair["role"] == "train"]
        self.plain = numpy.array([i for i in train if pairs[i]["source"] not in DOUBLES], dtype=int)
        self.doubles = numpy.array([i for i in train if pairs[i]["source"] in DOUBLES], dtype=int)
        self.taken = round(DOUBLES_SHARE * len(self.doubles))
        self.pairs, self.batch, self.seed = pairs, options.batch, options.seed
        self.epoch = (len(self.plain) + self.taken) // self.batch  # in steps

    def __call__(self, step):
        """Numbers of the pairs and a caption of each: the first one whole, or, more often, any view."""
        chance = steps.chance(self.seed, step // self.epoch, 1)
        order = numpy.concatenate([self.plain, chance.choice(self.doubles, self.taken, replace=False)])
        which = chance.permutation(order)[step % self.epoch * self.batch:][:self.batch]
        chance = steps.chance(self.seed, step, 2)
        views = [self.pairs[i]["views"] for i in which]
        return which, [v[0] if chance.random() < 0.35 else v[chance.integers(len(v))] for v in views]


def equal(pairs, which, captions):
    """[n, n]: other pairs of the batch that say the same, in words or in class."""
    words = numpy.array(captions)
    classes = numpy.array([pairs[i]["class"] or str(i) for i in which])
    same = (words[:, None] == words[None]) | (classes[:, None] == classes[None])
    numpy.fill_diagonal(same, False)
    return torch.from_numpy(same)


def contrast(shown, said, taught, scale, same):
    """(hard, soft): both the mean of picture to caption and caption to picture."""
    logits = scale * shown @ said.T
    target = torch.softmax(12 * taught @ taught.T, -1)
    own = torch.arange(len(logits), device=logits.device)
    hard = sum(F.cross_entropy(side.masked_fill(same, -1e4), own) for side in (logits, logits.T)) / 2
    soft = sum(F.cross_entropy(side, target) for side in (logits, logits.T)) / 2
    return hard, soft


def losses(options, step, towers, teacher, texts, draw, pictures):
    which, captions = draw(step)
    chance = steps.chance(options.seed, step, 3)
    pairs = [draw.pairs[i] for i in which]
    shown = torch.from_numpy(pictures[which]).to(texts.where).permute(0, 3, 1, 2)
    shown = augment.augment(chance, shown, [p["width"] for p in pairs], [p["height"] for p in pairs], [p["kind"] for p in pairs],
                            options.area)
    other = [texts.lines[i] for i in chance.integers(len(texts.lines), size=options.others)]
    said, other = texts.ids(captions), texts.ids(other)
    with steps.mixed(texts.where):
        with torch.no_grad():
            taught, taught_other = (teachers.by_length(teacher, ids) for ids in (said, other))
        shown = towers.image(shown)
        ours, ours_other = (teachers.by_length(towers.text, ids) for ids in (said, other))
    same = equal(draw.pairs, which, captions).to(texts.where)
    hard, soft = contrast(shown, ours, taught, towers.scale.exp(), same)
    kept = 0.5 * (1 - (ours * taught).sum(-1)).mean() + (1 - (ours_other * taught_other).sum(-1)).mean()
    return (1 - options.soft) * hard + options.soft * soft + kept, hard, soft, kept


def move_mean(mean, towers, step):
    """Of the weights, at .99; less in the first hundred steps, which would else never leave it."""
    keep = min(0.99, (1 + step) / (10 + step))
    with torch.no_grad():
        for old, new in zip(mean.parameters(), towers.parameters()):
            old.lerp_(new, 1 - keep)


def train(options, texts, pairs, pictures):
    towers, teacher = start(options, texts)
    mean = copy.deepcopy(towers)
    optimiser = torch.optim.AdamW(groups(towers, options), betas=(0.9, 0.98))
    draw = Draw(pairs, options)
    total = options.steps or options.epochs * draw.epoch
    before = steps.load(options.out + ".checkpoint")
    if before:
        towers.load_state_dict(before["towers"])
        mean.load_state_dict(before["mean"])
        optimiser.load_state_dict(before["optimiser"])
    first = before["step"] if before else 0
    log = steps.Log(options.out + ".tsv", COLUMNS, first)
    kept_back = [i for i, pair in enumerate(pairs) if pair["role"] == "val"][:options.val]
    towers.train()
    for step in range(first, total):
        began = time.time()
        for group in optimiser.param_groups:
            group["lr"] = group["rate"] * steps.factor(step, total, 60, 0.01)
        loss, hard, soft, kept = losses(options, step, towers, teacher, texts, draw, pictures)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(towers.parameters(), 2)
        optimiser.step()
        move_mean(mean, towers, step)
        took, seen = time.time() - began, {}
        if options.look and (step % options.look == 0 or step + 1 == total):
            seen = evaluate.of(mean.image, mean.text, texts, pairs, pictures, kept_back)
        log.add(step=step, loss=loss.item(), hard=hard.item(), soft=soft.item(), kept=kept.item(), scale=towers.scale.exp().item(),
                seconds=took, **{name: value for name, value in seen.items() if name in COLUMNS})
        if (step + 1) % options.every == 0:
            steps.save(options.out + ".checkpoint", step=step + 1, towers=towers.state_dict(), mean=mean.state_dict(),
                       optimiser=optimiser.state_dict())
    steps.save(options.out, image=mean.image.state_dict(), text=mean.text.state_dict(), scale=mean.scale.exp().item())
    if os.path.exists(options.out + ".checkpoint"):
        os.remove(options.out + ".checkpoint")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("--work", "--minilm", "--efficientnet", "--text", "--out"):
        parser.add_argument(name, required=True)
    for name, default in (("--batch", 512), ("--others", 512), ("--epochs", 14), ("--steps", 0), ("--seed", 0), ("--space", 20000),
                          ("--every", 50), ("--look", 50), ("--val", 1000)):
        parser.add_argument(name, type=int, default=default)
    for name, default in (("--rate", 3e-4), ("--head-rate", 1e-3), ("--text-rate", 3e-4), ("--soft", 0.3), ("--area", 0.35)):
        parser.add_argument(name, type=float, default=default)
    options = parser.parse_args()
    texts = teachers.Texts(options.work, steps.device())
    train(options, texts, *evaluate.read_pairs(options.work))


if __name__ == "__main__":
    main()
