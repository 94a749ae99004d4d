"""winnow index: that the index says what lies in the shards and what the manifests say, whatever the number of tasks."""

import io
import json
import os
import sqlite3
import tarfile
import unittest

from tests.e2e.made_samples import Corpus, InFolder, contents, read_rows, unpack

SCHEMA = os.path.join(os.path.dirname(__file__), "../../schemas/index.sql")


class RunByHand(InFolder):
    """A run by hand: filter, then shard, in the folders that a run has; with any number of tasks."""

    def setUp(self):
        super().setUp()
        self.corpus = Corpus(self.folder, 180)
        self.rows = self.corpus.own_rows()

    def make(self, out, tasks=1, *index_options, shard_options=()):
        for task in range(tasks):
            self.winnow("filter", "-q", "--rule", "long_text text.chars min=10", "--task", f"{task}/{tasks}", "-o",
                        f"{out}/01-filter/", self.rows)
        kept = [f"{out}/01-filter/{task:05d}.rows.zst" for task in range(tasks)]
        for task in range(tasks):
            self.winnow("shard", "-q", "--samples", 20, "--packs", "packs", *shard_options, "--task", f"{task}/{tasks}", "-o",
                        f"{out}/shards/", *kept)
        self.winnow("index", "-q", *index_options, out)

    def ask(self, out, sql, *values):
        db = sqlite3.connect(f"file:{self.path(out, 'index.sqlite')}?mode=ro", uri=True)
        try:
            return db.execute(sql, values).fetchall()
        finally:
            db.close()


class WhatTheIndexSays(RunByHand):
    def test_each_sample_lies_where_the_index_says(self):
        self.make("out")
        rows = self.ask("out", "SELECT shard, key, sample_offset, sample_length, id, text, stored FROM samples ORDER BY number")
        kept = [row for row in self.corpus.rows if len(row["text"]) >= 10]
        self.assertEqual([row[4] for row in rows], [row["id"] for row in kept])
        tars = {}
        for shard, key, offset, length, pair, text, _ in rows:
            if shard not in tars:
                (name,), = self.ask("out", "SELECT name FROM shards WHERE shard = ?", shard)
                with open(self.path("out/shards", name), "rb") as file:
                    tars[shard] = unpack(file.read())
            with tarfile.open(fileobj=io.BytesIO(tars[shard][offset:offset + length] + bytes(1024))) as tar:
                members = {m.name.split(".")[1]: tar.extractfile(m).read() for m in tar if m.name.split(".")[0] == key}
            self.assertEqual(len(members), 3)
            self.assertEqual(members["txt"].decode(), text)
            self.assertEqual(json.loads(members["json"])["id"], pair)

    def test_all_columns_of_the_rows_are_there_with_their_types(self):
        self.make("out")
        names = [row[1] for row in self.ask("out", "PRAGMA table_info(samples)")]
        rows = read_rows(self.path("out/shards.meta/00000.rows.zst"))
        self.assertEqual(set(names), set(rows[0]) | {"number"})
        types = self.ask("out", "SELECT DISTINCT typeof(width), typeof(url), typeof(src_file) FROM samples")
        self.assertEqual(types, [("integer", "text", "integer")])
        scores = self.ask("out", "SELECT DISTINCT typeof(sim_l14) FROM samples ORDER BY 1")
        self.assertEqual(scores, [("null",), ("real",)])

    def test_rules_counts_and_removed_rows_agree(self):
        self.make("out", 1, "--removed", "rows")
        short = [row for row in self.corpus.rows if len(row["text"]) < 10]
        (rule, removed, alone, name, parameters), = self.ask("out", "SELECT rule, removed, alone, filter, parameters FROM rules")
        self.assertEqual((rule, removed, alone, name), ("long_text", len(short), len(short), "text.chars"))
        self.assertEqual(json.loads(parameters)["min"], "10")
        gone = self.ask("out", "SELECT id, measured, rule, step FROM removed ORDER BY removal")
        self.assertEqual(gone, [(row["id"], str(len(row["text"])), "long_text", 1) for row in short])
        counts = dict(self.ask("out", "SELECT name, value FROM counts WHERE step = 1"))
        self.assertEqual(counts["rows_read"], counts["rows_written"] + counts["rows_dropped"])
        self.assertEqual(self.ask("out", "SELECT name, stage FROM stages ORDER BY step"), [("01-filter", "filter"), ("shards", "shard")])

    def test_a_sample_of_removed_rows_is_a_part_chosen_by_place(self):
        self.make("out", 1, "--removed", "rows")
        everything = {row[0] for row in self.ask("out", "SELECT id FROM removed")}
        self.winnow("index", "-q", "--removed", "sample:5", "out")
        five = [row[0] for row in self.ask("out", "SELECT id FROM removed ORDER BY removal")]
        self.winnow("index", "-q", "--removed", "sample:7", "out")
        seven = [row[0] for row in self.ask("out", "SELECT id FROM removed ORDER BY removal")]
        self.assertEqual((len(five), len(seven)), (5, 7))
        self.assertLessEqual(set(five), set(seven))
        self.assertLessEqual(set(seven), everything)
        self.winnow("index", "-q", "--removed", "counts", "out")
        self.assertEqual(self.ask("out", "SELECT count(*) FROM removed"), [(0,)])
        self.assertGreater(self.ask("out", "SELECT removed FROM rules")[0][0], 7)

    def test_the_bytes_do_not_depend_on_tasks(self):
        for options in ((), ("--shuffle", 3, "--shuffle-block", 40)):
            self.make(f"one{len(options)}", 1, "--removed", "sample:6", shard_options=options)
            self.make(f"five{len(options)}", 5, "--removed", "sample:6", shard_options=options)
            one, five = contents(self.path(f"one{len(options)}")), contents(self.path(f"five{len(options)}"))
            self.assertEqual(one["index.sqlite"], five["index.sqlite"])
            self.assertEqual(one["shards.meta/sizes.json"], five["shards.meta/sizes.json"])

    def test_loaders_indexes_of_many_tasks_know_all_shards(self):
        self.make("out", 4, shard_options=["--compress", "none"])
        names = sorted(os.listdir(self.path("out/shards")))
        self.assertEqual(sorted(self.json("out/shards.meta/sizes.json")), names)
        self.assertEqual([s["url"] for s in self.json("out/shards.meta/wids.json")["shardlist"]], [f"../shards/{n}" for n in names])

    def test_the_tables_are_those_of_the_schema(self):
        self.make("out")
        with open(SCHEMA, encoding="utf-8") as file:
            declared = sqlite3.connect(":memory:")
            declared.executescript(file.read())
        tables = declared.execute("SELECT name FROM sqlite_schema ORDER BY name").fetchall()
        self.assertEqual(self.ask("out", "SELECT name FROM sqlite_schema ORDER BY name"), tables)
        self.assertEqual(self.ask("out", "PRAGMA user_version"), declared.execute("PRAGMA user_version").fetchall())
        self.assertEqual(self.ask("out", "PRAGMA foreign_key_check"), [])
        for (table,) in tables:
            columns = [row[1:3] for row in declared.execute(f"PRAGMA table_info({table})")]
            self.assertEqual([row[1:3] for row in self.ask("out", f"PRAGMA table_info({table})")][:len(columns)], columns)

    def test_a_corpus_moved_elsewhere_is_still_found(self):
        self.make("out")
        os.rename(self.path("out"), self.path("elsewhere"))
        done = self.winnow("get", "elsewhere", "--where", "number < 3", "--tar")
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
            self.assertEqual(len(tar.getnames()), 9)

    def test_manifests_by_name_make_the_same_tables(self):
        self.make("out")
        self.winnow("index", "-q", "-o", "other.sqlite", "out/01-filter/00000.json", "out/shards.meta/00000.json")
        db = sqlite3.connect(self.path("other.sqlite"))
        self.assertEqual(db.execute("SELECT name, stage FROM stages").fetchall(), [("01-filter", "filter"), ("shards.meta", "shard")])
        self.assertEqual(db.execute("SELECT value FROM corpus WHERE name = 'shards'").fetchall(), [("out/shards",)])
        for table in ("samples", "removed", "rules", "counts", "inputs"):
            self.assertEqual(db.execute(f"SELECT * FROM {table}").fetchall(), self.ask("out", f"SELECT * FROM {table}"))


