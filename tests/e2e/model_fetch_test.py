"""winnow model fetch and verify: whole files or none, going on after a kill, nothing else overwritten; behind nginx and behind servers
that cut, change and lie."""
import contextlib
import hashlib
import http.server
import os
import shutil
import signal
import subprocess
import threading
import time
import unittest

from tests.e2e import make
from tests.e2e.servers.miniweb import PATH, free_port

TINY = os.path.join(make.ROOT, "tests/data/clip-tiny")
MODEL, BELOW = "openai/clip-vit-base-patch32", "/openai/clip-vit-base-patch32/resolve/main/"
FILES = ["config.json", "preprocessor_config.json", "vocab.json", "merges.txt", "model.safetensors"]


def tiny(name):
    with open(os.path.join(TINY, name), "rb") as file:
        return file.read()


class Server(http.server.ThreadingHTTPServer):
    """Serves `files` (path to bytes) with Range and If-Range; `behave(path)` may say {"cut": bytes} or {"etag", "ranges", "status", "to"}."""
    daemon_threads = True

    def __init__(self, files):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.behave, self.asked = files, lambda path: {}, []
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def handle_error(self, request, client_address):
        pass  # a client that was killed

    def __exit__(self, *error):
        self.shutdown()
        super().__exit__(*error)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *ignored):
        pass

    def do_GET(self):
        how = self.server.behave(self.path)
        body = self.server.files.get(self.path)
        etag = how.get("etag", '"%s"' % hashlib.md5(body or b"").hexdigest())
        self.server.asked.append((self.path, self.headers.get("Range"), self.headers.get("If-Range")))
        status = how.get("status", 200 if body is not None else 404)
        if status != 200:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            if "to" in how:
                self.send_header("Location", how["to"])
            self.end_headers()
            return
        begin = 0
        if how.get("ranges", True) and self.headers.get("Range") and self.headers.get("If-Range") == etag:
            begin = int(self.headers["Range"][6:-1])
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(how.get("length", len(body)) - begin))
        if etag:
            self.send_header("ETag", etag)
        if begin:
            self.send_header("Content-Range", f"bytes {begin + how.get('shift', 0)}-{len(body) - 1}/{len(body)}")
        self.end_headers()
        piece = body[begin:]
        self.wfile.write(piece[:how.get("cut", len(piece))])
        self.wfile.flush()
        if "cut" in how:
            self.close_connection = True


