"""winnow extract: what becomes a row, and what stands in its columns; winnow warc, the window into crawl files."""
import gzip
import hashlib
import os
import subprocess
import unittest
import zlib

from tests.e2e import make

PAGE = "http://a.example/folder/page.html"
SHARED = os.environ.get("WINNOW_SHARED", os.path.join(make.ROOT, "..", "shared"))


def html(body, content_type="text/html; charset=utf-8", uri=PAGE, status="200 OK", headers="", **about):
    body = body if isinstance(body, bytes) else body.encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\n{headers}\r\n"
    return make.record("response", uri, head.encode() + body, "application/http; msgtype=response", **about)


def metadata(charset, uri=PAGE):
    block = f"fetchTimeMs: 7\r\ncharset-detected: {charset}\r\n".encode()
    return make.record("metadata", uri, block, "application/warc-fields")


class Extract(make.InFolder):
    def extract(self, data, *arguments, code=0):
        self.write("crawl.warc", data)
        return self.winnow("extract", "-q", "--plain", *arguments, "crawl.warc", code=code).rows()

    def one(self, data, *arguments):
        rows = self.extract(data, *arguments)
        self.assertEqual(len(rows), 1, rows)
        return {name: make.unescape(cell) for name, cell in rows[0].items()}


class Columns(Extract):
    def test_a_page_with_everything_fills_every_column(self):
        row = self.one(html("""<!doctype html><html lang="de-CH"><head><base href="/pictures/"><meta name=robots content="NoIndex, nofollow">
            <meta name=otherbot content=noai></head><a rel=license href="//creativecommons.org/licenses/by-sa/4.0/">CC</a>
            <img src=" one&#x20;two.jpg?a=1&amp;b=&copy;#top" alt="  Caf&eacute;\n &lt;sun&gt; " width=300px height="200">""",
            headers="X-Robots-Tag: noimageindex\r\nX-Robots-Tag: thirdbot: none\r\n"))
        url, text = "http://a.example/pictures/one%20two.jpg?a=1&b=%C2%A9", "Café <sun>"
        expected = {
            "id": hashlib.sha256(url.encode() + b"\0" + text.encode()).hexdigest()[:32], "url": url, "text": text,
            "text_raw": "  Café\n <sun> ", "url_raw": " one two.jpg?a=1&b=©#top", "page_url": PAGE, "text_source": "alt",
            "url_source": "src", "src_file": "0", "src_record": "0", "src_image": "0", "src_text": "0", "warc_offset": "0",
            "warc_length": str(os.path.getsize(self.path("crawl.warc"))), "warc_date": make.DATE, "page_charset": "UTF-8/http",
            "page_lang": "de-CH", "page_robots": "NoIndex, nofollow, otherbot: noai, noimageindex, thirdbot: none",
            "page_license": "http://creativecommons.org/licenses/by-sa/4.0/", "decl_width": "300", "decl_height": "200"}
        self.assertEqual(row, expected)

    def test_what_is_not_there_stays_empty(self):
        row = self.one(html('<img src=http://b.example/x.png alt=text width=50% height=99999999>'))
        for name in "text_raw url_raw page_lang page_robots page_license decl_width decl_height".split():
            self.assertEqual(row[name], "", name)

    def test_the_language_comes_from_the_header_where_the_page_says_none(self):
        row = self.one(html("<img src=x alt=text>", headers="Content-Language: fr, en\r\n"))
        self.assertEqual(row["page_lang"], "fr")

    def test_places_count_files_records_images_and_texts(self):
        pages = html("<img src=a alt=A title=B><img src=none><img src=c alt=C title=D>")
        self.write("one.warc", pages)
        self.write("two.warc.gz", make.packed([make.picture("http://b.example/p.png", b"x"), pages]))
        self.write("list", "one.warc\ntwo.warc.gz\n")
        rows = self.winnow("extract", "-q", "--plain", "--text-sources", "alt,title", "--first-file", "5", "@list").rows()
        places = [tuple(int(row[name]) for name in ("src_file", "src_record", "src_image", "src_text")) for row in rows]
        self.assertEqual(places, [(5, 0, 0, 0), (5, 0, 0, 1), (5, 0, 2, 0), (5, 0, 2, 1), (6, 1, 0, 0), (6, 1, 0, 1), (6, 1, 2, 0), (6, 1, 2, 1)])


