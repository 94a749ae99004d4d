"""The mini web behind nginx: ten real sites under their host names, on one loopback port that is also an HTTP proxy.

    with MiniWeb() as web:        raises unittest.SkipTest where nginx or the data are missing
        web.port, web.tree        http://127.0.0.1:PORT as a proxy; the folder with one folder a host
        web.address               where it listens at port 80 too; None where that is not allowed
        web.asked()               (method, URL, status) of every request, in order
        web.crawl(folder)         miniweb.warc.gz in the folder: all of it as wget records it; SkipTest where there is no wget
"""
import os
import random
import re
import shutil
import socket
import subprocess
import tempfile
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
DATA = os.path.join(os.environ.get("WINNOW_SHARED", os.path.join(ROOT, "..", "shared")), "data", "miniweb")
PATH = os.environ.get("PATH", "") + ":/usr/sbin"

HEAD = """daemon off; master_process off; pid nginx.pid; error_log logs/error.log; events {{ }}
http {{ types {{ text/html html; text/plain txt; image/jpeg jpg jpeg; image/png png; image/gif gif; image/webp webp; image/avif avif;
  image/svg+xml svg; image/tiff tif tiff; }}
  default_type application/octet-stream; log_format asked '$request_method http://$host$request_uri $status'; access_log logs/access.log asked;
  port_in_redirect off; server_names_hash_bucket_size 128; keepalive_requests 100000;
  client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;
  server {{ listen 127.0.0.1:{port} default_server; return 502; }}
"""
SERVER = "  server {{ listen 127.0.0.1:{port}; {also} server_name {host}; root miniweb/{host}; {special} }}\n"
# files without an extension, of which some are no JPEG
SPECIAL = {"openstax.org": "location /apps/archive/ { types { } default_type image/jpeg; }",
           "cdn.winnow.test": 'location ~ "^/i/[0-9a-f][0-9a-f]/" { types { } default_type image/jpeg; }'}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def address_for_port_80():
    """One of this machine's own at which the port is free; None where it cannot be had."""
    for _ in range(8):
        address = f"127.77.{random.randrange(256)}.{random.randrange(1, 255)}"
        with socket.socket() as probe:
            try:
                probe.bind((address, 80))
                return address
            except OSError:
                continue
    return None


class MiniWeb:
    def __enter__(self):
        self.nginx = shutil.which("nginx", path=PATH)
        archive = os.path.join(DATA, "miniweb.tar.zst")
        if not self.nginx or not os.path.exists(archive):
            raise unittest.SkipTest("needs nginx and ../shared/data/miniweb")
        self.folder = tempfile.mkdtemp(prefix="winnow-miniweb-")
        self.process = None
        try:
            self.start(archive)
        except BaseException:
            self.__exit__()
            raise
        return self

    def start(self, archive):
        for name in ("logs", "tmp"):
            os.mkdir(os.path.join(self.folder, name))
        unpack = subprocess.Popen(["zstd", "-dcq", archive], stdout=subprocess.PIPE)
        subprocess.run(["tar", "-xf", "-", "-C", self.folder], stdin=unpack.stdout, check=True)
        unpack.stdout.close()
        if unpack.wait():
            raise AssertionError(f"{archive} cannot be unpacked")
        self.tree = os.path.join(self.folder, "miniweb")
        self.port, self.address = free_port(), address_for_port_80()
        with open(os.path.join(self.folder, "nginx.conf"), "w") as file:
            file.write(HEAD.format(port=self.port))
            for host in self.hosts():
                file.write(SERVER.format(port=self.port, also=f"listen {self.address}:80;" if self.address else "", host=host, special=SPECIAL.get(host, "")))
            file.write("}\n")
        self.process = subprocess.Popen([self.nginx, "-p", self.folder + "/", "-e", "logs/error.log", "-c", "nginx.conf"], stderr=subprocess.DEVNULL)
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise AssertionError("nginx does not start")

    def __exit__(self, *exception):
        if self.process:
            self.process.terminate()
            self.process.wait()
        shutil.rmtree(self.folder)

    def hosts(self):
        return sorted(os.listdir(self.tree))

    def crawl(self, folder):
        if not shutil.which("wget"):
            raise unittest.SkipTest("needs wget")
        proxy = f"http://127.0.0.1:{self.port}"
        done = subprocess.run(["wget", "-q", "-r", "-l", "5", "-p", "-E", "-H", "-D", ",".join(self.hosts()), "-i", "-", "-U", "winnow-test/1",
                               "--tries=1", "--timeout=10", "-P", "crawl", "--warc-file=miniweb"], cwd=folder, timeout=120,
                              input="".join(f"http://{host}/\n" for host in self.hosts()).encode(), env=dict(os.environ, http_proxy=proxy, https_proxy=proxy))
        if done.returncode not in (4, 8):  # links to https, which this proxy does not serve; 404s
            raise AssertionError(f"wget: exit {done.returncode}")
        return os.path.join(folder, "miniweb.warc.gz")

    def asked(self):
        with open(os.path.join(self.folder, "logs", "access.log")) as file:
            return [(method, url, int(status)) for method, url, status in (re.split(" ", line.strip()) for line in file)]
