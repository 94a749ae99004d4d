"""winnow import: other people's lists and shards become rows, whatever they are packed in, and every lost record is named."""

import gzip
import hashlib
import io
import json
import os
import random
import shutil
import subprocess
import tarfile
import tempfile
import unittest

WINNOW = os.environ.get("WINNOW", "./winnow")
SHARED = os.environ.get("WINNOW_SHARED", "../shared")
PEERS = os.path.abspath(os.path.join(SHARED, "data", "peers"))


def run(*arguments, stdin=b"", expect=0, cwd=None):
    done = subprocess.run([os.path.abspath(WINNOW), *arguments], input=stdin, capture_output=True, cwd=cwd)
    if done.returncode != expect:
        raise AssertionError(f"exit {done.returncode}, expected {expect}: {done.stderr.decode(errors='replace')}")
    return done


def rows(*arguments, **how):
    lines = run("import", "--plain", *arguments, **how).stdout.decode().split("\n")
    header = lines[0].split("\t")
    return [dict(zip(header, line.split("\t"))) for line in lines[1:-1]]


def pair_id(url, text):
    return hashlib.sha256(url.encode() + b"\0" + text.encode()).hexdigest()[:32]


def zstd(data):
    return subprocess.run(["zstd", "-qc"], input=data, capture_output=True, check=True).stdout


