#!/usr/bin/env python3
"""Whether these scripts and winnow speak of the same model.

    check.py FOLDER VECTORS.json [RUN.pt]

FOLDER holds model.safetensors and vocab.txt. VECTORS.json has pictures (file, embedding) and texts (text, ids, embedding), as another
implementation gave them. Prints the largest differences. With RUN.pt, writes the weights back as a run: exported, it has to give
FOLDER's bytes again.
"""
import json
import pathlib
import sys

import numpy
import torch

import model
import prepare
import steps
import wordpiece


def main(folder, vectors, out=None):
    image, text = model.load_winnow(f"{folder}/model.safetensors")
    words = wordpiece.read_vocabulary(f"{folder}/vocab.txt")
    with open(vectors, encoding="utf-8") as file:
        given = json.load(file)
    beside = pathlib.Path(vectors).parent
    pictures = numpy.stack([prepare.squash((beside / p["file"]).read_bytes())[0] for p in given["pictures"]])
    with torch.no_grad():
        shown = image(torch.from_numpy(pictures).permute(0, 3, 1, 2)).numpy()
        said = text(torch.from_numpy(words.batch([t["text"] for t in given["texts"]]))).numpy()
    same = sum(words.encode(t["text"]) == t["ids"] for t in given["texts"])
    print(f"{same} of {len(given['texts'])} texts have the same ids")
    wanted = numpy.array([p["embedding"] for p in given["pictures"]])
    print(f"pictures: largest difference {numpy.abs(shown - wanted).max():.2g}")
    wanted = numpy.array([t.get("embedding_int8_weights", t["embedding"]) for t in given["texts"]])
    print(f"texts: largest difference {numpy.abs(said - wanted).max():.2g}")
    if out:
        steps.save(out, image=image.state_dict(), text=text.state_dict(), scale=torch.tensor(22.35))


if __name__ == "__main__":
    if not 3 <= len(sys.argv) <= 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
