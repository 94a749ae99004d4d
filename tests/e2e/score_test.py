"""winnow score: the cells are those that embeddings, heads and lists give; nothing else decides a byte; nothing stops it."""
import json
import math
import os
import shutil
import struct
import unittest

from tests.e2e import clip_data, make, parquet

TINY = os.path.join(make.ROOT, "tests/data/clip-tiny")
NAME = "clip_tiny"


def softmax(cosines):
    most = max(cosines)
    e = [math.exp(100 * (c - most)) for c in cosines]
    return [x / sum(e) for x in e]


def dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def npy_file(rows):
    head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({len(rows)}, {len(rows[0])}), }}"
    head += " " * (-(len(head) + 11) % 64) + "\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(head)) + head.encode() + b"".join(struct.pack(f"<{len(r)}f", *r) for r in rows)


class Score(make.InFolder):
    PAGES = 12

    def setUp(self):
        super().setUp()
        self.write("crawl.warc.gz", make.crawl(self.PAGES))
        self.winnow("extract", "-o", "1/", "crawl.warc.gz")
        self.winnow("fetch", "--from-warc", "crawl.warc.gz", "-o", "2/", "1/00000.rows.zst")

    def score(self, out, *arguments, model=TINY, rows="2/00000.rows.zst", code=0, **more):
        return self.winnow("score", "--model", model, "-o", out, *arguments, rows, code=code, **more)

    def rows(self, path):
        return self.view(path)

    def embeddings(self, rows, column="text"):
        """By winnow model embed, of the rows' stored pictures and texts."""
        pictures = []
        for number, row in enumerate(rows):
            with open(self.path("packs/" + row["image_pack"]), "rb") as pack:
                pack.seek(int(row["image_offset"]))
                self.write(f"picture{number}", pack.read(int(row["image_length"])))
            pictures.append(self.path(f"picture{number}"))
        self.write("texts", "".join(make.unescape(row[column]) + "\n" for row in rows).encode())

        def numbers(done):
            return [[float(x) for x in line.split("\t")[1].split()] for line in done.out.decode().splitlines()[1:]]
        images = self.winnow("model", "embed", TINY, "--image", *pictures)
        return numbers(images), numbers(self.winnow("model", "embed", TINY, "--text", self.path("texts")))

    # ---- cells

    def test_similarity_is_the_cosine_of_picture_and_text(self):
        self.score("3/")
        rows = self.rows("3/00000.rows.zst")
        self.assertGreater(len(rows), 20)
        for row, image, text in zip(rows, *self.embeddings(rows), strict=True):
            self.assertEqual(row["score_status"], "ok")
            self.assertAlmostEqual(float(row[f"sim_{NAME}"]), dot(image, text), delta=2e-6)

    def test_a_head_gives_what_its_matrix_gives(self):
        self.write("violent.npy", npy_file([[0.3, -0.1] * 6, [-0.2, 0.2] * 6, [0.1, 0.3] * 6]))
        weight, bias = [0.5, -1.0, 0.25] * 4, 0.125
        header = json.dumps({"weight": {"dtype": "F32", "shape": [1, 12], "data_offsets": [0, 48]},
                             "bias": {"dtype": "F32", "shape": [1], "data_offsets": [48, 52]}}).encode()
        self.write("head.safetensors", struct.pack("<Q", len(header)) + header + struct.pack("<13f", *weight, bias))
        self.score("3/", "--head", "kind=violent.npy", "--head", "nice=head.safetensors,output=logistic", "--no-similarity")
        rows = self.rows("3/00000.rows.zst")
        self.assertNotIn(f"sim_{NAME}", rows[0])
        images, _ = self.embeddings(rows)
        for row, image in zip(rows, images, strict=True):
            half = struct.unpack("<12e", struct.pack("<12e", *image))
            sims = [dot(half, p) for p in ([0.3, -0.1] * 6, [-0.2, 0.2] * 6, [0.1, 0.3] * 6)]
            self.assertEqual(int(row[f"zs_kind_{NAME}"]), sims.index(max(sims)))
            self.assertAlmostEqual(float(row[f"p_nice_{NAME}"]), 1 / (1 + math.exp(-dot(half, weight) - bias)), delta=1e-5)

    def test_zero_shot_classes(self):
        names = ["red cat", "the tree", "dog", "mat"]
        self.write("things.txt", ("take 2\ntemplate a {} on a mat\n" + "".join(f"class {n}\n" for n in names)).encode())
        self.score("3/", "--classes", "things.txt,laion_animals")
        rows = self.rows("3/00000.rows.zst")
        self.write("prompts", "".join(f"a {n} on a mat\n" for n in names).encode())
        done = self.winnow("model", "embed", TINY, "--text", self.path("prompts"))
        vectors = [[float(x) for x in line.split("\t")[1].split()] for line in done.out.decode().splitlines()[1:]]
        for row, image in zip(rows, self.embeddings(rows)[0], strict=True):
            p = softmax([dot(image, v) for v in vectors])
            order = sorted(range(4), key=lambda i: -p[i])
            if p[order[0]] - p[order[1]] < 1e-4 or p[order[1]] - p[order[2]] < 1e-4:
                continue
            self.assertEqual([row[f"zs_things_{NAME}"], row[f"zs_things_2_{NAME}"]], [names[i] for i in order[:2]])
            self.assertAlmostEqual(float(row[f"p_things_{NAME}"]), p[order[0]], delta=1e-3)
            self.assertAlmostEqual(float(row[f"p_things_2_{NAME}"]), p[order[1]], delta=1e-3)
            self.assertIn(row[f"zs_laion_animals_{NAME}"], ("other", "animal"))

    def test_embeddings_are_half_floats_row_for_row(self):
        self.score("3/", "--embeddings", "emb")
        rows = self.rows("3/00000.rows.zst")
        for kind, expected in zip(("img", "text"), self.embeddings(rows), strict=True):
            shape, numbers = clip_data.npy(self.path(f"emb/{kind}_emb/{kind}_emb_0.npy"))
            self.assertEqual(shape, (len(rows), 12))
            for i, row in enumerate(expected):
                for a, b in zip(numbers[12 * i:12 * i + 12], row, strict=True):
                    self.assertAlmostEqual(a, b, delta=6e-4)

    def test_the_table_beside_embeddings_has_the_rows(self):
        self.score("3/", "--embeddings", "emb", "--classes", "laion_age")
        groups, columns = parquet.read(self.path("emb/metadata/metadata_0.parquet"))
        self.assertEqual(groups, 1)
        rows = self.rows("3/00000.rows.zst")
        names = {"image_path": "id", "caption": "text"}
        self.assertEqual(set(columns), {*rows[0], *names} - {"text", "image_pack", "image_offset", "image_length"})
        for name, cells in columns.items():
            for cell, row in zip(cells, rows, strict=True):
                found = make.unescape(row[names.get(name, name)])
                self.assertEqual(cell, None if found == "" else type(cell)(found), name)
        self.assertTrue({int, float, str} <= {type(c) for cells in columns.values() for c in cells})

    def test_a_long_table_has_groups(self):
        count = 70000
        header = "id\ttext\tsrc_file\tsrc_record\tsrc_image\tsrc_text\timage_pack\timage_offset\timage_length\n"
        self.write("rows.tsv", header + "".join(f"{i:032x}\t{'a text' if i % 3 else ''}\t0\t{i}\t0\t0\t\t\t\n" for i in range(count)))
        self.score("3/", "--embeddings", "emb", "--plain-input", rows="rows.tsv")
        groups, columns = parquet.read(self.path("emb/metadata/metadata_0.parquet"))
        self.assertEqual(groups, 2)
        self.assertEqual(columns["src_record"], list(range(count)))
        self.assertEqual(columns["caption"], ["a text" if i % 3 else None for i in range(count)])
        self.assertEqual(set(columns[f"sim_{NAME}"]), {None})

    # ---- what does not matter

    def test_threads_and_tasks_change_no_byte(self):
        arguments = ["--classes", "laion_nsfw", "--embeddings"]
        self.score("3/", *arguments, "e3", "--threads", "1")
        self.score("4/", *arguments, "e4", "--threads", "5")
        self.assertEqual(self.read("3/00000.rows.zst"), self.read("4/00000.rows.zst"))
        self.assertEqual(self.read("e3/img_emb/img_emb_0.npy"), self.read("e4/img_emb/img_emb_0.npy"))
        self.winnow("partition", "--by", "id", "--into", "3", "-o", "p/", "2/00000.rows.zst")
        for bucket in range(3):
            self.score(f"b{bucket}.rows.zst", "--classes", "laion_nsfw", "--packs", "packs",
                       rows=f"p/00000.{bucket:05}.rows.zst")
        self.winnow("merge", "-o", "m.rows.zst", *(f"b{bucket}.rows.zst" for bucket in range(3)))
        self.assertEqual(self.rows("m.rows.zst"), self.rows("3/00000.rows.zst"))

    def test_every_class_and_precision_runs_and_is_near(self):
        self.score("3/", "--precision", "reference")
        plain = self.rows("3/00000.rows.zst")
        for number, (precision, allowed) in enumerate([("f32", 3e-6), ("bf16", 3e-2), ("int8", 8e-2)]):
            for limit in ("SSE41", "ALL"):
                out = f"{number}-{limit}/"
                self.score(out, "--precision", precision, env={**os.environ, "ONEDNN_MAX_CPU_ISA": limit})
                for a, b in zip(plain, self.rows(out + "00000.rows.zst"), strict=True):
                    self.assertAlmostEqual(float(a[f"sim_{NAME}"]), float(b[f"sim_{NAME}"]), delta=allowed)

    def test_int8_tells_what_its_check_found(self):
        self.assertRegex(self.score("3/", "--precision", "int8").error, r"as checked: pictures (0\.99|1\.0)\d+, texts (0\.99|1\.0)\d+\n")
        self.assertNotIn("as checked", self.score("4/").error)

    # ---- the cache

    def test_with_the_cache_another_head_decodes_no_picture(self):
        plain = self.score("3/", "--classes", "laion_nsfw")
        first = self.score("4/", "--classes", "laion_nsfw", "--cache", "cache")
        different = int(first.error.split(": ")[-1].split()[0])
        self.assertIn(f"{different} pictures decoded, 0 from the cache", first.error)
        self.assertIn(f"{different} pictures decoded", plain.error)
        self.assertGreater(different, 5)
        self.assertLess(different, len(self.rows("3/00000.rows.zst")))  # equal pictures once
        second = self.score("5/", "--classes", "laion_nsfw,laion_age", "--cache", "cache")
        self.assertIn(f"0 pictures decoded, {different} from the cache", second.error)
        self.assertEqual(self.read("3/00000.rows.zst"), self.read("4/00000.rows.zst"))
        names = list(self.rows("3/00000.rows.zst")[0])
        self.assertEqual([{n: r[n] for n in names} for r in self.rows("5/00000.rows.zst")], self.rows("3/00000.rows.zst"))
        other = self.score("6/", "--precision", "bf16", "--cache", "cache")
        self.assertIn(f"{different} pictures decoded, 0 from the cache", other.error)

    def test_tasks_read_each_others_cache(self):
        self.winnow("partition", "--by", "id", "--into", "2", "-o", "p/", "2/00000.rows.zst")
        for bucket in range(2):
            self.score(f"b{bucket}.rows.zst", "--cache", "cache", rows=f"p/00000.{bucket:05}.rows.zst")
        self.assertEqual(len(os.listdir(self.path("cache"))), 2)
        done = self.score("3/", "--cache", "cache")
        self.assertIn(": 0 pictures decoded", done.error)
        self.assertEqual(len(os.listdir(self.path("cache"))), 2)

    def test_a_cache_merges_into_one_file_and_serves_as_before(self):
        self.winnow("partition", "--by", "id", "--into", "3", "-o", "p/", "2/00000.rows.zst")
        for bucket in range(3):
            self.score(f"b{bucket}.rows.zst", "--cache", "cache", rows=f"p/00000.{bucket:05}.rows.zst")
        self.score("bf/", "--cache", "cache", "--precision", "bf16")
        before = self.winnow("model", "cache", "cache").rows()
        self.assertGreaterEqual(max(int(row["files"]) for row in before), 2)
        done = self.winnow("model", "cache", "cache", "--merge")
        self.assertIn(f"{sum(int(row['files']) for row in before)} files merged", done.error)
        self.assertEqual([(row["files"], row["damaged"]) for row in done.rows()], [("1", "0")] * 2)
        self.assertIn(": 0 pictures decoded", self.score("3/", "--cache", "cache").error)
        self.assertIn(": 0 pictures decoded", self.score("4/", "--cache", "cache", "--precision", "bf16").error)

    def test_a_damaged_cache_is_told_left_aside_and_computed_anew(self):
        self.score("3/", "--cache", "cache")
        (name,) = os.listdir(self.path("cache"))
        data = bytearray(self.read(f"cache/{name}"))
        for at in range(100, len(data) - 16, 50):
            data[at] ^= 64
        self.write(f"cache/{name}", bytes(data))
        self.assertIn("1 files of cache are damaged", self.winnow("model", "cache", "cache", code=1).error)
        done = self.score("4/", "--cache", "cache")
        self.assertIn("left aside: cache/", done.error)
        self.assertEqual(self.read("3/00000.rows.zst"), self.read("4/00000.rows.zst"))
        self.assertEqual(self.winnow("model", "cache", "cache").rows()[0]["damaged"], "0")

    def test_scoring_again_leaves_nothing_of_the_score_before(self):
        self.score("3/", "--classes", "laion_age")
        done = self.winnow("score", "--model", TINY, "--classes", "laion_age", "--packs", "nowhere", "--plain", "3/00000.rows.zst")
        for row in done.rows():
            self.assertEqual([row["score_status"], row[f"sim_{NAME}"], row[f"zs_laion_age_{NAME}"]], ["no_picture", "", ""])

    # ---- what cannot be scored

    def test_a_picture_that_cannot_be_read_is_a_row_with_a_status(self):
        rows = self.rows("2/00000.rows.zst")
        header = list(rows[0])
        rows[0]["image_pack"] = "missing.tar"
        rows[1]["image_offset"] = "999999999"
        rows[2]["image_length"] = str(int(rows[2]["image_length"]) - 40)
        rows[3]["image_pack"] = ""
        rows[4]["text"] = ""
        text = "".join("\t".join(r) + "\n" for r in [header, *(row.values() for row in rows)])
        done = self.winnow("score", "--model", TINY, "--plain", "--plain-input", "--classes", "laion_age",
                           stdin=text.encode())
        got = done.rows()
        self.assertEqual([r["src_record"] for r in got], [r["src_record"] for r in rows])
        self.assertEqual([r["score_status"] for r in got[:6]], ["no_picture", "no_picture", got[2]["score_status"], "no_picture", "ok", "ok"])
        self.assertIn(got[2]["score_status"], ("truncated", "corrupt"))
        for row in got[:4]:
            self.assertEqual([row[f"sim_{NAME}"], row[f"zs_laion_age_{NAME}"]], ["", ""])
        self.assertEqual(got[4][f"sim_{NAME}"], "")  # no text
        self.assertNotEqual(got[4][f"zs_laion_age_{NAME}"], "")
        self.assertNotEqual(got[5][f"sim_{NAME}"], "")
        self.assertIn("4 rows have no score", done.error)
        self.assertRegex(done.error, "could not be read, of more perhaps: [^ ]+: offset [0-9]+: ")

    # ---- names

    def test_the_manifest_names_model_and_lists_by_content(self):
        self.score("3/", "--classes", "laion_nsfw")
        with open(self.path("3/00000.json"), encoding="utf-8") as file:
            said = json.load(file)["parameters"]
        self.assertEqual((said["model"]["name"], said["model"]["precision"]), (NAME, "f32"))
        self.assertRegex(said["model"]["digest"], "^xxh3_128:[0-9a-f]{32}$")
        self.assertEqual(list(said["classes"]), ["laion_nsfw"])
        self.assertIn("done already", self.score("3/", "--classes", "laion_nsfw").error)

    def test_another_vocabulary_is_another_model(self):
        model = self.path("model")
        shutil.copytree(TINY, model)
        self.score("3/", model=model)
        self.assertIn("done already", self.score("3/", model=model).error)
        with open(os.path.join(model, "merges.txt"), "r+", encoding="utf-8") as file:
            *lines, first, second = file.read().splitlines()
            file.seek(0)
            file.write("\n".join([*lines, second, first, ""]))
        self.assertNotIn("done already", self.score("3/", model=model).error)

    def test_a_published_models_name_is_not_given_to_another(self):
        done = self.score("3/", "--name", "b32", code=2)
        self.assertIn(f"'winnow filter --allow-substitute {NAME}' lets it stand in", done.error)
        self.assertIn("b32", self.score("3/", "--name", "b32", "--allow-substitute", "b32", code=2).error)
        self.score("3/", "--name", "mine")
        self.assertIn("sim_mine", self.rows("3/00000.rows.zst")[0])

    def test_a_head_of_another_width_or_model_is_refused(self):
        self.write("wide.npy", npy_file([[1.0] * 13, [2.0] * 13]))
        self.assertIn("takes embeddings of 13 numbers", self.score("3/", "--head", "x=wide.npy", code=2).error)
        self.write("violence_vit_b_32.npy", npy_file([[1.0] * 12, [2.0] * 12]))
        self.assertIn("was trained on b32", self.score("3/", "--head", "x=violence_vit_b_32.npy", code=2).error)
        self.score("3/", "--head", "x=violence_vit_b_32.npy", "--allow-substitute", NAME)
        with open(self.path("3/00000.json"), encoding="utf-8") as file:
            self.assertEqual(json.load(file)["parameters"]["allow-substitute"], NAME)
        self.assertIn("two heads are called x", self.score("4/", "--head", "x=violence_vit_b_32.npy", "--head",
                                                           "x=violence_vit_b_32.npy", "--allow-substitute", NAME, code=2).error)

    def test_what_is_missing_is_said(self):
        self.assertIn("run 'winnow fetch' first", self.score("3/", rows="1/00000.rows.zst", code=2).error)
        self.assertIn("no column 'caption'", self.score("3/", "--text", "caption", code=2).error)
        self.assertIn("nothing to compute", self.score("3/", "--no-similarity", code=2).error)