class InFolder(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, data):
        with open(self.path(name), "wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
        return self.path(name)


class Lists(InFolder):
    def test_a_pair_becomes_a_row_with_id_and_place(self):
        found = rows(self.write("a.tsv", "https://e.com/a.jpg\tA cat\n\nHTTP://E.com:80/b c.jpg#top\t two\x01  caf\u0065\u0301 \n"))
        self.assertEqual([row["url"] for row in found], ["https://e.com/a.jpg", "http://e.com/b%20c.jpg"])
        self.assertEqual([row["text"] for row in found], ["A cat", "two caf\u00e9"])
        self.assertEqual([row["id"] for row in found], [pair_id(row["url"], row["text"]) for row in found])
        self.assertEqual([row["url_raw"] for row in found], ["", "HTTP://E.com:80/b c.jpg#top"])
        self.assertEqual([row["text_raw"] for row in found], ["", " two\\x01  caf\u0065\u0301 "])
        self.assertEqual([[row[c] for c in ("src_file", "src_record", "src_image", "src_text")] for row in found],
                         [["0", "0", "0", "0"], ["0", "1", "0", "0"]])
        self.assertEqual({row["text_source"] for row in found}, {"list"})

    def test_format_and_packing_make_no_difference(self):
        pairs = [("https://e.com/1.jpg", "plain"), ("https://e.com/2.jpg", 'with "quotes", and commas'),
                 ("https://e.com/3.jpg", "caf\u00e9 \U0001F600")]
        tsv = "".join(f"{url}\t{text}\n" for url, text in pairs)
        csv = "".join('%s,"%s"\r\n' % (url, text.replace('"', '""')) for url, text in pairs)
        jsonl = "".join(json.dumps({"text": text, "more": [1, {"url": "no"}], "url": url}) + "\n" for url, text in pairs)
        expected = rows(self.write("a.tsv", tsv))
        self.assertEqual(len(expected), 3)
        for name, data in [("b.csv", csv.encode()), ("c.jsonl", jsonl.encode()), ("d.tsv.gz", gzip.compress(tsv.encode())),
                           ("e.csv.zst", zstd(csv.encode())), ("f.ndjson.gz", gzip.compress(jsonl.encode())),
                           ("g.tsv", b"\xef\xbb\xbf" + tsv.encode())]:
            self.assertEqual(rows(self.write(name, data)), expected, name)
        self.assertEqual(rows("--format", "tsv", "-", stdin=gzip.compress(tsv.encode())), expected)

    def test_fields_are_taken_by_place_or_by_name(self):
        found = rows("--columns", "text,-,url", self.write("a.tsv", "cat\tx\thttps://e.com/1\n"))
        self.assertEqual((found[0]["url"], found[0]["text"]), ("https://e.com/1", "cat"))
        found = rows("--header", "--separator", "|", "--columns", "url=URL,text=TEXT,width=WIDTH,note",
                     self.write("b.csv", 'note|WIDTH|TEXT|URL\n"a|b"|512.0|cat|https://e.com/1\nc|many|dog|https://e.com/2\n'))
        self.assertEqual([(r["url"], r["text"], r["width"], r["note"]) for r in found],
                         [("https://e.com/1", "cat", "512", "a|b"), ("https://e.com/2", "dog", "", "c")])
        found = rows("--columns", "url=u,text=t,score=s", self.write("c.jsonl", '{"s":0.5,"u":"https://e.com/1","t":null}\n'))
        self.assertEqual((found[0]["url"], found[0]["text"], found[0]["score"]), ("https://e.com/1", "", "0.5"))

    def test_wrong_columns_are_usage(self):
        tsv, csv = self.write("a.tsv", "x\n"), self.write("b.csv", "URL,TEXT\nhttps://e.com/1,a\n")
        for arguments, words in [(["--columns", "text", tsv], "url"), (["--columns", "url,id", tsv], "import makes the column id"),
                                 (["--columns", "url,url", tsv], "twice"), (["--columns", "url,Bad Name", tsv], "Bad Name"),
                                 (["--header", "--columns", "url=URL,text=TXT", csv], "'TEXT'"), ([self.path("b.txt")], "b.txt"),
                                 (["--shards", "--header", tsv], "--shards"), ([], "no list"),
                                 (["--separator", "ab", tsv], "one character")]:
            done = subprocess.run([WINNOW, "import", *arguments], capture_output=True)
            self.assertIn(done.returncode, (1, 2), arguments)
            self.assertIn(words, done.stderr.decode(), arguments)

    def test_lost_records_are_named_and_places_do_not_move(self):
        path = self.write("a.tsv", "https://e.com/1\ta\nftp://e.com/2\tb\nrelative.jpg\tc\n\nhttps://e.com/3\td\te\nhttps://e.com/4\tf\n"
                                   "https://" + "x" * 70000 + "/\tg\n\th\n")
        done = run("import", "--plain", path, expect=3)
        self.assertEqual([line.split("\t")[7] for line in done.stdout.decode().split("\n")[1:-1]], ["0", "4"])
        for line in (2, 3, 5, 7, 8):
            self.assertIn(f"a.tsv: line {line}: ", done.stderr.decode())
        run("import", "--plain", "--tolerate", "1", path)

    def test_line_numbers_hold_behind_quoted_line_ends(self):
        done = run("import", "--plain", self.write("a.csv", 'https://e.com/1,"a\nb\nc"\nbad\nhttps://e.com/2,d\n'), expect=3)
        self.assertIn("a.csv: line 4: 1 field, expected 2", done.stderr.decode())
        self.assertEqual([line.split("\t")[7] for line in done.stdout.decode().split("\n")[1:-1]], ["0", "2"])

    def test_long_texts_are_cut_and_long_fields_lost(self):
        out = self.path("a.rows.zst")
        run("import", "-o", out, "--tolerate", "1", "--columns", "url,text,note",
            self.write("a.tsv", "https://e.com/1\t" + "\u00e9 " * 30000 + "\tn\nhttps://e.com/2\tt\t" + "n" * 70000 + "\n"))
        found = rows_of(out)
        self.assertEqual([row["url"] for row in found], ["https://e.com/1"])
        self.assertLessEqual(len(found[0]["text"].encode()), 65536)
        self.assertEqual(found[0]["id"], pair_id(found[0]["url"], found[0]["text"]))
        with open(self.path("a.json"), "rb") as file:
            manifest = json.load(file)
        self.assertEqual(manifest["counts"]["text_cut"], 1)
        self.assertEqual(manifest["losses"]["total"], 1)

    def test_an_open_quote_costs_at_most_four_mebibytes(self):
        line = "https://e.com/x,text\n"
        path = self.write("a.csv", line + 'https://e.com/y,"open\n' + line * 400000)
        done = run("import", "--plain", "--tolerate", "1", path)
        self.assertIn("a.csv: line 2: a record of more than 4 MiB: a quote that is never closed?", done.stderr.decode())
        found = done.stdout.decode().split("\n")[1:-1]
        self.assertGreater(len(found), 100000)
        self.assertEqual(found[0].split("\t")[7], "0")
        self.assertEqual(found[1].split("\t")[7], "2")

    def test_a_damaged_file_ends_there_and_says_so(self):
        dice = random.Random(1)
        tsv = "".join(f"https://e.com/{dice.random()}\ttext {dice.random()}\n" for _ in range(60000)).encode()
        for name, data in [("a.tsv.gz", gzip.compress(tsv)), ("b.tsv.zst", zstd(tsv))]:
            whole = rows(self.write(name, data))
            self.assertEqual(len(whole), 60000)
            done = run("import", "--plain", "--tolerate", "1", self.write(name, data[: len(data) // 2]), expect=3)
            self.assertIn(f"{name}: offset ", done.stderr.decode())
            kept = done.stdout.decode().split("\n")[1:-1]
            self.assertTrue(10000 < len(kept) < 60000)

    def test_an_empty_list_is_no_list(self):
        for name, data in [("a.tsv", b""), ("b.csv", b"url,text\n"), ("c.tsv.gz", gzip.compress(b""))]:
            arguments = ["--header", "--columns", "url,text"] if name == "b.csv" else []
            done = run("import", "--plain", *arguments, self.write(name, data), expect=3)
            self.assertIn("no record", done.stderr.decode())

    def test_equal_bytes_for_any_number_of_threads(self):
        dice = random.Random(2)
        lines = []
        for number in range(40000):
            text = "".join(dice.choice(["word ", "caf\u00e9 ", '""', ",", "\n"]) for _ in range(dice.randrange(12)))
            lines.append(f'https://e{dice.randrange(9)}.com/{number},"{text}"\n' if dice.random() < 0.99 else "bad\n")
        path, outputs = self.write("a.csv", "".join(lines)), []
        for threads in ("1", "2", "7"):
            out = self.path(f"t{threads}.rows.zst")
            done = run("import", "-t", threads, "--tolerate", "1", "-o", out, path)
            with open(out, "rb") as file, open(self.path(f"t{threads}.json"), "rb") as manifest:
                outputs.append((file.read(), manifest.read().replace(f"t{threads}.".encode(), b""), done.stderr))
        self.assertEqual(outputs[0][0], outputs[1][0])
        self.assertEqual(outputs[0][0], outputs[2][0])
        self.assertEqual(outputs[0][2], outputs[2][2])

    def test_tasks_share_the_files(self):
        paths = [self.write(f"{i}.tsv", f"https://e.com/{i}\tt\n") for i in range(5)]
        whole = rows(*paths)
        self.assertEqual([row["src_file"] for row in whole], list("01234"))
        for task in range(3):
            run("import", "--task", f"{task}/3", "-o", self.path("out") + "/", *paths)
        self.assertEqual([row for task in range(3) for row in rows_of(self.path(f"out/0000{task}.rows.zst"))], whole)
        self.assertEqual(rows("--first-file", "7", paths[0])[0]["src_file"], "7")

    def test_the_examples_of_the_manual(self):
        self.assertEqual([row["text"] for row in rows("--columns", "url,text", "tests/data/pairs.tsv")],
                         ["A red square", 'Two cats, "asleep"', "Caf\u00e9 \u00e0 la carte"])
        found = rows("--header", "--columns", "url=URL,text=TEXT,width=WIDTH", "tests/data/pairs.csv")
        self.assertEqual([row["width"] for row in found], ["640", "512", ""])
        self.assertEqual(found[2]["text_raw"], "Caf\u00e9\\n\u00e0 la carte")


def rows_of(path):
    lines = run("view", "--plain", path).stdout.decode().split("\n")
    header = lines[0].split("\t")
    return [dict(zip(header, line.split("\t"))) for line in lines[1:-1]]


def unescape(cell):
    for escape, character in (("\\t", "\t"), ("\\n", "\n"), ("\\r", "\r"), ("\\\\", "\\")):
        cell = cell.replace(escape, character)
    return cell


def members(path):
    with tarfile.open(path) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}


class Shards(InFolder):
    def setUp(self):
        super().setUp()
        self.real = os.path.join(PEERS, "img2dataset-real")
        if not os.path.exists(self.real):
            self.skipTest("no ../shared")

    def test_rows_point_at_the_pictures_inside_the_shards(self):
        paths = [os.path.join(self.real, name) for name in ("00000.tar", "00001.tar")]
        found = rows("--shards", "--columns", "uid,similarity,n", *paths)
        self.assertEqual(len(found), 9)
        with open(os.path.join(self.real, "rows.jsonl"), encoding="utf-8") as file:
            published = {cells["url"]: cells for cells in map(json.loads, file)}
        for row in found:
            cells = published[row["url_raw"] or row["url"]]
            with open(os.path.join(self.real, row["image_pack"]), "rb") as file:
                file.seek(int(row["image_offset"]))
                picture = file.read(int(row["image_length"]))
            self.assertEqual(picture, members(os.path.join(self.real, row["image_pack"]))[cells["key"] + ".jpg"])
            self.assertEqual(unescape(row["text_raw"] or row["text"]), cells["caption"] or "")
            self.assertEqual([row["sha256"], row["width"], row["height"], row["stored_width"], row["stored_height"], row["uid"], row["n"]],
                             [str(cells[k]) for k in ("sha256", "original_width", "original_height", "width", "height", "uid", "n")])
            self.assertEqual(row["similarity"], "" if cells["similarity"] is None else str(cells["similarity"]))
            self.assertEqual((row["stored"], row["status"], row["text_source"]), ("jpeg", "ok", "shard"))
        self.assertEqual([row["src_record"] for row in found], list("01234") + list("0123"))

    def test_winnows_own_shards_come_back_with_their_ids(self):
        first = self.path("first.rows.zst")
        run("import", "--shards", os.path.join(self.real, "00000.tar"), "-o", first)
        for kind in ("none", "zstd", "gzip"):
            run("shard", "--compress", kind, first, "-o", self.path(kind) + "/")
            shard = next(name for name in sorted(os.listdir(self.path(kind))) if name.startswith("00000.tar"))
            again = self.path(kind + ".rows.zst")
            run("import", "--shards", os.path.join(kind, shard), "-o", kind + ".rows.zst", cwd=self.folder)
            keys = ("id", "url", "text", "sha256", "width", "height", "stored", "stored_width", "stored_height", "image_length")
            self.assertEqual([[row[k] for k in keys] for row in rows_of(again)], [[row[k] for k in keys] for row in rows_of(first)])
            run("shard", "--compress", "none", again, "-o", self.path(kind + "-again") + "/")
            with open(self.path("none/00000.tar"), "rb") as one, open(self.path(kind + "-again/00000.tar"), "rb") as two:
                self.assertEqual(one.read(), two.read(), kind)

    def make_shard(self, name, samples, end=True):
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            for member, content in samples:
                info = tarfile.TarInfo(member)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
            length = tar.offset
        return self.write(name, data.getvalue() if end else data.getvalue()[:length])

    def test_samples_that_say_too_little_are_losses(self):
        good = json.dumps({"url": "https://e.com/1"}).encode()
        path = self.make_shard("a.tar", [("d/0.x.jpg", b"jpg"), ("d/1.json", good), ("d/1.txt", b"from txt"), ("d/1.png", b"png"),
                                         ("d/2.json", good), ("d/3.jpg", b"jpg"), ("d/4.jpg", b"j"), ("d/4.json", b"{bad")])
        done = run("import", "--plain", "--shards", path, expect=3)
        lines = done.stdout.decode().split("\n")[1:-1]
        self.assertEqual(len(lines), 1)
        self.assertIn("from txt", lines[0])
        self.assertIn("\tpng\t", lines[0])
        self.assertEqual(done.stderr.decode().count("a.tar: offset "), 4)

    def test_a_cut_shard_gives_what_came_before(self):
        samples = [(f"{i}.{ending}", content) for i in range(3)
                   for ending, content in (("jpg", b"j" * 700), ("json", json.dumps({"url": f"https://e.com/{i}"}).encode()))]
        path = self.make_shard("a.tar", samples)
        with open(path, "rb") as file:
            data = file.read()
        done = run("import", "--plain", "--shards", self.write("b.tar", data[: 2 * (512 + 1024 + 512 + 512) + 600]), expect=3)
        self.assertEqual(len(done.stdout.decode().split("\n")[1:-1]), 2)
        done = run("import", "--plain", "--shards", self.make_shard("c.tar", samples, end=False), expect=3)
        self.assertEqual(len(done.stdout.decode().split("\n")[1:-1]), 3)
        self.assertIn("end mark", done.stderr.decode())

    def test_shards_of_two_folders_are_refused(self):
        os.mkdir(self.path("x"))
        one = self.make_shard("a.tar", [("0.jpg", b"j")])
        two = shutil.copy(one, self.path("x"))
        self.assertIn("different folders", run("import", "--shards", one, two, expect=2).stderr.decode())


if __name__ == "__main__":
    unittest.main()
