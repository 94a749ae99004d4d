#!/usr/bin/env python3
"""Draws what `winnow model eval MODEL PAIRS --curve FILE` wrote: which share of matched and of unmatched pairs a bound keeps.

    plot_curve.py TITLE CURVE.tsv > PLOT.svg

Left the ROC: matched pairs kept over unmatched pairs kept, the latter on a logarithmic axis, as a filter lives at its left end. Right
both shares over the bound itself, from which a bound is read. The plot stands alone: no scripts, no fonts of its own.
"""
import csv
import html
import math
import sys

WIDTH, HEIGHT, LEFT, TOP, SIDE = 860, 440, 60, 56, 320
RIGHT = LEFT + SIDE + 110
LOWEST = 1e-4  # of the logarithmic axis


def path(points, colour):
    return f'<path d="M{" L".join(f"{x:.1f} {y:.1f}" for x, y in points)}" fill="none" stroke="{colour}" stroke-width="2"/>'


def text(x, y, words, anchor="middle", size=12, turn=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"{turn}>{html.escape(words)}</text>'


def frame(left, title, across, up):
    yield f'<rect x="{left}" y="{TOP}" width="{SIDE}" height="{SIDE}" fill="none" stroke="#888"/>'
    yield text(left + SIDE / 2, TOP - 10, title, size=13)
    yield text(left + SIDE / 2, TOP + SIDE + 38, across)
    x, y = left - 40, TOP + SIDE / 2
    yield text(x, y, up, turn=f' transform="rotate(-90 {x} {y})"')
    for tenth in range(0, 11, 2):
        at = TOP + SIDE * (1 - tenth / 10)
        yield f'<path d="M{left} {at:.1f}h{SIDE}" stroke="#ddd"/>'
        yield text(left - 6, at + 4, f"{tenth / 10:.1f}", anchor="end", size=11)


def roc(rows):
    def across(share):
        return LEFT + SIDE * (1 - math.log10(max(share, LOWEST)) / math.log10(LOWEST))
    yield from frame(LEFT, "matched against unmatched", "unmatched pairs kept", "matched pairs kept")
    for power in range(0, 5):
        yield text(across(10 ** -power), TOP + SIDE + 18, f"{10 ** -power:g}", size=11)
    yield path([(across(u), TOP + SIDE * (1 - m)) for _, m, u in rows], "#1f5fa8")
    yield path([(across(u), TOP + SIDE * (1 - u)) for u in (10 ** (-i / 20) for i in range(81))], "#bbb")


def shares(rows):
    low = max((t for t, m, u in rows if u > 0.999), default=-0.3)
    high = next((t for t, m, u in rows if m < 0.005), 1)

    def across(bound):
        return RIGHT + SIDE * (bound - low) / (high - low)
    inside = [r for r in rows if low <= r[0] <= high]
    yield from frame(RIGHT, "what a bound keeps", "least similarity", "share of pairs kept")
    for i in range(5):
        bound = low + (high - low) * i / 4
        yield text(across(bound), TOP + SIDE + 18, f"{bound:.2f}", size=11)
    yield path([(across(t), TOP + SIDE * (1 - m)) for t, m, u in inside], "#1f5fa8")
    yield path([(across(t), TOP + SIDE * (1 - u)) for t, m, u in inside], "#c0561a")
    yield text(RIGHT + SIDE - 8, TOP + 20, "matched", anchor="end").replace("<text", '<text fill="#1f5fa8"')
    yield text(RIGHT + SIDE - 8, TOP + 36, "unmatched", anchor="end").replace("<text", '<text fill="#c0561a"')


def main(title, curve):
    with open(curve, encoding="utf-8") as file:
        rows = [tuple(map(float, row.values())) for row in csv.DictReader(file, delimiter="\t")]
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">')
    print(f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>', text(WIDTH / 2, 22, title, size=15))
    print("\n".join([*roc(rows), *shares(rows)]))
    print("</svg>")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
