#!/usr/bin/env python3
"""Shards of pairs: KEY.webp beside KEY.json.

    shards.py LICENCE PAIRS.tar... > OUT.tar     the samples whose licence matches this regular expression
"""
import io
import json
import re
import subprocess
import sys
import tarfile


def samples(path):
    """(meta, picture's bytes) of each sample, in the shard's order."""
    command = {"zst": ["zstd", "-dcq", path], "gz": ["gzip", "-dc", path]}.get(path.rsplit(".", 1)[-1], ["cat", path])
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process, tarfile.open(fileobj=process.stdout, mode="r|") as tar:
        parts = {}
        for member in tar:
            key, _, kind = member.name.partition(".")
            parts.setdefault(key, {})[kind] = tar.extractfile(member).read()
            if {"json", "webp"} <= parts[key].keys():
                done = parts.pop(key)
                yield {"key": key} | json.loads(done["json"]), done["webp"]


def select(licence, paths, out):
    with tarfile.open(fileobj=out, mode="w|") as tar:
        for path in paths:
            for meta, picture in samples(path):
                if re.search(licence, meta["license"]):
                    for ending, content in (("json", json.dumps(meta).encode()), ("webp", picture)):
                        member = tarfile.TarInfo(f"{meta['key']}.{ending}")
                        member.size = len(content)
                        tar.addfile(member, io.BytesIO(content))


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    select(sys.argv[1], sys.argv[2:], sys.stdout.buffer)
