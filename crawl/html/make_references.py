#!/usr/bin/env python3
"""Writes references_table.c: the named character references of the HTML standard, from Python's copy of its list.

    python3 crawl/html/make_references.py

A name stands there once, without its `;`; `bare` says whether it also counts without one.
"""

import pathlib
from html.entities import html5

names = sorted({name.rstrip(";") for name in html5}, key=str.encode)
out = [
    "/* Made by make_references.py: change that, not this. */",
    '#include "crawl/html/references_table.h"',
    "",
    "const struct html_reference html_references[HTML_REFERENCES] = {",
]
at = 0
for name in names:
    assert name + ";" in html5 and len(html5[name + ";"]) <= 2 and name.isalnum() and name.isascii()
    first, second = (*map(ord, html5[name + ";"]), 0)[:2]
    out.append(f"    {{{at}, {len(name)}, {int(name in html5)}, {first:#x}, {second:#x}}}, /* {name} */")
    at += len(name)
out += ["};", "", "const char html_reference_names[] ="]
pool = "".join(names)
out += [f'    "{pool[i:i + 110]}"' for i in range(0, len(pool), 110)]
out[-1] += ";"
bare = max(len(n) for n in names if n in html5)

here = pathlib.Path(__file__).parent
(here / "references_table.c").write_text("\n".join(out) + "\n")
(here / "references_table.h").write_text(f"""/* Made by make_references.py: change that, not this. */
#ifndef WINNOW_HTML_REFERENCES_TABLE_H
#define WINNOW_HTML_REFERENCES_TABLE_H

#include <stdint.h>

struct html_reference {{
    uint16_t at;     /* of its name in html_reference_names */
    uint8_t length;
    uint8_t bare;    /* counts without `;` too */
    uint32_t first, second; /* code points; second is 0 where there is one */
}};

enum {{
    HTML_REFERENCES = {len(names)},
    HTML_LONGEST_REFERENCE = {max(map(len, names))},
    HTML_LONGEST_BARE = {bare},
}};

extern const struct html_reference html_references[HTML_REFERENCES]; /* in the order of their names' bytes */
extern const char html_reference_names[];

#endif
""")
