"""`extract` against an independent parser: html5lib's tree of every page of the two crawl files lists each <img> with its
attributes. Every difference is put into one of the classes of tests/data/img-differences.md, and counted there.

    python3 -m tests.e2e.img_oracle_test     prints the counts as the table has them
"""
import collections
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

from tests.e2e.mirror import ROOT, WINNOW, environment

sys.path.insert(0, os.path.join(ROOT, "tests/data"))
import format_reader  # noqa: E402

SHARED = os.environ.get("WINNOW_SHARED", os.path.join(ROOT, "../shared"))
CRAWLS = ["real-crawls", "wrapped-pages"]
TABLE = os.path.join(ROOT, "tests/data/img-differences.md")
LAZY = ["srcset", "data-src", "data-lazy-src", "data-original", "data-lazy", "data-srcset", "data-lazy-srcset", "data-img-src",
        "data-hi-res-src", "data-full-src", "data-orig-file", "data-large-file", "data-flickity-lazyload", "lazy-src", "lowsrc"]
STAND_IN = re.compile(r"(?:[\d\-_.@+ ]|1x1|blank|lazy|loading|pixel|placeholder|spacer|transparent)+", re.I)


def crawl(name, ending):
    return os.path.join(SHARED, "data/warcs", name + ending)


def oracle(name):
    """[(page URL, [attributes of each img in order])]; the lines end in line feeds, and hold U+2028."""
    text = subprocess.run(["zstd", "-dcq", crawl(name, ".img.jsonl.zst")], capture_output=True, check=True).stdout.decode()
    return [(page["page"], page["imgs"], page["encoding"]) for page in map(json.loads, text.split("\n")[:-1])]


def extract(name, folder):
    """Rows of alt and title as dictionaries, grouped by page in their order; the manifest's counts."""
    subprocess.run([WINNOW, "extract", "--keep-empty", "--text-sources", "alt,title", "--quiet", "-o", folder + "/", crawl(name, ".warc.gz")],
                   env=environment(), check=True, capture_output=True)
    columns, rows, _ = format_reader.read(os.path.join(folder, "00000.rows.zst"))
    pages = []
    for row in (dict(zip(columns, row)) for row in rows):
        if not pages or pages[-1][0]["src_record"] != row["src_record"]:
            pages.append([])
        pages[-1].append(row)
    with open(os.path.join(folder, "00000.json"), encoding="utf-8") as file:
        return pages, json.load(file)["counts"]


def is_hollow(url):
    return not url.strip() or url.strip().startswith("#") or url.strip().lower().startswith(("data:", "about:", "blob:"))


def candidates(attributes):
    """URLs that the image's own attributes name, but for src."""
    for name in LAZY:
        value = attributes.get(name, "")
        yield from (part.split()[0].rstrip(",") for part in re.split(r",\s|\s+", value) if part.strip(", ")) if "srcset" in name else [value]
        yield from (part.split()[0] for part in value.split(",") if part.split()) if "srcset" in name else []


def is_stand_in(attributes):
    src = attributes.get("src", "")
    stem = re.split(r"[?#]", src)[0].rsplit("/", 1)[-1].rsplit(".", 1)[0]
    return is_hollow(src) or attributes.get("width") == attributes.get("height") == "1" or bool(STAND_IN.fullmatch(stem))


def class_of_absence(attributes, page_urls):
    """Why an image with a text made no row."""
    named = [url for url in (attributes.get("src", ""), *candidates(attributes)) if not is_hollow(url)]
    if not named:
        return "no URL"
    return "copy for readers without scripting" if page_urls & set(named) else "UNEXPLAINED absence"


def class_of_url(row, attributes):
    """Why a row's URL is not its image's src; None when it is."""
    url = row["url_raw"] or row["url"]
    if url == attributes.get("src"):
        return None
    if not is_stand_in(attributes):
        return "UNEXPLAINED URL"
    if row["url_source"] == "source":
        return "URL of the picture's source"
    return "URL of a lazy attribute or srcset" if url in candidates(attributes) else "UNEXPLAINED URL"


def class_of_text(row, value, encoding):
    """Why a row's text is not its image's attribute; None when it is."""
    text = row["text_raw"] or row["text"]
    if text == value:
        return None
    at = value.find("\ufffd")
    if encoding == "gbk" and at >= 0 and text[:at] == value[:at] and re.match("[\ufffd\u20ac\ue000-\uf8ff]", text[at:at + 1]):
        return "text outside Python's GBK"
    return "UNEXPLAINED text"


def compare(name, folder):
    """{class: count}, and an example of each."""
    counts, examples = collections.Counter(), {}
    pages, totals = extract(name, folder)
    pages.reverse()

    def note(kind, *what):
        counts[kind] += 1
        examples.setdefault(kind, what)

    for url, images, encoding in oracle(name):
        rows = pages.pop() if pages and pages[-1][0]["page_url"].rstrip("/") == url.rstrip("/") else []
        made = {(int(row["src_image"]), row["text_source"].removesuffix("_empty")): row for row in rows}
        page_urls = {row["url_raw"] or row["url"] for row in rows}
        counts["images"] += len(images)
        for number, attributes in enumerate(images):
            for source in ("alt", "title"):
                row = made.pop((number, source), None)
                value = attributes.get(source)
                if not row and value is not None and (source == "alt" or value.strip()):
                    note(f"{class_of_absence(attributes, page_urls)} ({source})", url, number, attributes)
                if row and value is None:
                    note("UNEXPLAINED row", url, number, row)
                if row and value is not None:
                    counts[f"rows ({source})"] += 1
                    for kind in (class_of_url(row, attributes) if source == "alt" else None, class_of_text(row, value, encoding)):
                        if kind:
                            note(kind, url, number, row, attributes)
        for row in made.values():
            note("UNEXPLAINED row", url, row)
    for rows in pages:
        note("UNEXPLAINED page", rows[0])
    counts["difference in the number of images"] = abs(counts["images"] - totals["images"])
    return counts, examples


def table():
    """{class: [count of each crawl]} as tests/data/img-differences.md has it."""
    with open(TABLE, encoding="utf-8") as file:
        rows = re.findall(r"^\| ([^|]+?) \| (\d+) \| (\d+) \|", file.read(), re.M)
    return {kind: [int(first), int(second)] for kind, first, second in rows}


@unittest.skipUnless(os.path.exists(crawl(CRAWLS[0], ".warc.gz")), "needs ../shared")
class Oracle(unittest.TestCase):
    maxDiff = None

    def check(self, at):
        with tempfile.TemporaryDirectory() as folder:
            counts, examples = compare(CRAWLS[at], folder)
        for kind in counts:
            self.assertNotIn("UNEXPLAINED", kind, examples.get(kind))
        self.assertEqual({kind: n for kind, n in counts.items() if n}, {kind: n[at] for kind, n in table().items() if n[at]})

    def test_real_crawls(self):
        self.check(0)

    def test_wrapped_pages(self):
        self.check(1)


def print_counts():
    found = []
    for name in CRAWLS:
        with tempfile.TemporaryDirectory() as folder:
            found.append(compare(name, folder))
    for kind in sorted({kind for counts, _ in found for kind in counts}):
        print(f"| {kind} | {found[0][0][kind]} | {found[1][0][kind]} |")
        for counts, examples in found:
            if kind.startswith("UNEXPLAINED") and kind in examples:
                print("   ", str(examples[kind])[:1500])


if __name__ == "__main__":
    print_counts()
