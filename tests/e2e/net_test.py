"""The fetcher against servers that misbehave and name servers that lie, all of them on the loopback."""

import collections
import functools
import gzip
import json
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.parse

from tests.e2e.servers import dns, misbehave

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.dirname(os.environ.get("WINNOW_MODULES", os.path.join(ROOT, "build", "modules")))
DRIVE = os.path.join(BUILD, "tests", "unit", "net_drive")
TLS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "servers", "tls")
FAST = ("--rate=0", "--host-connections=64", "--connect=3000", "--deadline=6000", "--stall=2000", "--bytes-max=2000000")
LOCAL = ("--accept=127.0.0.0/8", "--high-ports")


def drive(urls, *options, timeout=90, env=None):
    """The results, in the order of the URLs, and the counts."""
    lines = b"".join((u if isinstance(u, bytes) else u.encode()) + b"\n" for u in urls)
    done = subprocess.run([DRIVE, *options], input=lines, capture_output=True, timeout=timeout, env=dict(os.environ, **(env or {})))
    if done.returncode or done.stderr:
        raise AssertionError(f"net_drive {' '.join(options)}: exit {done.returncode}: {done.stderr.decode(errors='replace')}")
    *rows, counts = [json.loads(line) for line in done.stdout.decode().splitlines()]
    if sorted(row["key"] for row in rows) != list(range(len(urls))):
        raise AssertionError(f"{len(rows)} results for {len(urls)} URLs")
    return sorted(rows, key=lambda row: row["key"]), counts


def statuses(rows):
    return ["http_%d" % row["http"] if row["status"] == "http" else row["status"] for row in rows]


class Everybody(dns.DnsServer):
    """Every name is this machine."""

    def __init__(self, *names, **options):
        super().__init__(*names, default=dns.addresses("127.0.0.1"), **options)


def with_servers(test):
    """Gives a test a misbehaving server and a name server, and the options to reach them."""
    @functools.wraps(test)
    def run(self):
        with misbehave.Server() as server, Everybody() as names:
            test(self, server, names, (f"--dns=127.0.0.1:{names.port}", *LOCAL, *FAST))
    return run


