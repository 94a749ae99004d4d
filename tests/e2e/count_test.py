"""winnow count: what its tables say, counted again here; that nothing but the rows decides a byte of them; and the rules that
read them."""
import collections
import functools
import gzip
import hashlib
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
import unittest

from tests.e2e import make

DEMO = os.path.join(make.ROOT, "tests/data/demo/demo.warc.gz")
PAIRS = os.path.join(make.ROOT, "../shared/data/miniweb/pairs.tsv.gz")
XXHSUM = shutil.which("xxh128sum")
HEADER = "id url text text_raw sha256 src_file src_record src_image src_text".split()
KINDS = "images-per-text,texts-per-image,texts-per-sha256,images-per-text-folded,url-count,hosts,unigrams,bigrams"
ALL = 1 << 30


# ---- rows, and the same counts by a few lines of Python

def escape(text):
    """FORMAT.md §2"""
    def one(match):
        c = match.group()
        simple = {"\t": "\\t", "\n": "\\n", "\r": "\\r", "\\": "\\\\"}
        return simple[c] if c in simple else "\\x%02X" % ord(c) if ord(c) < 128 else "\\u{%X}" % ord(c)
    return re.sub("[\x00-\x1f\\\\\x7f-\x9f\u2028\u2029]", one, text)


def row(number, url, text, raw="", sha256=""):
    pair = hashlib.sha256(url.encode() + b"\0" + text.encode()).hexdigest()[:32]
    return {"id": pair, "url": url, "text": text, "text_raw": raw, "sha256": sha256, "src_file": "0", "src_record": str(number),
            "src_image": "0", "src_text": "0"}


def tsv(rows):
    return "\t".join(HEADER) + "\n" + "".join("\t".join(escape(r[c]) for c in HEADER) + "\n" for r in rows)


WORDS = "red green old small a.m. don't 3,5 3.14 x_y _ __a__ no:colon e-mail it's. 'quoted' 1,2,3; a..b 9'9 4;5 Boat BRIDGE".split()
HOSTILE = ["", " ", "a", "A a A a", "NUL \x00 inside", "tab\tand\nline\\feed", "\x7f\x01", "word " * 3000 + "end", "w" * 60000,
           "x" * 30000 + " " + "y" * 30000, "\u2028 separated \x85 text", "..,,;;''", "-", "_ _ _", "1,2,,3 a.'b"]


@functools.lru_cache(maxsize=None)
def made_rows(count=3000, seed=1):
    dice = random.Random(seed)
    rows = []
    for number in range(count):
        url = f"http://Host{dice.randrange(9)}.example/{dice.randrange(count // 40)}.jpg" if dice.random() < 0.98 else ""
        kind = dice.random()
        if kind < 0.02:
            text = HOSTILE[dice.randrange(len(HOSTILE))]
        elif kind < 0.3:
            text = f"thumbnail for {dice.randrange(4)}"
        else:
            text = " ".join(dice.choice(WORDS) for _ in range(dice.randrange(1, 12)))
        raw = "  " + text.replace(" ", " \n ") if text == " ".join(text.split()) and dice.random() < 0.05 and "\\" not in text else ""
        sha256 = "%064x" % dice.randrange(40) if dice.random() < 0.9 else ""
        rows.append(row(number, url, text, raw, sha256))
    return rows


def words_of(text):
    """UAX #29 words of ASCII, lower-cased"""
    text = "".join(c.lower() if c < "\x80" else c for c in text)
    runs = re.finditer(r"(?:[a-z0-9_]|(?<=[a-z])[.'](?=[a-z])|(?<=[0-9])[.',;](?=[0-9]))+", text)
    return [run.group() for run in runs if re.search("[a-z0-9]", run.group())]


