"""winnow's languages beside fastText's (lid.176) and CLD3's recorded answers: how often they agree, and who is right where they differ.

    WINNOW=./winnow python3 -m unittest tests.interop.language_interop

Five words: truth is known; of a text whose language is not among winnow's labels "other" is right. Alternative texts have no truth: only
agreement is told. Prints a line a comparison; fails where winnow and the recorded answers share less than they ever did.
"""
import os
import subprocess
import unittest

WINNOW = os.environ.get("WINNOW", "./winnow")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHARED = os.path.join(os.environ.get("WINNOW_SHARED", os.path.join(ROOT, "../shared")), "data/lang")
SPELLINGS = {"no": "nb", "iw": "he", "nn": "nb", "bs": "hr", "sh": "hr", "ms": "id", "jv": "id", "ast": "es", "gl": "pt", "": "unsure"}


def lines(name):
    path = os.path.join(SHARED, name)
    if not os.path.exists(path):
        raise unittest.SkipTest(f"{path} is not there")
    text = subprocess.run(["zstd", "-dcq", path], capture_output=True, check=True).stdout.decode()
    return text.rstrip("\n").split("\n")


def own_labels():
    with open(os.path.join(ROOT, "filters/language/train/classes.txt"), encoding="utf-8") as file:
        return {line.split()[0] for line in file if line[0] != "#" and not line.startswith("other")}


OWN = own_labels()


def common(label):
    """A label in winnow's terms."""
    label = SPELLINGS.get(label.split("-")[0], label.split("-")[0])
    return label if label in OWN or label == "unsure" else "other"


def ask(texts):
    said = subprocess.run([WINNOW, "language", "identify", "-"], input="".join(t + "\n" for t in texts).encode(), capture_output=True, check=True)
    return [row.split("\t")[0] for row in said.stdout.decode().rstrip("\n").split("\n")[1:]]


def recorded(name):
    """fastText's labels, and CLD3's with "unsure" where it calls itself unreliable."""
    fasttext = [common(row.split("\t")[1]) for row in lines(f"ref/{name}-fasttext.tsv.zst")[1:]]
    cld3 = [common(row.split("\t")[1]) if row.split("\t")[3] == "1" else "unsure" for row in lines(f"ref/{name}-cld3.tsv.zst")[1:]]
    return {"fastText": fasttext, "CLD3": cld3}


def share(pairs):
    pairs = list(pairs)
    return sum(a == b for a, b in pairs) / len(pairs)


class Languages(unittest.TestCase):
    def test_five_words(self):
        rows = [row.split("\t") for row in lines("langid-test-5words.tsv.zst")]
        truth, ours = [common(row[0]) for row in rows], ask([row[2] for row in rows])
        print(f"\nfive words: winnow right on {share(zip(ours, truth)):.3f}, unsure on {ours.count('unsure') / len(ours):.3f}")
        self.assertGreater(share(zip(ours, truth)), 0.95)
        for name, theirs in recorded("langid-test-5words").items():
            differ = [(a, b, t) for a, b, t in zip(ours, theirs, truth) if a != b]
            print(f"five words: {name} right on {share(zip(theirs, truth)):.3f}; same answer {share(zip(ours, theirs)):.3f}; where they differ winnow is "
                  f"right {sum(a == t for a, _, t in differ) / len(differ):.3f}, {name} {sum(b == t for _, b, t in differ) / len(differ):.3f}")
            self.assertGreater(share(zip(ours, truth)), share(zip(theirs, truth)))

    def test_alternative_texts(self):
        ours = ask([row.split("\t")[1] for row in lines("alttext-raw.tsv.zst")])
        for name, theirs in recorded("alttext-raw").items():
            sure = [(a, b) for a, b in zip(ours, theirs) if "unsure" not in (a, b)]
            print(f"\nalternative texts: winnow says English of {ours.count('en') / len(ours):.3f}, unsure {ours.count('unsure') / len(ours):.3f}; {name} English "
                  f"{theirs.count('en') / len(theirs):.3f}, unsure {theirs.count('unsure') / len(theirs):.3f}; same where both are sure {share(sure):.3f}")
            self.assertGreater(share(sure), 0.6)


if __name__ == "__main__":
    unittest.main()
