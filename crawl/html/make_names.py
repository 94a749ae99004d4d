#!/usr/bin/env python3
"""Writes the element and attribute names that matter, as enums (names_generated.h) and perfect hash tables (names.c).

A name's key is its first eight bytes with 0x20 set in each, as a little-endian number, zeros behind a shorter one; keys
alike (data-lazy-src, data-lazy-srcset) are told apart by their length. The multiplier is the first of a fixed sequence that
puts every name into a slot of its own.

    python3 crawl/html/make_names.py
"""

import pathlib

# Elements whose start tag ends foreign content [HTML 13.2.6.5].
BREAKOUT = """b big blockquote body br center code dd div dl dt em embed h1 h2 h3 h4 h5 h6 head hr i img li listing menu meta
nobr ol p pre ruby s small span strong strike sub sup table tt u ul var""".split()

# Elements that the scanner looks at, and those whose end tag shows that unclosed foreign content around it is over.
OTHER = """a article aside base button caption dfn figcaption figure font footer form frameset header html iframe image input
keygen label link main math nav noembed noframes noscript option optgroup picture plaintext script section select source style
svg tbody td template textarea tfoot th thead title tr xmp
foreignobject desc annotation-xml mi mo mn ms mtext mglyph malignmark""".split()

# Attributes of images, in the order of `enum html_attribute_name`; their slots in struct html_image come first.
IMAGE = """src alt title aria-label data-image-title srcset width height
data-src data-lazy-src data-original data-lazy data-srcset data-lazy-srcset data-img-src data-hi-res-src data-full-src
data-orig-file data-large-file data-flickity-lazyload lazy-src lowsrc""".split()

ATTRIBUTES = """href name property content charset http-equiv lang type media encoding color face size rel""".split()


def word(name):
    return int.from_bytes(name.encode()[:8].ljust(8, b"\0"), "little")


def multipliers():
    x = 0x9E3779B97F4A7C15
    while True:
        x = (x * 6364136223846793005 + 1442695040888963407) & (2**64 - 1)
        yield x | 1


def table(names, bits):
    for m in multipliers():
        slots = {}
        for name in names:
            slot = ((word(name) + len(name)) * m & (2**64 - 1)) >> (64 - bits)
            if slot in slots:
                break
            slots[slot] = name
        else:
            return m, slots


def constant(prefix, name):
    return prefix + name.upper().replace("-", "_")


def write(header, source, kind, prefix, names, bits):
    m, slots = table(names, bits)
    header += [f"enum html_{kind} {{", f"    {prefix}UNKNOWN,"]
    header += [f"    {constant(prefix, name)}," for name in names]
    header += [f"    {prefix}COUNT", "};", ""]
    header += [f"enum {{ HTML_{kind.upper()}_BITS = {bits} }};", f"#define HTML_{kind.upper()}_MULTIPLIER {m:#x}u", ""]
    source += [f"const struct html_name html_{kind}_slots[1 << HTML_{kind.upper()}_BITS] = {{"]
    for slot in sorted(slots):
        name = slots[slot]
        source += [f"    [{slot}] = {{{word(name):#x}u, {len(name)}, {constant(prefix, name)}}}, /* {name} */"]
    source += ["};", "", f"const char *const html_{kind}_texts[{prefix}COUNT] = {{", '    "",']
    source += [f'    "{name}",' for name in names] + ["};", ""]


MADE = "/* Made by make_names.py: change that, not this. */"
header = [MADE, "#ifndef WINNOW_HTML_NAMES_GENERATED_H", "#define WINNOW_HTML_NAMES_GENERATED_H", ""]
source = [MADE, '#include "crawl/html/names.h"', ""]
write(header, source, "element", "HTML_", sorted(BREAKOUT + OTHER), 9)
header += ["/* Whose start tag ends foreign content. */", "#define HTML_BREAKOUT_ELEMENTS(X) \\"]
header += [" \\\n".join("    X(" + constant("HTML_", n) + ")" for n in sorted(BREAKOUT)), ""]
write(header, source, "attribute_name", "HTML_ATTRIBUTE_", IMAGE + ATTRIBUTES, 8)
header += [f"enum {{ HTML_IMAGE_ATTRIBUTES = {len(IMAGE)} + 1 }}; /* slots that an image has: the first names, from 1 */", "", "#endif"]

here = pathlib.Path(__file__).parent
(here / "names_generated.h").write_text("\n".join(header) + "\n")
(here / "names.c").write_text("\n".join(source) + "\n")
