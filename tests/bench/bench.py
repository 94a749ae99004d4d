#!/usr/bin/env python3
"""Measures winnow beside what bounds it, all in one run: ratios mean the same on any machine, seconds do not.

    tests/bench/run.sh [--only NAME] [--rounds N] [--no-peer]

Every figure is the least of N rounds; the two sides of a ratio take turns, so that both meet the same neighbours. CPU time is
user + system of all processes and threads. Results go to reports/bench/latest.txt.
"""
import argparse
import glob
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time

from builtin_bench import BuiltinBench
from clip_towers import ClipBench
from count_bench import ROWS as COUNT_ROWS, CountBench
from fetch_bench import FetchBench
from report_bench import ROWS as REPORT_ROWS, ReportBench

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WINNOW = os.path.abspath(os.environ.get("WINNOW", os.path.join(ROOT, "winnow")))
SHARED = os.path.abspath(os.environ.get("WINNOW_SHARED", os.path.join(ROOT, "../shared")))
DEMO = os.path.join(ROOT, "tests/data/demo/demo.warc.gz")
BUILT = os.path.join(ROOT, "build/bench")
PEER = ["fastwarc==1.1.0", "resiliparse==1.1.0"]
CRAWL_REPEATS = 20
ROW_BYTES = 400 << 20   # of the large row file, uncompressed
SHARD_BYTES = 500 << 20
ALWAYS = ["start", "extract", "rows", "rules", "shard", "fetch", "report", "counts", "builtin"]
BY_NAME = ["clip"]


class Time:
    def __init__(self, user, system, wall):
        self.user, self.cpu, self.wall = user, user + system, wall


def timed(command, **options):
    """One run of a command (a list) or a shell line (a string)."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    line = ["bash", "-o", "pipefail", "-c", command] if isinstance(command, str) else command
    subprocess.run(line, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, **options)
    after, ended = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    return Time(after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime, ended - begun)


def rounds_of(count, *runs):
    """Each run's least Time by every measure; the runs take turns."""
    all_times = [[run() for run in runs] for _ in range(count)]
    best = []
    for times in zip(*all_times):
        least = Time(0, 0, min(t.wall for t in times))
        least.user, least.cpu = min(t.user for t in times), min(t.cpu for t in times)
        best.append(least)
    return best


