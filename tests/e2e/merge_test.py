"""winnow partition and merge: rows spread over buckets come back in their order; files joined get places of their own."""
import os
import shutil
import subprocess
import tempfile
import unittest

from tests.e2e.mirror import ROOT, WINNOW

SMALL = os.path.join(ROOT, "tests/data/rows/small.rows.zst")


class Merge(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="winnow-")
        self.addCleanup(shutil.rmtree, self.folder)

    def winnow(self, *arguments, code=0):
        done = subprocess.run([WINNOW, *arguments], cwd=self.folder, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def rows(self, path):
        header, *lines = self.winnow("view", path).stdout.splitlines()
        return [dict(zip(header.split("\t"), line.split("\t"))) for line in lines]

    def test_buckets_come_back_as_the_file_that_was_spread(self):
        for key, into in (("url", "4"), ("id", "1"), ("text+page_url", "7")):
            self.winnow("partition", "--by", key, "--into", into, "-o", "parts/", "--force", SMALL)
            parts = sorted(os.path.join("parts", name) for name in os.listdir(self.folder + "/parts") if name.endswith(".rows.zst"))
            self.assertEqual(len(parts), int(into))
            self.winnow("merge", "-o", "whole.rows.zst", "--force", *reversed(parts))
            self.assertEqual(self.winnow("view", "whole.rows.zst").stdout, self.winnow("view", SMALL).stdout)
            shutil.rmtree(self.folder + "/parts")

    def test_equal_keys_meet_in_one_bucket(self):
        self.winnow("partition", "--by", "url", "--into", "5", "-o", "parts/", SMALL)
        urls = [{row["url"] for row in self.rows(f"parts/00000.{bucket:05d}.rows.zst")} for bucket in range(5)]
        self.assertEqual(sum(map(len, urls)), len(set().union(*urls)))
        self.assertGreater(min(map(len, urls)), 0)

    def test_a_place_that_stands_twice_is_refused(self):
        done = self.winnow("merge", "-o", "out.rows.zst", SMALL, SMALL, code=2)
        self.assertIn("place 0.1.0.0 stands in another file too: use winnow merge --renumber", done.stderr)
        self.assertEqual(os.listdir(self.folder), [])

    def test_renumbered_files_follow_one_another(self):
        self.winnow("merge", "--renumber", "-o", "twice.rows.zst", SMALL, SMALL)
        once, twice = self.rows(SMALL), self.rows("twice.rows.zst")
        files = sorted({int(row["src_file"]) for row in once})
        for half in (0, 1):
            expected = [dict(row, src_file=str(int(row["src_file"]) + half * len(files))) for row in once]
            self.assertEqual(twice[half * len(once):(half + 1) * len(once)], expected)

    def test_files_that_follow_one_another_are_open_one_at_a_time(self):
        header, *lines = self.winnow("view", SMALL).stdout.splitlines()
        names = []
        for i in range(40):  # a row each, in another order
            names.append(f"{(i * 7) % 40:02d}.rows.zst")
            line = lines[int(names[-1][:2])]
            subprocess.run([WINNOW, "view", "--plain-input", "-o", names[-1]], input=f"{header}\n{line}\n".encode(), cwd=self.folder, check=True,
                           capture_output=True)
        names = [os.path.basename(name) for name in names]
        self.winnow("merge", "--memory", "8M", "-o", "whole.rows.zst", *names)
        self.assertEqual(self.winnow("view", "--plain", "whole.rows.zst").stdout.splitlines()[1:41], lines[:40])

    def test_files_that_lie_between_one_another_need_memory(self):
        self.winnow("partition", "--by", "id", "--into", "5", "-o", "parts/", SMALL)
        parts = [f"parts/00000.{bucket:05d}.rows.zst" for bucket in range(5)]
        done = self.winnow("merge", "--memory", "8M", "-o", "whole.rows.zst", *parts, code=2)
        self.assertIn("over 2 files whose rows lie between one another need more than 8 MiB: give --memory", done.stderr)

    def test_other_columns_are_refused(self):
        with open(self.folder + "/list.tsv", "w", encoding="utf-8") as file:
            file.write("http://example.org/a.jpg\ta cat\n")
        self.winnow("import", "--columns", "url,text", "-o", "list.rows.zst", "list.tsv")
        self.assertIn("other columns than", self.winnow("merge", "--renumber", SMALL, "list.rows.zst", code=2).stderr)


if __name__ == "__main__":
    unittest.main()
