"""What is known of the mini web without winnow: its pairs, its files, and what a URL must end with."""
import csv
import gzip
import os
import posixpath
import re
import unicodedata
import urllib.parse

from tests.e2e.servers.miniweb import DATA

# What stands in the tree and is no picture that winnow decodes, by the table's format.
UNDECODED = {"SVG": "unsupported_svg", "TIFF": "unsupported_tiff"}
# Twelve bits a sample: Pillow, which made the table, cannot say so.
ODD = {"gallery.winnow.test/img/monkey12.jpg": "unsupported_jpeg_12bit"}


def table(name, **options):
    with gzip.open(os.path.join(DATA, name), "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE, **options))


def normalised(url):
    """As column `url` has it: lower-case host, no default port, no dots in the path, no raw spaces."""
    parts = urllib.parse.urlsplit(url)
    path = urllib.parse.quote(posixpath.normpath(parts.path or "/"), safe="/%:@!$&'()*+,;=~-._")
    path += "/" if parts.path.endswith("/") and path != "/" else ""
    return urllib.parse.urlunsplit((parts.scheme, parts.netloc.lower().removesuffix(":80"), path, parts.query, ""))


def stored_text(alt):
    """As column `text` has it: NFC, white space folded."""
    return " ".join(unicodedata.normalize("NFC", alt).split())


class Oracle:
    """What a URL must end with, from the files alone: asked through the proxy, or `directly`."""

    def __init__(self, tree, directly=False):
        self.tree, self.directly = tree, directly
        self.files = {row["file"]: row for row in table("images.tsv.gz")}
        self.robots = {host: self.read_rules(os.path.join(tree, host, "robots.txt")) for host in os.listdir(tree)}

    @staticmethod
    def read_rules(path):
        """These files have one group, for all, and no wildcards."""
        if not os.path.exists(path):
            return []
        with open(path) as file:
            fields = [line.partition(":")[::2] for line in file]
        return [(value.strip(), name == "Allow") for name, value in fields if name in ("Allow", "Disallow") and value.strip()]

    def may_ask(self, url):
        """The longest rule counts (Python's own parser takes the first)."""
        parts = urllib.parse.urlsplit(url)
        matching = [(len(path), allow) for path, allow in self.robots.get(parts.hostname, []) if parts.path.startswith(path)]
        return max(matching)[1] if matching else True

    def file_of(self, url):
        parts = urllib.parse.urlsplit(url)
        return parts.hostname + urllib.parse.unquote(parts.path)

    def __call__(self, url):
        parts = urllib.parse.urlsplit(url)
        if not re.fullmatch("[A-Za-z0-9.:-]+", parts.netloc):
            return "bad_url"  # an attribute that was never closed
        known = parts.hostname in self.robots
        if self.directly and not known:
            return "dns_no_host"
        if parts.scheme != "http":
            return "connect_refused" if self.directly else "proxy"  # which makes no tunnels
        if not known:
            return "robots_unreachable"  # the proxy says 502 for all that it does not know
        if not self.may_ask(url):
            return "robots"
        name = self.file_of(url)
        path = os.path.join(self.tree, name)
        if os.path.isdir(path):
            return "wrong_type" if os.path.exists(os.path.join(path, "index.html")) else "http_403"
        if not os.path.exists(path):
            return "http_404"
        if name not in self.files:
            return "wrong_type"
        return ODD.get(name) or UNDECODED.get(self.files[name]["format"], "ok")
