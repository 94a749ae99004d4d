"""Pictures of the mini web as a tar shard, and what score makes of them: for networks whose answers another implementation gave.

    shard([("0000", {"jpg": ..., "json": ...})])     the bytes of a tar
    pictures(names)                                  {name: bytes} of files of the mini web; SkipTest without the shared data
"""
import csv
import io
import json
import os
import subprocess
import tarfile
import unittest

from tests.e2e import make

SHARED = os.environ.get("WINNOW_SHARED", os.path.join(make.ROOT, "..", "shared"))
TINY = os.path.join(make.ROOT, "tests/data/clip-tiny")


def shard(samples):
    """A tar of (key, {extension: bytes})."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for key, members in samples:
            for extension, data in members.items():
                about = tarfile.TarInfo(f"{key}.{extension}")
                about.size = len(data)
                tar.addfile(about, io.BytesIO(data))
    return out.getvalue()


def extension(picture):
    """By magic bytes: files of the web are not always what they are called."""
    known = ((b"\x89PNG", "png"), (b"GIF8", "gif"), (b"RIFF", "webp"), (b"\xff\xd8", "jpg"))
    return next((e for magic, e in known if picture.startswith(magic)), "avif")


def pictures(names):
    tar = os.path.join(SHARED, "data/miniweb/miniweb.tar.zst")
    if not os.path.exists(tar):
        raise unittest.SkipTest("the shared data are not here")
    unpacked = subprocess.run(["zstd", "-dcq", tar], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(unpacked)) as web:
        return {name: web.extractfile(name).read() for name in names}


@unittest.skipIf(os.environ.get("WINNOW_VARIANT"), "how good it is does not depend on sanitizers, and takes minutes under them")
class WebPictures(make.InFolder):
    def vectors(self, name):
        """What another implementation gave for pictures of the web: rows of tests/data/NAME/vectors.tsv."""
        with open(os.path.join(make.ROOT, f"tests/data/{name}/vectors.tsv"), encoding="utf-8") as file:
            return [r for r in csv.DictReader(file, delimiter="\t") if not r["picture"].startswith("pattern:")]

    def score_pictures(self, names, *options):
        """The rows that score gives for these pictures, in their order."""
        web = pictures(names)
        self.write("web.tar", shard([(f"{i:04d}", {
            extension(web[name]): web[name],
            "json": json.dumps({"url": f"http://example.org/{name}", "caption": "a picture"}).encode()}) for i, name in enumerate(names)]))
        self.winnow("import", "--shards", "-o", "1/", "web.tar")
        self.winnow("score", "--model", TINY, *options, "-o", "2/", "--packs", ".", "1/00000.rows.zst")
        rows = self.view("2/00000.rows.zst")
        self.assertEqual(len(rows), len(names))
        return rows
