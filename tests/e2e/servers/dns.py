"""A name server that answers, lies, fails, hesitates, on UDP and TCP.

    with DnsServer({"a.test": addresses("127.0.0.1"), "b.test": servfail, "c.test": sequence(servfail, addresses("127.0.0.1"))}) as dns:
        ... 127.0.0.1:{dns.port} ...
    dns.asked    (name, type, "udp" or "tcp") of every question

A behaviour takes a Question and returns the bytes of an answer, or None to stay silent. Names that are not listed: `default`.
"""
import ipaddress
import socket
import struct
import threading
import time

A, AAAA, CNAME = 1, 28, 5
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = range(6)


def encode_name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.rstrip(".").split(".") if label) + b"\0"


class Question:
    def __init__(self, data, transport):
        self.data, self.transport = data, transport
        self.id, self.flags, _, _, _, _ = struct.unpack(">6H", data[:12])
        labels, at = [], 12
        while data[at]:
            labels.append(data[at + 1:at + 1 + data[at]].decode("latin-1"))
            at += 1 + data[at]
        self.name = ".".join(labels).lower()
        self.type, _ = struct.unpack(">2H", data[at + 1:at + 5])
        self.section = data[12:at + 5]
        self.number = 0  # how often this name and type was asked before

    def reply(self, rcode=NOERROR, records=(), truncated=False, identity=None):
        flags = 0x8180 | rcode | (0x0200 if truncated else 0)
        head = struct.pack(">6H", self.id if identity is None else identity, flags, 1, len(records), 0, 0)
        return head + self.section + b"".join(records)


def record(kind, data, ttl, name=b"\xc0\x0c"):
    return name + struct.pack(">HHIH", kind, 1, ttl, len(data)) + data


def addresses(*texts, ttl=300):
    """The addresses of the family that was asked for; NODATA when there are none of it."""
    def behave(q):
        wanted = 4 if q.type == A else 6
        found = [ipaddress.ip_address(t) for t in texts if ipaddress.ip_address(t).version == wanted]
        return q.reply(records=[record(q.type, a.packed, ttl) for a in found])
    return behave


def alias(target, *texts, ttl=300):
    def behave(q):
        records = [record(CNAME, encode_name(target), ttl)]
        wanted = 4 if q.type == A else 6
        for text in texts:
            a = ipaddress.ip_address(text)
            if a.version == wanted:
                records.append(record(q.type, a.packed, ttl, encode_name(target)))
        return q.reply(records=records)
    return behave


def code(rcode):
    return lambda q: q.reply(rcode)


servfail, nxdomain, refused, nodata = code(SERVFAIL), code(NXDOMAIN), code(REFUSED), addresses()


def silent(q):
    return None


def garbage(q):
    return b"\xff" * 40


def wrong_id(q):
    """What a forger off the path would send."""
    return q.reply(records=[record(q.type, bytes([127, 6, 6, 6]), 300)], identity=q.id ^ 0x5555)


def other_name(q):
    """An answer to another question."""
    forged = Question(q.data[:12] + encode_name("another.test") + struct.pack(">2H", q.type, 1), q.transport)
    return forged.reply(records=[record(q.type, bytes([127, 6, 6, 6]), 300)])


def slow(seconds, then):
    def behave(q):
        time.sleep(seconds)
        return then(q)
    return behave


def sequence(*behaviours):
    """One after another for repeated questions (a name's A alone); the last for all further ones."""
    return lambda q: behaviours[min(q.number, len(behaviours) - 1)](q)


def truncated(then):
    """Too long for UDP: the truth is told over TCP."""
    return lambda q: then(q) if q.transport == "tcp" else q.reply(truncated=True)


class DnsServer:
    def __init__(self, names=None, default=nxdomain, address="127.0.0.1"):
        self.names, self.default, self.asked = names or {}, default, []
        self.lock = threading.Lock()
        self.stopping = False
        self.most_open = self.open = 0
        while True:
            self.tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.tcp.bind((address, 0))
            self.port = self.tcp.getsockname()[1]
            self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                self.udp.bind((address, self.port))
                break
            except OSError:
                self.tcp.close()
                self.udp.close()
        self.udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.tcp.listen(64)

    def __enter__(self):
        threading.Thread(target=self._serve_udp, daemon=True).start()
        threading.Thread(target=self._serve_tcp, daemon=True).start()
        return self

    def __exit__(self, *exception):
        self.stopping = True
        for sock in (self.udp, self.tcp):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            sock.close()

    def times(self, name, kind=None):
        with self.lock:
            return sum(n == name and kind in (None, k) for n, k, _ in self.asked)

    def _answer(self, data, transport):
        q = Question(data, transport)
        with self.lock:
            q.number = sum(n == q.name and k == q.type for n, k, _ in self.asked)
            self.asked.append((q.name, q.type, transport))
            self.open += 1
            self.most_open = max(self.most_open, self.open)
        try:
            return self.names.get(q.name, self.default)(q)
        finally:
            with self.lock:
                self.open -= 1

    def _serve_udp(self):
        while not self.stopping:
            try:
                data, peer = self.udp.recvfrom(4096)
            except OSError:
                return
            if len(data) < 17:
                continue
            threading.Thread(target=self._reply_udp, args=(data, peer), daemon=True).start()

    def _reply_udp(self, data, peer):
        answer = self._answer(data, "udp")
        if answer is not None:
            try:
                self.udp.sendto(answer, peer)
            except OSError:
                pass

    def _serve_tcp(self):
        while not self.stopping:
            try:
                sock, _ = self.tcp.accept()
            except OSError:
                return
            threading.Thread(target=self._reply_tcp, args=(sock,), daemon=True).start()

    def _reply_tcp(self, sock):
        with sock:
            while True:
                head = sock.recv(2, socket.MSG_WAITALL)
                if len(head) < 2:
                    return
                data = sock.recv(struct.unpack(">H", head)[0], socket.MSG_WAITALL)
                answer = self._answer(data, "tcp")
                if answer is not None:
                    sock.sendall(struct.pack(">H", len(answer)) + answer)