class Fetch(make.InFolder):
    def setUp(self):
        super().setUp()
        self.server = Server({BELOW + name: tiny(name) for name in FILES})
        self.server.__enter__()
        self.addCleanup(self.server.__exit__)

    def fetch(self, *arguments, name=MODEL, code=0, out="m"):
        return self.winnow("model", "fetch", name, "--mirror", self.server.url, "-o", out, *arguments, code=code)

    def check_whole(self, out="m"):
        self.assertEqual(sorted(os.listdir(self.path(out))), sorted([*FILES, "SHA256SUMS"]))
        for name in FILES:
            self.assertEqual(self.read(f"{out}/{name}"), tiny(name), name)
        subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=self.path(out), check=True)

    # ---- whole

    def test_a_model_comes_whole_and_is_usable(self):
        done = self.fetch()
        self.check_whole()
        self.assertIn("none is published", done.error)
        self.winnow("model", "embed", "m", "--text", "-", stdin=b"a dog\n")
        said = self.winnow("model", "verify", "m").out.decode()
        self.assertEqual(said.count("as fetched; no digest is published"), len(FILES))

    def test_what_is_there_is_not_fetched_again(self):
        self.fetch()
        before = len(self.server.asked)
        self.assertEqual(self.fetch().error.count("is there already"), len(FILES))
        self.assertEqual(len(self.server.asked), before)
        self.assertEqual(self.fetch("-q").error, "")

    def test_where_there_are_no_safetensors_the_bin_is_taken(self):
        self.server.files[BELOW + "pytorch_model.bin"] = self.server.files.pop(BELOW + "model.safetensors")
        self.fetch()
        self.assertEqual(self.read("m/pytorch_model.bin"), tiny("model.safetensors"))
        self.assertFalse(os.path.exists(self.path("m/model.safetensors.part")))

    def test_redirects_are_followed(self):
        elsewhere = Server({"/blob": tiny("model.safetensors")})
        with elsewhere:
            self.server.behave = lambda path: {"status": 302, "to": elsewhere.url + "/blob"} if path.endswith("model.safetensors") else {}
            self.fetch()
        self.check_whole()

    # ---- broken

    def weights(self, how):
        self.server.behave = lambda path: how(self.ranges()) if path.endswith("model.safetensors") else {}

    def ranges(self):
        return [r for path, r, _ in self.server.asked if path.endswith("model.safetensors")]

    def test_a_cut_transfer_goes_on_by_itself_where_it_was_cut(self):
        self.weights(lambda before: {"cut": 20000} if len(before) < 2 else {})
        self.fetch()
        self.check_whole()
        self.assertEqual(self.ranges(), [None, "bytes=20000-", "bytes=40000-"])
        etag = '"%s"' % hashlib.md5(tiny("model.safetensors")).hexdigest()
        self.assertEqual({condition for _, r, condition in self.server.asked if r}, {etag})

    def test_a_file_that_changed_meanwhile_comes_from_the_beginning(self):
        old = bytes(len(tiny("model.safetensors")))
        self.server.files[BELOW + "model.safetensors"] = old

        def change(before):
            if before:
                self.server.files[BELOW + "model.safetensors"] = tiny("model.safetensors")
                return {}
            return {"cut": 30000}
        self.weights(change)
        done = self.fetch()
        self.check_whole()
        self.assertIn("another file by now", done.error)

    def test_without_ranges_or_a_strong_validator_all_of_it_comes_again(self):
        for how in ({"ranges": False}, {"etag": 'W/"weak"'}, {"etag": ""}):
            with self.subTest(how):
                self.server.asked.clear()
                self.weights(lambda before, how=how: {**how, "cut": 20000} if not before else how)
                self.fetch(out="m" + str(len(str(how))))
                self.check_whole("m" + str(len(str(how))))

    def test_a_part_of_another_place_in_the_file_is_refused(self):
        self.weights(lambda before: {"cut": 20000} if not before else {"shift": 5} if before[-1] is None and len(before) < 2 else {})
        self.fetch()  # begins anew after the wrong part
        self.check_whole()

    def test_it_gives_up_after_transfers_without_a_byte_and_keeps_what_came(self):
        self.weights(lambda before: {"cut": 20000} if not before else {"status": 503})
        done = self.fetch("--tries", "2", code=1)
        self.assertIn("20000 bytes came and are kept", done.error)
        self.assertEqual(os.path.getsize(self.path("m/model.safetensors.part")), 20000)
        self.server.behave = lambda path: {}
        self.fetch()
        self.check_whole()
        self.assertEqual(self.ranges()[-1], "bytes=20000-")

    def test_a_file_shorter_than_announced_gets_no_name(self):
        self.weights(lambda before: {"etag": "", "length": 60000, "cut": 53266})
        self.assertIn("model.safetensors", self.fetch("--tries", "1", code=1).error)
        self.assertFalse(os.path.exists(self.path("m/model.safetensors")))

    def test_what_is_not_there_is_said(self):
        del self.server.files[BELOW + "vocab.json"]
        done = self.fetch(code=1)
        self.assertIn("vocab.json: HTTP status 404", done.error)
        self.assertFalse(os.path.exists(self.path("m/vocab.json.part")))
        self.server.behave = lambda path: {"status": 403}
        self.assertIn("HTTP status 403", self.fetch(code=1).error)
        self.assertIn("did you mean openai/clip-vit-base-patch32?", self.fetch(name="openai/clip-vit-base-patch-32", code=2).error)

    def test_a_mirror_is_an_address(self):
        done = self.winnow("model", "fetch", MODEL, "--mirror", "mirror.example", code=2)
        self.assertIn("begins with http:// or https://", done.error)

    # ---- something else

    def test_another_file_of_that_name_is_left_alone(self):
        self.write("m/vocab.json", b"mine")
        done = self.fetch(code=2)
        self.assertIn("m/vocab.json is there already", done.error)
        self.assertEqual(self.read("m/vocab.json"), b"mine")
        self.fetch(out="n")
        self.write("n/vocab.json", b"changed")
        self.assertIn("is something else", self.fetch(out="n", code=2).error)
        self.assertEqual(self.read("n/vocab.json"), b"changed")
        done = self.winnow("model", "verify", "n", code=1)
        self.assertIn("CHANGED since it was fetched", done.out.decode())

    def test_a_file_that_is_not_what_was_published_is_not_kept(self):
        digest = "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af"
        self.server.files[f"/clip/models/{digest}/ViT-B-32.pt"] = b"something else"
        done = self.fetch(name="ViT-B-32.pt", code=1)
        self.assertIn(f"{digest} was published: not kept", done.error)
        self.assertEqual(os.listdir(self.path("m")), [])
        self.write("n/ViT-B-32.pt", b"something else")
        self.assertIn("is something else", self.fetch(name="ViT-B-32.pt", out="n", code=2).error)
        self.assertIn("DIFFERS", self.winnow("model", "verify", "n", code=1).out.decode())

    def test_two_at_once_do_not_meet_in_one_file(self):
        gate = threading.Event()
        self.weights(lambda before: gate.wait(20) and {} or {})
        first = subprocess.Popen([make.WINNOW, "model", "fetch", MODEL, "--mirror", self.server.url, "-o", "m", "-q"], cwd=self.folder)
        while not os.path.exists(self.path("m/model.safetensors.part")):
            time.sleep(0.01)
        try:
            self.assertIn("another process fetches it", self.fetch(code=1).error)
        finally:
            gate.set()
        self.assertEqual(first.wait(), 0)
        self.check_whole()


