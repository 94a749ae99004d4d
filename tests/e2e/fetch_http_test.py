"""winnow fetch --from-web against servers on the loopback: what each answer makes of a row."""

import collections
import contextlib
import hashlib
import json
import os
import re
import resource
import sqlite3
import ssl
import subprocess
import time
import unittest

from tests.e2e import make
from tests.e2e.servers import dns, misbehave

AGENT = "probe/1.0 (+https://example.org/probe)"
LOCAL = ("--accept-network=127.0.0.0/8", "--ports=high")
FAST = ("--rate=0", "--per-host=16", "--retries=0", "--max-bytes=100000")


def rows_of(urls, robots=None):
    """TSV with one row for each URL; its place is its number. `robots`: page_robots of some."""
    lines = ["\t".join("id url text src_file src_record src_image src_text page_robots".split())]
    for number, url in enumerate(urls):
        pair = hashlib.sha256(url.encode() + b"\0text").hexdigest()[:32]
        lines.append("\t".join([pair, url, "text", "0", str(number), "0", "0", (robots or {}).get(number, "")]))
    return "".join(line + "\n" for line in lines).encode()


def parse(lines):
    header, *rows = lines.decode().split("\n")[:-1]
    return [dict(zip(header.split("\t"), row.split("\t"))) for row in rows]


class Web(unittest.TestCase):
    def setUp(self):
        self.folder = make.tempfile.mkdtemp()
        self.addCleanup(make.shutil.rmtree, self.folder)
        self.server = self.enterContext(misbehave.Server())
        self.names = self.enterContext(dns.DnsServer(default=dns.addresses("127.0.0.1")))
        self.dns = f"--dns=127.0.0.1:{self.names.port}"

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def winnow(self, *arguments, stdin=b"", expect=0):
        done = subprocess.run([make.WINNOW, *arguments], input=stdin, capture_output=True, timeout=120)
        self.assertEqual(done.returncode, expect, done.stderr.decode(errors="replace"))
        return done

    def view(self, *names):
        return parse(self.winnow("view", "--plain", self.path(*names)).stdout)

    def fetch(self, rows, *options, out="out", local=LOCAL):
        """Rows, dropped rows."""
        source = ("-",) if isinstance(rows, bytes) else (rows,)
        self.winnow("fetch", "--from-web", f"--user-agent={AGENT}", self.dns, *local, *FAST, "--plain-input", "-q", "-o", self.path(out, ""),
                    *options, *source, stdin=rows if isinstance(rows, bytes) else b"")
        return self.view(out, "00000.rows.zst"), self.view(out, "00000.dropped.zst")

    def manifest(self, out="out"):
        with open(self.path(out, "00000.json")) as file:
            return json.load(file)

    def statuses(self, urls, rows, dropped):
        """Of each URL, in the rows' order; also that every row is in one of the two, each in order."""
        ends = {int(row["src_record"]): row.get("rule", "").removeprefix("fetch.") or row["status"] for row in rows + dropped}
        self.assertEqual(sorted(ends), list(range(len(urls))))
        self.assertEqual(len(rows) + len(dropped), len(urls))
        for some in (rows, dropped):
            self.assertEqual([int(r["src_record"]) for r in some], sorted(int(r["src_record"]) for r in some))
        return [ends[i] for i in range(len(urls))]


