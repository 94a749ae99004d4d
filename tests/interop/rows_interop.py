"""Row files in the hands of pandas and DuckDB, by FORMAT.md's own lines, from a file in which every text begins with a quote;
DuckDB's parquet into `import`, by the line of its --help; and the folder of embeddings, as clip-retrieval's index reads it."""

import os
import re
import subprocess
import unittest

import duckdb
import numpy

from tests.e2e import make
from tests.e2e.format_test import InFolder, one_liners

WINNOW = os.environ["WINNOW"]


class Lines(InFolder):
    def run_line(self, program):
        lines = [line for line in one_liners() if re.search(rf"\b{program}\b", line)]
        self.assertEqual(len(lines), 1, lines)
        done = subprocess.run(["bash", "-c", lines[0]], cwd=self.folder, capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.decode()

    def test_pandas_reads_every_row(self):
        texts = self.quoted_rows()
        self.assertIn(f"[{len(texts)} rows x", self.run_line("pandas"))

    def test_duckdb_counts_every_row(self):
        texts = self.quoted_rows()
        self.assertIn(str(len(texts)), self.run_line("duckdb"))


class Parquet(InFolder):
    def test_a_parquet_list_becomes_rows(self):
        pairs = [(f"http://example.org/{i}.jpg", f'"quoted", with commas\nand lines {i}') for i in range(1000)]
        base = duckdb.connect()
        base.execute("CREATE TABLE pairs (URL VARCHAR, TEXT VARCHAR)")
        base.executemany("INSERT INTO pairs VALUES (?, ?)", pairs)
        base.execute(f"COPY pairs TO '{self.folder}/part.parquet' (FORMAT parquet)")
        help_text = " ".join(subprocess.run([WINNOW, "import", "--help"], capture_output=True, check=True).stdout.decode().split())
        line = re.search(r"duckdb -c .*? TEXT -|duckdb -c .*?text=TEXT -", help_text).group(0).replace("| winnow", f"| {WINNOW}")
        done = subprocess.run(["bash", "-c", line + " -o rows.rows.zst"], cwd=self.folder, capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        shown = subprocess.run([WINNOW, "view", "--columns", "url,text", "rows.rows.zst"], cwd=self.folder, capture_output=True, check=True)
        expected = [f"{url}\t" + text.replace("\n", " ") for url, text in pairs]
        self.assertEqual(shown.stdout.decode().splitlines()[1:], expected)


class Embeddings(make.InFolder):
    """img_emb, text_emb, metadata: rows of one are rows of the others."""

    def test_the_folder_agrees_with_the_rows(self):
        self.write("crawl.warc.gz", make.crawl(30))
        self.winnow("extract", "-o", "1/", "crawl.warc.gz")
        self.winnow("fetch", "--from-warc", "crawl.warc.gz", "-o", "2/", "1/00000.rows.zst")
        tiny = os.path.join(make.ROOT, "tests/data/clip-tiny")
        self.winnow("score", "--model", tiny, "--classes", "laion_age", "--embeddings", "emb", "-o", "3/", "2/00000.rows.zst")
        rows = self.view("3/00000.rows.zst")
        images, texts = (numpy.load(self.path(f"emb/{kind}_emb/{kind}_emb_0.npy")) for kind in ("img", "text"))
        self.assertEqual((images.dtype, images.shape, texts.shape), (numpy.float16, (len(rows), 12), (len(rows), 12)))
        table = duckdb.sql(f"SELECT * FROM '{self.path('emb/metadata/metadata_0.parquet')}'")
        found = [dict(zip(table.columns, row)) for row in table.fetchall()]
        self.assertEqual([row["caption"] for row in found], [make.unescape(row["text"]) for row in rows])
        self.assertEqual([row["image_path"] for row in found], [row["id"] for row in rows])
        for name in set(found[0]) & set(rows[0]):
            for cell, row in zip(found, rows, strict=True):
                expected = make.unescape(row[name])
                self.assertEqual(cell[name], None if expected == "" else type(cell[name])(expected), name)
        for row, image, text in zip(found, images.astype(float), texts.astype(float), strict=True):
            self.assertAlmostEqual(row["sim_clip_tiny"], image @ text, delta=2e-3)


if __name__ == "__main__":
    unittest.main()
