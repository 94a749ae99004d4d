#!/usr/bin/env python3
"""The memory of `winnow fetch --from-web` with two thousand slow URLs in flight, http and https.

    tests/bench/slow_bench.py [--urls N] [--quick]            $WINNOW names another program than ./winnow

Each URL has a host of its own. The server sends the head and a kilobyte, then a few bytes a second until all URLs are in flight,
holds them so for some seconds, and ends them. The peak is the kernel's VmHWM of fetch, less that of the same call with one URL.
Needs openssl for a certificate.
"""
import argparse
import asyncio
import contextlib
import ctypes
import multiprocessing
import os
import resource
import ssl
import subprocess
import sys
import tempfile
import time

import bench
import fetch_bench
import names_bench

URLS, QUICK_URLS = 2000, 100
HOLD_SECONDS, GIVE_UP_SECONDS = 5, 60
PICTURE_BYTES = 20000
DRIP = b"\0" * 256          # a second: above fetch's stall limit
MEMORY = "9G"               # --memory is a ceiling, and fetch opens fewer connections where it is low


def picture():
    """A small PNG, and zeros behind its end to the length of a usual picture."""
    with open(os.path.join(bench.ROOT, "tests/data/pictures/turned.png"), "rb") as file:
        return file.read().ljust(PICTURE_BYTES, b"\0")


class SlowServer:
    """In a process of its own: `most` is the most URLs that were in flight."""

    def __init__(self, wanted, certificate):
        self.wanted, self.certificate, self.picture = wanted, certificate, picture()
        self.most, self.port = multiprocessing.Value(ctypes.c_ulong), multiprocessing.Value(ctypes.c_ulong)
        self.process = multiprocessing.Process(target=lambda: asyncio.run(self.serve()), daemon=True)

    async def serve(self):
        self.open, self.ends = 0, None
        context = None
        if self.certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate)
        patience = GIVE_UP_SECONDS if context else None
        server = await asyncio.start_server(self.talk, "127.0.0.1", 0, ssl=context, backlog=4096, ssl_handshake_timeout=patience)
        self.port.value = server.sockets[0].getsockname()[1]
        async with server:
            await server.serve_forever()

    async def talk(self, reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if head.startswith(b"GET /robots.txt"):
                    writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
                else:
                    await self.drip(writer)
                await writer.drain()
        writer.close()

    async def drip(self, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n" % PICTURE_BYTES + self.picture[:1000])
        sent = 1000
        self.open += 1
        self.most.value = max(self.most.value, self.open)
        if self.open == self.wanted:
            self.ends = time.monotonic() + HOLD_SECONDS
        begun = time.monotonic()
        while time.monotonic() < (self.ends or begun + GIVE_UP_SECONDS):
            await asyncio.sleep(1)
            writer.write(self.picture[sent:sent + len(DRIP)])
            sent += len(DRIP)
        self.open -= 1
        writer.write(self.picture[sent:])

    def __enter__(self):
        self.process.start()
        while not self.port.value:
            time.sleep(0.02)
        return self

    def __exit__(self, *exception):
        self.process.terminate()
        self.process.join()


def peak_kb(command):
    """VmHWM of a command, by looking at it until its end; the exec of its parent's copy counts in ru_maxrss."""
    process, peak = subprocess.Popen(command, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL), 0
    while process.poll() is None:
        with contextlib.suppress(OSError), open(f"/proc/{process.pid}/status", encoding="ascii") as file:
            peak = next((int(line.split()[1]) for line in file if line.startswith("VmHWM")), peak)
        time.sleep(0.02)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return peak


class SlowBench:
    def __init__(self, sheet, folder):
        self.sheet, self.folder = sheet, folder

    def path(self, name):
        return os.path.join(self.folder, name)

    def make_certificate(self):
        """For all hosts of the bench, by itself."""
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                        "/CN=slow.test", "-addext", "subjectAltName=DNS:*.slow.test", "-keyout", self.path("key.pem"), "-out",
                        self.path("cert.pem")], check=True, capture_output=True)
        with open(self.path("both.pem"), "wb") as out:
            for name in ("key.pem", "cert.pem"):
                with open(self.path(name), "rb") as file:
                    out.write(file.read())

    def fetch(self, scheme, count):
        """VmHWM in kB, and how many URLs were in flight at a time."""
        certificate = self.path("both.pem") if scheme == "https" else None
        with names_bench.NameServer() as names, SlowServer(count, certificate) as server:
            with open(self.path("slow.tsv"), "w", encoding="utf-8") as file:
                file.write(fetch_bench.rows_of(f"{scheme}://h{n}.slow.test:{server.port.value}/{n}.png" for n in range(count)))
            peak = peak_kb([bench.WINNOW, "fetch", "--from-web", "--user-agent", fetch_bench.AGENT, "--accept-network=127.0.0.0/8", "--ports=high",
                            "--rate=0", "--timeout=180", f"--connections={count}", f"--memory={MEMORY}",
                            f"--dns={names.address}", "--ca", self.path("cert.pem"), "--plain-input", "--quiet", "--force", "--packs",
                            self.path("packs"), "-o", self.path("slow.rows.zst"), "--dropped", self.path("slow.dropped.zst"), self.path("slow.tsv")])
            return peak, server.most.value

    def run(self, count):
        self.make_certificate()
        for scheme in ("http", "https"):
            alone, _ = self.fetch(scheme, 1)
            peak, most = self.fetch(scheme, count)
            lost = sum(names_bench.dropped(self.path("slow.dropped.zst")).values())
            say = self.sheet.say
            say(f"slow URLs in flight at a time, {scheme}", str(most), str(count), most == count, f"{lost} lost")
            say("peak memory (VmHWM), MB", f"{peak / 1000:.1f}", note=f"{alone / 1000:.1f} with one; {(peak - alone) / most:.0f} kB a URL")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--urls", type=int, default=URLS)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_URLS} URLs")
    options = parser.parse_args()
    options.rounds, options.no_peer = 1, True
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    print(bench.machine(), flush=True)
    with tempfile.TemporaryDirectory(prefix="winnow-bench-") as folder:
        sheet = fetch_bench.Sheet(folder, options)
        SlowBench(sheet, folder).run(QUICK_URLS if options.quick else options.urls)
        return 1 if sheet.missed else 0


if __name__ == "__main__":
    sys.exit(main())
