#!/usr/bin/env python3
"""Makes demo.warc.gz from a folder of saved sites: make_demo_warc.py MINIWEB_FOLDER > demo.warc.gz

What goes in: publicdomainrecipes.com whole (public domain), the 2014 posts of 18f.gsa.gov (CC0), the photographs of
ruevko-journal.netlify.app (CC0; the captions under its titles are replaced by ours). Pages first, each followed by the
metadata record that Common Crawl writes, then the pictures that the pages show, each once. Same input, same bytes.
"""
import gzip
import hashlib
import html.parser
import io
import os
import re
import sys
import urllib.parse
import uuid

HOSTS = ["publicdomainrecipes.com", "18f.gsa.gov", "ruevko-journal.netlify.app"]
DATE = "2024-05-01T12:00:00Z"
TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp", ".gif": "image/gif",
         ".svg": "image/svg+xml"}


class Images(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.urls = []

    def handle_starttag(self, tag, attributes):
        if tag == "img":
            values = dict(attributes)
            self.urls += [values[name] for name in ("src", "data-src") if values.get(name)]


def member(fields, block):
    head = "WARC/1.0\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields) + f"Content-Length: {len(block)}\r\n\r\n"
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", mtime=0, compresslevel=9) as packed:
        packed.write(head.encode() + block + b"\r\n\r\n")
    return out.getvalue()


def record_id(kind, url):
    return f"<urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, kind + ' ' + url)}>"


def response(url, status, content_type, body):
    block = (f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nX-Crawler-Content-Length: {len(body)}\r\n"
             f"Content-Length: {len(body)}\r\n\r\n").encode() + body
    digest = hashlib.sha1(body).hexdigest()
    return member([("WARC-Type", "response"), ("WARC-Date", DATE), ("WARC-Record-ID", record_id("response", url)),
                   ("WARC-Target-URI", url), ("WARC-Payload-Digest", "sha1-hex:" + digest),
                   ("Content-Type", "application/http; msgtype=response")], block)


def metadata(url):
    block = b'fetchTimeMs: 90\r\ncharset-detected: UTF-8\r\nlanguages-cld2: {"reliable":true,"languages":[{"code":"en"}]}\r\n'
    return member([("WARC-Type", "metadata"), ("WARC-Date", DATE), ("WARC-Record-ID", record_id("metadata", url)),
                   ("WARC-Target-URI", url), ("WARC-Concurrent-To", record_id("response", url)),
                   ("Content-Type", "application/warc-fields")], block)


def pages(root, host):
    for folder, folders, files in sorted(os.walk(os.path.join(root, host))):
        folders.sort()
        path = "/" + os.path.relpath(folder, os.path.join(root, host)).replace(".", "", 1)
        path = path if path.endswith("/") else path + "/"
        if "index.html" not in files or (host == "18f.gsa.gov" and not path.startswith("/2014/")):
            continue
        with open(os.path.join(folder, "index.html"), "rb") as page:
            body = page.read()
        if host.startswith("ruevko"):
            body = re.sub(rb"<em>.*?</em>", b"<em>Photographs from a journey, shown by their title alone.</em>", body, flags=re.S)
        yield f"http://{host}{path}", body


def main(root):
    out = sys.stdout.buffer
    out.write(member([("WARC-Type", "warcinfo"), ("WARC-Date", DATE), ("WARC-Record-ID", record_id("warcinfo", "demo")),
                      ("Content-Type", "application/warc-fields")], b"software: tests/data/demo/make_demo_warc.py\r\nformat: WARC File Format 1.0\r\n"))
    pictures = []
    for host in HOSTS:
        for url, body in pages(root, host):
            out.write(response(url, "200 OK", "text/html", body) + metadata(url))
            found = Images()
            found.feed(body.decode("utf-8", "replace"))
            for reference in found.urls:
                picture = urllib.parse.urldefrag(urllib.parse.urljoin(url, reference))[0]
                if picture not in pictures and urllib.parse.urlsplit(picture).hostname in HOSTS:
                    pictures.append(picture)
    for picture in pictures:
        parts = urllib.parse.urlsplit(picture)
        path = os.path.join(root, parts.hostname, urllib.parse.unquote(parts.path).lstrip("/"))
        if os.path.isfile(path):
            with open(path, "rb") as image:
                kind = TYPES.get(os.path.splitext(path)[1].lower(), "application/octet-stream")
                out.write(response(picture, "200 OK", kind, image.read()))
        else:
            out.write(response(picture, "404 Not Found", "text/html", b"<html><body><h1>404</h1></body></html>"))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
