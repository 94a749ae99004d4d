"""The teacher: MiniLM's sentence embeddings, turned into the space that both towers learn."""
import os

import numpy
import torch
from torch.nn import functional as F

import model
import wordpiece


class Texts:
    """The texts of WORK, and their ids on a device."""
    def __init__(self, work, where):
        self.words = wordpiece.read_vocabulary(f"{work}/vocab.txt")
        self.where = where
        with open(f"{work}/texts.txt", encoding="utf-8") as file:
            self.lines = file.read().splitlines()

    def ids(self, texts):
        return torch.from_numpy(self.words.batch(texts)).to(self.where)


def space(tower, texts, sample):
    """The projection: minus the mean, onto the 256 directions that vary most; measured on the first texts of the file."""
    lines = sorted(texts.lines[:sample], key=len)  # like lengths together: less padding
    with torch.no_grad():
        pooled = torch.cat([tower.pooled(texts.ids(lines[i:i + 256])) for i in range(0, sample, 256)])
    pooled = pooled.double().cpu()
    mean = pooled.mean(0)
    values, vectors = torch.linalg.eigh((pooled - mean).T @ (pooled - mean))
    basis = vectors.flip(1)[:, :model.EMBEDDING].T
    basis *= basis.gather(1, basis.abs().argmax(1, keepdim=True)).sign()  # a direction has no sign of its own: the largest is positive
    kept = values.flip(0)[:model.EMBEDDING].sum() / values.sum()
    print(f"target space: {kept:.4f} of the variance of {sample} texts", flush=True)
    return {"projection.weight": basis.float(), "projection.bias": (-basis @ mean).float()}


def make(work, minilm, texts, sample):
    """(teacher, student before training); the space is measured once and kept in WORK."""
    rows = numpy.load(f"{work}/rows.npy")
    weights = f"{minilm}/model.safetensors"
    tower = model.from_minilm(weights, rows).eval().requires_grad_(False).to(texts.where)
    path = f"{work}/space.pt"
    if not os.path.exists(path):
        torch.save(space(tower, texts, min(sample, len(texts.lines))), path)
    projection = torch.load(path, weights_only=True)
    tower.load_state_dict(projection, strict=False)
    student = model.from_minilm(weights, rows, (0, 2, 5))
    student.load_state_dict(projection, strict=False)
    return tower, student.to(texts.where)


def by_length(tower, ids, parts=4):
    """The tower's embeddings, texts of like lengths together: captions are of 3 to 64 pieces, and padding costs as much as words."""
    order = (ids != 0).sum(1).argsort()
    rows = [tower(part[:, :int((part != 0).sum(1).max())]) for part in ids[order].tensor_split(min(parts, len(ids)))]
    return torch.cat(rows)[order.argsort()]


def relation(ours, theirs, scale):
    """Mean KL divergence of each row's likeness to the other rows, theirs to ours."""
    own = torch.eye(len(ours), dtype=torch.bool, device=ours.device)
    ours = (scale * ours @ ours.T).masked_fill(own, -1e4)
    theirs = (scale * theirs @ theirs.T).masked_fill(own, -1e4)
    return F.kl_div(F.log_softmax(ours, -1), F.log_softmax(theirs, -1), reduction="batchmean", log_target=True)
