"""winnow audit: every row of a run is found, with the end it really had."""
import collections
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from tests.e2e import make

RECIPE = """
inputs: [a.warc.gz, b.warc.gz]
stages:
  - extract:
  - filter:
      rule: [words text.words min=2, size.chars text.chars max=24, size.long text.words max=4]
  - dedup:
      by: url
  - fetch:
      size: 24
  - filter:
      rule: [side image.min_side min=18]
  - shard:
      samples: 8
tasks: 2
"""


class Run(make.InFolder):
    """A finished run, made once, in a copy of each test's own."""

    buckets = 0

    @classmethod
    def setUpClass(cls):
        holder = tempfile.TemporaryDirectory(prefix="winnow-")
        cls.addClassCleanup(holder.cleanup)
        cls.made = holder.name
        for name, seed in (("a.warc.gz", 1), ("b.warc.gz", 2)):
            with open(os.path.join(cls.made, name), "wb") as file:
                file.write(make.crawl(14, seed=seed))
        with open(os.path.join(cls.made, "recipe.yaml"), "w", encoding="utf-8") as file:
            file.write(RECIPE + f"buckets: {cls.buckets}\n")
        subprocess.run([make.WINNOW, "run", "-q", "recipe.yaml"], cwd=cls.made, check=True)

    def setUp(self):
        super().setUp()
        shutil.copytree(self.made, self.folder, dirs_exist_ok=True)

    def audit(self, *arguments, code=0):
        return self.winnow("audit", *arguments, code=code)

    def step_rows(self, step, suffix):
        folder = self.path("OUT", step)
        names = sorted(name for name in os.listdir(folder) if name.endswith(suffix))
        return [row for name in names for row in self.view(os.path.join(folder, name))]

    def occurrences(self, subject, *options):
        """What audit tells of each row: a dictionary of its labels; steps by name."""
        text = self.audit(*options, "OUT", subject).out.decode()
        head, *parts = re.split(r"\n(?=\d+\. )", text)
        told = []
        for part in parts:
            lines = part.splitlines()
            one = {"end": lines[0].split(". ")[1]}
            for line in lines[1:]:
                label = line[3:15].strip()
                if label:
                    one[label] = line[15:]
                elif line.strip():
                    one["more"] = one.get("more", "") + line.strip() + "\n"
            told.append(one)
        for before, one in zip(told, told[1:]):  # said once for rows that share them
            for label in ("id", "picture", "text"):
                one.setdefault(label, before[label])
        return head, told

    def check_all_ids(self):
        extracted = self.step_rows("01-extract", ".rows.zst")
        samples = {tuple(row[f"src_{part}"] for part in ("file", "record", "image", "text")): row for row in self.step_rows("shards.meta", ".rows.zst")}
        dropped = {}
        for step in sorted(os.listdir(self.path("OUT"))):
            if re.match(r"\d\d-", step):
                for row in self.step_rows(step, ".dropped.zst"):
                    dropped[tuple(row[f"src_{part}"] for part in ("file", "record", "image", "text"))] = step, row
        by_id = collections.defaultdict(list)
        for row in extracted:
            by_id[row["id"]].append(row)
        self.assertEqual(len(samples) + len(dropped), len(extracted))
        for identity, rows in by_id.items():
            head, told = self.occurrences(identity, "--limit", "0")
            self.assertEqual(head.strip(), f"{identity}: {len(rows)} row{'s' * (len(rows) != 1)}")
            self.assertEqual(sorted(one["place"] for one in told),
                             sorted(".".join(row[f"src_{part}"] for part in ("file", "record", "image", "text")) for row in rows))
            for one in told:
                place = tuple(one["place"].split("."))
                self.assertEqual((one["id"], one["picture"], one["text"]), (identity, rows[0]["url"], rows[0]["text"]))
                self.assertTrue(one["source"].startswith(f"{'ab'[int(place[0])]}.warc.gz, record {place[1]} ("), one["source"])
                if place in samples:
                    self.assertEqual(one["end"], "in the corpus")
                    self.assertIn(f"sample {samples[place]['key']} in OUT/shards/0000", one["shards"])
                else:
                    step, row = dropped[place]
                    self.assertEqual(one["end"], "dropped")
                    self.assertTrue(one[step].startswith(f"dropped by {row['rule']}"), one[step])
                    self.assertIn(row["measured"], one[step])
                    self.assertIn(row["bound"], one[step])
        return dropped


