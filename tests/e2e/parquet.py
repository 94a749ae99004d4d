"""Parquet files read with nothing but Python and zstd: flat optional columns, plain values, as winnow writes them."""
import struct
import subprocess


class Thrift:
    """The compact protocol: a struct becomes a dictionary from field numbers to values."""

    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def varint(self):
        n = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            n |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return n

    def value(self, kind):
        if kind in (1, 2):
            return kind == 1
        if kind in (4, 5, 6):
            n = self.varint()
            return n >> 1 ^ -(n & 1)
        if kind == 8:
            n = self.varint()
            self.at += n
            return self.data[self.at - n:self.at]
        if kind == 9:
            head = self.data[self.at]
            self.at += 1
            count = head >> 4 if head >> 4 < 15 else self.varint()
            return [self.value(head & 15) for _ in range(count)]
        if kind == 12:
            return self.struct()
        raise ValueError(f"type {kind} at {self.at}")

    def struct(self):
        found, number = {}, 0
        while self.data[self.at]:
            head = self.data[self.at]
            self.at += 1
            if head >> 4:
                number += head >> 4
            else:
                n = self.varint()
                number = n >> 1 ^ -(n & 1)
            found[number] = self.value(head & 15)
        self.at += 1
        return found


def unzstd(data):
    return subprocess.run(["zstd", "-dcq"], input=data, stdout=subprocess.PIPE, check=True).stdout


def levels(data, count):
    reader, found = Thrift(data), []
    while len(found) < count:
        head = reader.varint()
        if head & 1:
            raise ValueError("bit-packed levels")
        found += [data[reader.at]] * (head >> 1)
        reader.at += 1
    assert len(found) == count and reader.at == len(data)
    return found


def values(kind, data, count):
    if kind in (2, 5):
        assert len(data) == 8 * count
        return list(struct.unpack(f"<{count}{'q' if kind == 2 else 'd'}", data))
    found, at = [], 0
    for _ in range(count):
        (n,) = struct.unpack_from("<I", data, at)
        found.append(data[at + 4:at + 4 + n].decode())
        at += 4 + n
    assert at == len(data)
    return found


def read(path):
    """(number of row groups, {column: values}), None for null."""
    with open(path, "rb") as file:
        data = file.read()
    assert data[:4] == data[-4:] == b"PAR1"
    (length,) = struct.unpack_from("<I", data, len(data) - 8)
    footer = Thrift(data[len(data) - 8 - length:-8]).struct()
    root, *leaves = footer[2]
    assert root[5] == len(leaves)
    columns, end = {leaf[4].decode(): [] for leaf in leaves}, 4
    for group in footer[4]:
        for leaf, chunk in zip(leaves, group[1], strict=True):
            about = chunk[3]
            assert about[1] == leaf[1] and about[3] == [leaf[4]] and about[4] == 6 and about[9] == chunk[2] == end and about[5] == group[3]
            page = Thrift(data, about[9])
            header = page.struct()
            body = unzstd(data[page.at:page.at + header[3]])
            assert len(body) == header[2] and header[5][1] == group[3]
            end = page.at + header[3]
            assert end - chunk[2] == about[7]
            (n,) = struct.unpack_from("<I", body)
            defined = levels(body[4:4 + n], group[3])
            found = iter(values(leaf[1], body[4 + n:], sum(defined)))
            columns[leaf[4].decode()] += [next(found) if d else None for d in defined]
    assert end == len(data) - 8 - length
    assert all(len(column) == footer[3] for column in columns.values())
    return len(footer[4]), columns
