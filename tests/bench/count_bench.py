#!/usr/bin/env python3
"""`winnow count` on made-up captions: words and pairs a second, beside GNU sort of the same keys; memory on many rows.

    tests/bench/run.sh --only counts                     part of bench.py
    tests/bench/count_bench.py [--rows N] [--large-rows N --memory SIZE]

The rows come from count_rows.c, which also writes their words and pairs as lines; CPU time is user time of one thread. The map alone
is count_map_bench.c's loop over the same texts, and over the captions of ../shared where they are, as often as makes a million.
GNU sort gets as much memory. With --large-rows all kinds are counted over so many rows within --memory, and the peak is told; the rows
come through a pipe and are kept nowhere, what is spilled goes to $TMPDIR:

    nice tests/bench/count_bench.py --large-rows 200000000 --memory 512M      45 GB of disk, half an hour of two quiet cores
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WINNOW = os.path.abspath(os.environ.get("WINNOW", os.path.join(ROOT, "winnow")))
MAP = os.environ.get("COUNT_MAP_BENCH", os.path.join(ROOT, "build/bench/count_map_bench"))
CAPTIONS = [os.path.join(ROOT, "../shared/data/lang", name) for name in ("captions-cc3m-val.txt.zst", "captions-coco-val.txt.zst")]
ROWS = 2_000_000
NGRAMS_A_SECOND, TIMES_SORT = 20e6, 5
SPILL_BYTES_A_ROW = 225  # on the disk at most, tables included


def measured(line, folder):
    """(user s, system s, peak KiB) of a shell line's processes"""
    pid = os.posix_spawn("/bin/bash", ["bash", "-o", "pipefail", "-c", f"cd {folder} && {line}"], os.environ)
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise subprocess.CalledProcessError(status, line)
    return usage.ru_utime, usage.ru_stime, usage.ru_maxrss


class CountBench:
    """`say` as in bench.Bench."""

    def __init__(self, say, folder, rows, rounds):
        self.say, self.folder, self.rows, self.rounds = say, folder, rows, rounds

    def sh(self, line):
        subprocess.run(["bash", "-o", "pipefail", "-c", line], cwd=self.folder, check=True, stdout=subprocess.DEVNULL)

    def make_maker(self):
        maker = os.path.join(self.folder, "count_rows")
        subprocess.run([os.environ.get("CC", "cc"), "-O2", "-o", maker, os.path.join(ROOT, "tests/bench/count_rows.c"), "-lm"], check=True)
        return maker

    def make(self, rows, name):
        self.make_maker()
        self.sh(f"./count_rows {rows} 1 | {WINNOW} filter -q --plain-input --rule 'all text.chars min=0' -o {name}")

    def count(self, what, name, *more):
        return f"exec {WINNOW} count -q --force --threads 1 --what {what} -o counts/ {' '.join(more)} {name}"

    def tables(self):
        with open(os.path.join(self.folder, "counts/00000.json"), encoding="utf-8") as file:
            return json.load(file)["tables"]

    def map_alone(self, texts, what):
        """The hot loop over lines of texts in memory."""
        done = subprocess.run(f"{texts} | {MAP} 512 {self.rounds + 1}", shell=True, cwd=self.folder, check=True, capture_output=True)
        met, seconds = done.stdout.split()
        rate = int(met) / float(seconds)
        self.say(f"words and pairs of {what} a second, in the map", f"{rate / 1e6:.1f} M", ">= 20 M", rate >= NGRAMS_A_SECOND)

    def run(self):
        self.make(self.rows, "captions.rows.zst")
        self.sh(f"./count_rows {self.rows} 1 keys > keys.txt")
        self.map_alone(f"./count_rows {min(self.rows, 1000000)} 1 | tail -n +2 | cut -f3", "made-up captions")
        if os.path.exists(CAPTIONS[0]):
            self.map_alone(f"for i in $(seq 40); do zstdcat {' '.join(CAPTIONS)}; done", "real captions")
        lines = [self.count("unigrams,bigrams", "captions.rows.zst"), "LC_ALL=C sort -S 1G --parallel=1 -T . keys.txt | uniq -c > sorted.txt"]
        times = [[measured(line, self.folder)[:2] for line in lines] for _ in range(self.rounds)]
        count, sort = (min(u for u, _ in turns) for turns in zip(*times))
        tables = self.tables()
        ngrams = sum(tables[t]["total"] for t in ("unigrams", "bigrams"))
        keys = sum(tables[t]["keys"] for t in ("unigrams", "bigrams"))
        with open(os.path.join(self.folder, "sorted.txt"), "rb") as file:
            distinct = sum(1 for _ in file)
        assert distinct == keys, f"sort found {distinct} keys, count {keys}"
        self.say(f"count of {ngrams / 1e6:.1f} M words and pairs, {keys / 1e6:.2f} M distinct, from rows to tables, CPU s", f"{count:.2f}",
                 note=f"{ngrams / count / 1e6:.1f} M a second")
        self.say("GNU sort | uniq -c of the same keys, CPU s", f"{sort:.2f}")
        self.say("GNU sort / count", f"{sort / count:.1f}", f">= {TIMES_SORT}", sort / count >= TIMES_SORT)

    def large(self, rows, memory):
        free = shutil.disk_usage(self.folder).free
        if free < rows * SPILL_BYTES_A_ROW:
            sys.exit(f"{self.folder}: {free / 1e9:.0f} GB free, {rows * SPILL_BYTES_A_ROW / 1e9:.0f} needed: give another TMPDIR")
        kinds = "images-per-text:10,texts-per-image:1000,url-count,hosts,unigrams,bigrams"
        begun = time.monotonic()
        with subprocess.Popen([self.make_maker(), str(rows), "1"], stdout=subprocess.PIPE) as maker:
            line = [WINNOW, "count", "-q", "--force", "--plain-input", "--threads", "1", "--what", kinds, "--memory", memory, "--tmp", self.folder,
                    "-o", "counts/"]
            counting = subprocess.Popen(line, stdin=maker.stdout, cwd=self.folder)
            maker.stdout.close()
            _, status, usage = os.wait4(counting.pid, 0)
        if status or maker.returncode:
            sys.exit(f"count ended with {status}, the maker of rows with {maker.returncode}")
        keys = ", ".join(f"{what} {t['keys'] / 1e6:.1f} M" for what, t in self.tables().items())
        self.say(f"all kinds over {rows / 1e6:.0f} M rows with --memory {memory}, peak MiB", f"{usage.ru_maxrss / 1024:.0f}",
                 note=f"{usage.ru_utime:.0f} + {usage.ru_stime:.0f} CPU s in {time.monotonic() - begun:.0f} s; keys: {keys}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--large-rows", type=int, default=0)
    parser.add_argument("--memory", default="512M")
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="winnow-count-", dir=os.environ.get("TMPDIR"))

    def say(what, figure, bar=None, good=None, note=""):
        print(f"{what}: {figure}", *([f"(bar {bar}: {'met' if good else 'MISSED'})"] if bar else []), *([f"[{note}]"] if note else []), flush=True)
    try:
        bench = CountBench(say, folder, options.rows, options.rounds)
        if options.large_rows:
            bench.large(options.large_rows, options.memory)
        else:
            bench.run()
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
