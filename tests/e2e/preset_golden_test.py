"""Every preset end to end on the mini web: pages and pictures as a crawl, rows and pictures from it, scores by the built-in models,
winnow's own languages for other detectors, and what each rule removed of them, held against tests/data/presets/golden.tsv. Rules that cannot be
served are told there too.

After a change that is meant, python3 -m tests.e2e.preset_golden_test writes the table anew: read its diff."""
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import unittest
import urllib.parse

from tests.e2e import make
from tests.e2e.servers.miniweb import DATA

TREE = os.path.join(DATA, "miniweb.tar.zst")
GOLDEN = os.path.join(make.ROOT, "tests/data/presets/golden.tsv")
COUNTS = ["images-per-text", "images-per-text-folded", "texts-per-image", "url-count", "unigrams", "bigrams"]
TYPES = {"html": "text/html", "jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png", "gif": "image/gif", "webp": "image/webp"}


def crawl(folder):
    """The tree of the mini web as one crawl file: a response a file, pages first, by name."""
    pages, pictures = [], []
    with subprocess.Popen(["zstd", "-dcq", TREE], stdout=subprocess.PIPE) as unpack, \
            tarfile.open(fileobj=unpack.stdout, mode="r|") as tar:
        for member in tar:
            if not member.isfile():
                continue
            name = member.name.removeprefix("miniweb/")
            kind = TYPES.get(name.rsplit(".", 1)[-1].lower())
            if not kind:
                continue
            url = "http://" + urllib.parse.quote(name.removesuffix("index.html") if name.endswith("/index.html") else name)
            (pages if kind == "text/html" else pictures).append((name, make.response(url, tar.extractfile(member).read(), kind)))
    path = os.path.join(folder, "miniweb.warc.gz")
    with open(path, "wb") as file:
        file.write(make.packed([record for _, record in sorted(pages) + sorted(pictures)]))
    return path


def winnow(folder, *arguments):
    done = subprocess.run([make.WINNOW, *arguments], cwd=folder, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise AssertionError(f"{arguments}: {done.stderr}")
    return done.stdout


def presets():
    return sorted(name.removesuffix(".preset") for name in os.listdir(os.path.join(make.ROOT, "filters/presets")))


def measured():
    """[(preset, rule, asked, removed, alone or why it is unserved)], and a closing line a preset with rows read and kept."""
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        warc = crawl(folder)
        winnow(folder, "extract", "-q", "-o", "rows.rows.zst", warc)
        winnow(folder, "count", "-q", "--what", ",".join(COUNTS), "-o", "counts/", "rows.rows.zst")
        tables = [option for what in COUNTS for option in ("--counts", f"counts/00000.{what}.rows.zst")]
        winnow(folder, "fetch", "-q", "--from-warc", warc, "--size", "224", "-o", "fetched.rows.zst", "rows.rows.zst")
        winnow(folder, "score", "-q", "--classifier", "gantman", "-o", "scored.rows.zst", "fetched.rows.zst")
        for preset in presets():
            winnow(folder, "filter", "-q", "--preset", preset, "--without", "unserved", "--allow-substitute", "winnow_language", *tables, "--force", "-o", "kept/",
                   "scored.rows.zst")
            with open(os.path.join(folder, "kept/00000.json"), encoding="utf-8") as file:
                manifest = json.load(file)
            removed, reached = manifest.get("rules", {}), manifest["counts"]
            for rule in manifest["filters"]:
                name, why = rule["name"], rule.get("unserved") or rule.get("done_by", "")
                numbers = ("", "") if why else (str(reached.get(f"reached.{name}", 0)), str(removed.get(name, 0)))
                lines.append((preset, name, *numbers, why))
            lines.append((preset, "", str(manifest["rows"]["read"]), str(sum(removed.values())), ""))
    return lines


@unittest.skipUnless(os.path.exists(TREE), "the mini web is not here")
@unittest.skipIf(os.environ.get("WINNOW_VARIANT"), "scores of 700 pictures take minutes with every access checked; other tests score with checks")
class Golden(unittest.TestCase):
    def test_each_rule_removes_what_it_did(self):
        with open(GOLDEN, encoding="utf-8") as file:
            golden = [tuple(line.rstrip("\n").split("\t")) for line in file][1:]
        found = measured()
        for expected, line in zip(golden, found):
            self.assertEqual(line, expected)
        self.assertEqual(len(found), len(golden))


if __name__ == "__main__":
    with open(GOLDEN, "w", encoding="utf-8") as out:
        out.write("preset\trule\tasked\tremoved\twhy not asked\n")
        out.writelines("\t".join(line) + "\n" for line in measured())
    sys.exit(0)
