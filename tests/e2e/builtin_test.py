"""The built-in model: found without being named, its columns, equal bytes however it is run; and what model eval says of pairs."""
import csv
import json
import os
import re
import shutil
import sqlite3
import tarfile
import unittest

from tests.e2e import make
from tests.e2e.web_pictures import SHARED, extension, pictures, shard

KINDS = ["drawing", "logo", "painting", "photo", "placeholder", "screenshot"]
DEMO = os.path.join(make.ROOT, "tests/data/demo/demo.warc.gz")
LIMIT = "15" if os.environ.get("WINNOW_VARIANT") else "60"  # sanitizers look at each access of the networks


CARD = os.path.join(make.ROOT, "reports/models/builtin.md")


def worth(card):
    """Rows of the card's table of pairs: what, number, AUC, AUC within, R@10."""
    rows = re.findall(r"^\| (.+?) \| ([\d,]+) \| (\.\d{3}) \| (\.\d{3}) \| (\.\d{3}) \|$", card, re.M)
    assert len(rows) >= 4, rows
    return rows


class Builtin(make.InFolder):
    def setUp(self):
        super().setUp()
        self.winnow("extract", "-o", "1/", "--limit", LIMIT, DEMO)
        self.winnow("fetch", "--from-warc", DEMO, "-o", "2/", "1/00000.rows.zst")

    def test_score_uses_it_when_no_model_is_named_and_says_so(self):
        done = self.winnow("score", "-o", "3/", "2/00000.rows.zst")
        self.assertIn("model builtin: winnow's own small one", done.error)
        self.assertIn("winnow model fetch", done.error)
        rows = self.view("3/00000.rows.zst")
        scored = [r for r in rows if r["score_status"] == "ok"]
        self.assertGreater(len(scored), 5)
        for row in scored:
            self.assertTrue(-1 <= float(row["sim_builtin"]) <= 1)
            self.assertAlmostEqual(sum(float(row[f"p_{kind}_builtin"]) for kind in KINDS), 1, delta=1e-6)
        self.assertGreater(sum(float(r["p_photo_builtin"]) for r in scored) / len(scored), 0.5)  # recipes and a journal
        with open(self.path("3/00000.json"), encoding="utf-8") as file:
            self.assertEqual(json.load(file)["parameters"]["model"]["name"], "builtin")

    def test_threads_tasks_and_the_cache_change_no_byte(self):
        bytes_of = []
        for threads in "1", "2", "7":
            self.winnow("score", "-o", f"t{threads}.rows.zst", "--threads", threads, "2/00000.rows.zst")
            bytes_of.append(self.read(f"t{threads}.rows.zst"))
        for _ in range(2):
            self.winnow("score", "-o", "c.rows.zst", "--force", "--cache", "cache", "2/00000.rows.zst")
            bytes_of.append(self.read("c.rows.zst"))
        self.assertTrue(all(b == bytes_of[0] for b in bytes_of[:3]))
        self.assertEqual(*[b for b in bytes_of[3:]])
        self.assertEqual(self.view("c.rows.zst"), self.view("t1.rows.zst"))

    def test_the_windows_know_it_by_name(self):
        info = self.winnow("model", "info", "builtin").out.decode()
        self.assertIn("kind\twinnow's small one\t", info)
        self.assertIn("vocabulary\t12000\t", info)
        self.assertEqual(self.winnow("model", "tokens", "builtin", "a photo of a cat").out.decode(), "2 43 4024 132 43 2903 3\n")

    def test_a_bound_for_another_model_becomes_one_of_equal_pass_rate_and_every_record_says_so(self):
        self.winnow("score", "-o", "3/", "2/00000.rows.zst")
        self.write("own.preset", "near score.range column=sim_b32 min=0.22 -- choice: x\n")
        rules = ["filter", "--preset", self.path("own.preset"), "--at", "score", "-o", "4/"]
        self.assertIn("the rows have no column sim_b32", self.winnow(*rules, "3/00000.rows.zst", code=2).error)
        done = self.winnow(*rules, "--force", "--allow-substitute", "builtin", "3/00000.rows.zst")
        said = re.search(r"near: (sim_builtin for sim_b32, bound 0\.22 of b32 -> (-?0\.\d+) of builtin, equal pass rate (\d+\.\d) %)", done.error)
        self.assertIsNotNone(said, done.error)
        sentence, bound, share = said.groups()
        self.assertTrue(90 < float(share) < 95)  # of COYO-700M's pairs by ViT-B/32, as published
        scored = [float(row["sim_builtin"]) for row in self.view("3/00000.rows.zst") if row["sim_builtin"]]
        kept = [float(row["sim_builtin"]) for row in self.view("4/00000.rows.zst")]
        self.assertEqual(sorted(kept), sorted(sim for sim in scored if sim >= float(bound)))
        self.assertTrue(0 < len(kept) < len(scored))
        with open(self.path("4/00000.json"), encoding="utf-8") as file:
            rule = json.load(file)["filters"][0]
        self.assertEqual((rule["substitute"], rule["bound"], rule["parameters"]["min"]), (sentence, f">={bound}", bound))

    def test_a_bound_given_by_hand_stays_and_one_without_published_shares_is_refused(self):
        self.winnow("score", "-o", "3/", "2/00000.rows.zst")
        rules = ["filter", "--at", "score", "--without", "unserved", "--force", "--allow-substitute", "builtin", "-o", "4/"]
        done = self.winnow(*rules, "--preset", "laion400m", "--set", "clip_similarity.min=0.1", "3/00000.rows.zst")
        self.assertRegex(done.error, r"clip_similarity: sim_builtin for sim_b32\n")
        self.write("own.preset", "near score.range column=sim_mb32 min=0.26 -- choice: x\n")
        refused = self.winnow(*rules, "--preset", self.path("own.preset"), "3/00000.rows.zst", code=2).error
        self.assertIn("near: min=0.26 is meant for another model", refused)
        self.assertIn("no share of pairs that this bound keeps is published", refused)
        self.assertIn("--set near.min=", refused)

    def test_the_report_tells_the_bound_that_was_carried_over(self):
        self.write("r.yaml", f"inputs: {DEMO}\npreset: laion400m\nwithout: unserved\nallow-substitute: builtin\nscore: {{}}\n")
        self.winnow("run", "-o", "OUT", "r.yaml")
        index = sqlite3.connect(self.path("OUT/index.sqlite"))
        self.addCleanup(index.close)
        sentence = index.execute("SELECT substitute FROM rules WHERE rule = 'clip_similarity'").fetchone()[0]
        self.assertRegex(sentence, r"^sim_builtin for sim_b32, bound 0\.3 of b32 -> 0\.\d+ of builtin, equal pass rate 44\.8 %$")
        self.winnow("report", "OUT")
        self.assertIn(sentence, self.read("OUT/report/report.json").decode())
        page = self.read("OUT/report/index.html").decode().replace("&gt;", ">")
        for part in sentence.split(", "):
            self.assertIn(part, page)

    def test_info_and_the_card_agree_on_every_figure(self):
        info = {line.split("\t")[0]: line.split("\t")[1] for line in self.winnow("model", "info", "builtin").out.decode().splitlines()}
        with open(CARD, encoding="utf-8") as file:
            card = file.read()
        for name, number, auc, within, r10 in worth(card):
            if name[0] != "·":
                self.assertEqual(info[name], f"{number} pairs: AUC {auc}, within a source {within}, R@10 {r10}")
        for what, said in (("image size", "at {} px"), ("image features", "{} features"), ("image hidden", "hidden layer of {}"),
                           ("embed", "→ {} numbers"), ("text layers", "three post-LN layers"), ("text width", "of width {}"),
                           ("vocabulary", "{} word pieces"), ("context", "at most {}"), ("licence", "weights {};")):
            value = info[what]
            self.assertIn(said.format(f"{int(value):,}" if value.isdigit() else value), card)
        self.assertEqual(int(info["text layers"]), 3)
        self.assertEqual(int(info["classes of pictures"]), len(KINDS))
        with open(os.path.join(make.ROOT, "filters/clip/builtin/card.tsv"), encoding="utf-8") as file:
            told = [line.split("\t") for line in file.read().splitlines()]
        for what, value, source in told:
            self.assertEqual(info[what], value)
            for figure in re.findall(r"[\d,]*\.?\d+", value + " " + source):
                self.assertRegex(card, rf"(?<![\d.]){re.escape(figure)}(?!\d)", f"{what}: {figure}")
        size = os.path.getsize(os.path.join(make.ROOT, "filters/clip/builtin/model.safetensors"))
        self.assertEqual(info["weights"], f"{size / 1e6:.1f} MB")

    def test_a_damaged_card_is_told(self):
        folder = self.path("mine")
        shutil.copytree(os.path.join(make.ROOT, "filters/clip/builtin"), folder)
        for line in b"two\tcells", b"an\x1b[31m\tescape\tx", b"\xff\tno\ttext":
            self.write("mine/card.tsv", b"a\tb\tc\n" + line + b"\n")
            self.assertIn("card.tsv:2: expected three cells", self.winnow("model", "info", folder, code=1).error)

    def test_its_name_is_for_no_other_model(self):
        tiny = os.path.join(make.ROOT, "tests/data/clip-tiny")
        self.assertIn("is no model of that name", self.winnow("score", "--model", tiny, "--name", "builtin", "2/00000.rows.zst", code=2).error)


