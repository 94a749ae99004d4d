"""The watermark classifier over the demo's pages: its column, what reads it, the cache; and pictures of the web against another
implementation."""
import json
import os
import unittest

from tests.e2e import make, web_pictures

DEMO = os.path.join(make.ROOT, "tests/data/demo/demo.warc.gz")
LIMIT = "15" if os.environ.get("WINNOW_VARIANT") else "60"  # sanitizers look at each access of the networks
TINY = web_pictures.TINY


class Demo(make.InFolder):
    def setUp(self):
        super().setUp()
        self.winnow("extract", "-o", "1/", "--limit", LIMIT, DEMO)
        self.winnow("fetch", "--from-warc", DEMO, "-o", "2/", "1/00000.rows.zst")

    def score(self, out, *options):
        self.winnow("score", "--model", TINY, "-o", out, *options, "2/00000.rows.zst")
        return self.view(out)

    def test_every_picture_gets_a_probability_and_the_manifest_its_source(self):
        rows = [r for r in self.score("3/00000.rows.zst", "--classifier", "watermark") if r["score_status"] == "ok"]
        self.assertGreater(len(rows), 5)
        self.assertGreater(len({r["p_watermark_builtin"] for r in rows}), 5)
        for row in rows:
            self.assertTrue(0 < float(row["p_watermark_builtin"]) < 1)
        with open(self.path("3/00000.json"), encoding="utf-8") as file:
            self.assertRegex(json.load(file)["parameters"]["classifiers"]["watermark"], "^xxh3_128:[0-9a-f]{32}$")

    def test_threads_the_cache_and_other_classifiers_change_no_cell(self):
        views = [[r["p_watermark_builtin"] for r in self.score(f"{number}.rows.zst", "--classifier", *options)]
                 for number, options in enumerate((["watermark"], ["watermark", "--threads", "3"], ["gantman,watermark"],
                                                   ["watermark", "--cache", "cache"], ["watermark", "--cache", "cache"]))]
        for other in views[1:]:
            self.assertEqual(other, views[0])

    def test_laions_rule_is_served_by_this_one_only_where_that_is_allowed(self):
        rows = [r for r in self.score("3/00000.rows.zst", "--classifier", "watermark") if r["score_status"] == "ok"]
        ask = ["filter", "--preset", "laion-aesthetics", "--at", "score", "--without", "unsafe", "--without", "aesthetic", "-o", "f.rows.zst"]
        refused = self.winnow(*ask, "3/00000.rows.zst", code=2)
        self.assertIn("p_watermark_laion", refused.error)
        unbound = self.winnow(*ask, "--allow-substitute", "builtin", "3/00000.rows.zst", code=2)
        self.assertIn("watermark: max=0.8 is meant for another model", unbound.error)
        bound = sorted(float(r["p_watermark_builtin"]) for r in rows)[len(rows) // 2]
        self.winnow(*ask, "--allow-substitute", "builtin", "--set", f"watermark.max={bound:.9f}", "3/00000.rows.zst")
        expected = sum(float(r["p_watermark_builtin"]) < float(f"{bound:.9f}") for r in rows)
        self.assertTrue(0 < expected < len(rows))
        self.assertEqual(len(self.view("f.rows.zst")), expected)
        with open(self.path("f.json"), encoding="utf-8") as file:
            self.assertIn("p_watermark_builtin for p_watermark_laion", file.read())

    def test_a_preset_that_reads_it_has_it_asked_by_itself(self):
        preset = self.write("own.preset", "mark score.range column=p_watermark_builtin max=0.9 -- choice: ours\n")
        self.write("run.yaml", f"inputs: [{DEMO}]\npreset: {preset}\nscore:\n  model: {TINY}\n")
        self.winnow("run", "-o", "OUT", "run.yaml")
        last = sorted(s for s in os.listdir(self.path("OUT")) if s[:2].isdigit())[-1]
        kept = self.view(os.path.join("OUT", last, "00000.rows.zst"))
        self.assertGreater(len(kept), 5)
        self.assertLessEqual(max(float(r["p_watermark_builtin"]) for r in kept), 0.9)


class Web(web_pictures.WebPictures):
    """Pictures of the web in four formats: decoding, resizing and network beside Pillow and numpy."""

    def test_probabilities_equal_the_reference(self):
        expected = self.vectors("watermark")
        rows = self.score_pictures([row["picture"] for row in expected], "--classifier", "watermark")
        for found, row in zip(rows, expected):
            self.assertAlmostEqual(float(found["p_watermark_builtin"]), float(row["p_watermark"]), delta=1e-4, msg=row["picture"])


if __name__ == "__main__":
    unittest.main()
