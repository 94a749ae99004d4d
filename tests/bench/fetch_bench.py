#!/usr/bin/env python3
"""`winnow fetch --from-web` beside img2dataset and beside what bounds it: the same pictures from nginx on the loopback, over http and
https (HTTP/2), small ones and megapixels, resized to 256.

    tests/bench/fetch_bench.py [--rounds N] [--only small|large] [--quick] [--no-peer]      $WINNOW names another program than ./winnow

The CPU time of a picture is user + system of the fetching program alone (nginx is not among them), less that of the same call with
a list of one picture, over the further pictures of the list. The bound is the sum of bare curl-multi and of a bare loop of the
codecs (bare_fetch.c). All sides take turns, and each figure is the least of the rounds. The pictures are made from the mini web's
photographs. Needs nginx (nginx-light), a compiler, and for the peer PyPI; $WINNOW_FETCH_VENV names a virtual environment to keep.
"""
import argparse
import contextlib
import hashlib
import math
import os
import shutil
import socket
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
import zlib

PEER = "img2dataset==1.47.0"
PEER_THREADS = (8, 32, 128)
SMALL, LARGE = 2400, 800    # pictures of a list: the peer takes seconds to start, and must take many more for them
QUICK = 12                  # with --quick lists are so many times shorter
SIZE, QUALITY = 256, 95
CONNECTIONS = 32            # to the one host, on all sides that keep some
SMALL_BYTES = (12000, 32000)
LARGE_SIDE, LARGE_FROM, LARGE_QUALITY = 1155, 900, 85  # a megapixel at 4 : 3; what pictures of at least so many pixels are enlarged to
PEER_BARS = {"small": 2.3, "large": 3.5}
SUM_BAR = 1.25
AGENT = "bench/1.0 (+https://example.org/bench)"
HEAD = """daemon off; master_process off; pid nginx.pid; error_log error.log; events {{ }}
http {{ access_log off; default_type image/jpeg; keepalive_requests 100000;
  client_body_temp_path t; proxy_temp_path t; fastcgi_temp_path t; uwsgi_temp_path t; scgi_temp_path t;
  server {{ root served; listen 127.0.0.1:{http}; listen 127.0.0.1:{https} ssl http2; ssl_certificate {pem}; ssl_certificate_key {pem}; }} }}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def nginx_program():
    return shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")


@contextlib.contextmanager
def serving(folder, tls):
    """nginx on folder/served; its two ports."""
    ports = {"http": free_port(), "https": free_port()}
    with open(os.path.join(folder, "nginx.conf"), "w", encoding="utf-8") as file:
        file.write(HEAD.format(**ports, pem=os.path.join(tls, "server.pem")))
    process = subprocess.Popen([nginx_program(), "-p", folder + "/", "-e", "error.log", "-c", "nginx.conf"], stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", ports["https"]), 1):
                break
            time.sleep(0.05)
        yield ports
    finally:
        process.terminate()
        process.wait()


def rows_of(urls):
    lines = ["id\turl\ttext\tsrc_file\tsrc_record\tsrc_image\tsrc_text"]
    for number, url in enumerate(urls):
        lines.append(f"{hashlib.sha256(url.encode()).hexdigest()[:32]}\t{url}\tcaption\t0\t{number}\t0\t0")
    return "\n".join(lines) + "\n"


def jpeg_side(path):
    """The longer side by the frame header; 0 for other files, and for the four components of print."""
    with open(path, "rb") as file:
        data, at = file.read(), 2
    while data[:2] == b"\xff\xd8" and at + 9 < len(data) and data[at] == 0xFF:
        if data[at + 1] in (0xC0, 0xC2):
            return 0 if data[at + 9] > 3 else max(struct.unpack(">HH", data[at + 5:at + 9]))
        at += 2 + struct.unpack(">H", data[at + 2:at + 4])[0]
    return 0


def png_samples(data):
    """Samples of an 8-bit RGB PNG."""
    width, height, packed, at, before = *struct.unpack(">II", data[16:24]), b"", 8, None
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        packed += data[at + 8:at + 8 + length] if kind == b"IDAT" else b""
        at += 12 + length
    raw, stride, rows = zlib.decompress(packed), 3 * width, []
    before = bytes(stride)
    for y in range(height):
        kind, row = raw[y * (stride + 1)], bytearray(raw[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
        for x in range(stride if kind else 0):
            a, b, c = row[x - 3] if x >= 3 else 0, before[x], before[x - 3] if x >= 3 else 0
            nearest = min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2] if kind == 4 else 0
            row[x] = (row[x] + (a, b, (a + b) // 2, nearest)[kind - 1]) & 255
        rows.append(bytes(row))
        before = row
    return b"".join(rows)


def psnr(one, other):
    error = sum((a - b) ** 2 for a, b in zip(one, other)) / len(one)
    return 10 * math.log10(255 * 255 / error) if error else 99.0


class Cost:
    """One side of the comparison on one list: CPU seconds beyond the first picture, the least of what was measured."""

    def __init__(self, run, pictures):
        self.run, self.pictures, self.first, self.all = run, pictures, math.inf, math.inf

    def measure(self):
        self.first = min(self.first, self.run("one").cpu)
        self.all = min(self.all, self.run("all").cpu)

    def ms(self):
        return (self.all - self.first) / (self.pictures - 1) * 1000


class BareCost:
    """The same of bare_fetch, which takes its own time and leaves the first picture out."""

    def __init__(self, run):
        self.run, self.least = run, math.inf

    def measure(self):
        pictures, _, milliseconds = self.run().split()
        self.least = min(self.least, float(milliseconds) / int(pictures))

    def ms(self):
        return self.least


class FetchBench:
    def __init__(self, bench, winnow, root, shared, timed):
        self.bench, self.program, self.timed, self.root = bench, winnow, timed, root
        self.shorter = QUICK if getattr(bench, "quick", False) else 1
        self.tls = os.path.join(root, "tests/e2e/servers/tls")
        self.archive = os.path.join(shared, "data/miniweb/miniweb.tar.zst")
        self.folder = bench.path("web")
        self.served = os.path.join(self.folder, "served")
        self.threads = str(os.cpu_count())

    def path(self, *names):
        return os.path.join(self.folder, *names)

    # ---- pictures

    def fetch(self, rows, out, *options):
        """CPU and wall of one call; pictures go to out.tar."""
        return self.timed([self.program, "fetch", "--from-web", "--user-agent", AGENT, "--accept-network=127.0.0.0/8", "--ports=high",
                           "--rate=0", f"--per-host={CONNECTIONS}", "--ca", os.path.join(self.tls, "ca.pem"), f"--size={SIZE}",
                           f"--quality={QUALITY}", f"--threads={self.threads}", "--plain-input", "--quiet", "--force", "--packs", self.path("packs"),
                           "-o", self.path(out + ".rows.zst"), "--dropped", self.path(out + ".dropped.zst"), *options, self.path(rows)])

    def fetched(self, out):
        with tarfile.open(self.path("packs", out + ".tar")) as tar:
            return [tar.extractfile(member).read() for member in tar.getmembers()]

    def list_of(self, name, kind, ports, scheme, count):
        urls = [f"{scheme}://127.0.0.1:{ports[scheme]}/{kind}/{n}.jpg" for n in range(count)]
        files = [os.path.join(self.served, kind, f"{n}.jpg") for n in range(count)]
        for end, text in ((".tsv", rows_of(urls)), (".txt", "\n".join(urls) + "\n"), (".files", "\n".join(files) + "\n")):
            with open(self.path(name + end), "w", encoding="utf-8") as file:
                file.write(text)

    def link(self, kind, sources, count):
        os.mkdir(os.path.join(self.served, kind))
        for number in range(count):
            os.link(sources[number % len(sources)], os.path.join(self.served, kind, f"{number}.jpg"))

    def unpack(self):
        os.makedirs(self.served)
        os.mkdir(self.path("t"))
        subprocess.run(f"zstd -dcq '{self.archive}' | tar -xf - -C '{self.folder}'", shell=True, check=True)
        found = sorted(os.path.join(at, name) for at, _, names in os.walk(self.path("miniweb")) for name in names)
        small = [path for path in found if SMALL_BYTES[0] <= os.path.getsize(path) <= SMALL_BYTES[1] and jpeg_side(path) > 256]
        self.link("small", small, SMALL)
        large = [path for path in found if jpeg_side(path) >= LARGE_FROM]
        self.link("wide", large, len(large))
        return len(small), len(large)

    def make_large(self, ports, count):
        """Files of the sharpest photographs at one megapixel, by winnow itself."""
        self.list_of("wide", "wide", ports, "http", count)
        self.fetch("wide.tsv", "wide", f"--size={LARGE_SIDE}", "--enlarge", f"--quality={LARGE_QUALITY}")
        sources = []
        for number, data in enumerate(self.fetched("wide")):
            sources.append(self.path(f"wide-{number}.jpg"))
            with open(sources[-1], "wb") as file:
                file.write(data)
        self.link("large", sources, LARGE)

    def mean_kb(self, kind):
        sizes = [entry.stat().st_size for entry in os.scandir(os.path.join(self.served, kind))]
        return round(sum(sizes) / len(sizes) / 1000)

    # ---- the peer

    def peer_python(self):
        venv = os.environ.get("WINNOW_FETCH_VENV") or self.bench.path("fetch-venv")
        python = os.path.join(venv, "bin/python")
        try:
            if not os.path.exists(python):
                subprocess.run([sys.executable, "-m", "venv", venv], check=True, capture_output=True)
            if subprocess.run([python, "-c", "import img2dataset"], capture_output=True).returncode:
                subprocess.run([python, "-m", "pip", "install", "-q", PEER], check=True, capture_output=True, timeout=900)
        except (subprocess.SubprocessError, OSError):
            return None
        return python

    def peer(self, python, name, threads):
        out = self.path("peer")
        shutil.rmtree(out, ignore_errors=True)
        code = "import fire; from img2dataset import download; fire.Fire(download)"
        environment = dict(os.environ, NO_ALBUMENTATIONS_UPDATE="1", WANDB_MODE="disabled", SSL_CERT_FILE=os.path.join(self.tls, "ca.pem"))
        took = self.timed([python, "-c", code, "--url_list", self.path(name + ".txt"), "--input_format=txt", "--output_folder", out,
                           "--output_format=webdataset", "--processes_count=1", f"--thread_count={threads}",
                           f"--image_size={SIZE}", "--resize_mode=keep_ratio_largest", "--resize_only_if_bigger=True",
                           f"--encode_quality={QUALITY}", "--retries=0"],
                          env=environment, stderr=subprocess.DEVNULL)
        with tarfile.open(os.path.join(out, "00000.tar")) as tar:
            came = sum(member.name.endswith(".jpg") for member in tar.getmembers())
        self.check_count(name, came, PEER)
        return took

    # ---- the bound

    def build_bare(self):
        """Beside the program lies the library that it was linked from."""
        beside = os.path.dirname(self.program)
        library = os.path.join(beside, "build", "libwinnow.a") if os.path.samefile(beside, self.root) else os.path.join(beside, "libwinnow.a")
        subprocess.run([os.environ.get("CC", "cc"), "-std=gnu11", "-O2", "-D_GNU_SOURCE", f"-I{self.root}", "-o", self.path("bare_fetch"),
                        os.path.join(self.root, "tests/bench/bare_fetch.c"), library, "-lcurl", "-ljpeg", "-ldl", "-lm", "-pthread"], check=True)

    def bare(self, *arguments):
        return subprocess.run([self.path("bare_fetch"), *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout

    def bare_net(self):
        return self.bare("net", str(CONNECTIONS), os.path.join(self.tls, "ca.pem"), self.path("all.txt"))

    def bare_codec(self, scaling):
        return self.bare("codec", self.threads, str(SIZE), scaling, self.path("all.files"))

    # ---- figures

    def check_count(self, name, came, who):
        wanted = sum(1 for _ in open(self.path(name + ".txt"), encoding="utf-8"))
        if came != wanted:
            raise AssertionError(f"{who}: {wanted} pictures asked for, {came} came")

    def winnow(self, name, *options):
        took = self.fetch(name + ".tsv", "out", *options)
        self.check_count(name, len(self.fetched("out")), "winnow")
        return took

    def best_threads(self, python, kind, ports, count):
        if self.shorter > 1:
            return PEER_THREADS[-1]
        self.list_of("all", kind, ports, "http", count)
        return min(PEER_THREADS, key=lambda threads: self.peer(python, "all", threads).cpu)

    def costs(self, kind, scheme, ports, count, python, threads):
        """CPU ms a picture of each side, measured in turns."""
        self.list_of("one", kind, ports, scheme, 1)
        self.list_of("all", kind, ports, scheme, count)
        sides = {"ours": Cost(self.winnow, count), "net": BareCost(self.bare_net), "codec": BareCost(lambda: self.bare_codec("scaled"))}
        if kind == "large":
            sides["exact"] = Cost(lambda name: self.winnow(name, "--exact-resize"), count)
            sides["exact codec"] = BareCost(lambda: self.bare_codec("exact"))
        if python:
            sides["peer"] = Cost(lambda name: self.peer(python, name, threads), count)
        for _ in range(self.bench.rounds):
            for side in sides.values():
                side.measure()
        return {name: side.ms() for name, side in sides.items()}

    def show(self, kind, scheme, ms, threads):
        say, total = self.bench.say, ms["net"] + ms["codec"]
        say(f"fetch, {kind} pictures over {scheme}, CPU ms a picture", f"{ms['ours']:.3f}", note=f"{1000 / ms['ours']:.0f} a second a core")
        say("bare curl-multi + bare codecs, CPU ms a picture", f"{total:.3f}", note=f"{ms['net']:.3f} + {ms['codec']:.3f}")
        say("fetch / that sum", f"{ms['ours'] / total:.2f}", f"<= {SUM_BAR}", ms["ours"] / total <= SUM_BAR)
        if "exact" in ms:
            total = ms["net"] + ms["exact codec"]
            say("fetch --exact-resize, CPU ms a picture", f"{ms['exact']:.3f}", note=f"{ms['exact'] / total:.2f} times the sum with exact codecs")
        if "peer" in ms:
            ratio, bar = ms["peer"] / ms["ours"], PEER_BARS[kind]
            say(f"{PEER}, {threads} threads, CPU ms a picture", f"{ms['peer']:.3f}")
            say("that / fetch", f"{ratio:.2f}", f">= {bar}", ratio >= bar)

    def compare(self, ports, python):
        only = getattr(self.bench, "only", None)
        for kind, count in (("small", SMALL // self.shorter), ("large", LARGE // self.shorter)):
            if only not in (None, kind):
                continue
            threads = self.best_threads(python, kind, ports, count) if python else 0
            for scheme in ("http", "https"):
                self.show(kind, scheme, self.costs(kind, scheme, ports, count, python, threads), threads)
                print(f"  load {os.getloadavg()[0]:.1f}", flush=True)

    def likeness(self, ports, distinct):
        self.list_of("some", "large", ports, "http", distinct)
        self.fetch("some.tsv", "scaled", "--format=png")
        self.fetch("some.tsv", "exact", "--format=png", "--exact-resize")
        found = [psnr(png_samples(a), png_samples(b)) for a, b in zip(self.fetched("scaled"), self.fetched("exact"))]
        self.bench.say("PSNR between the two, dB, mean", f"{sum(found) / len(found):.1f}", note=f"least {min(found):.1f}, {len(found)} pictures")

    def has_what_it_needs(self):
        has = os.path.exists(self.archive) and nginx_program() is not None
        if not has:
            self.bench.say("fetch: needs nginx and ../shared/data/miniweb", "skipped")
        return has

    def run(self):
        if not self.has_what_it_needs():
            return
        small, wide = self.unpack()
        self.build_bare()
        with serving(self.folder, self.tls) as ports:
            self.make_large(ports, wide)
            self.bench.say("distinct pictures: small, megapixels", f"{small}, {wide}", note=f"{self.mean_kb('small')}, {self.mean_kb('large')} kB in the mean")
            self.likeness(ports, wide)
            python = self.peer_python() if self.bench.peer else None
            if self.bench.peer and not python:
                self.bench.say(f"{PEER}: not to be had here", "skipped")
            self.compare(ports, python)


class Sheet:
    """What FetchBench wants of its caller: a folder, the number of rounds, and lines."""

    def __init__(self, folder, options):
        self.folder, self.rounds, self.quick, self.peer, self.missed = folder, options.rounds, options.quick, not options.no_peer, False
        self.only = getattr(options, "only", None)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def say(self, what, figure, bar=None, good=None, note=""):
        self.missed |= good is False
        state = "" if good is None else "met" if good else "MISSED"
        print(f"{what:58}{figure:>12}  {('bar ' + bar) if bar else '':12}{state:8}{note}".rstrip(), flush=True)


def main():
    import bench  # it imports this file in its turn
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=["small", "large"], help="these pictures alone")
    parser.add_argument("--quick", action="store_true", help="one round of short lists: to see that all sides run, no figure to quote")
    parser.add_argument("--no-peer", action="store_true", help="do without img2dataset")
    options = parser.parse_args()
    if options.quick:
        options.rounds = 1
    print(f"{bench.machine()}; least of {options.rounds} rounds{'; quick: do not quote' if options.quick else ''}", flush=True)
    with tempfile.TemporaryDirectory(prefix="winnow-bench-") as folder:
        sheet = Sheet(folder, options)
        FetchBench(sheet, bench.WINNOW, bench.ROOT, bench.SHARED, bench.timed).run()
        return 1 if sheet.missed else 0


if __name__ == "__main__":
    sys.exit(main())
