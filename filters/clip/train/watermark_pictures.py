#!/usr/bin/env python3
"""Gathers the pictures that watermarks are drawn on, full-size ones of the web without a share-alike licence.

    watermark_pictures.py --from SOURCES --out WORK/pictures [--only NAME...]

SOURCES holds a folder for each name below, whichever are there: a checkout of the repository, or the Debian package unpacked
(dpkg-deb -x). Small pictures are copied as they are, large ones brought to 1,000 pixels; of sources with very many alike only a part
is taken, the same at every run. pictures.tsv beside them says file, source, licence and author of each.
"""
import argparse
import hashlib
import json
import os
import shutil

from PIL import Image

LONGEST, LEAST, MOST = 1000, 200, 3 << 23
# name: where it is, licence, folder in it, endings, how many at most
SOURCES = {
    "grocery": ("marcusklasson/GroceryStoreDataset @ fc80ba90", "MIT", "dataset", (".jpg",), 500),
    "clothing": ("alexeygrigorev/clothing-dataset-small @ 11961516", "CC0 1.0", "", (".jpg",), 600),
    "food": ("cnotv/food-origins-map @ f326792ae6f8", None, "public/images", (".webp", ".jpg"), 800),  # licence of each: attributions.json
    "plastic": ("ONEARMY/precious-plastic @ 1ca18f218675", "CC BY", "", (".jpg", ".jpeg", ".png"), 500),
    "openscapes": ("Openscapes/website @ 635934dd48c1", "CC BY 4.0", "static", (".jpg", ".jpeg", ".png"), 120),
    "cppdocs": ("MicrosoftDocs/cpp-docs @ a2e592a8fc39", "CC BY 4.0", "docs", (".png", ".jpg"), 500),
    "sklearn": ("Debian python-sklearn-doc", "BSD-3-Clause", "usr/share/doc/python-sklearn-doc/html/_images", (".png",), 250),
    "openclipart": ("Debian openclipart-png", "Public domain", "usr/share/openclipart/png", (".png",), 900),
    "iot": ("microsoft/IoT-For-Beginners @ 8bd53553", "MIT", "", (".png", ".jpg"), 420),
    "microbit": ("microsoft/pxt-microbit @ 209a739c", "MIT", "docs/static", (".png", ".jpg"), 450),
    "turingway": ("the-turing-way/the-turing-way @ 318e1b3d", "CC BY 4.0", "", (".png", ".jpg", ".jpeg"), 330),
    "cfpb": ("cfpb/cfpb.github.io @ 853d7e42", "CC0 1.0", "", (".png", ".jpg"), 40),
    "spyder": ("spyder-ide/spyder-docs @ 8ebd37b6", "MIT", "", (".png",), 180),
    "jupyterlab": ("jupyterlab/jupyterlab @ 6ef5a17a", "BSD-3-Clause", "", (".png",), 260),
    "notebook": ("jupyter/notebook @ 1cabcced", "BSD-3-Clause", "", (".png",), 60),
    "vegalite": ("vega/vega-lite @ 4c03edb6", "BSD-3-Clause", "", (".png",), 210),
    "bokeh": ("bokeh/bokeh @ 8fbd227b", "BSD-3-Clause", "", (".png",), 200),
    "cartopy": ("SciTools/cartopy @ 437b0f79", "BSD-3-Clause", "", (".png",), 120),
    "kubeflow": ("kubeflow/website @ 476e4c10", "CC BY 4.0", "", (".png", ".jpg"), 100),
    "tssite": ("microsoft/TypeScript-Website @ 1f8e6425", "CC BY 4.0", "", (".png", ".jpg"), 70),
    "skimage": ("Debian python3-skimage", "BSD-3-Clause; see its data/README", "usr/lib/python3/dist-packages/skimage/data", (".png", ".jpg"), 40),
}

LEFT = ("tiles", "condenser-mic", "dynamic-mic", "raspberry-pi")  # parts of names: pictures of others within a source, share-alike or unclear


def free(licence):
    return licence.startswith(("CC0", "Public domain", "CC BY ", "PD")) and "SA" not in licence


def candidates(name, folder):
    """(path, licence, author)"""
    _, licence, under, endings, _ = SOURCES[name]
    credits = {}
    if licence is None:
        with open(os.path.join(folder, under, "attributions.json"), encoding="utf-8") as file:
            credits = {plant.replace("__", "-"): about for plant, about in json.load(file).items() if "__" in plant}
    for at, _, names in os.walk(os.path.join(folder, under)):
        for each in sorted(names):
            if not each.lower().endswith(endings):
                continue
            path, credit = os.path.join(at, each), credits.get(each.rsplit(".", 1)[0], {})
            if licence or free(credit.get("license", "")):
                yield path, licence or credit["license"], credit.get("artist", "")


def take(path, out):
    """The file's name without its folder, or None: too small, long or damaged."""
    try:
        with Image.open(path) as picture:
            w, h = picture.size
            if min(w, h) < LEAST or max(w, h) > 4 * min(w, h) or w * h > MOST:
                return None
            if max(w, h) <= LONGEST and picture.format == "JPEG" and picture.mode == "RGB":
                shutil.copy(path, out + ".jpg")
                return os.path.basename(out) + ".jpg"
            if picture.format == "JPEG":
                picture.draft("RGB", (LONGEST, LONGEST))
            flat = picture.convert("RGBA")
            flat = Image.alpha_composite(Image.new("RGBA", flat.size, "white"), flat).convert("RGB")
            flat.thumbnail((LONGEST, LONGEST), Image.Resampling.BICUBIC)
            photo = picture.format != "PNG"
            flat.save(out + (".jpg" if photo else ".png"), **({"quality": 95} if photo else {"compress_level": 1}))
            return os.path.basename(out) + (".jpg" if photo else ".png")
    except (OSError, SyntaxError, ValueError):
        return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="sources", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--only", nargs="+", default=list(SOURCES))
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)
    lines, seen = [], set()
    for name in options.only:
        where, _, _, _, most = SOURCES[name]
        folder = os.path.join(options.sources, name)
        if not os.path.isdir(folder):
            print(f"{name}: not there, left out ({where})")
            continue
        found = sorted((hashlib.sha1(os.path.relpath(c[0], folder).encode()).hexdigest(), *c) for c in candidates(name, folder))
        count = 0
        for key, path, licence, author in found:
            with open(path, "rb") as file:
                content = hashlib.sha1(file.read()).digest()
            base = (name, os.path.basename(path).split(".")[0]) if "translated" in path else content  # one language of each
            if count == most or content in seen or base in seen or any(part in path for part in LEFT):
                continue
            taken = take(path, f"{options.out}/{name}-{key[:10]}")
            if taken:
                seen |= {content, base}
                count += 1
                lines.append(f"{taken}\t{where}:{os.path.relpath(path, folder)}\t{licence}\t{author}".replace("\n", " "))
        print(f"{name}: {count} of {len(found)}", flush=True)
    with open(f"{options.out}/pictures.tsv", "w", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in ["file\torigin\tlicence\tauthor", *lines])


if __name__ == "__main__":
    main()