class Eval(make.InFolder):
    """Pictures and captions whose similarities are known, since winnow says them."""

    PICTURES = []  # of the demo, stored; made once

    def setUp(self):
        super().setUp()
        if not self.PICTURES:
            self.demo()
            self.winnow("shard", "-o", "shards/", "--compress", "none", "2/00000.rows.zst")
            with tarfile.open(self.path("shards/00000.tar")) as tar:
                self.PICTURES.extend([tar.extractfile(m).read() for m in tar if m.name.endswith((".jpg", ".webp", ".png"))][:12])
        self.words = ["a cake", "cake", "a man at a table", "soup", "a dog", "a chart", "a cake", "bread", "an office", "a bowl", "tea", "rice"]
        self.samples = [(f"{i:04d}", {"webp": picture, "json": json.dumps({"captions": [word, "other"], "lot": i % 2,
                                                                           "split": "val" if i < 10 else "train"}).encode()})
                        for i, (picture, word) in enumerate(zip(self.PICTURES, self.words, strict=True))]

    def demo(self):
        self.winnow("extract", "-o", "1/", "--limit", "60", DEMO)
        self.winnow("fetch", "--from-warc", DEMO, "-o", "2/", "1/00000.rows.zst")

    def table(self, *arguments):
        lines = self.winnow("model", "eval", "builtin", *arguments).out.decode().splitlines()
        head = lines[0].split("\t")
        return {line.split("\t")[0]: dict(zip(head, line.split("\t"), strict=True)) for line in lines[1:]}

    def similarities(self, n):
        for i, picture in enumerate(self.PICTURES[:n]):
            self.write(f"p{i}", picture)
        self.write("words", "".join(w + "\n" for w in self.words[:n]).encode())

        def vectors(*arguments):
            lines = self.winnow("model", "embed", "builtin", *arguments).out.decode().splitlines()[1:]
            return [[float(x) for x in line.split("\t")[1].split()] for line in lines]
        images, texts = vectors(*[self.path(f"p{i}") for i in range(n)]), vectors("--text", self.path("words"))
        return [[sum(a * b for a, b in zip(image, text, strict=True)) for text in texts] for image in images]

    def expected(self, n, within=lambda i, k: True):
        sims = self.similarities(n)
        wrong = [(i, k) for i in range(n) for k in range(n) if self.words[i] != self.words[k] and within(i, k)]
        wins = [(sims[m][m] > sims[i][k]) + 0.5 * (sims[m][m] == sims[i][k]) for m in range(n) for i, k in wrong]
        return sum(wins) / len(wins)

    def test_auc_is_the_share_of_matched_pairs_that_beat_unmatched_ones_equal_captions_masked(self):
        self.write("a.tar", shard(self.samples))
        found = self.table("a.tar", "--by", "lot")
        self.assertEqual(list(found), ["all", "0", "1"])
        self.assertEqual([found[s]["pairs"] for s in found], ["12", "6", "6"])
        self.assertAlmostEqual(float(found["all"]["auc"]), self.expected(12), delta=1e-3)
        self.assertAlmostEqual(float(found["all"]["auc_within"]), self.expected(12, lambda i, k: i % 2 == k % 2), delta=1e-3)
        self.assertLessEqual(float(found["all"]["r_at_1"]), float(found["all"]["r_at_10"]))

    def test_where_and_limit_choose_pairs(self):
        self.write("a.tar", shard(self.samples))
        found = self.table("a.tar", "--where", "split=val")
        self.assertEqual(found["all"]["pairs"], "10")
        self.assertAlmostEqual(float(found["all"]["auc"]), self.expected(10), delta=1e-3)
        self.assertEqual(self.table("a.tar", "--limit", "5")["all"]["pairs"], "5")

    def test_rows_with_packs_serve_as_well(self):
        self.demo()
        found = self.table("2/00000.rows.zst", "--limit", "20", "--by", "page_url")
        self.assertEqual(found["all"]["pairs"], "20")
        self.assertIn("looked for in 'nowhere'", self.winnow("model", "eval", "builtin", "2/00000.rows.zst", "--packs", "nowhere", code=1).error)

    def test_a_broken_picture_is_left_out_and_damage_is_said(self):
        self.samples[3][1]["webp"] = b"no picture"
        whole = shard(self.samples)
        self.write("a.tar", whole)
        done = self.winnow("model", "eval", "builtin", "a.tar")
        self.assertIn("11 of 12 pairs", done.error)
        self.write("cut.tar", whole[:2000])
        self.assertIn("cut.tar", self.winnow("model", "eval", "builtin", "cut.tar", code=1).error)
        self.write("one.tar", shard(self.samples[:1]))
        self.assertIn("at least 2 are needed", self.winnow("model", "eval", "builtin", "one.tar", code=1).error)

    def test_the_curve_falls(self):
        self.write("a.tar", shard(self.samples))
        self.winnow("model", "eval", "builtin", "a.tar", "--curve", "curve.tsv")
        rows = [line.split("\t") for line in self.read("curve.tsv").decode().splitlines()]
        self.assertEqual(rows[0], ["threshold", "matched_kept", "unmatched_kept"])
        for column in 1, 2:
            values = [float(r[column]) for r in rows[1:]]
            self.assertEqual(values, sorted(values, reverse=True))
            self.assertEqual((values[0], values[-1]), (1, 0))


