#!/usr/bin/env python3
"""Fits the few numbers of filters/picture/blank.c, and says how well they do:

    winnow import --shards --columns kind,half,blank -o 1/ blank.tar              the shard of make_blank.py
    winnow score --classifier blank --no-similarity -o 2/ --packs . 1/00000.rows.zst
    winnow view 2/00000.rows.zst > blank.tsv
    fit_blank.py blank.tsv

A logistic regression, ridge 1e-3 on standardised terms, both answers and within them all kinds weighted alike; Newton's steps until
they end. A picture all of whose pixels are alike is blank for certain, and has no part in the fit. Fitted on half a and judged on half b, and the other way round; what is printed for blank.c is fitted on both. Areas under the
curve: a tie counts one half. Needs numpy."""

import csv
import sys

import numpy

MEASURES = ["colours", "largest", "edges", "flat", "saturation", "side"]
KINDS = ["drawing", "logo", "painting", "photo", "placeholder", "screenshot"]
RIDGE = 1e-3


def terms(row):
    m = {name: float(row[f"picture_{name}"]) for name in MEASURES}
    kinds = [float(row[f"p_{kind}_builtin"]) for kind in KINDS]
    return [numpy.log2(m["colours"]), m["largest"], numpy.log2(1 + m["edges"]), m["flat"], numpy.log2(1 + m["saturation"]),
            numpy.log2(min(m["side"], 64))] + [numpy.log((p + 1e-4) / (1 - p + 1e-4)) for p in kinds]


def probability(w, x, certain):
    return numpy.where(certain, 1, 1 / (1 + numpy.exp(-(w[0] + x @ w[1:]))))


def fit(x, y, kinds):
    """Constant, then a coefficient a term."""
    weights = numpy.zeros(len(y))
    for answer in (0, 1):
        among = sorted(set(kinds[y == answer]))
        for kind in among:
            these = (kinds == kind) & (y == answer)
            weights[these] = 0.5 / len(among) / these.sum()
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    z = numpy.hstack([numpy.ones((len(x), 1)), (x - mean) / deviation])
    penalty = numpy.diag([0] + [RIDGE] * x.shape[1])
    w = numpy.zeros(z.shape[1])
    for _ in range(100):
        p = 1 / (1 + numpy.exp(-z @ w))
        gradient = z.T @ (weights * (p - y)) + penalty @ w
        step = numpy.linalg.solve((z * (weights * p * (1 - p))[:, None]).T @ z + penalty, gradient)
        w -= step
        if abs(step).max() < 1e-10:
            break
    slopes = w[1:] / deviation
    return numpy.concatenate([[w[0] - slopes @ mean], slopes])


def auc(ones, others):
    both = numpy.concatenate([ones, others])
    _, inverse, counts = numpy.unique(both, return_inverse=True, return_counts=True)
    ranks = (numpy.cumsum(counts) - (counts - 1) / 2)[inverse]
    return (ranks[:len(ones)].sum() - len(ones) * (len(ones) + 1) / 2) / len(ones) / len(others)


def judge(name, p, y, kinds):
    blanks, others = sorted(set(kinds[y == 1])), sorted(set(kinds[y == 0]))
    print(f"{name}: AUC {auc(p[y == 1], p[y == 0]):.4f} (blank {int(y.sum())}, others {int((1 - y).sum())})")
    print("  AUC".ljust(14) + "".join(k.rjust(12) for k in others) + "         all  found: 0.5         0.9")
    for kind in blanks:
        ones = p[(kinds == kind) & (y == 1)]
        print(f"  {kind} {len(ones)}".ljust(14) + "".join(f"{auc(ones, p[(kinds == k) & (y == 0)]):12.4f}" for k in others)
              + f"{auc(ones, p[y == 0]):12.4f}{(ones > 0.5).mean():12.3f}{(ones > 0.9).mean():12.3f}")
    gate = numpy.isin(kinds, ["pale_logo", "snow", "product"])
    print(f"  against pale logos, snow and products ({int(gate.sum())}): AUC {auc(p[y == 1], p[gate]):.4f}")
    print("  n".ljust(14) + "".join(str(int(((kinds == k) & (y == 0)).sum())).rjust(12) for k in others))
    for bound in (0.5, 0.9):
        print(f"  false at {bound}".ljust(14) + "".join(f"{(p[(kinds == k) & (y == 0)] > bound).mean():12.4f}" for k in others))


def main():
    with open(sys.argv[1], encoding="utf-8", newline="") as file:
        rows = [r for r in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE) if r["score_status"] == "ok"]
    x = numpy.array([terms(r) for r in rows])
    y = numpy.array([int(r["blank"]) for r in rows])
    kinds = numpy.array([r["kind"] for r in rows])
    half = numpy.array([r["half"] for r in rows])
    certain = numpy.array([r["picture_colours"] == "1" and r["picture_edges"] == "0" for r in rows])
    print(f"certain: {int(certain.sum())}, of them {int((certain & (y == 1)).sum())} blank")
    for train, test in (("a", "b"), ("b", "a")):
        known, these = (half == train) & ~certain, half == test
        w = fit(x[known], y[known], kinds[known])
        judge(f"fitted on {train}, judged on {test}", probability(w, x[these], certain[these]), y[these], kinds[these])
    placeholder = KINDS.index("placeholder") + len(MEASURES)
    print(f"the placeholder class alone: AUC {auc(x[y == 1, placeholder], x[y == 0, placeholder]):.4f}")
    w = fit(x[~certain], y[~certain], kinds[~certain])
    print(f"\nstatic const double constant = {w[0]:.6f};\nstatic const double coefficients[TERMS] = {{"
          + ", ".join(f"{v:.6f}" for v in w[1:]) + "};")


main()
