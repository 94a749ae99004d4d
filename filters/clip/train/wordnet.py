"""WordNet 3.0's files (Debian: wordnet-base, /usr/share/wordnet): what the recipe needs of them."""
import re
from collections import namedtuple

Synset = namedtuple("Synset", "words hypernyms gloss tagged")  # words as written, keys of data.noun, text, times met in tagged text
PARTS = {"noun": 1, "verb": 2, "adj": 3, "adv": 4}


def tag_counts(folder):
    counts = {}
    with open(f"{folder}/cntlist.rev", encoding="ascii") as file:
        for line in file:
            key, _, count = line.split()
            counts[":".join(key.split(":")[:3])] = int(count)
    return counts


def read(folder, part, counts):
    """{offset: Synset} of data.PART."""
    synsets = {}
    with open(f"{folder}/data.{part}", encoding="latin-1") as file:
        for line in file:
            if line.startswith(" "):
                continue
            fields, gloss = line.split(" | ", 1)
            fields = fields.split()
            count, tagged, words = int(fields[3], 16), 0, []
            for i in range(4, 4 + 2 * count, 2):
                word = re.sub(r"\((a|p|ip)\)$", "", fields[i])
                tagged += counts.get(f"{word.lower()}%{PARTS[part]}:{fields[1]}:{int(fields[i + 1], 16):02d}", 0)
                words.append(word.replace("_", " "))
            at = 4 + 2 * count
            links = [fields[i:i + 4] for i in range(at + 1, at + 1 + 4 * int(fields[at]), 4)]
            synsets[fields[0]] = Synset(words, [to for mark, to, *_ in links if mark in ("@", "@i")], gloss.strip(), tagged)
    return synsets


def read_all(folder):
    counts = tag_counts(folder)
    return {part: read(folder, part, counts) for part in PARTS}


def glosses(synsets):
    """Definitions and examples, one text each."""
    for synset in synsets.values():
        for text in re.split(r";\s+", synset.gloss):
            text = text.strip(' "')
            if len(text.split()) >= 2:
                yield text
