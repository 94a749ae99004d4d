"""The demo's crawl as shards of each kind, and what must come out of them; shared by the tests beside."""

import glob
import io
import os
import shutil
import subprocess
import tempfile
import unittest

from PIL import Image

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WINNOW = os.path.abspath(os.environ.get("WINNOW", os.path.join(ROOT, "winnow")))
CRAWL = os.path.join(ROOT, "tests/data/demo/demo.warc.gz")
PER_SHARD = 100


def winnow(*arguments, cwd, stdin=None):
    done = subprocess.run([WINNOW, *arguments], cwd=cwd, input=stdin, capture_output=True)
    if done.returncode:
        raise AssertionError(f"winnow {' '.join(arguments)}: exit {done.returncode}: {done.stderr.decode()}")
    return done.stdout


class Shards(unittest.TestCase):
    """The demo's crawl as shards of each kind, and what its rows say."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="winnow-interop-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        rows = winnow("extract", "-q", CRAWL, cwd=cls.folder)
        rows = winnow("fetch", "-q", "--from-warc", CRAWL, cwd=cls.folder, stdin=rows)
        for kind in ("none", "zstd", "gzip"):
            winnow("shard", "-q", "--samples", str(PER_SHARD), "--compress", kind, "-o", f"{kind}/shards/", "--packs", "packs",
                   cwd=cls.folder, stdin=rows)
        rows = winnow("view", "--plain", "none/shards.meta/00000.rows.zst", cwd=cls.folder).decode().split("\n")[:-1]
        header = rows[0].split("\t")
        cls.rows = {r["key"]: r for r in (dict(zip(header, line.split("\t"))) for line in rows[1:])}
        assert len(cls.rows) > 150, len(cls.rows)

    def shards(self, kind):
        return sorted(glob.glob(os.path.join(self.folder, kind, "shards", "*")))

    def check(self, samples, picture=lambda sample: sample.get("jpg"), text=lambda sample: sample["txt"]):
        """Every sample once, in order, with its picture and its text."""
        keys = []
        for sample in samples:
            row = self.rows[sample["__key__"]]
            keys.append(sample["__key__"])
            caption = text(sample)
            self.assertEqual(caption.decode() if isinstance(caption, bytes) else caption, row["text"])
            shown = picture(sample)
            size = Image.open(io.BytesIO(shown)).size if isinstance(shown, bytes) else shown.size
            self.assertEqual(size, (int(row["stored_width"]), int(row["stored_height"])))
        self.assertEqual(keys, sorted(self.rows))
