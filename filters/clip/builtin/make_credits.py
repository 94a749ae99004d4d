#!/usr/bin/env python3
"""Writes the credits of the pairs that the built-in model was trained on: one line a pair.

    make_credits.py PAIRS-000.tar.zst... > credits.tsv

The archives hold KEY.json beside each picture. Left out are the pairs that no training saw: the split `val`, GCompris and Tux
Paint (GPL), 18f-site, and those with a share-alike licence. (About 70 near twins of test pictures were left out of the training too;
they are listed all the same.)
"""
import json
import re
import subprocess
import sys
import tarfile

LEFT_OUT = {"gcompris", "tuxpaint-stamps", "18f-site"}


def samples(path):
    with subprocess.Popen(["zstd", "-dcq", path], stdout=subprocess.PIPE) as zstd:
        with tarfile.open(fileobj=zstd.stdout, mode="r|") as tar:
            for member in tar:
                if member.name.endswith(".json"):
                    yield member.name[:-5], json.load(tar.extractfile(member))


def main(paths):
    rows = [(key, s) for path in paths for key, s in samples(path) if s["split"] != "val"
            and s["source"] not in LEFT_OUT and not re.search(r"\bSA\b", s["license"])]
    print("key\tsource\tlicense\torigin\tcredit")
    for key, s in sorted(rows):
        print(key, s["source"], s["license"], s["origin"], s.get("credit", ""), sep="\t")
    print(f"{len(rows)} pairs", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
