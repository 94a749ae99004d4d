#!/usr/bin/env python3
"""Draws what distil.py and contrastive.py logged, beside what whole trainings reach.

    plot_training.py DISTIL.tsv CONTRASTIVE.tsv COSINE AUC > PLOT.svg

Left the cosine of a batch's texts to the teacher, in the middle the contrastive loss, right the AUC on pairs kept back; a dashed line
is what the whole training came to: COSINE and AUC.
"""
import csv
import html
import sys

WIDTH, HEIGHT, TOP, SIDE, LEFTS = 980, 350, 50, 240, [60, 380, 700]


def read(path, column):
    """[(step, value)] where the column has one."""
    with open(path, encoding="utf-8") as file:
        rows = csv.DictReader((line for line in file if line[0] != "#"), delimiter="\t")
        return [(int(row["step"]), float(row[column])) for row in rows if row[column]]


def text(x, y, words, anchor="middle", size=12, colour="black"):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}">{html.escape(words)}</text>'


def chart(left, title, points, low, high, reached):
    def at(step, value):
        return f"{left + SIDE * step / points[-1][0]:.1f} {TOP + SIDE * (high - value) / (high - low):.1f}"
    yield f'<rect x="{left}" y="{TOP}" width="{SIDE}" height="{SIDE}" fill="none" stroke="#888"/>'
    yield text(left + SIDE / 2, TOP - 10, title, size=13)
    yield text(left + SIDE / 2, TOP + SIDE + 36, "step")
    for i in range(5):
        value = low + (high - low) * i / 4
        y = TOP + SIDE * (1 - i / 4)
        yield f'<path d="M{left} {y:.1f}h{SIDE}" stroke="#ddd"/>' + text(left - 6, y + 4, f"{value:g}", "end", 11)
        yield text(left + SIDE * i / 4, TOP + SIDE + 16, f"{points[-1][0] * i / 4:.0f}", size=11)
    yield f'<path d="M{" L".join(at(*p) for p in points)}" fill="none" stroke="#1f5fa8" stroke-width="2"/>'
    if len(points) < 10:
        for p in points:
            x, y = at(*p).split()
            yield f'<circle cx="{x}" cy="{y}" r="3.5" fill="#1f5fa8"/>'
    if reached:
        y = TOP + SIDE * (high - reached) / (high - low)
        yield f'<path d="M{left} {y:.1f}h{SIDE}" stroke="#c0561a" stroke-dasharray="4 4"/>'
        yield text(left + SIDE - 6, y + 15, f"whole training {reached:g}", "end", 11, "#c0561a")


def main(distil, contrastive, cosine, auc):
    charts = [("text tower: cosine to the teacher", read(distil, "cosine"), 0.6, 1, float(cosine)),
              ("both towers: loss", read(contrastive, "loss"), 2, 5, None),
              ("both towers: AUC on pairs kept back", read(contrastive, "auc"), 0.5, 1, float(auc))]
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">')
    print(f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>', text(WIDTH / 2, 20, "A tenth of the steps on a CPU", size=15))
    print("\n".join(line for left, each in zip(LEFTS, charts) for line in chart(left, *each)))
    print("</svg>")


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
