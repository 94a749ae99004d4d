"""The window `language`, and the rules that use the language tools: offsets, accuracies on test parts that training never saw."""
import json
import os
import socket
import subprocess
import tempfile
import unittest

from tests.e2e import make

SHARED = os.path.join(os.environ.get("WINNOW_SHARED", os.path.join(make.ROOT, "../shared")), "data/lang")
WINNOW = os.environ.get("WINNOW", "./winnow")


def run(*arguments, stdin=b""):
    done = subprocess.run([WINNOW, *arguments], input=stdin, capture_output=True, check=False)
    if done.returncode:
        raise AssertionError(f"{arguments}: exit {done.returncode}: {done.stderr.decode()}")
    return done.stdout.decode()


def rows(text):
    header, *lines = text.rstrip("\n").split("\n")
    return [dict(zip(header.split("\t"), line.split("\t"))) for line in lines]


def shared(name):
    """Lines of a shared file, unpacked; the test skips where it is not."""
    path = os.path.join(SHARED, name)
    if not os.path.exists(path):
        raise unittest.SkipTest(f"{path} is not there")
    return subprocess.run(["zstd", "-dcq", path], capture_output=True, check=True).stdout.decode().split("\n")


def treebank(name):
    """[(text, [(start, end, tag)])] in code points"""
    found, text, tokens, at = [], "", [], 0
    for line in shared(name):
        fields = line.split("\t")
        if line.startswith("# text = "):
            text, at = line[9:], 0
        elif not line and tokens:
            found.append((text, tokens))
            tokens = []
        elif fields[0].isdigit():
            start = text.index(fields[1], at)
            at = start + len(fields[1])
            tokens.append((start, at, fields[2]))
    return found


def tagged(texts):
    """What `language tags` says of each text: [[(start, end, upos, entity)]]"""
    found = [[] for _ in texts]
    for row in rows(run("language", "tags", "-", stdin=("\n".join(texts) + "\n").encode())):
        found[int(row["line"]) - 1].append((int(row["start"]), int(row["end"]), row["upos"], row["entity"]))
    return found


def f1(told, real):
    both = len(told & real)
    return 2 * both / (len(told) + len(real))


def spans(tokens):
    """{(start, end, kind)} of (start, end, tag) in B/I/O"""
    found, begun = set(), None
    for start, end, tag in [*tokens, (0, 0, "O")]:
        if begun and not (tag.startswith("I-") and tag[2:] == begun[2]):
            found.add(tuple(begun))
            begun = None
        if tag[:2] == "B-":
            begun = [start, end, tag[2:]]
        elif begun:
            begun[1] = end
    return found


def has_all(tags):
    return "DET" in tags and "ADP" in tags and ("NOUN" in tags or "PROPN" in tags)


