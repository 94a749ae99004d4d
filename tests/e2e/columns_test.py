"""schemas/columns.def is the one list of columns: SQLite takes each name bare, and stages make no others."""
import os
import re
import sqlite3
import subprocess
import unittest

from tests.e2e.mirror import ROOT, WINNOW, environment, mirror

CRAWL = "tests/data/demo/demo.warc.gz"
MODELS = re.compile(r"(sim|p|zs)_[a-z0-9_]+")  # their names carry the model's


def declared():
    """[(name, type, unit, stage, meaning)]"""
    with open(os.path.join(ROOT, "schemas/columns.def"), encoding="utf-8") as file:
        return re.findall(r'^COLUMN\((\w+), (\w+), "([^"]*)", "([^"]*)", "((?:[^"\\]|\\.)*)"\)$', file.read(), re.M)


class Declared(unittest.TestCase):
    def test_every_line_is_read(self):
        with open(os.path.join(ROOT, "schemas/columns.def"), encoding="utf-8") as file:
            self.assertEqual(len(declared()), sum(line.startswith("COLUMN(") for line in file))

    def test_names_are_unique_and_plain(self):
        names = [name for name, *_ in declared()]
        self.assertEqual(len(names), len(set(names)))
        for name in names:
            self.assertRegex(name, r"^[a-z][a-z0-9_]{0,63}$")

    def test_sqlite_creates_each_name_bare(self):
        database = sqlite3.connect(":memory:")
        database.execute(f"CREATE TABLE samples ({', '.join(name for name, *_ in declared())})")
        for name, *_ in declared():
            database.execute(f"SELECT {name} FROM samples WHERE {name} IS NULL ORDER BY {name}")

    def test_each_has_a_type_a_stage_and_a_meaning(self):
        with open(os.path.join(ROOT, "pipeline/commands.def"), encoding="utf-8") as file:
            stages = set(re.findall(r"^COMMAND\((\w+)\)", file.read(), re.M)) | {"dropped"}
        for name, kind, _, stage, meaning in declared():
            self.assertIn(kind, ("TEXT", "UNSIGNED", "SIGNED", "FLOAT"), name)
            self.assertIn(stage, stages, name)
            self.assertGreater(len(meaning), 10, name)

    def test_they_stand_in_the_order_of_their_stages(self):
        order = list(dict.fromkeys(stage for *_, stage, _ in declared()))
        self.assertEqual([stage for *_, stage, _ in declared()], [stage for name in order for *_, stage, _ in declared() if stage == name])


class Made(unittest.TestCase):
    """Rows of a pipeline, stage by stage."""

    @classmethod
    def setUpClass(cls):
        cls.root = mirror(cls)
        steps = [
            ["extract", "--text-sources", "alt,title,figcaption,aria_label", "--keep-empty", "-o", "build/1/", CRAWL],
            ["filter", "--rule", "long text.chars min=12", "-o", "build/2/", "build/1/00000.rows.zst"],
            ["dedup", "--by", "url", "-o", "build/3/", "build/2/00000.rows.zst"],
            ["fetch", "--from-warc", CRAWL, "--limit", "20", "-o", "build/4/", "build/3/00000.rows.zst"],
            ["dedup", "--by", "url", "--mark", "-o", "build/5/", "build/4/00000.rows.zst"],
            ["import", "--columns", "url,text", "-o", "build/6/", "tests/data/pairs.tsv"],
        ]
        for step in steps:
            subprocess.run([WINNOW, *step, "--quiet"], cwd=cls.root, env=environment(cls.root), check=True, capture_output=True)

    def columns(self, path):
        done = subprocess.run([WINNOW, "view", "--limit", "1", path], cwd=self.root, capture_output=True, text=True, check=True)
        return done.stdout.splitlines()[0].split("\t")

    def stage_columns(self, *stages):
        return [name for name, _, _, stage, _ in declared() if stage in stages]

    def test_extract_makes_its_columns_in_their_order(self):
        self.assertEqual(self.columns("build/1/00000.rows.zst"), self.stage_columns("extract"))

    def test_filter_and_dedup_keep_the_columns(self):
        for folder in ("2", "3"):
            self.assertEqual(self.columns(f"build/{folder}/00000.rows.zst"), self.stage_columns("extract"))

    def test_dropped_rows_add_theirs(self):
        for folder in ("2", "3", "4"):
            found = self.columns(f"build/{folder}/00000.dropped.zst")
            self.assertEqual([name for name in found if name in self.stage_columns("dropped")], self.stage_columns("dropped"))

    def test_fetch_makes_its_columns_in_their_order(self):
        self.assertEqual(self.columns("build/4/00000.rows.zst"), self.stage_columns("extract", "fetch"))

    def test_no_stage_makes_others(self):
        known = {name for name, *_ in declared()}
        for folder in "123456":
            for name in self.columns(f"build/{folder}/00000.rows.zst"):
                self.assertTrue(name in known or MODELS.fullmatch(name), f"{name}, made by step {folder}")

    def test_the_kinds_in_a_description_are_the_declared_ones(self):
        kinds = {name: kind.lower() for name, kind, *_ in declared()}
        with open(os.path.join(self.root, "build/4/00000.rows.zst"), "rb") as file:
            data = file.read()
        for name, kind in re.findall(rb'\{"name":"(\w+)","type":"(\w+)"\}', data):
            self.assertEqual(kinds[name.decode()], kind.decode(), name)


if __name__ == "__main__":
    unittest.main()
