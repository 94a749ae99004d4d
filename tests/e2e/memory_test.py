"""Peak memory of each command at one and at ten times the input: equal within a tenth and a few MiB."""
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import unittest

from tests.e2e.mirror import ROOT, WINNOW, environment

sys.path.insert(0, os.path.join(ROOT, "tests/data/rows"))
import make_small  # noqa: E402

CRAWL = os.path.join(ROOT, "tests/data/demo/demo.warc.gz")
TIMES = 10
ROWS = 100000       # of the small row file, 30 MB: enough to fill every buffer of every thread
SHARE = 0.10
TABLES = 200 << 20  # reports/stats.h: STATS_TABLES
CONSTANT = 4 << 20  # bytes: what allocators, page sizes and thread timing move


def peak(command, cwd):
    """Bytes of the largest resident set of the command, which must succeed."""
    code = ("import os, resource, sys; pid = os.spawnvp(os.P_WAIT, sys.argv[1], sys.argv[1:]);"
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(pid)")
    done = subprocess.run([sys.executable, "-c", code, *command], cwd=cwd, env=environment(), capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(f"{' '.join(command)}: exit {done.returncode}: {done.stderr[-1000:]}")
    return int(done.stdout.split()[-1]) << 10


@unittest.skipIf(os.environ.get("WINNOW_VARIANT"), "sanitizers have memory of their own")
class Memory(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="winnow-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        header, *lines = make_small.lines().splitlines()
        cls.header, at = header, header.split("\t").index("src_file")
        cls.parts = [("\t".join(cells[:at]), cells[at], "\t".join(cells[at + 1:])) for cells in (line.split("\t") for line in lines)]
        for name, rows in (("one", ROWS), ("ten", ROWS * TIMES)):
            cls.make_rows(name, rows)
        cls.make_pictures()

    @classmethod
    def run_winnow(cls, *arguments):
        subprocess.run([WINNOW, *arguments, "--quiet"], cwd=cls.folder, env=environment(), check=True, capture_output=True)

    @classmethod
    def own(cls, name):
        """NAME.tsv becomes NAME.rows.zst."""
        cls.run_winnow("partition", "--by", "id", "--into", "1", "--plain-input", "-o", name + "/", name + ".tsv")
        os.rename(os.path.join(cls.folder, name, "00000.00000.rows.zst"), os.path.join(cls.folder, name + ".rows.zst"))

    @classmethod
    def make_rows(cls, name, rows):
        """`rows` rows of unlike URLs; also as NAME.list.tsv for import, and NAME.parts/ for merge."""
        with open(os.path.join(cls.folder, name + ".tsv"), "w", encoding="utf-8") as out, \
                open(os.path.join(cls.folder, name + ".list.tsv"), "w", encoding="utf-8") as listed:
            out.write(cls.header + "\n")
            for number in range(rows):
                before, file, behind = cls.parts[number % len(cls.parts)]
                before = before.replace("/pictures/", f"/pictures/{number // 3}/", 1)
                out.write(f"{before}\t{int(file) + 2 * (number // len(cls.parts))}\t{behind}\n")
                listed.write("\t".join(before.split("\t")[1:3]) + "\n")
        cls.own(name)
        cls.run_winnow("partition", "--by", "id", "--into", "4", "-o", name + ".parts/", name + ".rows.zst")

    @classmethod
    def make_pictures(cls):
        """one.pictures.rows.zst: the demo's pictures; ten.…: ten times, out of the same pack."""
        cls.run_winnow("extract", "-o", "demo.rows.zst", CRAWL)
        cls.run_winnow("fetch", "--from-warc", CRAWL, "--size", "128", "--packs", "packs", "-o", "demo/", "demo.rows.zst")
        lines = subprocess.run([WINNOW, "view", "demo/00000.rows.zst"], cwd=cls.folder, check=True, capture_output=True, text=True).stdout
        header, *lines = lines.split("\n")[:-1]
        for name, times in (("one", 4), ("ten", 4 * TIMES)):
            cls.repeat(name + ".pictures", header, lines, times)
            cls.repeat(name + ".wanted", header, cls.mostly_absent(header, lines), times // 4)

    @classmethod
    def mostly_absent(cls, header, lines):
        """Many rows, of which only every hundredth has its picture in the crawl, so that windows fill without much decoding."""
        at, record = header.split("\t").index("url"), header.split("\t").index("src_record")
        rows = [line.split("\t") for line in lines]
        return ["\t".join([*row[:at], row[at] + "?absent" * (number % 100 != 0), *row[at + 1:record], str(number), *row[record + 1:]])
                for number, row in enumerate(rows * 100)]

    @classmethod
    def repeat(cls, name, header, lines, times):
        """NAME.rows.zst: the lines as often, each time with another src_file."""
        at = header.split("\t").index("src_file")
        with open(os.path.join(cls.folder, name + ".tsv"), "w", encoding="utf-8") as out:
            out.write(header + "\n")
            for number in range(times):
                for cells in (line.split("\t") for line in lines):
                    out.write("\t".join([*cells[:at], str(number), *cells[at + 1:]]) + "\n")
        cls.own(name)

    def check(self, *command, ten=None, quiet=True):
        """`command` with ONE for a name of the small input; `ten`: the arguments for the large one, where they differ."""
        small, large = (peak([WINNOW, *(word.replace("ONE", name) for word in words), *["--quiet"] * quiet], self.folder)
                        for name, words in (("one", command), ("ten", ten or command)))
        self.assertLessEqual(large, small * (1 + SHARE) + CONSTANT, f"{command[0]}: {small >> 20} MiB, then {large >> 20} MiB")

    def test_extract(self):
        command = ["extract", "--threads", "1", "-o", "x.ONE.rows.zst"]
        self.check(*command, *[CRAWL] * 20, ten=[*command, *[CRAWL] * 20 * TIMES])

    def test_import(self):
        self.check("import", "--threads", "1", "--columns", "url,text", "-o", "i.ONE.rows.zst", "ONE.list.tsv")

    def test_view(self):
        self.check("view", "--threads", "1", "--where", "text ~ cat", "-o", "v.ONE.rows.zst", "ONE.rows.zst")

    def test_filter(self):
        self.check("filter", "--threads", "1", "--preset", "laion400m", "--at", "text", "--without", "unserved", "-o", "f.ONE.rows.zst", "ONE.rows.zst")

    def test_dedup_within_its_memory(self):
        self.check("dedup", "--threads", "1", "--by", "url", "--memory", "16M", "--tmp", ".", "-o", "d.ONE.rows.zst", "ONE.rows.zst")

    def test_partition(self):
        self.check("partition", "--by", "url", "--threads", "1", "--into", "4", "-o", "p.ONE/", "ONE.rows.zst")

    def test_merge(self):
        self.check("merge", "-o", "m.ONE.rows.zst", *[f"ONE.parts/00000.0000{part}.rows.zst" for part in range(4)])

    def test_fetch(self):
        self.check("fetch", "--from-warc", CRAWL, "--size", "64", "--threads", "1", "--memory", "64M", "--packs", "g.ONE.packs", "-o", "g.ONE.rows.zst", "ONE.wanted.rows.zst")

    def test_shard(self):
        self.check("shard", "--samples", "200", "--threads", "1", "--packs", "packs", "-o", "s.ONE/", "ONE.pictures.rows.zst")

    def test_shard_with_a_shuffle(self):
        self.check("shard", "--samples", "100", "--shuffle", "7", "--shuffle-block", "400", "--threads", "1", "--packs", "packs", "-o",
                   "t.ONE/", "ONE.pictures.rows.zst")

    def test_looking_at_what_was_made(self):
        """index, audit, report and verify on the output of a filter that drops many rows."""
        for name in ("one", "ten"):
            self.run_winnow("filter", "--rule", "long text.chars min=20", "-o", f"{name}.out/01-filter/", f"{name}.rows.zst")
        self.check("index", "-o", "ONE.sqlite", "ONE.out/01-filter/00000.json")
        self.check("audit", "ONE.out", "--rule", "long", quiet=False)
        self.check("audit", "ONE.out", "--host", "example.org", quiet=False)
        self.check("report", "--funnel", "ONE.out", quiet=False)
        self.check("verify", "ONE.out", quiet=False)

    def test_report_with_full_tables(self):
        """Captions, hosts, domains and URLs that are all different fill every table of the page; then nothing grows any more."""
        words = ["lake", "tower", "bridge", "harbour", "market", "garden", "street", "window"]
        peaks = []
        for rows in (420000, 700000):
            with open(os.path.join(self.folder, "unlike.tsv"), "w", encoding="utf-8") as out:
                out.writelines(f"http://www{n % 3}.host{n}.example/{n}.png\tthe {words[n % 8]} number {n} beside the {words[n // 8 % 8]} at noon\n" for n in range(rows))
            self.run_winnow("import", "--columns", "url,text", "-o", f"unlike{rows}/01-import/", "unlike.tsv")
            peaks.append(peak([WINNOW, "report", "--format", "json", "-o", "unlike.json", f"unlike{rows}"], self.folder))
            with open(os.path.join(self.folder, "unlike.json"), encoding="utf-8") as file:
                told = json.load(file)["rows"]
            for table in (told["captions"]["frequent"], told["captions"]["repeated"], told["hosts"]["hosts"], told["hosts"]["domains"], told["hosts"]["urls"]):
                self.assertFalse(table["exact"])  # full
            self.assertAlmostEqual(told["hosts"]["urls"]["different"] / rows, 1, delta=0.02)
        self.assertLessEqual(peaks[1], peaks[0] * (1 + SHARE) + CONSTANT, f"{peaks[0] >> 20} MiB, then {peaks[1] >> 20} MiB")
        self.assertLessEqual(peaks[1], TABLES, f"{peaks[1] >> 20} MiB")


if __name__ == "__main__":
    unittest.main()
