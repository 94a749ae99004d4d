#!/usr/bin/env python3
"""How good p_watermark_builtin is on real pictures of full size: false alarms on untouched ones, found ones with overlays.

    watermark_gate.py make --pictures FOLDER --fonts FONTS [--labels FILE] [--plain DEJAVU] WORK     writes WORK/gate.tar, gate.tsv
    winnow import --shards -o WORK/1/ WORK/gate.tar
    winnow score --no-similarity --classifier watermark --packs WORK -o WORK/2/ WORK/1/00000.rows.zst
    winnow view -c url,p_watermark_builtin,score_status WORK/2/00000.rows.zst > WORK/scores.tsv
    watermark_gate.py tell WORK

Every picture of the folder counts once, however often it lies there: untouched, and with an overlay of the judge's fonts, logos and
words drawn at its own size (half of them saved anew as JPEG, as on the way to another site). Pictures under 128 pixels are left out.
LABELS is a table whose first column names files (below the folder): these are told apart, and count untouched whatever their size.
--plain draws simpler overlays for comparison: letters of the fonts in this folder alone, repeated, in the middle, in a corner or in a
band, at an opacity of .15 to .85.
"""
import argparse
import csv
import hashlib
import io
import json
import os
import sys
import tarfile

import numpy
from PIL import Image

import watermark_draw as draw

LEAST, MOST = 128, 2400
PLAIN = ("tiled", "middle", "corner", "band")


def flat(image):
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    return image.convert("RGB")


def pictures(folder, labels):
    """(name below the folder, format, bytes, whether it is fit for an overlay)"""
    seen = set()
    for at, _, names in sorted(os.walk(folder)):
        for name in sorted(names):
            path = os.path.join(at, name)
            with open(path, "rb") as file:
                content = file.read()
            try:  # what it is, its bytes say: many names on the web have no ending
                image = Image.open(io.BytesIO(content))
                small = flat(image).resize((16, 16), Image.Resampling.BOX)
            except (OSError, SyntaxError, ValueError):
                continue
            key = hashlib.sha1((numpy.asarray(small) // 24).tobytes()).digest()  # the same picture in another format or size
            name, fit = os.path.relpath(path, folder), key not in seen and min(image.size) >= LEAST and max(image.size) <= MOST
            seen.add(key)
            if fit or name in labels:
                yield name, image.format, content, fit


def plain(rng, kit, picture):
    """As draw.watermark."""
    for _ in range(8):
        layout, opacity = PLAIN[rng.integers(len(PLAIN))], float(rng.uniform(.15, .85))
        mask, band = draw.marks(rng, kit, picture.size, layout)
        colour = draw.style(rng, layout)[1]
        drawn, ink = draw.laid(rng, picture, mask, band, opacity, colour) if band else (draw.lay(picture, mask, colour, opacity), mask)
        if draw.seen(picture, drawn, ink):
            break
    return drawn, ink, layout, opacity


def make(options):
    labels, kit = set(), draw.Kit(options.fonts, judge=True)
    if options.plain:
        kit.fonts = [sorted(os.path.join(options.plain, name) for name in os.listdir(options.plain) if name.endswith(".ttf") and "Math" not in name)]
        kit.lettering_alone = True
    if options.labels:
        with open(options.labels, encoding="utf-8") as file:
            labels = {row[0] for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)}
    os.makedirs(options.work, exist_ok=True)
    with tarfile.open(f"{options.work}/gate.tar", "w") as tar, open(f"{options.work}/gate.tsv", "w", encoding="utf-8") as table:
        def add(number, ending, content, *about):
            url = f"http://gate.example/{number}"
            print(url, *about, sep="\t", file=table)
            for end, data in ((ending, content), ("json", json.dumps({"url": url, "caption": "a picture"}).encode())):
                member = tarfile.TarInfo(f"{number:06}.{end}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
        for number, (name, form, content, fit) in enumerate(pictures(options.pictures, labels)):
            known = "labelled" if name in labels else "other"
            add(2 * number, form.lower().replace("jpeg", "jpg"), content, name, known, "untouched", 0)
            if not fit:
                continue
            rng = numpy.random.default_rng((options.seed, number))
            picture, _, layout, opacity = (plain if options.plain else draw.watermark)(rng, kit, flat(Image.open(io.BytesIO(content))))
            file, jpeg = io.BytesIO(), rng.random() < .5 or form == "JPEG"
            picture.save(file, "JPEG" if jpeg else "PNG", **({"quality": int(rng.integers(70, 96))} if jpeg else {"compress_level": 1}))
            add(2 * number + 1, "jpg" if jpeg else "png", file.getvalue(), name, known, layout, f"{opacity:.3f}")


def auc(found, clean):
    both = numpy.concatenate([found, clean])
    ranks = numpy.empty(len(both))
    order = numpy.argsort(both, kind="stable")
    ranks[order] = numpy.arange(len(both))
    for value in numpy.unique(both):  # ties count one half
        ranks[both == value] = ranks[both == value].mean()
    return (ranks[:len(found)].sum() - len(found) * (len(found) - 1) / 2) / (len(found) * len(clean))


def tell(options):
    with open(f"{options.work}/gate.tsv", encoding="utf-8") as file:
        about = {row[0]: row[1:] for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)}
    with open(f"{options.work}/scores.tsv", encoding="utf-8") as file:
        gate = [(*about[r["url"]], float(r["p_watermark_builtin"])) for r in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
                if r["score_status"] == "ok"]
    clean = numpy.array([g[4] for g in gate if g[2] == "untouched"])
    for known in ("all", "labelled"):
        some = [g for g in gate if known in ("all", g[1])]
        no, yes = (numpy.array([g[4] for g in some if (g[2] == "untouched") == untouched]) for untouched in (True, False))
        bound = numpy.sort(no)[-max(int(len(no) * .01), 0) - 1]
        print(f"{known}: {len(no)} untouched, {len(yes)} with an overlay: AUC {auc(yes, no):.4f}; found at 1 % false alarms "
              f"{(yes > bound).mean():.3f} (over {bound:.3f})")
        for t in (.5, .8, .9, .95):
            print(f"  over {t}: false alarms {(no > t).sum()} ({(no > t).mean():.2%}), found {(yes > t).mean():.3f}")
    for layout in sorted({g[2] for g in gate} - {"untouched"}):
        yes = numpy.array([g[4] for g in gate if g[2] == layout])
        print(f"{layout}: {len(yes)}, AUC {auc(yes, clean):.3f}, over .5 {(yes > .5).mean():.2f}")
    for low, high in ((.1, .2), (.2, .35), (.35, .6), (.6, .86)):
        yes = numpy.array([g[4] for g in gate if g[2] != "untouched" and low <= float(g[3]) < high])
        print(f"opacity {low} to {high}: {len(yes)}, AUC {auc(yes, clean):.3f}, over .5 {(yes > .5).mean():.2f}")
    for g in sorted((g for g in gate if g[2] == "untouched"), key=lambda g: -g[4])[:options.worst]:
        print(f"  false alarm {g[4]:.3f} {g[1]} {g[0]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("make", "tell"))
    for name in ("--pictures", "--fonts", "--labels", "--plain"):
        parser.add_argument(name)
    parser.add_argument("--seed", type=int, default=99)
    parser.add_argument("--worst", type=int, default=10)
    parser.add_argument("work")
    options = parser.parse_args()
    make(options) if options.what == "make" else tell(options)


if __name__ == "__main__":
    sys.exit(main())