class Answers(Web):
    EXPECTED = {
        "/ok": "ok", "/steps?2": "ok", "/chunked": "ok", "/gzip_picture": "ok", "/html_picture": "ok",
        "/status?404": "http_404", "/status?403": "http_403", "/storm": "http_429",
        "/private/a.png": "robots", "/tags?noai": "robots_tag", "/tags?nofollow&otherbot:+noai": "too_long", "/tdm": "tdm_reserved",
        "/big?100001": "too_long", "/forever": "too_long", "/gzip_bomb": "too_long", "/never": "deadline",
        "/short_html": "wrong_type", "/video": "wrong_type", "/circle": "redirects", "/no_location": "bad_location",
        "/to?http://10.0.0.1/": "address", "/to?http://127.0.0.1:22/": "port", "/short": "incomplete", "/no_http": "bad_http",
    }

    def test_each_answer_has_its_status_and_its_cause(self):
        hosts = {path: f"h{i}.test" for i, path in enumerate(self.EXPECTED)}
        self.server.robots[hosts["/private/a.png"]] = b"User-agent: probe\nDisallow: /private\n"
        urls = [self.server.url(path, host) for path, host in hosts.items()]
        rows, dropped = self.fetch(rows_of(urls), "--timeout=3")
        got = dict(zip(self.EXPECTED, self.statuses(urls, rows, dropped)))
        self.assertEqual({path: "deadline" if status == "stalled" else status for path, status in got.items()}, self.EXPECTED)
        for row in rows:
            self.assertEqual((row["status"], row["http_status"], row["sha256"]),
                             ("ok", "200", hashlib.sha256(misbehave.PICTURE).hexdigest()))
        manifest = self.manifest()
        self.assertEqual(manifest["rules"], dict(collections.Counter("fetch." + s for s in got.values() if s != "ok")))
        causes = collections.Counter()
        of = {"robots": "refused", "robots_tag": "refused", "tdm_reserved": "refused", "address": "refused", "port": "refused",
              "http_403": "refused", "http_429": "refused", "too_long": "too_big", "stalled": "too_slow", "deadline": "too_slow",
              "wrong_type": "not_a_picture"}
        causes.update(of.get(status, "gone") for status in got.values() if status != "ok")
        self.assertEqual(manifest["counts"], dict(causes))
        measured = {row["rule"]: (row["measured"], row["bound"]) for row in dropped if row["url"] != urls[10]}
        self.assertEqual(measured["fetch.http_404"], ("404", ""))
        self.assertEqual(measured["fetch.address"], ("10.0.0.1", ""))
        self.assertEqual(measured["fetch.port"], ("22", ""))
        self.assertEqual(measured["fetch.robots_tag"], ("noai", ""))
        self.assertEqual(measured["fetch.too_long"][1], "100000")
        answered = {row["rule"].removeprefix("fetch."): row["http_status"] for row in dropped}
        self.assertEqual({status: answered[status] for status in ("http_404", "http_429", "robots_tag", "wrong_type", "redirects", "bad_location", "robots",
                                                                  "address", "deadline")},
                         {"http_404": "404", "http_429": "429", "robots_tag": "200", "wrong_type": "200", "redirects": "301", "bad_location": "302",
                          "robots": "", "address": "302", "deadline": ""})
        self.assertEqual({r.headers["user-agent"] for r in self.server.requests}, {AGENT})
        self.assertEqual(self.server.asked("/private/a.png"), [])

    def test_a_body_that_is_no_picture_is_dropped_by_the_decoder(self):
        self.server.paths["/cut.png"] = lambda c, r: c.picture(data=make.png(64, 64)[:-100])
        self.server.paths["/text.png"] = lambda c, r: c.picture(data=b"no picture at all")
        urls = [self.server.url(p, "h.test") for p in ("/cut.png", "/text.png")]
        rows, dropped = self.fetch(rows_of(urls))
        self.assertEqual(self.statuses(urls, rows, dropped), ["truncated", "not_an_image"])
        self.assertEqual(self.manifest()["counts"], {"not_a_picture": 2})

    def test_names_that_are_not_there(self):
        self.names.names = {"gone.test": dns.nxdomain, "broken.test": dns.servfail, "inward.test": dns.addresses("192.168.1.1")}
        with misbehave.Server() as gone:
            pass
        urls = ["http://gone.test/", "http://broken.test/", "http://inward.test/", gone.url("/ok", "here.test"), "http://h.test:99999/", "ftp://h.test/"]
        rows, dropped = self.fetch(rows_of(urls))
        self.assertEqual(self.statuses(urls, rows, dropped), ["dns_no_host", "dns_failed", "address", "connect_refused", "bad_url", "bad_url"])

    def test_each_distinct_url_is_asked_for_once_and_packed_once(self):
        urls = [self.server.url(f"/ok?{i % 3}", "h.test") for i in range(30)]
        rows, dropped = self.fetch(rows_of(urls))
        self.assertEqual(self.statuses(urls, rows, dropped), ["ok"] * 30)
        self.assertEqual(len(self.server.asked("/ok")), 3)
        self.assertEqual(len({row["image_offset"] for row in rows}), 3)
        for row in rows[3:]:
            self.assertEqual(row["image_offset"], rows[int(row["src_record"]) % 3]["image_offset"])

    def test_one_url_in_several_spellings_is_asked_for_once(self):
        """Rows of others may hold fragments, capitals, dots, names that are not ASCII."""
        url = self.server.url("/ok?1", "h.test")
        urls = [url, url + "#a", url + "#b", url.replace("http://h.test", "HTTP://H.Test"), url.replace("/ok", "/x/../ok"),
                url.replace("h.test", "b\u00fccher.test"), url.replace("h.test", "xn--bcher-kva.test")]
        rows, dropped = self.fetch(rows_of(urls))
        self.assertEqual(self.statuses(urls, rows, dropped), ["ok"] * 7)
        self.assertEqual([row["url"] for row in rows], urls)
        self.assertEqual(sorted(r.host for r in self.server.asked("/ok")), ["h.test", "xn--bcher-kva.test"])

    def test_however_far_apart_the_rows_lie(self):
        """Dozens of items: some rows of a URL meet it while it is on its way, others long after, in another order for each number of threads."""
        def slow(c, r):
            time.sleep(0.05)
            return c.answer(b"", 404) if int(r.query) % 5 == 2 else c.picture(data=make.png(30, 20, int(r.query)))
        self.server.paths["/slow"] = slow
        urls = [self.server.url(f"/slow?{i * i // 400 % 40}", f"h{i * i // 400 % 40 % 5}.test") for i in range(24000)]
        header, _, lines = rows_of(urls).partition(b"\n")
        rows = header + b"\n" + lines.replace(b"\ttext\t", b"\t" + b"words " * 60 + b"\t")
        packs = {}
        for threads in (1, 3):
            del self.server.requests[:]
            found, dropped = self.fetch(rows, f"--threads={threads}", out=f"t{threads}")
            ends = self.statuses(urls, found, dropped)
            self.assertEqual(ends, ["http_404" if int(url.rpartition("?")[2]) % 5 == 2 else "ok" for url in urls])
            self.assertEqual(len(self.server.asked("/slow")), len(set(urls)))
            places = collections.defaultdict(set)
            for row in found:
                places[row["url"]].add((row["image_offset"], row["image_length"], row["sha256"], row["phash"]))
            self.assertEqual({len(p) for p in places.values()}, {1})
            self.assertEqual(len(set(map(frozenset, places.values()))), len(places))
            with open(self.path("packs", f"t{threads}-00000.tar"), "rb") as file:
                packs[threads] = hashlib.sha256(file.read()).hexdigest(), [[row[c] for c in row if c != "image_pack"] for row in found]
        self.assertEqual(packs[1], packs[3])