class Accuracy(unittest.TestCase):
    def test_tokens_and_parts_of_speech(self):
        bank = treebank("ewt-test.col.zst")
        told = tagged([text for text, _ in bank])
        real_tokens = {(i, s, e) for i, (_, tokens) in enumerate(bank) for s, e, _ in tokens}
        told_tokens = {(i, s, e) for i, tokens in enumerate(told) for s, e, *_ in tokens}
        self.assertGreaterEqual(f1(told_tokens, real_tokens), 0.99)
        tags = {(i, s, e): tag for i, tokens in enumerate(told) for s, e, tag, _ in tokens}
        right = sum(tags.get((i, s, e)) == tag for i, (_, tokens) in enumerate(bank) for s, e, tag in tokens)
        self.assertGreaterEqual(right / len(real_tokens), 0.94)

    def test_determiner_noun_and_preposition_in_any_casing(self):
        bank = treebank("ewt-test.col.zst")
        for casing, least in (str, 0.985), (str.lower, 0.98), (str.upper, 0.98), (str.title, 0.98):
            texts = [text if casing is str else " ".join(casing(w) if casing is not str.title else w[:1].upper() + w[1:].lower()
                                                         for w in text.split(" ")) for text, _ in bank]
            told = tagged(texts)
            right = sum(has_all({t[2] for t in a}) == has_all({t[2] for t in b}) for a, (_, b) in zip(told, bank))
            self.assertGreaterEqual(right / len(bank), least, casing)

    def test_entities(self):
        bank = treebank("uner-test.col.zst")
        for casing, least in (str, ENTITIES_LEAST), (str.lower, ENTITIES_LOWER_LEAST):
            told = tagged([casing(text) for text, _ in bank])
            told_spans = {(i, *s) for i, tokens in enumerate(told) for s in spans([(a, b, e or "O") for a, b, _, e in tokens])}
            real_spans = {(i, *s) for i, (_, tokens) in enumerate(bank) for s in spans(tokens)}
            self.assertGreaterEqual(f1(told_spans, real_spans), least, casing)

    def test_languages_of_five_words(self):
        classes = {}
        with open("filters/language/train/classes.txt", encoding="utf-8") as file:
            for line in file:
                label, *languages = line.split()
                if label != "#":
                    classes.update({name: "other" if label.startswith("other") else label for name in languages or [label]})
        lines = [line.split("\t") for line in shared("langid-test-5words.tsv.zst") if line]
        told = rows(run("language", "identify", "-", stdin="".join(f"{line[2]}\n" for line in lines).encode()))
        self.assertEqual(len(told), len(lines))
        real = [classes.get(line[0], "other") for line in lines]
        sure = [(a["label"], b) for a, b in zip(told, real) if a["label"] != "unsure"]
        self.assertGreaterEqual(len(sure) / len(lines), 0.98)
        self.assertGreaterEqual(sum(a == b for a, b in sure) / len(sure), 0.968)
        english = [a["label"] for a, b in zip(told, real) if b == "en"]
        self.assertGreaterEqual(english.count("en") / len(english), 0.98)
        others = [a["label"] for a, b in zip(told, real) if b != "en"]
        self.assertLessEqual(others.count("en") / len(others), 0.005)


ENTITIES_LEAST, ENTITIES_LOWER_LEAST = 0.72, 0.69  # over tokens of our own, reached: see reports/models/english.md


class Windows(unittest.TestCase):
    def test_standard_input_may_be_a_socket(self):
        ours, its = socket.socketpair()
        with ours, its:
            ours.sendall(b"the cat sat on the mat\n")
            ours.shutdown(socket.SHUT_WR)
            done = subprocess.run([WINNOW, "language", "identify", "-"], stdin=its, capture_output=True, check=True)
        self.assertEqual([row["label"] for row in rows(done.stdout.decode())], ["en"])

    def test_offsets_count_code_points(self):
        got = rows(run("language", "tags", "-", stdin="né à Ärgernis 😀 can't\r\n\nok".encode()))
        self.assertEqual([(r["line"], r["start"], r["end"], r["form"]) for r in got],
                         [("1", "0", "2", "né"), ("1", "3", "4", "à"), ("1", "5", "13", "Ärgernis"), ("1", "14", "15", "😀"),
                          ("1", "16", "18", "ca"), ("1", "18", "21", "n't"), ("3", "0", "2", "ok")])
        got = rows(run("language", "pii", "-", stdin="é ann@example.org\n".encode()))
        self.assertEqual([list(r.values()) for r in got], [["1", "2", "17", "EMAIL", "ann@example.org"]])

    def test_a_row_an_input_line_whatever_it_holds(self):
        got = run("language", "identify", "-", stdin=b"\n\xff\xfe\n12345\nthe cat sat on the mat\n")
        self.assertEqual(len(got.split("\n")), 6)
        self.assertEqual(rows(got)[3]["label"], "en")
        self.assertEqual(rows(got)[0]["label"], "unsure")

    def test_wrong_use(self):
        for arguments, said in ((["tags"], "expected: winnow language"), (["tag", "x"], "no window 'language tag'"),
                                (["identify", "--model", "README.md", "-"], "README.md: no fastText model")):
            done = subprocess.run([WINNOW, "language", *arguments], capture_output=True, check=False, input=b"")
            self.assertIn(done.returncode, (1, 2))
            self.assertIn(said, done.stderr.decode())


