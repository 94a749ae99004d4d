#!/usr/bin/env python3
"""`winnow report` on many rows: its CPU time, its memory, and how soon a browser shows the page.

    tests/bench/run.sh --only report            part of bench.py
    tests/bench/report_bench.py [--rows N] [--keep FOLDER]

The rows come from report_rows.c; winnow filters them, drops duplicates, filters again, so that the report reads rows that four
kinds of step dropped, and the rows of the corpus. With --keep the run stays in FOLDER/OUT, and is not made again.
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, ROOT)

from tests.e2e import browser  # noqa: E402

ROWS = 10_000_000
PARTS = 4       # files of rows, and tasks of each filter
CPU_MAX, MEMORY_MAX, OPEN_MAX = 60, 300e6, 1.0
TEXT_RULES = ["words text.words min=2", "chars text.chars max=200", "repetition text.repetition max=0.5", "length url.length max=120",
              "ending url.extension allow=jpg,jpeg,png,webp"]
PICTURE_RULES = ["side image.min_side min=150", "aspect image.aspect max=3", "bytes image.bytes min=5000", "similar score.range column=sim_l14 min=0.2",
                 "unsafe score.range column=p_nsfw_l14 max=0.5"]


class ReportBench:
    """`say` as in bench.Bench."""

    def __init__(self, say, folder, winnow, rows, rounds):
        self.say, self.folder, self.winnow, self.rows, self.rounds = say, folder, os.path.abspath(winnow), rows, rounds

    def call(self, *arguments, **options):
        return subprocess.run([self.winnow, *arguments, "--quiet"], cwd=self.folder, check=True, **options)

    def make(self):
        if os.path.exists(os.path.join(self.folder, "OUT/03-filter")):
            return
        make_rows, parts = os.path.join(self.folder, "report_rows"), [f"in/{part}.rows.zst" for part in range(PARTS)]
        subprocess.run([os.environ.get("CC", "cc"), "-O2", "-D_GNU_SOURCE", "-o", make_rows, os.path.join(ROOT, "tests/bench/report_rows.c"), "-lm"], check=True)
        os.makedirs(os.path.join(self.folder, "in"))
        for part, name in enumerate(parts):
            with subprocess.Popen([make_rows, str(self.rows), str(part), str(PARTS)], stdout=subprocess.PIPE) as rows:
                self.call("view", "--plain-input", "-o", name, stdin=rows.stdout)
        rules = lambda of: [word for rule in of for word in ("--rule", rule)]
        for part in range(PARTS):
            self.call("filter", *rules(TEXT_RULES), "--task", f"{part}/{PARTS}", "-o", "OUT/01-filter/", *parts)
        shutil.rmtree(os.path.join(self.folder, "in"))
        self.call("dedup", "--by", "url+text", "-o", "OUT/02-dedup/", *[f"OUT/01-filter/{part:05}.rows.zst" for part in range(PARTS)])
        for part in range(PARTS):
            self.call("filter", *rules(PICTURE_RULES), "--task", f"{part}/{PARTS}", "-o", "OUT/03-filter/", "OUT/02-dedup/00000.rows.zst")

    def report(self):
        """CPU seconds and bytes of one call."""
        pid = os.posix_spawn(self.winnow, [self.winnow, "report", "-o", "page/", "OUT"], os.environ,
                             file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0), (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)])
        _, status, usage = os.wait4(pid, 0)
        if status:
            raise subprocess.CalledProcessError(status, "report")
        return usage.ru_utime + usage.ru_stime, usage.ru_maxrss << 10

    def opening(self):
        """Seconds until the browser has loaded the page: the least of the first openings in browsers of their own."""
        page, seconds = os.path.join(self.folder, "page/index.html"), []
        for _ in range(self.rounds):
            with browser.Browser() as chromium:
                seconds.append(chromium.open(page))
        return min(seconds)

    def run(self):
        self.make()
        here = os.getcwd()
        os.chdir(self.folder)
        measured = [self.report() for _ in range(self.rounds)]
        os.chdir(here)
        cpu, memory = min(c for c, _ in measured), max(m for _, m in measured)
        name = f"report of {self.rows / 1e6:g} M rows"
        bars = self.rows >= ROWS
        self.say(f"{name}, CPU s", f"{cpu:.1f}", *(["<= 60 s", cpu <= CPU_MAX] if bars else []))
        self.say(f"{name}, peak MB", f"{memory / 1e6:.0f}", "<= 300 MB", memory <= MEMORY_MAX)
        size = os.path.getsize(os.path.join(self.folder, "page/index.html"))
        if not browser.PROGRAM:
            self.say("its page in chromium: none here", "skipped")
            return
        seconds = self.opening()
        self.say("its page in chromium, to the load event, wall s", f"{seconds:.2f}", "< 1 s", seconds < OPEN_MAX, f"page of {size / 1e3:.0f} kB")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--keep", metavar="FOLDER")
    options = parser.parse_args()
    folder = options.keep or tempfile.mkdtemp(prefix="winnow-bench-", dir=os.environ.get("TMPDIR"))
    os.makedirs(folder, exist_ok=True)
    say = lambda what, figure, bar="", good=None, note="": print(f"{what:58}{figure:>12}  {bar:14}{'' if good is None else 'ok' if good else 'MISSED'}  {note}".rstrip())
    try:
        ReportBench(say, folder, os.environ.get("WINNOW", os.path.join(ROOT, "winnow")), options.rows, options.rounds).run()
    finally:
        if not options.keep:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