class HostileServer(unittest.TestCase):
    EXPECTED = {
        "/ok": "ok", "/chunked": "ok", "/interim": "ok", "/gzip_picture": "ok", "/gzip_false": "ok", "/html_picture": "ok",
        "/untyped_picture": "ok", "/long": "ok", "/steps?5": "ok", "/to?/ok": "ok", "/big_redirect": "ok", "/reset_once": "ok",
        "/status_once?500": "ok", "/status_once?503": "ok", "/later?1": "ok", "/later_date": "ok", "/big?1900000": "ok",
        "/never": "stalled", "/drip": "stalled", "/trickle": "deadline",
        "/forever": "too_long", "/huge": "too_long", "/big?2000001": "too_long", "/big_unannounced?2100000": "too_long",
        "/gzip_bomb": "too_long", "/bomb_in_gzip": "too_long",
        "/gzip_twice": "ok", "/length_and_chunks": "ok", "/http_1_0": "ok", "/bare_feeds": "ok",
        "/two_lengths": "incomplete", "/huge_chunk": "bad_http", "/nul_in_head": "bad_http", "/long_status": "bad_http", "/endless_extension": "stalled",
        "/short": "incomplete", "/cut_chunk": "incomplete", "/reset": "reset", "/reset_first": "reset", "/empty": "reset",
        "/bad_chunk": "bad_http", "/bad_length": "bad_http", "/endless_head": "bad_http", "/endless_line": "bad_http",
        "/endless_interim": "bad_http", "/endless_trailer": "bad_http", "/no_http": "bad_http", "/bare": "bad_http",
        "/circle": "redirects", "/steps?6": "redirects", "/no_location": "bad_location",
        "/html": "wrong_type", "/short_html": "wrong_type", "/video": "wrong_type",
        "/gzip_cut": "bad_coding", "/coding_unknown": "bad_coding",
        "/tags?noai": "robots_tag", "/tags?nofollow&otherbot:+noai": "ok", "/tags?winnow:+noimageindex": "robots_tag",
        "/tdm": "tdm_reserved",
        "/status?404": "http_404", "/status?410": "http_410", "/status?403": "http_403", "/status?204": "http_204",
        "/status?304": "http_304", "/status?500": "http_500", "/storm": "http_429", "/much_later": "http_503",
    }

    @with_servers
    def test_each_misdeed_has_its_status(self, server, names, options):
        server.paths["/tags"] = lambda c, r: (c.picture(*(f"X-Robots-Tag: {urllib.parse.unquote_plus(v)}" for v in r.query.split("&"))))
        urls = [server.url(path, f"h{i}.test") for i, path in enumerate(self.EXPECTED)]
        rows, _ = drive(urls, *options, "--patience=6000")
        self.assertEqual(dict(zip(self.EXPECTED, statuses(rows))), self.EXPECTED)
        picture = rows[0]
        for row in rows:
            self.assertEqual(row["status"] == "ok", row["bytes"] > 0)
            if row["status"] == "ok" and "big?" not in row["url"]:
                self.assertEqual((row["bytes"], row["hash"]), (picture["bytes"], picture["hash"]), row["url"])

    @with_servers
    def test_a_refusal_costs_no_download(self, server, names, options):
        paths = ["/tags?noai", "/video", "/big_redirect", "/huge", "/html"]
        drive([server.url(path, f"h{i}.test") for i, path in enumerate(paths)], *options)
        for path in paths:
            for request in server.asked(path.partition("?")[0]):
                self.assertLess(request.sent, 8 << 20, path)  # of 50 MB: what the sockets' buffers swallow

    @with_servers
    def test_rules_can_be_switched_off(self, server, names, options):
        server.paths["/tags"] = lambda c, r: c.picture("X-Robots-Tag: noai")
        server.robots["h.test"] = b"User-agent: *\nDisallow: /ok"
        server.tdmrep["h.test"] = b'[{"location": "/steps", "tdm-reservation": 1}]'
        server.ai_txt["h.test"] = b"User-Agent: *\nDisallow: *chunked\n"
        urls = [server.url(path, "h.test") for path in ("/ok", "/tags", "/tdm", "/steps?0", "/chunked")]
        rows, counts = drive(urls, *options)
        self.assertEqual(statuses(rows), ["robots", "robots_tag", "tdm_reserved", "tdm_reserved", "ai_txt"])
        self.assertEqual([row["cause"] for row in rows], ["refused"] * 5)
        self.assertEqual([row["detail"] for row in rows[1:4]], ["noai", "tdm-reservation", "tdmrep.json"])
        self.assertEqual(counts["notice_requests"], 3)
        rows, counts = drive(urls, *options, "--ignore-robots", "--ignore-tags", "--ignore-tdm", "--ignore-ai-txt")
        self.assertEqual(statuses(rows), ["ok"] * 5)
        self.assertEqual(counts["notice_requests"], 0)

    @with_servers
    def test_a_lying_length_does_not_poison_the_next_response(self, server, names, options):
        rows, _ = drive([server.url(f"/long?{i}", "h.test") for i in range(6)] + [server.url("/ok", "h.test")], *options, "--host-connections=1")
        self.assertEqual([row["bytes"] for row in rows], [len(misbehave.PICTURE)] * 7)

    @with_servers
    def test_connections_are_kept(self, server, names, options):
        drive([server.url(path, "h.test") for path in ["/ok", "/status?404", "/to?/ok", "/untyped_picture"] * 10], *options, "--host-connections=2")
        self.assertLessEqual(server.connections, 2)

    @with_servers
    def test_nothing_personal_is_sent(self, server, names, options):
        url = server.url("/to?/ok", "user:secret@h.test")
        rows, _ = drive([url], *options, "--agent=winnow/9 (+https://example.org; crawl@example.org)")
        self.assertEqual(statuses(rows), ["ok"])
        for request in server.requests:
            self.assertEqual(request.headers["user-agent"], "winnow/9 (+https://example.org; crawl@example.org)")
            self.assertLessEqual(set(request.headers), {"host", "user-agent", "accept"})

    @with_servers
    def test_memory_is_kept_by_fetching_again(self, server, names, options):
        urls = [server.url(f"/big?{1000000 + i}", f"h{i}.test") for i in range(12)]
        urls += [server.url(f"/big_unannounced?{1500000 + i}", f"u{i}.test") for i in range(6)]
        rows, counts = drive(urls, *options, "--memory=4000000")
        self.assertEqual(statuses(rows), ["ok"] * 18)
        self.assertEqual([row["bytes"] for row in rows], [1000000 + i for i in range(12)] + [1500000 + i for i in range(6)])
        rows, counts = drive(urls[:3], *options, "--memory=1000")  # each alone
        self.assertEqual(statuses(rows), ["ok"] * 3)