class Bench:
    def __init__(self, folder, rounds, peer):
        self.folder, self.rounds, self.peer, self.lines = folder, rounds, peer, []
        wrapped = os.path.join(SHARED, "data/warcs/wrapped-pages.warc.gz")
        self.crawl = wrapped if os.path.exists(wrapped) else DEMO

    def path(self, name):
        return os.path.join(self.folder, name)

    def say(self, what, figure, bar=None, good=None, note=""):
        state = "" if good is None else "  ok" if good else "  MISSED"
        line = f"{what:58}{figure:>12}  {('bar ' + bar) if bar else '':14}{state:8}{note}".rstrip()
        self.lines.append(line)
        print(line, flush=True)

    def winnow(self, *arguments):
        return lambda: timed([WINNOW, *arguments, "--quiet", "--force"], cwd=self.folder)

    # ---- (a) crawls

    def extract(self):
        files = [self.crawl] * CRAWL_REPEATS
        one, floor, two = rounds_of(
            self.rounds, self.winnow("extract", "--threads", "1", "-o", "crawl.rows.zst", *files),
            lambda: timed([os.path.join(BUILT, "gunzip"), *files]),
            self.winnow("extract", "--threads", "2", "-o", "crawl2.rows.zst", *files))
        unpacked = int(subprocess.run([os.path.join(BUILT, "gunzip"), *files], capture_output=True, check=True).stdout)
        name = f"{os.path.basename(self.crawl)} x {CRAWL_REPEATS}"
        self.say(f"gunzip (libdeflate) of {name}, user s", f"{floor.user:.3f}", note=f"{unpacked / floor.user / 1e6:.0f} MB/s")
        self.say("extract --threads 1 of it, user s", f"{one.user:.3f}", note=f"{unpacked / one.user / 1e6:.0f} MB/s")
        self.say("extract / gunzip, user time", f"{one.user / floor.user:.2f}", "<= 1.6", one.user / floor.user <= 1.6)
        self.say("extract, one thread / two threads, wall", f"{one.wall / two.wall:.2f}", ">= 1.85", one.wall / two.wall >= 1.85,
                 f"{one.wall:.2f} s / {two.wall:.2f} s{busy(one)}")
        if self.peer:
            self.peers(one.user / CRAWL_REPEATS)

    def peers(self, extract_user):
        venv = os.environ.get("WINNOW_VENV") or self.path("venv")
        python = os.path.join(venv, "bin/python")
        try:
            if not os.path.exists(python):
                subprocess.run([sys.executable, "-m", "venv", venv], check=True, capture_output=True)
            if subprocess.run([python, "-c", "import fastwarc, resiliparse"], capture_output=True).returncode:
                subprocess.run([python, "-m", "pip", "install", "-q", *PEER], check=True, capture_output=True, timeout=300)
            found = [subprocess.run([python, os.path.join(ROOT, "tests/bench/peer.py"), self.crawl], check=True, capture_output=True,
                                    text=True).stdout.split() for _ in range(self.rounds)]
        except (subprocess.SubprocessError, OSError):
            self.say(f"{' + '.join(PEER)}: not to be had here", "skipped")
            return
        user = min(float(seconds) for seconds, _ in found)
        self.say(f"{' + '.join(PEER)}, user s", f"{user:.3f}", note=f"{found[0][1]} images, src and alt, one file")
        self.say("that / extract, user time", f"{user / extract_user:.1f}", ">= 4", user / extract_user >= 4)

    # ---- (b), (c) rows

    def large_rows(self):
        """A row file of ROW_BYTES of text: the rows of the crawl again and again, each time as another file of the list."""
        plain, made = self.path("large.tsv"), self.path("large/00000.00000.rows.zst")
        if os.path.exists(made):
            return made
        rows = subprocess.run([WINNOW, "extract", "--plain", "--quiet", self.crawl], check=True, capture_output=True).stdout
        header, *lines = rows.split(b"\n")[:-1]
        at = header.split(b"\t").index(b"src_file")
        parts = [(b"\t".join(cells[:at]), b"\t".join(cells[at + 1:])) for cells in (line.split(b"\t") for line in lines)]
        with open(plain, "wb") as out:
            out.write(header + b"\n")
            for number in range(ROW_BYTES // len(rows) + 1):
                middle = b"\t%d\t" % number
                out.write(b"".join(before + middle + behind + b"\n" for before, behind in parts))
        subprocess.run([WINNOW, "partition", "--by", "src_file", "--into", "1", "--plain-input", "--quiet", "-o", self.path("large/"), plain],
                       check=True)
        os.remove(plain)
        return made

    def count(self, path):
        return int(subprocess.run([WINNOW, "view", "--count", path], check=True, capture_output=True).stdout.split()[-1])

    def rows(self):
        large = self.large_rows()
        empty, floor = rounds_of(
            self.rounds, self.winnow("view", "--threads", "1", "-o", "through.rows.zst", large),
            lambda: timed(f"zstd -dcq '{large}' | zstd -1cq > '{self.path('through.zst')}'"))
        n = self.count(large)
        self.say(f"zstd -d | zstd -1 of {n / 1e6:.2f} M rows, CPU s", f"{floor.cpu:.3f}")
        self.say("the same rows through an empty stage, CPU s", f"{empty.cpu:.3f}")
        self.say("empty stage / zstd, CPU time", f"{empty.cpu / floor.cpu:.2f}", "<= 1.5", empty.cpu / floor.cpu <= 1.5)

    RULES = ["chars text.chars min=1", "long text.chars max=60000", "words text.words min=0", "url url.length max=4000"]

    def rules(self):
        """Cheap rules that let all rows pass, so that both sides write the same."""
        large = self.large_rows()
        given = [word for rule in self.RULES for word in ("--rule", rule)]
        ruled, empty = rounds_of(
            self.rounds, self.winnow("filter", "--threads", "1", *given, "-o", "ruled.rows.zst", large),
            self.winnow("view", "--threads", "1", "-o", "through.rows.zst", large))
        n = self.count(large)
        cost = max(ruled.cpu - empty.cpu, 1e-9)
        self.say(f"{len(given) // 2} cheap text rules on {n / 1e6:.2f} M rows, CPU s beyond an empty stage", f"{cost:.3f}")
        self.say("rows/s a core, in the rules", f"{n / cost / 1e6:.1f} M", ">= 2 M", n / cost >= 2e6,
                 f"{n / ruled.cpu / 1e6:.2f} M with reading and writing")

    # ---- (d) shards

    def shard(self):
        """The demo's pictures, as often as makes SHARD_BYTES."""
        run = lambda *arguments: subprocess.run([WINNOW, *arguments, "--quiet"], check=True, cwd=self.folder, capture_output=True).stdout
        run("extract", "-o", "demo.rows.zst", DEMO)
        run("fetch", "--from-warc", DEMO, "--keep-bytes", "-o", "fetched/", "demo.rows.zst")
        header, *lines = run("view", "fetched/00000.rows.zst").split(b"\n")[:-1]
        names = header.split(b"\t")
        at, size = names.index(b"src_file"), names.index(b"image_length")
        rows = [line.split(b"\t") for line in lines]
        repeats = SHARD_BYTES // sum(int(row[size]) for row in rows) + 1
        with open(self.path("many.tsv"), "wb") as out:
            out.write(header + b"\n")
            for number in range(repeats):
                for row in rows:
                    out.write(b"\t".join([*row[:at], b"%d" % number, *row[at + 1:]]) + b"\n")
        run("partition", "--by", "src_file", "--into", "1", "--plain-input", "-o", "many/", "many.tsv")
        packs = glob.glob(self.path("fetched/packs")) or glob.glob(self.path("packs"))
        made, copied = self.path("shards/"), self.path("copied")
        os.makedirs(copied)

        def floor():
            for old in glob.glob(copied + "/*"):
                os.remove(old)
            return timed([os.path.join(BUILT, "copy"), copied, *sorted(glob.glob(made + "*.tar"))])

        def stage():
            for old in glob.glob(made + "*.tar"):
                os.remove(old)
            return self.winnow("shard", "--compress", "none", "--packs", packs[0], "-o", "shards/", "many/00000.00000.rows.zst")()

        shard, bare = rounds_of(self.rounds, stage, floor)
        total = sum(os.path.getsize(path) for path in glob.glob(made + "*.tar"))
        self.say(f"read + XXH3-128 + write + fsync of {total / 1e6:.0f} MB of shards, wall s", f"{bare.wall:.3f}", note=f"{bare.cpu:.3f} CPU s")
        self.say("shard --compress none of the same, wall s", f"{shard.wall:.3f}", note=f"{shard.cpu:.3f} CPU s")
        self.say("shard / bare loop, wall", f"{shard.wall / bare.wall:.2f}", "<= 1.3", shard.wall / bare.wall <= 1.3)

    # ---- (e) the web

    def fetch(self):
        FetchBench(self, WINNOW, ROOT, SHARED, timed).run()

    # ---- (f) the page

    def report(self):
        ReportBench(self.say, self.folder, WINNOW, REPORT_ROWS, min(self.rounds, 2)).run()

    # ---- (g) CLIP

    def clip(self):
        """Minutes, and a gigabyte of peers: only when asked for by name."""
        try:
            ClipBench(self.say, self.folder, os.path.join(BUILT, "clip_bench"), self.rounds, peer=self.peer).run()
        except (subprocess.SubprocessError, OSError) as error:
            self.say("clip: numpy and the peers are not to be had here", "skipped", note=str(error)[:100])

    # ---- (h) counts

    def counts(self):
        CountBench(self.say, self.folder, COUNT_ROWS, min(self.rounds, 3)).run()

    # ---- (i) the built-in model

    def builtin(self):
        """Beside onnxruntime, which pip fetches once."""
        if not self.peer:
            return self.say("builtin: the peer is left out", "skipped")
        try:
            BuiltinBench(self.say, os.path.join(BUILT, "clip_bench"), WINNOW, self.rounds).run()
        except (subprocess.SubprocessError, OSError) as error:
            self.say("builtin: onnxruntime is not to be had here", "skipped", note=str(error)[:100])

    # ---- (j) starting

    def start(self):
        each = sorted(cpu_of([WINNOW, "--version"]) for _ in range(100))[50] * 1000
        nothing = sorted(cpu_of(["/bin/true"]) for _ in range(100))[50] * 1000
        self.say("winnow --version, CPU ms, median of 100", f"{each:.2f}", "<= 5", each <= 5, f"/bin/true {nothing:.2f} ms")


def cpu_of(command):
    """CPU seconds of one process from its exec to its end."""
    quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    _, status, usage = os.wait4(os.posix_spawn(command[0], command, os.environ, file_actions=quiet), 0)
    if status:
        raise subprocess.CalledProcessError(status, command)
    return usage.ru_utime + usage.ru_stime


def busy(time):
    """Said where a process waited for its turn: its wall time then tells of its neighbours."""
    return f"; others had the cores for {1 - time.cpu / time.wall:.0%} of the time" if time.wall > 1.15 * time.cpu else ""


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = next((line.split(": ", 1)[1].strip() for line in file if line.startswith("model name")), "unknown CPU")
    return f"{model}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=[*ALWAYS, *BY_NAME])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-peer", action="store_true", help="do not fetch and measure FastWARC + resiliparse, img2dataset and onnxruntime")
    options = parser.parse_args()
    version = subprocess.run([WINNOW, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    folder = tempfile.mkdtemp(prefix="winnow-bench-", dir=os.environ.get("TMPDIR"))
    try:
        bench = Bench(folder, options.rounds, not options.no_peer)
        bench.lines.append(f"{version}; {machine()}; least of {options.rounds} rounds")
        print(bench.lines[0], flush=True)
        for name in [options.only] if options.only else ALWAYS:
            getattr(bench, name)()
        if not options.only:
            os.makedirs(os.path.join(ROOT, "reports/bench"), exist_ok=True)
            with open(os.path.join(ROOT, "reports/bench/latest.txt"), "w", encoding="utf-8") as out:
                out.write("\n".join(bench.lines) + "\n")
        return 1 if any("MISSED" in line for line in bench.lines) else 0
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
