#!/usr/bin/env python3
"""Makes socratic_objects.txt: common names of things that can be seen, from WordNet 3.0.

    make_socratic_objects.py /usr/share/wordnet socratic_places.txt > socratic_objects.txt

A noun is taken whose most frequent sense is an animal, an artifact, food or a plant (lexicographer files 05, 06, 13, 20)
and was tagged at least twice in WordNet's corpus (cntlist.rev); the first lemma of a synset stands for it. Names of places are
left out, as the authors' list leaves them out.
"""
import sys

SEEN, LEAST = {"05", "06", "13", "20"}, 2


def counts(folder):
    """Lemma to how often each of its noun senses was tagged."""
    found = {}
    with open(f"{folder}/cntlist.rev", encoding="ascii") as file:
        for line in file:
            key, number, count = line.split()
            lemma, sense = key.split("%")
            if sense.startswith("1:"):
                found.setdefault(lemma, {})[int(number)] = int(count)
    return found


def synsets(folder):
    """Offset to (lexicographer file, first lemma)."""
    found = {}
    with open(f"{folder}/data.noun", encoding="ascii") as file:
        for line in file:
            if line[0] != " ":
                cells = line.split()
                found[cells[0]] = (cells[1], cells[4])
    return found


def main(folder, places):
    with open(places, encoding="utf-8") as file:
        avoided = {line.split(None, 1)[1].strip() for line in file if line.startswith("class")}
    tagged, lexicographer = counts(folder), synsets(folder)
    names = set()
    with open(f"{folder}/index.noun", encoding="ascii") as file:
        for line in file:
            if line[0] == " ":
                continue
            cells = line.split()
            lemma, senses = cells[0], tagged.get(cells[0], {})
            first = cells[-int(cells[2])]  # offsets stand in the order of frequency
            kind, head = lexicographer[first]
            name = lemma.replace("_", " ")
            plain = all(c.isalpha() or c in " -" for c in name) and len(name) > 2
            if kind in SEEN and senses.get(1, 0) >= LEAST and head.lower() == lemma and plain and name not in avoided and head == lemma:
                names.add(name)
    print("""# Socratic attributes: the ten of many things that a picture is nearest to. The template is that of the authors' notebook (google-research,
# socraticmodels); the names are not: they are made by make_socratic_objects.py from WordNet 3.0, Copyright 2006 by Princeton University.
list socratic_objects
take 10
template Photo of a {}.""")
    for name in sorted(names):
        print("class", name)


if __name__ == "__main__":
    main(*sys.argv[1:])
