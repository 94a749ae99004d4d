#!/usr/bin/env python3
"""Pictures that show nothing, and pale ones that do, as a shard to fit and judge filter picture.blank by:

    make_blank.py OUT.tar [PAIRS.tar...]

Blank ones are drawn here: blank (white or nearly, empty frames), spacer, colour (one colour, soft gradients, noise of encoders), tile
("no image available" and its kin: fourteen fonts, 19 languages, icons, frames, avatars, measured rectangles). Of what is not
blank, words that look like logos are drawn here, too; the rest comes from PAIRS, shards of pictures with a json of `kind`, `source` and
`captions`: logos made pale, photographs of snow, ice and white things, photographs made pale, products and other things cut out on
white, and drawings, screenshots and art as they are. Each picture has a half, a or b: fonts, languages and icons of tiles are of one
half alone, and so is every picture of PAIRS (by its key). Needs Pillow with raqm, and the fonts of Debian's fonts-noto-core,
fonts-dejavu and fonts-liberation; what is missing is told."""

import hashlib
import io
import json
import os
import random
import re
import sys
import tarfile

from PIL import Image, ImageDraw, ImageFilter, ImageFont

EACH = 340  # of each kind that is drawn
FOLDER = "/usr/share/fonts/truetype/"
LATIN = {"a": ["dejavu/DejaVuSans", "dejavu/DejaVuSerif-Bold", "liberation/LiberationSans-Bold", "noto/NotoSans-Regular", "liberation/LiberationMono-Regular"],
         "b": ["liberation/LiberationSans-Regular", "dejavu/DejaVuSans-Bold", "noto/NotoSerif-Regular", "liberation/LiberationSerif-Italic",
               "dejavu/DejaVuSansMono"]}
SAID = {
    "a": ["No image available", "Image not found", "NO IMAGE", "Coming soon", "Image unavailable", "Photo coming soon", "No picture",
          "Kein Bild vorhanden", "Pas d'image disponible", "Sin imagen", "Imagem não disponível", "Nessuna immagine", "Geen afbeelding",
          "Нет фото", "Brak zdjęcia", "Görsel yok", "لا توجد صورة", "כותרת ללא תמונה", "चित्र उपलब्ध नहीं"],
    "b": ["Image not available", "No photo", "no photo available", "IMAGE COMING SOON", "Placeholder", "Picture missing", "Your image here",
          "Bild folgt", "Image non disponible", "Imagen no disponible", "Sem imagem", "Immagine non disponibile", "Ingen bild",
          "Изображение отсутствует", "Žádný obrázek", "Δεν υπάρχει εικόνα", "Không có hình ảnh", "ไม่มีรูปภาพ", "Nincs kép"],
}
SCRIPTS = [("\u0600", "\u06ff", "noto/NotoNaskhArabic-Regular"), ("\u0590", "\u05ff", "noto/NotoSansHebrew-Regular"),
           ("\u0900", "\u097f", "noto/NotoSansDevanagari-Regular"), ("\u0e00", "\u0e7f", "noto/NotoSansThai-Regular")]
SYLLABLES = "ka ri no vel tor mi sun ace lo dex qua zi pra hel om bri nu fa get wor".split()
SNOW = re.compile(r"\b(snow|snowy|ice|icy|glaciers?|iceberg|arctic|antarctica?|frost|frozen|fog|foggy|mist|clouds?|polar|white)\b")


def font(dice, half, text, size):
    for low, high, name in SCRIPTS:
        if any(low <= c <= high for c in text):
            return ImageFont.truetype(FOLDER + name + ".ttf", size)
    return ImageFont.truetype(FOLDER + dice.choice(LATIN[half]) + ".ttf", size)


def grey(dice, low, high):
    level, tint = dice.randint(low, high), dice.choice([0, 0, 0, 4, 10])
    return tuple(max(0, min(255, level + dice.randint(-tint, tint))) for _ in range(3))


def side(dice, low=60, high=640):
    """Half of them as small as the pictures of PAIRS."""
    return dice.randint(96, 180) if dice.random() < 0.5 else dice.randint(low, high)


