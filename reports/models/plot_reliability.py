#!/usr/bin/env python3
"""Draws whether a similarity can be read as a chance that picture and caption belong together.

    plot_reliability.py TITLE NAME=CURVE.tsv... > PLOT.svg

CURVE.tsv is what `winnow model eval MODEL PAIRS --curve FILE` wrote. On the first, 1 / (1 + exp(-k (similarity - b))) is fitted: the
chance, where as many unmatched as matched pairs come. On every one it is then held against what was met: points on the diagonal say
that the chance is right. Points are as large as the share of pairs that they stand for; the error is the mean distance from the
diagonal, weighted so. Fitted on one set, the others tell whether it holds elsewhere.
"""
import csv
import html
import math
import sys

WIDTH, HEIGHT, LEFT, TOP, SIDE, BINS = 620, 460, 70, 56, 330, 10
COLOURS = ["#1f5fa8", "#c0561a", "#3a7d34", "#7a4a9e"]


def read(path):
    """[(similarity, share of the matched pairs there, of the unmatched)]"""
    with open(path, encoding="utf-8") as file:
        rows = [tuple(map(float, row.values())) for row in csv.DictReader(file, delimiter="\t")]
    steps = zip(rows, rows[1:] + [(1.0, 0.0, 0.0)])
    return [((s + t) / 2, m - n, u - v) for (s, m, u), (t, n, v) in steps if m > n or u > v]


def chance(k, b, similarity):
    return 1 / (1 + math.exp(-k * (similarity - b)))


def fit(rows):
    """(k, b) of the logistic curve that fits best, by Newton's steps on (k, -k b)."""
    k, c = 10.0, -2.0
    for _ in range(50):
        slope, bend = [0.0, 0.0], [1e-9, 0.0, 1e-9]
        for s, m, u in rows:
            p = chance(k, -c / k, s)
            miss, weight = m - (m + u) * p, (m + u) * p * (1 - p)
            slope = [slope[0] + miss * s, slope[1] + miss]
            bend = [bend[0] + weight * s * s, bend[1] + weight * s, bend[2] + weight]
        whole = bend[0] * bend[2] - bend[1] ** 2
        k += (bend[2] * slope[0] - bend[1] * slope[1]) / whole
        c += (bend[0] * slope[1] - bend[1] * slope[0]) / whole
    return k, -c / k


def bins(rows, k, b):
    """[(mean chance told, share matched, weight)] of each tenth of the chance that is not empty."""
    sums = [[0.0, 0.0, 0.0] for _ in range(BINS)]
    for s, m, u in rows:
        p = chance(k, b, s)
        at = sums[min(int(p * BINS), BINS - 1)]
        at[0] += p * (m + u)
        at[1] += m
        at[2] += m + u
    return [(told / n, met / n, n / 2) for told, met, n in sums if n > 0]


def text(x, y, words, anchor="middle", size=12, colour="black", turn=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}"{turn}>{html.escape(words)}</text>'


def frame():
    yield f'<rect x="{LEFT}" y="{TOP}" width="{SIDE}" height="{SIDE}" fill="none" stroke="#888"/>'
    yield f'<path d="M{LEFT} {TOP + SIDE}L{LEFT + SIDE} {TOP}" stroke="#bbb"/>'
    for fifth in range(6):
        share = f"{fifth / 5:.1f}"
        yield text(LEFT + SIDE * fifth / 5, TOP + SIDE + 18, share, size=11)
        yield text(LEFT - 6, TOP + SIDE * (1 - fifth / 5) + 4, share, anchor="end", size=11)
    yield text(LEFT + SIDE / 2, TOP + SIDE + 40, "chance that the similarity tells")
    x, y = LEFT - 44, TOP + SIDE / 2
    yield text(x, y, "share of these pairs that are matched", turn=f' transform="rotate(-90 {x} {y})"')


def series(points, colour):
    places = [(LEFT + SIDE * told, TOP + SIDE * (1 - met), 3 + 14 * math.sqrt(n)) for told, met, n in points]
    line = " L".join(f"{x:.1f} {y:.1f}" for x, y, _ in places)
    yield f'<path d="M{line}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
    for x, y, r in places:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r:.1f}" fill="{colour}" fill-opacity=".35" stroke="{colour}"/>'


def main(title, *sets):
    named = [(name, read(path)) for name, path in (each.split("=", 1) for each in sets)]
    k, b = fit(named[0][1])
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">')
    print(f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>', text(WIDTH / 2, 22, title, size=15))
    print(text(WIDTH / 2, 42, f"chance = 1 / (1 + exp(-{k:.1f} (similarity - {b:.3f}))), fitted on {named[0][0]}", size=11))
    print("\n".join(frame()))
    for i, (name, rows) in enumerate(named):
        points, colour = bins(rows, k, b), COLOURS[i % len(COLOURS)]
        error = sum(n * abs(told - met) for told, met, n in points)
        print("\n".join(series(points, colour)))
        print(text(LEFT + SIDE + 18, TOP + 20 + 40 * i, name, anchor="start", colour=colour))
        print(text(LEFT + SIDE + 18, TOP + 36 + 40 * i, f"error {error:.3f}", anchor="start", size=11, colour=colour))
    print("</svg>")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
