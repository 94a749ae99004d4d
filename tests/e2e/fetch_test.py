"""winnow fetch: rows in, pictures out; and winnow image, the window into the decoder."""

import gzip
import hashlib
import io
import json
import os
import struct
import subprocess
import sys
import tarfile
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "data", "pictures"))
sys.path.insert(0, os.path.join(ROOT, "tests", "data"))
from make_pictures import orientation, png  # noqa: E402
from phash import phash  # noqa: E402

WINNOW = os.path.abspath(os.environ.get("WINNOW", "./winnow"))
HEADER = "id url text src_file src_record src_image src_text".split()


def winnow(*arguments, stdin=b"", expect=0, cwd=None):
    done = subprocess.run([WINNOW, *arguments], input=stdin, capture_output=True, cwd=cwd)
    if done.returncode != expect:
        raise AssertionError(f"winnow {' '.join(arguments)}: exit {done.returncode}, expected {expect}: {done.stderr.decode()}")
    return done


def parse(lines):
    header, *rows = lines.decode().split("\n")[:-1]
    return [dict(zip(header.split("\t"), row.split("\t"))) for row in rows]


def response(url, body=b"", status=200, fields=()):
    head = f"HTTP/1.1 {status} Said\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields)
    block = head.encode() + b"\r\n" + body
    fields = f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: {url}\r\nWARC-Date: 2024-05-06T07:08:09Z\r\n"
    fields += f"WARC-Record-ID: <urn:uuid:{hashlib.md5(block).hexdigest()}>\r\nContent-Type: application/http; msgtype=response\r\n"
    return f"{fields}Content-Length: {len(block)}\r\n\r\n".encode() + block + b"\r\n\r\n"


def redirect(url, target):
    return response(url, status=302, fields=[("Location", target)])


def rows_of(urls):
    """TSV with one row for each URL; its place is its number."""
    lines = ["\t".join(HEADER)]
    for number, url in enumerate(urls):
        pair = hashlib.sha256(url.encode() + b"\0text").hexdigest()[:32]
        lines.append("\t".join([pair, url, "text", "0", str(number), "0", "0"]))
    return "".join(line + "\n" for line in lines).encode()


def shades(width, height, seed=0):
    return png(width, height, lambda x, y: ((x * 7 + seed) % 256, (y * 5 + seed) % 256, (x + y) % 256))


def jpeg_size(data):
    """width and height in a JPEG's frame header"""
    at = 2
    while True:
        marker, length = data[at + 1], struct.unpack(">H", data[at + 2:at + 4])[0]
        if marker in (0xC0, 0xC1, 0xC2):
            height, width = struct.unpack(">HH", data[at + 5:at + 9])
            return width, height
        at += 2 + length


class FetchTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, *names):
        return os.path.join(self.folder.name, *names)

    def write(self, name, data):
        with open(self.path(name), "wb") as file:
            file.write(data)
        return self.path(name)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def fetch(self, records, urls, *options, pack="gzip"):
        """Runs fetch on such a crawl; rows, dropped rows, bytes of each row's picture."""
        packed = b"".join(records) if pack == "plain" else b"".join(map(gzip.compress, records))
        warc = self.write("crawl.warc", gzip.compress(b"".join(records)) if pack == "one" else packed)
        winnow("fetch", "--from-warc", warc, "--plain-input", "-q", "-o", self.path("out.rows.zst"), "--plain", "--dropped",
               self.path("out.dropped.zst"), *options, "-", stdin=rows_of(urls))
        rows = parse(winnow("view", "--plain", self.path("out.rows.zst")).stdout)
        dropped = parse(winnow("view", "--plain", self.path("out.dropped.zst")).stdout)
        pictures = []
        for row in rows:
            data = self.read(os.path.join("packs", row["image_pack"]))
            offset, length = int(row["image_offset"]), int(row["image_length"])
            pictures.append(data[offset:offset + length])
        return rows, dropped, pictures

    def test_a_row_gets_its_picture_and_what_is_known_of_it(self):
        body = shades(600, 300)
        rows, dropped, pictures = self.fetch([response("http://a.test/x.png", body)], ["http://a.test/x.png"])
        self.assertEqual(dropped, [])
        row = rows[0]
        expected = dict(status="ok", http_status="200", bytes=str(len(body)), sha256=hashlib.sha256(body).hexdigest(), format="png",
                        width="600", height="300", exif_orientation="1", stored="jpeg", stored_width="512", stored_height="256",
                        image_pack="out.tar")
        self.assertEqual({name: row[name] for name in expected}, expected)
        self.assertRegex(row["phash"], "^[0-9a-f]{16}$")
        self.assertEqual(jpeg_size(pictures[0]), (512, 256))

    def test_the_pack_is_a_tar_that_anybody_reads(self):
        urls = [f"http://a.test/{n}.png" for n in range(4)]
        rows, _, pictures = self.fetch([response(url, shades(20 + n, 20)) for n, url in enumerate(urls)], urls)
        with tarfile.open(self.path("packs", "out.tar")) as tar:
            members = tar.getmembers()
            self.assertEqual([m.name for m in members], [f"0-{n}-0-0.jpg" for n in range(4)])
            self.assertEqual([tar.extractfile(m).read() for m in members], pictures)
            self.assertEqual([m.offset_data for m in members], [int(row["image_offset"]) for row in rows])

    def test_keep_bytes_stores_what_came(self):
        body = shades(1000, 10)
        rows, _, pictures = self.fetch([response("http://a.test/x", body)], ["http://a.test/x"], "--keep-bytes")
        self.assertEqual(pictures, [body])
        self.assertEqual((rows[0]["stored"], rows[0]["stored_width"], rows[0]["stored_height"]), ("png", "1000", "10"))

    def test_pictures_are_turned_upright_before_they_are_resized(self):
        body = png(900, 300, lambda x, y: (x % 256, 0, 0), exif=orientation(6))
        rows, _, pictures = self.fetch([response("http://a.test/x", body)], ["http://a.test/x"], "--size", "300")
        self.assertEqual((rows[0]["width"], rows[0]["height"], rows[0]["exif_orientation"]), ("900", "300", "6"))
        self.assertEqual((rows[0]["stored_width"], rows[0]["stored_height"]), ("100", "300"))
        self.assertEqual(jpeg_size(pictures[0]), (100, 300))

    def test_the_perceptual_hash_is_that_of_the_definition_on_the_upright_picture(self):
        pixel = lambda x, y: ((x * x * 5 + y) % 256, (y * y * 3 + x) % 256, (x * y) % 256)
        upright = [[pixel(x, y) for x in range(45)] for y in range(30)]
        turned = png(30, 45, lambda x, y: upright[x][44 - y], exif=orientation(6))  # a quarter to the left, as a camera stores it
        rows, _, _ = self.fetch([response("http://a.test/x", png(45, 30, pixel)), response("http://a.test/y", turned)],
                                ["http://a.test/x", "http://a.test/y"])
        self.assertEqual([row["phash"] for row in rows], [phash(upright)] * 2)

    def test_the_vectors_of_the_perceptual_hash_are_reproducible(self):
        self.assertEqual(subprocess.run([sys.executable, os.path.join(ROOT, "tests", "data", "phash.py")]).returncode, 0)

    def test_modes_and_formats(self):
        body = shades(400, 200)
        for options, size, magic in [
            (["--resize", "center_crop", "--size", "100"], ("100", "100"), b"\xff\xd8"),
            (["--resize", "border", "--size", "100", "--format", "png"], ("100", "100"), b"\x89PNG"),
            (["--resize", "keep_ratio", "--size", "100", "--format", "webp"], ("200", "100"), b"RIFF"),
            (["--resize", "no"], ("400", "200"), b"\xff\xd8"),
            (["--size", "500"], ("400", "200"), b"\xff\xd8"),
            (["--size", "500", "--enlarge"], ("500", "250"), b"\xff\xd8"),
        ]:
            with self.subTest(options=options):
                rows, _, pictures = self.fetch([response("http://a.test/x", body)], ["http://a.test/x"], *options)
                self.assertEqual((rows[0]["stored_width"], rows[0]["stored_height"]), size)
                self.assertTrue(pictures[0].startswith(magic))

    def test_large_jpegs_are_decoded_smaller_and_look_the_same_as_exact_ones(self):
        url = "http://a.test/x"
        body = png(1200, 900, lambda x, y: ((x * x // 3000 + y // 9) % 256, x // 5, y // 4), exif=orientation(1))
        _, _, (large,) = self.fetch([response(url, body)], [url], "--resize", "no")
        rows, sizes = {}, {}
        for options in ((), ("--exact-resize",)):
            (row,), _, (picture,) = self.fetch([response(url, large)], [url], "--size", "256", "--force", *options)
            rows[options], sizes[options] = row, picture
            self.assertEqual((row["width"], row["height"]), ("1200", "900"))
            self.assertEqual(jpeg_size(picture), (256, 192))
        scaled, exact = rows.values()
        self.assertNotEqual(*sizes.values())
        self.assertLessEqual(bin(int(scaled["phash"], 16) ^ int(exact["phash"], 16)).count("1"), 4)
        (whole,), _, _ = self.fetch([response(url, large)], [url], "--resize", "no", "--force")
        self.assertEqual(exact["phash"], whole["phash"])
        pictures = [self.fetch([response(url, large)], [url], "--size", "500", "--force", *o)[2] for o in ((), ("--exact-resize",))]
        self.assertEqual(*pictures)  # a half would be less than 1.5 times the result

    def test_keep_unchanged_keeps_a_jpeg_that_fits(self):
        url = "http://a.test/x"
        _, _, first = self.fetch([response(url, shades(300, 200))], [url])
        _, _, again = self.fetch([response(url, first[0])], [url], "--keep-unchanged")
        self.assertEqual(again, first)
        _, _, smaller = self.fetch([response(url, first[0])], [url], "--keep-unchanged", "--size", "100")
        self.assertEqual(jpeg_size(smaller[0]), (100, 67))

    def test_every_failure_has_a_rule_of_its_own(self):
        whole = shades(50, 50)
        bomb = whole[:16] + struct.pack(">II", 50000, 50000) + whole[24:]
        cases = {
            "http://a.test/gone": (response("http://a.test/gone", b"no", 404), "http_404"),
            "http://a.test/never": (b"", "not_recorded"),
            "http://a.test/page": (response("http://a.test/page", b"<html>hello</html>"), "not_an_image"),
            "http://a.test/cut": (response("http://a.test/cut", whole[:-30]), "truncated"),
            "http://a.test/empty": (response("http://a.test/empty"), "empty"),
            "http://a.test/bomb": (response("http://a.test/bomb", bomb), "too_many_pixels"),
            "http://a.test/svg": (response("http://a.test/svg", b"<svg xmlns='x'/>"), "unsupported_svg"),
            "http://a.test/mail": (redirect("http://a.test/mail", "mailto:x"), "bad_location"),
            "http://a.test/lost": (redirect("http://a.test/lost", "/nowhere"), "redirect_not_recorded"),
            "http://a.test/circle": (redirect("http://a.test/circle", "/circle"), "too_many_redirects"),
            "nonsense": (b"", "bad_url"),
        }
        rows, dropped, _ = self.fetch([record for record, _ in cases.values() if record], list(cases))
        self.assertEqual(rows, [])
        self.assertEqual({row["url"]: row["rule"] for row in dropped}, {url: "fetch." + rule for url, (_, rule) in cases.items()})
        measured = {row["rule"]: (row["measured"], row["bound"]) for row in dropped}
        self.assertEqual(measured["fetch.http_404"][0], "404")
        self.assertEqual(measured["fetch.too_many_pixels"], ("2500000000", "89478484"))

    def test_results_beyond_the_limits_are_refused_before_they_are_made(self):
        thin = png(1, 2000, lambda x, y: (y % 256, 0, 0))
        _, dropped, _ = self.fetch([response("http://a.test/x", thin)], ["http://a.test/x"], "--resize", "keep_ratio", "--size", "256",
                                   "--enlarge")
        self.assertEqual(dropped[0]["rule"], "fetch.too_large")

    def test_five_redirects_are_followed_and_six_are_not(self):
        hops = [redirect(f"http://a.test/{n}", f"/{n + 1}") for n in range(6)]
        rows, dropped, _ = self.fetch(hops + [response("http://a.test/6", shades(9, 9))], ["http://a.test/0", "http://a.test/1"])
        self.assertEqual([row["url"] for row in rows], ["http://a.test/1"])
        self.assertEqual([(row["url"], row["rule"]) for row in dropped], [("http://a.test/0", "fetch.too_many_redirects")])

    def test_the_first_response_in_order_counts(self):
        first, second = shades(10, 10), shades(20, 20)
        records = [response("http://a.test/x", first), response("http://a.test/x", second)]
        rows, _, _ = self.fetch(records, ["http://a.test/x"])
        self.assertEqual(rows[0]["width"], "10")

    def test_rows_that_repeat_a_url_share_one_picture(self):
        rows, _, _ = self.fetch([response("http://a.test/x", shades(30, 30))], ["http://a.test/x"] * 3)
        self.assertEqual(len({row["image_offset"] for row in rows}), 1)
        with tarfile.open(self.path("packs", "out.tar")) as tar:
            self.assertEqual(len(tar.getnames()), 1)

    def test_threads_memory_and_compression_change_no_byte(self):
        urls = [f"http://a.test/{n}" for n in range(60)]
        records = [response(url, shades(40 + 9 * n, 60, n) if n % 7 else b"<html>") for n, url in enumerate(urls)]
        rows, packs = set(), set()
        for pack in ("gzip", "plain", "one"):
            for options in (["-t", "1"], ["-t", "7"], ["-t", "2", "--memory", "1M"]):
                self.fetch(records, urls, "--force", *options, pack=pack)
                rows.add(winnow("view", "--plain", self.path("out.rows.zst")).stdout)
                packs.add(self.read("packs/out.tar"))
        self.assertEqual((len(rows), len(packs)), (1, 1))
        self.assertGreater(len(packs.pop()), 300000)  # more than what waits in memory with 1M

    def test_a_table_of_pictures_finds_what_reading_the_crawl_finds(self):
        names = []
        for number in range(3):
            url = f"http://a.test/{number}"
            page = f"<img src=/{(number + 1) % 3} alt='a picture in another file'>".encode()
            records = [response(url, shades(30 + number, 30), fields=[("Content-Type", "image/png")]),
                       response(url + ".html", page, fields=[("Content-Type", "text/html")])]
            names.append(self.write(f"{number}.warc.gz", b"".join(map(gzip.compress, records))))
        crawl_list = self.write("list", "\n".join(names).encode() + b"\n")
        for task in range(2):
            winnow("extract", "--task", f"{task}/2", "-o", self.path("rows/"), "@" + crawl_list)
        tables = [f"--pictures={self.path('rows', name)}" for name in ("00000.pictures.zst", "00001.pictures.zst")]
        rows = [self.path("rows", name) for name in ("00000.rows.zst", "00001.rows.zst")]
        searched = winnow("fetch", "--plain", "--packs", self.path("p"), f"--from-warc=@{crawl_list}", *rows).stdout
        listed = winnow("fetch", "--plain", "--packs", self.path("p"), f"--from-warc=@{crawl_list}", *tables, *rows).stdout
        self.assertEqual([row["width"] for row in parse(searched)], ["31", "32", "30"])
        self.assertEqual(listed, searched)
        done = winnow("fetch", f"--from-warc={names[0]}", *tables, *rows, expect=2)
        self.assertIn("the crawl's whole list", done.stderr.decode())

    def test_a_range_of_a_file_is_a_crawl_file(self):
        packed = [gzip.compress(response(f"http://a.test/{n}", shades(20 + n, 20))) for n in range(3)]
        warc = self.write("crawl.warc.gz", b"".join(packed))
        entry = f"{warc} {len(packed[0])} {len(packed[1])}"
        done = winnow("fetch", "--plain", "--plain-input", "--packs", self.path("p"), "--from-warc", entry, "-",
                      stdin=rows_of([f"http://a.test/{n}" for n in range(3)]))
        self.assertEqual([row["width"] for row in parse(done.stdout)], ["21"])

    def test_a_pipe_can_be_fetched_from_and_written_to(self):
        body = shades(30, 30)
        rows = self.write("in.tsv", rows_of(["http://a.test/x"]))
        done = winnow("fetch", "--from-warc", "-", "--plain", "--plain-input", "--packs", self.path("p"), rows,
                      stdin=gzip.compress(response("http://a.test/x", body)))
        row = parse(done.stdout)[0]
        self.assertEqual(row["image_pack"], "fetch.tar")
        self.assertTrue(os.path.exists(self.path("p", "fetch.tar")))

    def test_the_manifest_names_the_crawl_and_the_pack(self):
        self.fetch([response("http://a.test/x", shades(9, 9)), response("http://a.test/y", b"no")], ["http://a.test/x", "http://a.test/y"])
        manifest = json.loads(self.read("out.json"))
        self.assertTrue(any("crawl.warc" in entry["name"] for entry in manifest["inputs"]))
        self.assertTrue(any(entry["name"].endswith("packs/out.tar") for entry in manifest["outputs"]))
        self.assertEqual(manifest["rules"], {"fetch.not_an_image": 1})

    def test_wrong_use_is_said_in_one_line(self):
        rows = self.write("in.tsv", rows_of(["http://a.test/x"]))
        done = winnow("fetch", "--plain-input", rows, expect=2)
        self.assertIn("--from-warc", done.stderr.decode())
        no_warc = self.write("no.warc", b"<html>no crawl</html>" * 100)
        done = winnow("fetch", "--plain-input", "--from-warc", no_warc, "-o", self.path("out.rows.zst"), rows, expect=3)
        self.assertIn("no.warc: offset 0", done.stderr.decode())
        done = winnow("fetch", "--plain-input", "--from-warc", "/no/such.warc", rows, expect=1)
        self.assertEqual(len(done.stderr.decode().splitlines()), 1)
        done = winnow("fetch", "--plain-input", "--from-warc", no_warc, "--format", "webp", "--size", "20000", rows, expect=2)
        self.assertIn("16383", done.stderr.decode())
        done = winnow("fetch", "--plain-input", "--from-warc", no_warc, "-", stdin=b"id\ttext\n1\t2\n", expect=2)
        self.assertIn("url", done.stderr.decode())

    def test_a_damaged_crawl_gives_what_it_still_holds(self):
        records = [response(f"http://a.test/{n}", shades(20, 20, n)) for n in range(3)]
        packed = [gzip.compress(record) for record in records]
        packed[1] = packed[1][:200] + b"\xff" * 50 + packed[1][250:]
        warc = self.write("crawl.warc.gz", b"".join(packed))
        rows = rows_of([f"http://a.test/{n}" for n in range(3)])
        done = winnow("fetch", "--from-warc", warc, "--plain", "--plain-input", "--packs", self.path("p"), "-", stdin=rows)
        self.assertEqual([row["url"][-1] for row in parse(done.stdout)], ["0", "2"])
        self.assertIn(f"offset {len(packed[0])}", done.stderr.decode())


class ImageTest(unittest.TestCase):
    PICTURES = os.path.join(ROOT, "tests", "data", "pictures")

    def test_a_line_tells_stored_and_seen_sizes_and_the_pixels(self):
        path = os.path.join(self.PICTURES, "turned.png")
        row = parse(winnow("image", path).stdout)[0]
        red_corner = lambda x, y: (220, 30, 30) if x < 4 and y < 4 else (40, 90 + 5 * x, 160 + 5 * y)
        pixels = b"".join(bytes(red_corner(x, y)) for y in range(10) for x in range(16))
        digest = hashlib.sha256(pixels).hexdigest()
        self.assertEqual(row, dict(path=path, status="ok", format="png", width="16", height="10", oriented_width="10",
                                   oriented_height="16", frames="1", sha256_rgb8=digest, sha256_rgb8_on_white=digest))

    def test_transparency_is_dropped_or_laid_over_white(self):
        row = parse(winnow("image", os.path.join(self.PICTURES, "glass.png")).stdout)[0]
        self.assertEqual(row["sha256_rgb8"], hashlib.sha256(bytes((0, 0, 255)) * 64).hexdigest())
        self.assertEqual(row["sha256_rgb8_on_white"], hashlib.sha256(bytes((127, 127, 255)) * 64).hexdigest())

    def test_a_missing_file_does_not_keep_the_others_from_being_seen(self):
        done = winnow("image", "/no/such/file", os.path.join(self.PICTURES, "glass.png"), os.path.join(ROOT, "Makefile"), expect=1)
        self.assertEqual([row["status"] for row in parse(done.stdout)], ["ok", "not_an_image"])
        self.assertIn("/no/such/file", done.stderr.decode())

    def test_names_with_control_bytes_stay_on_their_line(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "a\nb\tc.png")
            with open(path, "wb") as file:
                file.write(png(1, 1, lambda x, y: (1, 2, 3)))
            rows = parse(winnow("image", path).stdout)
            self.assertEqual(rows[0]["path"], folder + "/a\\nb\\tc.png")


if __name__ == "__main__":
    unittest.main()
