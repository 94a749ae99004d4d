#!/usr/bin/env python3
"""The floors of the house: which file may include which. A broken one is told with file and line; exit code 1.

    base < rows < parsers and libraries of the wings < stage < stages < plan, run, main

The wings (crawl, filters, shard, reports) do not include one another, but through the doors below.
"""
import glob
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WINGS = ["crawl", "filters", "shard", "reports"]
FLOORS = ["base", "rows", "library", "stage", "command", "run"]

# (wing that includes, header or folder): what may be reached from outside its wing.
DOORS = [
    ("filters", "crawl/image/"), ("filters", "crawl/url/"), ("reports", "crawl/image/"), ("reports", "crawl/url/"),
    ("reports", "filters/table.h"), ("reports", "filters/chain.h"), ("reports", "filters/preset.h"),  # rules, as they are asked
    ("reports", "filters/text/wordlist.h"),  # whom captions name
    ("reports", "filters/language/pii.h"),  # personal data in them
    ("reports", "crawl/net/status.h"),  # what became of a picture, in words
    ("reports", "shard/tar.h"), ("reports", "shard/walk.h"), ("reports", "shard/store.h"), ("reports", "shard/index_read.h"),
    ("reports", "shard/steps.h"),  # which steps a run has
    ("filters", "shard/pictures.h"),  # score reads packs
    ("filters", "shard/tar.h"), ("filters", "shard/store.h"),  # model eval reads shards
    ("filters", "shard/parquet.h"),  # score writes a table beside embeddings
    ("filters", "crawl/net/download.h"),  # model fetches a file from its publisher
    ("crawl", "shard/tar.h"), ("crawl", "shard/store.h"),  # import reads shards
]
# Of pipeline/, what the harness of stages is made of, and what stands above the wings; the rest are commands.
STAGE = re.compile(r"pipeline/(stage\w*|options|progress)\.[ch]")
RUN = re.compile(r"pipeline/(main|commands|run\w*|recipe\w*|plan\w*|engine_\w+|outlock)\.(c|h|def)")


def commands():
    with open(os.path.join(ROOT, "pipeline/commands.def"), encoding="utf-8") as file:
        return re.findall(r"^COMMAND\((\w+)\)", file.read(), re.M)


COMMANDS = commands()


def floor(path):
    """Index in FLOORS of a file."""
    if path.startswith(("pipeline/base/", "generated/")):
        return 0
    if path.startswith(("pipeline/rows/", "pipeline/manifest.")) or path == "schemas/columns.def":
        return 1
    if RUN.fullmatch(path):
        return 5
    if STAGE.fullmatch(path):
        return 3
    if path.startswith("pipeline/"):
        return 4
    folder, _, name = path.rpartition("/")
    if name in ("options.c", "options.h"):  # of a stage whose option table has a file of its own
        return 3
    command = re.split(r"[._]", name)[0]
    return 4 if folder in WINGS and command in COMMANDS else 2


def wing(path):
    top = path.split("/")[0]
    return top if top in WINGS else None


def passes(path, header):
    return any(wing(path) == inside and header.startswith(door) for inside, door in DOORS)


def offence(path, header):
    """What is wrong with `path` including `header`; None when nothing is."""
    from_floor, to_floor = floor(path), floor(header)
    if to_floor > from_floor:
        return f"{FLOORS[from_floor]} includes {FLOORS[to_floor]}"
    if from_floor < 5 and wing(header) and wing(path) != wing(header) and not passes(path, header):
        return f"{wing(path) or 'pipeline'} includes {wing(header)}, and this is no door"
    return None


def includes(path):
    """[(line number, header)]"""
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        found = [(number, re.match(r'\s*#\s*include\s+"([^"]+)"', line)) for number, line in enumerate(file, 1)]
    return [(number, match[1]) for number, match in found if match]


def main():
    broken = 0
    for folder in ["pipeline", *WINGS]:
        for path in sorted(glob.glob(f"{folder}/**/*.[ch]", root_dir=ROOT, recursive=True)):
            for number, header in includes(path):
                if "/" not in header:
                    problem = "include it by its path from the root"
                elif not os.path.exists(os.path.join(ROOT, header)) and not header.startswith("generated/"):
                    problem = "no such file"
                else:
                    problem = offence(path, header)
                if problem:
                    broken += 1
                    print(f'{path}:{number}: "{header}": {problem}')
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
