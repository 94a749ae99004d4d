"""winnow shard: what lies in the shards, that nothing but rows and options decides it, and what bad input does."""

import io
import json
import os
import re
import resource
import struct
import subprocess
import tarfile
import unittest

from tests.e2e.made_samples import (EXTENSIONS, WINNOW, Corpus, InFolder, contents, frames_of, read_rows, samples_of, unpack, winnow)

SCHEMA = os.path.join(os.path.dirname(__file__), "../../schemas/sample.schema.json")
TYPES = {"string": str, "integer": int, "number": (int, float), "null": type(None), "object": dict}


def schema_faults(value, schema, where="$"):
    """What a value has against a JSON schema; of the keywords those that sample.schema.json uses."""
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    faults = []
    if types and not any(isinstance(value, TYPES[t]) and not (isinstance(value, bool)) for t in types):
        faults.append(f"{where}: {value!r} is no {types}")
    if "enum" in schema and value not in schema["enum"]:
        faults.append(f"{where}: {value!r} is none of {schema['enum']}")
    if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        faults.append(f"{where}: {value!r} does not match {schema['pattern']}")
    if isinstance(value, (int, float)) and value < schema.get("minimum", value):
        faults.append(f"{where}: {value} is too small")
    if isinstance(value, dict):
        faults += [f"{where}: {name} is missing" for name in schema.get("required", []) if name not in value]
        for name, inner in value.items():
            matching = [s for pattern, s in schema.get("patternProperties", {}).items() if re.search(pattern, name)]
            if name in schema.get("properties", {}):
                matching.append(schema["properties"][name])
            for one in matching or [schema.get("additionalProperties", {})]:
                faults += schema_faults(inner, one, f"{where}.{name}")
    return faults


