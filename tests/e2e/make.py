"""Crawl files for tests, made from nothing: WARC records, pages, PNG and JPEG pictures; and how tests run winnow on them.

    crawl(40, pictures=4)     the bytes of a small crawl, each record its own gzip member; the same for equal arguments
    record(...), page(...), picture(...)      single records, for crawls with something wrong in them
"""
import base64
import functools
import gzip
import hashlib
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WINNOW = os.path.abspath(os.environ.get("WINNOW", os.path.join(ROOT, "winnow")))
SLOW = 8 if os.environ.get("WINNOW_VARIANT") else 1  # sanitizers

DATE = "2024-05-06T07:08:09Z"

# 16 x 16 pixels of grey, baseline
JPEG = base64.b64decode("""
/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgICAgMCAgIDAwMDBAYEBAQEBAgGBgUGCQgKCgkICQkKDA8MCgsOCwkJDRENDg8QEBEQCgwSExIQEw8QEBD/
2wBDAQMDAwQDBAgEBAgQCwkLEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBD/wAARCAAQABADASIAAhEBAxEB/8QA
HwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QAtRAAAgEDAwIEAwUFBAQAAAF9AQIDAAQRBRIhMUEGE1FhByJxFDKBkaEII0KxwRVS0fAkM2JyggkK
FhcYGRolJicoKSo0NTY3ODk6Q0RFRkdISUpTVFVWV1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJipKTlJWWl5iZmqKjpKWmp6ipqrKztLW2t7i5usLDxMXG
x8jJytLT1NXW19jZ2uHi4+Tl5ufo6erx8vP09fb3+Pn6/8QAHwEAAwEBAQEBAQEBAQAAAAAAAAECAwQFBgcICQoL/8QAtREAAgECBAQDBAcFBAQAAQJ3AAEC
AxEEBSExBhJBUQdhcRMiMoEIFEKRobHBCSMzUvAVYnLRChYkNOEl8RcYGRomJygpKjU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVmZ2hpanN0dXZ3eHl6goOE
hYaHiImKkpOUlZaXmJmaoqOkpaanqKmqsrO0tba3uLm6wsPExcbHyMnK0tPU1dbX2Nna4uPk5ebn6Onq8vP09fb3+Pn6/9oADAMBAAIRAxEAPwAooooA/9k=
""")


# ---- pictures

