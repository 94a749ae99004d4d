"""Rows and packs of made-up pictures, and readers of what winnow makes of them; shared by the tests of shard, index and get."""

import hashlib
import io
import json
import os
import random
import shutil
import struct
import subprocess
import tarfile
import tempfile
import unittest

WINNOW = os.path.abspath(os.environ.get("WINNOW", "./winnow"))
HEADER = ("id url text page_url src_file src_record src_image src_text warc_date status sha256 format width height "
          "exif_orientation stored stored_width stored_height image_pack image_offset image_length sim_l14 mine").split()
HEADS = {"jpeg": b"\xff\xd8\xff\xe0", "png": b"\x89PNG\r\n\x1a\n", "webp": b"RIFF\0\0\0\0WEBP"}
EXTENSIONS = {"jpeg": "jpg", "png": "png", "webp": "webp"}


def escape(text):
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def winnow(*arguments, expect=0, stdin=b"", cwd=None, **popen):
    """Runs the program; its output. The exit code must be `expect`."""
    done = subprocess.run([WINNOW, *map(str, arguments)], input=stdin, capture_output=True, cwd=cwd, **popen)
    done.error = done.stderr.decode(errors="replace")
    if done.returncode != expect:
        raise AssertionError(f"winnow {' '.join(map(str, arguments))}: exit {done.returncode}, expected {expect}: {done.error}")
    return done


class Corpus:
    """`count` rows whose pictures lie in packs/: random bytes behind the magic of their format."""

    def __init__(self, folder, count, packs=2, size=3000, seed=1):
        self.folder, self.rows = folder, []
        dice = random.Random(seed)
        os.makedirs(os.path.join(folder, "packs"))
        for pack in range(packs):
            self.make_pack(dice, f"{pack:05d}.tar", count * pack // packs, count * (pack + 1) // packs, size)
        self.write_rows()

    def make_pack(self, dice, name, first, last, size):
        with open(os.path.join(self.folder, "packs", name), "wb") as out:
            for number in range(first, last):
                row, picture = self.make_row(dice, number, size)
                member = tarfile.TarInfo(f"{number}.{row['stored']}")
                member.size = len(picture)
                row.update(image_pack=name, image_offset=str(out.tell() + 512), image_length=str(len(picture)))
                out.write(member.tobuf(tarfile.USTAR_FORMAT) + picture + bytes(-len(picture) % 512))
                self.rows.append(row)
            out.write(bytes(1024))

    def make_row(self, dice, number, size):
        kind = dice.choice(list(HEADS))
        picture = HEADS[kind] + dice.randbytes(dice.randrange(size) + 20)
        url = f"http://host{number % 7}.example/{number}.{EXTENSIONS[kind]}?a=\"{number}\""
        text = dice.choice(['"quoted', "Größe 🐈", "tab\there", "back\\slash", "plain", "line\nfeed"]) + f" {number}"
        return {
            "id": hashlib.sha256(url.encode() + b"\0" + text.encode()).hexdigest()[:32], "url": url, "text": text,
            "page_url": f"http://page.example/{number // 4}" if number % 5 else "", "src_file": str(number // 100),
            "src_record": str(number % 100), "src_image": "0", "src_text": str(number % 2), "warc_date": "2026-01-02T03:04:05Z",
            "status": "ok", "sha256": hashlib.sha256(picture).hexdigest(), "format": kind, "width": str(300 + number),
            "height": "200", "exif_orientation": str(1 + number % 8), "stored": kind, "stored_width": "128", "stored_height": "96",
            "sim_l14": "0.3125" if number % 3 else "", "mine": f"own {number}" if number % 2 else "",
        }, picture

    def write_rows(self, name="rows.tsv", rows=None):
        rows = self.rows if rows is None else rows
        with open(os.path.join(self.folder, name), "w", encoding="utf-8", newline="") as out:
            out.write("\t".join(HEADER) + "\n")
            for row in rows:
                out.write("\t".join(escape(row.get(column, "")) for column in HEADER) + "\n")

    def own_rows(self):
        """The same rows as a file that winnow wrote to its end."""
        winnow("partition", "--by", "id", "--into", 1, "--plain-input", "-o", "own/", "rows.tsv", cwd=self.folder)
        return "own/00000.00000.rows.zst"

    def picture(self, row):
        with open(os.path.join(self.folder, "packs", row["image_pack"]), "rb") as pack:
            pack.seek(int(row["image_offset"]))
            return pack.read(int(row["image_length"]))


def unpack(stored):
    """The tar inside a shard."""
    if stored[:4] == b"\x28\xb5\x2f\xfd":
        return subprocess.run(["zstd", "-dcq"], input=stored, capture_output=True, check=True).stdout
    if stored[:2] == b"\x1f\x8b":
        return subprocess.run(["gzip", "-dc"], input=stored, capture_output=True, check=True).stdout
    return stored


def samples_of(path):
    """Of a shard: {key: {extension: bytes}}, in order."""
    samples = {}
    with open(path, "rb") as file, tarfile.open(fileobj=io.BytesIO(unpack(file.read()))) as tar:
        for member in tar:
            key, extension = member.name.split(".", 1)
            samples.setdefault(key, {})[extension] = tar.extractfile(member).read()
    return samples


def read_rows(path):
    """The rows of a row file or of plain lines as dictionaries of cells, escaped as they are."""
    with open(path, "rb") as file:
        lines = unpack(file.read()).decode().split("\n")[:-1]
    header = lines[0].split("\t")
    return [dict(zip(header, line.split("\t"))) for line in lines[1:]]


def frames_of(path):
    """The seek table of a .zst file: [(stored bytes, bytes)]."""
    with open(path, "rb") as file:
        data = file.read()
    count, flags, magic = struct.unpack("<IBI", data[-9:])
    assert magic == 0x8F92EAB1 and flags == 0x80, "no seek table"
    table = data[-9 - 12 * count:-9]
    assert struct.unpack("<II", data[-9 - 12 * count - 8:-9 - 12 * count]) == (0x184D2A5E, 12 * count + 9)
    return [struct.unpack_from("<II", table, 12 * i) for i in range(count)]


def contents(folder):
    """{name: bytes} of all files below a folder."""
    found = {}
    for place, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(place, name), "rb") as file:
                found[os.path.relpath(os.path.join(place, name), folder)] = file.read()
    return found


class InFolder(unittest.TestCase):
    """A test in a folder of its own, self.folder."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="winnow-")
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def winnow(self, *arguments, **more):
        return winnow(*arguments, cwd=self.folder, **more)

    def json(self, *parts):
        with open(self.path(*parts), "rb") as file:
            return json.load(file)
