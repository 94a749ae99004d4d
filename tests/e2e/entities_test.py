"""Conceptual Captions' rule on rare entities: what names became stands in a column, is counted, and asked."""
import bz2
import gzip
import json
import os
import subprocess
import sys
import tempfile
import unittest

from tests.e2e import make
from tests.e2e.count_test import Counting, row

TABLE = "harrison ford\tactor\ncalista flockhart\tactor\nzorgon quux\talien\nduncan mckellar\tsculptor\n"
TEXTS = ["Harrison Ford at a party", "Harrison Ford and Calista Flockhart at a party", "Zorgon Quux and Harrison Ford at a party", "A party in the park", "",
         "Sculptures by Duncan McKellar in a park", "Sculptures by Duncan McKellar at a party"]
ENTITIES = ["actor", "actor|actor", "alien|actor", "", "", "sculptor", "sculptor"]
COUNTS = {"actor": 4, "alien": 1, "sculptor": 2}


def item(name, label, claims=(), **more):
    """An item of a dump; claims: (property, value, rank)."""
    of = {}
    for claim, value, rank in claims:
        of.setdefault(claim, []).append({"mainsnak": {"snaktype": "value" if value else "novalue", "property": claim, "datavalue": {"value": value}},
                                         "type": "statement", "rank": rank})
    return {"type": "item", "id": name, "labels": {"en": {"language": "en", "value": label}} if label else [], "aliases": [], "claims": of or [],
            "sitelinks": [], **more}


class Tables(unittest.TestCase):
    def test_a_dump_becomes_a_table(self):
        human, painter, city = {"id": "Q5"}, {"numeric-id": 9, "entity-type": "item"}, {"id": "Q7", "numeric-id": 7}
        dump = [item("Q1", "Ann\tLee", [("P31", human, "normal"), ("P106", city, "deprecated"), ("P106", painter, "normal")],
                     aliases={"en": [{"value": "A.  Lee"}]}, sitelinks={"enwiki": {}, "dewiki": {}}),
                item("Q2", "Bo", [("P31", city, "normal"), ("P31", painter, "preferred")]), item("Q3", "Nobody", [("P31", human, "normal"), ("P106", None, "normal")]),
                item("Q4", "A string", [("P31", "Q9", "normal")]), item("Q6", None, [("P31", city, "normal")]), item("Q7", "city"), item("Q9", "painter"),
                {"type": "property", "id": "P31", "claims": {}}]
        lines = ["[", *(json.dumps(entity) + "," for entity in dump), "not json", "]"]
        script = os.path.join(make.ROOT, "filters/language/make_entities.py")
        for ending, opener in ("", open), (".gz", gzip.open), (".bz2", bz2.open):
            with tempfile.TemporaryDirectory() as folder:
                with opener(f"{folder}/dump.json{ending}", "wt", encoding="utf-8") as file:
                    file.write("\n".join(lines))
                told = subprocess.run([sys.executable, "-B", script, f"{folder}/dump.json{ending}"], capture_output=True, text=True, check=True).stdout
            self.assertEqual("Ann Lee\tpainter\t2\nA. Lee\tpainter\t2\nBo\tpainter\t0\nNobody\tperson\t0\n", told)


