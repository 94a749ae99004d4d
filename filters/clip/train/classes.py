#!/usr/bin/env python3
"""After training: what the classifier's 1,000 classes say, made louder, and mixed with what WordNet holds above them.

    classes.py --work WORK --out final.pt [--trained 2] [--hypernyms .5] soup.pt

A class's vector becomes TRAINED times what training left and HYPERNYMS times the weighted mean of its hypernyms' embeddings ("X" and
"a photo of a X"), so that a picture of a breed that no caption names is still near "dog". A hypernym weighs log(1 + times met in
tagged text); the general ones (TOO_GENERAL) and what is above them say nothing and are left out.
"""
import argparse
import json
import math

import torch

import model
import steps
import teacher as teachers
import wordnet

TOO_GENERAL = {"entity", "physical entity", "object", "whole", "artifact", "living thing", "organism", "animal", "chordate",
               "vertebrate", "invertebrate", "matter", "substance", "abstraction", "causal agent", "instrumentality", "thing", "person",
               "natural object", "group", "attribute", "relation", "psychological feature", "part"}


def synset_of(synonyms, nouns, by_word):
    """ImageNet's names of a class are the words of its synset: the one that shares most of them, and has fewest beside."""
    words = {name.lower() for name in synonyms}
    near = {key for word in words for key in by_word.get(word, ())}
    if not near:
        return None
    return min(near, key=lambda key: (-len(words & {w.lower() for w in nouns[key].words}), len(nouns[key].words), key))


def above(key, nouns):
    """Keys of the hypernyms, nearest first, each once."""
    found, todo = [], list(nouns[key].hypernyms)
    while todo:
        at = todo.pop(0)
        if at not in found and not TOO_GENERAL & {word.lower() for word in nouns[at].words}:
            found.append(at)
            todo += nouns[at].hypernyms
    return found


def hypernym_vectors(work, folder, text, texts):
    """[1000, 256] of length 1 before their mean is taken away; 0 for a class that has no hypernym here."""
    nouns = wordnet.read(folder, "noun", wordnet.tag_counts(folder))
    by_word = {}
    for key, synset in nouns.items():
        for word in synset.words:
            by_word.setdefault(word.lower(), []).append(key)
    known, vectors, bare = {}, torch.zeros(model.CLASSES, model.EMBEDDING), 0
    with open(f"{work}/classes.json", encoding="utf-8") as file:
        classes = json.load(file)
    for row, synonyms in enumerate(classes):
        key = synset_of(synonyms["all"], nouns, by_word)
        for hypernym in above(key, nouns) if key else []:
            if not nouns[hypernym].tagged:
                continue
            name = nouns[hypernym].words[0]
            if name not in known:
                with torch.no_grad():
                    known[name] = text(texts.ids([name, f"a photo of a {name}"])).mean(0).cpu()
            vectors[row] += math.log1p(nouns[hypernym].tagged) * known[name]
        bare += not vectors[row].any()
    vectors = torch.nn.functional.normalize(vectors, dim=-1)
    print(f"{len(known)} hypernyms, {bare} classes without one")
    return vectors - vectors.mean(0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", required=True)
    parser.add_argument("--wordnet", default="/usr/share/wordnet")
    parser.add_argument("--out", required=True)
    parser.add_argument("--trained", type=float, default=2)
    parser.add_argument("--hypernyms", type=float, default=0.5)
    parser.add_argument("run")
    options = parser.parse_args()
    run = torch.load(options.run, map_location="cpu", weights_only=True)
    texts = teachers.Texts(options.work, steps.device())
    text = model.TextTower(len(texts.words.pieces)).eval()
    text.load_state_dict(run["text"])
    vectors = hypernym_vectors(options.work, options.wordnet, text.to(texts.where), texts)
    name = "embed.class_vectors.weight"
    run["image"][name] = options.trained * run["image"][name] + options.hypernyms * vectors
    steps.save(options.out, **run)


if __name__ == "__main__":
    main()
