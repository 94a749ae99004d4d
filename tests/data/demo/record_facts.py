#!/usr/bin/env python3
"""What a run of the demo makes of demo.warc.gz, as recorded in facts.json.

    tests/demo.sh && tests/data/demo/record_facts.py build/demo/OUT > tests/data/demo/facts.json

Numbers are those of manifests; digests are SHA-256: of the ids of the survivors (a line each, in order), of each shard's members,
names and bytes, of the digests of the pictures that survive (as they came; sorted, a line each). Of scores, whose last digits are
another processor class's, the shards' digests count the names alone.
"""
import glob
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile

WINNOW = os.path.abspath(os.environ.get("WINNOW", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../winnow")))


def manifest(out, step):
    with open(os.path.join(out, step, "00000.json"), encoding="utf-8") as file:
        return json.load(file)


def view(path, column):
    done = subprocess.run([WINNOW, "view", "--plain-input", "--columns", column, path], capture_output=True, check=True)
    return done.stdout.decode().split("\n")[1:-1]


def digest(data):
    return hashlib.sha256(data).hexdigest()


def members(tar):
    with tarfile.open(fileobj=io.BytesIO(tar)) as shard:
        for member in shard:
            data = shard.extractfile(member).read()
            if member.name.endswith(".json"):
                data = re.sub(rb'("(?:sim|p)_\w+"): [-.\de]+', rb"\1", data)
            yield member.name.encode() + b"\0" + data


def facts(out):
    steps = sorted(os.path.basename(step) for step in glob.glob(os.path.join(out, "[0-9][0-9]-*")))
    fetched = view(os.path.join(out, steps[-1], "00000.rows.zst"), "sha256")
    ids = view(os.path.join(out, steps[-1], "00000.rows.zst"), "id")
    tars = [subprocess.run(["zstd", "-dcq", path], capture_output=True, check=True).stdout
            for path in sorted(glob.glob(os.path.join(out, "shards/*.tar.zst")))]
    return {
        "extract": manifest(out, "01-extract")["counts"],
        "rows": {step: manifest(out, step)["rows"]["written"] for step in steps},
        "rules": {step: {rule: n for rule, n in manifest(out, step)["rules"].items() if n} for step in steps},
        "losses": sum(manifest(out, step)["losses"]["total"] for step in steps),
        "table_of_pictures": len(view(os.path.join(out, "01-extract/00000.pictures.zst"), "url_xxh3")),
        "pictures_that_survive": digest("".join(sorted(line + "\n" for line in set(fetched))).encode()),
        "survivors": len(ids),
        "ids": digest("".join(line + "\n" for line in ids).encode()),
        "shards": [digest(b"".join(members(tar))) for tar in tars],
    }


if __name__ == "__main__":
    print(json.dumps(facts(sys.argv[1]), indent=2, sort_keys=True) if len(sys.argv) == 2 else __doc__)