def counted(rows, what, over=0):
    """counts of one kind: name → count where the table has names, else the sorted counts"""
    sums, members = collections.Counter(), collections.defaultdict(set)
    for r in rows:
        text = " ".join(re.sub("[\x00-\x08\x0e-\x1f\x7f]", "", r["text_raw"]).split()) if r["text_raw"] else r["text"]
        folded = " ".join((r["text_raw"] or r["text"]).split())
        if what == "images-per-text" and text and r["url"]:
            members[text].add(r["url"])
        elif what == "images-per-text-folded" and folded and r["url"]:
            members[folded].add(r["url"])
        elif what == "texts-per-image" and text and r["url"]:
            members[r["url"]].add(text)
        elif what == "texts-per-sha256" and text and r["sha256"]:
            members[r["sha256"]].add(text)
        elif what == "url-count" and r["url"]:
            sums[r["url"]] += 1
        elif what == "hosts" and r["url"]:
            sums[re.match("[a-z]+://([^/?#:]*)", r["url"]).group(1).lower()] += 1
        elif what == "unigrams":
            sums.update(words_of(text))
        elif what == "bigrams":
            words = words_of(text)
            sums.update(a + " " + b for a, b in zip(words, words[1:]))
    for key, of_key in members.items():
        sums[key] = min(len(of_key), over + 1) if over else len(of_key)
    return {key: n for key, n in sums.items() if n > over}


class Counting(make.InFolder):
    def rows_file(self, rows, name="in.rows.zst"):
        """a row file of winnow's own"""
        self.winnow("filter", "-q", "--plain-input", "--rule", "all text.chars min=0", "-o", name, stdin=tsv(rows).encode())
        return name

    def table(self, path):
        return self.view(path)

    def count(self, what, *arguments, out="c/", **options):
        self.winnow("count", "-q", "--what", what, "-o", out, *arguments, **options)
        return {name: self.read(os.path.join(out, name)) for name in sorted(os.listdir(self.path(out))) if name.endswith(".rows.zst")}


class Tables(Counting):
    maxDiff = None

    def check(self, rows, kinds=KINDS):
        self.count(kinds, "--plain-input", stdin=tsv(rows).encode())
        for want in kinds.split(","):
            what, _, over = want.partition(":")
            table = self.table(f"c/00000.{what}.rows.zst")
            expected = counted(rows, what, int(over or 0))
            column = list(table[0])[-1] if table else None
            with self.subTest(what):
                self.assertEqual([r["id"] for r in table], sorted(r["id"] for r in table))
                if table and len(table[0]) == 3:
                    name = list(table[0])[1]
                    self.assertEqual({make.unescape(r[name]): int(r[column]) for r in table},
                                     {k.encode()[:65536].decode(): n for k, n in expected.items()})
                self.assertEqual(sorted(int(r[column]) for r in table), sorted(expected.values()))

    def test_every_kind_is_counted_as_a_few_lines_of_python_count_it(self):
        self.check(made_rows())

    def test_with_a_bound_only_what_is_over_it_is_told(self):
        self.check(made_rows(), "images-per-text:10,texts-per-image:3,url-count:12,unigrams:5,bigrams:100,hosts:340")

    def test_no_rows_make_empty_tables(self):
        self.check([])

    @unittest.skipUnless(XXHSUM, "needs xxh128sum (apt install xxhash)")
    def test_a_key_is_the_xxh3_128_of_its_text(self):
        rows = [row(i, f"http://a.example/{i}", t) for i, t in enumerate(["a cat", "Straße", "x" * 5000])]
        self.count("images-per-text,unigrams", "--plain-input", stdin=tsv(rows).encode())
        for at, text in enumerate(["a cat", "Straße", "x" * 5000]):
            self.write(f"k{at}", text)
        sums = subprocess.run([XXHSUM, "k0", "k1", "k2"], cwd=self.folder, capture_output=True, check=True).stdout.decode()
        self.assertEqual(sorted(line.split()[0] for line in sums.splitlines()), [r["id"] for r in self.table("c/00000.images-per-text.rows.zst")])
        self.assertEqual({"a", "cat", "straße", "x" * 5000}, {r["unigram"] for r in self.table("c/00000.unigrams.rows.zst")})

    @unittest.skipUnless(os.path.exists(PAIRS), "needs the mini web's pairs")
    def test_the_mini_webs_pairs(self):
        with gzip.open(PAIRS, "rt", encoding="utf-8") as file:
            lines = [line.rstrip("\n").split("\t") for line in file][1:]
        rows = [row(i, line[3], line[5]) for i, line in enumerate(lines) if line[3].startswith("http")]
        self.assertGreater(len(rows), 500)
        self.check([r for r in rows if r["text"].isascii()])
        self.check(rows, "images-per-text,texts-per-image,url-count,hosts")

    def test_a_recipe_may_take_known_words_from_its_own_texts(self):
        self.write("c.warc.gz", b"")
        self.write("r.yaml", "inputs: c.warc.gz\npreset: cc3m\nwithout: [unserved]\nset: {known_words.at: counts}\n")
        lines = self.winnow("run", "--print", "r.yaml").out.decode().splitlines()
        self.assertEqual(1, len([line for line in lines if " count --what=unigrams:4 " in line]))
        asks = next(line for line in lines if "--at=counts" in line)
        self.assertIn("--counts=OUT/02-count/00000.unigrams.rows.zst", asks)

    def test_a_rule_is_asked_where_it_was_moved_to(self):
        self.write("in.tsv", tsv([row(0, "http://a.example/1", "a cat"), row(1, "http://a.example/2", "many words in a row")]))
        for place, kept in ("text", 2), ("last", 1):
            done = self.winnow("filter", "-q", "--plain-input", "--plain", "--preset", "datacomp-basic", "--at", place, "--without", "language,chars,unserved",
                               "--set", "words.at=last", "in.tsv")
            self.assertEqual(kept, len(done.rows()), place)

    def test_a_kind_needs_its_columns_and_a_name(self):
        bare = b"id\ttext\n" + b"0" * 32 + b"\ta cat\n"
        error = self.winnow("count", "--plain-input", "--what", "url-count", "-o", "c/", stdin=bare, code=2).error
        self.assertIn("needs column 'url': run 'winnow extract' first", error)
        self.assertIn("did you mean 'unigrams'?", self.winnow("count", "--what", "unigram", "-o", "c/", stdin=bare, code=2).error)
        self.assertIn("unigrams twice", self.winnow("count", "--what", "unigrams,unigrams:3", "-o", "c/", stdin=bare, code=2).error)
        self.assertIn("expected WHAT:K", self.winnow("count", "--what", "unigrams:x", "-o", "c/", stdin=bare, code=2).error)


