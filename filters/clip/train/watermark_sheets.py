"""Sheets of drawings as HTML, for watermark_screens.py: what is easily taken for a watermark, all of it part of the picture. Pale
maps, streets with their names, schematics, desktops with lettering over a photograph, consoles, windows and forms, title cards, labelled
drawings, boxes with arrows, contact sheets. Nothing on them is a translucent lettering over something else but labels of a desktop."""
import html
import math
import os
import struct

WIDTH, GAP, LONGEST = 1040, 12, 11000


def land(path):
    """Rings of a shapefile's polygons: [[(x, y)...]...] (ESRI Shapefile Technical Description, 1998)."""
    with open(path, "rb") as file:
        data = file.read()
    at, rings = 100, []
    while at + 8 <= len(data):
        words, = struct.unpack_from(">i", data, at + 4)
        if struct.unpack_from("<i", data, at + 8)[0] == 5:
            parts, points = struct.unpack_from("<2i", data, at + 8 + 36)
            starts = [*struct.unpack_from(f"<{parts}i", data, at + 8 + 44), points]
            flat = struct.unpack_from(f"<{2 * points}d", data, at + 8 + 44 + 4 * parts)
            both = list(zip(flat[::2], flat[1::2]))
            rings += [both[a:b] for a, b in zip(starts, starts[1:])]
        at += 8 + 2 * words
    return rings


def grey(rng, low, high):
    v = int(rng.integers(low, high + 1))
    return f"rgb({v},{v},{v})"


def colour(rng, low=0, high=255):
    return "rgb({},{},{})".format(*(int(v) for v in rng.integers(low, high + 1, 3)))


def pick(rng, *choices):
    return choices[int(rng.integers(len(choices)))]


def path_of(points, close=False):
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) + ("Z" if close else "")


def at(path):
    return "file://" + os.path.abspath(path)


def div(style, inside):
    return f'<div style="{style}">{inside}</div>'


