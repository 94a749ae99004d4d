"""Row files in the hands of pandas and DuckDB, by FORMAT.md's own lines, from a file in which every text begins with a quote;
and DuckDB's parquet into `import`, by the line of its --help."""

import os
import re
import subprocess
import unittest

import duckdb

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


if __name__ == "__main__":
    unittest.main()
