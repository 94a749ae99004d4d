"""winnow vocabulary: its list beside one made by a few lines of Python from the same rows; and the preset that reads it."""
import collections
import math
import os
import unittest

from tests.e2e import make
from tests.e2e.count_test import Counting, made_rows, row, words_of

NUMBERS = [str(i) for i in range(100)]


def expected(rows, unigrams_from, pmi, first=(), bigrams_from=1):
    words, pairs = collections.Counter(), collections.Counter()
    for r in rows:
        if not r["text_raw"]:
            words.update(words_of(r["text"]))
            pairs.update(zip(words_of(r["text"]), words_of(r["text"])[1:]))
    total = sum(words.values())
    frequent = sorted((-n, w) for w, n in words.items() if n >= unigrams_from)
    together = [(math.log2(n * total) - math.log2(words[a] * words[b]), f"{a} {b}") for (a, b), n in pairs.items() if n >= bigrams_from]
    together = sorted((-i, p) for i, p in together if i >= pmi)
    return list(dict.fromkeys(NUMBERS + list(first) + [w for _, w in frequent] + [p for _, p in together]))


class Vocabulary(Counting):
    def setUp(self):
        super().setUp()
        self.rows = [r for r in made_rows() if not r["text_raw"]]
        self.rows_file(self.rows)
        self.count("unigrams,bigrams", "in.rows.zst")
        self.tables = ["c/00000.unigrams.rows.zst", "c/00000.bigrams.rows.zst"]

    def entries(self, *arguments, code=0):
        done = self.winnow("vocabulary", *arguments, code=code)
        return done.error if code else done.out.decode().splitlines()

    def test_words_and_pairs_are_those_of_the_formula_in_order(self):
        for unigrams_from, pmi in ((100, 30), (100, 4), (1, -64), (2, 2.5)):
            with self.subTest(f"{unigrams_from} {pmi}"):
                got = self.entries("--unigrams-from", str(unigrams_from), "--pmi", str(pmi), *self.tables)
                self.assertEqual(expected(self.rows, unigrams_from, pmi), got)
        self.assertEqual(expected(self.rows, 100, 1, bigrams_from=20), self.entries("--pmi", "1", "--bigrams-from", "20", *self.tables))
        self.assertEqual(expected(self.rows, 100, 99), self.entries(self.tables[0]))

    def test_the_bound_itself_is_kept(self):
        counts = sorted(collections.Counter(w for r in self.rows for w in words_of(r["text"])).values())
        bound = counts[len(counts) // 2]
        with_it, without = (self.entries("--unigrams-from", str(b), self.tables[0]) for b in (bound, bound + 1))
        self.assertEqual(counts.count(bound), len(with_it) - len(without))

    def test_tables_in_buckets_give_the_same_list(self):
        whole = self.entries("--pmi", "3", *self.tables)
        buckets = []
        for what in ("unigrams", "bigrams"):
            self.winnow("partition", "-q", "--by", "id", "--into", "3", "-o", f"{what}/", f"c/00000.{what}.rows.zst")
            for b in range(3):
                self.winnow("count", "-q", "--what", what, "-o", f"b/{b:05}.rows.zst", f"{what}/00000.{b:05}.rows.zst")
                buckets.append(f"b/{b:05}.{what}.rows.zst")
        self.assertEqual(whole, self.entries("--pmi", "3", "--memory", "2M", *buckets[::-1]))

    def test_lists_come_first_and_nothing_comes_twice(self):
        self.write("titles.txt", "New York\nred\n42\n!\n")
        self.assertEqual(expected(self.rows, 100, 30, ["New York", "red"]), self.entries("--list", "titles.txt", *self.tables))
        self.assertEqual(NUMBERS + ["New York", "red"], self.entries("--list", "titles.txt", "--most", "102", *self.tables))

    def test_lemmas_are_named_as_the_original_names_them(self):
        os.mkdir(os.path.join(self.folder, "wn"))
        lines = "  1 licence\n00001740 03 n 01 entity 0 000 | that\n00001930 03 n 02 Physical_Entity 0 thing 0 000 | x\n00002 03 n 01 U.S.A. 0 000 | y\n"
        self.write("wn/data.noun", lines)
        self.write("wn/data.adj", "00003 00 a 01 abaxial(p) 0 000 | z\n")
        for part in ("verb", "adv"):
            self.write(f"wn/data.{part}", "")
        lemmas = ["entity", "physical entity", "u", "abaxial"]
        self.assertEqual(NUMBERS + lemmas, self.entries("--wordnet", "wn", "--unigrams-from", "1000000", self.tables[0]))

    def test_tables_that_cannot_answer_are_refused(self):
        self.count("unigrams:200,hosts", "in.rows.zst", out="k/")
        self.assertIn("tells only what is over", self.entries("k/00000.unigrams.rows.zst", code=2))
        self.assertIn("pairs need all words", self.entries("--unigrams-from", "201", "k/00000.unigrams.rows.zst", self.tables[1], code=2))
        self.entries("--unigrams-from", "201", "k/00000.unigrams.rows.zst")
        self.assertIn("table of hosts", self.entries("k/00000.hosts.rows.zst", code=2))
        self.assertIn("what unigrams' is given", self.entries(self.tables[1], code=2))
        self.assertIn("expected tables", self.entries(code=2))

    def test_the_preset_reads_the_list(self):
        self.rows_file([row(0, "http://a.example/0.jpg", "a red boat"), row(1, "http://a.example/1.jpg", "qwrt zxcv")], "two.rows.zst")
        entries = self.entries("--unigrams-from", "200", *self.tables)
        self.assertIn("red", entries)
        self.write("entries.txt", "\n".join(entries) + "\n")
        self.winnow("filter", "-q", "--preset", "metaclip", "--at", "all", "--set", "match.list=entries.txt", "--set", "balance.list=entries.txt",
                    "--without", "unserved", "two.rows.zst", "-o", "kept.rows.zst")
        self.assertEqual(["a red boat"], [r["text"] for r in self.view("kept.rows.zst")])


if __name__ == "__main__":
    unittest.main()
