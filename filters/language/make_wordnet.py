#!/usr/bin/env python3
"""Compiles WordNet's single words and the closed classes into one hash table, written to standard output as a C header.

    make_wordnet.py /usr/share/wordnet filters/lists/closed_classes.txt > build/generated/wordnet.h

Input: Debian's wordnet-base (formats: wndb(5WN), senseidx(5WN), morphy(7WN)).
  index.POS     which words are entries, by part of speech; words of several parts ('_', '-', '/') are left out:
                the word borders of UAX #29 part them
  cntlist.rev   how often each sense was met in the tagged texts
  POS.exc       irregular forms: "geese goose"
  data.noun     the lexicographer's file of a noun's first sense (lexnames(5WN)): person, place, food ...
The score of an entry is ten times the sum of its senses' counts, and one: entries never met still count.

A record of the table: length (1 byte), the word, its closed classes (2 bytes), which scores follow (1 byte: bits 0-3 as an
entry, 4-7 as an irregular form; noun, verb, adjective, adverb), the file of its first sense as a noun (1 byte, 0 for none),
those scores (3 bytes each). Numbers are little-endian.
Slots hold the offsets of records (word_table.slot), 0 for none (offset 0 is a filler), by FNV-1a, 32 bits; collisions go to the next slot.
The same input gives the same bytes.
"""
import sys

from word_table import fnv1a, header, slot

JOINTS = frozenset("_-/")
PARTS = ("noun", "verb", "adj", "adv")
SENSE_PART = {"1": 0, "2": 1, "3": 2, "4": 3, "5": 2}  # 5: adjective satellite
CLASSES = ("noun", "proper_noun", "pronoun", "determiner", "preposition", "conjunction", "verb", "adjective", "adverb")
SLOTS = 1 << 17
LONGEST = 63  # bytes of a word; wordnet.h says the same


def lines(path):
    with open(path, encoding="ascii") as file:
        return file.read().splitlines()


def read_entries(folder):
    """word -> [score or None] * 4"""
    entries = {}
    for part, name in enumerate(PARTS):
        for line in lines(f"{folder}/index.{name}"):
            word = line.split(" ", 1)[0]
            if word and JOINTS.isdisjoint(word):  # licence lines begin with a space
                entries.setdefault(word, [None] * 4)[part] = 1
    for line in lines(f"{folder}/cntlist.rev"):
        sense, _, count = line.split()
        word, key = sense.split("%")
        part = SENSE_PART[key[0]]
        if word in entries and entries[word][part] is not None:
            entries[word][part] += 10 * int(count)
    return entries


def read_irregular(folder, entries):
    """form -> [sum of its lemmas' scores or None] * 4"""
    irregular = {}
    for part, name in enumerate(PARTS):
        lemmas = {}
        for line in lines(f"{folder}/{name}.exc"):
            form, *rest = line.split()
            if JOINTS.isdisjoint(form):
                lemmas.setdefault(form, set()).update(rest)
        for form, found in lemmas.items():
            scores = [entries[w][part] or 0 for w in found if w != form and w in entries]
            irregular.setdefault(form, [None] * 4)[part] = sum(scores)
    return irregular


def read_noun_files(folder):
    """word -> number of the lexicographer's file of its first sense"""
    files = {}
    for line in lines(f"{folder}/data.noun"):
        if not line.startswith(" "):
            offset, file, _ = line.split(" ", 2)
            files[offset] = int(file)
    found = {}
    for line in lines(f"{folder}/index.noun"):
        fields = line.split()
        if not line.startswith(" ") and JOINTS.isdisjoint(fields[0]):
            found[fields[0]] = files[fields[-int(fields[2])]]
    return found


def read_closed(path):
    """word -> bits"""
    closed = {}
    for line in lines(path):
        if line and not line.startswith("#"):
            name, words = line.split(":")
            for word in words.split():
                closed[word] = closed.get(word, 0) | 1 << CLASSES.index(name)
    return closed


def build(entries, irregular, closed, noun_files):
    records, slots = bytearray(b"\0"), [0] * SLOTS
    none = [None] * 4
    for word in sorted(set(entries) | set(irregular) | set(closed)):
        text = word.encode("ascii")
        if len(text) > LONGEST:
            continue
        scores = entries.get(word, none) + irregular.get(word, none)
        present = sum(1 << i for i, score in enumerate(scores) if score is not None)
        at = fnv1a(text) & SLOTS - 1
        while slots[at]:
            at = at + 1 & SLOTS - 1
        slots[at] = slot(text, records)
        records += bytes([len(text)]) + text + closed.get(word, 0).to_bytes(2, "little") + bytes([present, noun_files.get(word, 0)])
        for score in scores:
            if score is not None:
                records += score.to_bytes(3, "little")
    return bytes(records), slots


def main():
    folder, closed_path = sys.argv[1:]
    entries = read_entries(folder)
    records, slots = build(entries, read_irregular(folder, entries), read_closed(closed_path), read_noun_files(folder))
    print(header("wordnet", records, slots))


main()