class Refusals(Web):
    def test_the_loopback_is_refused_unless_accepted(self):
        urls = [self.server.url("/ok", host) for host in ("h.test", "127.0.0.1", "127.1", "2130706433")]
        rows, dropped = self.fetch(rows_of(urls), local=("--ports=high",))
        self.assertEqual(self.statuses(urls, rows, dropped), ["address"] * 4)
        rows, dropped = self.fetch(rows_of(urls), local=("--accept-network=127.0.0.0/8",), out="ports")
        self.assertEqual(self.statuses(urls, rows, dropped), ["port"] * 4)
        self.assertEqual(self.server.requests, [])
        rows, dropped = self.fetch(rows_of(urls), out="accepted")
        self.assertEqual(self.statuses(urls, rows, dropped), ["ok"] * 4)

    def test_a_page_that_says_no_is_heeded_before_anything_is_asked(self):
        urls = [self.server.url(f"/ok?{i}", "h.test") for i in range(8)] + [self.server.url("/ok?0", "h.test")]
        robots = {0: "noai", 1: "index, noimageai", 2: "NOINDEX", 3: "noimageindex", 4: "none", 5: "nofollow", 6: "tdm-reservation: 1"}
        rows, dropped = self.fetch(rows_of(urls, robots))
        self.assertEqual(self.statuses(urls, rows, dropped), ["page_robots"] * 5 + ["ok", "page_robots", "ok", "ok"])
        self.assertRegex(self.winnow("report", "--format", "html", self.path("out")).stdout.decode(), "page_robots</code></th><td>refused</td>")
        self.assertEqual([row["measured"] for row in dropped], ["noai", "noimageai", "noindex", "noimageindex", "noindex", "tdm-reservation"])
        self.assertEqual(sorted(r.query for r in self.server.asked("/ok")), ["0", "5", "7"])  # another page shows the first

    def test_what_is_switched_off_stands_in_manifest_index_and_report(self):
        self.server.robots["h.test"] = b"User-agent: *\nDisallow: /\n"
        self.server.paths["/tags"] = lambda c, r: c.picture("X-Robots-Tag: noai")
        self.server.tdmrep["h.test"] = b'[{"location": "/chunked", "tdm-reservation": 1}]'
        self.server.ai_txt["h.test"] = b"User-Agent: *\nDisallow: *\n"
        urls = [self.server.url(path, "h.test") for path in ("/ok", "/tags", "/tdm", "/chunked")]
        rows, dropped = self.fetch(rows_of(urls, {0: "noai"}), "--no-robots", "--no-directives", "--accept-network=10.1.0.0/16")
        self.assertEqual(self.statuses(urls, rows, dropped), ["ok"] * 4)
        said = self.manifest()["parameters"]
        self.assertEqual({name: said[name] for name in ("from-web", "no-robots", "no-directives", "rate", "ports", "user-agent")},
                         {"from-web": "true", "no-robots": "true", "no-directives": "true", "rate": "0", "ports": "high", "user-agent": AGENT})
        self.assertIn("127.0.0.0/8", said["accept-network"])
        self.winnow("index", "-q", "-o", self.path("index.sqlite"), self.path("out", "00000.json"))
        with contextlib.closing(sqlite3.connect(self.path("index.sqlite"))) as index:
            (indexed,) = index.execute("SELECT parameters FROM stages").fetchone()
        self.assertEqual(json.loads(indexed), said)
        for form in ("html", "text", "json"):
            told = self.winnow("report", "--format", form, self.path("out")).stdout.decode()
            for words in ("robots.txt was not read (--no-robots)", "ai.txt were not heeded (--no-directives)", "not held to a rate (--rate 0)",
                          "--accept-network 127.0.0.0/8"):
                self.assertIn(words, told)
        self.assertEqual(len(self.server.requests), 4)
        rows, dropped = self.fetch(rows_of(urls, {0: "noai"}), "--no-robots", out="heeded")
        self.assertEqual([(row["rule"], row["measured"]) for row in dropped],
                         [("fetch.page_robots", "noai"), ("fetch.ai_txt", ""), ("fetch.ai_txt", ""), ("fetch.tdm_reserved", "tdmrep.json")])
        self.assertEqual(self.manifest("heeded")["web"]["notice_requests"], 2)

    def test_opt_out_lists_hold_urls_domains_and_hashes(self):
        hidden = hashlib.sha256(b"hidden.test").hexdigest()
        with open(self.path("opt-out.txt"), "w") as file:
            file.write(f"# no\n{self.server.url('/ok?1', 'h.test')}\nowner.test\n{hidden}\n")
        urls = [self.server.url(*at) for at in (("/ok?1", "h.test"), ("/ok?2", "h.test"), ("/ok", "pictures.owner.test"), ("/ok", "hidden.test"))]
        rows, dropped = self.fetch(rows_of(urls), "--opt-out", self.path("opt-out.txt"))
        self.assertEqual(self.statuses(urls, rows, dropped), ["opted_out", "ok", "opted_out", "opted_out"])
        self.assertEqual([r.target for r in self.server.pictures()], ["/ok?2"])

    def test_the_environments_proxy_is_no_proxy_of_ours(self):
        os.environ["http_proxy"] = "http://127.0.0.1:1"
        self.addCleanup(os.environ.pop, "http_proxy")
        urls = [self.server.url("/ok", "h.test")]
        self.assertEqual(len(self.fetch(rows_of(urls))[0]), 1)


