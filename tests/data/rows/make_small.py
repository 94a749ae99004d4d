#!/usr/bin/env python3
"""Makes small.rows.zst: 360 made-up rows with every column of `extract`, for the examples of the manual and for tests.

    tests/data/rows/make_small.py small.rows.zst        (needs the built ./winnow, or the one that $WINNOW names)
    tests/data/rows/make_small.py --lines > small.tsv   (the same rows as plain lines)

The pictures and their texts are those of captions.tsv, spread over pages of eight sites. Some texts hold "cat", some begin
with a quote; some pairs and some URLs stand on several pages; the raw texts hold every character that is written as an escape.
"""
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
COLUMNS = ("id url text text_raw url_raw page_url text_source url_source src_file src_record src_image src_text warc_offset "
           "warc_length warc_date page_charset page_lang page_robots page_license decl_width decl_height").split()
SITES = ["example.org", "www.example.com", "pictures.example.net", "xn--bcher-kva.example", "shop.example.co.uk", "192.0.2.7",
         "museum.example", "a.b.example.edu"]
ESCAPED = [chr(c) for c in [*range(0x20), 0x5C, *range(0x7F, 0xA0), 0x2028, 0x2029]]
ROWS = 360


def escape(cell):
    """FORMAT.md §2."""
    short = {"\t": "\\t", "\n": "\\n", "\r": "\\r", "\\": "\\\\"}
    cell = re.sub(r"[\t\n\r\\]", lambda m: short[m[0]], cell)
    cell = re.sub(r"[\x00-\x1f\x7f]", lambda m: f"\\x{ord(m[0]):02X}", cell)
    return re.sub("[\x80-\x9f\u2028\u2029]", lambda m: f"\\u{{{ord(m[0]):X}}}", cell)


def raw_text(number, text):
    """How the attribute stood on the page: half of them with characters that extraction takes away."""
    if not text or number % 2:
        return ""
    odd = ESCAPED[number // 2 % len(ESCAPED)]
    return f"  {text}\n" if odd == "\\" else f" {odd}{text}\n\t{odd}"


def row(number, captions):
    """Row `number`: six images a page, three pages a record's site, two files."""
    name, text = captions[(number * 7 + number // 50) % len(captions)]
    page, image = divmod(number, 6)
    site = SITES[page // 3 % len(SITES)]
    host = SITES[0] if name.startswith("cat") else site  # pictures of cats all come from one place
    url = f"https://{host}/pictures/{name}"
    cells = {
        "id": hashlib.sha256(f"{url}\0{text}".encode()).hexdigest()[:32], "url": url, "text": text,
        "text_raw": raw_text(number, text), "url_raw": f"../pictures/{name}" if host == site else "",
        "page_url": f"https://{site}/pages/{page}.html", "text_source": "alt" if text else "alt_empty",
        "url_source": ["src", "srcset", "data-src"][number % 3], "src_file": page // 30, "src_record": page % 30 * 3 + 1,
        "src_image": image, "src_text": 0, "warc_offset": page % 30 * 20000 + 700, "warc_length": 15000 + page * 31 % 4000,
        "warc_date": f"2026-01-{page % 28 + 1:02d}T03:04:05Z", "page_charset": ["utf-8/http", "windows-1252/meta"][page % 2],
        "page_lang": ["en", "de", "", "zh-Hans"][page % 4], "page_robots": "noindex,noimageai" if page % 11 == 0 else "",
        "page_license": "https://creativecommons.org/licenses/by-sa/4.0/" if page % 5 == 0 else "",
        "decl_width": [640, 320, "", 1, 1200][number % 5], "decl_height": [480, 200, "", 1, 250][number % 5],
    }
    return "\t".join(escape(str(cells[column])) for column in COLUMNS)


def lines():
    with open(os.path.join(HERE, "captions.tsv"), encoding="utf-8") as file:
        captions = [line.rstrip("\n").split("\t") for line in file]
    return "\n".join(["\t".join(COLUMNS), *(row(number, captions) for number in range(ROWS))]) + "\n"


def main(target):
    if target == "--lines":
        sys.stdout.buffer.write(lines().encode())
        return
    winnow = os.path.abspath(os.environ.get("WINNOW", os.path.join(HERE, "../../../winnow")))
    target = os.path.abspath(target)
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "small.tsv"), "wb") as file:
            file.write(lines().encode())
        subprocess.run([winnow, "partition", "--by", "id", "--into", "1", "--plain-input", "-o", "whole/", "small.tsv"], cwd=folder,
                       check=True)
        shutil.copy(os.path.join(folder, "whole/00000.00000.rows.zst"), target)


if __name__ == "__main__":
    main(*sys.argv[1:] if len(sys.argv) == 2 else sys.exit(__doc__))