class Images(Extract):
    def test_texts_stand_where_they_are_asked_for(self):
        page = html("""<meta property=og:image content=/og.png><meta property=og:title content="of the page"><h2>before</h2>
            <figure><a href=/large.png>around <img src=x alt=A title=T aria-label=L data-image-title=D></a><figcaption>c<b>ap</b></figcaption></figure>""")
        rows = self.extract(page, "--text-sources", "alt,title,aria_label,data_image_title,figcaption,link_text,heading,og")
        texts = [(row["text_source"], row["text"]) for row in rows]
        self.assertEqual(texts, [("alt", "A"), ("title", "T"), ("aria_label", "L"), ("data_image_title", "D"), ("figcaption", "cap"),
                                 ("link_text", "around"), ("heading", "before"), ("og", "of the page")])
        self.assertEqual(rows[-1]["url"], "http://a.example/og.png")
        self.assertEqual(rows[-1]["src_image"], "1")

    def test_an_unknown_text_source_is_refused(self):
        done = self.winnow("extract", "--text-sources", "alt,caption", "crawl.warc", code=2)
        self.assertIn("caption", done.error)

    def test_an_empty_alt_is_a_row_on_request_only(self):
        page = html('<img src=a alt=""><img src=b><img src=c alt=" &nbsp; "><img src=d alt=D>')
        self.assertEqual([row["text"] for row in self.extract(page)], ["D"])
        rows = self.extract(page, "--keep-empty")
        self.assertEqual([(row["text"], row["text_source"]) for row in rows], [("", "alt_empty"), ("", "alt_empty"), ("D", "alt")])

    def test_the_url_is_what_a_reader_without_scripting_would_see(self):
        page = html("""<img src=data:image/gif;base64,R0lGODlhAQABAA data-src=lazy.png alt=1>
            <img src=small.png srcset="medium.png 2x, large.png 3x" alt=2>
            <picture><source srcset="s.webp 1x"><img src=fallback.png alt=3></picture><img data-src=about:blank alt=4>""")
        self.assertEqual([(row["text"], row["url_raw"], row["url_source"]) for row in self.extract(page)],
                         [("1", "lazy.png", "data-src"), ("2", "small.png", "src"), ("3", "fallback.png", "src")])
        self.assertEqual(self.extract(page, "--prefer", "largest")[1]["url_raw"], "large.png")

    def test_a_copy_in_noscript_is_one_row_with_its_neighbour(self):
        page = html("""<img data-src=a.png alt=one><noscript><img src=a.png alt=one></noscript>
            <noscript><img src=b.png alt=two></noscript><img src=b.png alt=two>
            <img src=c.png alt=three><noscript><img src=c.png alt=another></noscript>
            <img src=d.png alt=four><img src=d.png alt=four>""")
        self.assertEqual([row["text"] for row in self.extract(page)], ["one", "two", "three", "another", "four", "four"])

    def test_images_in_a_template_are_not_shown(self):
        self.assertEqual([row["text"] for row in self.extract(html("<template><img src=a alt=A></template><img src=b alt=B>"))], ["B"])

    def test_urls_of_other_schemes_are_no_rows(self):
        self.assertEqual(self.extract(html("<img src=ftp://b.example/x alt=A><img src=http://[ alt=B><img src='' alt=C>")), [])

    def test_a_long_text_is_cut_at_a_character_and_a_long_url_is_no_row(self):
        page = html(f"<img src=a alt='{'é' * 40000}'><img src='{'x' * 70000}' alt=B><img src=c alt=C>")
        rows = self.extract(page)
        self.assertEqual([row["text"] for row in rows], ["é" * 32768, "C"])


