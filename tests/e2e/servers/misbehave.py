"""An HTTP server that misbehaves on request, one way a path; and that remembers what it was asked.

    with Server() as server:  ... http://127.0.0.1:{server.port}/short ...
    server.requests   every request: time, host, path, headers, number of the connection, bytes of body sent

Raw sockets and a thread a connection: no library would send such answers. `robots` maps a Host (without port) to what its
/robots.txt says: bytes, or a status, or a function of the request; others have none (404); likewise `tdmrep` and `ai_txt`.
Extra paths: server.paths[path].
"""
import gzip
import re
import socket
import ssl
import struct
import threading
import time
import urllib.parse
import zlib
from email.utils import formatdate


def png(width=8, height=8, noise=0):
    """A PNG; with noise its data do not compress, so that its length can be chosen."""
    raw = b"".join(b"\0" + bytes((x * 31 + y * 17 + (x * y * noise)) & 255 for x in range(width * 3)) for y in range(height))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(raw, 0 if noise else 6)) + chunk(b"IEND", b""))


def bomb():
    """200 MB of zeros in 200 KB."""
    compressor = zlib.compressobj(1, zlib.DEFLATED, 31)
    zeros = b"\0" * (1 << 20)
    return b"".join(compressor.compress(zeros) for _ in range(200)) + compressor.flush()


PICTURE, BOMB = png(), bomb()
NOTICES = ("/robots.txt", "/.well-known/tdmrep.json", "/ai.txt")  # what a site says of itself, and is asked for first


class Request:
    def __init__(self, method, target, headers, connection):
        self.time = time.monotonic()
        self.method, self.target, self.headers, self.connection = method, target, headers, connection
        self.host = re.sub(r":\d+$", "", headers.get("host", ""))
        self.path, _, self.query = target.partition("?")
        self.sent = 0


class Closed(Exception):
    pass


