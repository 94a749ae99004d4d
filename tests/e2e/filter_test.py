"""winnow filter: which rows stay, what the others are told, and that every count adds up."""

import hashlib
import json
import os
import random
import shutil
import subprocess
import tempfile
import unittest

WINNOW = os.path.abspath(os.environ.get("WINNOW", "./winnow"))
SHARED = os.environ.get("WINNOW_SHARED", "../shared")
HEADER = "id url text text_raw src_file src_record src_image src_text width height format bytes lang".split()
TEXT_RULES = ["--rule", "long text.chars min=10", "--rule", "words text.words min=3", "--rule", "capital text.first_upper"]


def make_row(number, text, raw="", url="https://example.com/a.jpg", width=640, height=480, format="jpeg", size=9000, lang="en"):
    pair = hashlib.sha256(url.encode() + b"\0" + text.encode()).hexdigest()[:32]
    return [pair, url, text, raw, "0", str(number), "0", "0", str(width), str(height), format, str(size), lang]


def tsv(rows, header=HEADER):
    return "".join("\t".join(line) + "\n" for line in [header, *rows]).encode()


def random_rows(count):
    dice = random.Random(5)
    words = "A a the cat Dog on in Photo of 12 red house, Stock über 東京".split()
    return [make_row(n, " ".join(dice.choice(words) for _ in range(dice.randrange(1, 12)))) for n in range(count)]


def parse(lines):
    header, *rows = lines.decode().split("\n")[:-1]
    return [dict(zip(header.split("\t"), row.split("\t"))) for row in rows]


def unpack(path):
    return subprocess.run(["zstd", "-dcq", path], check=True, capture_output=True).stdout


class FilterTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def write(self, name, data):
        with open(self.path(name), "wb") as file:
            file.write(data)
        return self.path(name)

    def run_filter(self, *arguments, stdin=b"", expect=0, plain=True):
        command = [WINNOW, "filter", *(["--plain", "--plain-input"] if plain else []), *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True)
        self.assertEqual(done.returncode, expect, done.stderr.decode())
        return done.stdout, done.stderr.decode()

    def kept(self, *arguments, rows):
        return parse(self.run_filter(*arguments, stdin=tsv(rows))[0])

    def test_the_first_rule_that_fails_a_row_drops_it_and_says_why(self):
        rows = [make_row(0, "A cat on the mat"), make_row(1, "ab"), make_row(2, "several small words"), make_row(3, "Two wordsonly")]
        out = self.path("out.rows.zst")
        self.run_filter(*TEXT_RULES, "-o", out, "--dropped", self.path("x.zst"), stdin=tsv(rows))
        self.assertEqual([r["src_record"] for r in parse(unpack(out))], ["0"])
        told = [(r["src_record"], r["rule"], r["measured"], r["bound"], r["also"], r["stage"]) for r in parse(unpack(self.path("x.zst")))]
        self.assertEqual(told, [("1", "long", "2", ">=10", "words capital", "filter"), ("2", "capital", "s", "no small letter first", "", "filter"),
                                ("3", "words", "2", ">=3", "", "filter")])

    def test_counts_in_order_and_alone_add_up(self):
        rows = random_rows(4000)
        out = self.path("out.rows.zst")
        _, said = self.run_filter(*TEXT_RULES, "-o", out, stdin=tsv(rows))
        with open(self.path("out.json"), encoding="utf-8") as file:
            manifest = json.load(file)
        rules = {"long": lambda t: len(t) >= 10, "words": lambda t: len(t.split()) >= 3,
                 "capital": lambda t: next((c for c in t if c.isalpha()), "a") == next((c for c in t if c.isalpha()), "b")
                 and not next(c for c in t if c.isalpha()).islower()}
        reached = rows
        for name, keeps in rules.items():
            stay = [r for r in reached if keeps(r[2])]
            self.assertEqual(manifest["counts"][f"reached.{name}"], len(reached))
            self.assertEqual(manifest["rules"][name], len(reached) - len(stay))
            self.assertEqual(manifest["counts"][f"alone.{name}"], sum(not keeps(r[2]) for r in rows))
            self.assertRegex(said, rf"{name} +{len(reached)} +{len(reached) - len(stay)} ")
            reached = stay
        self.assertEqual(len(parse(unpack(out))), len(reached))

    def test_costly_rules_alone_are_estimated_from_a_sample_of_ids(self):
        rows = random_rows(6000)
        out = self.path("out.rows.zst")
        self.run_filter("--rule", "first text.words min=8", "--rule", "again text.repetition max=0.2", "-o", out, stdin=tsv(rows))
        with open(self.path("out.json"), encoding="utf-8") as file:
            counts = json.load(file)["counts"]
        behind = 6000 - counts["reached.again"]
        self.assertTrue(0.002 * behind < counts["behind_of.again"] < 0.03 * behind)
        self.assertLessEqual(counts["behind.again"], counts["behind_of.again"])

    def test_any_number_of_threads_gives_the_same_bytes(self):
        source = self.write("in.tsv", tsv(random_rows(40000)))
        outputs = set()
        for threads in "1", "2", "7":
            out = self.path(f"{threads}.rows.zst")
            self.run_filter("--preset", "cc3m", "--at", "text", "--without", "unserved", "-t", threads, "-o", out, "--dropped",
                            self.path(f"{threads}.x.zst"), source)
            with open(out, "rb") as a, open(self.path(f"{threads}.x.zst"), "rb") as b, open(self.path(f"{threads}.json"), "rb") as c:
                outputs.add((hashlib.sha256(a.read()).digest(), hashlib.sha256(b.read()).digest(), c.read().replace(threads.encode() + b".rows", b".rows")
                             .replace(threads.encode() + b".x", b".x")))
        self.assertEqual(len({o[:2] for o in outputs}), 1)

    def test_mark_keeps_all_rows(self):
        rows = [make_row(0, "A cat on the mat"), make_row(1, "ab")]
        out = self.kept(*TEXT_RULES, "--mark", rows=rows)
        self.assertEqual([(r["rule"], r["measured"], r["bound"], r["also"]) for r in out],
                         [("", "", "", ""), ("long", "2", ">=10", "words capital")])
        again = self.run_filter("--rule", "none text.chars max=0", "--mark", "-", stdin=self.run_filter(*TEXT_RULES, "--mark", stdin=tsv(rows))[0])[0]
        self.assertEqual([r["rule"] for r in parse(again)], ["none", "long"])  # the first mark stays

    def test_a_cropped_text_leaves_its_original_and_its_id(self):
        rows = [make_row(0, "A red barn - Stock Photo"), make_row(1, "A blue barn"), make_row(2, "Cat - stock photo", raw="Cat -  stock photo")]
        out = self.kept("--rule", "crop text.crop list=boilerplate-crop", rows=rows)
        self.assertEqual([(r["id"], r["text"], r["text_raw"]) for r in out],
                         [(rows[0][0], "A red barn", "A red barn - Stock Photo"), (rows[1][0], "A blue barn", ""), (rows[2][0], "Cat", "Cat -  stock photo")])
        header = [c for c in HEADER if c != "text_raw"]
        bare = [[c for n, c in zip(HEADER, r) if n != "text_raw"] for r in rows]
        out = parse(self.run_filter("--rule", "crop text.crop list=boilerplate-crop", stdin=tsv(bare, header))[0])
        self.assertEqual([r["text_raw"] for r in out], ["A red barn - Stock Photo", "", "Cat - stock photo"])

    def test_escaped_texts_are_measured_unescaped(self):
        rows = [make_row(0, "a\\tb\\nc"), make_row(1, "abcdef")]
        self.assertEqual([r["src_record"] for r in self.kept("--rule", "x text.chars max=5", rows=rows)], ["0"])

    def test_unserved_rules_are_refused_by_name(self):
        _, said = self.run_filter("--preset", "laion400m", stdin=tsv([make_row(0, "A cat")]), expect=2)
        for part in "language (text.language): needs model=FILE or column=NAME, or --allow-substitute winnow_language (cld3)", "dup (corpus.first): run winnow dedup --by url+text instead", \
                "clip_similarity (score.range): the rows have no column sim_b32", "--without unserved":
            self.assertIn(part, said)
        self.assertNotIn("min_bytes", said)

    def test_without_unserved_each_is_listed(self):
        out = self.path("out.rows.zst")
        _, said = self.run_filter("--preset", "laion400m", "--without", "unserved", "-o", out, stdin=tsv([make_row(0, "A cat"), make_row(1, "A cat", size=4999)]))
        self.assertIn("left out: language (text.language)", said)
        with open(self.path("out.json"), encoding="utf-8") as file:
            manifest = json.load(file)
        unserved = [r["name"] for r in manifest["filters"] if "unserved" in r]
        self.assertEqual(unserved, ["language", "dup", "clip_similarity", "nsfw_tag", "minors_text", "minors_image", "animals"])
        self.assertEqual(manifest["rules"], {"min_bytes": 1})

    def test_what_a_rule_needs_can_be_given(self):
        rows = [make_row(0, "A cat on a mat"), make_row(1, "Un chat sur un tapis", lang="fr")]
        out = self.kept("--preset", "datacomp-basic", "--set", "language.column=lang", rows=rows)
        self.assertEqual([r["src_record"] for r in out], ["0"])

    def test_at_asks_the_rules_of_one_place(self):
        rows = [make_row(0, "ab"), make_row(1, "A cat on a mat", width=199, height=300)]
        self.assertEqual([r["src_record"] for r in self.kept("--preset", "datacomp-basic", "--at", "image", rows=rows)], ["0"])
        self.assertEqual([r["src_record"] for r in self.kept("--preset", "datacomp-basic", "--at", "text", "--without", "language", rows=rows)], ["1"])

    def test_set_and_without_change_a_preset(self):
        rows = [make_row(0, "A cat", width=250, height=250), make_row(1, "A cat on a mat", width=300, height=950)]
        options = ["--preset", "datacomp-basic", "--without", "language,words,chars", "--set", "min_side.min=300"]
        self.assertEqual(self.kept(*options, rows=rows), [])
        self.assertEqual([r["src_record"] for r in self.kept(*options, "--set", "aspect.max=3.17", rows=rows)], ["1"])

    def test_wrong_names_are_usage_errors_with_the_nearest(self):
        for arguments, sentence in [
            (["--preset", "laion400n"], "no preset 'laion400n'; did you mean 'laion400m'?"),
            (["--rule", "a text.wrods min=1"], "did you mean 'text.words'?"),
            (["--preset", "align", "--set", "lenght.min=1"], "did you mean 'length'?"),
            (["--preset", "align", "--without", "lenght"], "did you mean 'length'?"),
            (["--rule", "a column.range column=no_such min=1"], "the rows have no column no_such"),
            ([], "nothing to decide by"),
        ]:
            self.assertIn(sentence, self.run_filter(*arguments, stdin=tsv([make_row(0, "A cat")]), expect=2)[1])

    def test_lists_of_ids_keep_and_drop(self):
        rows = [make_row(n, f"Text number {n}") for n in range(5)]
        listed = self.write("ids.txt", ("id\n" + rows[3][0] + "\n\n" + rows[1][0].upper() + "\n" + "0" * 32 + "\n").encode())
        self.assertEqual([r["src_record"] for r in self.kept("--keep-ids", listed, rows=rows)], ["1", "3"])
        self.assertEqual([r["src_record"] for r in self.kept("--drop-ids", listed, rows=rows)], ["0", "2", "4"])
        wrong = self.write("wrong.txt", b"0123\n")
        self.assertIn("wrong.txt:1: '0123': expected 32 hexadecimal digits", self.run_filter("--keep-ids", wrong, stdin=tsv(rows), expect=2)[1])

    def test_subset_files_of_datacomp_name_rows_by_text_and_url(self):
        npy = os.path.join(SHARED, "data/peers/datacomp_subset.npy")
        if not os.path.exists(npy):
            self.skipTest("no ../shared")
        with open(os.path.join(SHARED, "data/peers/ids.json"), encoding="utf-8") as file:
            known = json.load(file)
        rows = [make_row(n, pair["text"], url=pair["url"]) for n, pair in enumerate(known)] + [make_row(len(known), "another")]
        kept = [r["src_record"] for r in self.kept("--keep-ids", npy, rows=rows)]
        self.assertEqual(kept, [str(n) for n in range(len(known))])
        with open(npy, "rb") as file:
            cut = self.write("cut.npy", file.read()[:-3])
        self.assertIn("ends after", self.run_filter("--keep-ids", cut, stdin=tsv(rows), expect=2)[1])

    def test_a_changed_list_is_other_work_and_an_unchanged_one_is_done(self):
        bad = self.write("bad.txt", b"cat\n")
        preset = self.write("mine.preset", b"no_bad text.blocklist list=bad.txt -- choice: ours\n")
        source = self.path("in.rows.zst")
        self.run_filter("--rule", "all text.chars min=0", "-o", source, stdin=tsv([make_row(0, "A cat"), make_row(1, "A dog")]))
        out = self.path("out.rows.zst")
        again = ["--preset", preset, "-o", out, source]
        self.run_filter(*again)
        self.assertEqual([r["text"] for r in parse(unpack(out))], ["A dog"])
        self.assertIn("done already", self.run_filter(*again)[1])
        self.write("bad.txt", b"dog\n")
        self.assertNotIn("done already", self.run_filter(*again)[1])
        self.assertEqual([r["text"] for r in parse(unpack(out))], ["A cat"])
        self.assertTrue(os.path.exists(bad))

    def test_presets_and_lists_are_found_beside_an_installed_program(self):
        os.makedirs(self.path("bin"))
        shutil.copy(WINNOW, self.path("bin/winnow"))
        shutil.copytree("filters/presets", self.path("share/winnow/presets"))
        shutil.copytree("filters/lists", self.path("share/winnow/lists"))
        shutil.copytree("filters/language/models", self.path("share/winnow/models"))
        environment = {k: v for k, v in os.environ.items() if k != "WINNOW_PRESETS"}
        command = [self.path("bin/winnow"), "filter", "--plain", "--plain-input", "--preset", "cc3m", "--at", "text", "--without", "unserved"]
        done = subprocess.run(command, input=tsv([make_row(0, "A cat sits on the mat - Stock Photo")]), capture_output=True, cwd="/", env=environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([r["text"] for r in parse(done.stdout)], ["A cat sits on the mat"])

    def test_a_limit_gives_the_same_rows_and_counts_with_any_threads(self):
        source = self.write("in.tsv", tsv(random_rows(30000)))
        seen = set()
        for threads in "1", "4":
            out = self.path("out.rows.zst")
            self.run_filter(*TEXT_RULES, "--limit", "5000", "-t", threads, "-f", "-o", out, source)
            with open(self.path("out.json"), encoding="utf-8") as file:
                manifest = json.load(file)
            seen.add((unpack(out), json.dumps(manifest["counts"]), json.dumps(manifest["rules"])))
        self.assertEqual(len(seen), 1)
        self.assertEqual(len(parse(seen.pop()[0])), 5000)

    def test_datacomp_basic_agrees_with_python_on_published_texts(self):
        source = os.path.join(SHARED, "data/lang/alttext-raw.tsv.zst")
        if not os.path.exists(source):
            self.skipTest("no ../shared")
        texts = [line.split("\t", 1)[1] for line in unpack(source).decode(errors="replace").split("\n") if "\t" in line]
        texts = ["".join(c for c in t if c >= " " and c != "\x7f" and not "\x80" <= c < "\xa0" and c not in "\u2028\u2029") for t in texts]
        rows = [make_row(n, " ".join(t.split()).replace("\\", "\\\\"), raw=t.replace("\\", "\\\\")) for n, t in enumerate(texts)]
        kept = self.kept("--preset", "datacomp-basic", "--at", "text", "--without", "language", rows=rows)
        expected = [str(n) for n, t in enumerate(texts) if len(t.split()) > 2 and len(t) > 5]
        self.assertGreater(len(expected), 5000)
        self.assertEqual([r["src_record"] for r in kept], expected)

    def test_metaclip_balances_what_is_left_whatever_the_threads(self):
        dice = random.Random(8)
        rows = [make_row(n, " ".join(dice.choices(["dog", "cat", "okapi", "thing"], [60, 30, 0.4, 10], k=2)), url=f"https://a.com/{n}.jpg") for n in range(4000)]
        entries = self.write("entries.txt", b"dog\ncat\nokapi\n")
        path = self.write("rows.tsv", tsv(rows))
        options = ["--preset", "metaclip", "--set", f"match.list={entries}", "--set", f"balance.list={entries}", "--set", "balance.t=500"]
        outputs = {self.run_filter(*options, "--threads", threads, path)[0] for threads in "123"}
        self.assertEqual(len(outputs), 1)
        texts = [row["text"] for row in parse(outputs.pop())]
        counts = {word: sum(word in row[2].split() for row in rows) for word in ("dog", "cat", "okapi")}
        self.assertGreater(counts["dog"], 2000)
        self.assertLess(counts["okapi"], 500)
        self.assertEqual(sum("okapi" in text for text in texts), counts["okapi"])  # rare entries keep all of their texts
        self.assertEqual(sum(text == "thing thing" for text in texts), 0)          # no entry
        only_dogs = [text for text in texts if set(text.split()) <= {"dog", "thing"}]
        expected = 500 / counts["dog"] * sum(set(row[2].split()) <= {"dog", "thing"} and "dog" in row[2] for row in rows)
        self.assertLess(abs(len(only_dogs) - expected), 4 * expected ** 0.5)
        # the counts that the first pass found, given by a list, decide the same without it
        listed = self.write("listed.txt", "".join(f"{word}\t{count}\n" for word, count in counts.items()).encode())
        again = ["--preset", "metaclip", "--set", f"match.list={entries}", "--set", f"balance.list={listed}", "--set", "balance.t=500",
                 "--set", "balance.counts=list"]
        self.assertEqual([row["text"] for row in parse(self.run_filter(*again, path)[0])], texts)


if __name__ == "__main__":
    unittest.main()