class Guard(unittest.TestCase):
    def setUp(self):
        self.victim = self.enterContext(misbehave.Server("127.0.0.1"))
        self.server = self.enterContext(misbehave.Server("127.0.0.2"))
        names = {"public.test": dns.addresses("127.0.0.2"), "private.test": dns.addresses("127.0.0.1"),
                 "metadata.test": dns.addresses("169.254.169.254"), "alias.test": dns.alias("hidden.test", "10.0.0.1"),
                 "mixed.test": dns.addresses("10.0.0.1", "127.0.0.2", "127.0.0.1"), "localhost": dns.addresses("127.0.0.1"),
                 "six.test": dns.addresses("::ffff:127.0.0.1", "fd00::1"), "turning.test": dns.sequence(dns.addresses("127.0.0.2", ttl=0), dns.addresses("127.0.0.1", ttl=0))}
        self.names = self.enterContext(dns.DnsServer(names))
        self.options = (f"--dns=127.0.0.1:{self.names.port}", "--accept=127.0.0.2", "--high-ports", *FAST)

    def targets(self):
        port = self.victim.port
        return [f"http://{host}:{port}/ok" for host in
                ("127.0.0.1", "2130706433", "0x7f.1", "0x7f000001", "017700000001", "127.1", "127.0.0.1.", "[::ffff:127.0.0.1]",
                 "[::ffff:7f00:1]", "[::1]", "[0:0:0:0:0:ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "0.0.0.0", "0", "10.0.0.1",
                 "169.254.169.254", "[::ffff:10.0.0.1]", "[::ffff:a9fe:a9fe]", "[fe80::1]", "private.test", "metadata.test", "alias.test",
                 "six.test", "localhost", "%31%32%37.0.0.1", "①②⑦.0.0.1", "127。0。0。1")]

    def test_urls_and_redirects_into_private_networks_are_refused(self):
        targets = self.targets()
        redirects = [self.server.url("/to?" + urllib.parse.quote(target), "public.test") for target in targets]
        rows, _ = drive(targets + redirects, *self.options)
        self.assertEqual([(row["status"], t) for row, t in zip(rows, targets * 2)], [("address", t) for t in targets * 2])
        self.assertEqual(self.victim.requests, [])
        self.assertEqual(self.victim.connections, 0)

    def test_ports_and_schemes_are_closed(self):
        cases = {"http://public.test:22/": "port", "http://public.test:25/x.png": "port", "https://public.test:6/": "port",
                 "ftp://public.test/x.png": "bad_location", "file:///etc/passwd": "bad_location", "javascript:alert(1)": "bad_location",
                 "data:image/png;base64,AAAA": "bad_location", "gopher://public.test/": "bad_location", "http://": "bad_location",
                 "http://[::1/": "bad_location", "http://a b/": "bad_location", "//public.test:99999/": "bad_location"}
        rows, _ = drive([self.server.url("/to?" + urllib.parse.quote(target), "public.test") for target in cases], *self.options)
        self.assertEqual(dict(zip(cases, statuses(rows))), cases)
        direct = [target for target in cases if not target.startswith("//")]
        rows, _ = drive(direct, *self.options)
        self.assertEqual(statuses(rows), [cases[t].replace("bad_location", "bad_url") for t in direct])

    def test_high_ports_are_closed_without_the_option(self):
        rows, _ = drive([self.server.url("/ok", "public.test")], *(o for o in self.options if o != "--high-ports"))
        self.assertEqual(statuses(rows), ["port"])

    def test_only_the_public_address_of_a_mixed_answer_is_used(self):
        rows, _ = drive([self.server.url("/ok", "mixed.test")], *self.options)
        self.assertEqual(statuses(rows), ["ok"])
        self.assertEqual(self.victim.connections, 0)

    def test_a_name_that_turns_private_is_asked_once_for_both_uses(self):
        rows, _ = drive([self.server.url("/ok?1", "turning.test"), self.server.url("/ok?2", "turning.test")], *self.options, "--host-connections=1")
        self.assertEqual(statuses(rows), ["ok", "ok"])
        self.assertEqual(self.victim.connections, 0)
        self.assertEqual(self.names.times("turning.test"), 1)

    def test_hosts_files_and_proxies_of_the_environment_are_not_asked(self):
        rows, _ = drive(["http://ip6-localhost/ok", "http://localhost.localdomain/ok", self.server.url("/ok", "public.test")], *self.options,
                        env={"http_proxy": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9", "all_proxy": "http://127.0.0.1:9",
                             "ALL_PROXY": "socks5://127.0.0.1:9", "no_proxy": "", "RES_OPTIONS": "ndots:5", "LOCALDOMAIN": "test"})
        self.assertEqual(statuses(rows), ["dns_no_host", "dns_no_host", "ok"])

    def test_locations_are_read_as_browsers_do(self):
        cases = {b"/\xc3\xbc\xe2\x82\xac.png": "/%C3%BC%E2%82%AC.png", b"/\xfc.png": "/%FC.png", b"a b.png": "/a%20b.png", b"?q=1#f": "/to?q=1",
                 b"//public.test:%d/x" % self.server.port: "/x", b"../../y": "/y", b"  /z\t": "/z", b"\\w": "/w", b"/a\"<>b": "/a%22%3C%3Eb"}
        drive([self.server.url("/to?" + urllib.parse.quote(target), "public.test") for target in cases], *self.options)
        asked = {r.target for r in self.server.requests}
        for target, expected in cases.items():
            self.assertIn(expected, asked, target)

    def test_robots_txt_of_the_target_is_asked_before_a_redirect_is_followed(self):
        self.server.robots["closed.test"] = b"User-agent: *\nDisallow: /\n"
        self.names.names["closed.test"] = dns.addresses("127.0.0.2")
        rows, _ = drive([self.server.url("/to?" + urllib.parse.quote(self.server.url("/ok", "closed.test")), "public.test")], *self.options)
        self.assertEqual(statuses(rows), ["robots"])
        self.assertEqual([r.path for r in self.server.asked(host="closed.test")], ["/robots.txt"])

    def test_opt_out_lists_hold_for_urls_domains_and_redirects(self):
        self.names.default = dns.addresses("127.0.0.2")
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write(f"# lists\n{self.server.url('/ok?one', 'a.test')}\nout.test\n")
            file.flush()
            urls = [self.server.url("/ok?one", "a.test"), self.server.url("/ok?two", "a.test"), self.server.url("/ok", "www.out.test"),
                    self.server.url("/to?" + urllib.parse.quote(self.server.url("/ok", "out.test")), "a.test")]
            rows, _ = drive(urls, *self.options, f"--optout={file.name}")
        self.assertEqual(statuses(rows), ["opted_out", "ok", "opted_out", "opted_out"])
        self.assertEqual([r.host for r in self.server.requests if "out" in r.host], [])

    def test_ipv6_is_reached_where_there_is_no_ipv4(self):
        try:
            server = self.enterContext(misbehave.Server("::1", family=socket.AF_INET6))
        except OSError:
            self.skipTest("no IPv6 on this machine")
        self.names.names["v6.test"] = dns.addresses("::1")
        rows, _ = drive([f"http://v6.test:{server.port}/ok", f"http://[::1]:{server.port}/ok"], *self.options, "--accept=::1")
        self.assertEqual(statuses(rows), ["ok", "ok"])


