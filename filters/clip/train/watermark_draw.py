"""What watermark_make.py draws on pictures: overlays that count as watermarks, and lettering that does not.

A kit is one half of the fonts, logos and words: `train` and `judge` share none, so what is measured was never drawn in training. A
watermark is translucent (opacity .1 to .85) lettering or a logo laid over a picture: once in a corner, on an edge, in the middle or
across, in a band, or repeated over all of it. Captions, memes, dates that a camera printed, signs and labels are opaque and count as
part of the picture.
"""
import hashlib
import os

import numpy
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

NAMES = ("amber atlas aurora birch bluewave canyon cedar cloud comet coral delta drift echo ember falcon fern field flint forest fox "
         "frame garden glacier grain granite harbor hazel heron horizon indigo iris island ivory jade juniper kestrel lagoon lantern "
         "larch lens light linden lotus lumen lynx maple marble meadow mint mosaic north oak olive onyx orchid osprey otter pebble "
         "pine pixel poppy prairie quartz quill raven reef ridge river robin saffron sage scene shore shutter sierra silver slate "
         "snow solar spruce stone studio summit sun swift tern thistle tide timber topaz torch tulip valley velvet vista willow wren "
         "zenith anna berger chen costa dubois eriksen fischer garcia haas ivanov jansen kim lopez meyer novak okafor petrov quinn "
         "rossi silva tanaka ueda vogel weber xu yilmaz zeman").split()
KINDS = ("photo", "photography", "stock", "images", "pictures", "press", "media", "studio", "art", "design", "archive", "gallery")
MARKS = ("sample", "preview", "proof", "draft", "copy", "copyright", "watermark", "not for resale", "do not copy", "comp", "confidential",
         "muster", "specimen", "ejemplo", "aperçu", "образец", "ΔΕΙΓΜΑ")
LINES = ("when you see it", "the view from up here", "one does not simply", "open daily", "no parking", "exit", "welcome home",
         "fresh bread", "sale 50% off", "main street", "platform 3", "figure 2: results by year", "step 1: open the settings",
         "save changes", "file edit view help", "breaking news", "happy birthday", "monday again", "click to enlarge", "before and after",
         "price per kilo", "made in portugal", "caution wet floor", "page 12 of 40", "question 4", "total: 1,284", "new message",
         "best coffee in town", "nobody expected this", "push", "the team in march", "chapter seven", "a guide to mushrooms")
END = (".com", ".net", ".org", ".de", ".io", ".co.uk", ".photo")


def half(text):
    """True: kept back for judging (a quarter)."""
    return hashlib.sha1(text.encode()).digest()[0] < 64


class Kit:
    """Fonts, logos and words of one side: fonts is a folder of .ttf and .otf files, of which icon fonts give the logos."""
    ICONS = ("awesome", "materialdesign", "elusive", "entypo", "symbola")

    def __init__(self, folder, judge):
        self.cache, self.fonts, self.logos, self.lettering_alone = {}, [], [], False
        families = {}
        for at, _, names in sorted(os.walk(folder)):
            for name in sorted(names):
                if name.lower().endswith((".ttf", ".otf")):
                    families.setdefault(os.path.basename(at), []).append(os.path.join(at, name))
        for family, paths in sorted(families.items()):
            icons = [p for p in paths if any(word in p.lower() for word in self.ICONS)]
            for path in icons:
                for code in codes(path):
                    if half(f"{os.path.basename(path)} {code}") == judge:
                        self.logos.append((path, chr(code)))
            plain = [p for p in paths if p not in icons and has_latin(p)]
            if plain and half(family) == judge:
                self.fonts.append(plain)
        self.names = [n for n in NAMES if half(n) == judge]
        self.marks = [m for m in MARKS if half(m) == judge]
        self.lines = [line for line in LINES if half(line) == judge]

    def font(self, rng, size):
        family = self.fonts[rng.integers(len(self.fonts))]
        return self.sized(family[rng.integers(len(family))], size)

    def sized(self, path, size):
        key = path, int(size)
        if key not in self.cache:
            if len(self.cache) > 400:
                self.cache.clear()
            self.cache[key] = ImageFont.truetype(path, int(size))
        return self.cache[key]

    def name(self, rng):
        return self.names[rng.integers(len(self.names))]

    def words(self, rng):
        """What a watermark says."""
        name, kind = self.name(rng), KINDS[rng.integers(len(KINDS))]
        forms = (lambda: f"© {name} {self.name(rng)}", lambda: f"www.{name}{kind}{END[rng.integers(len(END))]}",
                 lambda: f"{name}{kind}", lambda: f"{name} {kind}", lambda: self.marks[rng.integers(len(self.marks))],
                 lambda: f"@{name}.{self.name(rng)}", lambda: f"{name}{END[rng.integers(len(END))]}", lambda: name,
                 lambda: f"photo by {name} {self.name(rng)}", lambda: f"{name} {rng.integers(10**6, 10**9)}",
                 lambda: f"© {rng.integers(1998, 2027)} {name}")
        return case(rng, forms[rng.integers(len(forms))]())

    def line(self, rng):
        """What other lettering says."""
        return case(rng, self.lines[rng.integers(len(self.lines))] if rng.random() < .7 else f"{self.name(rng)} {self.name(rng)}")


