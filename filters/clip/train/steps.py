"""What both trainings share: chance that hangs on the step alone, the learning rate, checkpoints, and a log."""
import math
import os

import numpy
import torch


def chance(seed, step, what=0):
    """Numbers drawn for this step: the same whether training was stopped before it or not. Dropout's come from here, too."""
    torch.manual_seed((seed * 7919 + what) * 1_000_003 + step)
    return numpy.random.default_rng((seed, what, step))


def factor(step, steps, warm, least=0.0):
    """Of the learning rate: up in a line, down in half a cosine."""
    warm = min(warm, max(steps // 4, 1))  # a short trial warms up, too
    if step < warm:
        return (step + 1) / warm
    return least + (1 - least) * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(steps - warm, 1)))


def save(path, **state):
    """Written beside and renamed: a stop in between leaves the last one."""
    torch.save(state, path + ".part")
    os.replace(path + ".part", path)


def load(path):
    return torch.load(path, map_location="cpu", weights_only=True) if os.path.exists(path) else None


class Log:
    """A table of one line a step. What was logged behind the checkpoint is taken back, so that a stop leaves no double lines."""
    def __init__(self, path, columns, step):
        old = []
        if step and os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                old = [line for line in file.read().splitlines()[1:] if int(line.split("\t")[0]) < step]
        self.file = open(path, "w", encoding="utf-8")
        self.columns = columns
        self.file.writelines(line + "\n" for line in ["\t".join(columns), *old])

    def add(self, **values):
        line = "\t".join(f"{values.get(c, ''):.5g}" if isinstance(values.get(c), float) else str(values.get(c, ""))
                         for c in self.columns)
        print(line, file=self.file, flush=True)
        print(line, flush=True)


def device():
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def mixed(where):
    return torch.autocast(where.type, torch.bfloat16, enabled=where.type == "cuda")
