#!/usr/bin/env python3
"""How well pictures and captions find one another: the figures of `winnow model eval`, in torch, while training runs.

    evaluate.py --work WORK MODEL...

MODEL is a model.safetensors, or a run's .pt. A line for the pairs marked val and for each source left out. For figures to be told,
export and ask `winnow model eval FOLDER PAIRS`: it runs the int8 text tower as it is used.
"""
import argparse
import json

import numpy
import torch

import model
import steps
import teacher as teachers


def read_pairs(work):
    with open(f"{work}/pairs.jsonl", encoding="utf-8") as file:
        return [json.loads(line) for line in file], numpy.load(f"{work}/pictures.npy", mmap_mode="r")


def embed(image, text, texts, pairs, pictures, which):
    """Embeddings of these pairs' pictures and first captions."""
    image.eval(), text.eval()
    shown, said = [], []
    with torch.no_grad(), steps.mixed(texts.where):
        for i in range(0, len(which), 64):
            part = which[i:i + 64]
            shown.append(image(torch.from_numpy(pictures[part]).to(texts.where).permute(0, 3, 1, 2)))
            said.append(teachers.by_length(text, texts.ids([pairs[k]["views"][0] for k in part])))
    image.train(), text.train()
    return torch.cat(shown).float().cpu().numpy(), torch.cat(said).float().cpu().numpy()


def auc(right, wrong):
    """The chance that a matched pair is more similar than an unmatched one; a tie counts one half."""
    wrong = numpy.sort(wrong)
    return float(numpy.mean(numpy.searchsorted(wrong, right, "left") + numpy.searchsorted(wrong, right, "right")) / 2 / len(wrong))


def figures(shown, said, captions, sources):
    likeness = shown @ said.T
    captions, sources = numpy.array(captions), numpy.array(sources)
    wrong = captions[:, None] != captions[None]
    near = wrong & (sources[:, None] == sources[None])
    right = likeness.diagonal()
    before = ((likeness > right[:, None]) & wrong).sum(1)
    return {"pairs": len(right), "auc": auc(right, likeness[wrong]), "auc_within": auc(right, likeness[near]),
            "r_at_1": float((before < 1).mean()), "r_at_10": float((before < 10).mean())}


def of(image, text, texts, pairs, pictures, which):
    shown, said = embed(image, text, texts, pairs, pictures, which)
    return figures(shown, said, [pairs[k]["views"][0] for k in which], [pairs[k]["source"] for k in which])


def load(path, words):
    if path.endswith(".safetensors"):
        return model.load_winnow(path)
    state = torch.load(path, map_location="cpu", weights_only=True)
    image, text = model.ImageTower(), model.TextTower(words)
    image.load_state_dict(state["image"])
    text.load_state_dict(state["text"])
    return image, text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", required=True)
    parser.add_argument("models", nargs="+")
    options = parser.parse_args()
    texts = teachers.Texts(options.work, steps.device())
    pairs, pictures = read_pairs(options.work)
    groups = {"val": [i for i, pair in enumerate(pairs) if pair["role"] == "val"]}
    for i, pair in enumerate(pairs):
        if pair["role"] == "left":
            groups.setdefault(pair["source"], []).append(i)
    print("model\tgroup\tpairs\tauc\tauc_within\tr_at_1\tr_at_10")
    for path in options.models:
        image, text = (tower.to(texts.where) for tower in load(path, len(texts.words.pieces)))
        for name, which in groups.items():
            if len(which) > 1:
                values = of(image, text, texts, pairs, pictures, which)
                print(path, name, *(f"{v:.4f}" if isinstance(v, float) else v for v in values.values()), sep="\t", flush=True)


if __name__ == "__main__":
    main()
