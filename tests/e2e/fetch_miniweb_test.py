"""winnow fetch --from-web on the mini web: every picture that its pages show, and what became of it, against the tree itself."""

import collections
import csv
import gzip
import json
import os
import posixpath
import re
import shutil
import subprocess
import tempfile
import unittest
import urllib.parse

from tests.e2e import make
from tests.e2e.fetch_http_test import parse, rows_of
from tests.e2e.servers.miniweb import DATA, MiniWeb

AGENT = "probe/1.0 (+https://example.org/probe)"
# What stands in the tree and is no picture that winnow decodes, by the table's format.
UNDECODED = {"SVG": "unsupported_svg", "TIFF": "unsupported_tiff"}
# Twelve bits a sample: Pillow, which made the table, cannot say so.
ODD = {"gallery.winnow.test/img/monkey12.jpg": "unsupported_jpeg_12bit"}


def table(name, **options):
    with gzip.open(os.path.join(DATA, name), "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE, **options))


def normalised(url):
    """As column `url` has it: lower-case host, no default port, no dots in the path, no raw spaces."""
    parts = urllib.parse.urlsplit(url)
    path = urllib.parse.quote(posixpath.normpath(parts.path or "/"), safe="/%:@!$&'()*+,;=~-._")
    path += "/" if parts.path.endswith("/") and path != "/" else ""
    return urllib.parse.urlunsplit((parts.scheme, parts.netloc.lower().removesuffix(":80"), path, parts.query, ""))


class Oracle:
    """What a URL must end with, from the files alone."""

    def __init__(self, tree):
        self.tree = tree
        self.files = {row["file"]: row for row in table("images.tsv.gz")}
        self.robots = {host: self.read_rules(os.path.join(tree, host, "robots.txt")) for host in os.listdir(tree)}

    @staticmethod
    def read_rules(path):
        """These files have one group, for all, and no wildcards."""
        if not os.path.exists(path):
            return []
        with open(path) as file:
            fields = [line.partition(":")[::2] for line in file]
        return [(value.strip(), name == "Allow") for name, value in fields if name in ("Allow", "Disallow") and value.strip()]

    def may_ask(self, url):
        """The longest rule counts (Python's own parser takes the first)."""
        parts = urllib.parse.urlsplit(url)
        matching = [(len(path), allow) for path, allow in self.robots.get(parts.hostname, []) if parts.path.startswith(path)]
        return max(matching)[1] if matching else True

    def file_of(self, url):
        parts = urllib.parse.urlsplit(url)
        return parts.hostname + urllib.parse.unquote(parts.path)

    def __call__(self, url):
        parts = urllib.parse.urlsplit(url)
        if not re.fullmatch("[A-Za-z0-9.:-]+", parts.netloc):
            return "bad_url"  # an attribute that was never closed
        if parts.scheme != "http":
            return "robots_unreachable"  # this proxy makes no tunnels
        if parts.hostname not in self.robots:
            return "robots_unreachable"  # 502 for all that it does not know
        if not self.may_ask(url):
            return "robots"
        name = self.file_of(url)
        path = os.path.join(self.tree, name)
        if os.path.isdir(path):
            return "wrong_type" if os.path.exists(os.path.join(path, "index.html")) else "http_403"
        if not os.path.exists(path):
            return "http_404"
        if name not in self.files:
            return "wrong_type"
        return ODD.get(name) or UNDECODED.get(self.files[name]["format"], "ok")


class MiniWebTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.web = MiniWeb()
        cls.enterClassContext(cls.web)
        cls.oracle = Oracle(cls.web.tree)
        cls.folder = tempfile.mkdtemp(prefix="winnow-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.urls = [normalised(row["resolved_url"]) for row in table("pairs.tsv.gz") if row["resolved_url"].startswith(("http://", "https://"))]
        subprocess.run([make.WINNOW, "fetch", "--from-web", f"--user-agent={AGENT}", f"--proxy=http://127.0.0.1:{cls.web.port}", "--rate=0",
                        "--per-host=8", "--retries=0", "--plain-input", "-q", "-o", os.path.join(cls.folder, "out", ""), "-"],
                       input=rows_of(cls.urls), check=True, timeout=300)
        cls.rows, cls.dropped = cls.view("00000.rows.zst"), cls.view("00000.dropped.zst")

    @classmethod
    def view(cls, name):
        return parse(subprocess.run([make.WINNOW, "view", "--plain", os.path.join(cls.folder, "out", name)], stdout=subprocess.PIPE, check=True).stdout)

    def test_every_status_is_what_lies_in_the_tree(self):
        got = {int(row["src_record"]): row.get("rule", "").removeprefix("fetch.") or row["status"] for row in self.rows + self.dropped}
        self.assertEqual(sorted(got), list(range(len(self.urls))))
        expected = {i: self.oracle(url) for i, url in enumerate(self.urls)}
        different = {self.urls[i]: (got[i], expected[i]) for i in got if got[i] != expected[i]}
        self.assertEqual(different, {})
        self.assertGreater(collections.Counter(expected.values())["ok"], 900)

    def test_every_picture_is_the_files(self):
        for row in self.rows:
            known = self.oracle.files[self.oracle.file_of(row["url"])]
            self.assertEqual((row["bytes"], row["sha256"][:16]), (known["bytes"], known["sha256_16"]), row["url"])
            if known["width"] != "0":  # Pillow refused it
                self.assertEqual((row["width"], row["height"]), (known["width"], known["height"]), row["url"])

    def test_each_url_is_asked_for_once_and_none_that_robots_txt_forbids(self):
        asked = collections.Counter(url for method, url, _ in self.web.asked() if method == "GET")
        self.assertEqual({url: n for url, n in asked.items() if n > 1}, {})
        self.assertEqual([url for url in asked if not self.oracle.may_ask(url)], [])
        self.assertEqual(len(asked), len({url for url in self.urls if self.oracle(url) not in ("robots", "robots_unreachable", "bad_url")})
                         + len({urllib.parse.urlsplit(url).netloc for url in self.urls if url.startswith("http:")}))

    def test_causes_are_counted(self):
        with open(os.path.join(self.folder, "out", "00000.json")) as file:
            manifest = json.load(file)
        self.assertEqual(sum(manifest["counts"].values()), len(self.dropped))
        self.assertEqual(manifest["rows"], {"read": len(self.urls), "written": len(self.rows), "dropped": len(self.dropped)})
        self.assertEqual(manifest["web"]["retries"], 0)


if __name__ == "__main__":
    unittest.main()
