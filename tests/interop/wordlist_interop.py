"""Frequencies of words as wordfreq publishes them: rules that read its files decide as wordfreq's own reader does.

    WINNOW=./winnow python3 -m unittest tests.interop.wordlist_interop
"""
import os
import subprocess
import unittest

import wordfreq

from tests.e2e.filter_test import make_row, parse, tsv

WINNOW = os.environ.get("WINNOW", "./winnow")
DATA = os.path.join(os.path.dirname(wordfreq.__file__), "data")


class Frequencies(unittest.TestCase):
    def test_words_over_a_frequency_are_those_of_wordfreq(self):
        for name in ["small_en", "large_de", "small_ru", "small_el"]:
            path = os.path.join(DATA, name + ".msgpack.gz")
            buckets = wordfreq.read_cBpack(path)
            middle = len(buckets) * 2 // 3
            words = [(word, at) for at, bucket in enumerate(buckets) for word in bucket[::37] if word.isalpha() and word.lower() == word]
            self.assertGreater(len(words), 500)
            rule = f"known text.vocab list={path} numbers_pass=0 min_count={int(10 ** (9 - (middle + 0.5) / 100))}"
            rows = [make_row(n, word) for n, (word, _) in enumerate(words)]
            done = subprocess.run([WINNOW, "filter", "--plain", "--plain-input", "--rule", rule], input=tsv(rows), capture_output=True, check=True)
            self.assertEqual([row["text"] for row in parse(done.stdout)], [word for word, at in words if at <= middle], name)


if __name__ == "__main__":
    unittest.main()