class Entities(Counting):
    def setUp(self):
        super().setUp()
        self.write("table.tsv", TABLE)
        self.rows_file([row(i, f"http://a.example/{i}.jpg", text) for i, text in enumerate(TEXTS)])
        self.winnow("filter", "-q", "--rule", "h text.hypernyms table=table.tsv", "-o", "named.rows.zst", "in.rows.zst")

    def ask(self, rule, *arguments, code=0):
        done = self.winnow("filter", "-q", "--force", "--rule", rule, *arguments, "-o", "out.rows.zst", "--dropped", "d.zst", "named.rows.zst", code=code)
        return done.error if code else [(r["src_record"], r["measured"], r["bound"]) for r in self.view("d.zst")]

    def test_what_names_became_is_told_and_counted(self):
        named = self.view("named.rows.zst")
        self.assertEqual(ENTITIES, [r["entities"] for r in named])
        self.assertEqual("actors at a party", named[1]["text"])
        self.count("entities", "named.rows.zst")
        self.assertEqual(COUNTS, {r["entity"]: int(r["entity_count"]) for r in self.table("c/00000.entities.rows.zst")})

    def test_tasks_and_buckets_change_nothing(self):
        whole = self.count("entities", "named.rows.zst")
        for task in range(3):
            self.winnow("count", "-q", "--what", "entities", "--task", f"{task}/3", "-o", "p/", "named.rows.zst")
        parts = [f"p/{task:05}.entities.rows.zst" for task in range(3)]
        self.assertEqual(whole["00000.entities.rows.zst"], self.count("entities", *parts, out="w/")["00000.entities.rows.zst"])

    def test_rows_of_a_rare_entity_are_dropped_at_the_bound(self):
        self.count("entities", "named.rows.zst")
        tables = ["--counts", "c/00000.entities.rows.zst"]
        self.assertEqual([], self.ask("r corpus.entity_count min=1", *tables))
        self.assertEqual([("2", "1", ">=2")], self.ask("r corpus.entity_count min=2", *tables))
        self.assertEqual([("2", "1", ">=3"), ("5", "2", ">=3"), ("6", "2", ">=3")], self.ask("r corpus.entity_count min=3", *tables))

    def test_without_a_table_the_rule_says_what_it_needs(self):
        self.assertIn("winnow count --what entities", self.ask("r corpus.entity_count min=2", code=2))
        self.assertIn("run 'winnow filter' first", self.winnow("count", "-q", "--what", "entities", "-o", "x/", "in.rows.zst", code=2).error)

    def test_a_recipe_counts_what_names_became_before_it_asks(self):
        self.write("r.yaml", "inputs: c.warc.gz\npreset: cc3m\nset: {hypernyms.table: table.tsv}\nwithout: [unserved]\n")
        self.write("c.warc.gz", b"")
        lines = self.winnow("run", "--print", "r.yaml").out.decode().splitlines()
        replaces, counts, asks = [line for line in lines if "--at=score" in line or "entities" in line.replace("entities.table", "")]
        self.assertIn("winnow filter --preset=cc3m --at=score ", replaces)
        self.assertIn("winnow count --what=entities:100 ", counts)
        self.assertIn(replaces.split("--output=")[1].split()[0] + "00000.rows.zst", counts)
        self.assertIn("--at=last", asks)
        self.assertIn("--counts=" + counts.split("--output=")[1].split()[0] + "00000.entities.rows.zst", asks)

    def test_a_recipe_without_names_counts_none(self):
        self.write("c.warc.gz", b"")
        for more in ("", "set: {hypernyms.table: table.tsv, hypernyms.at: last}\n", "set: {hypernyms.table: table.tsv}\nwithout: [unserved, hypernyms]\n"):
            self.write("r.yaml", "inputs: c.warc.gz\npreset: cc3m\n" + (more if "without" in more else more + "without: [unserved]\n"))
            self.assertNotIn("--what", self.winnow("run", "--print", "r.yaml").out.decode())

    def test_a_run_drops_what_is_rare_however_many_tasks_count(self):
        self.write("few.preset", "names text.hypernyms at=score table=table.tsv -- choice: a test\n"
                                 "entity_count corpus.entity_count min=3 -- choice: a test\n")
        for file in range(2):
            pairs = [(f"http://pictures.example/{i}.png", text) for i, text in enumerate(TEXTS) if text and i % 2 == file]
            self.write(f"{file}.warc.gz", make.packed([make.page(f"http://a.example/{file}.html", pairs)] +
                                                      [make.picture(url, make.png(20, 15, i)) for i, (url, _) in enumerate(pairs)]))
        for name, more in ("one", ""), ("two", "tasks: 2\n"), ("buckets", "tasks: 2\nbuckets: 3\n"):
            self.write("r.yaml", f"inputs: ['0.warc.gz', '1.warc.gz']\npreset: few.preset\n{more}")
            self.winnow("run", "-q", "-o", name, "r.yaml")
            step = max(f for f in os.listdir(self.path(name)) if f.endswith("-filter"))
            files = [f"{name}/{step}/{f}" for f in sorted(os.listdir(self.path(name, step))) if f.endswith(".rows.zst")]
            kept = [row["text"] for file in files for row in self.view(file)]
            with self.subTest(name):
                self.assertEqual(["A party in the park".lower(), "actor at a party", "actors at a party"], sorted(t.lower() for t in kept))


if __name__ == "__main__":
    unittest.main()