class Usage(Web):
    def refused(self, *options):
        return self.winnow("fetch", *options, stdin=rows_of(["http://h.test/"]), expect=2).stderr.decode()

    def test_nobody_asks_the_web_by_forgetting_an_option(self):
        self.assertIn("--from-web", self.refused())
        self.assertIn("--proxy", self.refused("--proxy=http://127.0.0.1:1", "--from-warc=x.warc"))
        self.assertIn("one source", self.refused("--from-web", "--from-warc=x.warc"))

    def test_who_asks_says_who_it_is(self):
        for agent in ((), ("--user-agent=probe/1.0",), ("--user-agent=1/1.0 (a@b.test)",), ("--user-agent=probe/1.0 (a@b.test)\r\nX: y",)):
            self.assertIn("--user-agent", self.refused("--from-web", *agent))

    def test_retry_wants_dropped_rows(self):
        self.assertIn("--retry", self.refused("--from-web", f"--user-agent={AGENT}", self.dns, "--retry"))


class Order(Web):
    def outputs(self, out):
        found = {}
        for name in ("00000.rows.zst", "00000.dropped.zst", "00000.dropped.ids", f"packs/{out}-00000.tar"):
            with open(self.path(name) if "packs" in name else self.path(out, name), "rb") as file:
                found[name] = file.read()
        return found

    def test_rows_and_packs_are_equal_for_any_number_of_threads(self):
        def some(c, r):
            number = int(r.query)
            time.sleep(number * 7 % 5 * 0.004)
            if number % 9 == 4:
                return c.answer(b"", 404)
            c.picture(data=make.png(40 + number % 50, 30, number))
        self.server.paths["/some"] = some
        urls = [self.server.url(f"/some?{i % 180}", f"h{i % 7}.test") for i in range(400)]
        found = {}
        for threads, memory in (("1", "1G"), ("3", "1G"), ("3", "4M")):
            rows, dropped = self.fetch(rows_of(urls), "--threads", threads, "--memory", memory, "--force")
            self.statuses(urls, rows, dropped)
            found[threads, memory] = self.outputs("out")
        self.assertEqual(found["1", "1G"], found["3", "1G"])
        self.assertEqual(found["1", "1G"], found["3", "4M"])

    def test_little_memory_costs_no_server_a_second_request(self):
        body = misbehave.png(170, 170, 7)
        self.assertGreater(len(body), 80000)
        self.server.paths["/large"] = lambda c, r: c.picture(data=body)
        urls = [self.server.url(f"/large?{i}", f"h{i % 9}.test") for i in range(150)]
        rows, dropped = self.fetch(rows_of(urls), "--memory=8M", "--threads=1")
        self.assertEqual(self.statuses(urls, rows, dropped), ["ok"] * 150)
        self.assertEqual((self.manifest()["web"]["refetched"], len(self.server.asked("/large"))), (0, 150))

    def test_a_limit_ends_it_early(self):
        urls = [self.server.url("/status?404" if i % 3 == 1 else f"/ok?{i}", "h.test") for i in range(600)]
        rows, dropped = self.fetch(rows_of(urls), "--limit=50")
        self.assertEqual([int(r["src_record"]) for r in rows], [i for i in range(600) if i % 3 != 1][:50])
        self.assertLess(len(self.server.requests), 300)


