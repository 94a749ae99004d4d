"""winnow url: the parts of a reference, or why it is none."""
import os
import subprocess
import unittest

WINNOW = os.environ.get("WINNOW", "./winnow")
HEADER = ["href", "scheme", "host", "port", "path", "query", "fragment", "domain", "status", "reason"]


def url(*arguments, **environment):
    return subprocess.run([WINNOW, "url", *arguments], capture_output=True, text=True, env={**os.environ, **environment})


class Url(unittest.TestCase):
    def rows(self, *arguments):
        done = url(*arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        lines = [line.split("\t") for line in done.stdout.splitlines()]
        self.assertEqual(lines[0], HEADER)
        return [dict(zip(HEADER, line, strict=True)) for line in lines[1:]]

    def test_each_reference_is_a_line_in_order(self):
        rows = self.rows("https://www.example.co.uk/a/page.html", "../b c.jpg?w=1#top", "//0x7f.1/", "data:,", "//h:x/")
        self.assertEqual(
            rows[0],
            dict(zip(HEADER, ["https://www.example.co.uk/b%20c.jpg?w=1#top", "https", "www.example.co.uk", "443", "/b%20c.jpg", "w=1",
                              "top", "example.co.uk", "ok", ""])),
        )
        self.assertEqual((rows[1]["href"], rows[1]["domain"]), ("https://127.0.0.1/", "127.0.0.1"))
        self.assertEqual([row["status"] for row in rows], ["ok", "ok", "other_scheme", "bad_port"])
        self.assertEqual(rows[3]["href"], "")
        self.assertIn("65535", rows[3]["reason"])

    def test_the_base_alone_is_printed(self):
        self.assertEqual([row["href"] for row in self.rows("HTTP://Example.com:80")], ["http://example.com/"])

    def test_queries_are_sent_in_the_charset_of_the_page(self):
        self.assertEqual(self.rows("http://h/", "ж?ж")[0]["href"], "http://h/%D0%B6?%D0%B6")
        self.assertEqual(self.rows("--charset", "cp1251", "http://h/", "ж?ж東")[0]["href"], "http://h/%D0%B6?%E6%26%2326481%3B")

    def test_nothing_from_a_url_reaches_the_terminal_raw(self):
        self.assertEqual(self.rows("http://h/", "a\x1b[2J\u2028\x07")[0]["path"], "/a%1B[2J%E2%80%A8")

    def test_wrong_usage_exits_2_and_names_what_is_wrong(self):
        for arguments, words in [((), "BASE"), (("pic.jpg",), "relative"), (("http://h:99999/",), "port"),
                                 (("--charset", "klingon", "http://h/"), "klingon")]:
            done = url(*arguments)
            self.assertEqual((done.returncode, done.stdout), (2, ""), arguments)
            self.assertIn(words, done.stderr)

    def test_missing_tables_are_a_failure_and_not_a_bad_domain(self):
        done = url("http://b\u00fccher.de/", WINNOW_MODULES="/nonexistent")
        self.assertEqual(done.returncode, 1)
        self.assertIn("module 'unicode'", done.stderr)
        self.assertEqual(url("http://example.com/", WINNOW_MODULES="/nonexistent").returncode, 0)


if __name__ == "__main__":
    unittest.main()
