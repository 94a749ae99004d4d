#!/usr/bin/env python3
"""Ten thousand host names, each with one picture, through two name servers of the bench's own: is any lost to the resolver?

    tests/bench/names_bench.py [--names N] [--quick]          $WINNOW names another program than ./winnow

Twice: the servers answer everything; and of one name in twenty the first question to each server gets no answer, of another one
in twenty a SERVFAIL. All names are 127.0.0.1, where nginx has the pictures. Politeness and time limits are fetch's defaults. CPU is user +
system of fetch alone, beside that of as many pictures of one host. Needs nginx (nginx-light).
"""
import argparse
import collections
import contextlib
import ctypes
import multiprocessing
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import zlib

import bench
import fetch_bench

sys.path.insert(0, bench.ROOT)
from tests.e2e.servers import dns  # noqa: E402

NAMES, QUICK_NAMES, SERVERS, ODD_ONE_IN = 10000, 500, 2, 20
AGENT = fetch_bench.AGENT
HERE = dns.addresses("127.0.0.1")


def answer(data, first, faulty):
    """The reply to a question, or None for silence."""
    question = dns.Question(data, "udp")
    odd = zlib.crc32(question.name.encode()) % ODD_ONE_IN if faulty and first else -1
    if odd == 0:
        return None
    return question.reply(dns.SERVFAIL) if odd == 1 else HERE(question)


def serve_names(udp, faulty, asked):
    """In a process of its own, for ever."""
    seen = set()
    while True:
        data, peer = udp.recvfrom(4096)
        name = data[12:]
        asked.value += 1
        reply = answer(data, name not in seen, faulty)
        seen.add(name)
        if reply:
            udp.sendto(reply, peer)


class NameServer:
    def __init__(self, faulty=False):
        self.asked = multiprocessing.Value(ctypes.c_ulong)
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.udp.bind(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.udp.getsockname()[1]
        self.process = multiprocessing.Process(target=serve_names, args=(self.udp, faulty, self.asked), daemon=True)

    def __enter__(self):
        self.process.start()
        return self

    def __exit__(self, *exception):
        self.process.terminate()
        self.process.join()
        self.udp.close()


def dropped(path):
    """How many rows each rule dropped."""
    if not os.path.exists(path):
        return collections.Counter()
    text = subprocess.run([bench.WINNOW, "view", path], check=True, stdout=subprocess.PIPE, text=True, errors="replace").stdout
    header, *rows = text.split("\n")[:-1]
    at = header.split("\t").index("rule")
    return collections.Counter(row.split("\t")[at] for row in rows)


class NamesBench:
    def __init__(self, sheet, folder, count):
        self.sheet, self.count = sheet, count
        self.pictures = fetch_bench.FetchBench(sheet, bench.WINNOW, bench.ROOT, bench.SHARED, bench.timed)
        self.folder = folder

    def path(self, name):
        return os.path.join(self.folder, name)

    def fetch(self, urls, *options):
        """Its Time, and what was dropped."""
        with open(self.path("names.tsv"), "w", encoding="utf-8") as file:
            file.write(fetch_bench.rows_of(urls))
        for old in ("names.dropped.zst", "packs"):
            shutil.rmtree(self.path(old), ignore_errors=True)
            with contextlib.suppress(OSError):
                os.remove(self.path(old))
        took = bench.timed([bench.WINNOW, "fetch", "--from-web", "--user-agent", AGENT, "--accept-network=127.0.0.0/8", "--ports=high",
                            f"--size={fetch_bench.SIZE}", "--plain-input", "--quiet", "--force", "--packs", self.path("packs"), "-o",
                            self.path("names.rows.zst"), "--dropped", self.path("names.dropped.zst"), *options, self.path("names.tsv")])
        return took, dropped(self.path("names.dropped.zst"))

    def urls(self, host, port):
        """All of them different: equal ones would be asked for once."""
        return [f"http://{host.format(n)}:{port}/small/{n % fetch_bench.SMALL}.jpg?{n}" for n in range(self.count)]

    def measure(self, what, port, faulty):
        """CPU ms a name."""
        say = self.sheet.say
        with contextlib.ExitStack() as stack:
            servers = [stack.enter_context(NameServer(faulty)) for _ in range(SERVERS)]
            took, lost = self.fetch(self.urls("h{}.test", port), "--dns=" + ",".join(server.address for server in servers))
            asked = sum(server.asked.value for server in servers)
        by_resolver = sum(n for rule, n in lost.items() if rule.startswith("fetch.dns_"))
        say(f"{what}: lost to the resolver of {self.count}", str(by_resolver), "0", by_resolver == 0)
        say("pictures lost otherwise", str(sum(lost.values()) - by_resolver), "0", sum(lost.values()) == by_resolver, ", ".join(sorted(lost)))
        say("questions that the name servers got", str(asked), note=f"{asked / self.count:.3f} a name")
        say("CPU ms a name, with its picture and robots.txt", f"{took.cpu / self.count * 1000:.2f}", note=f"{took.wall:.1f} s wall")
        return took.cpu / self.count * 1000

    def run(self):
        if not self.pictures.has_what_it_needs():
            return
        self.pictures.unpack()
        with fetch_bench.serving(self.pictures.folder, self.pictures.tls) as ports:
            faithful = self.measure("servers that answer", ports["http"], False)
            self.measure(f"1 in {ODD_ONE_IN} silent, as many fail", ports["http"], True)
            took, lost = self.fetch(self.urls("127.0.0.1", ports["http"]), "--rate=0", f"--per-host={fetch_bench.CONNECTIONS}")
            one = took.cpu / self.count * 1000
            self.sheet.say("as many pictures of one host, CPU ms a picture", f"{one:.2f}", note=f"a new host costs {faithful - one:.2f} ms; {sum(lost.values())} lost")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", type=int, default=NAMES)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_NAMES} names")
    options = parser.parse_args()
    options.rounds, options.no_peer = 1, True
    print(bench.machine(), flush=True)
    with tempfile.TemporaryDirectory(prefix="winnow-bench-") as folder:
        sheet = fetch_bench.Sheet(folder, options)
        NamesBench(sheet, folder, QUICK_NAMES if options.quick else options.names).run()
        return 1 if sheet.missed else 0


if __name__ == "__main__":
    sys.exit(main())
