#!/usr/bin/env python3
"""Renders pictures that look as if they carried a watermark and do not, by headless Chromium:

    watermark_screens.py pages --docs DOCS WORK/screens
    watermark_screens.py sheets --fonts FONTS --pictures WORK/pictures WORK/clipart --land naturalearth_lowres.shp WORK/sheets

`pages` are documentation of Debian packages (dpkg-deb -x into DOCS), at many widths and zooms, a part of them dark, each cut into
pieces. `sheets` are drawn by watermark_sheets.py: maps, streets, schematics, desktops, consoles, windows, cards, labelled drawings.
screens.tsv beside them says file, origin and licence. The same at every run, by the same Chromium and fonts; pages that are there are
left out.
"""
import argparse
import hashlib
import os
import subprocess
import tempfile

import numpy
from PIL import Image

import watermark_draw as draw
import watermark_sheets as sheets

LONGEST = 1000
# Debian package: folder of its pages, licence
DOCS = {
    "python3.11-doc": ("usr/share/doc/python3.11/html", "PSF-2"),
    "postgresql-doc-15": ("usr/share/doc/postgresql-doc-15/html", "PostgreSQL"),
    "apache2-doc": ("usr/share/doc/apache2-doc/manual/en", "Apache-2.0"),
    "python-scipy-doc": ("usr/share/doc/python-scipy-doc/html", "BSD-3-Clause"),
    "python-pandas-doc": ("usr/share/doc/python-pandas-doc/html", "BSD-3-Clause"),
    "python-xarray-doc": ("usr/share/doc/python-xarray-doc/html", "Apache-2.0"),
    "python-sklearn-doc": ("usr/share/doc/python-sklearn-doc/html", "BSD-3-Clause"),
    "nodejs-doc": ("usr/share/doc/nodejs/api", "MIT"),
}
CHROMIUM = ("chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage",
            "--allow-file-access-from-files")


def shot(page, size, zoom, dark=False):
    """A screenshot of a page, or None."""
    with tempfile.TemporaryDirectory() as folder:
        to = f"{folder}/shot.png"
        command = [*CHROMIUM, f"--user-data-dir={folder}/profile", f"--force-device-scale-factor={zoom:.3f}",
                   f"--window-size={size[0]},{size[1]}", f"--screenshot={to}", "file://" + os.path.abspath(page)]
        if dark:
            command.insert(-1, "--blink-settings=forceDarkModeEnabled=true")
        try:
            subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60, check=True)
            with Image.open(to) as picture:
                return picture.convert("RGB")
        except (subprocess.SubprocessError, OSError):
            return None


def worth(picture):
    """More on it than empty paper."""
    small = numpy.asarray(picture.convert("L").resize((64, 64), Image.Resampling.BOX)).astype(int)
    return (abs(small - numpy.median(small)) > 8).mean() > .06


def save(picture, path):
    picture.thumbnail((LONGEST, LONGEST), Image.Resampling.BICUBIC)
    picture.save(path, compress_level=1)


def listed(folder):
    """Pages of a package in an order of their own."""
    names = (os.path.join(at, name) for at, _, files in os.walk(folder) for name in files if name.endswith(".html"))
    return sorted((n for n in names if os.path.getsize(n) > 12000), key=lambda n: hashlib.sha1(os.path.relpath(n, folder).encode()).digest())


def pages(options):
    there = [(name, os.path.join(options.docs, under), licence) for name, (under, licence) in DOCS.items()]
    lists = {name: listed(folder) for name, folder, _ in there}
    lines = []
    for number in range(options.pages):
        name, folder, licence = there[number % len(there)]
        if number // len(there) >= len(lists[name]):
            continue
        page = lists[name][number // len(there)]
        rng = numpy.random.default_rng((options.seed, number))
        width, zoom, dark = int(rng.integers(420, 1300)), float(rng.choice((.75, 1, 1, 1.25, 1.5, 2))), rng.random() < .2
        first = f"page-{number:03}-00.png"
        tall = None if os.path.exists(f"{options.out}/{first}") else shot(page, (width, int(7000 / zoom)), zoom, dark)
        top, piece = 0, 0
        while tall and top + 200 < tall.height and piece < options.pieces:
            height = int(tall.width * rng.uniform(.5, 1.4))
            cut = tall.crop((0, top, tall.width, min(top + height, tall.height)))
            top += height
            if worth(cut):
                save(cut, f"{options.out}/page-{number:03}-{piece:02}.png")
                piece += 1
        lines += [f"page-{number:03}-*\tDebian {name}:{os.path.relpath(page, folder)}\t{licence}\t"]
        if tall:
            print(f"{number}: {name}, {piece} pieces", flush=True)
    return lines


def drawn(options):
    kit = draw.Kit(options.fonts, judge=False)
    found = (os.path.join(folder, name) for folder in options.pictures for name in os.listdir(folder))
    pictures = sorted(p for p in found if p.endswith((".jpg", ".png")) and not draw.half(os.path.basename(p)))
    drawer = sheets.Drawer(kit, pictures, sheets.land(options.land))
    for number in range(options.sheets):
        if os.path.exists(f"{options.out}/sheet-{number:03}-00.png"):
            continue
        html, height, boxes = drawer.sheet(numpy.random.default_rng((options.seed, 1, number)))
        with tempfile.NamedTemporaryFile("w", suffix=".html", encoding="utf-8") as file:
            file.write(html)
            file.flush()
            zoom = (.7, 1, 1, 1.4)[number % 4]
            tall = shot(file.name, (sheets.WIDTH, height), zoom)
        for piece, (kind, *box) in enumerate(boxes if tall else ()):
            save(tall.crop([int(v * zoom) for v in box]), f"{options.out}/sheet-{number:03}-{piece:02}.png")
        print(f"sheet {number}: {' '.join(sorted({b[0] for b in boxes}))}", flush=True)
    return ["sheet-*\tdrawn by watermark_sheets.py; land: Natural Earth; pictures in it: see theirs\tPublic domain\t"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("pages", "sheets"))
    for name in ("--docs", "--fonts", "--land"):
        parser.add_argument(name)
    parser.add_argument("--pictures", nargs="+", default=[])
    for name, value in (("--pages", 100), ("--pieces", 8), ("--sheets", 25), ("--seed", 17)):
        parser.add_argument(name, type=int, default=value)
    parser.add_argument("out")
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)
    lines = pages(options) if options.what == "pages" else drawn(options)
    with open(f"{options.out}/screens.tsv", "w", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in ["file\torigin\tlicence\tauthor", *lines])


if __name__ == "__main__":
    main()
