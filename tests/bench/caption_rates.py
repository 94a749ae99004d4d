#!/usr/bin/env python3
"""What the presets' text rules drop of real captions, beside the published rates: the tables of reports/bench/captions.md.

    WINNOW=./winnow tests/bench/caption_rates.py > reports/bench/captions.md        (two minutes)

Alternative texts as LAION-400M published them, and captions of CC3M's and COCO's validation parts (../shared/data/lang). Of each rule what
it removes in its place in the chain, and what it would remove alone; rules that need a list or a count that is not here are left out, and
languages are told by winnow's own model. Nothing here is tuned to the published rates.
"""
import json
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WINNOW = os.path.abspath(os.environ.get("WINNOW", os.path.join(ROOT, "winnow")))
SHARED = os.path.join(os.environ.get("WINNOW_SHARED", os.path.join(ROOT, "../shared")), "data/lang")
CORPORA = [("alttext-raw", "alt texts"), ("captions-cc3m-val", "CC3M"), ("captions-coco-val", "COCO")]
PRESETS = ["cc3m", "cc12m", "coyo700m", "laion400m", "datacomp-basic"]
PUBLISHED = {
    "cc3m": "Published: about 3 % of the candidates pass the text filters, which have more lists than stand here and no language rule before them. "
            "CC3M's own captions were lower-cased by their authors, so that `first_capital` drops them all.",
    "cc12m": "Published: about 25 % of the texts that stay hold a `<PERSON>`.",
    "coyo700m": "Published: texts that stay have 68.5 characters and 11.1 words in the mean; all rules together leave 7.5 % of the pairs.",
    "laion400m": "Published of LAION-5B: texts of 54 characters in the median (English).",
    "datacomp-basic": "Published: 23 % of the pool, two rules on the picture's size among them.",
}


def texts_of(name):
    path = next(os.path.join(SHARED, name + ending) for ending in (".tsv.zst", ".txt.zst") if os.path.exists(os.path.join(SHARED, name + ending)))
    lines = subprocess.run(["zstd", "-dcq", path], capture_output=True, check=True).stdout.decode(errors="replace").split("\n")
    return [line.split("\t", 1)[1] if path.endswith(".tsv.zst") else line for line in lines if line and ("\t" in line or path.endswith(".txt.zst"))]


def rows_of(texts):
    cells = (t.replace("\\", "\\\\").replace("\t", "\\t").replace("\r", "\\r") for t in texts)
    clean = ("".join(c for c in t if c >= " " and not "\x7f" <= c < "\xa0" and c not in "\u2028\u2029") for t in cells)
    return ("id\turl\ttext\n" + "".join(f"{i:032x}\thttp://a.example/{i}.jpg\t{t}\n" for i, t in enumerate(clean))).encode()


def ask(folder, preset, rows, without=()):
    options = [o for name in ("unserved", *without) for o in ("--without", name)]
    subprocess.run([WINNOW, "filter", "-q", "--plain-input", "--preset", preset, "--at", "text", "--allow-substitute", "winnow_language", *options, "--force",
                    "-o", folder + "/out/"], input=rows, check=True)
    with open(folder + "/out/00000.json", encoding="utf-8") as file:
        return json.load(file)


def measured(preset, rows):
    """Rows, kept, and of each rule its name, what it removed in order, what alone, in how many rows it found something (None: it seeks nothing)."""
    with tempfile.TemporaryDirectory() as folder:
        whole = ask(folder, preset, rows)
        names = [r["name"] for r in whole["filters"] if "unserved" not in r and "done_by" not in r]
        found = []
        for name in names:
            alone = ask(folder, preset, rows, [other for other in names if other != name])
            found.append((name, whole.get("rules", {}).get(name, 0), alone.get("rules", {}).get(name, 0), alone["counts"].get(f"found_in.{name}")))
        return whole["rows"]["read"], whole["rows"]["written"], found


def persons(rows):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([WINNOW, "filter", "-q", "--plain-input", "--rule", "names text.person_names", "-o", folder + "/out/"], input=rows, check=True)
        with open(folder + "/out/00000.json", encoding="utf-8") as file:
            return json.load(file)["counts"]["found_in.names"]


def main():
    corpora = [(title, rows_of(texts_of(name))) for name, title in CORPORA]
    print("# What text rules drop of real captions\n")
    print(sys.modules[__name__].__doc__.split("\n\n", 2)[2].strip() + "\n\nMade by tests/bench/caption_rates.py. In per cent of the texts: in the chain / alone.")
    for preset in PRESETS:
        results = [measured(preset, rows) for _, rows in corpora]
        print(f"\n## {preset}\n\n{PUBLISHED[preset]}\n\n| rule | " + " | ".join(f"{title}, {r[0]:,}" for (title, _), r in zip(corpora, results)) + " |")
        print("|---|" + "---|" * len(corpora))
        for i, (name, *_) in enumerate(results[0][2]):
            cells = []
            for read, _, rules in results:
                _, removed, alone, found = rules[i]
                cells.append(f"found in {100 * found / read:.1f}" if found is not None else f"{100 * removed / read:.1f} / {100 * alone / read:.1f}")
            print(f"| `{name}` | " + " | ".join(cells) + " |")
        print("| stay | " + " | ".join(f"**{100 * kept / read:.1f}**" for read, kept, _ in results) + " |")
        if preset == "cc12m":
            print("| texts that name a person, of all | " + " | ".join(f"{100 * persons(rows) / r[0]:.1f}" for (_, rows), r in zip(corpora, results)) + " |")


if __name__ == "__main__":
    main()