class Retry(Web):
    def test_only_what_can_pass_is_asked_for_again(self):
        self.server.paths["/once"] = misbehave.status_once
        paths = ["/ok", "/status?404", "/once?500", "/reset_once", "/private/x", "/later?1", "/short_html", "/empty"]
        self.server.robots["h.test"] = b"User-agent: *\nDisallow: /private\n"
        urls = [self.server.url(path, "h.test") for path in paths]
        rows, dropped = self.fetch(rows_of(urls))
        first = self.statuses(urls, rows, dropped)
        self.assertEqual(first, ["ok", "http_404", "http_500", "reset", "robots", "http_429", "wrong_type", "reset"])
        asked = len(self.server.asked("/status"))
        again, still = self.fetch(self.path("out", "00000.dropped.zst"), "--retry", out="again")
        self.assertEqual([int(r["src_record"]) for r in again], [2, 3, 5])
        self.assertEqual([(int(r["src_record"]), r["rule"], r["measured"], r["stage"]) for r in still],
                         [(1, "fetch.http_404", "404", "fetch"), (4, "fetch.robots", "", "fetch"),
                          (6, "fetch.wrong_type", [r for r in dropped if r["src_record"] == "6"][0]["measured"], "fetch"), (7, "fetch.reset", "", "fetch")])
        self.assertEqual(len(self.server.asked("/status")), asked)
        self.assertEqual(list(again[0]), list(rows[0]))
        merged = parse(self.winnow("merge", "--plain", self.path("out", "00000.rows.zst"), self.path("again", "00000.rows.zst")).stdout)
        self.assertEqual([int(r["src_record"]) for r in merged], [0, 2, 3, 5])
        third, end = self.fetch(self.path("again", "00000.dropped.zst"), "--retry", out="third")
        self.assertEqual((len(third), len(end)), (0, 4))


    def test_what_heals_gives_the_rows_that_a_sound_web_would_have_given(self):
        sick = [True]

        def ailing(misdeed):
            return lambda c, r: misdeed(c, r) if sick[0] else c.picture(data=make.png(20, 20, len(r.path)))
        misdeeds = {"/busy": misbehave.storm, "/broken": lambda c, r: c.answer(b"", 500), "/reset": misbehave.reset, "/cut": misbehave.short,
                    "/mute": misbehave.never, "/gone": lambda c, r: c.answer(b"", 404), "/no": lambda c, r: c.picture("X-Robots-Tag: noai")}
        for path, misdeed in misdeeds.items():
            self.server.paths[path] = ailing(misdeed) if path not in ("/gone", "/no") else misdeed
        self.server.robots["wall.test"] = lambda c, r: c.answer(b"", 500 if sick[0] else 404)
        self.names.names["lost.test"] = lambda q: dns.servfail(q) if sick[0] else dns.addresses("127.0.0.1")(q)
        urls = [self.server.url(path, "h.test") for path in misdeeds]
        urls += [self.server.url("/ok?1", "wall.test"), self.server.url("/ok?2", "lost.test"), self.server.url("/ok?3", "h.test")]
        urls += urls[:3]  # rows that share a picture
        rows, dropped = self.fetch(rows_of(urls), "--timeout=2", out="first")
        first = self.statuses(urls, rows, dropped)
        self.assertEqual([s.replace("stalled", "deadline") for s in first],
                         ["http_429", "http_500", "reset", "incomplete", "deadline", "http_404", "robots_tag", "robots_unreachable", "dns_failed", "ok",
                          "http_429", "http_500", "reset"])
        sick[0] = False
        before = len(self.server.pictures())
        again, still = self.fetch(self.path("first", "00000.dropped.zst"), "--retry", out="again")
        self.assertEqual([row["rule"] for row in still], ["fetch.http_404", "fetch.robots_tag"])
        self.assertEqual([row["http_status"] for row in still], ["404", "200"])
        self.assertEqual(sorted(r.target for r in self.server.pictures()[before:]), sorted(["/busy", "/broken", "/reset", "/cut", "/mute", "/ok?1", "/ok?2"]))
        sound, _ = self.fetch(rows_of(urls), out="sound")
        self.winnow("merge", "-q", "-o", self.path("merged.rows.zst"), self.path("first", "00000.rows.zst"), self.path("again", "00000.rows.zst"))
        merged = self.view("merged.rows.zst")
        self.assertEqual([{k: v for k, v in row.items() if not k.startswith("image_")} for row in merged],
                         [{k: v for k, v in row.items() if not k.startswith("image_")} for row in sound])
        for row in merged:
            with open(self.path("packs", row["image_pack"]), "rb") as pack:
                pack.seek(int(row["image_offset"]))
                self.assertTrue(pack.read(int(row["image_length"])).startswith(b"\xff\xd8"))


