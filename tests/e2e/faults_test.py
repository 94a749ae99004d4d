"""Every write, fsync, rename, open and allocation of a command fails once, each in a run of its own, until a run is clean.

Whatever fails, a command ends by itself with exit code 0 or 1 (never by a signal), says why in a sentence, leaves no temporary
file, and has published nothing, or everything. WINNOW_TORTURE=full walks every call; otherwise a sample of them.
"""
import os
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WINNOW = os.environ.get("WINNOW", os.path.join(ROOT, "winnow"))
FULL = os.environ.get("WINNOW_TORTURE") == "full"
INJECT = os.path.join(os.path.dirname(os.environ.get("WINNOW_MODULES", os.path.join(ROOT, "build/modules"))), "tests/fault/inject.so")
DEMO = os.path.join(ROOT, "tests/data/demo/demo.warc.gz")
ROWS = os.path.join(ROOT, "tests/data/rows/small.rows.zst")


def steps(last):
    """Call numbers to fail: all of them, or the first ones and then ever fewer."""
    n = 1
    while n <= last:
        yield n
        n += 1 if FULL or n < 6 else max(1, n // 3)


@unittest.skipIf(os.environ.get("WINNOW_VARIANT") in ("asan", "tsan"), "sanitizers own these calls")
class Faults(unittest.TestCase):
    def setUp(self):
        if not os.path.exists(INJECT):
            self.fail(f"{INJECT} is not built: make tests")
        self.folder = tempfile.mkdtemp(prefix="winnow-faults-")
        self.addCleanup(shutil.rmtree, self.folder)

    def run_winnow(self, arguments, fault=None):
        env = dict(os.environ, TMPDIR=self.folder)
        if fault:
            env.update(LD_PRELOAD=INJECT, WINNOW_FAULT=fault, WINNOW_FAULT_FIRED=os.path.join(self.folder, "fired"))
        return subprocess.run([WINNOW] + arguments, cwd=ROOT, env=env, capture_output=True, timeout=120)

    def published(self, out):
        found = []
        for folder, _, files in os.walk(out):
            found += [os.path.relpath(os.path.join(folder, name), out) for name in files]
        return sorted(found)

    def walk(self, kind, arguments, last=100000, unpublished=("packs/",)):
        """arguments: OUT is replaced by a fresh folder for each call number."""
        clean, out = os.path.join(self.folder, "clean"), os.path.join(self.folder, "out")
        for folder in (clean, out):
            shutil.rmtree(folder, ignore_errors=True)
        done = self.run_winnow([a.replace("OUT", clean) for a in arguments])
        self.assertEqual(done.returncode, 0, done.stderr)
        whole = self.published(clean)
        for n in steps(last):
            fired = os.path.join(self.folder, "fired")
            done = self.run_winnow([a.replace("OUT", out) for a in arguments], f"{kind}:{n}")
            if not os.path.exists(fired):
                self.assertEqual(done.returncode, 0, done.stderr)
                return
            os.unlink(fired)
            names = self.published(out)
            about = f"{kind} {n}: {done.returncode} {done.stderr.decode()} {names}"
            self.assertIn(done.returncode, (0, 1), about)
            self.assertFalse([name for name in names if name.endswith(".tmp")], about)
            if done.returncode == 0:
                self.assertEqual(names, whole, about)
            else:
                self.assertIn(b"winnow", done.stderr, about)
                manifests = [name for name in names if re.search(r"/\d{5}\.json$", name)]
                # the last fsync, of the folder, may fail when all has its name already: then all of it is there
                if manifests:
                    self.assertEqual(names, whole, about)
            shutil.rmtree(out, ignore_errors=True)

    def each_kind(self, arguments):
        for kind in ("write", "fsync", "rename", "open"):
            with self.subTest(kind=kind):
                self.walk(kind, arguments)

    def test_rows(self):
        self.each_kind(["view", "-q", "-t", "2", "-o", "OUT/rows/", ROWS])

    def test_filter_with_dropped_rows(self):
        self.each_kind(["filter", "-q", "--rule", "short text.chars min=20", "-o", "OUT/filter/", ROWS])

    def test_dedup_that_spills(self):
        self.each_kind(["dedup", "-q", "--by", "url", "-m", "1M", "-o", "OUT/dedup/", ROWS])

    def test_extract(self):
        self.each_kind(["extract", "-q", "-o", "OUT/extract/", DEMO])

    def test_partition(self):
        self.each_kind(["partition", "-q", "--into", "3", "-o", "OUT/parts/", ROWS])

    def test_count_that_spills(self):
        self.each_kind(["count", "-q", "-m", "1M", "--what", "images-per-text,unigrams,bigrams", "-o", "OUT/count/", ROWS])

    def test_fetch_and_shard(self):
        rows = os.path.join(self.folder, "some.rows.zst")
        self.assertEqual(self.run_winnow(["extract", "-q", "--limit", "12", "-o", rows, DEMO]).returncode, 0)
        self.each_kind(["fetch", "-q", "--from-warc", DEMO, "--keep-bytes", "-o", "OUT/fetch/", rows])
        fetched = os.path.join(self.folder, "fetched.rows.zst")
        self.assertEqual(self.run_winnow(["fetch", "-q", "--from-warc", DEMO, "--keep-bytes", "-o", fetched, rows]).returncode, 0)
        self.each_kind(["shard", "-q", "--samples", "4", "-o", "OUT/shards/", fetched])

    def captions(self): # of ASCII: no module is loaded, where the loader ends the process when memory is out
        path = os.path.join(self.folder, "captions.tsv")
        with open(path, "w", encoding="ascii") as file:
            file.write("id\turl\ttext\n" + "".join(f"{i:032x}\thttp://a.example/{i % 900}\tword {i % 1000} and {i} of them\n" for i in range(3000)))
        return path

    def clusters(self):
        path = os.path.join(self.folder, "clusters.tsv")
        with open(path, "w", encoding="ascii") as file:
            file.write("id\tphash\tcluster\n" + "".join(f"{i:032x}\t{i:016x}\t{i // 2:016x}\n" for i in range(3000)))
        return path

    def test_allocations(self):
        for arguments in (["view", "-q", "-t", "1", "-o", "OUT/rows/", ROWS], ["extract", "-q", "-t", "1", "-o", "OUT/e/", DEMO],
                          ["filter", "-q", "-t", "1", "--rule", "short text.chars min=20", "-o", "OUT/filter/", ROWS],
                          ["dedup", "-q", "-t", "1", "--by", "url", "-o", "OUT/dedup/", ROWS],
                          ["count", "-q", "-t", "1", "-m", "1M", "--what", "images-per-text,hosts,unigrams,bigrams", "-o", "OUT/count/",
                           self.captions()],
                          ["partition", "-q", "-t", "1", "--by", "phash", "--clusters", self.clusters(), "-o", "OUT/parts/", self.clusters()]):
            with self.subTest(command=arguments[0]):
                self.walk("malloc", arguments)


if __name__ == "__main__":
    unittest.main()