@unittest.skipIf(os.environ.get("WINNOW_VARIANT"), "how good it is does not depend on sanitizers, and takes minutes under them")
class Worth(make.InFolder):
    def test_the_cards_figures_are_what_eval_says(self):
        """Of one of its sources; `winnow model eval builtin PAIRS` gives the others in the same way."""
        shards = os.path.join(SHARED, "data/pairs")
        if not os.path.exists(shards):
            self.skipTest("the shared data are not here")
        with open(CARD, encoding="utf-8") as file:
            number, *figures = next(row[1:] for row in worth(file.read()) if row[0].startswith("GCompris"))
        lines = self.winnow("model", "eval", "builtin", *(f"{shards}/pairs-00{i}.tar.zst" for i in range(4)), "--where",
                            "source=gcompris").out.decode().splitlines()
        found = dict(zip(lines[0].split("\t"), lines[1].split("\t"), strict=True))
        self.assertEqual(found["pairs"], number)
        for name, figure in zip(("auc", "auc_within", "r_at_10"), figures, strict=True):
            self.assertAlmostEqual(float(found[name]), float(figure), delta=0.002 if name != "r_at_10" else 0.004)


@unittest.skipIf(os.environ.get("WINNOW_VARIANT"), "how good it is does not depend on sanitizers, and takes minutes under them")
class Quality(make.InFolder):
    """What the built-in model is worth on pictures of the web that were labelled by hand, against recorded floors."""

    def setUp(self):
        super().setUp()
        if not os.path.exists(os.path.join(SHARED, "data/miniweb")):
            self.skipTest("the shared data are not here")
        with open(os.path.join(SHARED, "data/miniweb/miniweb-labels.tsv"), encoding="utf-8") as file:
            self.labels = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
        web = pictures(["miniweb/" + label["file"] for label in self.labels])
        self.write("labelled.tar", shard([(f"{i:04d}", {
            extension(web["miniweb/" + label["file"]]): web["miniweb/" + label["file"]],
            "json": json.dumps({"url": f"http://{label['file']}", "caption": label["alt"] or "-", "kind": label["kind"],
                                "alt_match": label["alt_match"]}).encode()}) for i, label in enumerate(self.labels)]))
        self.winnow("import", "--shards", "--columns", "kind,alt_match", "-o", "1/", "labelled.tar")
        self.winnow("score", "-o", "2/", "--packs", ".", "1/00000.rows.zst")
        self.rows = [r for r in self.view("2/00000.rows.zst") if r["score_status"] == "ok"]
        self.assertGreater(len(self.rows), 175)

    def auc(self, column, is_one, among=lambda row: True):
        ones = [float(r[column]) for r in self.rows if among(r) and is_one(r)]
        others = [float(r[column]) for r in self.rows if among(r) and not is_one(r)]
        return sum((a > b) + 0.5 * (a == b) for a in ones for b in others) / len(ones) / len(others)

    def test_kinds_are_told_apart_and_alts_that_match_from_those_that_do_not(self):
        for kind, label, floor in (("photo", "photo", 0.98), ("screenshot", "screenshot-or-text-heavy", 0.97), ("logo", "logo-icon", 0.97),
                                   ("drawing", "drawing-or-diagram", 0.84)):
            with self.subTest(kind):
                self.assertGreaterEqual(self.auc(f"p_{kind}_builtin", lambda r, label=label: r["kind"] == label), floor)
        judged = self.auc("sim_builtin", lambda r: r["alt_match"] == "matches", lambda r: r["alt_match"] in ("matches", "unrelated"))
        self.assertGreaterEqual(judged, 0.93)

if __name__ == "__main__":
    unittest.main()