class Ids(Run):
    def test_every_id_of_the_run_is_told_with_its_end(self):
        dropped = self.check_all_ids()
        self.assertGreaterEqual({row["rule"] for _, row in dropped.values()},
                                {"words", "size.chars", "dup.url", "side", "fetch.not_recorded"})

    def test_the_same_without_an_index(self):
        os.unlink(self.path("OUT/index.sqlite"))
        self.check_all_ids()

    def test_the_steps_that_a_sample_passed_stand_in_order(self):
        row = self.step_rows("shards.meta", ".rows.zst")[3]
        _, (one, *_) = self.occurrences(row["id"])
        self.assertEqual([label for label in one if re.match(r"\d\d-|shards", label)],
                         ["01-extract", "02-filter", "03-dedup", "04-fetch", "05-filter", "shards"])
        self.assertEqual((one["01-extract"], one["02-filter"], one["03-dedup"], one["05-filter"]), ("written", "passed 3 rules", "kept", "passed 1 rule"))
        self.assertIn(f"{row['format']}, {row['width']} × {row['height']}, {row['bytes']} bytes", one["04-fetch"])
        self.assertEqual(one["page"], f"{row['page_url']}, crawled {row['warc_date']}")

    def test_what_it_also_failed_and_where_the_rule_stands(self):
        row = next(row for row in self.step_rows("02-filter", ".dropped.zst") if row["also"])
        _, told = self.occurrences(row["id"])
        self.assertIn(f"it also fails: {row['also']}", told[0]["more"])
        self.assertIn("the rule: text.", told[0]["more"])

    def test_a_duplicate_names_what_became_of_the_one_that_stays(self):
        samples = {row["url"]: row["key"] for row in self.step_rows("shards.meta", ".rows.zst")}
        later = {row["url"]: ("05-filter", row["rule"]) for row in self.step_rows("05-filter", ".dropped.zst")}
        seen = set()
        for row in self.step_rows("03-dedup", ".dropped.zst"):
            _, told = self.occurrences(row["id"], "--limit", "0")
            one = next(one for one in told if one["place"] == ".".join(row[f"src_{part}"] for part in ("file", "record", "image", "text")))
            if row["url"] in samples:
                self.assertIn(f"that one is sample {samples[row['url']]}", one["more"])
                seen.add("sample")
            elif row["url"] in later:
                self.assertIn("that one was dropped later, in {} by {}".format(*later[row["url"]]), one["more"])
                seen.add("dropped")
        self.assertEqual(seen, {"sample", "dropped"})

    def test_an_id_in_capitals_is_the_same(self):
        identity = self.step_rows("shards.meta", ".rows.zst")[0]["id"]
        self.assertEqual(self.audit("OUT", identity.upper()).out.lower(), self.audit("OUT", identity).out.lower())

    def test_many_rows_are_cut_at_the_limit_and_the_survivor_comes_first(self):
        counts = collections.Counter(row["id"] for row in self.step_rows("01-extract", ".rows.zst"))
        identity, count = counts.most_common(1)[0]
        self.assertGreater(count, 20)
        head, told = self.occurrences(identity)
        self.assertEqual(head.strip(), f"{identity}: {count} rows")
        self.assertEqual(len(told), 20)
        kept = [row for row in self.step_rows("shards.meta", ".rows.zst") if row["id"] == identity]
        self.assertEqual(told[0]["end"] == "in the corpus", bool(kept))
        self.assertIn(f"{count - 20} more: --limit 0 tells all", self.audit("OUT", identity).out.decode())

    def test_what_is_nowhere_is_told_in_one_line(self):
        for subject, kind in (("0" * 32, "id"), ("http://nowhere.example/", "URL")):
            done = self.audit("OUT", subject, code=1)
            self.assertEqual(done.out, b"")
            self.assertEqual(done.lines, [f"winnow audit: no row with {kind} {subject} in OUT: neither dropped nor kept"])
        good = self.step_rows("shards.meta", ".rows.zst")[0]["id"]
        done = self.audit("OUT", "0" * 32, good, code=1)  # the others are told all the same
        self.assertIn(good, done.out.decode())

    def test_a_lost_row_is_found_where_it_was_last(self):
        kept = self.step_rows("05-filter", ".rows.zst")
        shutil.rmtree(self.path("OUT/shards.meta"))
        for name in ("shards", "05-filter"):
            shutil.rmtree(self.path("OUT", name))
        os.unlink(self.path("OUT/index.sqlite"))
        _, (one,) = self.occurrences(kept[0]["id"], "--limit", "1")
        self.assertEqual(one["end"], "kept so far")
        self.assertIn("is among the rows of OUT/04-fetch/00000.rows.zst", one["more"])

    def test_a_row_that_the_last_stage_lost_is_told(self):
        rows = self.step_rows("05-filter", ".rows.zst")
        lost = rows[-1]
        with open(self.path("OUT/packs", lost["image_pack"]), "r+b") as pack:
            pack.truncate(int(lost["image_offset"]))
        for name in ("shards", "shards.meta"):
            shutil.rmtree(self.path("OUT", name))
        files = [f"OUT/05-filter/{name}" for name in sorted(os.listdir(self.path("OUT/05-filter"))) if name.endswith(".rows.zst")]
        self.winnow("shard", "-q", "--samples", "8", "-o", "OUT/shards/", *files, code=3)
        self.winnow("index", "-q", "OUT")
        _, told = self.occurrences(lost["id"])
        self.assertEqual(told[0]["end"], "not at an end")
        self.assertIn("or was lost there", told[0]["more"])

    def test_one_frame_is_read_for_a_dropped_id(self):
        """A dropped file of many frames: what is read of it is a small part."""
        lines = "".join(f"http://a.example/{hashlib.md5(b'%d' % i).hexdigest()}{'x' * 400}.jpg\tw\n" for i in range(20000))
        self.write("pairs.tsv", lines)
        self.winnow("import", "-q", "-o", "BIG/01-import/", "pairs.tsv")
        self.winnow("filter", "-q", "--rule", "words text.words min=2", "-o", "BIG/02-filter/", "BIG/01-import/00000.rows.zst")
        dropped = self.view("--columns", "id", "BIG/02-filter/00000.dropped.zst")
        shutil.rmtree(self.path("BIG/01-import"))
        path = self.path("BIG/02-filter/00000.dropped.zst")
        with open(path, "rb") as file:
            data = bytearray(file.read())
        middle = len(data) // 2  # damage: whoever unpacked that frame would say so
        data[middle:middle + 64] = b"\xff" * 64
        with open(path, "wb") as file:
            file.write(data)
        for row in (dropped[0], dropped[-1]):
            self.assertIn("dropped by words: measured 1", self.audit("BIG", row["id"]).out.decode())
        self.audit("--rule", "words", "--limit", "0", "BIG", code=1)


