"""winnow report: every number agrees with the rows themselves; JSON is as its schema says."""
import json
import os
import shutil
import sqlite3
import tempfile
import unittest

from tests.e2e import make

with open(os.path.join(make.ROOT, "schemas/report.schema.json"), encoding="utf-8") as file:
    SCHEMA = json.load(file)


def faults(value, schema, at="report"):
    """What of the schema a value does not keep: the few keywords that ours uses."""
    if "$ref" in schema:
        yield from faults(value, SCHEMA["$defs"][schema["$ref"].rsplit("/", 1)[1]], at)
    if "const" in schema and value != schema["const"]:
        yield f"{at}: {value!r}, not {schema['const']!r}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at}: {value!r} is none of {schema['enum']}"
    for kind, count in (("anyOf", range(1, 9)), ("oneOf", [1])):
        if kind in schema and sum(not list(faults(value, one, at)) for one in schema[kind]) not in count:
            yield f"{at}: {value!r} fits not {kind} {schema[kind]}"
    kinds = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None), "integer": int, "number": (int, float)}
    names = schema.get("type", [])
    names = [names] if isinstance(names, str) else names
    if names and not any(isinstance(value, kinds[name]) and not (name == "integer" and isinstance(value, bool)) for name in names):
        yield f"{at}: {value!r} is no {names}"
    if isinstance(value, int) and value < schema.get("minimum", value):
        yield f"{at}: {value} is too small"
    if isinstance(value, dict):
        yield from (f"{at}: lacks {name}" for name in schema.get("required", []) if name not in value)
        for name, inner in value.items():
            rest = schema.get("additionalProperties", {})
            known = schema.get("properties", {}).get(name, rest)
            if known is False:
                yield f"{at}: unknown {name}"
            else:
                yield from faults(inner, known, f"{at}.{name}")
    if isinstance(value, list) and "items" in schema:
        for number, inner in enumerate(value):
            yield from faults(inner, schema["items"], f"{at}[{number}]")


