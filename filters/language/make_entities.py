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


def part(entity, name):
    """A map of the entity's; dumps have [] for an empty one."""
    found = entity.get(name)
    return found if isinstance(found, dict) else {}


def english(entity):
    label = part(entity, "labels").get("en", {}).get("value", "")
    return " ".join(label.split())


def names(entity):
    further = part(entity, "aliases").get("en", [])
    found = [english(entity)] + [" ".join(a.get("value", "").split()) for a in further]
    return [name for name in dict.fromkeys(found) if name]


def id_of(snak):
    """The item that a claim names, None where it names none; old dumps have its number alone."""
    value = snak.get("datavalue", {}).get("value") if snak.get("snaktype") == "value" else None
    if not isinstance(value, dict):
        return None
    return value.get("id") or ("Q%d" % value["numeric-id"] if "numeric-id" in value else None)


def values(entity, claim):
    """Ids that a claim names, those of preferred rank alone where there are any."""
    by_rank = {"preferred": [], "normal": []}
    for statement in part(entity, "claims").get(claim, []):
        named = id_of(statement.get("mainsnak", {}))
        if named and statement.get("rank") in by_rank:
            by_rank[statement["rank"]].append(named)
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
            weight = len(part(entity, "sitelinks"))
            for name in names(entity):
                print(name, hypernym, weight, sep="\t")


if __name__ == "__main__":
    sys.exit(main())
