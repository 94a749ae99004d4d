"""winnow score --choose-text and --rank-texts: which text stands, where it is from, and that nothing else decides it."""
import json
import os
import unittest

from tests.e2e import make

TINY = os.path.join(make.ROOT, "tests/data/clip-tiny")
SIM = "sim_clip_tiny"


class Captions(make.InFolder):
    def setUp(self):
        super().setUp()
        self.write("crawl.warc.gz", make.crawl(8))
        self.winnow("extract", "-o", "1/", "crawl.warc.gz")
        self.winnow("fetch", "--from-warc", "crawl.warc.gz", "-o", "2/", "1/00000.rows.zst")
        self.found = self.view("2/00000.rows.zst")
        self.lines = {}  # id to captions, in the file's order
        for number, row in enumerate(self.found):
            made = [f"{make.WORDS[(5 * number + k) % 18]}  tree {make.WORDS[(number * k + 3) % 18]} {k * number}" for k in range(number % 3)]
            self.lines.setdefault(row["id"], made + ["a  dog"] * (number % 5))
        self.lines[self.found[3]["id"]] = [make.unescape(self.found[3]["text"]), "a dog"]  # the text once more
        text = "".join(f"{id}\t{line}\n" for k in range(5) for id, lines in self.lines.items() for line in lines[k:k + 1])
        self.write("captions.tsv", "id\tcaption\n" + text)  # the lines of an id are not neighbours
        header = list(self.found[0]) + ["blip", "git"]
        rows = [{**row, "blip": f"a {make.WORDS[number % 18]}" if number % 3 else "", "git": "a dog" if number % 2 else "tree"}
                for number, row in enumerate(self.found)]
        self.write("rows.tsv", "".join("\t".join(r) + "\n" for r in [header, *([row[name] for name in header] for row in rows)]))

    def score(self, *arguments, code=0, out="3/", rows="rows.tsv"):
        return self.winnow("score", "--model", TINY, "--packs", "packs", "--plain-input", "-o", out, *arguments, rows, code=code)

    def embed(self, *arguments):
        done = self.winnow("model", "embed", TINY, *arguments)
        return [[float(x) for x in line.split("\t")[1].split()] for line in done.out.decode().splitlines()[1:]]

    def expected(self, number, row):
        """[(cosine, text, from)] of a row's different texts, the nearest first; None where two are too near to tell."""
        candidates = [(make.unescape(row["text"]), "text")]
        if number % 3:
            candidates.append((f"a {make.WORDS[number % 18]}", "blip"))
        candidates.append(("a dog" if number % 2 else "tree", "git"))
        candidates += [(" ".join(line.split()), f"captions.{k + 1}") for k, line in enumerate(self.lines[row["id"]])]
        different = {}
        for text, where in candidates:
            different.setdefault(text, where)
        with open(self.path("packs/" + row["image_pack"]), "rb") as pack:
            pack.seek(int(row["image_offset"]))
            self.write("picture", pack.read(int(row["image_length"])))
        (image,) = self.embed("--image", self.path("picture"))
        self.write("texts", "".join(text + "\n" for text in different))
        vectors = self.embed("--text", self.path("texts"))
        ranked = sorted(((sum(a * b for a, b in zip(image, v)), text, where) for v, (text, where) in zip(vectors, different.items())),
                        key=lambda r: -r[0])
        return None if any(abs(a[0] - b[0]) < 1e-5 for a, b in zip(ranked, ranked[1:])) else ranked

    def test_the_nearest_text_stands_with_its_origin(self):
        self.score("--captions", "blip,git", "--captions-file", "captions.tsv", "--choose-text", "--rank-texts", "3")
        rows = self.view("3/00000.rows.zst")
        origins = set()
        for number, (before, row) in enumerate(zip(self.found, rows, strict=True)):
            if number % 3 == 0 and number > 12:
                continue  # each embed starts a process
            ranked = self.expected(number, before)
            if not ranked:
                continue
            cosine, text, where = ranked[0]
            origins.add(where)
            self.assertEqual((make.unescape(row["text"]), row["text_choice"]), (text, where))
            self.assertAlmostEqual(float(row[SIM]), cosine, delta=2e-6)
            self.assertEqual(row["id"], before["id"])
            self.assertEqual(row["text_raw"], before["text_raw"] if where == "text" or before["text_raw"] else before["text"])
            for k in range(3):
                got = (row[f"ranked_{k + 1}"], row[f"ranked_{k + 1}_from"])
                self.assertEqual(got, ranked[k][1:] if k < len(ranked) else ("", ""))
                if k < len(ranked):
                    self.assertAlmostEqual(float(row[f"sim_ranked_{k + 1}_clip_tiny"]), ranked[k][0], delta=2e-6)
        self.assertGreater(len(origins), 3, origins)

    def test_ranking_alone_changes_no_text(self):
        self.score("--captions-file", "captions.tsv", "--rank-texts", "2")
        self.score(out="4/")
        for row, plain in zip(self.view("3/00000.rows.zst"), self.view("4/00000.rows.zst"), strict=True):
            self.assertEqual({name: row[name] for name in plain}, plain)

    def test_threads_and_tasks_change_no_byte(self):
        chosen = ["--captions", "blip,git", "--captions-file", "captions.tsv", "--choose-text", "--rank-texts", "2"]
        self.score(*chosen, "--threads", "1")
        self.score(*chosen, "--threads", "4", "--cache", "cache", out="4/")
        self.assertEqual(self.read("3/00000.rows.zst"), self.read("4/00000.rows.zst"))
        self.winnow("filter", "--rule", "any text.chars min=0", "--plain-input", "-o", "rows.rows.zst", "rows.tsv")
        self.winnow("partition", "--by", "id", "--into", "3", "-o", "p/", "rows.rows.zst")
        for bucket in range(3):
            self.score(*chosen, out=f"b{bucket}.rows.zst", rows=f"p/00000.{bucket:05}.rows.zst")
        self.winnow("merge", "-o", "m.rows.zst", *(f"b{bucket}.rows.zst" for bucket in range(3)))
        self.assertEqual(self.view("m.rows.zst"), self.view("3/00000.rows.zst"))

    def test_the_captions_are_named_by_their_content(self):
        arguments = {"rows": "2/00000.rows.zst"}
        self.score("--captions-file", "captions.tsv", "--choose-text", **arguments)
        self.assertIn("done already", self.score("--captions-file", "captions.tsv", "--choose-text", **arguments).error)
        self.write("captions.tsv", self.read("captions.tsv") + f"{self.found[0]['id']}\tmore\n".encode())
        self.assertNotIn("done already", self.score("--captions-file", "captions.tsv", "--choose-text", **arguments).error)

    def test_a_row_without_its_picture_keeps_its_text(self):
        self.score("--captions", "git", "--choose-text", "--packs", "nowhere")
        for before, row in zip(self.found, self.view("3/00000.rows.zst"), strict=True):
            self.assertEqual([row["text"], row["text_choice"], row[SIM]], [before["text"], "", ""])

    def test_mistakes_are_said(self):
        for arguments, said in ((["--captions", "git"], "--choose-text, or --rank-texts K"),
                                (["--choose-text"], "--captions COLUMN..., or --captions-file FILE"),
                                (["--captions", "gti", "--choose-text"], "no column 'gti'; did you mean git?"),
                                (["--captions", "git", "--choose-text", "--no-similarity"], "compares no text"),
                                (["--captions", "git", "--choose-text", "--text", "blip"], "not with --text blip"),
                                (["--captions-file", "2/00000.json", "--choose-text"], "2/00000.json: line 1: no tab"),
                                (["--rank-texts", "17", "--captions", "git"], "rank-texts")):
            self.assertIn(said, self.score(*arguments, code=2).error)
        self.write("bad.tsv", f"{self.found[0]['id']}\tfine\nnothing here\n")
        self.assertIn("bad.tsv: line 2: no tab", self.score("--captions-file", "bad.tsv", "--choose-text", code=2).error)
        self.assertIn("captions", self.score("--captions-file", "nowhere.tsv", "--choose-text", code=None).error + "captions")

    def test_capfilt_as_a_recipe(self):
        self.write("r.yaml", "inputs: crawl.warc.gz\npreset: blip-capfilt\nallow-substitute: clip_tiny\nset:\n  captions.min: 0.1\n"
                             f"score:\n  model: {TINY}\n  captions-file: captions.tsv\n  choose-text: true\n")
        self.winnow("run", "r.yaml")
        filtered = sorted(name for name in os.listdir(self.path("OUT")) if name.endswith("-filter"))[-1]
        kept = self.view(f"OUT/{filtered}/00000.rows.zst")
        self.assertTrue(kept)
        self.assertTrue(all(float(row[SIM]) >= 0.1 for row in kept))
        self.assertGreater(len({row["text_choice"].split(".")[0] for row in kept}), 1)
        with open(self.path(f"OUT/{filtered}/00000.json"), encoding="utf-8") as file:
            self.assertEqual(json.load(file)["filters"][0]["substitute"], f"{SIM} for sim_b32")
        self.write("r.yaml", self.read("r.yaml").replace(b"  captions-file: captions.tsv\n  choose-text: true\n", b""))
        self.assertIn("no column text_choice", self.winnow("run", "-o", "OTHER", "r.yaml", code=2).error)


if __name__ == "__main__":
    unittest.main()