class BadInput(RunByHand):
    def test_a_missing_or_changed_shard_is_named(self):
        self.make("out")
        before = contents(self.path("out"))["index.sqlite"]
        with open(self.path("out/shards/00001.tar.zst"), "ab") as file:
            file.write(b"x")
        self.assertIn("00001.tar.zst", self.winnow("index", "out", expect=1).error)
        os.remove(self.path("out/shards/00001.tar.zst"))
        self.assertIn("00001.tar.zst", self.winnow("index", "out", expect=1).error)
        self.assertEqual(contents(self.path("out"))["index.sqlite"], before)

    def test_a_damaged_manifest_is_named_and_nothing_is_left(self):
        self.make("out")
        os.remove(self.path("out/index.sqlite"))
        with open(self.path("out/01-filter/00000.json"), "r+b") as file:
            file.seek(30)
            file.write(b"#")
        self.assertIn("01-filter/00000.json", self.winnow("index", "out", expect=1).error)
        self.assertEqual([n for n in os.listdir(self.path("out")) if n.startswith("index")], [])

    def test_an_empty_folder_is_no_run(self):
        os.mkdir(self.path("none"))
        self.assertIn("no manifest", self.winnow("index", "none", expect=1).error)
        self.winnow("index", "nowhere", expect=1)
        self.winnow("index", expect=2)

    def test_an_unknown_choice_of_removed_rows_is_refused(self):
        for choice in ("some", "sample", "sample:x", "rows:3", "counts:1", ""):
            self.assertIn("--removed", self.winnow("index", "--removed", choice, "none", expect=2).error)


if __name__ == "__main__":
    unittest.main()