class WhatLiesInAShard(InFolder):
    def setUp(self):
        super().setUp()
        self.corpus = Corpus(self.folder, 40)

    def shard(self, *options, **more):
        return self.winnow("shard", "--plain-input", *options, "-o", "shards/", "rows.tsv", **more)

    def test_a_row_becomes_picture_json_and_text(self):
        self.shard("--compress", "none")
        samples = samples_of(self.path("shards/00000.tar"))
        self.assertEqual(list(samples), [f"{i:09d}" for i in range(40)])
        for row, (key, sample) in zip(self.corpus.rows, samples.items()):
            extension = EXTENSIONS[row["stored"]]
            self.assertEqual(list(sample), sorted([extension, "json", "txt"]))
            self.assertEqual(sample[extension], self.corpus.picture(row))
            self.assertEqual(sample["txt"].decode(), row["text"])
            meta = json.loads(sample["json"])
            self.assertEqual((meta["caption"], meta["url"], meta["key"]), (row["text"], row["url"], key))
            self.assertEqual((meta["id"], meta["sha256"], meta["mine"]), (row["id"], row["sha256"], row["mine"]))
            self.assertEqual(meta["place"], ".".join(row[c] for c in ("src_file", "src_record", "src_image", "src_text")))
            self.assertEqual((meta["width"], meta["original_width"]), (128, int(row["width"])))
            self.assertEqual(meta["sim_l14"], float(row["sim_l14"]) if row["sim_l14"] else None)

    def test_json_is_laid_out_as_python_does_and_obeys_its_schema(self):
        self.shard("--compress", "none")
        with open(SCHEMA, encoding="utf-8") as file:
            schema = json.load(file)
        for sample in samples_of(self.path("shards/00000.tar")).values():
            meta = json.loads(sample["json"])
            self.assertEqual(json.dumps(meta, indent=4).encode(), sample["json"])
            self.assertEqual(schema_faults(meta, schema), [])

    def test_the_schema_finds_faults(self):
        with open(SCHEMA, encoding="utf-8") as file:
            schema = json.load(file)
        faults = schema_faults({"caption": None, "width": 0, "sim_x": "1", "mine": 3, "id": "short"}, schema)
        for name in ("caption", "width", "sim_x", "mine", "id", "place is missing"):
            self.assertTrue(any(name in fault for fault in faults), name)

    def test_members_are_plain_ustar_without_time_or_user(self):
        self.shard("--compress", "none")
        with tarfile.open(self.path("shards/00000.tar"), "r:") as tar:
            for member in tar:
                self.assertEqual((member.mtime, member.mode, member.uid, member.gid, member.uname, member.gname, member.pax_headers),
                                 (0, 0o444, 0, 0, "winnow", "winnow", {}))

    def test_the_folder_holds_tars_and_nothing_else(self):
        self.shard("--samples", 15)
        self.assertEqual(sorted(os.listdir(self.path("shards"))), ["00000.tar.zst", "00001.tar.zst", "00002.tar.zst"])
        self.assertEqual(sorted(os.listdir(self.path("shards.meta"))), ["00000.json", "00000.rows.zst", "sizes.json"])
        self.assertEqual(self.json("shards.meta/sizes.json"), {"00000.tar.zst": 15, "00001.tar.zst": 15, "00002.tar.zst": 10})

    def test_wids_finds_plain_tars_from_its_index(self):
        self.shard("--samples", 30, "--compress", "none")
        index = self.json("shards.meta/wids.json")
        self.assertEqual([s["nsamples"] for s in index["shardlist"]], [30, 10])
        for shard in index["shardlist"]:
            self.assertEqual(os.path.getsize(self.path("shards.meta", shard["url"])), shard["filesize"])

    def test_keys_begin_with_the_shard(self):
        self.shard("--samples", 15)
        keys = list(samples_of(self.path("shards/00002.tar.zst")))
        self.assertEqual(keys, [f"00002{i:02d}" for i in range(10)])

    def test_rows_say_where_their_sample_lies(self):
        self.shard("--samples", 15, "--compress", "none")
        rows = read_rows(self.path("shards.meta/00000.rows.zst"))
        self.assertEqual([r["id"] for r in rows], [r["id"] for r in self.corpus.rows])
        self.assertFalse({"image_pack", "image_offset", "image_length"} & set(rows[0]))
        for row in rows:
            with open(self.path(f"shards/{int(row['shard']):05d}.tar"), "rb") as file:
                file.seek(int(row["sample_offset"]))
                part = file.read(int(row["sample_length"]))
            with tarfile.open(fileobj=io.BytesIO(part + bytes(1024))) as tar:
                names = tar.getnames()
            self.assertEqual(len(names), 3)
            self.assertEqual({name.split(".")[0] for name in names}, {row["key"]})

    def test_the_manifest_names_every_output_with_its_size(self):
        self.shard("--samples", 15)
        manifest = self.json("shards.meta/00000.json")
        self.assertEqual(manifest["rows"], {"read": 40, "written": 40, "dropped": 0})
        outputs = {o["name"]: o for o in manifest["outputs"]}
        self.assertEqual(outputs["../shards/00002.tar.zst"]["rows"], 10)
        for name, output in outputs.items():
            self.assertEqual(os.path.getsize(self.path("shards.meta", name)), output["size"])


class Compression(InFolder):
    def setUp(self):
        super().setUp()
        self.corpus = Corpus(self.folder, 300, size=12000)
        for kind in ("none", "zstd", "gzip"):
            self.winnow("shard", "--plain-input", "--compress", kind, "-o", f"{kind}/", "rows.tsv")

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def test_all_kinds_hold_the_same_tar(self):
        tar = self.read("none/00000.tar")
        self.assertEqual(unpack(self.read("zstd/00000.tar.zst")), tar)
        self.assertEqual(unpack(self.read("gzip/00000.tar.gz")), tar)
        subprocess.run(["zstd", "-tq", self.path("zstd/00000.tar.zst")], check=True)

    def test_zstd_frames_hold_whole_samples(self):
        frames = frames_of(self.path("zstd/00000.tar.zst"))
        self.assertGreater(len(frames), 3)
        borders, at = set(), 0
        for _, bytes_ in frames:
            borders.add(at)
            at += bytes_
        self.assertEqual(at, len(self.read("none/00000.tar")))
        begins = {int(r["sample_offset"]) for r in read_rows(self.path("zstd.meta/00000.rows.zst"))}
        end = at - 1024
        self.assertLessEqual(borders - {end}, begins)

    def test_gzip_is_one_member_that_python_streams(self):
        with tarfile.open(self.path("gzip/00000.tar.gz"), "r|gz") as tar:
            self.assertEqual(sum(1 for _ in tar), 900)


