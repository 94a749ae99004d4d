#!/usr/bin/env python3
"""Makes filters/calibration_table.h: which share of matched pairs a bound on similarity keeps, model by model.

    calibrate.py --winnow WINNOW [--seen PAIRS.tar... --left SOURCE...] [--unseen PAIRS.tar...] > filters/calibration_table.h

For the built-in model `winnow model eval --curve` is asked of pairs that its training never saw: of the shards after --unseen all
sources, of those after --seen the sources after --left. Sources of fewer than --least pairs are passed over; of the others each counts
alike, so that no large one decides. For OpenAI's models published counts of similarities are summed (published_similarities.tsv).
"""
import argparse
import csv
import os
import subprocess
import sys
import tempfile
from collections import Counter

import shards

HERE = os.path.dirname(os.path.abspath(__file__))


def published():
    """{model: [(bound, share kept)]}: at every hundredth, the share of pairs at it and above."""
    with open(f"{HERE}/published_similarities.tsv", encoding="utf-8") as file:
        rows = list(csv.DictReader((line for line in file if line[0] != "#"), delimiter="\t"))
    curves = {}
    for model in list(rows[0])[1:]:
        counts = [float(row[model]) for row in rows]
        bounds = [float(row["similarity"]) for row in rows] + [float(rows[-1]["similarity"]) + 0.01]
        curves[model] = [(bound, sum(counts[i:]) / sum(counts)) for i, bound in enumerate(bounds)]
    return curves


def sources(paths, wanted):
    counts = Counter(meta["source"] for path in paths for meta, _ in shards.samples(path))
    return {name: number for name, number in counts.items() if not wanted or name in wanted}


def curve(winnow, paths, source):
    """[share of matched pairs kept] at each bound of `winnow model eval --curve`, and the bounds."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([winnow, "model", "eval", "builtin", *paths, "--where", f"source={source}", "--threads", "1", "--curve",
                        f"{folder}/c.tsv"], check=True, stdout=sys.stderr)
        with open(f"{folder}/c.tsv", encoding="utf-8") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
    return [float(row["threshold"]) for row in rows], [float(row["matched_kept"]) for row in rows]


def builtin(options):
    """([(bound, share kept)] at every hundredth, sources, pairs)."""
    lots = [(options.seen, sources(options.seen, options.left))] if options.left else []
    lots += [(options.unseen, sources(options.unseen, None))] if options.unseen else []
    total, taken = None, []
    for paths, counts in lots:
        for source, number in sorted(counts.items()):
            if number < options.least:
                continue
            bounds, kept = curve(options.winnow, paths, source)
            total = [a + b for a, b in zip(total or [0] * len(kept), kept)]
            taken.append(number)
    points = [(bound, share / len(taken)) for bound, share in zip(bounds, total) if round(bound * 1000) % 10 == 0]
    return points, len(taken), sum(taken)


def needed(points):
    """Without the points below which all are kept and above which none are, but one."""
    first = max((i for i, (_, kept) in enumerate(points) if kept >= 1), default=0)
    last = min((i for i, (_, kept) in enumerate(points) if kept <= 0), default=len(points) - 1)
    return points[first:last + 1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--winnow", required=True)
    parser.add_argument("--seen", nargs="*", default=[])
    parser.add_argument("--left", nargs="*", default=[])
    parser.add_argument("--unseen", nargs="*", default=[])
    parser.add_argument("--least", type=int, default=20)
    options = parser.parse_args()
    points, number, pairs = builtin(options)
    print("/* Made by filters/clip/train/calibrate.py. {bound, share of matched pairs that it keeps}.")
    print(" * b32, l14: 747 million pairs of COYO-700M, read off a published figure (filters/clip/train/published_similarities.tsv)")
    print(f" * builtin: {pairs} pairs, of {number} sources, that its training never saw; each source counts alike */")
    for name, listed in (published() | {"builtin": points}).items():
        print(f"static const struct calibration_point {name}[] = {{")
        cells = [f"{{{bound:.2f}, {kept:.4f}}}," for bound, kept in needed(listed)]
        for i in range(0, len(cells), 7):
            print("    " + " ".join(cells[i:i + 7]))
        print("};")


if __name__ == "__main__":
    main()