class NameServers(unittest.TestCase):
    def setUp(self):
        self.server = self.enterContext(misbehave.Server())

    def fetch(self, hosts, servers, *more):
        options = [f"--dns={','.join(f'127.0.0.1:{s.port}' for s in servers)}", "--dns-timeout=400", *LOCAL, *FAST, "--ignore-robots", *more]
        rows, counts = drive([self.server.url("/ok", host) for host in hosts], *options)
        return statuses(rows), counts

    def test_answers_of_every_kind(self):
        here = dns.addresses("127.0.0.1")
        cases = {
            "ok.test": (here, "ok"), "nx.test": (dns.nxdomain, "dns_no_host"), "nodata.test": (dns.nodata, "dns_no_host"),
            "servfail.test": (dns.servfail, "dns_failed"), "refused.test": (dns.refused, "dns_failed"),
            "silent.test": (dns.silent, "dns_timeout"), "garbage.test": (dns.garbage, "dns_timeout"),
            "forged.test": (dns.wrong_id, "dns_timeout"), "other.test": (dns.other_name, "dns_timeout"),
            "hesitant.test": (dns.slow(0.2, here), "ok"), "once.test": (dns.sequence(dns.servfail, here), "ok"),
            "lost.test": (dns.sequence(dns.silent, dns.silent, here), "ok"), "tcp.test": (dns.truncated(here), "ok"),
            "alias.test": (dns.alias("elsewhere.test", "127.0.0.1"), "ok"), "many.test": (dns.addresses(*["127.0.0.1"] * 20), "ok"),
        }
        names = self.enterContext(dns.DnsServer({name: behave for name, (behave, _) in cases.items()}))
        found, _ = self.fetch(cases, [names])
        self.assertEqual(dict(zip(cases, found)), {name: expected for name, (_, expected) in cases.items()})
        self.assertIn(("tcp.test", dns.A, "tcp"), names.asked)

    def test_one_good_server_among_bad_ones_is_enough(self):
        good = self.enterContext(Everybody())
        bad = [self.enterContext(dns.DnsServer(default=behave)) for behave in (dns.servfail, dns.silent, dns.refused)]
        found, _ = self.fetch([f"h{i}.test" for i in range(30)], [*bad, good])
        self.assertEqual(found, ["ok"] * 30)

    def test_servers_that_cannot_be_reached_are_our_own_fault(self):
        with Everybody() as gone:
            pass
        found, _ = self.fetch(["h.test"], [gone])
        self.assertEqual(found, ["dns_unreachable"])

    def test_every_one_of_a_thousand_names_is_found_within_the_servers_share(self):
        names = [self.enterContext(Everybody()) for _ in range(2)]
        for one in names:
            one.default = dns.slow(0.01, one.default)
        # An answer later than --dns-timeout is asked for again, of the other server: on a busy machine this server of threads is
        # later than 400 ms now and then. None of it is as late as a minute, so that each question is put once.
        found, counts = self.fetch([f"h{i}.test" for i in range(1000)], names, "--dns-in-flight=16", "--connections=64", "--dns-timeout=60000")
        self.assertEqual(collections.Counter(found), {"ok": 1000})
        asked = collections.Counter(question for one in names for question in one.asked)
        self.assertEqual(asked, {(f"h{i}.test", dns.A, "udp"): 1 for i in range(1000)})
        self.assertEqual(counts["names_asked"], 1000)
        for one in names:
            self.assertLessEqual(one.most_open, 16)

    def test_what_comes_too_late_is_asked_of_the_other_server(self):
        late, good = self.enterContext(Everybody()), self.enterContext(Everybody())
        late.default = dns.slow(1.5, late.default)
        found, counts = self.fetch([f"h{i}.test" for i in range(4)], [late, good])
        self.assertEqual(found, ["ok"] * 4)
        asked = collections.Counter(name for one in (late, good) for name, _, _ in one.asked)
        self.assertEqual(len(asked), 4)
        self.assertLessEqual({name for name, _, _ in late.asked}, {name for name, _, _ in good.asked})
        self.assertGreater(counts["names_asked"], 4)

    def test_names_are_asked_once(self):
        names = self.enterContext(Everybody())
        found, _ = self.fetch(["h.test"] * 50, [names])
        self.assertEqual(found, ["ok"] * 50)
        self.assertEqual(names.asked, [("h.test", dns.A, "udp")])


