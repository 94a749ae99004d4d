#!/usr/bin/env python3
"""Makes merges.u16.gz from OpenAI's bpe_simple_vocab_16e6.txt.gz: make_merges.py INPUT > merges.u16.gz

The published file holds 262,144 merges under a line of its own, in order of rank: two symbols parted by a space, bytes written
as printable characters, </w> behind a word's last one. CLIP uses the first 48,894. Here each is a pair of little-endian 16-bit
ids: 0-255 the bytes in the order of their characters, 256-511 the same with </w>, 512 and up the results of the merges."""
import gzip
import io
import struct
import sys

MERGES = 49152 - 256 - 2

themselves = [*range(33, 127), *range(161, 173), *range(174, 256)]
others = [b for b in range(256) if b not in themselves]
symbols = [chr(b) for b in themselves] + [chr(256 + i) for i in range(len(others))]
ids = {symbol: i for i, symbol in enumerate(symbols + [symbol + "</w>" for symbol in symbols])}
pairs = bytearray()
for line in gzip.open(sys.argv[1], "rt", encoding="utf-8").read().split("\n")[1:MERGES + 1]:
    left, right = line.split(" ")
    pairs += struct.pack("<HH", ids[left], ids[right])
    assert left + right not in ids
    ids[left + right] = len(ids)
packed = io.BytesIO()
with gzip.GzipFile("", "wb", 9, packed, mtime=0) as out:
    out.write(pairs)
sys.stdout.buffer.write(packed.getvalue())