class Buckets(Run):
    """After an exchange, where a step's tasks are buckets."""

    buckets = 3

    def test_every_id_of_the_run_is_told_with_its_end(self):
        self.check_all_ids()

    def test_the_steps_that_a_sample_passed_stand_in_order(self):
        row = self.step_rows("shards.meta", ".rows.zst")[3]
        _, (one, *_) = self.occurrences(row["id"])
        self.assertEqual([label for label in one if re.match(r"\d\d-|shards", label)],
                         ["01-extract", "02-filter", "03-partition", "04-dedup", "05-merge", "06-fetch", "07-filter", "shards"])


class Lists(Run):
    def test_rows_of_a_url_whatever_their_id(self):
        rows = self.step_rows("01-extract", ".rows.zst")
        url, count = collections.Counter(row["url"] for row in rows).most_common(1)[0]
        _, told = self.occurrences(url + "#fragment", "--limit", "0")
        self.assertEqual(len(told), count)
        self.assertGreater(len({one["id"] for one in told}), 0)
        page = rows[0]["page_url"]
        _, told = self.occurrences(page, "--limit", "0")
        self.assertEqual(len(told), sum(row["page_url"] == page for row in rows))

    def test_rows_of_a_rule(self):
        rows = self.audit("--rule", "words", "--limit", "0", "OUT").rows()
        expected = [row for row in self.step_rows("02-filter", ".dropped.zst") if row["rule"] == "words"]
        self.assertEqual([row["id"] for row in rows], [row["id"] for row in expected])
        for row, dropped in zip(rows, expected):
            self.assertEqual({name: row[name] for name in ("rule", "measured", "bound", "url", "text")},
                             {name: dropped[name] for name in ("rule", "measured", "bound", "url", "text")})
            self.assertEqual(row["step"], "02-filter")
        self.assertEqual(len(self.audit("--rule", "words", "--limit", "3", "OUT").rows()), 3)

    def test_rows_of_a_group_of_rules(self):
        rows = self.audit("--rule", "size", "--limit", "0", "OUT").rows()
        self.assertEqual(len(rows), sum(row["rule"].startswith("size.") for row in self.step_rows("02-filter", ".dropped.zst")))
        self.assertTrue(rows)

    def test_rules_that_removed_nothing_and_rules_that_are_none(self):
        self.assertEqual(self.audit("--rule", "wrods", "OUT", code=1).lines, ["winnow audit: no rule 'wrods' in OUT; did you mean words?"])
        self.assertEqual(self.audit("--rule", "no_such", "OUT", code=1).lines, ["winnow audit: no rule 'no_such' in OUT: winnow report lists them"])

    def test_outcomes_of_a_host(self):
        rows = {(row["step"], row["outcome"], row["rule"]): int(row["rows"]) for row in self.audit("--host", "Pictures.Example", "OUT").rows()}
        self.assertEqual(sum(rows.values()), len(self.step_rows("01-extract", ".rows.zst")))
        self.assertEqual(rows["shards", "in the corpus", ""], len(self.step_rows("shards.meta", ".rows.zst")))
        self.assertEqual(rows["02-filter", "dropped", "words"], sum(row["rule"] == "words" for row in self.step_rows("02-filter", ".dropped.zst")))
        self.assertEqual(self.audit("--host", "example", "OUT").rows(), self.audit("--host", "pictures.example", "OUT").rows())
        self.assertEqual(len(self.audit("--host", "ures.example", "OUT", code=1).lines), 1)

    def test_wrong_usage(self):
        for arguments in ((), ("OUT",), ("OUT", "neither"), ("--rule", "words", "--host", "a", "OUT"), ("--rule", "words", "OUT", "0" * 32),
                          ("--host", "a/b", "OUT"), ("--host", "", "OUT")):
            self.assertEqual(len(self.audit(*arguments, code=2).lines), 1, arguments)

    def test_hostile_texts_stay_in_their_lines(self):
        odd = "one\x1b[2J two\x07 &#x202e;three&#0; four five six seven eight"
        self.write("odd.warc", make.page("http://a.example/\u202e", [("x\x1b.png", odd)]))
        self.winnow("extract", "-q", "-o", "ODD/01-extract/", "odd.warc")
        self.winnow("filter", "-q", "--rule", "words text.words max=2", "-o", "ODD/02-filter/", "ODD/01-extract/00000.rows.zst")
        identity = self.view("ODD/02-filter/00000.dropped.zst")[0]["id"]
        text = self.audit("ODD", identity).out.decode()
        self.assertNotRegex(text, "[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]")
        self.assertEqual(len(self.audit("--rule", "words", "ODD").rows()), 1)


if __name__ == "__main__":
    unittest.main()