class OnlyRowsAndOptionsDecide(InFolder):
    def setUp(self):
        super().setUp()
        self.corpus = Corpus(self.folder, 230, packs=3, size=8000)
        self.rows = self.corpus.own_rows()

    def run_shard(self, folder, *options):
        self.winnow("shard", "--samples", 20, *options, "-o", f"{folder}/", self.rows)
        return contents(self.path(folder)), contents(self.path(folder + ".meta"))

    def test_threads_and_memory_do_not(self):
        for kind in ("none", "zstd", "gzip"):
            for shuffle in ([], ["--shuffle", 5, "--shuffle-block", 100]):
                options = ["--compress", kind, *shuffle]
                first = self.run_shard("a", "-t", 1, *options)
                for more in (["-t", 2, "--memory", "1M"], ["-t", 7]):
                    shards, meta = self.run_shard("a", "--force", *more, *options)
                    self.assertEqual(shards, first[0])
                    self.assertEqual(meta, first[1])

    def test_tasks_do_not(self):
        for shuffle in ([], ["--shuffle", 5, "--shuffle-block", 60]):
            alone, meta = self.run_shard("a", "--force", *shuffle)
            for tasks in (2, 5, 40):
                for task in range(tasks):
                    self.winnow("shard", "--samples", 20, *shuffle, "--task", f"{task}/{tasks}", "-o", f"t{tasks}{len(shuffle)}/",
                                self.rows)
                self.assertEqual(contents(self.path(f"t{tasks}{len(shuffle)}")), alone)
                parts = [read_rows(self.path(f"t{tasks}{len(shuffle)}.meta/{task:05d}.rows.zst")) for task in range(tasks)]
                self.assertEqual(sum(parts, []), read_rows(self.path("a.meta/00000.rows.zst")))

    def test_a_pipe_gives_what_a_file_gives(self):
        from_file, _ = self.run_shard("a")
        with open(self.path(self.rows), "rb") as rows:
            self.winnow("shard", "--samples", 20, "-o", "b/", "--packs", "packs", stdin=rows.read())
        self.assertEqual(contents(self.path("b")), from_file)

    def test_a_second_run_finds_its_work_done(self):
        self.run_shard("a")
        again = self.winnow("shard", "--samples", 20, "-o", "a/", self.rows)
        self.assertIn("done already", again.error)


class Shuffle(InFolder):
    def order(self, *options):
        self.winnow("shard", "--plain-input", "--compress", "none", "--samples", 20, *options, "--force", "-o", "s/", "rows.tsv")
        urls = []
        for name in sorted(os.listdir(self.path("s"))):
            urls += [json.loads(s["json"])["url"] for s in samples_of(self.path("s", name)).values()]
        return urls

    def test_a_seed_permutes_inside_blocks_only(self):
        corpus = Corpus(self.folder, 110, size=300)
        rows = [row["url"] for row in corpus.rows]
        shuffled = self.order("--shuffle", 7, "--shuffle-block", 40)
        self.assertNotEqual(shuffled, rows)
        for begin in range(0, 110, 40):
            self.assertNotEqual(shuffled[begin:begin + 40], rows[begin:begin + 40])
            self.assertEqual(sorted(shuffled[begin:begin + 40]), sorted(rows[begin:begin + 40]))
        self.assertEqual(self.order("--shuffle", 7, "--shuffle-block", 40), shuffled)
        self.assertNotEqual(self.order("--shuffle", 8, "--shuffle-block", 40), shuffled)
        self.assertEqual(self.order(), rows)

    def test_the_samples_rows_rise_by_place_all_the_same(self):
        corpus = Corpus(self.folder, 110, size=300)
        self.order("--shuffle", 7, "--shuffle-block", 40)
        rows = read_rows(self.path("s.meta/00000.rows.zst"))
        self.assertEqual([r["id"] for r in rows], [r["id"] for r in corpus.rows])
        for row in rows[::9]:
            sample = samples_of(self.path("s", f"{int(row['shard']):05d}.tar"))[row["key"]]
            self.assertEqual(json.loads(sample["json"])["id"], row["id"])

    def test_a_block_that_cuts_shards_is_refused(self):
        Corpus(self.folder, 3)
        done = self.winnow("shard", "--samples", 30, "--shuffle", 1, "--shuffle-block", 100, "-o", "s/", "rows.tsv", expect=2)
        self.assertIn("multiple", done.error)


