"""Shards of pairs: KEY.webp beside KEY.json."""
import json
import subprocess
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
