#!/usr/bin/env python3
"""The mean of several runs' weights: runs from the same start, that differ in the order of the data and a little in the recipe.

    soup.py --out soup.pt RUN.pt RUN.pt ...
"""
import argparse

import torch

import steps


def mean(states):
    return {name: sum(state[name].double() for state in states).div(len(states)).to(states[0][name].dtype) for name in states[0]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True)
    parser.add_argument("runs", nargs="+")
    options = parser.parse_args()
    runs = [torch.load(path, map_location="cpu", weights_only=True) for path in options.runs]
    steps.save(options.out, image=mean([run["image"] for run in runs]), text=mean([run["text"] for run in runs]),
               scale=sum(run["scale"] for run in runs) / len(runs))


if __name__ == "__main__":
    main()
