"""The demo's shards in the hands of webdataset, Hugging Face datasets, GNU tar, bsdtar, zstd and python's tarfile; and
README's own lines."""

import os
import re
import shutil
import subprocess
import tarfile
import unittest

import datasets
import webdataset
from PIL import Image

from tests.interop.demo_shards import PER_SHARD, ROOT, Shards


class WebDataset(Shards):
    def test_plain_tars(self):
        self.check(webdataset.WebDataset(self.shards("none"), shardshuffle=False))

    def test_braces_find_all_shards(self):
        last = os.path.basename(self.shards("none")[-1])[:5]
        pattern = os.path.join(self.folder, "none/shards/{00000.." + last + "}.tar")
        self.check(webdataset.WebDataset(pattern, shardshuffle=False))

    def test_zstd_through_a_pipe(self):
        self.check(webdataset.WebDataset([f"pipe:zstd -dcq {path}" for path in self.shards("zstd")], shardshuffle=False))

    def test_gzip(self):
        self.check(webdataset.WebDataset(self.shards("gzip"), shardshuffle=False))

    def test_decoding(self):
        for sample in webdataset.WebDataset(self.shards("none"), shardshuffle=False).decode("pil"):
            self.assertEqual(sample["json"]["id"], self.rows[sample["__key__"]]["id"])
            self.assertIsInstance(sample["jpg"], Image.Image)


class HuggingFace(Shards):
    def test_streaming_keeps_all_samples_and_types(self):
        stream = datasets.load_dataset("webdataset", data_files=self.shards("none"), split="train", streaming=True)
        self.check(({"__key__": s["__key__"], "jpg": s["jpg"], "txt": s["txt"]} for s in stream))
        self.assertEqual(stream.features["json"]["original_width"].dtype, "int64")


class Archivers(Shards):
    def names(self, command, **more):
        return subprocess.run(command, capture_output=True, check=True, **more).stdout.decode().split()

    def expected(self, shard):
        return [f"{shard:05d}{i:02d}.{e}" for i in range(min(PER_SHARD, len(self.rows) - shard * PER_SHARD))
                for e in ("jpg", "json", "txt")]

    def test_gnu_tar_and_zstd(self):
        self.assertEqual(self.names(["tar", "tf", self.shards("none")[0]]), self.expected(0))
        self.assertEqual(self.names(["tar", "--zstd", "-tf", self.shards("zstd")[1]]), self.expected(1))
        self.assertEqual(self.names(["tar", "tzf", self.shards("gzip")[0]]), self.expected(0))
        subprocess.run(["zstd", "-tq", *self.shards("zstd")], check=True)

    def test_bsdtar(self):
        if not shutil.which("bsdtar"):
            self.skipTest("bsdtar is not installed (libarchive-tools)")
        for kind in ("none", "zstd", "gzip"):
            self.assertEqual(self.names(["bsdtar", "tf", self.shards(kind)[0]]), self.expected(0))

    def test_pythons_tarfile(self):
        for kind, mode in (("none", "r|"), ("gzip", "r|gz"), ("none", "r:"), ("gzip", "r|*")):
            with tarfile.open(self.shards(kind)[0], mode) as tar:
                self.assertEqual([member.name for member in tar], self.expected(0))


class Readme(Shards):
    def test_its_lines_load_samples(self):
        with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
            lines = re.findall(r"^ +((?:webdataset|datasets)\..*)$", file.read(), re.M)
        self.assertGreaterEqual(len(lines), 2)
        for line in lines:
            out = os.path.join(self.folder, "zstd" if ".zst" in line else "gzip" if ".gz" in line else "none")
            loaded = eval(line.replace("OUT", out), {"webdataset": webdataset, "datasets": datasets})
            self.assertGreaterEqual(sum(1 for _ in loaded), PER_SHARD, line)


if __name__ == "__main__":
    unittest.main()
