"""schemas/FORMAT.md: a reader made from that page alone reads what winnow writes; its vectors and one-liners hold."""
import ast
import glob
import hashlib
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "tests/data"), os.path.join(ROOT, "tests/data/rows")]
import format_reader  # noqa: E402
import make_small  # noqa: E402

WINNOW = os.path.abspath(os.environ.get("WINNOW", os.path.join(ROOT, "winnow")))
SMALL = os.path.join(ROOT, "tests/data/rows/small.rows.zst")
CRAWL = os.path.join(ROOT, "tests/data/demo/demo.warc.gz")
XXHSUM = shutil.which("xxh128sum") or shutil.which("xxhsum")


def winnow(*arguments, cwd, code=0, stdin=None):
    done = subprocess.run([WINNOW, *arguments], cwd=cwd, capture_output=True, input=stdin)
    if done.returncode != code:
        raise AssertionError(f"winnow {' '.join(arguments)}: exit {done.returncode}: {done.stderr.decode(errors='replace')}")
    return done.stdout


def format_page():
    with open(os.path.join(ROOT, "schemas/FORMAT.md"), encoding="utf-8") as file:
        return file.read()


def vectors():
    table = format_page().split("<!-- vectors:")[1].split("\n## ")[0]
    return [(url, ast.literal_eval(text), identity) for url, text, identity in
            re.findall(r"^\| `(\S+)` \| `(.*)` \| `([0-9a-f]{32})` \|$", table, re.M)]


def one_liners():
    section = format_page().split("## 9 One-liners")[1]
    return [line.strip() for line in section.splitlines() if line.startswith("    ")]


def escape_view(rows, columns):
    return ("\n".join("\t".join(make_small.escape(cell) for cell in row) for row in [columns, *rows]) + "\n").encode()


class InFolder(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="winnow-")
        self.addCleanup(shutil.rmtree, self.folder)

    def quoted_rows(self):
        """rows.zst in self.folder, in which every text begins with a quote; its texts."""
        header, *lines = make_small.lines().splitlines()
        at = header.split("\t").index("text")
        rows = [line.split("\t") for line in lines]
        for row in rows:
            row[at] = '"' + row[at]
        with open(os.path.join(self.folder, "quoted.tsv"), "w", encoding="utf-8") as file:
            file.write("\n".join([header, *("\t".join(row) for row in rows)]) + "\n")
        winnow("partition", "--by", "id", "--into", "1", "--plain-input", "-o", "own/", "quoted.tsv", cwd=self.folder)
        shutil.copy(os.path.join(self.folder, "own/00000.00000.rows.zst"), os.path.join(self.folder, "rows.zst"))
        return [row[at] for row in rows]