def codes(path):
    """Code points of an icon font's private area; of Symbola some pictures."""
    if "symbola" in path.lower():
        return range(0x1F400, 0x1F4A0)
    font, missing, found = ImageFont.truetype(path, 24), None, []
    for code in range(0xF000, 0xF2E0, 2):
        box = font.getmask(chr(code))
        look = box.size, bytes(box)
        missing = missing or look  # U+F000 stands for those that are not there as well
        if look != missing and box.size[0] > 4:
            found.append(code)
    return found


def has_latin(path):
    try:
        font = ImageFont.truetype(path, 24)
        looks = {bytes(font.getmask(letter)) for letter in "aegRS©w."}
        return len(looks) == 8 and font.getmask("m").size[0] > 6
    except OSError:
        return False


def case(rng, text):
    draw = rng.random()
    return text.upper() if draw < .3 else text.title() if draw < .6 else text


# ---- masks: pictures of ink, 0 to 255

def lettering(font, text, stroke=0, hollow=False):
    left, top, right, bottom = font.getbbox(text, stroke_width=stroke)
    mask = Image.new("L", (max(int(right - left), 1) + 2, max(int(bottom - top), 1) + 2))
    draw = ImageDraw.Draw(mask)
    at = 1 - left, 1 - top
    draw.text(at, text, 255, font, stroke_width=stroke)
    if hollow:
        draw.text(at, text, 0, font)
    return mask


def shape(rng, size):
    """A logo of our own: a ring, a polygon or bars, with something cut out."""
    mask = Image.new("L", (size, size))
    draw = ImageDraw.Draw(mask)
    points = rng.integers(3, 9)
    if rng.random() < .5:
        draw.ellipse((0, 0, size - 1, size - 1), 255)
    else:
        draw.regular_polygon((size / 2, size / 2, size / 2), int(points), int(rng.integers(360)), 255)
    inner = size * rng.uniform(.15, .4)
    if rng.random() < .6:
        draw.regular_polygon((size / 2, size / 2, inner), int(rng.integers(3, 7)), int(rng.integers(360)), 0)
    else:
        draw.ellipse((size / 2 - inner, size / 2 - inner, size / 2 + inner, size / 2 + inner), 0)
    return mask


def logo(rng, kit, size):
    if rng.random() < .3 or not kit.logos:
        return shape(rng, size)
    path, letter = kit.logos[rng.integers(len(kit.logos))]
    return lettering(kit.sized(path, size), letter)


