#!/usr/bin/env python3
"""Draws what `winnow model eval MODEL PAIRS --curve FILE` wrote: which share of matched and of unmatched pairs a bound keeps.

    plot_curve.py TITLE NAME=CURVE.tsv... > PLOT.svg

Left the ROC: matched pairs kept over unmatched pairs kept, the latter on a logarithmic axis, as a filter lives at its left end; a curve
ends where fewer than one in LOWEST unmatched pairs are kept. Right both shares over the bound itself, from which a bound is read: lines
are matched pairs, dashes unmatched ones. The plot stands alone: no scripts, no fonts of its own.
"""
import csv
import html
import math
import sys

WIDTH, HEIGHT, LEFT, TOP, SIDE = 1080, 460, 60, 56, 330
RIGHT = LEFT + SIDE + 90
LOWEST = 1e-4  # of the logarithmic axis
COLOURS = ["#1f5fa8", "#c0561a", "#3a7d34", "#7a4a9e"]


def read(path):
    """[(bound, share of matched pairs kept, of unmatched)]"""
    with open(path, encoding="utf-8") as file:
        return [tuple(map(float, row.values())) for row in csv.DictReader(file, delimiter="\t")]


def area(rows):
    """Under the ROC, by trapezoids: the AUC to three places, as bounds are close."""
    return sum((u - v) * (m + n) / 2 for (_, m, u), (_, n, v) in zip(rows, rows[1:]))


def path(points, colour, dashes=""):
    return (f'<path d="M{" L".join(f"{x:.1f} {y:.1f}" for x, y in points)}" fill="none" stroke="{colour}" stroke-width="2" '
            f'stroke-dasharray="{dashes}"/>')


def text(x, y, words, anchor="middle", size=12, colour="black", turn=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}"{turn}>{html.escape(words)}</text>'


def height(share):
    return TOP + SIDE * (1 - share)


def frame(left, title, across, up):
    yield f'<rect x="{left}" y="{TOP}" width="{SIDE}" height="{SIDE}" fill="none" stroke="#888"/>'
    yield text(left + SIDE / 2, TOP - 10, title, size=13)
    yield text(left + SIDE / 2, TOP + SIDE + 38, across)
    x, y = left - 40, TOP + SIDE / 2
    yield text(x, y, up, turn=f' transform="rotate(-90 {x} {y})"')
    for tenth in range(0, 11, 2):
        yield f'<path d="M{left} {height(tenth / 10):.1f}h{SIDE}" stroke="#ddd"/>'
        yield text(left - 6, height(tenth / 10) + 4, f"{tenth / 10:.1f}", anchor="end", size=11)


def legend(left, curves):
    for i, (name, rows) in enumerate(curves):
        yield text(left, TOP + 20 + 44 * i, name, "start", colour=COLOURS[i])
        yield text(left, TOP + 37 + 44 * i, f"AUC {area(rows):.3f}", "start", colour=COLOURS[i])


def roc(curves):
    def across(share):
        return LEFT + SIDE * (1 - math.log10(share) / math.log10(LOWEST))
    yield from frame(LEFT, "matched against unmatched", "unmatched pairs kept", "matched pairs kept")
    for power in range(0, 5):
        yield text(across(10 ** -power), TOP + SIDE + 18, f"{10 ** -power:g}", size=11)
    yield path([(across(10 ** (-i / 20)), height(10 ** (-i / 20))) for i in range(81)], "#bbb")
    for i, (_, rows) in enumerate(curves):
        yield path([(across(u), height(m)) for _, m, u in rows if u >= LOWEST], COLOURS[i])


def shares(curves):
    """From the last tenth at which all are kept to the first at which hardly any are."""
    low = math.floor(10 * max(min(t for t, m, u in rows if u < 0.999) for _, rows in curves)) / 10
    high = math.ceil(10 * max(max(t for t, m, u in rows if m > 0.005) for _, rows in curves)) / 10

    def across(bound):
        return RIGHT + SIDE * (bound - low) / (high - low)
    yield from frame(RIGHT, "what a bound keeps: lines matched, dashes unmatched", "least similarity", "share of pairs kept")
    for tenth in range(round(10 * low), round(10 * high) + 1):
        yield f'<path d="M{across(tenth / 10):.1f} {TOP}v{SIDE}" stroke="#eee"/>'
        yield text(across(tenth / 10), TOP + SIDE + 18, f"{tenth / 10:.1f}", size=11)
    for i, (_, rows) in enumerate(curves):
        inside = [r for r in rows if low <= r[0] <= high]
        yield path([(across(t), height(m)) for t, m, u in inside], COLOURS[i])
        yield path([(across(t), height(u)) for t, m, u in inside], COLOURS[i], "3 4")


def main(title, *named):
    curves = [(name, read(file)) for name, _, file in (each.partition("=") for each in named)]
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">')
    print(f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>', text(WIDTH / 2, 22, title, size=15))
    print("\n".join([*roc(curves), *shares(curves), *legend(RIGHT + SIDE + 16, curves)]))
    print("</svg>")


if __name__ == "__main__":
    if not 3 <= len(sys.argv) <= 2 + len(COLOURS) or not all("=" in each for each in sys.argv[2:]):
        sys.exit(__doc__)
    main(*sys.argv[1:])