def blank(dice, _half):
    size = side(dice), side(dice)
    image = Image.new("RGB", size, grey(dice, 238, 255))
    draw = ImageDraw.Draw(image)
    if dice.random() < 0.3:
        draw.rectangle([0, 0, size[0] - 1, size[1] - 1], outline=grey(dice, 120, 235), width=dice.randint(1, 4))
    if dice.random() < 0.1:
        draw.line([0, size[1] // 2, size[0], size[1] // 2], fill=grey(dice, 150, 235))
    return image


def spacer(dice, _half):
    size = dice.choice([(1, 1), (1, 1), (dice.randint(1, 12), dice.randint(1, 12)), (dice.randint(1, 4), dice.randint(20, 600)),
                        (dice.randint(20, 900), dice.randint(1, 6)), (dice.randint(10, 60), dice.randint(10, 60))])
    if dice.random() < 0.5:
        return Image.new("RGBA", size, (dice.randint(0, 255),) * 3 + (0,))
    return Image.new("RGB", size, tuple(dice.randint(0, 255) for _ in range(3)))


def colour(dice, _half):
    size = side(dice), side(dice)
    one = tuple(dice.randint(0, 255) for _ in range(3))
    image = Image.new("RGB", size, one)
    if dice.random() < 0.35:  # a soft gradient
        other = tuple(max(0, min(255, c + dice.randint(-25, 25))) for c in one)
        ramp = Image.linear_gradient("L").rotate(dice.choice([0, 90, 180]), expand=True).resize(size)
        image = Image.composite(image, Image.new("RGB", size, other), ramp)
    if dice.random() < 0.3:
        noise = Image.effect_noise(size, dice.uniform(1, 6)).convert("RGB")
        image = Image.blend(image, noise, 0.04)
    return image


def draw_icon(dice, half, draw, box, ink):
    """A camera, mountains under a sun, a cross, a question mark, a silhouette: of half a or b."""
    x0, y0, x1, y1 = box
    w, h = x1 - x0, y1 - y0
    line = max(1, round(min(w, h) / dice.randint(12, 30)))
    kind = dice.choice(["mountains", "cross", "avatar"] if half == "a" else ["camera", "question", "stroke"])
    if kind == "mountains":
        draw.rectangle(box, outline=ink, width=line)
        draw.polygon([(x0 + w * .1, y1 - h * .12), (x0 + w * .4, y0 + h * .45), (x0 + w * .6, y1 - h * .3), (x0 + w * .72, y1 - h * .45), (x1 - w * .1, y1 - h * .12)], fill=ink)
        draw.ellipse([x0 + w * .62, y0 + h * .15, x0 + w * .8, y0 + h * .33], fill=ink)
    elif kind == "cross":
        draw.rectangle(box, outline=ink, width=line)
        draw.line([x0, y0, x1, y1], fill=ink, width=line)
        draw.line([x0, y1, x1, y0], fill=ink, width=line)
    elif kind == "avatar":
        draw.ellipse([x0 + w * .3, y0 + h * .05, x0 + w * .7, y0 + h * .5], fill=ink)
        draw.pieslice([x0 + w * .08, y0 + h * .55, x0 + w * .92, y1 + h * .5], 180, 360, fill=ink)
    elif kind == "camera":
        draw.rounded_rectangle([x0, y0 + h * .2, x1, y1], radius=max(1, h // 10), outline=ink, width=line)
        draw.rectangle([x0 + w * .35, y0 + h * .08, x0 + w * .65, y0 + h * .2], fill=ink)
        draw.ellipse([x0 + w * .33, y0 + h * .38, x0 + w * .67, y0 + h * .82], outline=ink, width=line)
    elif kind == "question":
        draw.text(((x0 + x1) / 2, (y0 + y1) / 2), "?", font=ImageFont.truetype(FOLDER + dice.choice(LATIN[half]) + ".ttf", max(8, int(h))), fill=ink, anchor="mm")
    else:
        draw.ellipse(box, outline=ink, width=line)
        draw.line([x0 + w * .15, y0 + h * .15, x1 - w * .15, y1 - h * .15], fill=ink, width=line)


def tile(dice, half):
    width = side(dice, 90)
    height = width if dice.random() < 0.5 else max(70, int(width * dice.choice([0.56, 0.66, 0.75, 1.33])))
    dark = dice.random() < 0.12
    ground = grey(dice, 20, 90) if dark else grey(dice, 196, 255)
    ink = grey(dice, 150, 230) if dark else grey(dice, 90, 205)
    if dice.random() < 0.1:
        ground = tuple(dice.randint(90, 240) for _ in range(3))
        ink = (255, 255, 255)
    image = Image.new("RGB", (width, height), ground)
    draw = ImageDraw.Draw(image)
    if dice.random() < 0.3:
        draw.rectangle([0, 0, width - 1, height - 1], outline=ink, width=dice.randint(1, 3))
    look = dice.random()
    if look > 0.35:
        icon = min(width, height) * dice.uniform(0.22, 0.55 if look < 0.7 else 0.75)
        top = height * (0.5 if look > 0.7 else 0.38)
        draw_icon(dice, half, draw, [width / 2 - icon / 2, top - icon / 2, width / 2 + icon / 2, top + icon / 2], ink)
    if look <= 0.7:
        text = f"{width} {dice.choice('x×')} {height}" if dice.random() < 0.15 else dice.choice(SAID[half])
        size = max(8, int(width / max(6, len(text)) * dice.uniform(1.0, 1.7)))
        lines = text.replace(" ", "\n") if dice.random() < 0.3 else text
        draw.multiline_text((width / 2, height * (0.5 if look <= 0.35 else 0.78)), lines, font=font(dice, half, text, size), fill=ink, anchor="mm", align="center")
    return image


def wordmark(dice, half):
    """An invented name in pale or bright ink, often beside a shape: a logo, which is something."""
    width, height = side(dice, 90), side(dice, 70, 300)
    image = Image.new("RGB", (width, height), grey(dice, 240, 255))
    draw = ImageDraw.Draw(image)
    pale = dice.random() < 0.6
    ink = grey(dice, 150, 215) if pale and dice.random() < 0.5 else tuple(dice.randint(120, 235) if pale else dice.randint(0, 200) for _ in range(3))
    name = "".join(dice.choice(SYLLABLES) for _ in range(dice.randint(2, 4))).capitalize()
    mark = min(width, height) * dice.uniform(0.3, 0.8)
    left = width * 0.04
    other = tuple(min(255, max(0, c + dice.randint(-60, 60))) for c in ink)
    shape = dice.randrange(4)
    box = [left, height / 2 - mark / 2, left + mark, height / 2 + mark / 2]
    if shape == 0:
        draw.ellipse(box, fill=other)
    elif shape == 1:
        draw.regular_polygon(((box[0] + box[2]) / 2, height / 2, mark / 2), dice.randint(3, 8), rotation=dice.randint(0, 90), fill=other)
    elif shape == 2:
        draw.pieslice(box, dice.randint(0, 90), dice.randint(180, 330), fill=other)
    start = left + (mark * 1.1 if shape < 3 else 0)
    size = max(9, int((width - start) / len(name) * 1.6))
    face = ImageFont.truetype(FOLDER + dice.choice(LATIN[half]) + ".ttf", size)
    draw.text((start, height / 2), name, font=face, fill=ink, anchor="lm")
    return image


def encode(dice, image):
    if image.mode == "RGBA":
        kind = dice.choice(["png", "gif", "webp"])
    else:
        kind = dice.choice(["png", "jpg", "jpg", "webp", "gif"])
    out = io.BytesIO()
    if kind == "gif":
        image.convert("P").save(out, "gif", transparency=0) if image.mode == "RGBA" else image.quantize(32).save(out, "gif")
    elif kind == "png":
        image.save(out, "png")
    else:
        image.save(out, "jpeg" if kind == "jpg" else "webp", quality=dice.randint(40, 95))
    return kind, out.getvalue()


def pale(dice, image):
    share = dice.uniform(0.35, 0.75)
    return Image.blend(image.convert("RGB"), Image.new("RGB", image.size, "white"), share)


def on_white(image):
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA")).convert("RGB")


def from_pairs(dice, image, about):
    """Kind and picture, or None: not wanted."""
    source, kind, words = about["source"], about["kind"], " ".join(about["captions"]).lower()
    image = on_white(image)
    if kind == "logo":
        return "pale_logo", pale(dice, image)
    if kind == "cutout":
        return "product", image
    if kind == "photo" and SNOW.search(words) and source not in ("grocery-store", "clothing-small"):
        return "snow", image
    if kind in ("photo", "photograph") and dice.random() < 0.05:
        return "pale_photo", pale(dice, image).filter(ImageFilter.GaussianBlur(dice.choice([0, 0, 1, 2])))
    if source in ("grocery-store", "clothing-small") and dice.random() < 0.1:
        return "product", image
    if kind in ("diagram", "emoji", "clipart", "screenshot", "artwork", "map", "micrograph") and dice.random() < 0.1:
        return "other", image
    return None


def read_pairs(path):
    with tarfile.open(path) as tar:
        held = {}
        for member in tar:
            key, ending = os.path.splitext(member.name)
            held.setdefault(key, {})[ending] = tar.extractfile(member).read()
            if len(held[key]) == 2:
                parts = held.pop(key)
                about = json.loads(parts.pop(".json"))
                yield key, about, next(iter(parts.values()))


def add(tar, number, kind, half, is_blank, ending, data):
    about = json.dumps({"url": f"http://blank.example/{kind}/{half}/{number}", "caption": f"{kind} {number}", "kind": kind, "half": half,
                        "blank": int(is_blank)}).encode()
    for name, body in ((ending, data), ("json", about)):
        entry = tarfile.TarInfo(f"{number:06d}.{name}")
        entry.size = len(body)
        tar.addfile(entry, io.BytesIO(body))


def main():
    number = 0
    with tarfile.open(sys.argv[1], "w") as out:
        for make in (blank, spacer, colour, tile, wordmark):
            for i in range(EACH * (2 if make is tile else 1)):
                half, dice = "ab"[i % 2], random.Random(f"{make.__name__} {i}")
                ending, data = encode(dice, make(dice, half))
                add(out, number, make.__name__, half, make is not wordmark, ending, data)
                number += 1
        for path in sys.argv[2:]:
            for key, about, data in read_pairs(path):
                if about["kind"] == "placeholder":
                    continue
                dice = random.Random(f"{key}")
                found = from_pairs(dice, Image.open(io.BytesIO(data)), about)
                if found:
                    ending, body = encode(dice, found[1])
                    add(out, number, found[0], "ab"[hashlib.sha256(key.encode()).digest()[0] % 2], False, ending, body)
                    number += 1
    print(number, "pictures", file=sys.stderr)


main()
