"""winnow run: a recipe from crawl files to shards and index; what makes no difference to its bytes: typing its commands by hand, the
number of tasks, kills."""
import json
import os
import random
import shlex
import signal
import sqlite3
import subprocess
import time
import unittest

from tests.e2e import make

TORTURE = os.environ.get("WINNOW_TORTURE")
KILLS = {"full": 150, "short": 8}.get(TORTURE, 4)

RECIPE = """
inputs: [a.warc.gz, b.warc.gz, c.warc.gz, d.warc.gz]
stages:
  - extract:
      text-sources: [alt, title]
  - filter:
      rule: [words text.words min=2, short text.chars max=30]
  - dedup:
      by: url+text
  - fetch:
      size: 24
  - filter:
      rule: [side image.min_side min=18]
  - shard:
      samples: 8
"""


class Run(make.InFolder):
    def setUp(self):
        super().setUp()
        for number, name in enumerate("abcd"):
            self.write(f"{name}.warc.gz", make.crawl(8, seed=number))

    def recipe(self, more="", name="recipe.yaml"):
        return self.write(name, RECIPE + more)

    def result(self, out):
        """Everything in OUT that must not depend on when and how it was made."""
        self.assertEqual(self.leftovers(out), [])
        self.assertFalse(os.path.exists(self.path(out, "lock")))
        return make.tree(self.path(out), without=("log",))

    def check_equal(self, one, other):
        self.assertEqual(sorted(one), sorted(other))
        for name, data in one.items():
            self.assertEqual(data, other[name], name)

    def rows_without_packs(self, out, step):
        """The data frames of a step's merged rows, without the columns that say where pictures lie."""
        files = sorted(name for name in os.listdir(self.path(out, step)) if name.endswith(".rows.zst"))
        self.winnow("merge", "-q", "-o", "merged.rows.zst", *(f"{out}/{step}/{name}" for name in files))
        rows = self.view("merged.rows.zst")
        os.unlink(self.path("merged.rows.zst"))
        return [{name: cell for name, cell in row.items() if not name.startswith("image_")} for row in rows]

    # --- one run

    def test_a_recipe_becomes_shards_an_index_and_counts_that_agree(self):
        done = self.winnow("run", self.recipe("tasks: 2\n"))
        self.assertEqual(done.error, "")
        samples = len(self.view("OUT/shards.meta/00000.rows.zst")) + len(self.view("OUT/shards.meta/00001.rows.zst"))
        self.assertGreater(samples, 20)
        index = sqlite3.connect(self.path("OUT/index.sqlite"))
        self.addCleanup(index.close)
        self.assertEqual(index.execute("SELECT count(*) FROM samples").fetchone(), (samples,))
        status = {row["step"]: row for row in self.winnow("status", "OUT").rows()}
        self.assertEqual(list(status), ["01-extract", "02-filter", "03-dedup", "04-fetch", "05-filter", "shard"])
        self.assertEqual(int(status["02-filter"]["read"]), int(status["01-extract"]["written"]))
        self.assertEqual(self.winnow("status", self.path("OUT"), cwd="/").out, self.winnow("status", "OUT").out)  # inputs are named from elsewhere
        for step in ("02-filter", "03-dedup", "04-fetch", "05-filter"):
            row = {name: int(cell) for name, cell in status[step].items() if name != "step"}
            self.assertEqual(row["read"], row["written"] + row["dropped"], step)
            self.assertEqual(row["done"], row["tasks"])
            removed = index.execute("SELECT sum(removed) FROM rules JOIN stages USING (step) WHERE name = ?", (step,)).fetchone()
            self.assertEqual(removed, (row["dropped"],), step)
        self.assertTrue(all(line.endswith("\twhole") for line in self.winnow("verify", "OUT").out.decode().splitlines()[1:]))

    def test_the_printed_commands_typed_by_hand_make_the_same_bytes(self):
        self.recipe("tasks: 2\nbuckets: 3\n")
        commands = [shlex.split(line) for line in self.winnow("run", "--print", "recipe.yaml").out.decode().splitlines()]
        self.assertTrue(all(command[0] == "winnow" for command in commands))
        self.winnow("run", "-q", "recipe.yaml")
        ran = self.result("OUT")
        os.rename(self.path("OUT"), self.path("RAN"))
        for command in commands:
            self.winnow(*command[1:])
        for name in ("recipe.yaml", "plan.jsonl"):
            del ran[name]
        self.check_equal(self.result("OUT"), ran)

    def test_printing_does_nothing(self):
        self.winnow("run", "--print", self.recipe())
        self.assertFalse(os.path.exists(self.path("OUT")))

    def test_what_is_done_is_not_done_again(self):
        self.winnow("run", "-q", self.recipe())
        before = {name: os.stat(self.path("OUT", name)).st_mtime_ns for name in make.tree(self.path("OUT")) if "rows.zst" in name}
        self.winnow("run", "-q", "recipe.yaml")
        self.assertEqual(before, {name: os.stat(self.path("OUT", name)).st_mtime_ns for name in before})

    def test_what_was_changed_is_made_again(self):
        self.winnow("run", "-q", self.recipe())
        whole = self.result("OUT")
        os.unlink(self.path("OUT/02-filter/00000.json"))
        with open(self.path("OUT/04-fetch/00000.rows.zst"), "ab") as file:
            file.truncate(100)
        self.winnow("run", "-q", "recipe.yaml")
        self.check_equal(self.result("OUT"), whole)

    def test_another_recipe_does_not_enter(self):
        self.winnow("run", "-q", self.recipe())
        self.recipe("limit: 5\n", "other.yaml")
        done = self.winnow("run", "other.yaml", code=2)
        self.assertEqual(len(done.lines), 1)
        self.assertIn("OUT was made by another recipe", done.error)

    def test_a_moved_output_goes_on(self):
        self.winnow("run", "-q", "-o", "here", self.recipe())
        whole = self.result("here")
        os.rename(self.path("here"), self.path("there"))
        os.unlink(self.path("there/05-filter/00000.json"))
        self.winnow("run", "-q", "-o", "there", "recipe.yaml")
        self.check_equal(self.result("there"), whole)

    def test_a_try_says_how_large_the_whole_would_be(self):
        done = self.winnow("run", "--limit", "10", self.recipe())
        self.assertIn("the whole would be about", done.out.decode())
        self.assertEqual(len(self.view("OUT/01-extract/00000.rows.zst")), 10)

    def test_damaged_input_is_published_and_told_at_the_end(self):
        self.write("b.warc.gz", make.crawl(8, seed=1)[:-100])
        done = self.winnow("run", self.recipe(), code=3)
        self.assertRegex(done.lines[-1], r"[12] tasks met damaged input: see OUT/log")
        self.assertTrue(os.path.exists(self.path("OUT/index.sqlite")))

    def test_a_task_that_fails_says_why_and_how_to_go_on(self):
        os.makedirs(self.path("OUT"))
        self.write("OUT/04-fetch", b"a file where a folder is due")
        done = self.winnow("run", "-q", self.recipe(), code=1)
        self.assertTrue(any("04-fetch" in line and "exit code 1" in line for line in done.lines), done.error)
        self.assertIn("go on with: winnow run recipe.yaml", done.lines[-1])
        os.unlink(self.path("OUT/04-fetch"))
        self.winnow("run", "-q", "recipe.yaml")

    # --- tasks

    def test_one_task_and_five_make_the_same_corpus(self):
        self.winnow("run", "-q", "-o", "ONE", self.recipe("tasks: 1\n", "one.yaml"))
        self.winnow("run", "-q", "-o", "FIVE", self.recipe("tasks: 5\n", "five.yaml"))
        for step in ("01-extract", "02-filter", "04-fetch", "05-filter"):
            one = self.rows_without_packs("ONE", step)
            self.assertGreater(len(one), 20)
            self.assertEqual(one, self.rows_without_packs("FIVE", step), step)
        self.check_equal(make.tree(self.path("ONE/shards")), make.tree(self.path("FIVE/shards")))
        self.assertEqual(self.read("ONE/index.sqlite"), self.read("FIVE/index.sqlite"))
        self.assertEqual(self.read("ONE/shards.meta/sizes.json"), self.read("FIVE/shards.meta/sizes.json"))

    def test_an_exchange_keeps_the_rows_of_one_dedup(self):
        self.winnow("run", "-q", "-o", "ONE", self.recipe("tasks: 1\n", "one.yaml"))
        self.winnow("run", "-q", "-o", "SPREAD", self.recipe("tasks: 3\nbuckets: 4\n", "spread.yaml"))
        self.assertEqual(self.rows_without_packs("ONE", "03-dedup"), self.rows_without_packs("SPREAD", "05-merge"))
        self.check_equal(make.tree(self.path("ONE/shards")), make.tree(self.path("SPREAD/shards")))

    # --- interruptions

    def start(self, *arguments):
        return subprocess.Popen([make.WINNOW, "run", *arguments], cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                start_new_session=True)

    def test_a_second_run_on_the_same_output_is_refused(self):
        self.recipe("tasks: 2\n")
        first = self.start("recipe.yaml")
        while not os.path.exists(self.path("OUT/lock")) and first.poll() is None:
            time.sleep(0.001)
        os.killpg(first.pid, signal.SIGSTOP)
        try:
            if not os.path.exists(self.path("OUT/lock")):
                self.skipTest("the first run was too quick")
            done = self.winnow("run", "recipe.yaml", code=2)
            self.assertEqual(len(done.lines), 1, done.error)
            self.assertIn(str(first.pid), done.error)
        finally:
            os.killpg(first.pid, signal.SIGCONT)
        self.assertEqual(first.wait(), 0, first.stderr.read())
        first.stderr.close()

    def test_the_lock_of_a_dead_run_is_taken_over_and_one_of_another_machine_is_not(self):
        self.recipe()
        host = subprocess.run(["hostname"], capture_output=True, text=True, check=True).stdout.strip()
        dead = subprocess.Popen(["true"])
        dead.wait()
        self.write("OUT/lock/owner", f"{host} {dead.pid} 123\n")
        self.winnow("run", "-q", "recipe.yaml")
        self.assertFalse([name for name in os.listdir(self.path("OUT")) if name.startswith("lock")])
        self.write("OUT/lock/owner", "elsewhere 1 123\n")
        done = self.winnow("run", "-q", "recipe.yaml", code=2)
        self.assertEqual(done.lines, ["winnow run: OUT is in use by process 1 on elsewhere: wait for it; if it is no more, remove OUT/lock"])
        self.assertEqual(sorted(name for name in os.listdir(self.path("OUT")) if name.startswith("lock")), ["lock"])

    def test_control_c_says_how_to_go_on(self):
        self.recipe("tasks: 2\n")
        whole = self.whole()
        process = self.start("-o", "OUT", "recipe.yaml")
        while not os.path.exists(self.path("OUT/lock")) and process.poll() is None:
            time.sleep(0.001)
        process.send_signal(signal.SIGINT)
        error = process.stderr.read().decode()
        process.stderr.close()
        self.assertEqual(process.wait(), 4, error)
        self.assertEqual(len(error.splitlines()), 1, error)
        self.assertIn("go on with: winnow run recipe.yaml -o OUT", error)
        self.assertEqual(self.leftovers(), [])
        self.winnow("run", "-q", "recipe.yaml")
        self.check_equal(self.result("OUT"), whole)

    def whole(self):
        """What an undisturbed run makes."""
        self.winnow("run", "-q", "-o", "WHOLE", "recipe.yaml")
        whole = self.result("WHOLE")
        return whole

    def test_killed_at_any_moment_it_goes_on_to_the_same_bytes(self):
        self.recipe("tasks: 2\nbuckets: 2\n")
        started = time.monotonic()
        whole = self.whole()
        duration = time.monotonic() - started
        dice = random.Random(int(os.environ.get("WINNOW_SEED", "7")))
        kills = 0
        while kills < KILLS:
            process = self.start("-q", "recipe.yaml")
            time.sleep(dice.random() * duration)
            early = process.poll() is None
            try:
                os.killpg(process.pid, signal.SIGKILL)  # the run and its tasks
            except ProcessLookupError:
                pass
            process.wait()
            process.stderr.close()
            kills += early
            self.check_published(whole)
            if not early or dice.random() < 0.3:
                self.winnow("run", "-q", "recipe.yaml")
                self.check_equal(self.result("OUT"), whole)
                make.shutil.rmtree(self.path("OUT"))

    def check_published(self, whole):
        """Whatever stands under its final name is whole; packs alone may be unfinished where no manifest names them."""
        for name, data in make.tree(self.path("OUT"), without=("log", "lock", "packs")).items():
            if not name.endswith(".tmp"):
                self.assertEqual(data, whole.get(name), name)


if __name__ == "__main__":
    unittest.main()
