"""How a hash table of words becomes a C header: for make_wordnet.py and make_gazetteer.py, whose doc strings say what a record holds."""
import hashlib


def fnv1a(word):
    """FNV-1a, 32 bits, as the readers in C have it."""
    value = 0x811C9DC5
    for byte in word:
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


def slot(word, records):
    """What a slot holds of the record that comes next: its offset, under the upper 8 bits of the word's hash. Readers look at no record
    whose 8 bits are others."""
    assert len(records) < 1 << 24
    return fnv1a(word) & 0xFF000000 | len(records)


def header(name, records, slots):
    """The text of the header: NAME_DIGEST, NAME_SLOTS, NAME_BYTES, name_records, name_slots."""
    big = name.upper()
    out = [
        f"/* Made by filters/language/make_{name}.py: do not edit. */",
        f'#define {big}_DIGEST "{hashlib.sha256(records).hexdigest()[:32]}"',
        f"enum {{ {big}_SLOTS = {len(slots)}, {big}_BYTES = {len(records)} }};",
        f"static const unsigned char {name}_records[{big}_BYTES + 1] =",
    ]
    octal = ["\\%03o" % b if b < 32 or b > 126 or b in b'"\\?' else chr(b) for b in range(256)]
    for at in range(0, len(records), 4096):
        out.append('"' + "".join(octal[b] for b in records[at : at + 4096]) + '"')
    out.append(f";\nstatic const unsigned {name}_slots[{big}_SLOTS] = {{")
    for at in range(0, len(slots), 1024):
        out.append(",".join(map(str, slots[at : at + 1024])) + ",")
    return "\n".join(out) + "\n};"
