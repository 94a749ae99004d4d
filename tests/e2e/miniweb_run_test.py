"""A web of one's own, from end to end: nginx serves the mini web under its host names, wget crawls it into a WARC file, and a
recipe makes a corpus of it that asks the servers for the pictures. Each row is held against the reference pairs, each status
against the files, and the corpus against what the rules say of both.

Where extract and the reference differ, tests/data/miniweb-differences.tsv says why, pair by pair;
python3 -m tests.e2e.miniweb_run_test prints the differences that a run has.
"""
import collections
import csv
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import unittest

from tests.e2e import make
from tests.e2e.fetch_http_test import parse
from tests.e2e.miniweb_facts import Oracle, normalised, stored_text, table
from tests.e2e.servers import dns
from tests.e2e.servers.miniweb import MiniWeb

DIFFERENCES = os.path.join(make.ROOT, "tests", "data", "miniweb-differences.tsv")
WORDS, SIDE = 2, 200

RECIPE = """
inputs: miniweb.warc.gz
stages:
  - extract:
      keep-empty: true
  - fetch:
      from-web: true
      user-agent: probe/1.0 (+https://example.org/probe)
      rate: 0
      per-host: 8
      retries: 0
      size: 64
      {way}
  - filter:
      rule: [words text.words min={words}, side image.min_side min={side}]
  - dedup:
      by: url+text
  - shard:
      samples: 100
"""
# Under the names, by a name server of our own; or through nginx as a proxy, where port 80 cannot be had.
DIRECTLY = "dns: 127.0.0.1:{port}\n      accept-network: 127.0.0.0/8"
BY_PROXY = "proxy: http://127.0.0.1:{port}"


def run(folder, web):
    """Crawls and runs; whether the servers were asked directly."""
    web.crawl(folder)
    names = {host: dns.addresses(web.address) for host in web.hosts()}
    with dns.DnsServer(names) as server:
        way = DIRECTLY.format(port=server.port) if web.address else BY_PROXY.format(port=web.port)
        with open(os.path.join(folder, "recipe.yaml"), "w") as file:
            file.write(RECIPE.format(way=way, words=WORDS, side=SIDE))
        done = subprocess.run([make.WINNOW, "run", "-q", "recipe.yaml"], cwd=folder, capture_output=True, timeout=600)
    if done.returncode or done.stderr:
        raise AssertionError(f"winnow run: exit {done.returncode}: {done.stderr.decode()}")
    return bool(web.address)


def rows_of(folder, step, name):
    path = os.path.join(folder, "OUT", step, name)
    rows = parse(subprocess.run([make.WINNOW, "view", "--plain", path], stdout=subprocess.PIPE, check=True).stdout)
    return [{column: make.unescape(cell) for column, cell in row.items()} for row in rows]


def pages_of(rows):
    """page_url → its rows, for each time that the page was recorded: wget asks for a page again when a redirect leads there."""
    pages = collections.defaultdict(lambda: collections.defaultdict(list))
    for row in rows:
        pages[row["page_url"]][row["src_record"]].append(row)
    return {url: list(times.values()) for url, times in pages.items()}


def short(url):
    return "data:" if url.startswith("data:") else url or "-"


def compare(pairs, rows):
    """(page, src, reference URL, our URL) of each pair without the same row, or of a row without its pair; "-": none."""
    found = collections.Counter()
    ours = collections.defaultdict(list)
    for url, times in pages_of(rows).items():
        for row in times[0]:
            ours[url, row["url"], row["text"]].append(row)
    left = []
    for pair in pairs:
        url = pair["resolved_url"]
        same = ours.get((pair["page_url"], normalised(url) if url.startswith("http") else url, stored_text(pair["alt"])))
        if same:
            same.pop()
        else:
            left.append(pair)
    spare = {(row["page_url"], row["url_raw"]): row for same in ours.values() for row in same}
    for pair in left:
        row = spare.pop((pair["page_url"], pair["raw_src"]), None)
        found[pair["page_url"], short(pair["raw_src"]), short(pair["resolved_url"]), row["url"] if row else "-"] += 1
    for row in spare.values():
        found[row["page_url"], row["url_raw"], "-", row["url"]] += 1
    return found


