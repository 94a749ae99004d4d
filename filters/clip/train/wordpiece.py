"""BERT's uncased WordPiece: the ids that winnow's own tokenizer gives (filters/clip/wordpiece.h)."""
import unicodedata

import numpy

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
IDEOGRAPHS = [(0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x2A6DF), (0x2A700, 0x2CEAF), (0x2F800, 0x2FA1F)]


def is_punctuation(c):
    return (c.isascii() and c.isprintable() and not c.isalnum() and c != " ") or unicodedata.category(c).startswith("P")


def words(text):
    kept = []
    for c in text:
        if c.isspace():
            kept.append(" ")
        elif c not in "\0\ufffd" and not unicodedata.category(c).startswith("C"):
            kept.append(f" {c} " if any(low <= ord(c) <= high for low, high in IDEOGRAPHS) else c)
    plain = "".join(c for c in unicodedata.normalize("NFD", "".join(kept)).lower() if unicodedata.category(c) != "Mn")
    return "".join(f" {c} " if is_punctuation(c) else c for c in plain).split()


class WordPiece:
    def __init__(self, pieces):
        self.pieces = list(pieces)
        self.ids = {piece: i for i, piece in enumerate(self.pieces)}
        self.known = {}

    def split(self, word):
        """Ids of one word: the longest piece first, again and again; [UNK] where that leads nowhere."""
        if word not in self.known:
            ids, start = [], 0
            while start < len(word) <= 100:
                end = next((e for e in range(len(word), start, -1) if ("##" if start else "") + word[start:e] in self.ids), None)
                if end is None:
                    break
                ids.append(self.ids[("##" if start else "") + word[start:end]])
                start = end
            self.known[word] = ids if start == len(word) else [self.ids["[UNK]"]]
        return self.known[word]

    def encode(self, text, length=64):
        ids = [i for word in words(text) for i in self.split(word)][:length - 2]
        return [self.ids["[CLS]"], *ids, self.ids["[SEP]"]]

    def batch(self, texts, length=64):
        """int64 [n, longest], 0 behind each text's end."""
        rows = [self.encode(text, length) for text in texts]
        out = numpy.zeros((len(rows), max(map(len, rows))), numpy.int64)
        for i, row in enumerate(rows):
            out[i, :len(row)] = row
        return out


def read_vocabulary(path):
    with open(path, encoding="utf-8") as file:
        return WordPiece(file.read().splitlines())