class Charsets(Extract):
    def check(self, page, text, charset, *records):
        row = self.one(page + b"".join(records))
        self.assertEqual((row["text"], row["page_charset"]), (text, charset))
        return row

    def test_the_server_says_it(self):
        self.check(html("<img src=x alt='Привет'>".encode("cp1251"), "text/html; charset=windows-1251"), "Привет", "windows-1251/http")

    def test_the_page_says_it(self):
        self.check(html("<meta charset=shift_jis><img src=x alt='表示'>".encode("shift_jis"), "text/html"), "表示", "Shift_JIS/meta")

    def test_the_record_behind_says_it(self):
        page = html("<img src=x alt='Grüße'>".encode("latin-1"), "text/html")
        self.check(page, "Grüße", "ISO-8859-15/detected", metadata("ISO-8859-15"))
        self.check(page, "Grüße", "windows-1252/default", metadata("KOI8-R", uri="http://other.example/"))
        self.check(page, "Grüße", "windows-1252/default")

    def test_the_record_behind_belongs_to_the_page_wherever_a_chunk_ends(self):
        page = html("<img src=x alt='Grüße'>".encode("latin-1"), "text/html")
        records = [page, metadata("ISO-8859-15")] * 40
        for data in (b"".join(records), make.packed(records), gzip.compress(b"".join(records), mtime=0)):
            for chunk in ("1", "700", "5k", "1M"):
                rows = self.extract(data, "--chunk", chunk, "--threads", "3")
                self.assertEqual([row["page_charset"] for row in rows], ["ISO-8859-15/detected"] * 40)

    def test_nobody_says_it(self):
        self.check(html("<img src=x alt='Grüße'>", "text/html"), "Grüße", "UTF-8/valid")

    def test_pages_that_are_not_ascii_with_something_added(self):
        text = "日本語とかな"
        self.check(html(b"\xff\xfe" + f"<img src=x alt='{text}'>".encode("utf-16-le"), "text/html"), text, "UTF-16LE/bom")
        self.check(html(f"<img src=x alt='{text}'>".encode("iso-2022-jp"), "text/html; charset=iso-2022-jp"), text, "ISO-2022-JP/http")

    def test_queries_go_out_in_the_charset_of_the_page_and_paths_in_utf8(self):
        row = self.check(html("<img src='é.png?é&ж' alt=x>".encode("cp1252", "xmlcharrefreplace"), "text/html; charset=latin1"), "x", "windows-1252/http")
        self.assertEqual(row["url"], "http://a.example/folder/%C3%A9.png?%E9&%26%231078%3B")


class Responses(Extract):
    PAGE = "<img src=x alt=text>"

    def test_pages_are_those_of_good_status_and_html(self):
        for status, rows in (("200 OK", 1), ("203 x", 1), ("206 x", 1), ("404 x", 0), ("301 x", 0), ("304 x", 0)):
            self.assertEqual(len(self.extract(html(self.PAGE, status=status))), rows, status)
        for content_type, rows in (("text/html", 1), ("application/xhtml+xml", 1), ("text/plain", 0), ("image/png", 0), ("application/json", 0)):
            self.assertEqual(len(self.extract(html(self.PAGE, content_type))), rows, content_type)
        self.assertEqual(len(self.extract(html("<!DOCTYPE html> " + self.PAGE, "text/plain"))), 1)

    def test_bodies_as_sent_and_as_stored_decoded_are_read(self):
        body = ("<p>page</p>" + self.PAGE).encode()
        chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        for headers, stored in (("Transfer-Encoding: chunked", chunked), ("Content-Encoding: gzip", gzip.compress(body)),
                                ("Content-Encoding: deflate", zlib.compress(body)), ("Content-Encoding: gzip", body),
                                ("Transfer-Encoding: chunked", body), ("X-Crawler-Content-Encoding: gzip", body)):
            row = self.one(html(stored, headers=headers + "\r\n"))
            self.assertEqual(row["text"], "text", headers)

    def test_a_range_of_a_file_is_a_file_of_its_own(self):
        records = [html(f"<img src={i} alt='text {i}'>") for i in range(5)]
        packed = [gzip.compress(record, mtime=0) for record in records]
        self.write("crawl.warc.gz", b"".join(packed))
        at = sum(map(len, packed[:3]))
        self.write("list", f"crawl.warc.gz {at} {len(packed[3])}\ncrawl.warc.gz 0 {len(packed[0])}\n")
        rows = self.winnow("extract", "-q", "--plain", "@list").rows()
        self.assertEqual([(row["src_file"], row["text"], row["warc_offset"]) for row in rows], [("0", "text 3", str(at)), ("1", "text 0", "0")])

    def test_standard_input_is_read(self):
        done = self.winnow("extract", "-q", "--plain", "-", stdin=gzip.compress(html(self.PAGE)))
        self.assertEqual([row["text"] for row in done.rows()], ["text"])


