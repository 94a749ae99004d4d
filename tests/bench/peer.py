"""The fastest Python peer beside `extract`: FastWARC's records, resiliparse's DOM, src and alt of every img.

    peer.py FILE.warc.gz...     prints user seconds, less those of importing, and the images found
"""
import resource
import sys

from fastwarc.warc import ArchiveIterator, WarcRecordType
from resiliparse.parse.encoding import detect_encoding
from resiliparse.parse.html import HTMLTree

begun = resource.getrusage(resource.RUSAGE_SELF).ru_utime
images = 0
for path in sys.argv[1:]:
    with open(path, "rb") as file:
        for record in ArchiveIterator(file, record_types=WarcRecordType.response):
            if "html" not in (record.http_content_type or "html"):
                continue
            page = record.reader.read()
            tree = HTMLTree.parse_from_bytes(page, record.http_charset or detect_encoding(page))
            for image in tree.body.get_elements_by_tag_name("img") if tree.body else ():
                image.getattr("src"), image.getattr("alt")
                images += 1
print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_utime - begun:.3f} {images}")