class RollOverByBytes(InFolder):
    def test_no_tar_exceeds_the_limit_and_none_is_much_smaller(self):
        corpus = Corpus(self.folder, 120, size=9000)
        self.winnow("shard", "--plain-input", "--compress", "none", "--max-bytes", "100k", "-o", "s/", "rows.tsv")
        names = sorted(os.listdir(self.path("s")))
        sizes = [os.path.getsize(self.path("s", name)) - 1024 for name in names]
        self.assertGreater(len(sizes), 5)
        self.assertLessEqual(max(sizes), 100 << 10)
        self.assertGreater(min(sizes[:-1]), (100 << 10) - 13000)
        ids = [json.loads(s["json"])["id"] for name in names for s in samples_of(self.path("s", name)).values()]
        self.assertEqual(ids, [row["id"] for row in corpus.rows])

    def test_tasks_refuse_it(self):
        corpus = Corpus(self.folder, 4)
        done = self.winnow("shard", "--max-bytes", "1M", "--task", "0/2", "-o", "s/", corpus.own_rows(), expect=2)
        self.assertIn("--max-bytes", done.error)


class PicturesThatCannotBeRead(InFolder):
    def shard(self, change, expect=3, **more):
        corpus = Corpus(self.folder, 12)
        change(corpus)
        corpus.write_rows()
        return corpus, self.winnow("shard", "--plain-input", "--compress", "none", "-o", "s/", "rows.tsv", expect=expect, **more)

    def assert_gap(self, rows, done, words):
        samples = samples_of(self.path("s/00000.tar"))
        self.assertEqual([int(key) for key in samples], [i for i in range(12) if i not in rows])
        manifest = self.json("s.meta/00000.json")
        self.assertEqual(manifest["counts"], {"samples": 12 - len(rows), "unreadable": len(rows)})
        self.assertEqual(manifest["losses"]["total"], len(rows))
        self.assertIn(words, done.error)

    def test_a_missing_pack_leaves_gaps_in_the_numbers(self):
        def change(corpus):
            corpus.rows[3]["image_pack"] = corpus.rows[7]["image_pack"] = "gone.tar"
        _, done = self.shard(change)
        self.assert_gap([3, 7], done, "gone.tar")

    def test_a_cut_pack_loses_what_lay_behind_the_cut(self):
        def change(corpus):
            os.truncate(self.path("packs/00001.tar"), int(corpus.rows[11]["image_offset"]) + 3)
        _, done = self.shard(change)
        self.assert_gap([11], done, "00001.tar: offset")

    def test_no_pack_lies_outside_its_folder(self):
        secret = self.path("secret")
        for name in ("../secret", secret, "..", ".", "a/../../secret"):
            with self.subTest(name):
                for leftover in ("s", "s.meta", "packs"):
                    subprocess.run(["rm", "-rf", self.path(leftover)], check=True)

                def change(corpus):
                    with open(secret, "wb") as file:
                        file.write(b"\xff\xd8" * 5000)
                    corpus.rows[5].update(image_pack=name, image_offset="0", image_length="100", stored="jpeg")
                _, done = self.shard(change)
                self.assert_gap([5], done, "no bare file name")

    def test_hostile_numbers_are_losses(self):
        for offset, length in (("18446744073709551615", "10"), ("0", "18446744073709551615"), ("-1", "5"), ("x", "y"), ("0", "0"),
                               ("", ""), ("9223372036854775807", "9223372036854775807")):
            with self.subTest(offset=offset, length=length):
                for leftover in ("s", "s.meta", "packs"):
                    subprocess.run(["rm", "-rf", self.path(leftover)], check=True)

                def change(corpus):
                    corpus.rows[0].update(image_offset=offset, image_length=length)
                _, done = self.shard(change)
                self.assert_gap([0], done, "place 0.0.0.0")

    def test_bytes_of_another_kind_are_no_picture(self):
        def change(corpus):
            corpus.rows[2]["image_offset"] = str(int(corpus.rows[2]["image_offset"]) - 100)
        _, done = self.shard(change)
        self.assert_gap([2], done, "at this place of the pack")

    def test_no_picture_at_all_is_failure(self):
        def change(corpus):
            for row in corpus.rows:
                row["image_pack"] = "gone.tar"
        _, done = self.shard(change, expect=1)
        self.assertIn("--packs", done.error)
        self.assertEqual(os.listdir(self.path("s")), [])

    def test_few_losses_are_tolerated_when_asked(self):
        def change(corpus):
            corpus.rows[3]["image_pack"] = "gone.tar"
        corpus = Corpus(self.folder, 12)
        change(corpus)
        corpus.write_rows()
        self.winnow("shard", "--plain-input", "--tolerate", "0.1", "-o", "s/", "rows.tsv")


