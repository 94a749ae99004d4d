#!/usr/bin/env python3
"""Makes merges.txt.gz from OpenAI's bpe_simple_vocab_16e6.txt.gz: make_merges.py INPUT > merges.txt.gz

The published file holds 262,144 merges under a line of its own; CLIP uses the first 48,894. Each line is a merge, in order of
rank: two symbols parted by a space, bytes written as printable characters, </w> behind a word's last one."""
import gzip
import io
import sys

MERGES = 49152 - 256 - 2

lines = gzip.open(sys.argv[1], "rt", encoding="utf-8").read().split("\n")[1:MERGES + 1]
packed = io.BytesIO()
with gzip.GzipFile("", "wb", 9, packed, mtime=0) as out:
    out.write(("\n".join(lines) + "\n").encode())
sys.stdout.buffer.write(packed.getvalue())