class Packings(Extract):
    def test_rows_do_not_depend_on_packing_chunks_or_threads(self):
        records = make.crawl_records(30) + [html("<img src=x alt=last>")]
        plain = b"".join(records)
        zst = b"".join(subprocess.run(["zstd", "-qc"], input=r, stdout=subprocess.PIPE, check=True).stdout for r in records)
        forms = {"plain": plain, "members": make.packed(records), "one": gzip.compress(plain, mtime=0), "frames": zst,
                 "anywhere": b"".join(gzip.compress(plain[i:i + 7000], mtime=0) for i in range(0, len(plain), 7000))}
        seen = set()
        for data in forms.values():
            for chunk, threads in (("1", "1"), ("3000", "4"), ("1M", "2")):
                rows = self.extract(data, "--chunk", chunk, "--threads", threads)
                seen.add("\n".join("\t".join(cell for name, cell in row.items() if not name.startswith("warc_o") and not name.startswith("warc_l")) for row in rows))
        self.assertEqual(len(seen), 1)
        self.assertGreater(len(rows), 100)

    def test_a_crawl_inside_a_crawl_is_no_record_of_it(self):
        inner = make.crawl(3)
        records = [html("<img src=x alt=before>"), make.response("http://b.example/inner.warc.gz", inner * 20, "application/warc"),
                   html("<img src=x alt=behind>")]
        stored = b"".join(gzip.compress(record, 0, mtime=0) for record in records)  # level 0: the inner members stand there as they are
        for data in (stored, b"".join(records)):
            for chunk in ("1", "1000", "10k"):
                self.assertEqual([row["text"] for row in self.extract(data, "--chunk", chunk)], ["before", "behind"])


class Pictures(Extract):
    def test_the_table_of_pictures_leads_to_their_records(self):
        pictures = [make.picture(f"http://b.example/{i}.png?x#y", make.png(9, 9, i)) for i in range(20)]
        again = make.picture("http://b.example/3.png?x", b"another", "image/webp")
        members = [gzip.compress(r, mtime=0) for r in [html("<img src=x alt=text>")] + pictures + [again]]
        self.write("crawl.warc.gz", b"".join(members))
        self.winnow("extract", "-q", "--chunk", "900", "-o", "out/", "crawl.warc.gz")
        rows = self.view("out/00000.pictures.zst")
        self.assertEqual(len(rows), 22)  # the page too: a row may name it
        self.assertEqual(rows, sorted(rows, key=lambda row: (row["url_xxh3"], int(row["src_record"]))))
        data = self.read("crawl.warc.gz")
        urls = {}
        for row in rows:
            offset, length = int(row["warc_offset"]), int(row["warc_length"])
            record = gzip.decompress(data[offset:offset + length])
            urls.setdefault(row["url_xxh3"], []).append(int(row["src_record"]))
            self.assertIn(b"WARC-Target-URI: http://", record)
        self.assertEqual(sorted(len(records) for records in urls.values()), [1] * 20 + [2])
        self.assertIn([4, 21], urls.values())


class Window(make.InFolder):
    def test_every_record_and_oddity_is_shown(self):
        first = make.record("resource", "<http://a.example/x y>", b"block", "text/plain", length=3)
        self.write("odd.warc", first + make.record("request", "http://b.example/\t", b"", "x"))
        done = self.winnow("warc", "odd.warc", code=3)
        rows = done.rows()
        self.assertEqual([row["type"] for row in rows], ["resource", "lost", "request"])
        self.assertEqual(rows[0]["url"], "http://a.example/x%20y")
        self.assertEqual(rows[0]["oddities"], "extra-after uri-brackets uri-spaces")
        self.assertEqual(rows[1]["oddities"], "found 'ck....WARC/1.0..WARC-Typ...', expected WARC/")
        self.assertEqual([row["record"] for row in rows], ["0", "", "1"])
        self.assertEqual(len(self.winnow("warc", "--odd", "odd.warc", code=3).rows()), 2)

    def test_offset_and_length_are_the_record(self):
        packed = [gzip.compress(record, mtime=0) for record in make.crawl_records(3)]
        self.write("crawl.warc.gz", b"".join(packed))
        rows = self.winnow("warc", "crawl.warc.gz").rows()
        self.assertEqual([int(row["length"]) for row in rows], [len(member) for member in packed])
        self.assertEqual(int(rows[-1]["offset"]) + int(rows[-1]["length"]), os.path.getsize(self.path("crawl.warc.gz")))
        self.assertEqual({row["oddities"] for row in rows}, {""})


@unittest.skipUnless(os.path.exists(os.path.join(SHARED, "data/warcs/real-crawls.warc.gz")), "no shared data")
class RealCrawls(make.InFolder):
    def test_real_crawls_hold_what_was_counted_in_them(self):
        rows = self.winnow("warc", os.path.join(SHARED, "data/warcs/real-crawls.warc.gz")).rows()
        self.assertEqual(len(rows), 177)
        self.assertEqual(sum(row["type"] == "response" for row in rows), 92)
        self.winnow("extract", "-q", "-o", "out/", os.path.join(SHARED, "data/warcs/real-crawls.warc.gz"))
        self.assertEqual(len(self.view("out/00000.pictures.zst")), 92)  # every response


if __name__ == "__main__":
    unittest.main()
