#!/usr/bin/env python3
"""The text tower: layers 0, 2 and 5 of MiniLM learn to give the embeddings of all six.

    distil.py --work WORK --minilm FOLDER --out text.pt [--steps 705] [--batch 3072]

Loss: 4 (1 - cosine) + KL of the batch's likenesses at scale 20 over 1,024 rows. Stopped, it goes on from OUT.checkpoint to the same
result. The last 1,000 texts of texts.txt are kept back; their mean cosine to the teacher is printed.
"""
import argparse
import os
import time

import torch

import steps
import teacher as teachers

KEPT_BACK = 1000


def draw(options, texts, step):
    """A batch of like lengths: a run of the texts, sorted by length, around a place drawn at random in a draw of eight batches."""
    chance = steps.chance(options.seed, step)
    drawn = chance.choice(len(texts.lines) - KEPT_BACK, min(8 * options.batch, len(texts.lines) - KEPT_BACK), replace=False)
    drawn = sorted((texts.lines[i] for i in drawn), key=len)
    batch = min(options.batch, len(drawn))
    start = chance.integers(0, len(drawn) // batch) * batch
    return texts.ids(drawn[start:start + batch])


def cosine(student, teacher, texts, number):
    student.eval()
    with torch.no_grad():
        lines = sorted(texts.lines[-number:], key=len)
        parts = [lines[i:i + 100] for i in range(0, number, 100)]
        cosines = torch.cat([(student(ids) * teacher(ids)).sum(-1) for ids in map(texts.ids, parts)])
    student.train()
    return cosines.mean().item()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("--work", "--minilm", "--out"):
        parser.add_argument(name, required=True)
    for name, default in (("--steps", 705), ("--batch", 3072), ("--rows", 1024), ("--warm", 100), ("--space", 20000), ("--seed", 0),
                          ("--every", 100), ("--check", KEPT_BACK)):
        parser.add_argument(name, type=int, default=default)
    parser.add_argument("--rate", type=float, default=4e-4)
    options = parser.parse_args()
    where = steps.device()
    texts = teachers.Texts(options.work, where)
    teacher, student = teachers.make(options.work, options.minilm, texts, options.space)
    optimiser = torch.optim.AdamW(student.parameters(), options.rate, betas=(0.9, 0.98), weight_decay=0.01)
    before = steps.load(options.out + ".checkpoint")
    if before:
        student.load_state_dict(before["student"])
        optimiser.load_state_dict(before["optimiser"])
    first = before["step"] if before else 0
    log = steps.Log(options.out + ".tsv", ["step", "loss", "cosine", "seconds"], first)
    student.train()
    for step in range(first, options.steps):
        began = time.time()
        ids = draw(options, texts, step)
        for group in optimiser.param_groups:
            group["lr"] = options.rate * steps.factor(step, options.steps, options.warm)
        with steps.mixed(where):
            ours, theirs = student(ids), teacher(ids)
        cosines = (ours * theirs).sum(-1)
        loss = 4 * (1 - cosines).mean() + teachers.relation(ours[:options.rows], theirs[:options.rows], 20)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(student.parameters(), 1)
        optimiser.step()
        log.add(step=step, loss=loss.item(), cosine=cosines.mean().item(), seconds=time.time() - began)
        if (step + 1) % options.every == 0:
            steps.save(options.out + ".checkpoint", step=step + 1, student=student.state_dict(), optimiser=optimiser.state_dict())
    steps.save(options.out, text=student.state_dict())
    print(f"cosine to the teacher on texts kept back: {cosine(student, teacher, texts, options.check):.4f}")
    if os.path.exists(options.out + ".checkpoint"):
        os.remove(options.out + ".checkpoint")


if __name__ == "__main__":
    main()
