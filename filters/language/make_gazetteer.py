#!/usr/bin/env python3
"""Compiles names into one hash table, written to standard output as a C header: what WordNet has as instances, and first names.

    make_gazetteer.py /usr/share/wordnet filters/lists/first-names.txt filters/lists/hypernyms.txt > build/generated/gazetteer.h

Input: data.noun and index.noun of Debian's wordnet-base (format: wndb(5WN)), in which `@i` points from an instance ("Paris") to what it is an
instance of ("national capital") and `@` from a class to the next wider one; a list of first names; the list of words that
captions use for classes, of which a name gets the first one that its classes have on the way up.

A record of the table: length (1 byte), the name in lower case with single spaces, its kinds (2 bytes, little-endian, gazetteer.h),
length of its hypernym (1 byte, 0 for none) and that. A name of several words also gives its words kinds of their own.
Slots hold the offsets of records (word_table.slot), 0 for none, by FNV-1a, 32 bits; collisions go to the next slot. The same input gives the
same bytes.
"""
import sys

from word_table import fnv1a, header, slot

FIRST_NAME, PERSON_FIRST, PERSON_LAST, PLACE, PLACE_PART, GROUP, GROUP_PART, PERSON, OTHER = (1 << i for i in range(9))
ROOTS = {"person": PERSON, "location": PLACE, "group": GROUP, "body of water": PLACE, "geological formation": PLACE,
         "land": PLACE, "facility": PLACE, "structure": PLACE}
LONGEST = 63


def read_nouns(path):
    """offset -> (words, instance-of offsets, hypernym offsets)"""
    nouns = {}
    with open(path, encoding="ascii") as file:
        for line in file:
            if line.startswith(" "):
                continue
            fields = line.split("|")[0].split()
            count = int(fields[3], 16)
            words = [fields[4 + 2 * i].replace("_", " ") for i in range(count)]
            rest = fields[4 + 2 * count :]
            pointers = [rest[1 + 4 * i : 5 + 4 * i] for i in range(int(rest[0]))]
            nouns[fields[0]] = (words, [p[1] for p in pointers if p[0] == "@i"],
                                [p[1] for p in pointers if p[0] == "@" and p[2] == "n"])
    return nouns


def read_lines(path):
    with open(path, encoding="utf-8") as file:
        return [line.strip() for line in file if line.strip() and not line.startswith("#")]


def climb(nouns, start):
    """The classes above an instance, nearest first."""
    level, seen, found = list(start), set(), []
    while level:
        following = []
        for offset in level:
            if offset not in seen:
                seen.add(offset)
                found.append(nouns[offset][0])
                following += nouns[offset][2] + nouns[offset][1]
        level = following
    return found


def kind_of(classes):
    for words in classes:
        for word in words:
            if word in ROOTS:
                return ROOTS[word]
    return OTHER


def add(names, name, kinds, hypernym=""):
    name = name.lower()
    if name.isascii() and 0 < len(name) <= LONGEST:
        old = names.get(name, (0, ""))
        names[name] = (old[0] | kinds, old[1] or hypernym)


def add_parts(names, words, kind):
    if kind == PERSON:
        for word in words[:-1]:
            add(names, word, PERSON_FIRST)
        add(names, words[-1], PERSON_LAST)
    elif len(words) > 1 and kind in (PLACE, GROUP):
        for word in words:
            if word[:1].isupper():
                add(names, word, PLACE_PART if kind == PLACE else GROUP_PART)


def by_sense(path):
    """Offsets of synsets in the order of their words' senses: the commonest sense of a name names its class."""
    ranked = []
    with open(path, encoding="ascii") as file:
        for line in file:
            if not line.startswith(" "):
                fields = line.split()
                senses = int(fields[2])
                ranked += [(rank, offset) for rank, offset in enumerate(fields[-senses:])]
    best = {}
    for rank, offset in ranked:
        best[offset] = min(rank, best.get(offset, rank))
    return sorted(best, key=lambda offset: (best[offset], offset))


def gather(nouns, order, first_names, allowed):
    names = {}
    for name in first_names:
        add(names, name, FIRST_NAME)
    for offset in order:
        words, instance_of, _ = nouns[offset]
        if not instance_of:
            continue
        classes = climb(nouns, instance_of)
        kind = kind_of(classes)
        hypernym = next((w for found in classes for w in found if w in allowed), "")
        for name in words:
            parts = name.split()
            if not name[:1].isupper():
                continue
            add(names, name, kind, hypernym)
            add_parts(names, parts, kind)
    return names


def main():
    wordnet, first_names, hypernyms = sys.argv[1:]
    nouns, order = read_nouns(f"{wordnet}/data.noun"), by_sense(f"{wordnet}/index.noun")
    names = gather(nouns, order, read_lines(first_names), set(read_lines(hypernyms)))
    slot_count = 1 << (2 * len(names)).bit_length()
    records, slots = bytearray(b"\0"), [0] * slot_count
    for name in sorted(names):
        text, (kinds, hypernym) = name.encode("ascii"), names[name]
        at = fnv1a(text) & slot_count - 1
        while slots[at]:
            at = at + 1 & slot_count - 1
        slots[at] = slot(text, records)
        records += bytes([len(text)]) + text + kinds.to_bytes(2, "little") + bytes([len(hypernym)]) + hypernym.encode("ascii")
    print(header("gazetteer", records, slots))


main()
