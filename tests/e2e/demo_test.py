"""`make demo`: what it makes of the crawl that the repository carries, what it prints, and that its three commands work."""
import json
import os
import re
import subprocess
import sys
import time
import unittest

from tests.e2e.mirror import ROOT, environment, mirror

sys.path.insert(0, os.path.join(ROOT, "tests/data/demo"))
import record_facts  # noqa: E402


class Demo(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.root = mirror(cls)
        begun = time.monotonic()
        done = subprocess.run(["tests/demo.sh"], cwd=cls.root, env=environment(cls.root), capture_output=True, text=True)
        cls.seconds = time.monotonic() - begun
        if done.returncode:
            raise AssertionError(f"exit {done.returncode}: {done.stdout}{done.stderr}")
        cls.said = done.stdout
        cls.out = os.path.join(cls.root, "build/demo/OUT")
        with open(os.path.join(ROOT, "tests/data/demo/facts.json"), encoding="utf-8") as file:
            cls.facts = json.load(file)

    def shell(self, line):
        return subprocess.run(["bash", "-o", "pipefail", "-c", line], cwd=self.root, env=environment(self.root), capture_output=True, text=True)

    def test_it_takes_less_than_two_minutes(self):
        self.assertLess(self.seconds, 120)

    def test_at_least_150_pairs_survive(self):
        self.assertGreaterEqual(self.facts["survivors"], 150)

    def test_it_makes_what_was_recorded(self):
        self.assertEqual(record_facts.facts(self.out), self.facts)

    def test_the_built_in_model_gives_no_labels_that_no_rule_reads(self):
        """LAION's zero-shot tags are another model's: by this one they would call dishes unsafe."""
        head = self.shell("$WINNOW view build/demo/OUT/06-score/00000.rows.zst | sed -n 1p").stdout.split()
        self.assertIn("sim_builtin", head)
        self.assertEqual([name for name in head if name.startswith("zs_")], [])

    def test_every_row_is_written_or_dropped(self):
        steps = list(self.facts["rows"])
        for before, step in zip(steps, steps[1:]):
            self.assertEqual(self.facts["rows"][before], self.facts["rows"][step] + sum(self.facts["rules"][step].values()), step)

    def test_it_prints_the_numbers(self):
        for number in (self.facts["rows"]["01-extract"], self.facts["survivors"]):
            self.assertRegex(self.said, rf"\b{number}\b")
        for rules in self.facts["rules"].values():
            for rule, dropped in rules.items():
                self.assertRegex(self.said, rf"(?m)^ *{re.escape(rule)} +{dropped}\b")

    def test_the_index_holds_the_survivors(self):
        done = self.shell("sqlite3 build/demo/OUT/index.sqlite 'SELECT count(*) FROM samples; PRAGMA integrity_check; PRAGMA foreign_key_check'")
        self.assertEqual(done.stdout.split(), [str(self.facts["survivors"]), "ok"])

    def test_what_it_says_to_try_works(self):
        lines = self.said.rsplit("Three commands to try next:\n", 1)[1].strip().splitlines()
        self.assertEqual(len(lines), 3)
        for line in lines:
            done = self.shell(line)
            self.assertEqual((done.returncode, done.stderr), (0, ""), line)
            self.assertGreater(done.stdout.count("\n"), 1, line)

    def test_the_report_is_a_page(self):
        with open(self.out + "/report/index.html", encoding="utf-8") as file:
            self.assertRegex(file.read(), rf"\b{self.facts['survivors']}\b")

    def test_verify_finds_everything_whole(self):
        done = self.shell("winnow verify build/demo/OUT")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual({line.split("\t")[1] for line in done.stdout.splitlines()[1:]}, {"whole"})

    def test_what_run_says_to_try_works(self):
        done = self.shell("winnow run tests/data/recipes/demo.yaml")
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = [line.strip() for line in done.stdout.splitlines() if line.startswith("  winnow ")]
        self.assertEqual(len(lines), 3, done.stdout)
        for line in lines:
            done = self.shell(line)
            self.assertEqual(done.returncode, 0, f"{line}: {done.stderr}")

    def test_a_second_run_finds_all_done(self):
        before = {name: os.stat(os.path.join(self.out, "shards", name)).st_mtime_ns for name in os.listdir(self.out + "/shards")}
        done = self.shell("winnow run --quiet tests/data/recipes/demo.yaml")
        self.assertEqual(done.returncode, 0, done.stderr)
        after = {name: os.stat(os.path.join(self.out, "shards", name)).st_mtime_ns for name in os.listdir(self.out + "/shards")}
        self.assertEqual(before, after)


if __name__ == "__main__":
    unittest.main()