class Politeness(unittest.TestCase):
    def setUp(self):
        self.server = self.enterContext(misbehave.Server())
        self.names = self.enterContext(Everybody())
        self.options = (f"--dns=127.0.0.1:{self.names.port}", *LOCAL)

    def test_a_domain_is_asked_at_its_rate(self):
        drive([self.server.url(f"/ok?{i}", f"h{i % 3}.owner.test") for i in range(9)], *self.options, "--rate=10")
        times = [r.time for r in self.server.requests]
        gaps = [b - a for a, b in zip(times, times[1:])]
        self.assertEqual(len(times), 18)  # three notices of three hosts
        self.assertGreater(min(gaps), 0.04)  # the server's clock: one answered late lies close to the next
        self.assertTrue(1.6 < sum(gaps) < 3.5, gaps)

    def test_a_host_has_two_connections(self):
        running, most, lock = [0], [0], threading.Lock()

        def slow(c, r):
            with lock:
                running[0] += 1
                most[0] = max(most[0], running[0])
            time.sleep(0.1)
            with lock:
                running[0] -= 1
            c.picture()
        self.server.paths["/slow"] = slow
        drive([self.server.url(f"/slow?{i}", "h.test") for i in range(8)], *self.options, "--rate=0")
        self.assertEqual(most[0], 2)

    def test_robots_txt_is_obeyed_and_asked_for_once(self):
        self.server.robots["h.test"] = b"User-agent: *\nDisallow: /\nUser-agent: Winnow\nDisallow: /private\nAllow: /private/open\n"
        server, paths = self.server, ["/ok", "/private/x", "/private/open", "/ok?2"]
        server.paths["/private/open"] = misbehave.ok
        rows, counts = drive([server.url(p, "h.test") for p in paths], *self.options, "--rate=0")
        self.assertEqual(statuses(rows), ["ok", "robots", "ok", "ok"])
        self.assertEqual([len(server.asked(p)) for p in ("/robots.txt", "/private/x")], [1, 0])
        self.assertEqual(server.requests[0].path, "/robots.txt")

    def test_what_robots_txt_answers_decides(self):
        robots = self.server.robots
        robots["none.test"] = 404
        robots["forbidden.test"] = 403
        robots["broken.test"] = 500
        robots["busy.test"] = 429
        robots["endless.test"] = lambda c, r: misbehave.forever(c, r)
        robots["moved.test"] = lambda c, r: c.answer(b"", 301, f"Location: {self.server.url('/robots.txt', 'closed.test')}")
        robots["circle.test"] = lambda c, r: c.answer(b"", 301, "Location: /robots.txt")
        robots["closed.test"] = b"User-agent: *\nDisallow: /\n"
        robots["html.test"] = lambda c, r: c.answer(b"<!DOCTYPE html><title>Welcome</title>", 200, "Content-Type: text/html")
        robots["gzip.test"] = lambda c, r: c.answer(gzip.compress(robots["closed.test"]), 200, "Content-Encoding: gzip")
        robots["reset.test"] = lambda c, r: c.reset()
        robots["silent.test"] = misbehave.never
        robots["inward.test"] = lambda c, r: c.answer(b"", 302, "Location: http://10.0.0.1/robots.txt")
        expected = {"none": "ok", "forbidden": "ok", "broken": "robots_unreachable", "busy": "robots_unreachable", "endless": "ok", "moved": "robots",
                    "circle": "ok", "html": "ok", "gzip": "robots", "reset": "robots_unreachable", "silent": "robots_unreachable",
                    "inward": "robots_unreachable"}
        rows, _ = drive([self.server.url("/ok", f"{name}.test") for name in expected], *self.options, *FAST, "--patience=2000")
        self.assertEqual(dict(zip(expected, statuses(rows))), expected)
        for row in rows:
            self.assertEqual(row["passing"], row["status"] == "robots_unreachable")

    def test_what_the_other_notices_answer_decides(self):
        """Only robots.txt closes a site by being out of reach; the others then say nothing."""
        tdmrep, ai_txt = self.server.tdmrep, self.server.ai_txt
        reserved, forbidden = b'[{"location":"/","tdm-reservation":1}]', b"User-Agent: *\nDisallow: /\n"
        tdmrep["reserved.test"] = reserved
        tdmrep["moved.test"] = lambda c, r: c.answer(b"", 302, f"Location: {self.server.url('/.well-known/tdmrep.json', 'reserved.test')}")
        tdmrep["gzip.test"] = lambda c, r: c.answer(gzip.compress(reserved), 200, "Content-Encoding: gzip")
        tdmrep["broken.test"], tdmrep["damaged.test"] = 500, reserved[:-1]
        tdmrep["page.test"] = lambda c, r: c.answer(b"<!DOCTYPE html><p>Disallow: /", 200, "Content-Type: text/html")
        tdmrep["long.test"] = b"[" + b" " * (500 << 10) + reserved[1:]
        tdmrep["endless.test"] = misbehave.forever
        tdmrep["inward.test"] = lambda c, r: c.answer(b"", 302, "Location: http://10.0.0.1/tdmrep.json")
        tdmrep["silent.test"] = ai_txt["silent.test"] = misbehave.never
        tdmrep["reset.test"] = lambda c, r: c.reset()
        ai_txt["forbidden.test"] = forbidden
        ai_txt["own.test"] = b"User-Agent: *\nDisallow: /\nUser-Agent: winnow\nAllow: /\n"
        ai_txt["page2.test"] = lambda c, r: c.answer(b"<!DOCTYPE html>\nUser-Agent: *\nDisallow: /", 200, "Content-Type: text/html")
        self.server.robots["shut.test"] = b"User-agent: *\nDisallow: /ai.txt\nDisallow: /.well-known/\n"
        tdmrep["shut.test"], ai_txt["shut.test"] = reserved, forbidden
        expected = {"reserved": "tdm_reserved", "moved": "tdm_reserved", "gzip": "tdm_reserved", "broken": "ok", "damaged": "ok", "page": "ok", "long": "ok",
                    "endless": "ok", "inward": "ok", "silent": "ok", "reset": "ok", "forbidden": "ai_txt", "own": "ok", "page2": "ok", "shut": "ok", "none": "ok"}
        rows, _ = drive([self.server.url("/ok", f"{name}.test") for name in expected] * 2, *self.options, *FAST, "--patience=2000", "--tries=1")
        self.assertEqual(dict(zip(expected, statuses(rows))), expected)
        self.assertEqual(statuses(rows[:len(expected)]), statuses(rows[len(expected):]))
        asked = [r.path for r in self.server.asked(host="none.test")]
        self.assertEqual(asked[0], "/robots.txt")
        self.assertEqual(set(asked[1:3]), {"/.well-known/tdmrep.json", "/ai.txt"})  # asked side by side, in no order
        for host in ("reserved.test", "forbidden.test"):
            self.assertEqual(len(self.server.asked("/ai.txt", host)), 1)
            self.assertEqual(self.server.asked("/ok", host), [])
        self.assertEqual({r.path for r in self.server.asked(host="shut.test")}, {"/robots.txt", "/ok"})

    def test_a_closed_site_is_asked_for_robots_txt_alone(self):
        self.server.robots["h.test"] = b"User-agent: *\nDisallow: /\n"
        rows, _ = drive([self.server.url(f"/ok?{i}", "h.test") for i in range(3)], *self.options, *FAST)
        self.assertEqual(statuses(rows), ["robots"] * 3)
        self.assertEqual([r.path for r in self.server.requests], ["/robots.txt"])

    def test_crawl_delay_is_kept(self):
        self.server.robots["h.test"] = b"User-agent: *\nCrawl-delay: 0.5\n"
        drive([self.server.url(f"/ok?{i}", "h.test") for i in range(3)], *self.options, "--rate=0")
        times = [r.time for r in self.server.requests]
        self.assertGreater(min(b - a for a, b in zip(times, times[1:])), 0.45)

    def test_retry_after_pauses_the_whole_host(self):
        rows, _ = drive([self.server.url("/later?2", "h.test")] + [self.server.url(f"/ok?{i}", "h.test") for i in range(5)],
                        *self.options, "--rate=0", "--host-connections=1")
        self.assertEqual(statuses(rows), ["ok"] * 6)
        late = self.server.asked("/later")
        others = [r.time for r in self.server.asked("/ok")]
        self.assertGreater(late[1].time - late[0].time, 1.9)
        self.assertEqual([t for t in others if late[0].time + 0.2 < t < late[0].time + 1.9], [])

    def test_a_long_pause_defers_what_waits(self):
        rows, _ = drive([self.server.url("/much_later", "h.test")] + [self.server.url(f"/ok?{i}", "h.test") for i in range(5)],
                        *self.options, "--rate=0", "--host-connections=1")
        self.assertEqual(statuses(rows), ["http_503"] + ["deferred"] * 5)
        self.assertTrue(all(row["passing"] for row in rows))
        self.assertEqual((2990 < rows[1]["measured"] <= 3000, rows[1]["bound"]), (True, 120))
        self.assertEqual(len(self.server.asked("/ok")), 0)

    def test_a_storm_of_429_is_not_answered_with_a_storm(self):
        rows, counts = drive([self.server.url(f"/storm?{i}", "h.test") for i in range(50)], *self.options, "--rate=0", "--patience=4000")
        self.assertLessEqual(set(statuses(rows)), {"http_429", "deferred"})
        self.assertLessEqual(counts["requests"], 5)

    def test_a_host_that_refuses_connections_is_closed(self):
        with misbehave.Server() as gone:
            pass
        rows, _ = drive([gone.url(f"/{i}", "h.test") for i in range(20)], *self.options, "--rate=0")
        self.assertLessEqual(set(statuses(rows)), {"connect_refused", "host_closed"})
        self.assertEqual(statuses(rows)[0], "connect_refused")
        self.assertTrue(all(row["passing"] and row["cause"] == "gone" for row in rows))


