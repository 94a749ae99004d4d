"""Packs of several outputs lie side by side, and no output ever writes over the pictures of another."""
import os
import subprocess
import unittest

from tests.e2e import make

URLS = [f"http://pictures.example/{name}.png" for name in "abc"]


class Packs(make.InFolder):
    def setUp(self):
        super().setUp()
        for name, seed in (("one", 0), ("two", 10)):
            pictures = [make.picture(url, make.png(30, 20, seed + i)) for i, url in enumerate(URLS)]
            self.write(f"{name}.warc.gz", make.packed([make.page(f"http://{name}.example/", [(url, "a picture") for url in URLS]), *pictures]))
            self.winnow("extract", "-q", "-o", f"{name}.rows.zst", f"{name}.warc.gz")

    def fetch(self, name, output, *options, code=0):
        return self.winnow("fetch", "-q", "--format", "png", "--from-warc", f"{name}.warc.gz", "-o", output, *options, f"{name}.rows.zst", code=code)

    def pictures(self, rows, packs="packs"):
        found = []
        for row in self.view(rows):
            start, length = int(row["image_offset"]), int(row["image_length"])
            found.append(self.read(f"{packs}/{row['image_pack']}")[start:start + length])
        self.assertEqual(len(found), 3)
        return found

    def test_folders_side_by_side_have_packs_of_their_own(self):
        self.fetch("one", "a/")
        before = self.pictures("a/00000.rows.zst")
        self.fetch("two", "b/")
        self.assertEqual(self.pictures("a/00000.rows.zst"), before)
        self.assertNotEqual(self.pictures("b/00000.rows.zst"), before)
        self.assertEqual(sorted(os.listdir(self.path("packs"))), ["a-00000.tar", "b-00000.tar"])
        self.winnow("merge", "--renumber", "-q", "-o", "both.rows.zst", "a/00000.rows.zst", "b/00000.rows.zst")
        self.winnow("shard", "-q", "-o", "shards/", "both.rows.zst")
        self.assertEqual(len(self.view("shards.meta/00000.rows.zst")), 6)

    def test_the_same_work_again_uses_its_own_pack_again(self):
        self.fetch("one", "a/")
        before = make.tree(self.folder)
        for options in ((), ("--force",)):
            self.fetch("one", "a/", *options)
            self.assertEqual(make.tree(self.folder), before)
        self.fetch("one", "a/", "--size", "10")  # other pictures for the same output: the old ones are nobody's
        self.assertEqual(len(self.pictures("a/00000.rows.zst")), 3)

    def test_what_an_interrupted_run_left_is_no_hindrance(self):
        self.write("p/a-00000.tar", b"\x89PNG" * 5000)
        self.fetch("one", "a/", "--packs", "p")
        self.assertEqual(len(self.pictures("a/00000.rows.zst", "p")), 3)

    def test_the_pictures_of_another_output_are_never_written_over(self):
        self.fetch("one", "x/a/", "--packs", "p")
        before = make.tree(self.folder)
        error = self.fetch("two", "y/a/", "--packs", "p", code=2).error
        self.assertEqual(error.count("\n"), 1)
        self.assertIn("p/a-00000.tar: finished, and not by an earlier run of this output", error)
        self.assertIn("--packs", error)
        self.assertEqual(make.tree(self.folder), before)
        self.fetch("one", "x/a/", "--packs", "p", "--force")
        self.fetch("two", "y/b/", "--packs", "p")

    def test_rows_that_stay_in_a_file_keep_their_pictures(self):
        command = [make.WINNOW, "fetch", "-q", "--from-warc", "one.warc.gz", "one.rows.zst"]
        for name, code in (("a", 0), ("b", 2)):
            with open(self.path(name), "wb") as file:
                done = subprocess.run(command, cwd=self.folder, stdout=file, stderr=subprocess.PIPE)
            self.assertEqual(done.returncode, code, done.stderr)
        self.assertIn(b"packs/fetch.tar: finished, and not", done.stderr)
        subprocess.run(command, cwd=self.folder, stdout=subprocess.PIPE, check=True)  # through a pipe they are used up there

    def test_a_name_without_a_folder_of_its_own_is_the_number_alone(self):
        os.mkdir(self.path("deep"))
        for output in ("./", "deep/.././"):
            self.fetch("one", output, "--packs", "p", "--force")
        self.assertEqual(os.listdir(self.path("p")), ["00000.tar"])


if __name__ == "__main__":
    unittest.main()