class Reader(InFolder):
    def test_the_readers_code_fits_in_sixty_lines(self):
        with open(format_reader.__file__, encoding="utf-8") as file:
            self.assertLessEqual(len(file.readlines()), 60)

    def test_the_committed_rows_are_those_of_their_script(self):
        columns, rows, _ = format_reader.read(SMALL)
        self.assertEqual(escape_view(rows, columns).decode(), make_small.lines())

    def test_every_escape_is_undone(self):
        columns, rows, _ = format_reader.read(SMALL)
        raw = "".join(row[columns.index("text_raw")] for row in rows)
        self.assertEqual([c for c in make_small.ESCAPED if c not in raw], [])
        self.assertIn("an escape that is none: \\x41 and \\u{41} and \\q", [row[columns.index("text")] for row in rows])

    def test_a_file_cut_off_is_noticed(self):
        with open(SMALL, "rb") as file:
            whole = file.read()
        ends, at = [], 0
        for stored, _ in format_reader.frames(SMALL):  # borders of frames are the hard places
            at += len(stored)
            ends.append(at)
        for end in [10, *ends, len(whole) - 1]:
            path = os.path.join(self.folder, "cut.rows.zst")
            with open(path, "wb") as file:
                file.write(whole[:end])
            with self.subTest(end=end), self.assertRaises(format_reader.CutOff):
                format_reader.read(path)
            if end != ends[-1]:  # behind the description all rows are there, as in a pipe that ended then
                winnow("view", "--check", path, cwd=self.folder, code=1)

    def test_every_row_file_of_a_pipeline_reads_as_view_shows_it(self):
        steps = [
            ["extract", "-o", "1-extract/", CRAWL],
            ["filter", "--rule", "long text.chars min=12", "-o", "2-filter/", "1-extract/00000.rows.zst"],
            ["partition", "--by", "url", "--into", "3", "-o", "3-partition/", "2-filter/00000.rows.zst"],
            *[["dedup", "--by", "url", "-o", f"4-dedup/{i}.rows.zst", "--dropped", f"4-dedup/{i}.dropped.zst",
               f"3-partition/00000.{i:05d}.rows.zst"] for i in range(3)],
            ["merge", "-o", "5-merge/", *[f"4-dedup/{i}.rows.zst" for i in range(3)]],
            ["fetch", "--from-warc", CRAWL, "-o", "6-fetch/", "5-merge/00000.rows.zst"],
        ]
        os.mkdir(os.path.join(self.folder, "4-dedup"))
        for step in steps:
            winnow(*step, "--quiet", cwd=self.folder)
        made = sorted(path for path in glob.glob(f"{self.folder}/*/*.zst"))
        self.assertGreaterEqual(len(made), 15)
        for path in made:
            with self.subTest(path=os.path.relpath(path, self.folder)):
                columns, rows, description = format_reader.read(path)
                self.assertEqual(escape_view(rows, columns), winnow("view", path, cwd=self.folder))
                self.check_places(columns, rows)
                self.check_frames(path, description)
        self.check_ids(made)

    def check_places(self, columns, rows):
        if "src_image" not in columns:  # the table of pictures
            return
        at = [columns.index(f"src_{part}") for part in ("file", "record", "image", "text")]
        places = [tuple(int(row[i]) for i in at) for row in rows]
        self.assertTrue(all(a < b for a, b in zip(places, places[1:])), "places rise")

    def check_frames(self, path, description):
        sizes = [size for _, size in format_reader.frames(path)][1:-1]
        self.assertEqual(len(sizes), len(description["frame_rows"]))
        self.assertTrue(all(size >= 1 << 20 for size in sizes[:-1]), sizes)
        if XXHSUM:
            with open(path, "rb") as file:
                text = subprocess.run(["zstd", "-dcq"], stdin=file, capture_output=True, check=True).stdout
            self.assertEqual(xxh3_128(text), description["xxh3_128"])

    def check_ids(self, made):
        """The ids of extract are those of FORMAT.md §4, and a dropped file's table of ids leads to their frames."""
        for path in made:
            columns, rows, description = format_reader.read(path)
            for row in rows if "1-extract/00000.rows" in path else []:
                cells = dict(zip(columns, row))
                self.assertEqual(cells["id"], hashlib.sha256(f"{cells['url']}\0{cells['text']}".encode()).hexdigest()[:32])
            table = path.replace(".dropped.zst", ".dropped.ids")
            if table == path or not rows:
                continue
            frames = [number for number, count in enumerate(description["frame_rows"]) for _ in range(count)]
            wanted = sorted(bytes.fromhex(row[0])[:8] + struct.pack(">I", frame) for row, frame in zip(rows, frames))
            with open(table, "rb") as file:
                self.assertEqual(file.read(), b"".join(wanted), os.path.relpath(table, self.folder))


def xxh3_128(data):
    command = [XXHSUM] if XXHSUM.endswith("128sum") else [XXHSUM, "-H2"]
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout.split()[0].decode()