class BehindNginx(make.InFolder):
    """The same with a real server, killed in the middle."""

    @contextlib.contextmanager
    def nginx(self, rate):
        program = shutil.which("nginx", path=PATH)
        if not program:
            self.skipTest("no nginx")
        port = free_port()
        for name in FILES:
            self.write("www" + BELOW + name, tiny(name))
        self.write("nginx/nginx.conf", f"""daemon off; master_process off; pid nginx.pid; error_log error.log; events {{ }}
http {{ log_format asked '$status $http_range'; access_log access.log asked; limit_rate {rate};
  client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;
  server {{ listen 127.0.0.1:{port}; root {self.path("www")}; }} }}""".encode())
        server = subprocess.Popen([program, "-p", self.path("nginx"), "-c", "nginx.conf", "-e", "error.log"], stderr=subprocess.DEVNULL)
        try:
            for _ in range(200):
                with contextlib.suppress(OSError):
                    import socket
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                time.sleep(0.02)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.send_signal(signal.SIGQUIT)
            server.wait()

    def test_killed_in_the_middle_it_goes_on(self):
        with self.nginx("20k") as url:
            there = 0
            for _ in range(2):
                started = subprocess.Popen([make.WINNOW, "model", "fetch", MODEL, "--mirror", url, "-o", "m", "-q"], cwd=self.folder)
                part = self.path("m/model.safetensors.part")
                while started.poll() is None and not (os.path.exists(part) and os.path.getsize(part) > there):
                    time.sleep(0.005)
                self.assertIsNone(started.poll(), "it was too quick")
                started.kill()
                started.wait()
                there = os.path.getsize(part)
                self.assertFalse(os.path.exists(self.path("m/model.safetensors")))
            self.winnow("model", "fetch", MODEL, "--mirror", url, "-o", "m", "-q")
        for name in FILES:
            self.assertEqual(self.read(f"m/{name}"), tiny(name), name)
        asked = [line.split() for line in self.read("nginx/access.log").decode().splitlines()]
        self.assertEqual(len([line for line in asked if line[0] == "206"]), 2, asked)
        self.assertEqual(sorted(os.listdir(self.path("m"))), sorted([*FILES, "SHA256SUMS"]))


if __name__ == "__main__":
    unittest.main()