class Rules(make.InFolder):
    """Score rules of presets, on rows with made-up scores."""

    LISTS = "laion_nsfw,laion_nsfw_asrun,laion_age,laion_animals"

    def rows_with(self, **columns):
        names = ["id", "text", "src_file", "src_record", "src_image", "src_text", *columns]
        count = len(next(iter(columns.values())))
        lines = [[f"{i:032x}", "a text", "0", str(i), "0", "0", *(values[i] for values in columns.values())] for i in range(count)]
        return "".join("\t".join(line) + "\n" for line in [names, *lines]).encode()

    def kept(self, rows, *arguments, code=0):
        done = self.winnow("filter", "--plain", "--plain-input", *arguments, stdin=rows, code=code)
        return [int(row["src_record"]) for row in done.rows()] if code == 0 else done.error

    def test_the_bound_is_inclusive(self):
        rows = self.rows_with(sim_b32=["0.3", "0.29999998", "0.31", "", "-0.1"])
        self.assertEqual(self.kept(rows, "--preset", "laion400m", "--at", "score", "--without", "unserved"), [0, 2])

    def test_another_model_stands_in_only_when_it_is_allowed(self):
        rows = self.rows_with(sim_tiny=["0.3", "0.29", "0.9"])
        preset = ["--preset", "datacomp-laion2b", "--at", "score"]
        self.assertIn("clip_score (score.range): the rows have no column sim_b32 (clip-vit-b-32)", self.kept(rows, *preset, code=2))
        for more in ([], ["--without", "unserved"]):
            self.assertIn("--allow-substitute other: the rows have no score", self.kept(rows, *preset, "--allow-substitute", "other", *more, code=2))
        self.assertEqual(self.kept(rows, *preset, "--allow-substitute", "tiny"), [0, 1, 2])
        self.write("rows.tsv", rows)
        said = self.winnow("filter", *preset, "--plain-input", "--allow-substitute", "tiny", "-o", "out/", "rows.tsv").error
        self.assertIn("clip_score: sim_tiny for sim_b32", said)
        with open(self.path("out/00000.json"), encoding="utf-8") as file:
            manifest = json.load(file)
        self.assertEqual(manifest["filters"][-1]["substitute"], "sim_tiny for sim_b32")
        self.assertEqual(manifest["parameters"]["allow-substitute"], "tiny")

    def test_where_the_named_model_is_there_no_other_stands_in(self):
        rows = self.rows_with(sim_tiny=["0.9", "0.1"], sim_b32=["0.1", "0.9"])
        self.assertEqual(self.kept(rows, "--preset", "datacomp-laion2b", "--at", "score", "--allow-substitute", "tiny"), [1])

    def test_laions_tags_decide_together(self):
        rows = self.rows_with(sim_b32=["0.5"] * 6, zs_laion_nsfw_b32=["UNLIKELY", "NSFW", "UNSURE", "NSFW", "UNSURE", "NSFW"],
                              zs_laion_age_b32=["minor", "minor", "adult", "adult", "minor", "adult"],
                              zs_laion_animals_b32=["animal", "other", "animal", "other", "other", "animal"])
        self.assertEqual(self.kept(rows, "--preset", "laion400m", "--at", "score"), [0, 3])

    def test_the_best_share_is_exact_with_ties(self):
        scores = ["0.5", "0.1", "0.4", "0.3", "0.3", "0.3", "0.2", "-0.2", "0.25", "0.0"]
        for share, least in (("0.3", "0.3"), ("0.1", "0.4"), ("0.6", "0.2"), ("0.05", "0.5"), ("1", "-1"), ("0.39", "0.3")):
            n = int(len(scores) * float(share) + 1e-9)
            ordered = sorted(map(float, scores), reverse=True)
            self.assertEqual(float(least) if share != "1" else -1, ordered[n] if n < len(scores) else -1)  # as published
            rule = ["--rule", f"best score.best column=sim_l14 share={share}"]
            self.assertEqual(self.kept(self.rows_with(sim_l14=scores), *rule), [i for i, s in enumerate(scores) if float(s) >= float(least)])
        kept = self.kept(self.rows_with(sim_l14=[*scores, "", "x"]), "--preset", "datacomp-clip30")  # no score: not of the pool
        self.assertEqual(kept, [i for i, s in enumerate(scores) if float(s) >= 0.3])

    def test_the_best_share_over_many_frames_and_threads(self):
        import random
        dice = random.Random(4)
        scores = [f"{dice.random() - 0.3:.4f}" for _ in range(60000)]
        least = sorted(map(float, scores), reverse=True)[18000]
        self.write("rows.tsv", self.rows_with(sim_l14=scores))
        self.winnow("filter", "--rule", "any text.chars min=1", "--plain-input", "-o", "rows.rows.zst", "rows.tsv")
        for threads in ("1", "4"):
            self.winnow("filter", "--preset", "datacomp-clip30", "--threads", threads, "--memory", "1M", "-o", f"{threads}/", "rows.rows.zst")
        self.assertEqual(self.read("1/00000.rows.zst"), self.read("4/00000.rows.zst"))
        self.assertEqual(len(self.view("1/00000.rows.zst")), sum(float(s) >= least for s in scores))
        with open(self.path("1/00000.json"), encoding="utf-8") as file:
            self.assertIn(f">={least:.9g} (best 0.3 of 60000)", [rule["bound"] for rule in json.load(file)["filters"]])
        error = self.winnow("filter", "--preset", "datacomp-clip30", "--task", "0/2", "-o", "t/", "rows.rows.zst", code=2).error
        self.assertIn("give its bound (t=)", error)
        self.winnow("filter", "--preset", "datacomp-clip30", "--set", f"clip_score.t={least}", "--task", "0/1", "-o", "t/", "rows.rows.zst")
        self.assertEqual(len(self.view("t/00000.rows.zst")), sum(float(s) >= least for s in scores))


if __name__ == "__main__":
    unittest.main()