class Manifests(InFolder):
    def setUp(self):
        super().setUp()
        winnow("filter", "--rule", "long text.chars min=12", "-o", "out/", "--quiet", SMALL, cwd=self.folder)
        with open(os.path.join(self.folder, "out/00000.json"), "rb") as file:
            self.stored = file.read()
        self.manifest = json.loads(self.stored)

    def test_keys_are_sorted_and_its_own_hash_is_the_last(self):
        keys = list(self.manifest)
        self.assertEqual(keys, [*sorted(keys[:-1]), "xxh3_128"])
        self.assertEqual(self.manifest["format"], "winnow-manifest-1")
        self.assertEqual(self.stored.count(b"\n"), 1)

    def test_no_number_is_a_float(self):
        def refuse(text):
            raise AssertionError(f"a float: {text}")
        json.loads(self.stored, parse_float=refuse)

    def test_rows_are_accounted_for(self):
        rows = self.manifest["rows"]
        self.assertEqual(rows["read"], 360)
        self.assertEqual(rows["read"], rows["written"] + rows["dropped"])
        self.assertEqual(sum(self.manifest["rules"].values()), rows["dropped"])

    def test_each_output_is_named_with_its_size(self):
        self.assertTrue(self.manifest["outputs"])
        for output in self.manifest["outputs"]:
            self.assertEqual(os.path.getsize(os.path.join(self.folder, "out", output["name"])), output["size"])

    @unittest.skipUnless(XXHSUM, "needs xxh128sum (apt install xxhash)")
    def test_hashes_are_xxh3_128(self):
        end = self.stored.rindex(b',"xxh3_128"')
        self.assertEqual(xxh3_128(self.stored[:end]), self.manifest["xxh3_128"])
        for output in self.manifest["outputs"]:
            with open(os.path.join(self.folder, "out", output["name"]), "rb") as file:
                self.assertEqual(xxh3_128(file.read()), output["xxh3_128"])


class Page(InFolder):
    def test_the_twelve_ids_are_sha256_of_url_and_text(self):
        self.assertEqual(len(vectors()), 12)
        for url, text, identity in vectors():
            self.assertEqual(hashlib.sha256(url.encode() + b"\0" + text.encode()).hexdigest()[:32], identity, url)

    def test_winnow_gives_the_vectors_ids(self):
        made = [(url, text, identity) for url, text, identity in vectors() if text and not text.endswith(" ")]
        with open(os.path.join(self.folder, "list.jsonl"), "w", encoding="utf-8") as file:
            file.write("".join(json.dumps({"url": url, "text": text}) + "\n" for url, text, _ in made))
        winnow("import", "--columns", "url,text", "-o", "list.rows.zst", "list.jsonl", cwd=self.folder)
        columns, rows, _ = format_reader.read(os.path.join(self.folder, "list.rows.zst"))
        found = [tuple(row[columns.index(name)] for name in ("url", "text", "id")) for row in rows]
        self.assertEqual(found, made)

    def test_the_one_line_of_python_computes_an_id(self):
        line = next(line.strip() for line in format_page().splitlines() if line.startswith("    python3 -c 'import hashlib"))
        url, text, identity = vectors()[0]
        done = subprocess.run(["bash", "-c", line.replace("URL TEXT", '"$1" "$2"'), "-", url, text], capture_output=True, check=True)
        self.assertEqual(done.stdout.decode().strip(), identity)

    def run_line(self, program):
        """The one-liner that begins with this program or holds it, run where rows.zst lies."""
        lines = [line for line in one_liners() if re.search(rf"\b{re.escape(program)}\b", line)]
        self.assertEqual(len(lines), 1, lines)
        done = subprocess.run(["bash", "-c", lines[0]], cwd=self.folder, capture_output=True)
        self.assertEqual((done.returncode, done.stderr), (0, b""), lines[0])
        return done.stdout.decode()

    def test_zstdcat_shows_lines(self):
        self.quoted_rows()
        self.assertEqual(len(self.run_line("head").splitlines()), 10)

    def test_awk_reads_every_text(self):
        self.assertEqual(self.quoted_rows(), self.run_line("awk").splitlines())

    @unittest.skipUnless(shutil.which("sqlite3"), "needs sqlite3")
    def test_sqlite3_counts_every_row(self):
        texts = self.quoted_rows()
        self.assertEqual(int(self.run_line("sqlite3")), len(texts))


if __name__ == "__main__":
    unittest.main()