class Run(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        web = cls.enterClassContext(MiniWeb())
        holder = tempfile.TemporaryDirectory(prefix="winnow-")
        cls.addClassCleanup(holder.cleanup)
        cls.folder = holder.name
        cls.oracle = Oracle(web.tree, directly=run(cls.folder, web))
        cls.pairs = table("pairs.tsv.gz")
        cls.extracted = rows_of(cls.folder, "01-extract", "00000.rows.zst")
        cls.fetched = rows_of(cls.folder, "02-fetch", "00000.rows.zst")
        cls.dropped = rows_of(cls.folder, "02-fetch", "00000.dropped.zst")

    def audit(self, subject):
        return subprocess.run([make.WINNOW, "audit", "--limit=0", "OUT", subject], cwd=self.folder, stdout=subprocess.PIPE, check=True).stdout.decode()

    def test_rows_are_the_reference_pairs_but_for_the_differences_listed(self):
        with open(DIFFERENCES, encoding="utf-8", newline="") as file:
            listed = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
        self.assertEqual([line for line in listed if not line["reason"]], [])
        expected = collections.Counter((d["page_url"], d["src"], d["reference"], d["ours"]) for d in listed)
        self.assertEqual(compare(self.pairs, self.extracted), expected)

    def test_a_page_recorded_twice_gives_the_same_rows_twice(self):
        pages = pages_of(self.extracted)
        self.assertEqual(set(pages), {pair["page_url"] for pair in self.pairs})
        for url, (first, *again) in pages.items():
            for rows in again:
                self.assertEqual([(row["url"], row["text"]) for row in rows], [(row["url"], row["text"]) for row in first], url)

    def test_every_status_is_what_lies_in_the_tree(self):
        self.assertEqual(len(self.fetched) + len(self.dropped), len(self.extracted))
        ends = {row["url"]: row.get("rule", "").removeprefix("fetch.") or row["status"] for row in self.fetched + self.dropped}
        self.assertEqual(ends, {url: self.oracle(url) for url in {row["url"] for row in self.extracted}})
        self.assertGreaterEqual(set(ends.values()), {"ok", "http_404", "robots", "unsupported_svg", "unsupported_tiff"})

    def test_every_picture_is_the_files(self):
        for row in self.fetched:
            known = self.oracle.files[self.oracle.file_of(row["url"])]
            self.assertEqual((row["bytes"], row["sha256"][:16], row["http_status"]), (known["bytes"], known["sha256_16"], "200"), row["url"])

    def test_the_corpus_is_what_the_rules_leave_of_the_pairs(self):
        expected = set()
        for row in self.extracted:
            file = self.oracle.files.get(self.oracle.file_of(row["url"])) if self.oracle(row["url"]) == "ok" else None
            sides = (file["width"], file["height"]) if file and file["width"] != "0" else self.sides_of_odd(row["url"]) if file else (0, 0)
            if len(row["text"].split()) >= WORDS and min(map(int, sides)) >= SIDE:
                expected.add((row["url"], row["text"]))
        index = sqlite3.connect(os.path.join(self.folder, "OUT", "index.sqlite"))
        self.addCleanup(index.close)
        samples = index.execute("SELECT url, text FROM samples").fetchall()
        self.assertEqual((len(samples), set(samples)), (len(expected), expected))
        self.assertGreater(len(samples), 200)

    def sides_of_odd(self, url):
        """Of the few that Pillow, which made the table, refuses."""
        return next((row["width"], row["height"]) for row in self.fetched if row["url"] == url)

    def test_audit_tells_the_end_of_each_row(self):
        row_of = {row["rule"]: row for row in self.dropped}
        for rule, row in row_of.items():
            self.assertIn(f"dropped by {rule}", self.audit(row["id"]))
        kept = [one for one in re.split(r"\n(?=\d+\. )", self.audit(self.fetched[0]["id"])) if "02-fetch" in one]
        self.assertTrue(kept)


def print_differences():
    with tempfile.TemporaryDirectory() as folder, MiniWeb() as web:
        run(folder, web)
        found = compare(table("pairs.tsv.gz"), rows_of(folder, "01-extract", "00000.rows.zst"))
    writer = csv.writer(sys.stdout, delimiter="\t", quoting=csv.QUOTE_NONE, lineterminator="\n")
    for difference in sorted(found.elements()):
        writer.writerow(difference)


if __name__ == "__main__":
    print_differences()