class Rules(unittest.TestCase):
    def filter(self, rows_, *arguments):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "rows.tsv")
            with open(path, "w", encoding="utf-8") as file:
                file.write("id\turl\ttext\n" + "".join(f"{i:032x}\thttp://x.example/{i}\t{t}\n" for i, t in enumerate(rows_)))
            return rows(run("filter", "--plain-input", "--plain", *arguments, path))

    def test_the_language_rule_asks_a_fasttext_model(self):
        model = os.path.join(SHARED, "ref/lid.176.ftz")
        if not os.path.exists(model):
            self.skipTest("no lid.176.ftz")
        got = self.filter(["a dog runs on the beach", "ein Hund läuft am Strand entlang"], "--rule", f"l text.language lang=en model={model}")
        self.assertEqual([r["text"] for r in got], ["a dog runs on the beach"])

    def test_names_and_personal_data_are_rewritten_and_the_original_is_kept(self):
        got = self.filter(["Photo of George Bush, mail ann@example.org"], "--rule", "n text.person_names", "--rule", "p text.pii mask=1 kinds=email")
        self.assertEqual(got[0]["text"], "Photo of <PERSON>, mail [EMAIL]")
        self.assertEqual(got[0]["text_raw"], "Photo of George Bush, mail ann@example.org")

    def test_no_address_is_left_in_a_long_text(self):
        text = " ".join(f"a{i}@b.co" for i in range(5000))
        got = self.filter([text], "--rule", "p text.pii mask=1")
        self.assertEqual(got[0]["text"], " ".join(["[EMAIL]"] * 5000))
        self.assertEqual(len(rows(run("language", "pii", "-", stdin=text.encode()))), 5000)

    def test_what_becomes_too_long_for_a_cell_is_cut(self):
        got = self.filter(["a@b.co " * 9000 + "é", "a cat"], "--rule", "p text.pii mask=1")
        self.assertEqual((len(got[0]["text"]), got[1]["text"]), (65536, "a cat"))

    def test_personal_data_is_counted_and_may_drop(self):
        texts = ["a@example.org b@example.org", "a cat", "c@example.org"]
        self.assertEqual(len(self.filter(texts, "--rule", "p text.pii")), 3)
        self.assertEqual([r["text"] for r in self.filter(texts, "--rule", "p text.pii most=1")], texts[1:])

    def test_what_is_found_is_counted_without_being_dropped(self):
        texts = ["a@example.org b@example.org", "a cat", "c@example.org", "call +49 30 901820", "Photo of George Bush", "cats - stock photo"]
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "rows.tsv")
            with open(path, "w", encoding="utf-8") as file:
                file.write("id\turl\ttext\n" + "".join(f"{i:032x}\thttp://x.example/{i}\t{t}\n" for i, t in enumerate(texts)))
            said = subprocess.run([WINNOW, "filter", "--plain-input", "--rule", "crop text.crop list=boilerplate-crop", "--rule", "mail text.pii kinds=email",
                                   "--rule", "all text.pii", "--rule", "names text.person_names", "-o", folder + "/out/", path],
                                  capture_output=True, check=True).stderr.decode()
            with open(folder + "/out/00000.json", encoding="utf-8") as file:
                counts = json.load(file)["counts"]
        self.assertEqual({name: counts[name] for name in counts if name.startswith("found")},
                         {"found.crop": 2, "found_in.crop": 2, "found.mail": 3, "found_in.mail": 2, "found.all": 4, "found_in.all": 3,
                          "found.names": 1, "found_in.names": 1})
        self.assertIn("found 4 in 3 rows", said)

    def test_hypernyms_by_a_table(self):
        with tempfile.NamedTemporaryFile("w", suffix=".tsv") as table:
            table.write("Harrison Ford\tactor\nCalista Flockhart\tactor\n")
            table.flush()
            got = self.filter(["Harrison Ford and Calista Flockhart attend the premiere"], "--rule", f"h text.hypernyms table={table.name}")
        self.assertEqual(got[0]["text"], "actors attend the premiere")

    def test_the_answers_do_not_depend_on_threads(self):
        texts = [" ".join(f"{a} {b}" for b in ("in Paris", "by Mary Smith", "of a dog", f"no {i}")) for i in range(3000) for a in ("photo", "view")]
        one, four = (self.filter(texts, "--threads", n, "--rule", "h text.has noun=1 determiner=1", "--rule", "n text.person_names",
                                 "--rule", "l text.language lang=en") for n in ("1", "4"))
        self.assertEqual(one, four)


if __name__ == "__main__":
    unittest.main()
