"""winnow get: samples printed, laid down and streamed; only what is needed is read; SQL that people type does no harm."""

import io
import json
import os
import sqlite3
import subprocess
import tarfile
import unittest

from tests.e2e.made_samples import EXTENSIONS, WINNOW, Corpus, InFolder, contents, escape, samples_of, winnow


class Get(InFolder):
    COMPRESS = "zstd"

    def setUp(self):
        super().setUp()
        self.corpus = Corpus(self.folder, 90, size=40000)
        self.winnow("shard", "-q", "--plain-input", "--samples", 40, "--compress", self.COMPRESS, "-o", "shards/", "rows.tsv")
        self.winnow("index", "-q", "shards.meta/00000.json")

    def get(self, *arguments, **more):
        return self.winnow("get", *arguments, **more)


class PrintedAndLaidDown(Get):
    def test_rows_are_printed_as_row_files_have_them(self):
        lines = self.get("--where", "width < 350", "--columns", "id,text,width,sim_l14,mine").stdout.decode().split("\n")
        self.assertEqual(lines[0], "id\ttext\twidth\tsim_l14\tmine")
        expected = ["\t".join([r["id"], escape(r["text"]), r["width"], r["sim_l14"], r["mine"]])
                    for r in self.corpus.rows if int(r["width"]) < 350]
        self.assertEqual(lines[1:], expected + [""])

    def test_ids_and_keys_name_samples_in_the_order_of_keys(self):
        pair = self.corpus.rows[41]["id"]
        lines = self.get("0000203", pair.upper(), "0000005", pair, "--columns", "key").stdout.decode().split()
        self.assertEqual(lines, ["key", "0000005", "0000101", "0000203"])

    def test_lists_name_samples_too(self):
        with open(self.path("ids"), "w", encoding="utf-8") as out:
            out.writelines(self.corpus.rows[i]["id"] + "\n" for i in (3, 8))
        self.assertEqual(len(self.get("@ids").stdout.splitlines()), 3)
        with open(self.path("ids"), "rb") as ids:
            self.assertEqual(len(self.get("-", stdin=ids.read()).stdout.splitlines()), 3)

    def test_what_is_not_there_is_named_and_the_rest_comes(self):
        done = self.get("f" * 32, "0000001", "--columns", "key", expect=1)
        self.assertEqual(done.stdout.split(), [b"key", b"0000001"])
        self.assertIn("f" * 32 + ": not in the corpus", done.error)

    def test_members_are_laid_into_a_folder(self):
        self.get("0000102", "-o", "here/")
        row = self.corpus.rows[42]
        files = contents(self.path("here"))
        extension = EXTENSIONS[row["stored"]]
        self.assertEqual(set(files), {f"0000102.{e}" for e in (extension, "json", "txt")})
        self.assertEqual(files[f"0000102.{extension}"], self.corpus.picture(row))
        done = self.get("0000102", "-o", "here/", expect=2)
        self.assertIn("--force", done.error)
        self.get("0000102", "-o", "here/", "--force")

    def test_all_columns_are_printed_when_none_are_named(self):
        head = self.get("0000001").stdout.decode().split("\n")[0].split("\t")
        db = sqlite3.connect(self.path("index.sqlite"))
        self.assertEqual(head, [row[1] for row in db.execute("PRAGMA table_info(samples)")])

    def test_no_sample_is_a_header_line(self):
        self.assertEqual(self.get("--where", "0", "--columns", "key,url").stdout, b"key\turl\n")

    def test_unknown_columns_are_refused(self):
        self.assertIn("'nosuch'", self.get("0000001", "--columns", "nosuch", expect=2).error)
        self.assertIn("nosuch", self.get("--where", "nosuch = 1", expect=2).error)


