#!/usr/bin/env python3
"""Makes one-page.warc: python3 make_one_page.py > one-page.warc

One page with three images and the picture that one of them shows: the smallest crawl on which extract, fetch and shard all have
something to do. The picture is a sun over grass, 320 by 240, drawn for this file and encoded once (baseline JPEG, quality 40).
"""
import base64
import hashlib
import sys
import uuid

SUN = base64.b64decode("""
/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABQODxIPDRQSEBIXFRQYHjIhHhwcHj0sLiQySUBMS0dARkVQWnNiUFVtVkVGZIhlbXd7gYKBTmCNl4x9lnN+
gXz/2wBDARUXFx4aHjshITt8U0ZTfHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHz/wAARCADwAUADASIAAhEB
AxEB/8QAGQABAQEBAQEAAAAAAAAAAAAAAAIEAwEF/8QAKBABAAIBAwMCBgMAAAAAAAAAAAECEwNSkQQRMSGBEiJBQlFxMjNh/8QAGgEBAAMBAQEAAAAA
AAAAAAAAAAMEBQECBv/EACURAQEAAQQCAQQDAQAAAAAAAAABAgMRElEEMSEFIkFhExQyof/aAAwDAQACEQMRAD8A+iAuqgAAAAAAAAAAAAAAAAAAAAAA
AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAPYibTERHeZd6dN6d7z7Qh1NbDS/1XvHDLL0z
jdGjpx4rHv6vcdNleFO/UMPxKm/r3tgG6dLTmPWke3o5X6aPsnt/kveHnaWV2vw85aGU9Mwq1ZpPa0dpSvSyzeILNgB0AAAAAAAAAAAAAAAAAAAAAAAA
AAAAFUpN7dq+UtmhpxSkTMfNPlW8jXmjhv8AlJp4c7srT066cenn6ysGBllcrvl7aEkk2gA8ugAJvSt47Whj1NOdO3afH0n8tyNXTjUr2nz9JXPF8i6W
W19IdXTmc3nthCfSe0jdUAB0AAAAAAAAAAAAAAAAAAAAAAAAAAXpV+LVrE/luZel/sn9NTE8/K3U26i748+3cAUFgAAAAABj6ivw6s9vrHdyaer+z3Zn
0Pi5XLRxtZ2rNs6ALKMAAAAAAAAAAAAAAAAAAAAAAAAAB36X+yf01MWhb4dWv++jaxPPxs1d+4vePftAFBOAAAAAAz9X9nuzO3U276nb8Q4vofFxuOjj
KztW750AWUYAAAAAAAAAAAAAAAAAAAAAAAAAA3aOpkpE9/WPLCvTvOnb4o91XytD+bD49xLpZ8L+m4TS8Xr3r4UwLLLtV+Xf5gA46AAJveKVm0vZmKxM
zPaIY9XVnUt+IjwteN491svn0i1dSYT9omZmZmfMvAb/AKZ4A6AAAAAAAAAAAAAAAAAAAAAAAAAAAAKpeaW718tFOprMfP8ALLKK+r4+nq/6nykw1MsP
T6EWrb+MxP6l6+cKd+nT8Zf8Tf2f0+hMxWO8zEftyv1FK/x+aWQe8Pp+Ev3Xd5y8jK+ovU1Lak97cIBfxxmM2npBbbd6APTgAAAAAAAAAAAAAAAAAAAA
AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAD52S++3JkvvtykZHK9vSsl99uTJffblIcr2KyX325Ml99uUhyvY
rJffbkyX325SHK9isl99uTJffblIcr2KyX325Ml99uUhyvYrJffbkyX325SHK9isl99uTJffblIcr2KyX325Ml99uUhyvYrJffbkyX325SHK9isl99uT
JffblIcr2KyX325Ml99uUhyvYrJffbkyX325SHK9isl99uTJffblIcr2KyX325Ml99uUhyvYrJffbkyX325SHK9isl99uTJffblIcr2KyX325Ml99uUh
yvYrJffbkyX325SHK9isl99uTJffblIcr2ADgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA//9k=
""")

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>One page</title>
</head>
<body>
<h1>A drawing</h1>
<img src="/pictures/sun.jpg?size=320&amp;style=flat#top" alt="A yellow sun over green grass, caf&eacute; wall &amp; sky" width="320" height="240">
<a rel="license" href="https://creativecommons.org/licenses/by/4.0/">CC BY 4.0</a>
<img src="spacer.gif" data-src="pictures/moon.jpg" alt=" The moon,
    not in this crawl ">
<img src="rule.gif" alt="">
</body>
</html>
"""


def record(kind, url, content_type, block, fields=()):
    name = uuid.uuid5(uuid.NAMESPACE_URL, kind + " " + url)
    head = [("WARC-Type", kind), ("WARC-Date", "2024-05-06T07:08:09Z"), ("WARC-Record-ID", f"<urn:uuid:{name}>"),
            ("WARC-Target-URI", url), *fields, ("Content-Type", content_type), ("Content-Length", str(len(block)))]
    lines = "".join(f"{name}: {value}\r\n" for name, value in head)
    return f"WARC/1.1\r\n{lines}\r\n".encode() + block + b"\r\n\r\n"


def response(url, content_type, body):
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    digest = ("WARC-Payload-Digest", "sha1-hex:" + hashlib.sha1(body).hexdigest())
    return record("response", url, "application/http; msgtype=response", head.encode() + body, [digest])


def make():
    page = "https://example.org/drawings/"
    yield response(page, "text/html; charset=utf-8", PAGE.encode())
    yield record("metadata", page, "application/warc-fields", b"fetchTimeMs: 12\r\ncharset-detected: UTF-8\r\n")
    yield response("https://example.org/pictures/sun.jpg?size=320&style=flat", "image/jpeg", SUN)


if __name__ == "__main__":
    sys.stdout.buffer.write(b"".join(make()))