class Patience(Web):
    def times(self, path):
        return [r.time for r in self.server.asked(path)]

    def test_retry_after_is_waited_out(self):
        for number, wait in enumerate(("/later?2", "/later_date")):
            urls = [self.server.url(wait, f"h{number}.test")]
            rows, dropped = self.fetch(rows_of(urls), "--retries=1", out=f"out{number}")
            self.assertEqual(self.statuses(urls, rows, dropped), ["ok"])
            first, second = self.times(wait.partition("?")[0])
            self.assertGreater(second - first, 1.0 if "date" in wait else 1.9)
            self.assertEqual(self.manifest(f"out{number}")["web"]["retries"], 1)

    def test_crawl_delay_is_waited_out(self):
        self.server.robots["h.test"] = b"User-agent: *\nCrawl-delay: 1\n"
        urls = [self.server.url(f"/ok?{i}", "h.test") for i in range(3)]
        rows, _ = self.fetch(rows_of(urls))
        times = self.times("/ok")
        self.assertEqual(len(rows), 3)
        self.assertGreater(min(b - a for a, b in zip(times, times[1:])), 0.95)

    def test_a_host_that_wants_an_hour_is_left_alone(self):
        urls = [self.server.url("/much_later", "h.test")] + [self.server.url(f"/ok?{i}", "h.test") for i in range(3)]
        rows, dropped = self.fetch(rows_of(urls), "--retries=2", "--per-host=1")
        self.assertEqual(self.statuses(urls, rows, dropped), ["http_503"] + ["deferred"] * 3)
        self.assertEqual(dropped[1]["bound"], "120")
        self.assertGreater(int(dropped[1]["measured"]), 2900)
        self.assertEqual(len(self.server.asked("/much_later")), 1)


class Secure(Web):
    TLS = os.path.join(os.path.dirname(os.path.abspath(misbehave.__file__)), "tls")

    def secure(self, certificate):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.path.join(self.TLS, certificate))
        return self.enterContext(misbehave.Server(context=context))

    def test_certificates_are_checked_against_the_given_authority(self):
        good, expired, nobodys = (self.secure(name) for name in ("server.pem", "expired.pem", "self.pem"))
        urls = [good.url("/ok", "secure.test"), good.url("/ok", "another.name"), expired.url("/ok", "secure.test"), nobodys.url("/ok", "secure.test"),
                good.url("/status?404", "secure.test"), self.server.url("/to?" + good.url("/ok?2", "secure.test"), "plain.test")]
        rows, dropped = self.fetch(rows_of(urls), "--ca", os.path.join(self.TLS, "ca.pem"))
        self.assertEqual(self.statuses(urls, rows, dropped), ["ok", "tls", "tls", "tls", "http_404", "ok"])
        self.assertEqual(self.manifest()["counts"], {"gone": 1, "refused": 3})
        rows, dropped = self.fetch(rows_of(urls[:1]), out="system")  # whose authorities do not know this one
        self.assertEqual(self.statuses(urls[:1], rows, dropped), ["tls"])

    def test_an_authority_that_cannot_be_read_is_said_before_anything_is_asked(self):
        with open(self.path("no.pem"), "w") as file:
            file.write("no certificate\n")
        for path in (self.path("no.pem"), self.path("nowhere.pem")):
            done = subprocess.run([make.WINNOW, "fetch", "--from-web", f"--user-agent={AGENT}", self.dns, *LOCAL, "--ca", path, "--plain-input", "-q", "-o",
                                   self.path("out", ""), "-"], input=rows_of([self.server.url("/ok", "h.test")]), capture_output=True)
            self.assertIn(done.returncode, (1, 2), done.stderr)
            self.assertIn(os.path.basename(path), done.stderr.decode())
        self.assertEqual(self.server.requests, [])