class Report(make.InFolder):
    made = {}  # finished runs, to be copied

    def run_stages(self, crawl=None, tasks=2):
        """Runs all stages in the test's folder, or takes what an equal run made."""
        key = (crawl, tasks)
        if key not in self.made:
            done = self.run_anew(crawl, tasks)
            kept = tempfile.TemporaryDirectory(prefix="winnow-")
            self.addClassCleanup(kept.cleanup)
            shutil.copytree(self.folder, kept.name, dirs_exist_ok=True)
            self.made[key] = kept.name, done
        shutil.copytree(self.made[key][0], self.folder, dirs_exist_ok=True)
        return self.made[key][1]

    def run_anew(self, crawl, tasks):
        self.write("a.warc.gz", make.crawl(12, seed=1))
        self.write("b.warc.gz", make.crawl(12, seed=2) if crawl is None else crawl)
        self.write("recipe.yaml", f"""
inputs: [a.warc.gz, b.warc.gz]
stages:
  - extract:
  - filter:
      rule: [words text.words min=2, chars text.chars max=24, wide image.min_side min=3, noun text.noun_ratio max=0.9]
      without: [unserved]
  - dedup:
      by: url
  - fetch:
      size: 24
  - filter:
      rule: [side image.min_side min=22]
      mark: true
  - shard:
      samples: 8
tasks: {tasks}
""")
        return self.winnow("run", "-q", "recipe.yaml", code=None)

    def report(self, *arguments):
        report = json.loads(self.winnow("report", "--format", "json", *arguments).out)
        self.assertEqual(list(faults(report, SCHEMA)), [])
        return report, {step["step"]: step for step in report["steps"]}

    def test_numbers_are_those_of_the_rows(self):
        self.assertEqual(self.run_stages().code, 0)
        report, steps = self.report("OUT")
        self.assertEqual(report["to_know"], [])
        self.assertEqual(list(steps), ["01-extract", "02-filter", "03-dedup", "04-fetch", "05-filter", "shards"])
        for name, step in steps.items():
            folder = "OUT/shards.meta" if name == "shards" else f"OUT/{name}"
            files = sorted(os.listdir(self.path(folder)))
            kept = sum(len(self.view(f"{folder}/{file}")) for file in files if file.endswith(".rows.zst"))
            dropped = [row for file in files if file.endswith(".dropped.zst") for row in self.view(f"{folder}/{file}")]
            self.assertEqual((step["rows"]["kept"], step["rows"]["dropped"]), (kept, len(dropped)), name)
            for rule in step["rules"]:
                self.assertEqual(rule.get("removed", 0), sum(row["rule"] == rule["rule"] for row in dropped), rule)
        for before, step in zip(report["steps"], report["steps"][1:]):
            self.assertEqual(step["rows"]["read"], before["rows"]["kept"])
            self.assertEqual(step["rows"]["read"], step["rows"]["kept"] + step["rows"]["dropped"])
        self.assertIsNone(steps["01-extract"]["rows"]["read"])
        self.assertEqual(steps["01-extract"]["inputs"]["files"], 2)

    def test_rules_stand_in_order_with_what_they_would_do_alone(self):
        self.run_stages()
        _, steps = self.report("OUT")
        rules = {rule["rule"]: rule for rule in steps["02-filter"]["rules"]}
        self.assertEqual(list(rules), ["words", "chars", "wide", "noun"])
        texts = [row["text"] for task in "01" for row in self.view(f"OUT/01-extract/0000{task}.rows.zst")]
        self.assertEqual(rules["words"]["alone"], sum(len(text.split()) < 2 for text in texts))
        self.assertEqual(rules["chars"]["alone"], sum(len(text) > 24 for text in texts))
        self.assertEqual(rules["words"]["removed"], rules["words"]["alone"])
        self.assertEqual((rules["words"]["filter"], rules["words"]["parameters"]["min"], rules["words"]["provenance"]), ("text.words", "2", "hand"))
        self.assertIn("2", rules["words"]["bound"])
        self.assertFalse(rules["words"]["alone_sampled"])
        self.assertFalse(rules["wide"]["served"])
        self.assertIn("width", rules["wide"]["reason"])
        self.assertEqual(rules["wide"]["removed"], 0)

    def test_the_index_says_the_same_of_the_rules(self):
        self.run_stages()
        report, _ = self.report("OUT")
        index = sqlite3.connect(self.path("OUT/index.sqlite"))
        self.addCleanup(index.close)
        columns = "rule, filter, provenance, source, served, reason, alone, alone_sampled"
        rows = index.execute(f"SELECT name, {columns} FROM rules JOIN stages USING (step) ORDER BY step, position").fetchall()
        told = [(step["step"], rule["rule"], rule["filter"], rule["provenance"], rule["source"], int(rule["served"]), rule.get("reason"), rule["alone"],
                 int(rule["alone_sampled"]) if rule["alone"] is not None else None) for step in report["steps"] for rule in step["rules"]]
        self.assertEqual([row[:5] for row in rows], [row[:5] for row in told])
        self.assertEqual([row[5:8] for row in rows], [row[5:8] for row in told])

    def test_costly_rules_are_estimated_from_a_sample(self):
        lines = "".join(f"http://a.example/{i}.png\t{'again ' * (1, 2, 3, 6)[i % 4]}{'once' if i % 3 else ''}\n" for i in range(9000))
        self.write("pairs.tsv", lines)
        self.winnow("import", "-q", "-o", "OUT/01-import/", "pairs.tsv")
        self.winnow("filter", "-q", "--rule", "words text.words min=4", "--rule", "rep text.repetition max=0.4", "-o", "OUT/02-filter/",
                    "OUT/01-import/00000.rows.zst")
        _, steps = self.report("OUT")
        words, rep = steps["02-filter"]["rules"]
        self.assertEqual((words["alone_sampled"], rep["alone_sampled"]), (False, True))
        self.assertEqual(rep["reached"], 9000 - words["removed"])
        counts = json.loads(self.read("OUT/02-filter/00000.json"))["counts"]
        self.assertEqual(rep["sample"], counts["behind_of.rep"])
        self.assertTrue(0 < rep["sample"] < 200, rep["sample"])
        self.assertEqual(rep["alone"], rep["removed"] + round(counts["behind.rep"] * words["removed"] / counts["behind_of.rep"]))
        truth = sum(len(text) - len(set(text)) > 0.4 * len(text) for text in (line.split("\t")[1].split() for line in lines.splitlines()))
        self.assertAlmostEqual(rep["alone"], truth, delta=0.2 * truth)
        self.assertRegex(self.winnow("report", "OUT").out.decode(), rf"rep .* ≈{rep['alone']} ")

    def test_marked_rows_went_on(self):
        self.run_stages()
        _, steps = self.report("OUT")
        (rule,) = steps["05-filter"]["rules"]
        small = sum(min(int(row["width"]), int(row["height"])) < 22 for task in "01" for row in self.view(f"OUT/04-fetch/0000{task}.rows.zst"))
        self.assertGreater(small, 0)
        self.assertEqual(rule["marked"], small)
        self.assertEqual(steps["05-filter"]["rows"]["dropped"], 0)
        self.assertRegex(self.winnow("report", "OUT").out.decode(), rf"rule +marked +alone .*\n +side +{small} ")

    def test_how_fetching_ended_and_what_was_twice(self):
        self.run_stages()
        _, steps = self.report("OUT")
        ended = {rule["rule"]: rule["removed"] for rule in steps["04-fetch"]["rules"]}
        self.assertEqual(sum(ended.values()), steps["04-fetch"]["rows"]["dropped"])
        self.assertIn("fetch.not_recorded", ended)
        (twice,) = steps["03-dedup"]["rules"]
        self.assertEqual((twice["rule"], twice["removed"], twice["alone"]), ("dup.url", steps["03-dedup"]["rows"]["dropped"], twice["removed"]))

    def test_the_text_has_every_step_and_rule(self):
        self.run_stages()
        _, steps = self.report("OUT")
        text = self.winnow("report", "OUT").out.decode()
        for name, step in steps.items():
            self.assertRegex(text, rf"(?m)^{name} .* {step['rows']['kept']} ")
            for rule in step["rules"]:
                self.assertRegex(text, rf"(?m)^ +{rule['rule'].replace('+', '.')} ")
        self.assertIn("not served: ", text)

    def test_the_output_file_is_the_same_and_whole(self):
        self.run_stages()
        self.winnow("report", "-o", "new/report.txt", "OUT")
        self.assertEqual(self.read("new/report.txt"), self.winnow("report", "OUT").out)
        self.assertEqual(self.leftovers(), [])

    def test_losses_with_file_and_offset(self):
        whole = make.crawl(12, seed=2)
        self.assertEqual(self.run_stages(whole[:len(whole) // 2]).code, 3)
        report, steps = self.report("OUT")
        self.assertEqual(steps["01-extract"]["losses"]["total"], 1)
        (loss,) = steps["01-extract"]["losses"]["list"]
        self.assertEqual(loss["file"], "b.warc.gz")
        self.assertLess(loss["offset"], len(whole) // 2)
        self.assertIn("the file ends inside a gzip member", loss["what"])
        self.assertIn("01-extract: 1 of 2 tasks met a file", report["to_know"][0])
        self.assertIn(loss["what"], self.winnow("report", "OUT").out.decode())

    def test_a_run_that_is_not_finished_says_so(self):
        self.run_stages()
        os.unlink(self.path("OUT/04-fetch/00001.json"))
        report, steps = self.report("OUT")
        self.assertEqual((steps["04-fetch"]["tasks"]["done"], steps["04-fetch"]["tasks"]["all"]), (1, 2))
        self.assertTrue(any("04-fetch: 1 of 2 tasks are done" in sentence for sentence in report["to_know"]))

    def test_a_limited_run_says_so(self):
        self.write("a.warc.gz", make.crawl(12, seed=1))
        self.winnow("extract", "-q", "--limit", "7", "-o", "OUT/01-extract/", "a.warc.gz")
        report, _ = self.report("OUT")
        self.assertEqual(report["to_know"], ["01-extract: ended early by --limit in 1 of 1 tasks: a sample, not the whole"])

    def test_rows_that_went_astray_are_told(self):
        self.run_stages(tasks=1)
        self.winnow("filter", "-q", "--rule", "words text.words min=4", "-f", "-o", "OUT/02-filter/", "OUT/01-extract/00000.rows.zst")
        report, _ = self.report("OUT")
        self.assertRegex(report["to_know"][0], r"^03-dedup read \d+ rows, but 02-filter wrote \d+$")

    def test_tables_beside_the_rows_take_no_row_away(self):
        self.write("a.warc.gz", make.crawl(12))
        self.write("recipe.yaml", """
inputs: a.warc.gz
stages:
  - extract:
  - count: {what: [url-count, images-per-text]}
  - filter:
      rule: [common corpus.images_per_text max=3]
  - fetch:
      size: 24
  - dedup:
      by: phash
      distance: 4
  - shard:
tasks: 2
buckets: 2
""")
        self.winnow("run", "-q", "recipe.yaml")
        report, steps = self.report("OUT")
        self.assertEqual(report["to_know"], [])
        aside = [name.split("-")[1] for name, step in steps.items() if step["aside"]]
        self.assertEqual(aside, ["count", "partition", "count", "partition", "count", "count", "count", "dedup"])
        before = None
        for name, step in steps.items():
            if step["aside"]:
                continue
            rows = step["rows"]
            if before and rows["read"] is not None:
                self.assertEqual((rows["read"], rows["kept"] + rows["dropped"]), (before["kept"], rows["read"]), name)
            before = rows
        page = self.winnow("report", "--format", "html", "OUT").out.decode()
        self.assertNotIn('class="bad"', page)
        self.assertEqual(page.count("the rows go on as they are"), len(aside))
        self.assertEqual(self.winnow("report", "--funnel", "OUT").out.decode().count("a table: the rows go on as they are"), len(aside))

    def test_a_folder_of_one_stage_is_a_run_of_one_step(self):
        self.write("a.warc.gz", make.crawl(3))
        self.winnow("extract", "-q", "-o", "alone/", "a.warc.gz")
        _, steps = self.report("alone")
        self.assertEqual(list(steps), ["alone"])

    def test_no_run_is_told_in_one_line(self):
        os.mkdir(self.path("empty"))
        self.assertEqual(self.winnow("report", "empty", code=1).lines, ["winnow report: empty: no manifest in it: nothing was published there"])
        self.assertEqual(len(self.winnow("report", "missing", code=1).lines), 1)
        self.write("file", "x")
        self.assertEqual(len(self.winnow("report", "file", code=2).lines), 1)

    def test_a_damaged_manifest_is_told(self):
        self.write("a.warc.gz", make.crawl(3))
        self.winnow("extract", "-q", "-o", "OUT/01-extract/", "a.warc.gz")
        data = self.read("OUT/01-extract/00000.json")
        self.write("OUT/01-extract/00000.json", data.replace(b'"written":', b'"written":1', 1))
        done = self.winnow("report", "OUT", code=1)
        self.assertEqual(len(done.lines), 1)
        self.assertIn("OUT/01-extract/00000.json: damaged manifest", done.error)


if __name__ == "__main__":
    unittest.main()
