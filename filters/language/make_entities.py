#!/usr/bin/env python3
"""Makes an entity table (hypernyms.h) of a Wikidata JSON dump, written to standard output.

    make_entities.py latest-all.json.gz [--labels labels.tsv] > entities.tsv

The dump is one JSON array with an entity a line, plain, .gz or .bz2, as dumps.wikimedia.org has it. Every English label and alias of
an item gets what the item is: for a human (Q5) the English label of the occupation (P106), for others that of what it is an
instance of (P31); of several claims a preferred one, never a deprecated one; only claims whose value is known. The weight is the
number of the item's sitelinks. The dump is read twice: first for the labels of the classes, then for the items; --labels keeps
those labels between runs.
"""
import argparse
import bz2
import gzip
import json
import os
import sys

OPENERS = {".gz": gzip.open, ".bz2": bz2.open}


def entities(path):
    """Items of the dump that have an id, damaged lines left out."""
    with OPENERS.get(os.path.splitext(path)[1], open)(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            line = line.strip().rstrip(",")
            if line in ("", "[", "]"):
                continue
            try:
                entity = json.loads(line)
            except ValueError:
                continue
            if isinstance(entity, dict) and entity.get("type") == "item":
                yield entity


def english(entity):
    label = entity.get("labels", {}).get("en", {}).get("value", "")
    return " ".join(label.split())


def names(entity):
    aliases = entity.get("aliases", {})
    further = aliases.get("en", []) if isinstance(aliases, dict) else []
    found = [english(entity)] + [" ".join(a.get("value", "").split()) for a in further]
    return [name for name in dict.fromkeys(found) if name]


def values(entity, claim):
    """Ids that a claim names, those of preferred rank alone where there are any."""
    by_rank = {"preferred": [], "normal": []}
    claims = entity.get("claims", {})
    for statement in claims.get(claim, []) if isinstance(claims, dict) else []:
        snak = statement.get("mainsnak", {})
        if snak.get("snaktype") == "value" and statement.get("rank") in by_rank:
            by_rank[statement["rank"]].append(snak["datavalue"]["value"]["id"])
    return by_rank["preferred"] or by_rank["normal"]


def classes_of(entity):
    kinds = values(entity, "P31")
    return values(entity, "P106") or kinds if "Q5" in kinds else kinds


def read_labels(path, dump):
    if path and os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            return dict(line.rstrip("\n").split("\t", 1) for line in file)
    wanted = {c for entity in entities(dump) for c in classes_of(entity)}
    labels = {e["id"]: english(e) for e in entities(dump) if e.get("id") in wanted and english(e)}
    labels.setdefault("Q5", "person")
    if path:
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(f"{key}\t{value}\n" for key, value in sorted(labels.items()))
    return labels


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dump")
    parser.add_argument("--labels", help="keep the labels of classes in this file, and take them from it when it is there")
    options = parser.parse_args()
    labels = read_labels(options.labels, options.dump)
    for entity in entities(options.dump):
        hypernym = next((labels[c] for c in classes_of(entity) if c in labels), None)
        if hypernym:
            weight = len(entity.get("sitelinks", {}))
            for name in names(entity):
                print(name, hypernym, weight, sep="\t")


if __name__ == "__main__":
    sys.exit(main())