class ByProxy(Web):
    def test_a_tunnel_that_is_refused_is_our_own_fault(self):
        proxy = self.enterContext(misbehave.Server())
        proxy.paths["h.test:443"] = lambda c, r: c.answer(b"", 502)
        proxy.paths["http://h.test/ok"] = misbehave.ok
        urls = ["https://h.test/ok", "http://h.test/ok"]
        rows, dropped = self.fetch(rows_of(urls), f"--proxy=http://127.0.0.1:{proxy.port}")
        self.assertEqual(self.statuses(urls, rows, dropped), ["proxy", "ok"])
        self.assertEqual((dropped[0]["measured"], self.manifest()["counts"]), ("502", {"ours": 1}))

    def test_a_proxys_password_is_refused_not_left_out(self):
        done = self.winnow("fetch", "--from-web", f"--user-agent={AGENT}", "--proxy=http://me:secret@127.0.0.1:3128", "-", stdin=rows_of([]), expect=2)
        self.assertIn("--proxy", done.stderr.decode())
        self.assertNotIn("secret", done.stderr.decode())


class OursToBlame(Web):
    def run_fetch(self, urls, *options, expect=0):
        done = self.winnow("fetch", "--from-web", f"--user-agent={AGENT}", *LOCAL, *FAST, "--plain-input", "-o", self.path("out", ""), *options, "-",
                           stdin=rows_of(urls), expect=expect)
        return done.stderr.decode()

    def test_a_run_without_a_network_is_no_run(self):
        with dns.DnsServer() as gone, misbehave.Server() as proxy:
            pass
        for options, status in (((f"--dns=127.0.0.1:{gone.port}",), "dns_unreachable"), ((f"--proxy=http://127.0.0.1:{proxy.port}",), "proxy")):
            error = self.run_fetch([f"http://h{i}.test/" for i in range(5)], *options, expect=1)
            self.assertIn(f"none of 5 URLs could be asked for: {status} (", error)
            self.assertEqual([name for _, _, names in os.walk(self.folder) for name in names], [])
        self.assertEqual(self.run_fetch([], self.dns), "")

    def test_a_lack_of_sockets_is_not_the_hosts_fault(self):
        """Whatever cannot be opened at a number of files: the run fails, or what lacks a picture lacks it by our fault; no host is called unreachable."""
        codes = set()
        for files in range(9, 19):
            out = self.path(f"files{files}")
            done = subprocess.run([make.WINNOW, "fetch", "--from-web", f"--user-agent={AGENT}", self.dns, *LOCAL, *FAST, "--no-robots", "--no-directives",
                                   "--plain-input", "-q", "-o", out + "/", "-"], input=rows_of([self.server.url(f"/ok?{i}", f"h{i}.test") for i in range(4)]),
                                  capture_output=True, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files)))
            codes.add(done.returncode)
            if done.returncode == 0:
                with open(os.path.join(out, "00000.json"), encoding="utf-8") as file:
                    said = json.load(file)
                self.assertEqual(said["rows"]["written"] + said.get("rules", {}).get("fetch.local", 0), 4, said)
            else:
                self.assertRegex(done.stderr.decode(), r"^winnow fetch: [^\n]+\n$", files)
        self.assertEqual(codes, {0, 1})

    def test_some_faults_of_ours_are_said_and_can_be_retried(self):
        proxy = self.enterContext(misbehave.Server())
        proxy.paths["http://h.test/ok"] = misbehave.ok
        urls = ["http://h.test/ok", "https://h.test/1", "https://h.test/2"]
        error = self.run_fetch(urls, f"--proxy=http://127.0.0.1:{proxy.port}")
        self.assertIn("2 of 3 URLs could not be asked for, the first: proxy (", error)
        self.assertIn("--retry", error)
        self.assertEqual(self.run_fetch(urls, f"--proxy=http://127.0.0.1:{proxy.port}", "-q", "--force"), "")


