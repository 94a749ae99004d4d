"""winnow fetch --from-web on the mini web: every picture that its pages show, and what became of it, against the tree itself."""

import collections
import json
import os
import shutil
import subprocess
import tempfile
import unittest
import urllib.parse

from tests.e2e import make
from tests.e2e.fetch_http_test import parse, rows_of
from tests.e2e.miniweb_facts import Oracle, normalised, table
from tests.e2e.servers.miniweb import MiniWeb

AGENT = "probe/1.0 (+https://example.org/probe)"
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
        self.assertEqual(len(asked), len({url for url in self.urls if self.oracle(url) not in ("robots", "robots_unreachable", "proxy", "bad_url")})
                         + self.notices())

    def notices(self):
        """robots.txt of every host, tdmrep.json and ai.txt of those of which some picture may be asked for."""
        plain = {url for url in self.urls if url.startswith("http:")}
        hosts = [{urllib.parse.urlsplit(url).netloc for url in urls}
                 for urls in (plain, [url for url in plain if self.oracle(url) not in ("robots", "robots_unreachable", "bad_url")])]
        return len(hosts[0]) + 2 * len(hosts[1])

    def test_causes_are_counted(self):
        with open(os.path.join(self.folder, "out", "00000.json")) as file:
            manifest = json.load(file)
        self.assertEqual(sum(manifest["counts"].values()), len(self.dropped))
        self.assertEqual(manifest["rows"], {"read": len(self.urls), "written": len(self.rows), "dropped": len(self.dropped)})
        self.assertEqual(manifest["web"]["retries"], 0)


if __name__ == "__main__":
    unittest.main()