def beside(a, b, below):
    gap = max(a.height, b.height) // 6
    if below:
        both = Image.new("L", (max(a.width, b.width), a.height + gap + b.height))
        both.paste(a, ((both.width - a.width) // 2, 0))
        both.paste(b, ((both.width - b.width) // 2, a.height + gap))
    else:
        both = Image.new("L", (a.width + gap + b.width, max(a.height, b.height)))
        both.paste(a, (0, (both.height - a.height) // 2))
        both.paste(b, (a.width + gap, (both.height - b.height) // 2))
    return both


def motif(rng, kit, height):
    """One mark: words, a logo, or both."""
    height = max(int(height), 7)
    font = kit.font(rng, height)
    stroke = max(height // 14, 1) if rng.random() < .2 else 0
    words = lettering(font, kit.words(rng), stroke, hollow=stroke and rng.random() < .7)
    draw = rng.random()
    if draw < .65 or kit.lettering_alone:
        return words
    if draw < .8:
        return logo(rng, kit, int(height * rng.uniform(1.5, 3)))
    return beside(logo(rng, kit, int(height * rng.uniform(1, 2))), words, rng.random() < .4)


def fit(mask, width, height):
    scale = min(width / mask.width, height / mask.height, 1)
    return mask if scale == 1 else mask.resize((max(int(mask.width * scale), 1), max(int(mask.height * scale), 1)))


def tiled(rng, kit, size, across):
    """Ink repeated over the whole picture."""
    w, h = size
    one = fit(motif(rng, kit, across * rng.uniform(.03, .1)), w * .7, h * .5)
    step_x, step_y = one.width * rng.uniform(1.15, 2.5), one.height * rng.uniform(1.6, 6)
    angle = 0 if rng.random() < .35 else rng.uniform(-50, 50)
    side = int((w * w + h * h) ** .5) + 2 if angle else max(w, h)
    canvas, stagger = Image.new("L", (side, side)), rng.random() < .5
    for row in range(int(side / step_y) + 1):
        x = -rng.uniform(0, step_x) if stagger and row % 2 else 0
        while x < side:
            canvas.paste(one, (int(x), int(row * step_y)))
            x += step_x
    if angle:
        canvas = canvas.rotate(angle, Image.Resampling.BILINEAR)
    left, top = (side - w) // 2, (side - h) // 2
    return canvas.crop((left, top, left + w, top + h))


def single(rng, kit, size, across, layout):
    w, h = size
    mask = Image.new("L", size)
    if layout == "corner":
        one = fit(motif(rng, kit, across * rng.uniform(.03, .09)), w * .6, h * .3)
        gap = int(across * rng.uniform(.01, .05))
        x, y = (gap, w - one.width - gap)[rng.integers(2)], (gap, h - one.height - gap)[int(rng.random() < .8)]
    elif layout == "edge":
        one = fit(motif(rng, kit, across * rng.uniform(.03, .08)), w * .9, h * .3)
        x, y = (w - one.width) // 2, int((h - one.height) * (.97 if rng.random() < .8 else .03))
    else:  # middle, across
        one = motif(rng, kit, across * rng.uniform(.08, .3))
        if layout == "across":
            one = one.rotate(rng.uniform(15, 50) * rng.choice((-1, 1)), Image.Resampling.BILINEAR, expand=True)
        one = fit(one, w * .95, h * .9)
        x, y = ((w - one.width) * rng.uniform(.3, .7), (h - one.height) * rng.uniform(.3, .7))
    mask.paste(one, (int(x), int(y)))
    return mask


def cross(rng, size, mask):
    """Lines from corner to corner beside the ink, as picture agencies have them."""
    draw, width = ImageDraw.Draw(mask), max(min(size) // 200, 1)
    for _ in range(rng.integers(1, 3)):
        shift = rng.integers(-size[0] // 3, size[0] // 3 + 1)
        draw.line((shift, 0, size[0] + shift, size[1]), 255, width)
        draw.line((size[0] + shift, 0, shift, size[1]), 255, width)


# ---- laying on

def lay(picture, mask, colour, opacity):
    ink = mask.point([int(v * opacity + .5) for v in range(256)])
    return Image.composite(Image.new("RGB", picture.size, colour), picture, ink)


def shifted(mask, x, y):
    out = Image.new("L", mask.size)
    out.paste(mask, (x, y))
    return out


SEEN = 7  # levels of 255 that ink changes on average
LAYOUTS = ("tiled", "tiled", "corner", "corner", "edge", "middle", "across", "band")


def seen(before, after, ink):
    """White on white is ink that nobody sees, and no watermark."""
    red, green, blue = ImageChops.difference(before, after).split()
    changed = numpy.asarray(ImageChops.lighter(ImageChops.lighter(red, green), blue))[numpy.asarray(ink) > 127]
    return len(changed) > 0 and changed.mean() >= SEEN


def watermark(rng, kit, picture):
    """(picture, mask of the ink, layout, opacity)"""
    for _ in range(8):
        layout = LAYOUTS[rng.integers(len(LAYOUTS))]
        look = style(rng, layout)
        drawn, ink = laid(rng, picture, *marks(rng, kit, picture.size, layout), *look)
        if seen(picture, drawn, ink):
            break
    return drawn, ink, layout, look[0]


def style(rng, layout):
    """Opacity and colour."""
    opacity = float(numpy.exp(rng.uniform(numpy.log(.1), numpy.log(.85))) if layout == "tiled" else rng.uniform(.15, .85))
    draw = rng.random()
    return opacity, ((255, 255, 255) if draw < .6 else (0, 0, 0) if draw < .75 else (int(rng.integers(90, 200)),) * 3 if draw < .85
                     else tuple(int(v) for v in rng.integers(0, 256, 3)))


def marks(rng, kit, size, layout, factor=1):
    """(mask of lettering and logos, rows (top, end) of the band that they stand in, or None); factor: of their size, 1 as judged."""
    w, h = size
    across = (w * h) ** .5 * factor
    if layout == "tiled":
        return tiled(rng, kit, size, across), None
    if layout == "band":
        height = int(h * rng.uniform(.05, .14))
        top = int((h - height) * (rng.uniform(.3, .7) if rng.random() < .5 else rng.choice((0, 1))))
        one = fit(motif(rng, kit, height * .6), w * .95, height * .9)
        mask = Image.new("L", size)
        mask.paste(one, ((w - one.width) // 2, top + (height - one.height) // 2))
        return mask, (top, top + height)
    mask = single(rng, kit, size, across, layout)
    if layout in ("middle", "across") and rng.random() < .15:
        cross(rng, size, mask)
    return mask, None


def laid(rng, picture, mask, band, opacity, colour, step=None):
    """(picture, mask of the ink); step: pixels that shadows and edges are off, as if from across the picture where None."""
    if band:
        rows = Image.new("L", picture.size)
        rows.paste(255, (0, band[0], picture.width, band[1]))
        back = (0, 0, 0) if sum(colour) > 380 else (255, 255, 255)
        return lay(lay(picture, rows, back, opacity * .6), mask, colour, max(opacity, .4)), rows
    effect, step = rng.random(), step or max(int((picture.width * picture.height) ** .5 / 250), 1)
    if effect < .15:  # a shadow under it
        picture = lay(picture, shifted(mask, step, step), (0, 0, 0), opacity * .7)
    elif effect < .27:  # embossed: a light and a dark edge alone
        dark, light = ImageChops.subtract(shifted(mask, step, step), mask), ImageChops.subtract(shifted(mask, -step, -step), mask)
        picture = lay(lay(picture, dark, (0, 0, 0), opacity), light, (255, 255, 255), opacity)
        return picture, ImageChops.lighter(dark, light)
    return lay(picture, mask, colour, opacity), mask


def caption(rng, kit, picture):
    """Opaque lettering that is part of what is shown."""
    picture = picture.copy()
    w, h = picture.size
    draw, kind = ImageDraw.Draw(picture), rng.random()
    font = kit.font(rng, max(h * rng.uniform(.035, .12), 8))
    text = kit.line(rng)
    box = font.getbbox(text)
    if box[2] > w * .95:
        font = kit.sized(font.path, max(font.size * w * .95 / box[2], 7))
        box = font.getbbox(text)
    x, y = (w - box[2]) / 2, h * (.03 if rng.random() < .4 else .95) - (0 if rng.random() < .1 else box[3] / 2)
    y = min(max(y, 0), h - box[3] - 2)
    if kind < .3:  # a meme: white within black, above or below, sometimes both
        draw.text((x, y), text.upper(), (255, 255, 255), font, stroke_width=max(int(font.size / 14), 1), stroke_fill=(0, 0, 0))
    elif kind < .45:  # what a camera prints
        stamp = f"{rng.integers(1, 13)}.{rng.integers(1, 29)}.{rng.integers(1990, 2026)} {rng.integers(0, 24):02d}:{rng.integers(0, 60):02d}"
        font = kit.sized(font.path, max(h * rng.uniform(.03, .05), 8))
        draw.text((w * .95 - font.getlength(stamp), h * .92), stamp, (255, int(rng.integers(110, 200)), 30), font)
    elif kind < .7:  # a subtitle or title on a bar of its own
        back, ink = ((0, 0, 0), (255, 255, 255))[:: 1 if rng.random() < .5 else -1]
        draw.rectangle((0, y - 3, w, y + box[3] + 4), back)
        draw.text((x, y), text, ink, font)
    elif kind < .85:  # a sign or label
        left, top = rng.uniform(0, max(w - box[2] - 12, 1)), rng.uniform(0, max(h - box[3] - 12, 1))
        draw.rounded_rectangle((left, top, left + box[2] + 12, top + box[3] + 12), 4, tuple(int(v) for v in rng.integers(0, 256, 3)))
        draw.text((left + 6, top + 4), text, (255, 255, 255) if rng.random() < .6 else (0, 0, 0), font)
    else:  # lettering without ground
        draw.text((x, rng.uniform(0, max(h - box[3], 1))), text, tuple(int(v) for v in rng.choice((0, 20, 235, 255), 3)), font)
    return picture


def page(rng, kit, size, pictures):
    """A page or a window drawn here: bars, lines of text, boxes, perhaps a picture."""
    w, h = size
    dark = rng.random() < .25
    ground, ink = ((int(rng.integers(15, 50)),) * 3, (220, 220, 220)) if dark else ((int(rng.integers(235, 256)),) * 3, (30, 30, 30))
    out = Image.new("RGB", (w, h), ground)
    draw = ImageDraw.Draw(out)
    accent = tuple(int(v) for v in rng.integers(0, 220, 3))
    top = 0
    if rng.random() < .7:
        top = int(rng.integers(16, 44))
        draw.rectangle((0, 0, w, top), accent)
        draw.text((8, top / 4), kit.line(rng), (255, 255, 255), kit.font(rng, max(top * .5, 9)))
    left = int(rng.integers(60, 130)) if rng.random() < .4 else 8
    if left > 8:
        draw.rectangle((0, top, left - 8, h), tuple(int(v * .93) for v in ground))
    if pictures and rng.random() < .4:
        one = pictures[0].copy()
        one.thumbnail((w // 2, h // 2))
        out.paste(one, (int(w - one.width - 8), top + 8))
    font = kit.font(rng, int(rng.integers(9, 18)))
    y, pale = top + 8, tuple((a + b) // 2 for a, b in zip(ground, ink))
    while y < h - 10:
        kind = rng.random()
        if kind < .1:
            draw.rounded_rectangle((left, y, left + rng.integers(40, 160), y + font.size * 1.7), 3, accent if rng.random() < .5 else None, ink)
        elif kind < .2:
            draw.line((left, y + 4, w - 8, y + 4), pale)
        else:
            words = " ".join(kit.line(rng).lower() for _ in range(rng.integers(1, 5)))
            draw.text((left, y), words[:int(rng.integers(8, 90))], pale if rng.random() < .2 else ink, font)
        y += font.size * rng.uniform(1.2, 1.9)
    return out


def blurred(rng, picture):
    return picture.filter(ImageFilter.GaussianBlur(rng.uniform(.4, 1))) if rng.random() < .1 else picture
