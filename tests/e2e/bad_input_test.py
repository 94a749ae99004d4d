"""Bad input of every kind: an exit code, one line that says what and where, and never half a result under its final name."""
import json
import os
import re
import signal
import struct
import subprocess
import time
import unittest

from tests.e2e import make

GOOD = make.page("http://a.example/2.html", [("http://pictures.example/0.png", "another text")])


class BadInput(make.InFolder):
    def check(self, *arguments, code, line, outputs=(), **popen):
        """Runs a stage with -q: its exit code, its only line on stderr holds `line`; nothing but `outputs` is there afterwards."""
        before = set(make.tree(self.folder))
        done = self.winnow(*arguments, code=None, **popen)
        self.assertEqual(done.code, code, done.error)
        said = [text for text in done.lines if "published all the same" not in text]
        self.assertEqual(len(said), 1, done.error)
        self.assertIn(line, said[0])
        self.assertTrue(said[0].startswith(f"winnow {arguments[0]}: "), said[0])
        self.assertEqual(set(make.tree(self.folder)) - before, set(outputs))
        return done


class Crawls(BadInput):
    """Damaged crawl files are told with file and offset; what can be read is published, and the exit code is 3."""

    PUBLISHED = ("out/00000.json", "out/00000.rows.zst", "out/00000.pictures.zst")

    def check_crawl(self, name, data, line, rows, code=3):
        self.write(name, data)
        self.check("extract", "-q", "-o", "out/", name, code=code, line=line, outputs=self.PUBLISHED)
        self.assertEqual(len(self.view("out/00000.rows.zst")), rows)
        manifest = json.loads(self.read("out/00000.json"))
        self.assertEqual(manifest["losses"]["total"], 1)
        self.assertEqual(manifest["losses"]["list"][0]["file"], name)

    def test_not_a_crawl_file(self):
        self.check_crawl("page.html", b"<!doctype html><html></html>\n" * 50, "page.html: offset 0: found '<!doctype html>", 0)

    def test_an_empty_file(self):
        self.check_crawl("empty.warc", b"", "empty.warc: offset 0: the file is empty", 0)

    def test_a_gzip_member_that_is_cut(self):
        whole = make.packed([GOOD])
        self.check_crawl("cut.warc.gz", whole + make.crawl(2)[:-150], f"the file ends inside a gzip member", 1 + 11)

    def test_one_member_for_all_that_is_cut(self):
        data = make.gzip.compress(b"".join(make.crawl_records(6)), 6, mtime=0)
        self.check_crawl("cut.warc.gz", data[:-100], "cut.warc.gz: offset 0: the file ends inside a gzip member", 31)

    def test_a_content_length_that_is_too_short(self):
        first = make.page("http://a.example/1.html", [("x.png", "some text")], length=150)
        self.check_crawl("short.warc", first + GOOD, "expected WARC/", 1)

    def test_content_lengths_that_are_no_numbers(self):
        for length in (-5, 10**30, 2**63, "many", "+7", "1e3"):
            with self.subTest(length=length):
                first = make.page("http://a.example/1.html", [("x.png", "some text")], length=length)
                self.check_crawl(f"of{length}.warc", first + GOOD, ": offset 0: record lost: found a Content-Length that is not a plain number", 1)
                for name in self.PUBLISHED:
                    os.unlink(self.path(name))

    def test_a_content_length_that_is_too_long_swallows_no_record(self):
        """It is an oddity, not a loss: the next record's head ends the block."""
        for length in (10**4, 2**62):
            self.write("long.warc", make.page("http://a.example/1.html", [("x.png", "some text")], length=length) + GOOD)
            done = self.winnow("extract", "-q", "--plain", "long.warc")
            self.assertEqual([row["text"] for row in done.rows()], ["some text", "another text"])
            self.assertIn("length-long", self.winnow("warc", "long.warc").out.decode())

    def test_a_head_line_of_a_hundred_megabytes(self):
        head = b"WARC/1.0\r\nWARC-Type: response\r\nX-Long: " + b"a" * 100_000_000 + b"\r\n\r\n"
        self.check_crawl("head.warc", head + GOOD, "head.warc: offset 0: record lost: found a head line longer than 1 MiB", 1)

    def test_an_http_head_of_a_hundred_megabytes(self):
        block = b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 100_000_000 + b"\r\n\r\n<img src=x alt=y>"
        first = make.record("response", "http://a.example/", block, "application/http; msgtype=response")
        self.check_crawl("head.warc", first + GOOD, "head.warc: offset 0: its block is over the limit", 1)

    def test_a_missing_file_among_good_ones(self):
        self.write("good.warc", GOOD)
        self.check("extract", "-q", "-o", "out/", "good.warc", "missing.warc", code=3, line="missing.warc: ", outputs=self.PUBLISHED)

    def test_no_file_that_can_be_read(self):
        self.check("extract", "-q", "-o", "out/", "missing.warc", code=1, line="no input can be read: missing.warc: cannot open")

    def test_bytes_that_are_no_utf8_become_replacement_characters(self):
        self.write("odd.warc", make.page("http://a.example/", [("x.png", "caf\udce9 \udcff\udcfe ok"), ("y.png", "fine")]))
        rows = self.winnow("extract", "-q", "--plain", "odd.warc").rows()
        self.assertEqual([row["text"] for row in rows], ["caf\ufffd \ufffd\ufffd ok", "fine"])

    def test_controls_cannot_leave_their_cell(self):
        """NUL, ESC, line ends, U+2028 in whatever becomes a text column, also in what winnow says of it."""
        odd = "a\x1b[2J&#0;&#x2028;&#10;&#9;\x07&#x85;b\u2028c\u0085d"
        html = f"""<html lang="{odd}"><meta name=robots content="{odd}"><base href="http://a.example/{odd}">
                   <a rel=license href="https://creativecommons.org/licenses/{odd}">x</a><figure>
                   <img src="{odd}.png" alt="{odd}" title="{odd}" aria-label="{odd}"><figcaption>{odd}</figcaption></figure>"""
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nX-Robots-Tag: {odd}\r\n\r\n".encode()
        record = make.record("response", f"http://a.example/{odd}", head + html.encode(), "application/http; msgtype=response")
        record = record.replace(make.DATE.encode(), "2024\x1b[2J\x00\u2028x".encode())
        self.write("odd.warc", record + b"WARC/1.0\r\nWARC-Type: response\r\nContent-Length: \x1b[2J\xe2\x80\xa8\r\n\r\n")
        done = self.winnow("extract", "-q", "--text-sources", "alt,title,figcaption,aria_label", "-o", "out/", "odd.warc", code=None)
        shown = self.winnow("view", "--plain", "out/00000.rows.zst").out
        header, *lines = shown.decode().split("\n")[:-1]
        self.assertGreaterEqual(len(lines), 3)
        for line in lines:
            self.assertEqual(line.count("\t"), header.count("\t"))
        told = self.winnow("report", "out").out + done.error.encode() + self.winnow("audit", "out", lines[0].split("\t")[0]).out
        for output in (shown, told):
            self.assertNotRegex(output.decode(), "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


class Cells(make.InFolder):
    ODD = "a\x00b\x1b[2J\tc\n\r\\d\x07\x7f\x80\x85\x9f\u2028e\u2029"

    def test_odd_characters_pass_every_text_column_and_every_stage(self):
        """Each text column, and one of the user's own, holds all that must be escaped; it comes out as it went in."""
        with open(os.path.join(make.ROOT, "schemas/columns.def"), encoding="utf-8") as file:
            columns = re.findall(r'^COLUMN\((\w+), TEXT, "[^"]*", "(?:extract|fetch)"', file.read(), re.M)
        columns = [name for name in columns if name not in ("id", "url", "text", "url_raw", "text_raw", "url_source", "text_source")] + ["mine"]
        self.assertGreater(len(columns), 8)
        quoted = ",".join(f'"{self.ODD}"' for _ in columns)
        self.write("pairs.csv", "".join(f"http://a.example/{i}.png,some text {i},{quoted}\n" for i in range(3)))
        self.winnow("import", "-q", "--columns", "url,text," + ",".join(columns), "-o", "import/", "pairs.csv")
        self.winnow("filter", "-q", "--rule", "words text.words min=2", "-o", "filter/", "import/00000.rows.zst")
        self.winnow("dedup", "-q", "--by", "mine+url", "-o", "dedup/", "filter/00000.rows.zst")
        self.winnow("partition", "-q", "--by", "mine", "--into", "1", "-o", "partition/", "dedup/00000.rows.zst")
        self.winnow("merge", "-q", "-o", "merged.rows.zst", "partition/00000.00000.rows.zst")
        self.winnow("filter", "-q", "--rule", "words text.words min=9", "-o", "none/", "merged.rows.zst")
        for name in ("import/00000.rows.zst", "merged.rows.zst", "none/00000.dropped.zst"):
            shown = self.winnow("view", "--plain", name)
            self.assertNotRegex(shown.out.decode(), "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
            rows = shown.rows()
            self.assertEqual(len(rows), 3)
            for row in rows:
                for column in columns:
                    self.assertEqual(make.unescape(row[column]), self.ODD, column)


class RowFiles(BadInput):
    RULE = ("filter", "-q", "--rule", "short text.chars min=3")

    def setUp(self):
        super().setUp()
        self.write("crawl.warc.gz", make.crawl(400, pictures=20, pages_only=True))
        self.winnow("extract", "-q", "-o", "rows/", "crawl.warc.gz")
        self.rows = self.read("rows/00000.rows.zst")
        (count,) = struct.unpack("<I", self.rows[-9:-5])
        self.frames = [struct.unpack_from("<I", self.rows, len(self.rows) - 9 - 12 * (count - i))[0] for i in range(count)]

    def check_rows(self, data, code, line, plain=False):
        self.write("in.rows.zst", data)
        more = ("--plain-input",) if plain else ()
        self.check(*self.RULE, *more, "-o", "out/", "in.rows.zst", code=code, line="in.rows.zst: " + line)
        self.check(*self.RULE, *more, "-o", "out.rows.zst", code=code, line="standard input: " + line, stdin=data)

    def test_cut_inside_a_frame(self):
        self.check_rows(self.rows[:self.frames[0] + self.frames[1] // 2], 1, "cut off inside a frame")

    def test_cut_at_every_border_of_frames(self):
        self.assertGreaterEqual(len(self.frames), 4)  # header, two of data, description
        at = 0
        for number, length in enumerate(self.frames[:-1]):
            at += length
            self.check_rows(self.rows[:at], 1, f"cut off after {number} whole frames")

    def test_a_bit_that_flipped(self):
        damaged = bytearray(self.rows)
        damaged[self.frames[0] + self.frames[1] // 2] ^= 1
        self.check_rows(bytes(damaged), 1, "frame 0: damaged zstd frame")

    def test_two_files_joined(self):
        self.check_rows(self.rows + self.rows, 2, "two row files joined: use winnow merge")

    def test_an_empty_file(self):
        self.check_rows(b"", 1, "empty: a row file has at least its header line")

    def test_something_else(self):
        self.check_rows(make.png(20, 20), 2, "not a row file", plain=True)
        self.check_rows(b"a,b,c\n1,2,3\n", 2, "not a row file", plain=True)

    def test_rows_out_of_order(self):
        header, *lines = self.winnow("view", "--plain", "rows/00000.rows.zst").out.splitlines(True)
        first = lines[0].decode().split("\t")
        self.assertEqual(first[8:12], ["0", "0", "0", "0"])
        self.check_rows(header + b"".join(lines[5:] + lines[:5]), 2, f"row {len(lines) - 4}: place 0.0.0.0 after ", plain=True)
        self.check_rows(header + lines[0] + lines[0], 2, "row 2: place 0.0.0.0 after 0.0.0.0: use winnow merge --renumber", plain=True)

    def test_a_row_with_another_number_of_cells(self):
        header, *lines = self.winnow("view", "--plain", "rows/00000.rows.zst").out.splitlines(True)
        self.check_rows(header + lines[0] + lines[1].replace(b"\n", b"\tmore\n"), 1, "row 2: ", plain=True)

    def feed(self, *arguments, head, endless):
        """Writes `endless` for ever into the program; its exit code, output and stderr."""
        process = subprocess.Popen([make.WINNOW, *arguments], cwd=self.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 60 * make.SLOW
        try:
            process.stdin.write(head)
            while process.poll() is None and time.monotonic() < deadline:
                process.stdin.write(next(endless))
        except BrokenPipeError:
            pass
        try:
            process.stdin.close()
        except BrokenPipeError:
            pass
        self.assertLess(time.monotonic(), deadline, "it reads for ever")
        out, error = process.stdout.read(), process.stderr.read().decode()
        process.stdout.close()
        process.stderr.close()
        return process.wait(), out, error

    def test_a_stream_without_end(self):
        def lines():
            number = 0
            while True:
                yield "".join(f"{i:032x}\thttp://a.example/{i}\tsome text\t0\t{i}\t0\t0\n" for i in range(number, number + 1000)).encode()
                number += 1000

        def letters():
            while True:
                yield b"a" * 65536

        head = b"id\turl\ttext\tsrc_file\tsrc_record\tsrc_image\tsrc_text\n"
        code, out, error = self.feed(*self.RULE, "--plain-input", "--plain", "--limit", "10", head=head, endless=lines())
        self.assertEqual((code, out.count(b"\n"), error), (0, 11, ""))
        code, out, error = self.feed(*self.RULE, "--plain-input", "-o", "out/", head=head, endless=letters())
        self.assertEqual((code, len(error.splitlines())), (1, 1))
        self.assertIn("a line longer than", error)
        code, out, error = self.feed(*self.RULE, "--plain-input", "-o", "out/", head=b"", endless=letters())
        self.assertEqual((code, len(error.splitlines())), (2, 1))
        self.assertIn("the first line is longer than", error)
        self.assertFalse(os.path.exists(self.path("out/00000.json")) or os.path.exists(self.path("out/00000.rows.zst")))
        self.assertEqual(self.leftovers(), [])

    def test_unknown_names(self):
        rows = "rows/00000.rows.zst"
        self.check("filter", "-q", "--preset", "laion4000m", "-o", "out/", rows, code=2, line="laion400m")
        self.check("filter", "-q", "--rule", "short text.charz min=3", "-o", "out/", rows, code=2, line="did you mean 'text.chars'")
        self.check("filter", "-q", "--rule", "short text.chars mn=3", "-o", "out/", rows, code=2, line="'mn'")
        self.check("filter", "-q", "--rule", "short text.chars min=many", "-o", "out/", rows, code=2, line="'many'")
        self.check("filter", "-q", "--rule", "wide image.min_side min=3", "-o", "out/", rows, code=2, line="width")
        self.check("dedup", "-q", "--by", "urll", "-o", "out/", rows, code=2, line="did you mean url")
        self.check("view", "--columns", "txt", rows, code=2, line="did you mean text?")
        self.check("shard", "-q", "-o", "shards/", rows, code=2, line="winnow fetch")
        self.check("filter", "--rul", "x", rows, code=2, line="--rule")
        done = self.winnow("filtre", code=2)
        self.assertEqual(done.lines, ["winnow: unknown command 'filtre'; did you mean filter?: 'winnow' alone lists them"])


class Pictures(BadInput):
    def test_pictures_that_are_none_are_dropped_rows(self):
        names = ["html", "cut", "bomb", "empty", "good", "missing"]
        whole = make.png(64, 64, 1)
        bodies = {"html": b"<!doctype html><title>gone</title>", "cut": whole[:len(whole) // 2], "bomb": make.png_bomb(), "empty": b"", "good": whole}
        records = [make.page("http://a.example/", [(f"{name}.png", f"the {name} one") for name in names])]
        records += [make.picture(f"http://a.example/{name}.png", body) for name, body in bodies.items()]
        self.write("crawl.warc", b"".join(records))
        self.winnow("extract", "-q", "-o", "rows/", "crawl.warc")
        done = self.winnow("fetch", "-q", "--from-warc", "crawl.warc", "-o", "out/", "rows/00000.rows.zst")
        self.assertEqual(done.error, "")
        self.assertEqual([row["text"] for row in self.view("out/00000.rows.zst")], ["the good one"])
        dropped = {row["text"].split()[1]: row for row in self.view("out/00000.dropped.zst")}
        self.assertEqual(sorted(dropped), sorted(set(names) - {"good"}))
        self.assertTrue(all(row["rule"].startswith("fetch.") for row in dropped.values()))
        self.assertEqual(dropped["bomb"]["measured"], str(20000 * 20000))
        self.assertEqual(dropped["bomb"]["bound"], "89478484")

    def fetched(self):
        self.write("crawl.warc.gz", make.crawl(10))
        self.winnow("extract", "-q", "-o", "rows/", "crawl.warc.gz")
        self.winnow("fetch", "-q", "--from-warc", "crawl.warc.gz", "-o", "fetched/", "rows/00000.rows.zst")
        return self.view("fetched/00000.rows.zst")

    def test_a_pack_that_is_cut_loses_the_pictures_behind(self):
        rows = self.fetched()
        middle = int(rows[len(rows) // 2]["image_offset"])
        with open(self.path("packs/fetched-00000.tar"), "r+b") as pack:
            pack.truncate(middle + 10)
        done = self.winnow("shard", "-q", "--compress", "none", "-o", "shards/", "fetched/00000.rows.zst", code=3)
        lost = [line for line in done.lines if "00000.tar" in line]
        whole = sum(int(row["image_offset"]) + int(row["image_length"]) <= middle + 10 for row in rows)
        self.assertEqual(len(lost), len(rows) - whole)
        self.assertEqual(len(self.view("shards.meta/00000.rows.zst")), whole)
        self.assertEqual(self.leftovers(), [])

    def test_a_pack_that_is_missing(self):
        self.fetched()
        os.unlink(self.path("packs/fetched-00000.tar"))
        done = self.winnow("shard", "-q", "-o", "shards/", "fetched/00000.rows.zst", code=None)
        self.assertIn(done.code, (1, 3))
        self.assertIn("00000.tar", done.lines[0])

    def test_a_shard_that_is_cut(self):
        self.fetched()
        self.winnow("shard", "-q", "--compress", "none", "-o", "shards/", "fetched/00000.rows.zst")
        with open(self.path("shards/00000.tar"), "r+b") as shard:
            shard.truncate(os.path.getsize(shard.name) // 2)
        done = self.check("import", "-q", "--shards", "-o", "again/", "shards/00000.tar", code=3, line="shards/00000.tar: offset ",
                          outputs=("again/00000.json", "again/00000.rows.zst"))
        self.assertGreater(len(self.view("again/00000.rows.zst")), 3, done.error)


class Recipes(BadInput):
    def check_recipe(self, text, line):
        self.write("recipe.yaml", text)
        self.check("run", "recipe.yaml", code=2, line=line)

    def setUp(self):
        super().setUp()
        self.write("crawl.warc.gz", make.crawl(3))

    def test_an_unknown_key(self):
        self.check_recipe("inputs: crawl.warc.gz\npresett: laion400m\n", "recipe.yaml: line 2: unknown key 'presett'; did you mean preset?")
        self.check_recipe("inputs: crawl.warc.gz\npreset: laion400m\nfetch:\n  siz: 5\n", "recipe.yaml: line 4: ")
        self.check_recipe("inputs: crawl.warc.gz\nstages:\n  - extract:\n  - filtr:\n", "did you mean filter?")

    def test_a_wrong_type(self):
        self.check_recipe("inputs: crawl.warc.gz\npreset: laion400m\ntasks: many\n", "recipe.yaml: line 3: ")
        self.check_recipe("inputs: crawl.warc.gz\npreset: [a, b]\n", "recipe.yaml: line 2: ")
        self.check_recipe("inputs: crawl.warc.gz\npreset: laion400m\nshard:\n  samples: few\n", "recipe.yaml: line 4: --samples few: expected a whole number")
        self.check_recipe("- a list\n", "recipe.yaml: ")
        self.check_recipe("inputs: {a: b}\npreset: laion400m\n", "recipe.yaml: line 1: ")

    def test_a_wrong_value(self):
        stages = "inputs: crawl.warc.gz\nstages:\n  - extract:\n  - filter:\n      rule: [words text.wrods min=2]\n"
        self.check_recipe(stages, "recipe.yaml: line 4: --rule 'words text.wrods min=2': no filter 'text.wrods'; did you mean 'text.words'?")
        self.check_recipe("inputs: crawl.warc.gz\npreset: laion4000m\n", "laion400m")
        self.check_recipe("inputs: crawl.warc.gz\npreset: laion400m\nwithout: [no_such_rule]\n", "no_such_rule")
        self.check_recipe("inputs: crawl.warc.gz\npreset: laion400m\n", "unserved")
        self.check_recipe("inputs: crawl.warc.gz\nstages:\n  - filter:\n", "cannot come first")

    def test_files_that_are_missing(self):
        self.check("run", "no-recipe.yaml", code=2, line="no-recipe.yaml: ")
        self.check_recipe("inputs: missing/*.warc.gz\npreset: laion400m\nwithout: unserved\n", "missing/*.warc.gz")
        self.check_recipe("preset: laion400m\n", "inputs")

    def test_yaml_that_is_none(self):
        self.check_recipe("inputs: [crawl.warc.gz\npreset: x\n", "recipe.yaml: line ")
        self.check_recipe("a\0b: \x1b[2J", "recipe.yaml: ")
        self.check_recipe("", "recipe.yaml: ")

    def test_aliases_that_name_themselves(self):
        self.check_recipe("inputs: &a [crawl.warc.gz, *a]\npreset: laion400m\n", "recipe.yaml: line 1: ")

    def test_aliases_that_multiply(self):
        lists = "".join(f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9))
        started = time.monotonic()
        self.check_recipe("a: &a [x, x, x, x, x, x, x, x, x]\n" + lists, "recipe.yaml: line 1: ")
        self.assertLess(time.monotonic() - started, 5 * make.SLOW)


class Outputs(BadInput):
    def setUp(self):
        super().setUp()
        self.write("crawl.warc.gz", make.crawl(200, pictures=8))

    def test_a_full_disk(self):
        os.mkdir(self.path("small"))
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", self.path("small")], capture_output=True)
        if mounted.returncode != 0:
            self.skipTest("cannot mount a small file system: needs root")
        self.addCleanup(subprocess.run, ["umount", "-l", self.path("small")])
        for arguments in (("extract", "-q", "-o", "small/out/", "crawl.warc.gz"), ("extract", "-q", "-o", "small/out.rows.zst", "crawl.warc.gz")):
            self.check(*arguments, code=1, line="No space left on device")
        self.winnow("extract", "-q", "-o", "rows/", "crawl.warc.gz")
        self.check("fetch", "-q", "--from-warc", "crawl.warc.gz", "--packs", "packs", "-o", "small/f/", "rows/00000.rows.zst", code=1,
                   line="No space left on device", outputs=("packs/f-00000.tar",))
        self.winnow("fetch", "-q", "--from-warc", "crawl.warc.gz", "-o", "fetched/", "rows/00000.rows.zst")
        self.check("shard", "-q", "-o", "small/shards/", "fetched/00000.rows.zst", code=1, line="No space left on device")

    def test_a_place_that_cannot_be_written(self):
        self.write("file", b"")
        self.check("extract", "-q", "-o", "file/out/", "crawl.warc.gz", code=1, line="file")
        self.check("extract", "-q", "-o", "/proc/nowhere/out/", "crawl.warc.gz", code=1, line="/proc/nowhere")
        os.mkdir(self.path("taken.rows.zst"))
        self.check("extract", "-q", "-o", "taken.rows.zst", "crawl.warc.gz", code=1, line="taken.rows.zst: a folder: give taken.rows.zst/")
        self.check("extract", "-q", "-o", "", "crawl.warc.gz", code=2, line="an output's name is empty")
        self.winnow("extract", "-q", "-o", "a/", "crawl.warc.gz")
        self.check("filter", "-q", "--rule", "words text.words min=2", "-o", "one.rows.zst", "-x", "one.rows.zst", "a/00000.rows.zst", code=2,
                   line="one.rows.zst: named for two outputs")
        self.check("extract", "-q", "-o", "b/", "-x", "removed.rows.zst", "crawl.warc.gz", code=2, line="--dropped: this command drops no rows")

    def test_a_standard_output_that_is_full(self):
        self.winnow("extract", "-q", "-o", "a/", "crawl.warc.gz")
        for arguments in (("verify", "a"), ("view", "--plain", "a/00000.rows.zst"), ("url", "http://a.example/"), ("init", "-"), ("help",), ("help", "--filters"),
                          ("warc", "crawl.warc.gz"), ("report", "--funnel", "a"), ("audit", "a", "http://nowhere.example/")):
            with open("/dev/full", "wb") as full:
                done = subprocess.run([make.WINNOW, *arguments], cwd=self.folder, stdout=full, stderr=subprocess.PIPE)
            self.assertEqual((done.returncode, done.stderr.count(b"\n")), (1, 1), (arguments, done.stderr))

    def test_an_output_that_is_no_regular_file(self):
        os.symlink("/dev/null", self.path("device"))
        self.winnow("extract", "-q", "-o", "a/", "crawl.warc.gz")
        for arguments in (("extract", "-q", "-o", "device", "crawl.warc.gz"), ("merge", "-q", "--force", "-o", "device", "a/00000.rows.zst")):
            self.check(*arguments, code=2, line="device: not a regular file")
        self.assertTrue(os.path.islink(self.path("device")))

    def test_an_output_that_is_an_input(self):
        self.winnow("extract", "-q", "-o", "a/", "crawl.warc.gz")
        rows = self.read("a/00000.rows.zst")
        os.symlink("a", self.path("b"))
        for output in ("a/00000.rows.zst", "a/", "b/"):
            self.check("dedup", "-q", "--by", "url", "-o", output, "a/00000.rows.zst", code=2, line="00000.rows.zst: is an input too, and would be replaced")
        self.assertEqual(self.read("a/00000.rows.zst"), rows)

    def closed_early(self, *arguments):
        """Runs with a reader that takes 100 bytes and goes."""
        process = subprocess.Popen([make.WINNOW, *arguments], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdout.read(100)
        process.stdout.close()
        error = process.stderr.read().decode()
        process.stderr.close()
        return process.wait(), error

    def test_standard_output_that_is_closed_early(self):
        self.winnow("extract", "-q", "-o", "rows/", "crawl.warc.gz")
        self.assertGreater(len(self.winnow("view", "--plain", "rows/00000.rows.zst").out), 1 << 18)
        for arguments in (("extract", "-q", "--plain", "crawl.warc.gz"), ("view", "rows/00000.rows.zst"), ("warc", "crawl.warc.gz"), ("help", "--filters"),
                          ("filter", "-q", "--rule", "a text.chars min=2", "--plain", "rows/00000.rows.zst")):
            self.assertEqual(self.closed_early(*arguments), (0, ""), arguments)
        code, error = self.closed_early("filter", "-q", "--rule", "a text.chars min=9", "--plain", "--dropped", "dropped.zst", "rows/00000.rows.zst")
        self.assertEqual((code, len(error.splitlines())), (1, 1))
        self.assertIn("dropped.zst is not published", error)
        self.assertFalse(os.path.exists(self.path("dropped.zst")))
        self.assertEqual(self.leftovers(), [])

    def test_an_interrupted_stage_publishes_nothing(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            head = b"id\turl\ttext\tsrc_file\tsrc_record\tsrc_image\tsrc_text\n" + b"%s\thttp://a.example/\ttext\t0\t0\t0\t0\n" % (b"0" * 32)
            process = subprocess.Popen([make.WINNOW, "filter", "-q", "--plain-input", "--rule", "a text.chars min=2", "-o", "out/"], cwd=self.folder,
                                       stdin=subprocess.PIPE, stderr=subprocess.PIPE)
            process.stdin.write(head)
            process.stdin.flush()
            while not os.path.exists(self.path("out/00000.rows.zst.tmp")):
                time.sleep(0.01)
            process.send_signal(number)
            time.sleep(0.05)
            process.stdin.close()
            error = process.stderr.read().decode()
            process.stderr.close()
            self.assertEqual(process.wait(), 4, error)
            self.assertEqual(len(error.splitlines()), 1)
            self.assertEqual(os.listdir(self.path("out")), [])


if __name__ == "__main__":
    unittest.main()
