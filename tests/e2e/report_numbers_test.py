"""winnow report's numbers over the rows, recomputed from the row files by other means."""
import collections
import math
import os
import random
import re
import shutil
import unittest

from tests.e2e import make
from tests.e2e.report_runs import SCORED, ReportRun, crawl


def cut(value, down=True):
    """A number's first three decimal digits: the lower edge of its bin."""
    if value == 0:
        return 0
    exponent = math.floor(math.log10(abs(value))) - 2
    scale = lambda m: m * 10 ** exponent if exponent >= 0 else m / 10 ** -exponent
    m = round(abs(value) / 10 ** exponent)
    while scale(m) > abs(value):
        m -= 1
    while scale(m + 1) <= abs(value):
        m += 1
    return scale(m)


class Numbers(ReportRun):
    def assert_histogram(self, drawn, values, **by_class):
        """`by_class`: name → which of the values (pairs of value and row) it counts."""
        edges = drawn["edges"]
        self.assertEqual(edges, sorted(set(edges)))
        bars = [0] * (len(edges) - 1)
        for name, belongs in by_class.items():
            expected = list(bars)
            for value, row in values:
                if belongs(value, row):
                    bar = sum(value >= edge for edge in edges) - 1
                    expected[min(max(bar, 0), len(bars) - 1)] += 1
            self.assertEqual(drawn[name], expected, name)
        self.assertEqual(drawn["first_holds_less"], any(value < edges[0] for value, _ in values))
        self.assertEqual(drawn["last_holds_more"], any(value >= edges[-1] for value, _ in values))

    def assert_quantity(self, told, values):
        kept = lambda value, row: row["end"] is None
        self.assertEqual(told["rows"], len(values))
        for name, chosen in (("quantiles", [v for v, _ in values]), ("quantiles_kept", [v for v, row in values if row["end"] is None])):
            chosen.sort()
            expected = [cut(chosen[int(share * (len(chosen) - 1))]) for share in (0, 0.05, 0.25, 0.5, 0.75, 0.95, 1)]
            self.assertEqual(told[name], expected, name)
        self.assert_histogram(told["histogram"], values, rows=lambda value, row: True, kept=kept)

    def assert_frequent(self, told, rows, name_of):
        every = collections.Counter(name_of(row) for row in rows)
        kept = collections.Counter(name_of(row) for row in rows if row["end"] is None)
        self.assertTrue(told["exact"])
        self.assertEqual(told["found"], len(every))
        self.assertEqual({item["name"]: (item["rows"], item["kept"]) for item in told["most_frequent"]}, {name: (n, kept[name]) for name, n in every.items()})
        self.assertEqual([item["rows"] for item in told["most_frequent"]], sorted(every.values(), reverse=True))

    def assert_groups(self, told, values, more=0):
        counts = collections.Counter(values)
        starts = [1, 2, 3, 5, 10, 100, 1000, math.inf]
        expected = [{"rows_from": a, "groups": sum(a <= n + more < b for n in counts.values()),
                     "rows": sum(n + more for n in counts.values() if a <= n + more < b)} for a, b in zip(starts, starts[1:])]
        self.assertEqual((told["different"], told["exact"]), (len(counts), True))
        self.assertEqual(told["by_size"], [size for size in expected if size["groups"]])

    def test_captions_hosts_and_pictures_are_those_of_the_rows(self):
        self.make_run()
        rows, told = self.rows(), self.json()["rows"]
        kept = [row for row in rows if row["end"] is None]
        self.assertGreater(len(kept), 20)
        self.assertEqual((told["read"], told["kept"], told["kept_in"], told["complete"]), (len(rows), len(kept), "shards", True))
        captions = told["captions"]
        self.assertEqual(captions["empty"], sum(not row["text"] for row in rows))
        self.assert_quantity(captions["words"], [(len(row["text"].split()), row) for row in rows])
        self.assert_quantity(captions["characters"], [(len(row["text"]), row) for row in rows])
        self.assert_groups(captions["repeated"], [row["text"] for row in rows])
        self.assert_frequent(captions["frequent"], [row for row in rows if row["text"]], lambda row: row["text"].encode()[:640].decode(errors="ignore"))
        self.assert_frequent(captions["sources"], rows, lambda row: row["text_source"])
        self.assert_frequent(captions["languages"], rows, lambda row: row["page_lang"].split("-")[0].lower())
        host = lambda url: url.split("/")[2]
        domain = lambda url: ".".join(host(url).split(".")[-3 if host(url).endswith("co.uk") else -2:])
        self.assert_frequent(told["hosts"]["hosts"], rows, lambda row: host(row["url"]))
        self.assert_frequent(told["hosts"]["page_domains"], rows, lambda row: domain(row["page_url"]))
        self.assert_groups(told["hosts"]["urls"], [row["url"] for row in rows])
        reached, got = collections.Counter(), collections.Counter()
        for row in rows:
            reached[host(row["url"])] += row["end"] in (None, "04-fetch", "05-filter")
            got[host(row["url"])] += row["end"] in (None, "05-filter")
        for item in told["hosts"]["hosts"]["most_frequent"]:
            self.assertEqual((item["asked"], item["received"]), (reached[item["name"]], got[item["name"]]))

    def test_captions_that_hold_personal_data_are_counted_by_kind(self):
        texts = ["a cat", "write to a@b.co or c@d.co", "call +49 30 901820", "a@b.co, +49 30 901820", "cards 4111 1111 1111 1111", "1920x1080"]
        self.make_run(crawls=[make.packed([make.page("http://p.example/", [(f"http://i.example/{n}.png", text) for n, text in enumerate(texts)])])], tasks=1)
        told = {item["name"]: item["rows"] for item in self.json()["rows"]["captions"]["personal_data"]["most_frequent"]}
        self.assertEqual(told, {"e-mail address": 2, "telephone number": 2, "card number": 1})

    def test_whom_captions_name_and_who_removes_them(self):
        named = ["Portrait of two WOMEN on a bridge", "A French church in winter", "the buddhist monk’s bowl", "New Zealand, from the sea", "an old new map",
                 "Non-binary persons", "churches of Sri Lanka", "a womanly figure", "zealand new", "", "Ein Mann am See", "the mosque \u2014girls praying"]
        dice = random.Random(9)
        texts = [dice.choice(named) + dice.choice(["", " again", " at night in the rain", ", it is said, and " + "so on " * 9]) for _ in range(300)]
        self.make_run(crawls=[make.packed([make.page("http://p.example/", [(f"http://i.example/{n}.png", text) for n, text in enumerate(texts)])])], tasks=1)
        rows, naming = self.rows(), self.json()["rows"]["captions"]["naming"]
        kinds = ["people", "genders", "nations", "religions"]
        self.assertEqual(naming["lists"], {kind: f"mentions-{kind}" for kind in kinds})
        entries = {}
        for kind in kinds:
            with open(os.path.join(make.ROOT, f"filters/lists/mentions-{kind}.txt"), encoding="utf-8") as file:
                entries[kind] = [line.strip() for line in file if not line.startswith("#")]
            self.assertEqual(entries[kind], sorted(set(entries[kind])))
        find = {kind: re.compile(r"(?<!\w)(" + "|".join(re.escape(entry) for entry in entries[kind]) + r")(?!\w)") for kind in kinds}
        names = lambda row, kind: bool(find[kind].search(re.sub(r"[^\w]+", " ", row["text"].lower())))
        counts = lambda chosen: {"all": len(chosen), **{kind: sum(names(row, kind) for row in chosen) for kind in kinds}}
        self.assertGreater(min(counts(rows).values()), 20)
        self.assertEqual(naming["rows"], counts(rows))
        self.assertEqual(naming["kept"], counts([row for row in rows if row["end"] is None]))
        dropped = collections.defaultdict(list)
        for row in rows:
            if row["end"]:
                dropped[row["end"], row["rule"]].append(row)
        self.assertEqual({(rule["step"], rule["rule"]): rule["removed"] for rule in naming["rules"]}, {key: counts(chosen) for key, chosen in dropped.items()})
        for rule in naming["rules"]:
            self.assertEqual(rule["reached"], counts([row for row in rows if row["end"] is None or row["end"] >= rule["step"]]))
        self.assertIn("Who is removed by what", self.page()[1].words)
        self.assertRegex(self.winnow("report", "--format", "text", "OUT").out.decode(), r"removed by +all +people +genders +nations +religions\n")

    def test_pictures_are_those_of_the_rows(self):
        self.make_run()
        pictures = [row for row in self.rows() if row["end"] in (None, "05-filter")]
        told = self.json()["rows"]["pictures"]
        side = lambda row: (int(row["width"]), int(row["height"]))
        self.assertEqual((told["rows"], told["kept"]), (len(pictures), sum(row["end"] is None for row in pictures)))
        self.assertEqual(told["all_bytes"], sum(int(row["bytes"]) for row in pictures))
        self.assertEqual(told["all_bytes_kept"], sum(int(row["bytes"]) for row in pictures if row["end"] is None))
        self.assert_quantity(told["bytes"], [(int(row["bytes"]), row) for row in pictures])
        self.assert_quantity(told["short_side"], [(min(side(row)), row) for row in pictures])
        self.assert_quantity(told["aspect"], [(side(row)[0] / side(row)[1], row) for row in pictures])
        self.assert_frequent(told["formats"], pictures, lambda row: row["format"])
        self.assert_frequent(told["sizes"], pictures, lambda row: f"{row['width']}x{row['height']}")
        self.assert_frequent(told["http_statuses"], pictures, lambda row: row["http_status"])
        edges = told["width_by_height"]["edges"]
        self.assertTrue(any(edge in (15, 30, 60) for edge in edges), edges)  # the limit of 30 is one
        cell = lambda v: min(max(sum(v >= edge for edge in edges) - 1, 0), len(edges) - 2)
        cells = collections.Counter((cell(side(row)[0]), cell(side(row)[1])) for row in pictures)
        kept = collections.Counter((cell(side(row)[0]), cell(side(row)[1])) for row in pictures if row["end"] is None)
        failed = collections.Counter((cell(side(row)[0]), cell(side(row)[1])) for row in pictures if row["end"] == "05-filter")
        self.assertEqual({(x, y): (n, k, f) for x, y, n, k, f in told["width_by_height"]["cells"]},
                         {at: (n, kept[at], failed[at]) for at, n in cells.items()})

    # rule: step, what it measures, whether a value passes
    MEASURES = {
        "words": ("02-filter", lambda row: len(row["text"].split()), lambda v: v >= 2),
        "chars": ("02-filter", lambda row: len(row["text"]), lambda v: v <= 60),
        "length": ("02-filter", lambda row: len(row["url"]), lambda v: v <= 40),
        "side": ("05-filter", lambda row: min(int(row["width"]), int(row["height"])), lambda v: v >= 30),
        "bytes": ("05-filter", lambda row: int(row["bytes"]), lambda v: 300 <= v <= 4000),
        "aspect": ("05-filter", lambda row: max(int(row["width"]), int(row["height"])) / min(int(row["width"]), int(row["height"])), lambda v: v <= 2.1),
    }

    def test_limits_and_what_others_would_keep(self):
        self.make_run()
        rows, told = self.rows(), self.json()["rows"]
        limits = {limit["rule"]: limit for limit in told["limits"]}
        self.assertEqual([limit["rule"] for limit in told["limits"]], ["words", "chars", "length", "rep", "side", "bytes", "aspect"])
        for rule, (step, measure, passes) in self.MEASURES.items():
            limit = limits[rule]
            reached = [(measure(row), row) for row in rows if row["end"] is None or row["end"] >= step]
            only = lambda value, row: row["end"] == step and row["rule"] == rule and not row["also"]
            self.assertEqual((limit["step"], limit["rows"], limit["disagree"], limit["one_row_in"]), (step, len(reached), 0, 1))
            kept = lambda value, row: row["end"] is None
            self.assert_histogram(limit["histogram"], reached, kept=kept, passed=lambda v, row: passes(v) and not kept(v, row), failed_this_only=only,
                                  failed=lambda v, row: not passes(v) and not only(v, row), marked=lambda v, row: False)
            values = sorted(value for value, _ in reached)
            self.assertEqual(limit["quantiles"][3], cut(values[(len(values) - 1) // 2]))
            self.assertGreater(len(limit["limits"]), 4)
            for option in limit["limits"]:
                sign, number = re.fullmatch(r"([<>]=?)(.*)", option["limit"]).groups()
                bound = float(number)
                holds = {"<=": lambda v: v <= bound, ">=": lambda v: v >= bound, ">": lambda v: v > bound, "<": lambda v: v < bound}[sign]
                if rule == "bytes":  # the other side stays
                    holds = (lambda v, h=holds: h(v) and v <= 4000) if sign == ">=" else (lambda v, h=holds: h(v) and v >= 300)
                self.assertEqual(option["passes"], sum(holds(v) for v, _ in reached), (rule, option))
                self.assertEqual(option["kept"], sum(holds(v) for v, row in reached if kept(v, row)), (rule, option))
                self.assertEqual(option["let_in"], sum(holds(v) for v, row in reached if only(v, row)), (rule, option))

    def test_scores_with_limits_stand_ins_and_labels(self):
        self.make_run(tasks=1, crawls=[crawl(3, pages=14)], recipe=SCORED)
        rows = [row for row in self.rows() if "sim_builtin" in row]
        self.assertGreater(len(rows), 30)
        told = self.json()["rows"]
        limits = {limit["rule"]: limit for limit in told["limits"]}
        measured = {"similar": lambda row: float(row["sim_builtin"]), "photo": lambda row: float(row["p_photo_builtin"]),
                    "adult": lambda row: float(row["p_porn_gantman"]) + float(row["p_hentai_gantman"])}
        self.assertEqual(list(limits), list(measured))
        for rule, value in measured.items():
            limit, values = limits[rule], [value(row) for row in rows]
            self.assertEqual((limit["rows"], limit["without"], limit["disagree"]), (len(rows), 0, 0))
            self.assertEqual(sum(map(sum, (limit["histogram"][name] for name in ("kept", "passed", "failed_this_only", "failed")))), len(rows))
            for option in limit["limits"]:
                bound = float(option["limit"][2:])
                self.assertEqual(option["passes"], sum(x >= bound if option["limit"][0] == ">" else x <= bound for x in values), option)
        self.assertEqual({option["published"] for option in limits["similar"]["limits"]}, {""})  # LAION's are of another model
        self.assertEqual(set(told["labels"]), {"zs_laion_nsfw_builtin", "score_status"})
        for column, labels in told["labels"].items():
            self.assert_frequent(labels, rows, lambda row, column=column: row[column])
        text, words = self.winnow("report", "--format", "text", "OUT").out.decode(), self.page()[1].words
        for said in (text, words):
            self.assertIn("sim_builtin for sim_b32", said)
            self.assertIn("zs_laion_nsfw_builtin", said)
        for said in ("1 on another model’s scores", "part of what adult looks at", "no rule limits it"):
            self.assertIn(said, words)

    def test_published_limits_stand_among_the_others(self):
        self.make_run()
        limits = {limit["rule"]: limit for limit in self.json()["rows"]["limits"]}
        words = {option["limit"]: option["published"] for option in limits["words"]["limits"]}
        self.assertIn("datacomp-basic", words[">=3"])
        side = {option["limit"]: option["published"] for option in limits["side"]["limits"]}
        self.assertIn("datacomp-basic", side[">=200"])
        self.assertEqual([option["limit"] for option in limits["side"]["limits"] if option["own"]], [">=30"])

    def test_nearest_to_a_limit_are_nearest(self):
        self.make_run()
        rows = self.rows()
        for limit in self.json()["rows"]["limits"]:
            if limit["rule"] not in self.MEASURES:
                continue
            step, measure, _ = self.MEASURES[limit["rule"]]
            bounds = {"words": [2], "chars": [60], "length": [40], "side": [30], "bytes": [300, 4000], "aspect": [2.1]}[limit["rule"]]
            distance = lambda row: min(abs(measure(row) - bound) for bound in bounds)
            for key, chosen in (("nearest_kept", [row for row in rows if row["end"] is None]),
                                ("nearest_dropped", [row for row in rows if row["end"] == step and row["rule"] == limit["rule"]])):
                best = {}  # of each picture one
                for row in chosen:
                    best[row["url"]] = min(best.get(row["url"], math.inf), distance(row))
                ids = {row["id"]: row for row in chosen}
                self.assertEqual([distance(ids[x["id"]]) for x in limit[key]], sorted(best.values())[:5], (limit["rule"], key))
                for x in limit[key]:
                    self.assertAlmostEqual(x["value"], measure(ids[x["id"]]), places=12)

    def test_what_was_twice(self):
        self.make_run()
        dropped = [row for row in self.rows() if row["end"] == "03-dedup"]
        (told,) = self.json()["rows"]["duplicates"]
        self.assertGreater(len(dropped), 5)
        self.assert_groups(told["groups"], [row["measured"] for row in dropped], more=1)
        self.assertEqual(sum(size["rows"] - size["groups"] for size in told["groups"]["by_size"]), len(dropped))

    def test_the_number_of_tasks_changes_nothing(self):
        one = two = None
        for tasks in (1, 3):
            self.make_run(tasks=tasks)
            report = self.json()["rows"]
            one, two = two, report
            shutil.rmtree(self.path("OUT"))
        self.assertEqual(one, two)

    def test_a_rule_that_is_gone_or_changed_is_told(self):
        self.write("words.txt", "red\ngreen\n")
        self.write("0.warc.gz", crawl(5))
        self.winnow("extract", "-q", "-o", "OUT/01-extract/", "0.warc.gz")
        self.winnow("filter", "-q", "--rule", "flagged text.flagged_ratio max=0.2 list=./words.txt", "-o", "OUT/02-filter/", "OUT/01-extract/00000.rows.zst")
        (limit,) = self.json()["rows"]["limits"]
        self.assertEqual(limit["disagree"], 0)
        self.write("words.txt", "boat\nriver\n")
        (limit,) = self.json()["rows"]["limits"]
        self.assertGreater(limit["disagree"], 0)
        self.assertRegex(self.page()[1].words, r"limits asked again of every row agree with its fate ?\d+ of \d+ answers differ")
        os.unlink(self.path("words.txt"))
        self.assertEqual(self.json()["rows"]["limits"], [])

    def test_bounded_memory_keeps_its_bounds(self):
        dice = random.Random(3)
        texts = [f"caption number {int(dice.paretovariate(0.6))} here" for _ in range(6000)]
        self.write("pairs.tsv", "".join(f"http://h{i % 700}.example/{i}.png\t{text}\n" for i, text in enumerate(texts)))
        self.winnow("import", "-q", "-o", "OUT/01-import/", "pairs.tsv")
        truth = collections.Counter(texts)
        for room in (16, 200, 10000):
            told = self.json("--tally", str(room))["rows"]["captions"]["frequent"]
            self.assertLessEqual(told["found"], max(room, len(truth)))
            self.assertEqual(told["exact"], room == 10000)
            names = {item["name"] for item in told["most_frequent"]}
            for item in told["most_frequent"]:
                self.assertTrue(item["rows"] <= truth[item["name"]] <= item["rows"] + item["missed_at_most"], item)
            for name, n in truth.items():
                self.assertTrue(name in names or n <= told["left_out_at_most"] or len(names) == 1000, (name, n))


if __name__ == "__main__":
    unittest.main()