class Drawer:
    def __init__(self, kit, pictures, rings):
        self.kit, self.pictures, self.rings = kit, pictures, rings
        self.photos = [p for p in pictures if p.endswith(".jpg")]
        self.art = [p for p in pictures if "openclipart" in p] or pictures
        self.faces = {}
        self.kinds = (self.map, self.map, self.streets, self.schematic, self.schematic, self.desktop, self.desktop, self.desktop, self.console,
                      self.window, self.window, self.card, self.card, self.labelled, self.labelled, self.boxes, self.contact, self.hand)

    def sheet(self, rng):
        """(HTML, its height, [(kind, left, top, right, bottom)])"""
        self.faces, parts, boxes, top = {}, [], [], 0
        while top < LONGEST:
            w = int(rng.choice((rng.integers(240, 500), rng.integers(500, WIDTH))))
            h = int(w * math.exp(rng.uniform(math.log(.5), math.log(1.15))))
            left, tallest = 0, 0
            while left + w <= WIDTH:
                kind = pick(rng, *self.kinds)
                parts.append(f'<div style="position:absolute;overflow:hidden;left:{left}px;top:{top}px;width:{w}px;height:{h}px;'
                             f'font-family:{self.face(rng)}">{kind(rng, w, h)}</div>')
                boxes.append((kind.__name__, left, top, left + w, top + h))
                left, tallest = left + w + GAP, max(tallest, h)
            top += tallest + GAP
        faces = "".join(f"@font-face{{font-family:{name};src:url('file://{path}')}}" for path, name in self.faces.items())
        return f'<meta charset="utf-8"><style>{faces} *{{box-sizing:border-box}} body{{margin:0}}</style>{"".join(parts)}', top, boxes

    def face(self, rng):
        if rng.random() < .5:
            return pick(rng, "sans-serif", "DejaVu Sans", "Liberation Sans", "Liberation Serif", "Noto Sans")
        family = pick(rng, *self.kit.fonts)
        path = os.path.abspath(pick(rng, *family))
        return self.faces.setdefault(path, f"f{len(self.faces)}")

    def line(self, rng):
        return html.escape(self.kit.line(rng))

    def word(self, rng):
        return html.escape(pick(rng, self.kit.name(rng).title(), self.kit.name(rng), self.line(rng).split()[0]))

    def text(self, rng, x, y, what, size, fill, more=""):
        return f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size:.1f}" fill="{fill}" {more}>{what}</text>'

    def svg(self, w, h, ground, *parts):
        return f'<svg width="{w}" height="{h}" style="background:{ground}">{"".join(parts)}</svg>'

    # ---- maps

    def map(self, rng, w, h):
        pale = rng.random() < .5
        sea = pick(rng, "white", "white", grey(rng, 225, 255)) if pale else pick(rng, "white", colour(rng, 170, 240))
        span = pick(rng, 360, 120, 60, 40)
        x0, y0 = (-180, 85) if span == 360 else (rng.uniform(-120, 100), rng.uniform(0, 65))
        scale, one, edge = w / span, grey(rng, 190, 235) if pale else colour(rng, 90, 230), pick(rng, "white", "white", grey(rng, 90, 200))
        parts = []
        for ring in self.rings:
            points = [((x - x0) * scale, (y0 - y) * scale) for x, y in ring]
            if any(-w < x < 2 * w and -h < y < 2 * h for x, y in points):
                fill = one if pale or rng.random() < .6 else colour(rng, 60, 235)
                parts.append(f'<path d="{path_of(points, True)}" fill="{fill}" stroke="{edge}" stroke-width="{rng.uniform(.5, 1.5):.1f}"/>')
        ink = grey(rng, 20, 150)
        for _ in range(int(rng.integers(0, 14))):
            x, y = rng.uniform(0, w), rng.uniform(0, h)
            draw = rng.random()
            if draw < .4:
                parts.append(f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{rng.uniform(2, w / 25):.0f}" fill="{ink}" fill-opacity="{pick(rng, 1, .6)}"/>')
            elif draw < .85:
                parts.append(self.text(rng, x, y, self.word(rng), rng.uniform(8, 20), pick(rng, ink, "white", grey(rng, 100, 200))))
            else:
                parts.append(f'<line x1="{x:.0f}" y1="{y:.0f}" x2="{rng.uniform(0, w):.0f}" y2="{rng.uniform(0, h):.0f}" stroke="{ink}"/>')
        if rng.random() < .3:
            parts.append(self.text(rng, w / 2, h * .07, self.line(rng).title(), h * .06, "black", 'text-anchor="middle" font-weight="bold"'))
        if rng.random() < .3:
            for i in range(4):
                parts.append(f'<rect x="{w * .03:.0f}" y="{h * (.7 + .06 * i):.0f}" width="14" height="10" fill="{colour(rng)}"/>')
                parts.append(self.text(rng, w * .03 + 20, h * (.7 + .06 * i) + 10, self.word(rng), 11, "black"))
        return self.svg(w, h, sea, *parts)

    def streets(self, rng, w, h):
        ground, road = pick(rng, ("rgb(233,229,220)", "white"), ("rgb(242,239,233)", "white"), (grey(rng, 225, 245), grey(rng, 248, 255)),
                            ("rgb(35,40,52)", "rgb(60,68,82)"))
        turn, parts = rng.uniform(-30, 30), []
        for _ in range(int(rng.integers(2, 6))):
            parts.append(f'<circle cx="{rng.uniform(0, w):.0f}" cy="{rng.uniform(0, h):.0f}" r="{rng.uniform(.05, .25) * w:.0f}" '
                         f'fill="{colour(rng, 195, 235)}"/>')
        for _ in range(int(rng.integers(8, 26))):
            x, y, long = rng.uniform(0, w), rng.uniform(0, h), rng.uniform(.3, 2) * w
            a = math.radians(turn + pick(rng, 0, 90) + rng.normal(0, 5))
            to = x + math.cos(a) * long, y + math.sin(a) * long
            parts.append(f'<path d="M{x - math.cos(a) * long:.0f} {y - math.sin(a) * long:.0f}L{to[0]:.0f} {to[1]:.0f}" stroke="{road}" '
                         f'stroke-width="{pick(rng, 2, 3, 5, 9)}" fill="none"/>')
            if rng.random() < .6:
                upright = math.degrees(a) % 180 - (180 if math.degrees(a) % 180 > 90 else 0)
                parts.append(self.text(rng, x, y, self.word(rng) + pick(rng, " St", " Road", " Ave", ""), rng.uniform(8, 13), grey(rng, 100, 170),
                                       f'transform="rotate({upright:.0f} {x:.0f} {y:.0f})"'))
        panel = ""
        if rng.random() < .6:
            panel = (f'<div style="position:absolute;left:{rng.uniform(5, 40):.0f}%;top:{rng.uniform(5, 60):.0f}%;background:white;padding:9px;'
                     f'box-shadow:0 1px 5px #0006;font-size:12px"><b>{self.line(rng)}</b><br>{self.word(rng)} {int(rng.integers(1, 99))}</div>')
        return self.svg(w, h, ground, *parts) + panel

    # ---- drawings

    def schematic(self, rng, w, h):
        ink, step = pick(rng, "black", "black", grey(rng, 40, 120), "rgb(130,0,0)", "rgb(0,90,30)"), int(rng.integers(22, 50))
        parts, thick = [], rng.uniform(.8, 2.5)
        if rng.random() < .25:
            parts.append(f'<defs><pattern id="g" width="{step}" height="{step}" patternUnits="userSpaceOnUse"><path d="M0 0H{step}M0 0V{step}" '
                         f'stroke="#ddd" fill="none"/></pattern></defs><rect width="{w}" height="{h}" fill="url(#g)"/>')
        for _ in range(int(rng.integers(6, 20))):
            x, y = step * int(rng.integers(1, max(w // step, 2))), step * int(rng.integers(1, max(h // step, 2)))
            turn = pick(rng, 0, 90, 0, 90, 45)
            shape = pick(rng, "h12l3 -6 6 12 6 -12 6 12 6 -12 3 6h12", "h20m0 -9v18m6 -18v18m0 -9h20", "h14v-6h22v12h-22v-6m22 0h14",
                         "h16v-8l14 8 -14 8v-8m14 -8v16m0 -8h18", "h48", "h10a5 5 0 0 1 10 0a5 5 0 0 1 10 0a5 5 0 0 1 10 0h10",
                         "h14a9 9 0 1 1 18 0a9 9 0 1 1 -18 0m18 0h14", "v14h-11h22m-18 5h14m-10 5h6")
            parts.append(f'<g transform="translate({x} {y}) rotate({turn}) scale({step / 24:.2f})"><path d="M0 0{shape}" fill="none" stroke="{ink}" '
                         f'stroke-width="{thick:.1f}"/></g>')
            if rng.random() < .7:
                label = pick(rng, "R", "C", "L", "D", "V", "GND", "N", "SW") + pick(rng, "", str(int(rng.integers(1, 30))))
                parts.append(self.text(rng, x + 4, y - 9, label, rng.uniform(9, max(step * .6, 10)), ink))
            for _ in range(int(rng.integers(0, 3))):
                x2, y2 = step * int(rng.integers(1, max(w // step, 2))), step * int(rng.integers(1, max(h // step, 2)))
                parts.append(f'<path d="M{x} {y}H{x2}V{y2}" fill="none" stroke="{ink}" stroke-width="{thick:.1f}"/>')
        for _ in range(int(rng.integers(0, 3))):
            x, y = rng.uniform(.1, .6) * w, rng.uniform(.1, .6) * h
            parts.append(f'<rect x="{x:.0f}" y="{y:.0f}" width="{w / 5:.0f}" height="{h / 4:.0f}" fill="white" stroke="{ink}" '
                         f'stroke-width="{thick:.1f}"/>')
            parts.append(self.text(rng, x + w / 10, y + h / 8, self.word(rng).upper(), 13, ink, 'text-anchor="middle"'))
        return self.svg(w, h, pick(rng, "white", "white", grey(rng, 235, 255), "rgb(255,252,235)"), *parts)

    def blob(self, rng, w, h):
        """A closed smooth shape, shaded."""
        x, y, r, n = rng.uniform(.15, .85) * w, rng.uniform(.2, .8) * h, rng.uniform(.06, .3) * min(w, h), int(rng.integers(3, 9))
        turns = [2 * math.pi * i / n for i in range(n)]
        points = [(x + math.cos(a) * r * rng.uniform(.6, 1.5), y + math.sin(a) * r * rng.uniform(.6, 1.2)) for a in turns]
        name = f"b{int(rng.integers(1 << 40))}"
        base = rng.integers(60, 240, 3)
        light = "rgb({},{},{})".format(*(int(min(v + 60, 255)) for v in base))
        fill = pick(rng, f"url(#{name})", light)
        middle = [((a[0] + b[0]) / 2, (a[1] + b[1]) / 2) for a, b in zip(points, points[1:] + points[:1])]
        if rng.random() < .5:
            d = f"M{middle[-1][0]:.1f} {middle[-1][1]:.1f}" + "".join(f"Q{p[0]:.1f} {p[1]:.1f} {m[0]:.1f} {m[1]:.1f}" for p, m in zip(points, middle))
        else:
            d = path_of(points, True)
        return (f'<linearGradient id="{name}" x2="{rng.random():.2f}" y2="1"><stop offset="0" stop-color="{light}"/><stop offset="1" '
                f'stop-color="rgb({base[0]},{base[1]},{base[2]})"/></linearGradient><path d="{d}" fill="{fill}" '
                f'stroke="{pick(rng, "none", "none", "black", grey(rng, 120, 230))}"/>'), (x, y, r)

    def labelled(self, rng, w, h):
        parts, ink = [], pick(rng, "black", "black", grey(rng, 40, 110))
        parts.append('<marker id="a" markerWidth="9" markerHeight="7" refX="8" refY="3.5" orient="auto"><path d="M0 0L9 3.5 0 7z"/></marker>')
        for _ in range(int(rng.integers(2, 9))):
            shape, (x, y, r) = self.blob(rng, w, h)
            parts.append(shape)
            if rng.random() < .6:
                to = min(max(x + rng.uniform(-3, 3) * r, 10), w - 60), min(max(y + rng.uniform(-3, 3) * r, 14), h - 8)
                parts.append(f'<line x1="{to[0]:.0f}" y1="{to[1]:.0f}" x2="{x:.0f}" y2="{y:.0f}" stroke="{ink}" '
                             f'{pick(rng, "", "stroke-dasharray=4", "marker-end=url(#a)")}/>')
                label = pick(rng, self.word(rng), self.line(rng), pick(rng, "θ", "Δs", "λ", "v₁", "F", "A", "B", "ΔL = d sin θ", "x = 3.2 m"))
                parts.append(self.text(rng, *to, label, rng.uniform(10, max(h * .07, 11)), ink))
        return self.svg(w, h, pick(rng, "white", "white", "white", grey(rng, 235, 255), colour(rng, 215, 255)), *parts)

    def boxes(self, rng, w, h):
        columns, rows, parts = int(rng.integers(2, 6)), int(rng.integers(2, 6)), []
        cw, ch, fill, ink = w / columns, h / rows, colour(rng, 170, 255), grey(rng, 0, 90)
        rounded, line = pick(rng, 0, 6, 30), pick(rng, grey(rng, 60, 200), colour(rng))
        parts.append('<marker id="a" markerWidth="9" markerHeight="7" refX="8" refY="3.5" orient="auto"><path d="M0 0L9 3.5 0 7z"/></marker>')
        for row in range(rows):
            for column in range(columns):
                x, y = column * cw, row * ch
                if rng.random() < .2:
                    continue
                one = fill if rng.random() < .7 else colour(rng, 60, 255)
                parts.append(f'<rect x="{x + cw * .12:.0f}" y="{y + ch * .2:.0f}" width="{cw * .76:.0f}" height="{ch * .6:.0f}" rx="{rounded}" '
                             f'fill="{one}" stroke="{line}"/>')
                parts.append(self.text(rng, x + cw / 2, y + ch * .55, self.word(rng), min(cw * .14, ch * .2), ink, 'text-anchor="middle"'))
                if rng.random() < .6:
                    along, down = f"M{x + cw * .88:.0f} {y + ch / 2:.0f}h{cw * .24:.0f}", f"M{x + cw / 2:.0f} {y + ch * .8:.0f}v{ch * .4:.0f}"
                    parts.append(f'<path d="{pick(rng, along, down)}" stroke="{ink}" marker-end="url(#a)"/>')
        return self.svg(w, h, pick(rng, "white", "white", grey(rng, 230, 250)), *parts)

    # ---- screens

    def desktop(self, rng, w, h):
        photo = rng.random() < .75
        ground = f"url('{at(pick(rng, *self.photos))}') center/cover" if photo else \
            f"linear-gradient({int(rng.integers(360))}deg,{colour(rng)},{colour(rng)})"
        size, parts = int(rng.integers(26, 76)), []
        shadow = pick(rng, "0 1px 2px #000", "1px 1px 1px #000a", "none", "0 0 4px #000")
        for i in range(int(rng.integers(1, 9))):
            x, y = 10 + (i // 4) * size * 2, size * .8 + (i % 4) * size * 1.75
            back = pick(rng, "", "", "", "background:rgba(60,110,200,.5)", "border:4px solid black")
            parts.append(div(f"position:absolute;left:{x:.0f}px;top:{y:.0f}px;width:{size * 1.8:.0f}px;text-align:center;color:white;{back};"
                             f"text-shadow:{shadow};font-size:{size * .27:.0f}px",
                             self.icon(rng, f"width:{size}px;height:{size}px;object-fit:contain;display:block;margin:auto") + self.word(rng)))
        bar, ink = pick(rng, ("#eee", "#222"), ("#222c", "#eee"), ("#fffc", "#222"), ("#2b2b2b", "#ddd"), ("#cdd5e0", "#111"))
        place, tall = pick(rng, "top:0", "top:0", "bottom:0"), max(size * .55, 20)
        icons = "".join(self.icon(rng, f"height:{tall * .8:.0f}px;width:{tall:.0f}px;object-fit:contain;margin:2px 6px")
                        for _ in range(int(rng.integers(2, 7))))
        clock = '<span style="position:absolute;right:8px;top:25%">{:02}:{:02}</span>'
        parts.append(div(f"position:absolute;left:0;right:0;{place};height:{tall:.0f}px;background:{bar};color:{ink};overflow:hidden;"
                         f"white-space:nowrap;font-size:{tall * .45:.0f}px",
                         f"{icons} {self.line(rng)}" + clock.format(int(rng.integers(24)), int(rng.integers(60)))))
        if rng.random() < .6:
            parts.append(self.menu(rng, rng.uniform(0, w * .5), tall if place == "top:0" else h * .25, size * .3 + 4, bar, ink))
        return div(f"position:absolute;inset:0;background:{ground}", "".join(parts))

    def icon(self, rng, style):
        return f'<img src="{at(pick(rng, *self.art))}" style="{style}">'

    def menu(self, rng, left, top, font, back, ink):
        rows = "".join(div("padding:3px 22px 3px 8px;" + pick(rng, "", "", "", "background:#4a84d8;color:white", "background:#8886"),
                           self.icon(rng, f"width:{font:.0f}px;height:{font:.0f}px;object-fit:contain;margin-right:7px") + self.word(rng))
                       for _ in range(int(rng.integers(3, 11))))
        return div(f"position:absolute;left:{left:.0f}px;top:{top:.0f}px;background:{back};color:{ink};font-size:{font:.0f}px;"
                   f"border:1px solid #8888;box-shadow:{pick(rng, 'none', '0 2px 8px #0007')}", rows)

    def console(self, rng, w, h):
        back, ink = pick(rng, ("black", "#ddd"), ("black", "#3c3"), ("#300a24", "#eee"), ("#1e1e1e", "#ccc"), ("#fff", "#222"), ("#00a", "#ddd"))
        size, rows = rng.uniform(8, 16), []
        for _ in range(int(h / size / 1.25)):
            words = "" if rng.random() < .25 else " ".join(self.line(rng) for _ in range(int(rng.integers(1, 4))))
            rows.append(div(f"color:{ink if rng.random() < .8 else colour(rng, 60, 255)};white-space:pre", pick(rng, "", "  ", "$ ", "> ") + words))
        box = ""
        if rng.random() < .5:
            items = "".join(div(pick(rng, "", "", "background:#a00;color:white"), f"{i} {self.line(rng)}")
                            for i in range(1, int(rng.integers(4, 11))))
            box = div(f"position:absolute;left:6%;right:6%;top:12%;min-height:60%;background:{pick(rng, '#aaa', '#c0c0c0', '#ccc')};color:black;"
                      "outline:1px solid #555;padding:6px;box-shadow:8px 8px 0 black",
                      f"<center>{self.line(rng)}</center>{items}<center><br>&lt;Select&gt; &nbsp; &lt;Finish&gt;</center>")
        return div(f"position:absolute;inset:0;background:{back};font-family:DejaVu Sans Mono;font-size:{size:.1f}px;line-height:1.25;padding:4px",
                   "".join(rows) + box)

    def window(self, rng, w, h):
        dark = rng.random() < .2
        back, ink, pale = ("#23272e", "#ddd", "#3a3f4a") if dark else ("white", "#222", pick(rng, "#eee", "#f5f5f7", "#e4e8f0"))
        size, accent = rng.uniform(9, 15), colour(rng, 0, 200)
        side = "".join(f"<div style='padding:4px'>{self.word(rng)}</div>" for _ in range(12)) if rng.random() < .5 else ""
        if rng.random() < .4:
            body = self.folder(rng, size, accent)
        elif rng.random() < .5:
            body = self.form(rng, ink, accent)
        else:  # boxes in columns
            body = "".join(div(f"float:left;width:{pick(rng, 22, 30, 46)}%;margin:1%;padding:6px;background:{pick(rng, pale, pale, back, accent)};"
                               "border:1px solid #8884", f'<b>{self.word(rng)}</b><br><span style="color:#888">{self.line(rng)}</span>')
                           for _ in range(16))
        ground, inset, bar = pick(rng, back, "#ddd"), pick(rng, 0, 0, "4%"), pick(rng, pale, accent)
        inside = div(f"background:{bar};padding:6px", self.line(rng)) + \
            div("display:flex", div(f"background:{pale};min-width:{18 if side else 0}%", side) + div("flex:1;padding:8px", body))
        return div(f"position:absolute;inset:0;background:{ground}",
                   div(f"position:absolute;inset:{inset};background:{back};color:{ink};font-size:{size:.1f}px;box-shadow:0 3px 14px #0005", inside))

    def folder(self, rng, size, accent):
        return "".join(div(f"display:inline-block;width:{size * 8:.0f}px;text-align:center;margin:8px",
                           div(f"width:{size * 4:.0f}px;height:{size * 3:.0f}px;margin:auto;border-radius:3px;background:{accent};"
                               f"opacity:{pick(rng, 1, 1, .7)}", "") + self.word(rng)) for _ in range(24))

    def form(self, rng, ink, accent):
        def row():
            label = f'<p style="color:{pick(rng, ink, "#999")}">{self.word(rng)} '
            field = (f'<span style="display:inline-block;border:1px solid #aaa;border-radius:3px;width:{rng.uniform(60, 240):.0f}px;padding:3px 6px;'
                     f'color:#aaa">{self.word(rng)}</span> ')
            button = f"<b style=background:{accent};color:white;padding:4px>{self.word(rng)}</b>"
            return label + field + pick(rng, "", button) + "</p>"
        return "".join(row() for _ in range(14))

    # ---- other

    def card(self, rng, w, h):
        ground, ink = pick(rng, ("white", grey(rng, 30, 120)), (grey(rng, 240, 252), grey(rng, 60, 130)), (colour(rng, 200, 255), "black"),
                           (colour(rng, 0, 140), "white"))
        art = ""
        if rng.random() < .8:
            art = f'<img src="{at(pick(rng, *self.art))}" style="max-height:{rng.uniform(.25, .55) * h:.0f}px;max-width:60%">'
        return div(f"position:absolute;inset:0;background:{ground};color:{ink};text-align:{pick(rng, 'center', 'center', 'left')};padding:6%",
                   div(f"font-size:{h * .045:.0f}px;opacity:{pick(rng, 1, .6)};letter-spacing:{pick(rng, 0, 0, 2)}px", self.line(rng).title()) +
                   div(f"font-size:{h * rng.uniform(.06, .12):.0f}px;font-weight:{pick(rng, 300, 400, 700)};margin:.4em 0",
                       self.line(rng).capitalize()) + art)

    def hand(self, rng, w, h):
        """A note, a name tag or a poster on a photograph: opaque paper, opaque ink."""
        photo = at(pick(rng, *self.photos))
        lines = "<br>".join(self.line(rng) for _ in range(int(rng.integers(2, 6))))
        return div(f"position:absolute;inset:0;background:url('{photo}') center/cover", "") + \
            div(f"position:absolute;left:{rng.uniform(5, 35):.0f}%;top:{rng.uniform(5, 40):.0f}%;"
                f"background:{pick(rng, 'white', grey(rng, 200, 250), colour(rng, 180, 255))};padding:4%;transform:rotate({rng.normal(0, 8):.0f}deg);"
                f"font-size:{h * rng.uniform(.04, .09):.0f}px;color:{grey(rng, 0, 90)};box-shadow:2px 3px 9px #0008", lines)

    def contact(self, rng, w, h):
        columns, rows = int(rng.integers(2, 6)), int(rng.integers(2, 5))
        filters = "none", "none", "grayscale(1)", "invert(1)", "brightness(1.3)", "contrast(1.6)", "sepia(.8)"
        cells = "".join(div(f"background:url('{at(pick(rng, *self.photos))}') center/cover;filter:{pick(rng, *filters)}",
                            f'<span style="background:#000;color:#fff;font-size:10px">{pick(rng, "", self.word(rng))}</span>')
                        for _ in range(columns * rows))
        return div(f"position:absolute;inset:0;display:grid;gap:{pick(rng, 0, 3, 8)}px;background:{pick(rng, 'white', 'black', '#ddd')};"
                   f"grid-template-columns:repeat({columns},1fr);grid-template-rows:repeat({rows},1fr)", cells)