class Streamed(Get):
    def test_a_stream_has_the_members_as_the_shards_have_them(self):
        done = self.get("--where", "number % 7 = 1", "--tar")
        all_samples = {}
        for name in sorted(os.listdir(self.path("shards"))):
            all_samples.update(samples_of(self.path("shards", name)))
        with open(self.path("stream"), "wb") as out:
            out.write(done.stdout)
        streamed = samples_of(self.path("stream"))
        self.assertEqual(streamed, {key: s for key, s in all_samples.items() if int(key) % 7 == 1})
        self.get("--where", "number % 7 = 1", "-o", "some.tar")
        with open(self.path("some.tar"), "rb") as file:
            self.assertEqual(file.read(), done.stdout)

    def test_nothing_wanted_is_an_empty_tar(self):
        with tarfile.open(fileobj=io.BytesIO(self.get("--where", "0", "--tar").stdout)) as tar:
            self.assertEqual(tar.getnames(), [])

    def test_a_reader_that_goes_away_is_no_failure(self):
        for options in (["--tar"], ["--columns", "id"]):
            run = subprocess.Popen([WINNOW, "get", "--where", "1", *options], cwd=self.folder, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
            run.stdout.read(10)
            run.stdout.close()
            error = run.stderr.read()
            run.stderr.close()
            self.assertEqual((run.wait(), error), (0, b""))

    def test_damage_elsewhere_in_the_shard_does_not_matter(self):
        wanted = samples_of(self.path("shards/00000.tar.zst"))["0000001"]
        with open(self.path("shards/00000.tar.zst"), "r+b") as file:
            file.seek(os.path.getsize(self.path("shards/00000.tar.zst")) * 7 // 8)
            file.write(bytes(5000))
        done = self.get("0000001", "--tar")
        with open(self.path("stream"), "wb") as out:
            out.write(done.stdout)
        self.assertEqual(samples_of(self.path("stream"))["0000001"], wanted)


class FromGzip(Get):
    COMPRESS = "gzip"

    def test_samples_come_out_of_gzip_too(self):
        lines = self.get("0000001", "0000139", "-o", "here/")
        self.assertEqual(lines.stdout, b"")
        self.assertEqual(len(contents(self.path("here"))), 6)


class HostileSqlAndIndexes(Get):
    def test_sql_can_only_read(self):
        before = contents(self.folder)
        for sql in ("1); DELETE FROM samples; --", "1); ATTACH 'x' AS y; SELECT (1", "load_extension('x')", "readfile('/etc/passwd')",
                    "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n)",
                    "(SELECT file FROM pragma_database_list)", "1 --", "\"width\" > \"nosuch\"", "(" * 200 + "1" + ")" * 200,
                    "1 OR " * 20000 + "1", "'", "1;"):
            with self.subTest(sql[:40]):
                done = self.get("--where", sql, "--columns", "key", expect=0 if sql == "1 --" else 2)
                self.assertNotIn("/etc", done.stdout.decode())
        self.assertEqual(contents(self.folder), before)

    def change_index(self, sql):
        db = sqlite3.connect(self.path("index.sqlite"))
        db.execute("PRAGMA foreign_keys = OFF")
        db.executescript(sql)
        db.commit()
        db.close()

    def test_an_index_cannot_lead_out_of_the_folders(self):
        with open(self.path("secret.tar"), "wb") as out:
            out.write(bytes(10240))
        self.change_index("UPDATE shards SET name = '../secret.tar' WHERE shard = 0")
        self.assertIn("bare", self.get("0000001", "--tar", expect=1).error)
        self.change_index("UPDATE shards SET name = '00000.tar.zst' WHERE shard = 0; UPDATE samples SET key = '../x' WHERE number = 1")
        self.assertIn("should be", self.get("--where", "number = 1", "-o", "here/", expect=1).error)

    def test_wrong_places_in_the_shard_are_told(self):
        for column, value in (("sample_offset", 512), ("sample_offset", 10 ** 12), ("sample_length", 7), ("sample_length", 1 << 40),
                              ("sample_length", 0), ("sample_offset", -512), ("shard", 77)):
            with self.subTest(column=column, value=value):
                self.change_index(f"UPDATE samples SET {column} = {value} WHERE number = 1")
                done = self.get("--where", "number = 1", "--tar", expect=1)
                self.assertNotEqual(done.error, "")

    def test_other_files_are_no_index(self):
        for name, make in (("text", lambda p: open(p, "w", encoding="utf-8").write("hello" * 300)),
                           ("other", lambda p: sqlite3.connect(p).executescript("CREATE TABLE samples(number); SELECT 1"))):
            make(self.path(name))
            self.assertIn(name, self.get(name, "0000001", expect=1 if name == "text" else 2).error)
        self.assertIn("'nowhere'", self.get("nowhere", "0000001", expect=2).error)
        os.mkdir(self.path("bare"))
        self.assertIn("bare/index.sqlite: not there: 'winnow index' makes it", winnow("get", "bare", "0000001", expect=1, cwd=self.folder).error)
        self.assertIn("nowhere: no such folder or index", winnow("get", "nowhere", expect=1, cwd=self.path("bare")).error)
        self.change_index("PRAGMA user_version = 99")
        self.assertIn("version 99", self.get("0000001", expect=2).error)


if __name__ == "__main__":
    unittest.main()
