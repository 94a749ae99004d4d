"""Conceptual Captions' rule on rare entities: what names became stands in a column, is counted, and asked."""
import unittest

from tests.e2e import make
from tests.e2e.count_test import Counting, row

TABLE = "harrison ford\tactor\ncalista flockhart\tactor\nzorgon quux\talien\nduncan mckellar\tsculptor\n"
TEXTS = ["Harrison Ford at a party", "Harrison Ford and Calista Flockhart at a party", "Zorgon Quux and Harrison Ford at a party", "A party in the park", "",
         "Sculptures by Duncan McKellar in a park", "Sculptures by Duncan McKellar at a party"]
ENTITIES = ["actor", "actor|actor", "alien|actor", "", "", "sculptor", "sculptor"]
COUNTS = {"actor": 4, "alien": 1, "sculptor": 2}


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

    def test_a_recipe_leaves_the_rule_to_a_walk_of_its_own(self):
        self.write("r.yaml", "inputs: c.warc.gz\npreset: cc3m\nset: {hypernyms.table: table.tsv}\nwithout: [unserved]\n")
        self.write("c.warc.gz", b"")
        lines = self.winnow("run", "--print", "r.yaml").out.decode()
        self.assertNotIn("entities", lines.replace("table.tsv", ""))


if __name__ == "__main__":
    unittest.main()