class SameBytes(Counting):
    def test_threads_and_memory_change_nothing(self):
        self.rows_file(made_rows())
        whole = self.count(KINDS, "in.rows.zst", "--threads", "1", out="one/")
        self.assertEqual(8, len(whole))
        for threads, memory in (("2", "1G"), ("7", "256M"), ("1", "1M"), ("3", "5M")):
            out = f"t{threads}-{memory}/"
            with self.subTest(threads=threads, memory=memory):
                self.assertEqual(whole, self.count(KINDS, "in.rows.zst", "--threads", threads, "--memory", memory, out=out))

    def test_tasks_and_buckets_change_nothing(self):
        wants = "images-per-text:10,texts-per-image,url-count:3,hosts,unigrams:4,bigrams"
        rows = made_rows()
        files = [self.rows_file(rows[i * 500:(i + 1) * 500], f"{i}.rows.zst") for i in range(6)]
        self.winnow("merge", "-q", *files, "-o", "all.rows.zst")
        whole = self.count(wants, "all.rows.zst", out="whole/")
        for tasks in (1, 3, 6):
            for task in range(tasks):
                self.count(wants, "--partial", "--task", f"{task}/{tasks}", *files, out=f"map{tasks}/")
            for want in wants.split(","):
                what = want.partition(":")[0]
                parts = [f"map{tasks}/{task:05}.{what}.rows.zst" for task in range(tasks)]
                with self.subTest(what=what, tasks=tasks):
                    together = self.count(want, *parts, out=f"reduce{tasks}-{what}/")
                    self.assertEqual([whole[f"00000.{what}.rows.zst"]], list(together.values()))
                    for buckets in (1, 8) if tasks == 3 else ():
                        self.assertEqual(self.table(f"whole/00000.{what}.rows.zst"), self.by_buckets(want, what, parts, buckets))

    def by_buckets(self, want, what, parts, buckets):
        for task in range(len(parts)):
            self.winnow("partition", "-q", "--by", "id", "--into", str(buckets), "--task", f"{task}/{len(parts)}", "-o",
                        f"p-{what}-{buckets}/", *parts)
        rows = []
        for bucket in range(buckets):
            of_bucket = [f"p-{what}-{buckets}/{task:05}.{bucket:05}.rows.zst" for task in range(len(parts))]
            self.winnow("count", "-q", "--what", want, "-o", f"b-{what}-{buckets}/{bucket:05}.rows.zst", *of_bucket)
            rows += self.table(f"b-{what}-{buckets}/{bucket:05}.{what}.rows.zst")
        return sorted(rows, key=lambda r: r["id"])

    def test_parts_that_cannot_answer_are_refused(self):
        self.rows_file(made_rows())
        self.count("images-per-text:10", "--partial", "in.rows.zst", out="narrow/")
        part = "narrow/00000.images-per-text.rows.zst"
        self.assertIn("images-per-text:10 or less", self.winnow("count", "--what", "images-per-text:11", "-o", "x/", part, code=2).error)
        self.assertIn("images-per-text:10 or less", self.winnow("count", "--what", "images-per-text", "-o", "x/", part, code=2).error)
        self.assertIn("a table of images-per-text", self.winnow("count", "--what", "hosts", "-o", "x/", part, code=2).error)
        self.count("images-per-text:5", part, out="narrower/")
        direct = self.count("images-per-text:5", "in.rows.zst", out="direct/")
        self.assertEqual(direct["00000.images-per-text.rows.zst"], self.read("narrower/00000.images-per-text.rows.zst"))
        finished = "direct/00000.images-per-text.rows.zst"
        self.assertIn("a finished table", self.winnow("count", "--what", "images-per-text:5", "-o", "x/", finished, code=2).error)
        self.assertIn("a part of a table", self.winnow("filter", "--rule", "r corpus.images_per_text max=10", "--counts", part,
                                                       "in.rows.zst", code=2).error)

    def test_interrupted_it_leaves_nothing_and_done_it_is_not_done_again(self):
        rows = made_rows(40000, 7)
        self.rows_file(rows)
        command = [make.WINNOW, "count", "-q", "--memory", "1M", "--what", KINDS, "-o", "k/", "in.rows.zst"]
        for number in (signal.SIGTERM, signal.SIGKILL):
            running = subprocess.Popen(command, cwd=self.folder, stderr=subprocess.DEVNULL)
            time.sleep(0.15)
            running.send_signal(number)
            code = running.wait()
            if code == 0:
                self.skipTest("too fast to interrupt")
            self.assertEqual(code, 4 if number == signal.SIGTERM else -number)
            self.assertFalse(os.path.exists(self.path("k/00000.json")))
            if number == signal.SIGTERM:
                self.assertEqual([], self.leftovers())
        self.winnow(*command[1:])
        first = make.tree(self.path("k"))
        self.assertEqual([], self.leftovers())
        self.winnow(*command[1:])
        self.assertEqual(first, make.tree(self.path("k")))
        self.assertEqual(8, len(json.loads(self.read("k/00000.json"))["tables"]))


