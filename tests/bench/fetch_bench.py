"""`winnow fetch --from-web` beside img2dataset: the same pictures from nginx on the loopback, http and https, resized to 256.

Part of bench.py. CPU seconds are those of the fetching program alone (nginx is not among them), less those of the same call with
a list of one picture, over the pictures of the list.
"""
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
import time
import zlib

PEER = "img2dataset==1.47.0"
PEER_THREADS = (8, 32, 128)
SMALL, LARGE = 1200, 400    # pictures of a list
SMALL_BYTES = (12000, 32000)
LARGE_SIDE, LARGE_FROM, LARGE_QUALITY = 1155, 900, 85  # a megapixel at 4 : 3; what pictures of at least so many pixels are enlarged to
AGENT = "bench/1.0 (+https://example.org/bench)"
HEAD = """daemon off; master_process off; pid nginx.pid; error_log error.log; events {{ }}
http {{ access_log off; default_type image/jpeg; keepalive_requests 100000;
  client_body_temp_path t; proxy_temp_path t; fastcgi_temp_path t; uwsgi_temp_path t; scgi_temp_path t;
  server {{ root served; listen 127.0.0.1:{http}; listen 127.0.0.1:{https} ssl; ssl_certificate {pem}; ssl_certificate_key {pem}; }} }}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def serving(folder, tls):
    """nginx on folder/served; its two ports."""
    ports = {"http": free_port(), "https": free_port()}
    with open(os.path.join(folder, "nginx.conf"), "w", encoding="utf-8") as file:
        file.write(HEAD.format(**ports, pem=os.path.join(tls, "server.pem")))
    nginx = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
    process = subprocess.Popen([nginx, "-p", folder + "/", "-e", "error.log", "-c", "nginx.conf"], stderr=subprocess.DEVNULL)
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
    """The longer side by the frame header; 0 for other files."""
    with open(path, "rb") as file:
        data, at = file.read(), 2
    while data[:2] == b"\xff\xd8" and at + 9 < len(data) and data[at] == 0xFF:
        if data[at + 1] in (0xC0, 0xC2):
            return max(struct.unpack(">HH", data[at + 5:at + 9]))
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


class FetchBench:
    def __init__(self, bench, winnow, root, shared, timed):
        self.bench, self.program, self.timed = bench, winnow, timed
        self.tls = os.path.join(root, "tests/e2e/servers/tls")
        self.archive = os.path.join(shared, "data/miniweb/miniweb.tar.zst")
        self.folder = bench.path("web")
        self.served = os.path.join(self.folder, "served")

    def path(self, *names):
        return os.path.join(self.folder, *names)

    # ---- pictures

    def fetch(self, rows, out, *options):
        """CPU and wall of one call; pictures go to out.tar."""
        return self.timed([self.program, "fetch", "--from-web", "--user-agent", AGENT, "--accept-network=127.0.0.0/8", "--ports=high",
                           "--rate=0", "--per-host=32", "--ca", os.path.join(self.tls, "ca.pem"), "--size=256", "--quality=95",
                           "--plain-input", "--quiet", "--force", "--packs", self.path("packs"), "-o", self.path(out + ".rows.zst"),
                           "--dropped", self.path(out + ".dropped.zst"), *options, self.path(rows)])

    def fetched(self, out):
        with tarfile.open(self.path("packs", out + ".tar")) as tar:
            return [tar.extractfile(member).read() for member in tar.getmembers()]

    def list_of(self, name, kind, ports, scheme, count):
        urls = [f"{scheme}://127.0.0.1:{ports[scheme]}/{kind}/{n}.jpg" for n in range(count)]
        for end, text in ((".tsv", rows_of(urls)), (".txt", "\n".join(urls) + "\n")):
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
        environment = dict(os.environ, NO_ALBUMENTATIONS_UPDATE="1", WANDB_MODE="disabled")
        took = self.timed([python, "-c", code, "--url_list", self.path(name + ".txt"), "--input_format=txt", "--output_folder", out,
                           "--output_format=webdataset", "--processes_count=1", f"--thread_count={threads}", "--image_size=256",
                           "--resize_mode=keep_ratio_largest", "--resize_only_if_bigger=True", "--encode_quality=95", "--retries=0"],
                          env=environment, stderr=subprocess.DEVNULL)
        with tarfile.open(os.path.join(out, "00000.tar")) as tar:
            took.pictures = sum(member.name.endswith(".jpg") for member in tar.getmembers())
        return took

    # ---- figures

    def cost(self, run, kind, scheme, ports, count):
        """Least CPU ms a picture of two runs, net of a list of one."""
        self.list_of("one", kind, ports, scheme, 1)
        self.list_of("all", kind, ports, scheme, count)
        start = min(run("one").cpu for _ in range(2))
        return (min(run("all").cpu for _ in range(2)) - start) / count * 1000

    def winnow(self, name, *options):
        took = self.fetch(name + ".tsv", "out", *options)
        wanted = sum(1 for _ in open(self.path(name + ".txt"), encoding="utf-8"))
        if len(self.fetched("out")) != wanted:
            raise AssertionError(f"{wanted} pictures asked for, {len(self.fetched('out'))} came")
        return took

    def best_threads(self, python, kind, ports, count):
        self.list_of("all", kind, ports, "http", count)
        return min(PEER_THREADS, key=lambda threads: self.peer(python, "all", threads).cpu)

    def compare(self, ports, python):
        say = self.bench.say
        for kind, count, bar in (("small", SMALL, 2.3), ("large", LARGE, 3.5)):
            for scheme in ("http", "https"):
                ours = self.cost(self.winnow, kind, scheme, ports, count)
                say(f"fetch, {kind} pictures over {scheme}, CPU ms a picture", f"{ours:.2f}", note=f"{1000 / ours:.0f} a second a core")
                if kind == "large" and scheme == "http":
                    exact = self.cost(lambda name: self.winnow(name, "--exact-resize"), kind, scheme, ports, count)
                    say("the same with --exact-resize", f"{exact:.2f}")
                if python and scheme == "http":
                    threads = self.best_threads(python, kind, ports, count)
                    theirs = self.cost(lambda name: self.peer(python, name, threads), kind, scheme, ports, count)
                    say(f"{PEER} on them, {threads} threads, CPU ms a picture", f"{theirs:.2f}")
                    say("that / fetch, CPU", f"{theirs / ours:.1f}", f">= {bar}", theirs / ours >= bar)

    def likeness(self, ports, distinct):
        self.list_of("some", "large", ports, "http", distinct)
        self.fetch("some.tsv", "scaled", "--format=png")
        self.fetch("some.tsv", "exact", "--format=png", "--exact-resize")
        found = [psnr(png_samples(a), png_samples(b)) for a, b in zip(self.fetched("scaled"), self.fetched("exact"))]
        self.bench.say("PSNR between the two, dB, mean", f"{sum(found) / len(found):.1f}", note=f"least {min(found):.1f}, {len(found)} pictures")

    def run(self):
        if not os.path.exists(self.archive) or not shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin"):
            self.bench.say("fetch: needs nginx and ../shared/data/miniweb", "skipped")
            return
        _, wide = self.unpack()
        with serving(self.folder, self.tls) as ports:
            self.make_large(ports, wide)
            self.likeness(ports, wide)
            python = self.peer_python() if self.bench.peer else None
            if self.bench.peer and not python:
                self.bench.say(f"{PEER}: not to be had here", "skipped")
            self.compare(ports, python)
