#!/usr/bin/env python3
"""Pairs and texts to the arrays that training reads.

    prepare.py --out WORK --minilm FOLDER --wordnet FOLDER --classes imagenet_labels.txt --captions coco.txt PAIRS.tar...

PAIRS are shards of KEY.webp and KEY.json (captions, kind, source, split, class). Into WORK go

    pictures.npy  uint8 [n, 160, 160, 3]: as winnow prepares them, squashed by Pillow's bicubic, transparency over white
    pairs.jsonl   a line a picture: key, source, kind, role (train, val, left), width, height, class, views (texts; the first is
                  the first caption whole)
    vocab.txt     the word pieces, rows.npy their numbers in MiniLM's vocabulary
    classes.json  names of ImageNet's classes, each up to three synonyms
    texts.txt     a line a text to distil from

Left out of training: the pairs marked val, the sources of --leave, keys in the file --without (near twins of a test set), and, with
--no-share-alike, licences that have it.
"""
import argparse
import io
import json
import os
import random
import re
import shutil
from collections import Counter

import numpy
from PIL import Image

import shards
import wordnet
import wordpiece
from model import SIZE

PIECES = 12000
PROMPTS = ["{}", "a photo of a {}", "a {}", "a picture of a {}", "this is a {}", "a close-up of a {}"]


def squash(data):
    """The picture as the tower gets it, and its width and height."""
    picture = Image.open(io.BytesIO(data))
    size = picture.size
    if picture.mode != "RGB":
        picture = picture.convert("RGBA")
        ground = Image.new("RGBA", size, "white")
        ground.alpha_composite(picture)
        picture = ground.convert("RGB")
    return numpy.asarray(picture.resize((SIZE, SIZE), Image.BICUBIC)), size


def views(captions):
    """Each caption whole; its first two sentences; its sentences of three words and more, five at most. At most nine."""
    wholes, parts = [], []
    for caption in captions:
        caption = " ".join(caption.split())
        sentences = re.split(r"(?<=[.!?])\s+(?=[\"'(A-Z0-9])", caption)
        wholes.append(caption)
        if len(sentences) > 1:
            parts.append(" ".join(sentences[:2]))
            parts += [s for s in sentences if len(s.split()) >= 3][:5]
    return list(dict.fromkeys(wholes + parts))[:9]


def role(meta, options, without):
    if meta["source"] in options.leave or meta["key"] in without:
        return "left"
    if options.no_share_alike and re.search(r"\bSA\b", meta["license"]):
        return "left"
    return "val" if meta["split"] == "val" else "train"


def write_pairs(options):
    """pictures.npy and pairs.jsonl; returns the pairs."""
    without = set()
    if options.without:
        with open(options.without, encoding="utf-8") as file:
            without = set(file.read().split())
    pairs, pictures = [], []
    for path in options.pairs:
        for meta, data in shards.samples(path):
            picture, (width, height) = squash(data)
            pictures.append(picture)
            pairs.append({"key": meta["key"], "source": meta["source"], "kind": meta["kind"], "role": role(meta, options, without),
                          "width": width, "height": height, "class": meta.get("class", ""), "views": views(meta["captions"])})
        print(f"{path}: {len(pairs)} pairs so far", flush=True)
    numpy.save(f"{options.out}/pictures.npy", numpy.stack(pictures))
    with open(f"{options.out}/pairs.jsonl", "w", encoding="utf-8") as file:
        file.writelines(json.dumps(pair, ensure_ascii=False) + "\n" for pair in pairs)
    return pairs


def write_vocabulary(options, weighted):
    """The most used pieces of MiniLM's vocabulary, in its order; the special ones and all single characters stay."""
    full = wordpiece.read_vocabulary(f"{options.minilm}/vocab.txt")
    counts = Counter()
    for weight, texts in weighted:
        for word, times in Counter(w for text in texts for w in wordpiece.words(text)).items():
            for piece in full.split(word):
                counts[piece] += weight * times
    always = {i for i, piece in enumerate(full.pieces) if piece in wordpiece.SPECIAL
              or (len(piece.removeprefix("##")) == 1 and piece.removeprefix("##").isascii())}
    most = sorted(set(range(len(full.pieces))) - always, key=lambda i: (-counts[i], i))
    rows = sorted(always | set(most[:PIECES - len(always)]), key=lambda i: (full.pieces[i] not in wordpiece.SPECIAL, i))
    with open(f"{options.out}/vocab.txt", "w", encoding="utf-8") as file:
        file.writelines(full.pieces[i] + "\n" for i in rows)
    numpy.save(f"{options.out}/rows.npy", numpy.array(rows))
    print(f"vocabulary: {len(rows)} pieces, {sum(counts[i] for i in rows) / counts.total():.4f} of weighted uses")


def keep_vocabulary(options):
    """Of a model that is trained further (continue.py)."""
    shutil.copy(options.vocabulary, f"{options.out}/vocab.txt")
    full = wordpiece.read_vocabulary(f"{options.minilm}/vocab.txt")
    numpy.save(f"{options.out}/rows.npy", numpy.array([full.ids[piece] for piece in wordpiece.read_vocabulary(options.vocabulary).pieces]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True)
    parser.add_argument("--minilm", required=True, help="folder of all-MiniLM-L6-v2: vocab.txt, model.safetensors")
    parser.add_argument("--wordnet", default="/usr/share/wordnet")
    parser.add_argument("--classes", required=True, help="names of ImageNet's classes, a line each, background first")
    parser.add_argument("--captions", required=True, help="captions of COCO's val2017, one a line")
    parser.add_argument("--leave", nargs="*", default=["gcompris", "tuxpaint-stamps", "18f-site"], help="sources left out")
    parser.add_argument("--vocabulary", help="take these word pieces (a model's vocab.txt) and count none")
    parser.add_argument("--without", help="file of keys that are left out")
    parser.add_argument("--no-share-alike", action="store_true")
    parser.add_argument("pairs", nargs="+")
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)
    pairs = write_pairs(options)
    with open(options.classes, encoding="utf-8") as file:
        classes = [[name.strip() for name in line.split(",")] for line in file][1:]
    with open(options.captions, encoding="utf-8") as file:
        captions = file.read().splitlines()
    synsets = wordnet.read_all(options.wordnet).values()
    glosses = list(dict.fromkeys(text for part in synsets for text in wordnet.glosses(part)))
    lemmas = list(dict.fromkeys(word for part in synsets for synset in part.values() for word in synset.words))
    train = [view for pair in pairs if pair["role"] == "train" for view in pair["views"]]
    names = [name for synonyms in classes for name in synonyms]
    if options.vocabulary:
        keep_vocabulary(options)
    else:
        write_vocabulary(options, [(3, train), (2, captions), (1, glosses), (5, names), (0.5, lemmas)])
    with open(f"{options.out}/classes.json", "w", encoding="utf-8") as file:
        json.dump([{"all": synonyms, "names": synonyms[:3]} for synonyms in classes], file)
    drawn = random.Random(0)
    texts = glosses + [drawn.choice(PROMPTS).format(word) for word in lemmas] + captions + train
    texts += [prompt.format(name) for name in names for prompt in PROMPTS[:2]]
    texts = list(dict.fromkeys(" ".join(text.split()) for text in texts))
    drawn.shuffle(texts)
    with open(f"{options.out}/texts.txt", "w", encoding="utf-8") as file:
        file.writelines(text + "\n" for text in texts)
    print(Counter(pair["role"] for pair in pairs), len(texts), "texts")


if __name__ == "__main__":
    main()