class Rules(Counting):
    """filter --counts at the boundaries, and against the counts of this file"""

    def ask(self, rules, tables, rows="in.rows.zst", code=0, *more):
        arguments = [a for rule in rules for a in ("--rule", rule)] + [a for table in tables for a in ("--counts", table)]
        done = self.winnow("filter", "-q", *arguments, *more, "--dropped", "d.zst", "-o", "kept.rows.zst", rows, code=code)
        return done if code else self.view("d.zst")

    def test_more_than_ten_images_of_a_text_and_no_less(self):
        rows = []
        for text, images in (("ten images", 10), ("eleven images", 11), ("twelve of one", 12)):
            for i in range(images):
                rows.append(row(len(rows), f"http://a.example/{0 if text.endswith('one') else i}.jpg", text))
        self.rows_file(rows)
        for want in ("images-per-text", "images-per-text:10"):
            self.count(want, "in.rows.zst", out=want + "/")
            dropped = self.ask(["r corpus.images_per_text max=10"], [want + "/00000.images-per-text.rows.zst"])
            self.assertEqual({"eleven images"}, {r["text"] for r in dropped})
            self.assertEqual(11, len(dropped))
            self.assertEqual([], self.ask(["r corpus.images_per_text max=11"], [want + "/00000.images-per-text.rows.zst"]))
            self.assertEqual({("r", "11", "<=10")}, {(r["rule"], r["measured"], r["bound"]) for r in dropped})

    def test_a_text_that_a_stage_has_changed_is_still_known(self):
        rows = [row(i, f"http://a.example/{i}.jpg", "a cat - stock photo") for i in range(11)]
        rows += [row(11 + i, f"http://a.example/{i}.jpg", "A  cat") for i in range(11)]
        self.rows_file(rows)
        self.count("images-per-text,images-per-text-folded", "in.rows.zst")
        self.winnow("filter", "-q", "--rule", 'crop text.crop words="stock photo"', "in.rows.zst", "-o", "cropped.rows.zst")
        self.assertIn("a cat", {r["text"] for r in self.view("cropped.rows.zst")})
        dropped = self.ask(["r corpus.images_per_text max=10"], ["c/00000.images-per-text.rows.zst"], "cropped.rows.zst")
        self.assertEqual(22, len(dropped))
        self.assertEqual(22, len(self.ask(["r corpus.images_per_text max=10 form=folded"], ["c/00000.images-per-text-folded.rows.zst"],
                                          "cropped.rows.zst")))

    def test_every_rule_drops_what_its_counts_say(self):
        rows = made_rows()
        self.rows_file(rows)
        wants = {"images-per-text": 10, "texts-per-image": 4, "url-count": 9, "images-per-text-folded": 10, "texts-per-sha256": 50}
        self.count(",".join(f"{what}:{over}" for what, over in wants.items()), "in.rows.zst")
        rules = {"images-per-text": "corpus.images_per_text max=10", "texts-per-image": "corpus.texts_per_image max=4",
                 "url-count": "corpus.url_count max=9", "images-per-text-folded": "corpus.images_per_text form=folded max=10",
                 "texts-per-sha256": "corpus.texts_per_image by=sha256 max=50"}
        key = {"images-per-text": lambda r: " ".join(r["text_raw"].split()) or r["text"], "texts-per-image": lambda r: r["url"],
               "url-count": lambda r: r["url"], "images-per-text-folded": lambda r: " ".join((r["text_raw"] or r["text"]).split()),
               "texts-per-sha256": lambda r: r["sha256"]}
        for what, rule in rules.items():
            with self.subTest(what):
                expected = counted(rows, what, wants[what])
                places = {r["src_record"] for r in rows if key[what](r) in expected}
                dropped = self.ask([f"r {rule}"], [f"c/00000.{what}.rows.zst"])
                self.assertTrue(dropped)
                self.assertEqual(places, {r["src_record"] for r in dropped})

    def test_a_rare_word_is_told_and_pairs_are_asked_only_when_wanted(self):
        rows = [row(i, f"http://a.example/{i}.jpg", "the common words") for i in range(5)]
        rows += [row(5, "http://a.example/5.jpg", "the mggqpuweqdpd words"), row(6, "http://a.example/6.jpg", "words common the"),
                 row(7, "http://a.example/7.jpg", "")]
        self.rows_file(rows)
        self.count("unigrams:4,bigrams", "in.rows.zst")
        tables = ["c/00000.unigrams.rows.zst", "c/00000.bigrams.rows.zst"]
        rule = "r text.vocab at=counts min_count=5 numbers_pass=0 "
        self.assertEqual([("5", "mggqpuweqdpd")], [(r["src_record"], r["measured"]) for r in self.ask([rule], tables)])
        self.assertEqual([("5", "mggqpuweqdpd")], [(r["src_record"], r["measured"]) for r in self.ask([rule + "bigrams=auto"], tables[:1])])
        self.assertEqual([("5", "mggqpuweqdpd"), ("6", "words common")],
                         [(r["src_record"], r["measured"]) for r in self.ask([rule + "bigrams=1"], tables)])
        self.assertIn("winnow count --what bigrams", self.ask([rule + "bigrams=1"], tables[:1], code=2).error)
        self.assertIn("tells only what is over", self.ask(["r text.vocab at=counts min_count=3"], tables, code=2).error)

    def test_of_the_top_words_and_pairs_those_as_frequent_as_the_last_are_known(self):
        rows = [r for r in made_rows() if not r["text_raw"]]
        self.rows_file(rows)
        self.count("unigrams,bigrams", "in.rows.zst")
        tables = ["c/00000.unigrams.rows.zst", "c/00000.bigrams.rows.zst"]
        words, pairs = counted(rows, "unigrams"), counted(rows, "bigrams")
        falling = sorted([*words.values(), *pairs.values()], reverse=True)
        for top, least in ((1, 1), (20, 1), (100, 1), (100, 90), (len(falling), 1), (len(falling) + 1, 1)):
            with self.subTest(f"top={top} min_count={least}"):
                bound = max(falling[top - 1] if top <= len(falling) else 0, least)
                rare = [r["src_record"] for r in rows if any(words[w] < bound for w in words_of(r["text"]))
                        or any(pairs[f"{a} {b}"] < bound for a, b in zip(words_of(r["text"]), words_of(r["text"])[1:]))]
                dropped = self.ask([f"r text.vocab at=counts numbers_pass=0 bigrams=1 top={top} min_count={least}"], tables)
                self.assertEqual(rare, [r["src_record"] for r in dropped])
                self.assertEqual({f"every count >= {bound}"} if rare else set(), {r["bound"] for r in dropped})
        bound = sorted(words.values(), reverse=True)[9]
        rare = [r["src_record"] for r in rows if any(words[w] < bound for w in words_of(r["text"]))]
        self.assertEqual(rare, [r["src_record"] for r in self.ask(["r text.vocab at=counts numbers_pass=0 bigrams=auto top=10"], tables)])

    def test_tables_of_many_buckets_and_little_memory_answer_alike(self):
        rows = made_rows()
        files = [self.rows_file(rows[i * 1000:(i + 1) * 1000], f"{i}.rows.zst") for i in range(3)]
        self.winnow("merge", "-q", *files, "-o", "in.rows.zst")
        self.count("unigrams", "in.rows.zst")
        rule = ["r text.vocab at=counts min_count=40"]
        whole = self.ask(rule, ["c/00000.unigrams.rows.zst"])
        self.assertTrue(whole)
        parts = ["c/00000.unigrams.rows.zst"]
        self.winnow("partition", "-q", "--by", "id", "--into", "5", "-o", "p/", *parts)
        for bucket in range(5):
            self.winnow("count", "-q", "--what", "unigrams", "-o", f"b/{bucket:05}.rows.zst", f"p/00000.{bucket:05}.rows.zst")
        buckets = [f"b/{bucket:05}.unigrams.rows.zst" for bucket in range(5)]
        self.assertEqual(whole, self.ask(rule, buckets[::-1], "in.rows.zst", 0, "--memory", "1M"))
        self.assertIn("stands in two tables", self.ask(rule, [*buckets, buckets[1]], code=2).error)

    @unittest.skipIf(os.environ.get("WINNOW_VARIANT"), "sanitizers have memory of their own")
    def test_memory_does_not_grow_with_a_table(self):
        word = lambda i: f"w{i:07}"
        rows = [row(i, f"http://a.example/{i}.jpg", " ".join(word(i * 60 + j) for j in range(60))) for i in range(3000 // make.SLOW)]
        self.rows_file(rows)
        self.count("unigrams,bigrams", "in.rows.zst", "--memory", "24M", "--threads", "1")
        peaks = []
        for name in ("unigrams", "empty"):
            self.rows_file(rows[:1] if name == "empty" else rows, f"{name}.rows.zst")
            self.count("unigrams", f"{name}.rows.zst", out=f"{name}/")
            measure = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
            command = [make.WINNOW, "filter", "-q", "--threads", "1", "--memory", "2M", "--rule", "r text.vocab at=counts", "--counts",
                       f"{name}/00000.unigrams.rows.zst", "in.rows.zst", "-o", "out.rows.zst"]
            peaks.append(int(subprocess.run([sys.executable, "-c", measure, *command], check=True, capture_output=True, cwd=self.folder).stdout))
        self.assertLess(peaks[0] - peaks[1], 12 << 10, "KiB more for 180,000 keys")


class Recipes(Counting):
    def recipe(self, name, preset, more=""):
        return self.write(name, f"inputs: {DEMO}\npreset: {preset}\nwithout: [unserved]\n{more}")

    def test_a_preset_that_asks_for_counts_has_them_planned(self):
        for preset, what in (("align", "images-per-text:10,texts-per-image:1000,unigrams:4,bigrams:4"),
                             ("coyo700m", "images-per-text-folded:10"), ("obelics-images", "url-count:10")):
            lines = self.winnow("run", "--print", self.recipe(preset + ".yaml", preset)).out.decode().splitlines()
            count = [line for line in lines if line.startswith("winnow count")]
            self.assertEqual(1, len(count))
            self.assertIn(f"--what={what} ", count[0])
            filters = [line for line in lines if "--at=counts" in line]
            self.assertEqual(what.count(",") + 1, filters[0].count("--counts="))
        lines = self.winnow("run", "--print", self.recipe("laion.yaml", "laion400m")).out.decode()
        self.assertNotIn("winnow count", lines)

    def test_one_task_three_and_buckets_make_the_same_corpus(self):
        crawl = [self.write(f"crawl{i}.warc.gz", make.crawl(12, seed=i)) for i in range(3)]
        head = "inputs: [" + ", ".join(crawl) + "]\npreset: align\nwithout: [unserved]\nset: [images_per_text.max=2, short_side.min=1, length.min=1]\n"
        made = []
        for name, more in (("one", ""), ("three", "tasks: 3\n"), ("spread", "tasks: 3\nbuckets: 2\n")):
            self.write(f"{name}.yaml", head + more)
            self.winnow("run", "-q", "-o", name, f"{name}.yaml", code=None)
            dropped = []
            for folder in os.listdir(self.path(name)):
                for file in os.listdir(self.path(name, folder)) if folder.endswith("-filter") else ():
                    if file.endswith(".dropped.zst"):
                        dropped += [tuple(r.values()) for r in self.view(f"{name}/{folder}/{file}") if r["rule"] in ("images_per_text", "rare_token")]
            made.append((make.tree(self.path(name, "shards")), sorted(dropped)))
            self.assertTrue(dropped)
        self.assertTrue(made[0][0])
        self.assertEqual(made[0], made[1])
        self.assertEqual(made[0], made[2])
        before = {path: os.stat(self.path("spread", path)).st_mtime_ns for path in make.tree(self.path("spread"), ["log"])}
        self.winnow("run", "-q", "-o", "spread", "spread.yaml", code=None)
        again = {path: os.stat(self.path("spread", path)).st_mtime_ns for path in make.tree(self.path("spread"), ["log"])}
        self.assertEqual({p: t for p, t in before.items() if "count" in p}, {p: t for p, t in again.items() if "count" in p})

    def test_pictures_are_found_behind_an_exchange_by_their_hashes(self):
        self.write("crawl.warc.gz", make.crawl(24, seed=3))
        head = ("inputs: crawl.warc.gz\npreset: coyo700m\nwithout: [unserved, noun]\n"
                "set: [bytes.min=1, min_side.min=1, chars.min=1, words.min=1]\n")
        made = []
        for name, more in (("one", ""), ("spread", "tasks: 3\nbuckets: 2\n")):
            self.write(f"{name}.yaml", head + more)
            self.winnow("run", "-q", "-o", name, f"{name}.yaml")
            found = self.winnow("get", name, "--where", "1", "--columns", "id,text,sha256").out.decode()
            made.append(sorted(found.splitlines()))
        self.assertGreater(len(made[0]), 10)
        self.assertEqual(made[0], made[1])


if __name__ == "__main__":
    unittest.main()