def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, seed=0):
    """Stripes whose colours depend on `seed`; noise in the last row, so that equal sizes differ."""
    dice = random.Random(seed)
    colours = [bytes(dice.randrange(256) for _ in range(3)) for _ in range(7)]
    rows = b"".join(b"\0" + b"".join(colours[(x // 5 + y // 3) % 7] for x in range(width)) for y in range(height - 1))
    rows += b"\0" + bytes(dice.randrange(256) for _ in range(3 * width))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", head) + png_chunk(b"IDAT", zlib.compress(rows, 6)) + png_chunk(b"IEND", b"")


def png_bomb(side=20000):
    """A few KB that unpack to more pixels than any picture may have."""
    line = b"\0" * (side * 3 + 1)
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(line) for _ in range(50)) + packer.flush()
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", head) + png_chunk(b"IDAT", data) + png_chunk(b"IEND", b"")


# ---- records

def record(kind, uri, block, content_type, length=None, version="WARC/1.0"):
    """`length`: what Content-Length says instead of the truth."""
    head = f"{version}\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {uri}\r\nWARC-Date: {DATE}\r\n"
    head += f"WARC-Record-ID: <urn:uuid:{hashlib.md5(uri.encode() + block).hexdigest()}>\r\nContent-Type: {content_type}\r\n"
    head += f"Content-Length: {len(block) if length is None else length}\r\n\r\n"
    return head.encode() + block + b"\r\n\r\n"


def response(uri, body, content_type, status="200 OK", **about):
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return record("response", uri, head.encode() + body, "application/http; msgtype=response", **about)


def page(uri, images, title="a page", **about):
    """A page with images: pairs of URL and alt text, already escaped for HTML."""
    tags = "".join(f'<p><img src="{src}" alt="{alt}"></p>\n' for src, alt in images)
    html = f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><body>\n{tags}</body></html>\n"
    return response(uri, html.encode("utf-8", "surrogateescape"), "text/html", **about)


def picture(uri, body, content_type="image/png", **about):
    return response(uri, body, content_type, **about)


def packed(records):
    """As crawlers write them: a gzip member each."""
    return b"".join(gzip.compress(r, 6, mtime=0) for r in records)


WORDS = "red green old small wooden stone bright quiet river boat house cat horse tree bridge window garden market".split()


@functools.lru_cache(maxsize=None)
def crawl_records(pages, pictures=4, seed=1, pages_only=False):
    """Pages with some images each, and the pictures; some texts short, some pairs twice, some pictures missing."""
    dice = random.Random(seed)
    records = []
    for number in range(pages):
        host = f"http://site{number % 5}.example"
        images = []
        for i in range(pictures):
            name = dice.randrange(pages * pictures // 2)
            text = " ".join(dice.choice(WORDS) for _ in range(dice.randrange(1, 7)))
            images.append((f"http://pictures.example/{name}.png", text if name % 7 else "a cat on a mat"))
        images.append(("http://pictures.example/0.png", "a cat on a mat"))
        if number % 9 == 0:
            images.append((f"http://pictures.example/gone{number}.png", "a picture that is not there"))
        records.append(page(f"{host}/{number}.html", images, title=f"page {number}"))
    for name in range(0 if pages_only else pages * pictures // 2):
        if name % 11 == 10:
            continue
        if name % 5 == 4:
            records.append(picture(f"http://pictures.example/{name}.png", JPEG, "image/jpeg"))
        else:
            records.append(picture(f"http://pictures.example/{name}.png", png(20 + name % 30, 15 + name % 20, name)))
    return records


def crawl(pages, pictures=4, seed=1, pages_only=False):
    return packed(crawl_records(pages, pictures, seed, pages_only))


# ---- running

class Done:
    """one run of the program: code, out (bytes), error (text), lines of error"""

    def __init__(self, done):
        self.code, self.out, self.error = done.returncode, done.stdout, done.stderr.decode("utf-8", "surrogateescape")

    @property
    def lines(self):
        return self.error.splitlines()

    def rows(self):
        header, *rows = self.out.decode().split("\n")[:-1]
        return [dict(zip(header.split("\t"), row.split("\t"), strict=True)) for row in rows]


def unescape(cell):
    """FORMAT.md §2"""
    def one(match):
        kind = match.group(0)[1]
        simple = {"t": "\t", "n": "\n", "r": "\r", "\\": "\\"}
        return simple[kind] if kind in simple else chr(int(match.group(0).strip("\\xu{}"), 16))
    return re.sub(r"\\(?:[tnr\\]|x[0-9A-F]{2}|u\{[0-9A-F]+\})", one, cell)


def tree(folder, without=()):
    """path → bytes of every file below a folder, save what lies in the folders named."""
    files = {}
    for at, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if os.path.relpath(os.path.join(at, f), folder) not in without)
        for name in names:
            path = os.path.join(at, name)
            with open(path, "rb") as file:
                files[os.path.relpath(path, folder)] = file.read()
    return files


class InFolder(unittest.TestCase):
    """A test with a folder of its own, in which winnow runs."""

    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="winnow-")
        self.addCleanup(holder.cleanup)
        self.folder = holder.name

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, data):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
        return name

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def winnow(self, *arguments, code=0, stdin=b"", cwd=None, **popen):
        """Runs in the test's folder; `code` None takes any."""
        done = Done(subprocess.run([WINNOW, *arguments], cwd=cwd or self.folder, input=stdin, capture_output=True, **popen))
        if code is not None and done.code != code:
            raise AssertionError(f"winnow {' '.join(arguments)}: exit {done.code}, expected {code}: {done.error}")
        return done

    def view(self, *arguments):
        return self.winnow("view", "--plain", *arguments).rows()

    def leftovers(self, folder="."):
        """Temporary files below a folder: there must be none when no process runs."""
        return sorted(path for path in tree(self.path(folder)) if path.endswith(".tmp"))
