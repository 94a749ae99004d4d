#!/usr/bin/env python3
"""English alternative texts of a folder of web pages as a shard, for `winnow model eval MODEL OUT.tar [--where new=1]`.

    web_pairs.py --pairs TABLE --pictures FOLDER [--known HOST...] > OUT.tar

TABLE (tab-separated, or gzip) has columns page_url, file_in_tree (below FOLDER) and alt. Taken are texts of three words and more, in
Latin letters, from pages that no language's code marks as another's; each picture once, from 32 pixels on. new is 0 for --known hosts,
those that a training had pictures of.
"""
import argparse
import csv
import gzip
import io
import json
import re
import sys
import tarfile

from PIL import Image

FOREIGN = re.compile(r"/[a-z]{2}-[A-Z]{2}/|/(fr|de|es)/|//(fr|de|es)\.")


def taken(row):
    alt = row["alt"].strip()
    return len(alt.split()) >= 3 and sum(map(str.isascii, alt)) >= 0.97 * len(alt) and not FOREIGN.search(f"{row['page_url']} //{row['file_in_tree']}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", required=True)
    parser.add_argument("--pictures", required=True)
    parser.add_argument("--known", nargs="*", default=[])
    options = parser.parse_args()
    seen = set()
    opened = gzip.open if options.pairs.endswith(".gz") else open
    with opened(options.pairs, "rt", encoding="utf-8") as table, tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as tar:
        for row in csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE):
            name = row["file_in_tree"]
            if not name or name in seen or not taken(row):
                continue
            try:
                with open(f"{options.pictures}/{name}", "rb") as file:
                    content = file.read()
                picture = Image.open(io.BytesIO(content))
                picture.load()
            except (OSError, ValueError):
                continue
            if min(picture.size) < 32:
                continue
            seen.add(name)
            host = name.split("/")[0]
            meta = {"caption": row["alt"].strip(), "source": host, "new": int(host not in options.known)}
            for ending, data in ((picture.format.lower().replace("jpeg", "jpg"), content), ("json", json.dumps(meta).encode())):
                member = tarfile.TarInfo(f"{len(seen):05}.{ending}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    print(f"{len(seen)} pictures", file=sys.stderr)


if __name__ == "__main__":
    main()
