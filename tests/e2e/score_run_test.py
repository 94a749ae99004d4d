"""Recipes that score: the steps they become, equal bytes for any number of tasks, what a plan fixes, rules on scores end to end."""
import json
import os
import sqlite3
import shutil
import struct
import subprocess
import sys
import unittest

from tests.e2e import make

TINY = os.path.join(make.ROOT, "tests/data/clip-tiny")
NAME = "clip_tiny"
INPUTS = "inputs: [a.warc.gz, b.warc.gz, c.warc.gz]\n"


def head(weight, bias):
    """A safetensors file with one affine map."""
    header = json.dumps({"weight": {"dtype": "F32", "shape": [1, 12], "data_offsets": [0, 48]},
                         "bias": {"dtype": "F32", "shape": [1], "data_offsets": [48, 52]}}).encode()
    return struct.pack("<Q", len(header)) + header + struct.pack("<13f", *weight, bias)


class ScoreRun(make.InFolder):
    def setUp(self):
        super().setUp()
        self.pictures = {}
        for number, name in enumerate("abc"):
            self.write(f"{name}.warc.gz", make.crawl(6, seed=number + 3))

    def run_recipe(self, text, out="OUT", *arguments, code=0):
        self.write(f"{out}.yaml", INPUTS + text)
        return self.winnow("run", "-o", out, *arguments, f"{out}.yaml", code=code)

    def preset(self, name, more="", tasks=1, model=TINY, out="OUT", code=0):
        return self.run_recipe(f"preset: {name}\nwithout: [unserved]\nallow-substitute: {NAME}\nscore:\n  model: {model}\n{more}"
                               f"tasks: {tasks}\n", out, code=code)

    def merged(self, out, step):
        files = sorted(f for f in os.listdir(self.path(out, step)) if f.endswith(".rows.zst"))
        self.winnow("merge", "-q", "-o", "merged.rows.zst", *(f"{out}/{step}/{name}" for name in files))
        rows = self.view("merged.rows.zst")
        os.unlink(self.path("merged.rows.zst"))
        return [{name: cell for name, cell in row.items() if not name.startswith("image_")} for row in rows]

    def steps(self, out="OUT"):
        return sorted(f for f in os.listdir(self.path(out)) if f[:2].isdigit())

    def manifest(self, step, task=0, out="OUT"):
        with open(self.path(out, step, f"{task:05}.json"), encoding="utf-8") as file:
            return json.load(file)

    def plan(self, out="OUT"):
        with open(self.path(out, "plan.jsonl"), encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    # ---- steps

    def test_one_task_and_three_make_the_same_corpus(self):
        for tasks in (1, 3):
            self.preset("laion400m", "set:\n  clip_similarity.min: -0.05\n  min_bytes.min: 1\n", tasks, out=f"T{tasks}")
        steps = self.steps("T1")
        self.assertEqual(steps, self.steps("T3"))
        self.assertEqual([s[3:] for s in steps], ["extract", "filter", "dedup", "fetch", "filter", "score", "filter"])
        for step in steps[-2:]:
            one = self.merged("T1", step)
            self.assertGreater(len(one), 10)
            self.assertEqual(one, self.merged("T3", step))
        self.assertIn(f"zs_laion_animals_{NAME}", self.merged("T1", steps[-2])[0])  # lists that rules read come by themselves
        for folder in ("shards", "index.sqlite"):
            one, three = (self.path(out, folder) for out in ("T1", "T3"))
            self.assertEqual(make.tree(one) if folder == "shards" else self.read(one), make.tree(three) if folder == "shards" else self.read(three))
        scored = self.manifest(steps[-2], out="T1")["parameters"]["model"]
        self.assertEqual(scored["name"], NAME)

    def test_lists_come_by_themselves_only_where_a_rule_can_read_their_labels(self):
        for number, (score, substitute, lists) in enumerate((
                ("precision: f32", "", 0), ("model: builtin", "", 0), ("classes: laion_age", "", 1), (f"model: {TINY}", "", 3),
                ("precision: f32", "allow-substitute: builtin\n", 3))):
            with self.subTest(score + substitute):
                self.run_recipe(f"preset: laion400m\nwithout: [unserved]\n{substitute}score:\n  {score}\n", f"L{number}")
                command = next(line["command"] for line in self.plan(f"L{number}") if line.get("step", "").endswith("score"))
                self.assertEqual(sum(word.startswith("--classes=") for word in command), lists, command)

    def test_rules_name_the_model_that_stood_in_everywhere(self):
        self.preset("laion400m", "set:\n  clip_similarity.min: -0.05\n  min_bytes.min: 1\n")
        filtered = self.manifest(self.steps()[-1])
        self.assertIn(f"sim_{NAME} for sim_b32", [rule.get("substitute") for rule in filtered["filters"]])
        self.assertEqual(filtered["parameters"]["allow-substitute"], NAME)
        index = sqlite3.connect(self.path("OUT/index.sqlite"))
        self.addCleanup(index.close)
        self.assertEqual(index.execute("SELECT substitute FROM rules WHERE rule = 'clip_similarity'").fetchall(), [(f"sim_{NAME} for sim_b32",)])
        self.winnow("report", "OUT")
        for name in ("index.html", "report.json"):
            self.assertIn(f"sim_{NAME} for sim_b32", self.read(f"OUT/report/{name}").decode())

    def test_presets_on_scores_run(self):
        self.write("nsfw.safetensors", head([0.5, -1.0, 0.25] * 4, -0.4))
        self.write("nice.safetensors", head([-1.0, 0.5, 0.75] * 4, 5))
        more = "  head: ['nsfw=nsfw.safetensors,output=logistic', aesthetic_v1=nice.safetensors, aesthetic_v2=nice.safetensors]\n"
        sim, safe, nice = (f"{name}_{NAME}" for name in ("sim", "p_nsfw", "p_aesthetic_v1"))
        everything = {"laion400m-asrun": None, "laion5b": None, "datacomp-laion2b": (("clip_score", 0.05), lambda r: float(r[sim]) >= 0.05),
                      "laion-aesthetics": (("aesthetic", 5), lambda r: float(r[safe]) < 0.5 and float(r[nice]) > 5),
                      "laion-aesthetics-v2": (("aesthetic", 5), lambda r: float(r[safe]) < 0.5 and float(r[nice]) >= 5)}
        for preset, expected in everything.items():
            with self.subTest(preset):
                bound = "set:\n  {}.min: {}\n".format(*expected[0]) if expected else ""
                self.preset(preset, more + bound, 2, out=preset)
                scored, last = self.steps(preset)[-2:]
                self.assertTrue(any(rule.get("substitute") for rule in self.manifest(last, out=preset)["filters"]))
                if expected:
                    before, kept = self.merged(preset, scored), self.merged(preset, last)
                    self.assertEqual(kept, [row for row in before if expected[1](row)])
                    self.assertTrue(0 < len(kept) < len(before), (len(kept), len(before)))

    def test_laion5b_parts_its_texts_by_language_before_their_bounds(self):
        sim = f"sim_{NAME}"
        self.write("r.yaml", INPUTS + f"preset: laion5b\nwithout: [unserved, clip_similarity.other]\nallow-substitute: [{NAME}, winnow_language]\n"
                                      f"score: {{model: {TINY}}}\nset: {{clip_similarity.english.min: 0.05, min_bytes.min: 1}}\n")
        self.winnow("run", "-q", "-o", "OUT", "r.yaml")
        scored, last = self.steps()[-2:]
        before, kept = self.merged("OUT", scored), self.merged("OUT", last)
        self.assertLessEqual({"en"}, {row["language"] for row in before})
        self.assertLessEqual({row["language"] for row in before}, {"en", "other", "none"})
        self.assertEqual(kept, [row for row in before if row["language"] != "en" or float(row[sim]) >= 0.05])
        self.assertTrue(0 < len(kept) < len(before), (len(kept), len(before)))
        told = [rule.get("substitute") for step in self.steps() if "filter" in step for rule in self.manifest(step)["filters"]]
        self.assertIn("winnow_language for cld3", told)

    def test_a_bound_without_a_scale_is_told_before_anything_runs(self):
        self.write("r.yaml", INPUTS + "preset: laion5b\nwithout: unserved\nallow-substitute: builtin\nscore: {}\n")
        said = self.winnow("run", "r.yaml", code=2).error
        self.assertIn("clip_similarity.other: min=0.26 is meant for another model", said)
        self.assertFalse(os.path.exists(self.path("OUT/01-extract")))

    def test_labels_of_pictures_are_held_against_texts(self):
        self.write("labels.preset", f"overlap score.label_overlap column=zs_nouns_{NAME} -- choice: a test\n")
        self.write("r.yaml", INPUTS + f"preset: labels.preset\nscore: {{model: {TINY}}}\n")
        self.winnow("run", "-q", "-o", "OUT", "r.yaml")
        scored, last = self.steps()[-2:]
        before, kept = self.merged("OUT", scored), self.merged("OUT", last)
        labels = [f"zs_nouns_{NAME}"] + [f"zs_nouns_{k}_{NAME}" for k in range(2, 21)]
        self.assertLessEqual(set(labels), set(before[0]))
        whole = [row for row in before if {row[name] for name in labels} & set(row["text"].split())]
        self.assertLessEqual({row["src_record"] for row in whole}, {row["src_record"] for row in kept})
        self.assertTrue(0 < len(kept) < len(before), (len(kept), len(before)))

    def test_the_best_share_is_of_the_whole_pool_whatever_the_tasks(self):
        for tasks in (1, 3):
            self.preset("datacomp-clip30", tasks=tasks, out=f"T{tasks}")
        *_, scored, filtered = self.steps("T3")
        self.assertEqual(self.merged("T1", filtered), self.merged("T3", filtered))
        pool = sorted((float(r[f"sim_{NAME}"]) for r in self.merged("T3", scored)), reverse=True)
        kept = [float(r[f"sim_{NAME}"]) for r in self.merged("T3", filtered)]
        bound = pool[len(pool) * 3 // 10]  # as published
        self.assertEqual(len(kept), sum(x >= bound for x in pool))
        self.assertEqual(min(kept), bound)
        self.assertEqual(make.tree(self.path("T1/shards")), make.tree(self.path("T3/shards")))
        said = [line["step"] for line in self.plan("T3")[1:]]
        self.assertEqual((said.count(scored), said.count(filtered)), (3, 1))

    def test_socratic_attributes_are_columns_and_drop_nothing(self):
        self.preset("socratic", tasks=2, out="S")
        scored, told = self.steps("S")[-2:]
        rows = self.merged("S", told)
        self.assertEqual(rows, self.merged("S", scored))
        self.assertTrue(rows)
        prompts = {"type": [f"This is a {x}." for x in ("photo", "cartoon", "sketch", "painting")],
                   "people": ["There are no people in this photo.", "There are people in this photo."]}
        names = {"type": ["photo", "cartoon", "sketch", "painting"], "people": ["no people", "people"]}
        for kind, texts in prompts.items():
            self.write("texts", "".join(t + "\n" for t in texts))
            vectors = self.embeddings("--text", self.path("texts"))
            for row in rows[:12]:
                cosines = [sum(a * b for a, b in zip(self.picture(row), v)) for v in vectors]
                if sorted(cosines)[-1] - sorted(cosines)[-2] > 1e-5:
                    self.assertEqual(row[f"zs_socratic_{kind}_{NAME}"], names[kind][cosines.index(max(cosines))])
        for kind, take in (("places", 3), ("objects", 10)):
            cells = [[row[f"zs_socratic_{kind}{f'_{k + 1}' if k else ''}_{NAME}"] for k in range(take)] for row in rows]
            self.assertTrue(all(len(set(row)) == take and all(row) for row in cells))

    def test_the_lists_of_objects_and_nouns_are_what_their_scripts_make(self):
        lists = os.path.join(make.ROOT, "filters/lists")
        if not os.path.exists("/usr/share/wordnet/cntlist.rev"):
            self.skipTest("no WordNet")
        made = subprocess.run([sys.executable, f"{lists}/make_socratic_objects.py", "/usr/share/wordnet", f"{lists}/socratic_places.txt"],
                              stdout=subprocess.PIPE, check=True).stdout
        with open(f"{lists}/socratic_objects.txt", "rb") as file:
            self.assertEqual(file.read(), made)
        made = subprocess.run([sys.executable, "-B", f"{lists}/make_nouns.py", "/usr/share/wordnet"], stdout=subprocess.PIPE, check=True).stdout
        with open(f"{lists}/nouns.txt", "rb") as file:
            self.assertEqual(file.read(), made)

    def embeddings(self, *arguments):
        done = self.winnow("model", "embed", TINY, *arguments)
        return [[float(x) for x in line.split("\t")[1].split()] for line in done.out.decode().splitlines()[1:]]

    def picture(self, row):
        """The embedding of a row's stored picture, from the shards."""
        if row["id"] not in self.pictures:
            self.winnow("get", "S", row["id"], "-o", f"got-{row['id']}/")
            name = next(n for n in os.listdir(self.path(f"got-{row['id']}")) if not n.endswith((".txt", ".json")))
            (self.pictures[row["id"]],) = self.embeddings("--image", self.path(f"got-{row['id']}/{name}"))
        return self.pictures[row["id"]]

    def test_explicit_stages_give_a_best_share_one_task(self):
        self.run_recipe(f"""
stages:
  - extract:
  - fetch:
  - score: {{model: {TINY}, classes: [laion_age]}}
  - filter: {{rule: [best score.best column=sim_{NAME} share=0.5], at: all}}
  - shard:
tasks: 3
""")
        said = [line["step"] for line in self.plan()[1:]]
        self.assertEqual((said.count("03-score"), said.count("04-filter"), said.count("shard")), (3, 1, 3))

    # ---- what is said before anything runs

    def test_without_a_model_score_rules_are_unserved_and_the_hint_names_one(self):
        done = self.run_recipe("preset: datacomp-clip30\n", code=2)
        self.assertIn("score: {model: PATH}", done.error)
        self.assertIn("sim_l14", done.error)
        done = self.run_recipe(f"preset: datacomp-clip30\nscore: {{model: {TINY}}}\n", code=2)
        self.assertIn("allow-substitute: NAME", done.error)
        self.run_recipe(f"preset: datacomp-clip30\nscore: {{model: {TINY}}}\nallow-substitute: {NAME}\n", "OUT", "--print")

    def test_a_misspelt_substitute_is_told(self):
        done = self.run_recipe(f"preset: datacomp-clip30\nwithout: unserved\nscore: {{model: {TINY}}}\nallow-substitute: clip_tiney\n", code=2)
        self.assertEqual(len(done.lines), 1, done.error)
        self.assertIn(f"'allow-substitute' is 'clip_tiney', and no score step has a model of that name: its model is called {NAME}", done.error)

    def test_a_model_that_does_not_read_is_told_before_anything_runs(self):
        for score, expected in ((f"{{model: {TINY}x}}", "clip-tinyx"), (f"{{model: {TINY}, head: [x=y.npy]}}", "y.npy"),
                                (f"{{model: {TINY}, classes: nowhere}}", "nowhere"), (f"{{model: {TINY}, class: cpu-gpu}}", "cpu-gpu")):
            done = self.run_recipe(f"stages: [extract: , fetch: , score: {score}]\n", code=None)
            self.assertIn(done.code, (1, 2), score)
            self.assertEqual(len(done.lines), 1, done.error)
            self.assertIn(expected, done.error)
            self.assertIn("OUT.yaml: line 2: ", done.error)
            self.assertFalse(os.path.exists(self.path("OUT")))

    def test_a_model_with_a_bad_tensor_is_told_before_anything_runs(self):
        shutil.copytree(TINY, self.path("model"))
        weights = bytearray(self.read("model/model.safetensors"))
        weights[-2:] = b"\xc0\x7f"  # a bfloat16 that is no number
        self.write("model/model.safetensors", bytes(weights))
        done = self.run_recipe("stages: [extract: , fetch: , score: {model: model}]\n", code=1)
        self.assertEqual(len(done.lines), 1, done.error)
        self.assertRegex(done.error, r"OUT\.yaml: line 2: model/model\.safetensors: tensor [a-z_.0-9]+: ")
        self.assertFalse(os.path.exists(self.path("OUT")))

    # ---- what a plan fixes

    STAGES = f"stages: [extract: , fetch: , score: {{model: {TINY}}}]\ntasks: 2\n"

    def test_the_plan_fixes_precision_class_and_model(self):
        self.run_recipe(self.STAGES)
        first, *tasks = self.plan()
        (score,) = first["scores"]
        self.assertRegex(score["model"], "^xxh3_128:[0-9a-f]{32}$")
        self.assertRegex(score["class"], "^cpu-(portable|avx2|avx512|avx512_bf16)$")
        self.assertTrue(score["products"])
        command = next(task["command"] for task in tasks if task["step"] == "03-score")
        self.assertIn("--class=" + score["class"], command)
        self.assertIn("--precision=f32", command)
        self.assertIn("--cache=OUT/cache", command)

    def test_another_machine_is_refused_and_any_machine_is_recorded(self):
        best = self.best_class()
        if best == "cpu-portable":
            self.skipTest("this machine has one class only")
        self.run_recipe(self.STAGES)
        os.unlink(self.path("OUT/03-score/00001.json"))
        lesser = {**os.environ, "ONEDNN_MAX_CPU_ISA": "SSE41"}
        done = self.winnow("run", "-o", "OUT", "OUT.yaml", env=lesser, code=2)
        self.assertEqual(len(done.lines), 1, done.error)
        self.assertIn(f"OUT was scored in class {best}", done.error)
        self.winnow("status", "OUT", env=lesser)  # looking is allowed anywhere
        self.winnow("run", "-o", "OUT", "--any-machine", "OUT.yaml", env=lesser)
        first = self.plan()[0]
        self.assertEqual(first["scores"][0]["class"], best)
        self.assertEqual(first["also"][0]["scores"][0]["class"], "cpu-portable")
        self.assertEqual({self.manifest("03-score", t)["parameters"]["model"]["class"] for t in (0, 1)}, {"cpu-portable"})

    def best_class(self):
        said = dict(line.split("\t")[:2] for line in self.winnow("model", "info", TINY).out.decode().splitlines())
        return said["class"]

    def test_a_lesser_class_of_the_plan_is_kept_on_a_better_machine(self):
        lesser = {**os.environ, "ONEDNN_MAX_CPU_ISA": "SSE41"}
        self.write("OUT.yaml", INPUTS + self.STAGES)
        self.winnow("run", "-o", "OUT", "OUT.yaml", env=lesser)
        self.winnow("run", "-o", "OTHER", "OUT.yaml", env=lesser)
        os.unlink(self.path("OUT/03-score/00001.json"))
        self.winnow("run", "-o", "OUT", "--any-machine", "OUT.yaml")
        for name in ("00000", "00001"):
            self.assertEqual(self.read(f"OUT/03-score/{name}.rows.zst"), self.read(f"OTHER/03-score/{name}.rows.zst"))

    def test_another_model_in_its_place_is_refused(self):
        shutil.copytree(TINY, self.path("model"))
        stages = self.STAGES.replace(TINY, "model")
        self.run_recipe(stages)
        weights = bytearray(self.read("model/model.safetensors"))
        weights[-1] ^= 1
        self.write("model/model.safetensors", bytes(weights))
        self.assertIn("scored by another model", self.run_recipe(stages, code=2).error)

    # ---- the cache

    def test_the_caches_of_tasks_serve_another_score_and_an_empty_one_keeps_none(self):
        self.run_recipe(self.STAGES)
        self.assertEqual(len(os.listdir(self.path("OUT/cache"))), 2)
        rows = [f"OUT/02-fetch/0000{t}.rows.zst" for t in (0, 1)]
        done = self.winnow("score", "--model", TINY, "--classes", "laion_age", "--cache", "OUT/cache", "--packs", "OUT/packs", "-o", "again/", *rows)
        self.assertIn(": 0 pictures decoded", done.error)
        self.run_recipe(self.STAGES.replace(f"{{model: {TINY}}}", f"{{model: {TINY}, cache: ''}}"), "NONE")
        self.assertFalse(os.path.exists(self.path("NONE/cache")))


if __name__ == "__main__":
    unittest.main()
