#!/usr/bin/env python3
"""Makes crawl/charset/tables_generated.c from the Encoding standard's index tables and label list.

    crawl/charset/make_tables.py INDEXES_JSON ENCODINGS_JSON > crawl/charset/tables_generated.c

INDEXES_JSON is the standard's indexes.json, ENCODINGS_JSON its encodings.json (https://encoding.spec.whatwg.org/). Both
files' order decides the output's, so equal inputs give equal bytes.
"""
import json
import re
import sys

WIDTH = 126

# The file's name, and whether the standard has an encoder that goes the way back.
MULTI_BYTE = [("big5", True), ("euc-kr", True), ("gb18030", True), ("jis0208", True), ("jis0212", False)]


def constant(name):
    return "CHARSET_" + re.sub(r"[^A-Z0-9]", "_", name.upper())


def identifier(name):
    return name.replace("-", "_")


def print_numbers(numbers, indent="    "):
    line = indent
    for number in numbers:
        word = f"{number},"
        if len(line) + len(word) > WIDTH:
            print(line)
            line = indent
        line += word
    print(line)


def print_array(kind, name, numbers):
    print(f"static const {kind} {name}[{len(numbers)}] = {{")
    print_numbers(numbers)
    print("};")


def print_labels(groups):
    labels = sorted((label, encoding["name"]) for group in groups for encoding in group["encodings"]
                    for label in encoding["labels"])
    print("const struct charset_label charset_labels[] = {")
    for label, name in labels:
        print(f'    {{"{label}", {constant(name)}}},')
    print("};")
    print("const size_t charset_label_count = sizeof charset_labels / sizeof *charset_labels;\n")


def print_single_bytes(groups, indexes):
    single = next(group for group in groups if group["heading"] == "Legacy single-byte encodings")
    print("const uint16_t charset_single_bytes[CHARSET_SINGLE_LAST - CHARSET_SINGLE_FIRST + 1][128] = {")
    for encoding in single["encodings"]:
        name = encoding["name"]
        index = indexes["iso-8859-8" if name == "ISO-8859-8-I" else name.lower()]
        assert len(index) == 128
        print(f"    [{constant(name)} - CHARSET_SINGLE_FIRST] = {{")
        print_numbers([code_point or 0 for code_point in index], " " * 8)
        print("    },")
    print("};\n")


def print_multi_byte(name, index, has_encoder):
    own = identifier(name)
    assert all(c is None or 0 < c < 0x10000 or 0x20000 <= c < 0x30000 for c in index)
    print_array("uint16_t", f"{own}_code_points", [(c or 0) & 0xFFFF for c in index])
    fields = [f".code_points = {own}_code_points", f".count = {len(index)}"]
    if has_encoder:
        pointers = [p for p, c in enumerate(index) if c is not None]
        pointers.sort(key=lambda p: (index[p], p))
        print_array("uint16_t", f"{own}_sorted", pointers)
        fields += [f".sorted = {own}_sorted", f".sorted_count = {len(pointers)}"]
    if any(c is not None and c >= 0x20000 for c in index):
        bits = [0] * ((len(index) + 7) // 8)
        for pointer, c in enumerate(index):
            if c is not None and c >= 0x20000:
                bits[pointer >> 3] |= 1 << (pointer & 7)
        print_array("uint8_t", f"{own}_plane2", bits)
        fields.append(f".plane2 = {own}_plane2")
    print(f"const struct charset_index charset_{own} = {{{', '.join(fields)}}};\n")


def main():
    indexes_path, encodings_path = sys.argv[1:]
    with open(indexes_path, encoding="utf-8") as file:
        indexes = json.load(file)
    with open(encodings_path, encoding="utf-8") as file:
        groups = json.load(file)
    print("/* Made by crawl/charset/make_tables.py from the Encoding standard's indexes.json and encodings.json. Do not edit.\n"
          " * The indexes are copyright WHATWG (Apple, Google, Mozilla, Microsoft), BSD 3-Clause where part of source code: NOTICE. */")
    print('#include "crawl/charset/tables.h"\n')
    print_labels(groups)
    print_single_bytes(groups, indexes)
    katakana = indexes["iso-2022-jp-katakana"]
    print(f"const uint16_t charset_jp_katakana[{len(katakana)}] = {{")
    print_numbers(katakana)
    print("};\n")
    for name, has_encoder in MULTI_BYTE:
        print_multi_byte(name, indexes[name], has_encoder)
    print("const struct charset_range charset_gb18030_ranges[] = {")
    print_numbers([f"{{{pointer},{code_point}}}" for pointer, code_point in indexes["gb18030-ranges"]])
    print("};")
    print("const size_t charset_gb18030_range_count = sizeof charset_gb18030_ranges / sizeof *charset_gb18030_ranges;")


if __name__ == "__main__":
    main()