class Connection:
    """One accepted socket: reads requests, and lets a behaviour write whatever it likes."""

    def __init__(self, server, sock, number):
        self.server, self.sock, self.number = server, sock, number
        self.data = b""
        self.request = None

    def read_request(self):
        while b"\r\n\r\n" not in self.data:
            more = self.sock.recv(65536)
            if not more:
                return None
            self.data += more
        head, _, self.data = self.data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ", 2)
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        return Request(method, target, headers, self.number)

    def raw(self, data):
        self.sock.sendall(data)

    def head(self, status=200, *fields, reason="Said"):
        self.raw(f"HTTP/1.1 {status} {reason}\r\n".encode() + b"".join(
            (f if isinstance(f, bytes) else f.encode()) + b"\r\n" for f in fields) + b"\r\n")

    def body(self, data):
        for at in range(0, len(data), 65536):
            self.sock.sendall(data[at:at + 65536])
            self.request.sent += len(data[at:at + 65536])

    def answer(self, data=b"", status=200, *fields):
        self.head(status, f"Content-Length: {len(data)}", *fields)
        self.body(data)

    def picture(self, *fields, data=None):
        self.answer(PICTURE if data is None else data, 200, "Content-Type: image/png", *fields)

    def tunnel(self, port):
        """As a proxy does after CONNECT: hands bytes to and fro."""
        with socket.create_connection((self.server.address, port)) as there:
            self.head(200)
            back = threading.Thread(target=self.pump, args=(there, self.sock), daemon=True)
            back.start()
            self.pump(self.sock, there)
            back.join()
        raise Closed

    @staticmethod
    def pump(source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def hang(self):
        while not self.server.stopping.wait(0.2):
            if self.sock.fileno() < 0:
                raise Closed
            try:
                self.sock.setblocking(False)
                if self.sock.recv(1, socket.MSG_PEEK) == b"":
                    raise Closed
            except (BlockingIOError, ssl.SSLWantReadError):
                pass
            finally:
                self.sock.setblocking(True)

    def close(self):
        raise Closed

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()
        raise Closed


# ---- behaviours: each is a path, and takes connection and request

def ok(c, r):
    c.picture()


def never(c, r):
    c.hang()


def forever(c, r):
    c.head(200, "Content-Type: image/png")
    c.body(PICTURE)
    while True:
        c.body(b"x" * 65536)


def drip(c, r):
    """Slower than any limit, and never done."""
    c.head(200, "Content-Type: image/png", "Content-Length: 100000")
    while not c.server.stopping.wait(0.3):
        c.body(b"x")


def trickle(c, r):
    """Fast enough not to stall, slow enough to meet the deadline."""
    c.head(200, "Content-Type: image/png")
    c.body(PICTURE)
    while not c.server.stopping.wait(0.05):
        c.body(b"x" * 512)


def short(c, r):
    c.head(200, "Content-Type: image/png", f"Content-Length: {len(PICTURE) * 2}")
    c.body(PICTURE)
    c.close()


def long(c, r):
    c.head(200, "Content-Type: image/png", f"Content-Length: {len(PICTURE)}")
    c.raw(PICTURE + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Type: image/png\r\n\r\nevil")
    c.request.sent = len(PICTURE)


def huge(c, r):
    c.head(200, "Content-Type: image/png", "Content-Length: 1000000000000")
    c.body(PICTURE)
    c.hang()


def bad_length(c, r):
    c.head(200, "Content-Type: image/png", "Content-Length: -5")
    c.body(PICTURE)
    c.close()


def chunked(c, r):
    c.head(200, "Content-Type: image/png", "Transfer-Encoding: chunked")
    for at in range(0, len(PICTURE), 50):
        piece = PICTURE[at:at + 50]
        c.raw(b"%x;extension=1\r\n" % len(piece) + piece + b"\r\n")
    c.raw(b"0\r\nTrailer: yes\r\n\r\n")


def bad_chunk(c, r):
    c.head(200, "Content-Type: image/png", "Transfer-Encoding: chunked")
    c.raw(b"10\r\n" + PICTURE[:16] + b"\r\nzebra\r\n" + PICTURE)
    c.close()


def cut_chunk(c, r):
    c.head(200, "Content-Type: image/png", "Transfer-Encoding: chunked")
    c.raw(b"1000\r\n" + PICTURE)
    c.close()


def huge_chunk(c, r):
    c.head(200, "Content-Type: image/png", "Transfer-Encoding: chunked")
    c.raw(b"FFFFFFFFFFFFFFFF\r\n" + PICTURE)
    c.hang()


def endless_extension(c, r):
    c.head(200, "Content-Type: image/png", "Transfer-Encoding: chunked")
    c.raw(b"5;")
    while True:
        c.raw(b"x" * 65536)


def two_lengths(c, r):
    c.head(200, "Content-Type: image/png", f"Content-Length: {len(PICTURE)}", f"Content-Length: {len(PICTURE) + 5}")
    c.body(PICTURE)
    c.close()


def length_and_chunks(c, r):
    """The length is not to be heeded: RFC 9112 section 6.3."""
    c.head(200, "Content-Type: image/png", "Content-Length: 3", "Transfer-Encoding: chunked")
    c.raw(b"%x\r\n" % len(PICTURE) + PICTURE + b"\r\n0\r\n\r\n")


def http_1_0(c, r):
    c.raw(b"HTTP/1.0 200 OK\r\nContent-Type: image/png\r\n\r\n" + PICTURE)
    c.close()


def bare_feeds(c, r):
    c.raw(b"HTTP/1.1 200 OK\nContent-Type: image/png\nContent-Length: %d\n\n" % len(PICTURE) + PICTURE)


def nul_in_head(c, r):
    c.raw(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nX-A: a\0b\r\nContent-Length: %d\r\n\r\n" % len(PICTURE) + PICTURE)


def long_status(c, r):
    c.raw(b"HTTP/1.1 99999 No\r\nContent-Length: 0\r\n\r\n")


def endless_head(c, r):
    c.raw(b"HTTP/1.1 200 OK\r\n")
    while True:
        c.raw(b"X-Filler: " + b"x" * 1000 + b"\r\n")


def endless_line(c, r):
    c.raw(b"HTTP/1.1 200 OK\r\nX-Filler: ")
    while True:
        c.raw(b"x" * 65536)


def endless_interim(c, r):
    while True:
        c.raw(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n")


def endless_trailer(c, r):
    c.head(200, "Content-Type: image/png", "Transfer-Encoding: chunked")
    c.raw(b"%x\r\n" % len(PICTURE) + PICTURE + b"\r\n0\r\n")
    while True:
        c.raw(b"X-Filler: " + b"x" * 1000 + b"\r\n")


def interim(c, r):
    c.raw(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX-Robots-Tag: noai\r\n\r\n")
    c.picture()


def no_http(c, r):
    c.raw(b"220 mail.example ESMTP\r\n")
    c.close()


def bare(c, r):
    c.raw(PICTURE)
    c.close()


def empty(c, r):
    c.close()


def to(c, r):
    """302 to the query, whatever bytes it stands for."""
    target = urllib.parse.unquote_to_bytes(r.query)
    c.head(302, b"Location: " + target, "Content-Length: 5")
    c.body(b"moved")


def circle(c, r):
    c.answer(b"", 301, f"Location: /circle?{(int(r.query or 0) + 1) % 3}")


def steps(c, r):
    """N redirects, then a picture."""
    if int(r.query) == 0:
        return c.picture()
    c.answer(b"", 307, f"Location: /steps?{int(r.query) - 1}")


def no_location(c, r):
    c.answer(b"", 302)


def big_redirect(c, r):
    c.head(301, "Location: /ok", "Content-Length: 50000000")
    c.body(b"x" * 50000000)


def html(c, r):
    c.head(200, "Content-Type: text/html; charset=utf-8")
    c.body(b"<!DOCTYPE html><p>Not found, says a page with 200</p>" + b"<p>text</p>" * 200000)
    c.close()


def html_picture(c, r):
    c.answer(PICTURE, 200, "Content-Type: text/html")


def untyped_picture(c, r):
    c.answer(PICTURE)


def short_html(c, r):
    c.answer(b"<html>no</html>", 200, "Content-Type: text/html")


def video(c, r):
    c.answer(b"\0" * 30000000, 200, "Content-Type: video/mp4")


def gzip_picture(c, r):
    c.picture("Content-Encoding: gzip", data=gzip.compress(PICTURE))


def gzip_twice(c, r):
    c.picture("Content-Encoding: gzip, gzip", data=gzip.compress(gzip.compress(PICTURE)))


def bomb_in_gzip(c, r):
    c.picture("Content-Encoding: gzip, gzip", data=gzip.compress(BOMB))


def gzip_cut(c, r):
    c.picture("Content-Encoding: gzip", data=gzip.compress(png(64, 64, 7))[:-200])


def gzip_false(c, r):
    c.picture("Content-Encoding: gzip")


def gzip_bomb(c, r):
    c.picture("Content-Encoding: gzip", data=BOMB)


def coding_unknown(c, r):
    c.picture("Content-Encoding: sdch")


def storm(c, r):
    c.answer(b"slow down", 429)


def later(c, r):
    """429 with Retry-After: QUERY the first time, then a picture."""
    if c.server.times(r) == 1:
        c.answer(b"later", 429, f"Retry-After: {r.query}")
    else:
        c.picture()


def later_date(c, r):
    if c.server.times(r) == 1:
        c.answer(b"later", 503, f"Retry-After: {formatdate(time.time() + 2, usegmt=True)}", f"Date: {formatdate(usegmt=True)}")
    else:
        c.picture()


def much_later(c, r):
    c.answer(b"later", 503, "Retry-After: 3000")


def status(c, r):
    c.answer(b"a page that says so", int(r.query), "Content-Type: text/html")


def status_once(c, r):
    if c.server.times(r) == 1:
        return c.answer(b"", int(r.query))
    c.picture()


def reset(c, r):
    c.head(200, "Content-Type: image/png", "Content-Length: 100000")
    c.body(PICTURE)
    time.sleep(0.1)
    c.reset()


def reset_first(c, r):
    c.reset()


def reset_once(c, r):
    if c.server.times(r) == 1:
        c.reset()
    c.picture()


def tags(c, r):
    fields = [f"X-Robots-Tag: {urllib.parse.unquote_plus(v)}" for v in r.query.split("&")]
    c.head(200, "Content-Type: image/png", "Content-Length: 50000000", *fields)
    c.body(PICTURE + b"x" * (50000000 - len(PICTURE)))


def tdm(c, r):
    c.picture("tdm-reservation: 1", "tdm-policy: https://example.com/policy")


def big(c, r):
    """A body of QUERY bytes that begins like a picture."""
    c.answer(PICTURE + b"x" * (int(r.query) - len(PICTURE)), 200, "Content-Type: image/png")


def big_unannounced(c, r):
    c.head(200, "Content-Type: image/png")
    c.body(PICTURE + b"x" * (int(r.query) - len(PICTURE)))
    c.close()


BEHAVIOURS = {name: thing for name, thing in list(globals().items()) if callable(thing) and thing.__module__ == __name__
              and not isinstance(thing, type) and name not in ("png", "bomb")}


class Server:
    def __init__(self, address="127.0.0.1", port=0, context=None, family=socket.AF_INET):
        self.paths, self.requests = {}, []
        self.robots, self.tdmrep, self.ai_txt = {}, {}, {}
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.connections = 0
        self.context = context
        self.listener = socket.socket(family, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((address, port))
        self.listener.listen(256)
        self.port = self.listener.getsockname()[1]
        self.address = address
        self.open = set()

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exception):
        self.stopping.set()
        self.listener.shutdown(socket.SHUT_RDWR)  # closing alone does not end an accept() under way
        self.listener.close()
        with self.lock:
            for sock in self.open:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def url(self, path, host=None):
        return f"http{'s' if self.context else ''}://{host or self.address}:{self.port}{path}"

    def asked(self, path=None, host=None):
        with self.lock:
            return [r for r in self.requests if path in (None, r.path) and host in (None, r.host)]

    def pictures(self):
        """Requests for anything but notices."""
        return [r for r in self.asked() if r.path not in NOTICES]

    def times(self, request):
        """How often this target was asked for, this time included."""
        with self.lock:
            return sum(r.target == request.target and r.host == request.host for r in self.requests)

    def _accept(self):
        while not self.stopping.is_set():
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(sock, self.connections), daemon=True).start()

    def _serve(self, sock, number):
        with self.lock:
            self.open.add(sock)
        try:
            if self.context:
                sock = self.context.wrap_socket(sock, server_side=True)
            c = Connection(self, sock, number)
            while True:
                c.request = request = c.read_request()
                if not request:
                    break
                with self.lock:
                    self.requests.append(request)
                self._behave(c, request)
        except (OSError, Closed, ValueError):
            pass
        finally:
            with self.lock:
                self.open.discard(sock)
            try:
                sock.close()
            except OSError:
                pass

    def _behave(self, c, request):
        behaviour = self.paths.get(request.path) or BEHAVIOURS.get(request.path.strip("/"))
        if request.path in NOTICES:
            behaviour = dict(zip(NOTICES, (self.robots, self.tdmrep, self.ai_txt)))[request.path].get(request.host, behaviour)
            if isinstance(behaviour, int):
                return c.answer(b"", behaviour)
            if isinstance(behaviour, bytes):
                return c.answer(behaviour, 200, "Content-Type: text/plain")
        if not behaviour:
            return c.answer(b"not here", 404, "Content-Type: text/html")
        behaviour(c, request)


if __name__ == "__main__":
    with Server(port=8099) as running:
        print(f"http://127.0.0.1:{running.port}/", *sorted(BEHAVIOURS))
        threading.Event().wait()
