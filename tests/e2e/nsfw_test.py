"""The NSFW classifier over the demo's pages: its columns, the rules that they serve, the cache; and pictures of the web against
another implementation of the published graph."""
import json
import os
import unittest

from tests.e2e import make, web_pictures

CLASSES = ["drawing", "hentai", "neutral", "porn", "sexy"]
COLUMNS = [f"p_{name}_gantman" for name in CLASSES]
DEMO = os.path.join(make.ROOT, "tests/data/demo/demo.warc.gz")
LIMIT = "15" if os.environ.get("WINNOW_VARIANT") else "60"  # sanitizers look at each access of the networks
TINY = web_pictures.TINY


class Demo(make.InFolder):
    def setUp(self):
        super().setUp()
        self.winnow("extract", "-o", "1/", "--limit", LIMIT, DEMO)
        self.winnow("fetch", "--from-warc", DEMO, "-o", "2/", "1/00000.rows.zst")

    def score(self, out, *options):
        self.winnow("score", "--model", TINY, "--classifier", "gantman", "-o", out, *options, "2/00000.rows.zst")
        return self.view(out)

    def test_every_picture_gets_five_probabilities_and_the_manifest_their_source(self):
        rows = [r for r in self.score("3/00000.rows.zst") if r["score_status"] == "ok"]
        self.assertGreater(len(rows), 5)
        for row in rows:
            self.assertAlmostEqual(sum(float(row[c]) for c in COLUMNS), 1, delta=1e-6)
        neutral = [r for r in rows if max(COLUMNS, key=lambda c: float(r[c])) in ("p_neutral_gantman", "p_drawing_gantman")]
        self.assertGreaterEqual(len(neutral), len(rows) * 9 // 10)  # recipes and a journal
        with open(self.path("3/00000.json"), encoding="utf-8") as file:
            self.assertRegex(json.load(file)["parameters"]["classifiers"]["gantman"], "^xxh3_128:[0-9a-f]{32}$")

    def test_rules_of_published_sets_are_served_where_the_columns_are(self):
        self.score("3/00000.rows.zst")
        for preset, rules, absent in (("obelics-images", ["nsfw.hentai", "nsfw.porn"], []), ("redcaps", ["nsfw_image"], ["--without", "faces"]),
                                      ("coyo700m", ["nsfw.gantman"], ["--without", "nsfw.opennsfw"])):
            with self.subTest(preset):
                ask = ["filter", "--preset", preset, "--at", "score", *absent, "-o", f"{preset}.rows.zst"]
                unscored = self.winnow(*ask, "2/00000.rows.zst", code=2)
                for rule in rules:
                    self.assertIn(f"{rule} (score.range): the rows have no column p_", unscored.error)
                self.winnow(*ask, "3/00000.rows.zst")
                self.assertGreater(len(self.view(f"{preset}.rows.zst")), 5)

    def test_a_rule_drops_what_is_over_its_bound(self):
        rows = [r for r in self.score("3/00000.rows.zst") if r["score_status"] == "ok"]
        most = sorted(float(r["p_drawing_gantman"]) for r in rows)[len(rows) // 2]
        self.winnow("filter", "--rule", f"few score.range column=p_drawing_gantman max={most:.9f}", "-o", "f.rows.zst", "3/00000.rows.zst")
        kept = self.view("f.rows.zst")
        self.assertTrue(0 < len(kept) < len(rows))
        self.assertLessEqual(max(float(r["p_drawing_gantman"]) for r in kept), round(most, 9))

    def test_threads_and_the_cache_change_no_cell(self):
        plain = self.score("t1.rows.zst", "--threads", "1")
        self.assertEqual(self.score("t3.rows.zst", "--threads", "3"), plain)
        for run in range(2):
            self.assertEqual(self.score("c.rows.zst", "--force", "--cache", "cache"), plain, run)
        without = self.winnow("score", "--model", TINY, "--cache", "cache", "-o", "w.rows.zst", "2/00000.rows.zst")
        self.assertIn(" 0 from the cache", without.error)  # records of another width are others

    def test_another_classifier_is_refused_and_told(self):
        done = self.winnow("score", "--model", TINY, "--classifier", "open_nsfw", "2/00000.rows.zst", code=2)
        self.assertIn("--classifier open_nsfw: there are gantman, watermark, blank and opennsfw=FILE.onnx", done.error)

    def test_a_file_that_is_not_open_nsfw_is_refused_by_what_is_wrong(self):
        self.write("cut.onnx", b"\x08\x08\x3a\xff\x01\x0a")
        self.write("other.onnx", b"\x08\x08\x3a\x02\x0a\x00")
        for name, sentence in (("cut", "damaged: field 7 passes the end"), ("other", "not open_nsfw: expected a mean"), ("none", "No such file")):
            done = self.winnow("score", "--model", TINY, "--classifier", f"opennsfw={name}.onnx", "2/00000.rows.zst", code=1)
            self.assertIn(f"{name}.onnx", done.error)
            self.assertIn(sentence, done.error)


@unittest.skipIf(os.environ.get("WINNOW_VARIANT"), "all pictures of the demo through the networks: minutes under sanitizers; the classes above ask the same of a few")
class Run(make.InFolder):
    def test_a_preset_has_the_classifier_asked_by_itself(self):
        self.write("run.yaml", f"inputs: [{DEMO}]\npreset: obelics-images\nscore:\n  model: {TINY}\n")
        self.winnow("run", "-o", "OUT", "run.yaml")
        steps = sorted(s for s in os.listdir(self.path("OUT")) if s[:2].isdigit())
        kept = self.view(os.path.join("OUT", steps[-1], "00000.rows.zst"))
        self.assertGreater(len(kept), 50)
        for row in kept:
            self.assertTrue(float(row["p_hentai_gantman"]) <= 0.9 and float(row["p_porn_gantman"]) <= 0.85)
        with open(self.path("OUT", steps[-1], "00000.json"), encoding="utf-8") as file:
            self.assertIn("nsfw.porn", file.read())


class Web(web_pictures.WebPictures):
    """30 pictures of the web in four formats: decoding, resizing and network beside Pillow and numpy."""

    def test_probabilities_equal_the_reference(self):
        expected = self.vectors("nsfw")
        self.assertEqual(len(expected), 30)
        rows = self.score_pictures([row["picture"] for row in expected], "--classifier", "gantman")
        for found, row in zip(rows, expected):
            for name in CLASSES:
                self.assertAlmostEqual(float(found[f"p_{name}_gantman"]), float(row[name]), delta=1e-5, msg=row["picture"])


if __name__ == "__main__":
    unittest.main()