class BadInput(InFolder):
    def test_rows_without_pictures_are_told_to_fetch_first(self):
        with open(self.path("rows.tsv"), "w", encoding="utf-8") as out:
            out.write("id\turl\ttext\nx\thttp://a/\ttext\n")
        done = self.winnow("shard", "--plain-input", "-o", "s/", "rows.tsv", expect=2)
        self.assertIn("winnow fetch", done.error)

    def test_rows_out_of_order_are_refused_with_file_and_row(self):
        corpus = Corpus(self.folder, 5)
        corpus.write_rows(rows=corpus.rows[:3] + corpus.rows[1:2])
        done = self.winnow("shard", "--plain-input", "-o", "s/", "rows.tsv", expect=2)
        self.assertRegex(done.error, r"rows\.tsv: row 4: place 0\.1\.0\.1 after 0\.2\.0\.0")
        self.assertEqual(contents(self.path("s")), {})

    def test_files_out_of_order_are_refused(self):
        corpus = Corpus(self.folder, 6)
        corpus.write_rows("a.tsv", corpus.rows[3:])
        corpus.write_rows("b.tsv", corpus.rows[:3])
        done = self.winnow("shard", "--plain-input", "-o", "s/", "a.tsv", "b.tsv", expect=2)
        self.assertRegex(done.error, r"b\.tsv: row 1: place")

    def test_cut_rows_publish_nothing(self):
        corpus = Corpus(self.folder, 200)
        rows = corpus.own_rows()
        with open(self.path(rows), "rb") as file:
            data = file.read()
        for cut in (len(data) // 2, len(data) - 20, 300):
            done = self.winnow("shard", "--packs", "packs", "-o", "s/", stdin=data[:cut], expect=1)
            self.assertIn("cut off", done.error)
            self.assertEqual(contents(self.path("s")) if os.path.exists(self.path("s")) else {}, {})

    def test_a_full_disk_leaves_nothing_under_a_final_name(self):
        Corpus(self.folder, 200, size=20000)
        limit = 1 << 20

        def small_files():
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        done = subprocess.run([WINNOW, "shard", "--plain-input", "-o", "s/", "rows.tsv"], cwd=self.folder, capture_output=True,
                              preexec_fn=small_files)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual([n for n in os.listdir(self.path("s")) if not n.endswith(".tmp")], [])
        self.assertFalse(os.path.exists(self.path("s.meta/00000.json")))

    def test_no_rows_make_no_shard_and_are_done(self):
        corpus = Corpus(self.folder, 3)
        corpus.write_rows(rows=[])
        self.winnow("shard", "--plain-input", "-o", "s/", "rows.tsv")
        self.assertEqual(self.json("s.meta/sizes.json"), {})

    def test_standard_output_is_refused(self):
        corpus = Corpus(self.folder, 3)
        self.assertIn("-o FOLDER/", self.winnow("shard", "rows.tsv", expect=2).error)

    def test_limit_stops_early(self):
        Corpus(self.folder, 30)
        self.winnow("shard", "--plain-input", "--limit", 7, "--samples", 5, "-o", "s/", "rows.tsv")
        self.assertEqual(self.json("s.meta/sizes.json"), {"00000.tar.zst": 5, "00001.tar.zst": 2})


if __name__ == "__main__":
    unittest.main()