class Secure(unittest.TestCase):
    def server(self, certificate):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.path.join(TLS, certificate))
        return self.enterContext(misbehave.Server(context=context))

    def setUp(self):
        self.names = self.enterContext(Everybody())
        self.options = (f"--dns=127.0.0.1:{self.names.port}", *LOCAL, *FAST, "--ca=" + os.path.join(TLS, "ca.pem"))

    def test_certificates_are_checked(self):
        good, expired, nobodys = (self.server(name) for name in ("server.pem", "expired.pem", "self.pem"))
        urls = [good.url("/ok", "secure.test"), good.url("/ok", "secure.other"), expired.url("/ok", "secure.test"), nobodys.url("/ok", "secure.test"),
                good.url("/ok", "127.0.0.1")]
        rows, _ = drive(urls, *self.options)
        self.assertEqual(statuses(rows), ["ok", "tls", "tls", "tls", "ok"])
        rows, _ = drive(urls, *self.options, "--any-certificate")
        self.assertEqual(statuses(rows), ["ok"] * 5)

    def test_a_lying_length_does_not_poison_the_next_response(self):
        good = self.server("server.pem")
        rows, _ = drive([good.url(f"/long?{i}", "secure.test") for i in range(6)] + [good.url("/ok", "secure.test")], *self.options, "--host-connections=1")
        self.assertEqual([row["bytes"] for row in rows], [len(misbehave.PICTURE)] * 7)
        self.assertGreater(good.connections, 1)

    def test_a_plain_server_on_a_secure_port_is_no_secure_one(self):
        plain = self.enterContext(misbehave.Server())
        rows, _ = drive([plain.url("/ok", "secure.test").replace("http:", "https:")], *self.options)
        self.assertIn(statuses(rows)[0], ("tls", "connect_failed", "connect_timeout"))

    def test_a_second_connection_takes_up_the_session_of_the_first(self):
        good = self.server("server.pem")
        good.paths["/once"] = lambda c, r: c.picture("Connection: close") or c.close()
        rows, _ = drive([good.url(f"/once?{i}", "secure.test") for i in range(8)], *self.options, "--host-connections=1", "--ignore-robots", "--ignore-tdm",
                        "--ignore-ai-txt")
        self.assertEqual(statuses(rows), ["ok"] * 8)
        self.assertEqual((good.connections, good.context.session_stats()["hits"]), (8, 7))

    def test_redirects_cross_from_http_to_https(self):
        plain, secure = self.enterContext(misbehave.Server()), self.server("server.pem")
        rows, _ = drive([plain.url("/to?" + urllib.parse.quote(secure.url("/ok", "secure.test")), "secure.test")], *self.options)
        self.assertEqual(statuses(rows), ["ok"])

    def test_http2_is_spoken(self):
        nginx = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
        if not nginx:
            self.skipTest("needs nginx")
        with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
            probe.close()
            for i in range(40):
                with open(os.path.join(folder, f"{i}.png"), "wb") as file:
                    file.write(misbehave.PICTURE)
            certificate = os.path.join(TLS, "server.pem")
            with open(os.path.join(folder, "nginx.conf"), "w") as file:
                file.write(f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log; events {{}}\n"
                           f"http {{ access_log {folder}/access.log; client_body_temp_path {folder}; proxy_temp_path {folder};"
                           f" fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder}; types {{ image/png png; }}\n"
                           f"server {{ listen 127.0.0.1:{port} ssl http2; ssl_certificate {certificate}; ssl_certificate_key {certificate};"
                           f" root {folder}; }} }}\n")
            process = subprocess.Popen([nginx, "-p", folder, "-c", os.path.join(folder, "nginx.conf")], stderr=subprocess.DEVNULL)
            try:
                self.wait_for(port)
                urls = [f"https://secure.test:{port}/{i}.png" for i in range(40)] + [f"https://secure.test:{port}/none.png"]
                rows, _ = drive(urls, *self.options, "--host-connections=8")
                self.assertEqual(statuses(rows), ["ok"] * 40 + ["http_404"])
                rows, _ = drive(urls, *self.options, "--no-http2")
                self.assertEqual(statuses(rows), ["ok"] * 40 + ["http_404"])
            finally:
                process.terminate()
                process.wait()
            with open(os.path.join(folder, "access.log")) as file:
                spoken = collections.Counter(line.split('"')[1].rsplit(" ", 1)[1] for line in file)
            self.assertEqual(spoken, {"HTTP/2.0": 44, "HTTP/1.1": 44})

    @staticmethod
    def wait_for(port):
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                time.sleep(0.05)