class Recipe(Web):
    RECIPE = """
inputs: crawl.warc.gz
stages:
  - extract:
  - fetch:
      from-web: true
      user-agent: probe/1.0 (+https://example.org/probe)
      dns: 127.0.0.1:%d
      accept-network: 127.0.0.0/8
      ports: high
      rate: 0
      size: 24
  - shard:
"""

    def test_a_run_asks_the_web_when_its_recipe_says_so(self):
        images = [(self.server.url(f"/ok?{i}", "pictures.test"), f"picture number {i}") for i in range(5)]
        images.append((self.server.url("/status?404", "pictures.test"), "a picture that is gone"))
        with open(self.path("crawl.warc.gz"), "wb") as file:
            file.write(make.packed([make.page("http://pages.test/", images), make.page("http://pages.test/other", images[1:2])]))
        with open(self.path("recipe.yaml"), "w") as file:
            file.write(self.RECIPE % self.names.port)
        printed = subprocess.run([make.WINNOW, "run", "--print", "recipe.yaml"], cwd=self.folder, capture_output=True, check=True).stdout
        self.assertIn(b"--from-web", printed)
        self.assertNotIn(b"--from-warc", printed)
        self.assertNotIn(b"--pictures", printed)
        done = subprocess.run([make.WINNOW, "run", "-q", "recipe.yaml"], cwd=self.folder, capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        rows, dropped = (self.view("OUT", "02-fetch", name) for name in ("00000.rows.zst", "00000.dropped.zst"))
        self.assertEqual(([row["text"] for row in rows], [row["rule"] for row in dropped]),
                         ([f"picture number {i}" for i in (0, 1, 2, 3, 4, 1)], ["fetch.http_404"]))
        self.assertEqual(len(self.server.asked("/ok")), 5)


class Statuses(unittest.TestCase):
    def test_the_documented_list_is_the_programs(self):
        with open(os.path.join(make.ROOT, "schemas", "statuses.md")) as file:
            documented = file.read()
        with open(os.path.join(make.ROOT, "crawl", "net", "status.def")) as file:
            entries = re.findall(r'^STATUS\(\w+, "(\w+)", NET_\w+, (true|false), "(.*)"\)', file.read(), re.M)
        self.assertGreater(len(entries), 25)
        web = dict(re.findall(r"^\| `(\w+)` \|.*\| (.*) \|$", documented.split("## From a crawl")[0], re.M))
        self.assertEqual({name: meaning for name, meaning in web.items() if name != "page_robots"},
                         {{"http": "http_NNN"}.get(name, name): meaning for name, _, meaning in entries if name != "ok"})
        for name, passing, _ in entries:
            if name not in ("ok", "http"):
                self.assertIn(f"| `{name}` |", documented)
                line = next(line for line in documented.splitlines() if line.startswith(f"| `{name}` |"))
                self.assertEqual(line.split(" | ")[2], {"true": "yes", "false": "no"}[passing])
        names = set(re.findall(r"`([a-z_0-9]+)`", documented))
        for path, pattern in (("crawl/image/image.h", r'X\(IMAGE_\w+, "(\w+)"\)'), ("crawl/fetch/recorded_reader.c", r'\[RECORDED_\w+\] = "(\w+)"')):
            with open(os.path.join(make.ROOT, path)) as file:
                found = set(re.findall(pattern, file.read()))
            self.assertGreater(len(found), 7)
            self.assertEqual(found - names - {"ok", "http"}, set())


class Interrupted(Web):
    def test_a_signal_ends_it_at_once_and_nothing_is_published(self):
        process = subprocess.Popen([make.WINNOW, "fetch", "--from-web", f"--user-agent={AGENT}", self.dns, *LOCAL, "--rate=0", "--plain-input",
                                    "-q", "-o", self.path("out", ""), "-"], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdin.write(rows_of([self.server.url(f"/never?{i}", "h.test") for i in range(20)]))
        process.stdin.close()
        while not self.server.asked("/never"):
            time.sleep(0.05)
        start = time.monotonic()
        process.terminate()
        process.wait(30)
        said = process.stderr.read().decode()
        self.assertIn("interrupted", said)
        process.stderr.close()
        self.assertEqual(process.returncode, 4, said)
        self.assertLess(time.monotonic() - start, 5 * make.SLOW)
        self.assertEqual([n for n in os.listdir(self.path("out")) if n.endswith(".zst")], [])


if __name__ == "__main__":
    unittest.main()
