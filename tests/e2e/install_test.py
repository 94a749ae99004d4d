"""`make install`: the installed program finds its modules, presets and lists, and its manual; `make uninstall` takes all away."""
import os
import shutil
import subprocess
import tempfile
import unittest

from tests.e2e.mirror import ROOT, WINNOW

SMALL = os.path.join(ROOT, "tests/data/rows/small.rows.zst")
PICTURE = os.path.join(ROOT, "tests/data/pictures/glass.png")
BUILD = os.path.relpath(os.environ.get("WINNOW_MODULES", os.path.join(ROOT, "build/modules")), ROOT).removesuffix("/modules")


@unittest.skipIf(os.environ.get("WINNOW_VARIANT"), "installs the plain build")
class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = tempfile.mkdtemp(prefix="winnow-")
        cls.addClassCleanup(shutil.rmtree, cls.place)
        cls.make("install")
        cls.program = os.path.join(cls.place, "usr/local/bin/winnow")

    @classmethod
    def make(cls, target):
        env = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
        done = subprocess.run(["make", f"BUILD={BUILD}", f"DESTDIR={cls.place}", target], cwd=ROOT, env=env, capture_output=True, text=True)
        if done.returncode:
            raise AssertionError(f"make {target}: {done.stdout[-2000:]}{done.stderr[-2000:]}")

    def winnow(self, *arguments):
        """The installed program in an empty folder, with nothing said of where its files are."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("WINNOW")}
        with tempfile.TemporaryDirectory() as empty:
            done = subprocess.run([self.program, *arguments], cwd=empty, env=env, capture_output=True, stdin=subprocess.DEVNULL)
        self.assertEqual((done.returncode, done.stderr), (0, b""), arguments)
        return done.stdout.decode(errors="replace")

    def files(self):
        return sorted(os.path.relpath(os.path.join(folder, name), self.place) for folder, _, names in os.walk(self.place) for name in names)

    def test_it_is_the_program_that_was_built(self):
        with open(self.program, "rb") as installed, open(WINNOW, "rb") as built:
            self.assertEqual(installed.read(), built.read())

    def test_it_finds_presets_and_lists(self):
        self.assertIn("laion400m", self.winnow("help", "--preset"))
        self.assertIn("min_chars", self.winnow("help", "--preset", "laion400m"))
        self.winnow("filter", "--preset", "laion400m", "--at", "text", "--without", "unserved", "--quiet", SMALL)
        self.winnow("filter", "--preset", "obelics-images", "--at", "text", "--without", "unserved", "--quiet", SMALL)

    def test_it_finds_the_built_in_model(self):
        self.assertEqual(self.winnow("model", "tokens", "builtin", "a cat"), "2 43 2903 3\n")

    def test_it_finds_the_models_of_language(self):
        text = os.path.join(ROOT, "tests/data/install.txt")
        self.assertEqual(self.winnow("language", "identify", text).splitlines()[1].split("\t")[0], "en")
        self.assertIn("\tDET\t", self.winnow("language", "tags", text))

    def test_it_finds_the_module_of_icu(self):
        self.assertIn("xn--bcher-kva.example", self.winnow("url", "http://Bücher.example/"))

    def test_it_finds_the_codecs(self):
        self.assertIn("\tok\tpng\t", self.winnow("image", PICTURE))

    def test_it_finds_the_classifiers_and_the_module_of_tars(self):
        crawl = os.path.join(ROOT, "tests/data/one-page.warc")
        with tempfile.TemporaryDirectory() as folder:
            self.winnow("extract", "--quiet", "-o", f"{folder}/rows.rows.zst", crawl)
            self.winnow("fetch", "--quiet", "--from-warc", crawl, "--keep-bytes", "-o", f"{folder}/fetched/", f"{folder}/rows.rows.zst")
            self.winnow("score", "--quiet", "--model", "builtin", "--classifier", "gantman", "--classifier", "watermark", "-o", f"{folder}/scored/", f"{folder}/fetched/00000.rows.zst")
            self.winnow("shard", "--quiet", "--compress", "none", "-o", f"{folder}/shards/", f"{folder}/fetched/00000.rows.zst")
            self.assertTrue(os.path.exists(f"{folder}/shards/00000.tar"))

    def test_every_command_has_its_manual_and_completion(self):
        files = self.files()
        for name in self.winnow("help", "--commands").split():
            self.assertIn(f"usr/local/share/man/man1/winnow-{name}.1", files)
        with open(os.path.join(self.place, "usr/local/share/bash-completion/completions/winnow"), encoding="utf-8") as file:
            self.assertIn("complete -F _winnow winnow", file.read())

    def test_nothing_names_the_place_where_it_was_built(self):
        for path in self.files():
            if path.endswith((".1", ".preset", ".txt", "/winnow")) and "bin/" not in path:
                with open(os.path.join(self.place, path), "rb") as file:
                    self.assertNotIn(ROOT.encode(), file.read(), path)

    def test_zz_uninstall_takes_away_every_file(self):
        self.make("uninstall")
        self.assertEqual(self.files(), [])


if __name__ == "__main__":
    unittest.main()