class Proxy(unittest.TestCase):
    def test_an_explicit_proxy_is_used_and_named_by_our_own_name_servers(self):
        names = self.enterContext(dns.DnsServer({"proxy.test": dns.addresses("127.0.0.1")}))
        proxy = self.enterContext(misbehave.Server())
        proxy.paths["http://pic.test/ok"] = misbehave.ok
        for host in ("127.0.0.1", "proxy.test"):
            rows, _ = drive(["http://pic.test/ok", "http://10.0.0.1/ok"], f"--dns=127.0.0.1:{names.port}", f"--proxy=http://{host}:{proxy.port}", *FAST)
            self.assertEqual(statuses(rows), ["ok", "address"])
        self.assertEqual({r.target for r in proxy.requests}, {"http://pic.test" + path for path in (*misbehave.NOTICES, "/ok")})
        self.assertEqual({name for name, _, _ in names.asked}, {"proxy.test"})

    def test_a_proxy_that_makes_no_tunnel_is_our_own_fault(self):
        answers = {"400": lambda c, r: c.answer(b"no", 400), "502": lambda c, r: c.answer(b"no", 502), "407": lambda c, r: c.answer(b"", 407),
                   "closed": lambda c, r: c.close(), "reset": lambda c, r: c.reset(), "no http": lambda c, r: c.raw(b"SSH-2.0-x\r\n") or c.close()}
        proxy = self.enterContext(misbehave.Server())
        for i, behave in enumerate(answers.values()):
            proxy.paths[f"h{i}.test:443"] = behave
        rows, counts = drive([f"https://h{i}.test/ok" for i in range(len(answers))] * 2, f"--proxy=http://127.0.0.1:{proxy.port}", *FAST)
        self.assertEqual(statuses(rows), ["proxy"] * 12)
        self.assertEqual([row["measured"] for row in rows], [400, 502, 407, 0, 0, 0] * 2)
        self.assertTrue(all(row["cause"] == "ours" and row["passing"] for row in rows))
        self.assertEqual({r.method for r in proxy.requests}, {"CONNECT"})

    def test_a_proxy_that_wants_a_password_is_our_own_fault(self):
        proxy = self.enterContext(misbehave.Server())
        for path in ("robots.txt", "ok"):
            proxy.paths[f"http://pic.test/{path}"] = lambda c, r: c.answer(b"who are you?", 407)
        rows, _ = drive(["http://pic.test/ok"], f"--proxy=http://127.0.0.1:{proxy.port}", *FAST)
        self.assertEqual((statuses(rows), rows[0]["measured"], rows[0]["cause"]), (["proxy"], 407, "ours"))

    def test_a_tunnel_is_used_and_the_certificate_behind_it_checked(self):
        """A proxy that connects, so that the host's own faults stay the host's."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.path.join(TLS, "server.pem"))
        host = self.enterContext(misbehave.Server(context=context))
        proxy = self.enterContext(misbehave.Server())
        for name in ("secure.test", "secure.other"):
            proxy.paths[f"{name}:443"] = lambda c, r: c.tunnel(host.port)
        rows, _ = drive(["https://secure.test/ok", "https://secure.test/status?404", "https://secure.other/ok"], "--ca=" + os.path.join(TLS, "ca.pem"),
                        f"--proxy=http://127.0.0.1:{proxy.port}", *FAST)
        self.assertEqual(statuses(rows), ["ok", "http_404", "tls"])

    def test_a_proxy_that_is_gone_is_our_own_fault(self):
        with misbehave.Server() as gone:
            pass
        rows, _ = drive(["http://pic.test/ok"], f"--proxy=http://127.0.0.1:{gone.port}", *FAST)
        self.assertEqual((statuses(rows), rows[0]["cause"]), (["proxy"], "ours"))


if __name__ == "__main__":
    unittest.main()
