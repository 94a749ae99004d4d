#!/usr/bin/env python3
"""CLIP's towers beside what bounds them and beside OpenVINO and onnxruntime with the same weights (seeded random numbers of the true
sizes), what a row of `winnow score` is made of, and Pillow's resizing beside winnow's. One thread and CPU time unless said; every figure is the least of some rounds, and the
sides take turns. The peers and numpy come with pip into a virtual environment ($WINNOW_CLIP_VENV, else a folder that is removed).

    tests/bench/run.sh --only clip              part of bench.py
    tests/bench/clip_towers.py [--rounds N] [--shapes b32,l14] [--models FOLDER] [--bench build/bench/clip_bench] [--winnow ./winnow]

With --models (or $WINNOW_BENCH_MODELS) the checkpoints stay in FOLDER and are not made again: 2.3 GB. With that and an environment that
is there, five rounds take ten minutes of idle cores.
"""
import argparse
import os
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PEERS = ["numpy", "onnx", "openvino", "onnxruntime", "pillow<13"]  # Pillow 13 resizes some pictures in another order
PICTURE = (1155, 866)   # a megapixel
SIDE = 256              # of the shorter side of stored pictures
ALL = [("b32", [1, 16], 1), ("l14", [1, 4], 2)]  # shape, batches, how many times fewer rounds


def processor_flags():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        return next((line.split() for line in file if line.startswith("flags")), [])


class Server:
    """A program that answers a line with a line."""

    def __init__(self, *command, ready=False, **options):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options)
        if ready:
            self.process.stdout.readline()

    def ask(self, line=""):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if not answer:
            raise OSError("no answer")
        return answer

    def seconds(self, line=""):
        return float(self.ask(line).split()[0])

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class ClipBench:
    """`say` as in bench.Bench; `program`: clip_bench, built."""

    def __init__(self, say, folder, program, rounds, models=None, peer=True, winnow=None):
        self.say, self.folder, self.program, self.rounds, self.peer = say, folder, program, rounds, peer
        self.models = models or os.environ.get("WINNOW_BENCH_MODELS") or folder
        self.winnow = winnow or os.environ.get("WINNOW") or os.path.join(ROOT, "winnow")
        self.modules = dict(os.environ, WINNOW_MODULES=os.environ.get("WINNOW_MODULES", os.path.join(os.path.dirname(program), "../modules")))
        self.python = self.environment()

    def environment(self):
        venv = os.environ.get("WINNOW_CLIP_VENV") or os.path.join(self.folder, "clip-venv")
        python = os.path.join(venv, "bin/python")
        if not os.path.exists(python):
            subprocess.run([sys.executable, "-m", "venv", venv], check=True, capture_output=True)
        if subprocess.run([python, "-c", "import numpy, onnx, openvino, onnxruntime, PIL"], capture_output=True).returncode:
            subprocess.run([python, "-m", "pip", "install", "-q", *PEERS], check=True, capture_output=True, timeout=600)
        return python

    def model(self, shape):
        path = os.path.join(self.models, shape)
        if not os.path.exists(os.path.join(path, "preprocessor_config.json")):
            subprocess.run([self.python, os.path.join(ROOT, "tests/interop/clip_checkpoint.py"), shape, path], check=True)
        return path

    def least(self, *questions):
        """[(server, question)] → the least seconds of each; they take turns."""
        rounds = [[server.seconds(question) for server, question in questions] for _ in range(self.rounds)]
        return [min(times) for times in zip(*rounds)]

    # ---- one shape

    def towers(self, shape, batches):
        path = self.model(shape)
        engine = Server(self.program, path, "f32", env=self.modules)
        about = engine.ask("about")
        self.say(f"{shape}, f32: {about}", "")
        try:
            self.bounds(shape, engine, batches[-1])
            self.share(shape, engine)
            if self.peer:
                for batch in batches:
                    self.beside(shape, engine, path, "openvino", batch, bar=1.1)
                self.beside(shape, engine, path, "onnxruntime", batches[0])
                self.lower(shape, path, batches)
            self.texts(shape, engine, path)
            self.threads(shape, engine)
        finally:
            engine.close()

    def bounds(self, shape, engine, batch):
        tower, own, library = self.least((engine, f"image {batch}"), (engine, "own"), (engine, "products"))
        attention, norms = (min(float(engine.ask("between").split()[i]) for _ in range(self.rounds)) for i in (0, 1))
        ceiling = max(float(engine.ask("ceiling")) for _ in range(self.rounds))
        self.say(f"{shape} picture tower, pictures/s at {batch}", f"{1 / tower:.2f}",
                 note=f"{1e3 * tower:.1f} ms: own bare products {1e3 * own:.1f}, attention {1e3 * attention:.1f}, norms {1e3 * norms:.1f}")
        for name, products in (("oneDNN's", library), ("own", own)):
            self.say(f"{shape}: share of {name} plain products' speed", f"{products / tower:.2f}", ">= 0.88", products / tower >= 0.88)
        self.say(f"{shape}: registers alone, GFLOP/s", f"{ceiling / 1e9:.1f}")

    def peer_of(self, path, *arguments):
        return Server(self.python, os.path.join(ROOT, "tests/bench/clip_peers.py"), path, *arguments, "--folder", self.folder, "--serve",
                      ready=True)

    def beside(self, shape, engine, path, name, batch, precision="f32", bar=None):
        peer = self.peer_of(path, "image", str(batch), "--peer", name, "--precision", precision)
        own, other = self.least((engine, f"image {batch}"), (peer, ""))
        peer.close()
        self.say(f"{shape} pictures, {precision}, batch {batch}: {name} / winnow, CPU time", f"{other / own:.2f}", bar and f">= {bar}",
                 other / own >= bar if bar else None, f"{1e3 * other:.1f} / {1e3 * own:.1f} ms")

    def lower(self, shape, path, batches):
        """bf16 where the processor has it. int8 everywhere, but without VNNI pairs of 16-bit numbers are multiplied, at twice the speed of
        floats: the bar is for processors with it."""
        flags = processor_flags()
        for precision, flag in (("bf16", "avx512_bf16"), ("int8", "avx512_vnni")):
            if precision == "bf16" and flag not in flags:
                continue
            engine = Server(self.program, path, precision, env=self.modules)
            for batch in batches:
                self.beside(shape, engine, path, "openvino", batch, precision, 1.05 if flag in flags else None)
            engine.close()

    def share(self, shape, engine):
        """Of a row's CPU time: what comes before the towers. The picture is a JPEG as fetch stores it, the text has 20 tokens."""
        picture = os.path.join(self.folder, "stored.jpg")
        if not os.path.exists(picture):
            subprocess.run([self.python, os.path.join(ROOT, "tests/bench/clip_resize.py"), "--make", picture, str(SIDE)], check=True)
        rounds = [(*map(float, engine.ask(f"prepare {picture}").split()), engine.seconds("image 4"), engine.seconds("text 20 16"))
                  for _ in range(self.rounds)]
        decode, prepare, image, text = (min(times) for times in zip(*rounds))
        self.say(f"{shape}: decoding and preprocessing, share of a scored row's CPU time",
                 f"{(decode + prepare) / (decode + prepare + image + text):.3f}",
                 note=f"{1e3 * decode:.2f} + {1e3 * prepare:.2f} ms; towers {1e3 * image:.1f} + {1e3 * text:.1f}")

    def texts(self, shape, engine, path):
        short, padded = self.least((engine, "text 20 16"), (engine, "text 77 16"))
        self.say(f"{shape} texts of 20 tokens, texts/s", f"{1 / short:.1f}", note=f"77 tokens: {1 / padded:.1f}")
        self.say(f"{shape} texts: own 77 tokens / own 20", f"{padded / short:.2f}", note=f"{77 / 20:.2f} times the positions")
        if not self.peer or shape != ALL[0][0]:
            return
        for tokens, bar in ((20, 1.1), (77, 4)):
            peer = self.peer_of(path, "text", "16", "--tokens", str(tokens))
            own, other = self.least((engine, "text 20 16"), (peer, ""))
            peer.close()
            self.say(f"{shape} texts: openvino at {tokens} tokens / winnow at 20", f"{other / own:.2f}", f">= {bar}", other / own >= bar,
                     f"{1e3 * other:.1f} / {1e3 * own:.1f} ms")

    def threads(self, shape, engine):
        each = 4 if shape == ALL[0][0] else 1
        one, two = self.least((engine, f"threads 1 {each}"), (engine, f"threads 2 {each}"))
        self.say(f"{shape}: one thread / two, by the clock", f"{one / two:.2f}", ">= 1.95", one / two >= 1.95,
                 f"needs idle cores; load {os.getloadavg()[0]:.1f}")

    # ---- the start

    def first_score(self):
        """From the start of the program to its end with one row, its picture and its text scored."""
        packs = os.path.join(self.folder, "packs")
        os.makedirs(packs, exist_ok=True)
        picture = os.path.join(ROOT, "tests/data/pictures/turned.png")
        with open(picture, "rb") as source, open(os.path.join(packs, "one.png"), "wb") as pack:
            pack.write(source.read())
        rows = f"text\timage_pack\timage_offset\timage_length\na dog\tone.png\t0\t{os.path.getsize(picture)}\n"
        command = [self.winnow, "score", "--model", self.model("b32"), "--packs", packs, "--plain", "--plain-input"]
        clock = []
        for _ in range(self.rounds + 1):
            begun = time.monotonic()
            subprocess.run(command, input=rows.encode(), check=True, capture_output=True, env=self.modules)
            clock.append(time.monotonic() - begun)
        self.say("b32: start to first score, seconds by the clock", f"{min(clock):.2f}", "< 0.5", min(clock) < 0.5,
                 f"needs idle cores; load {os.getloadavg()[0]:.1f}")

    # ---- resizing

    def resizing(self):
        raw, (width, height) = os.path.join(self.folder, "raw"), PICTURE
        with open(raw, "wb") as out:
            out.write(os.urandom(width * height * 3))
        engine = Server(self.program, self.model("b32"), "f32", env=self.modules)
        pillow = Server(self.python, os.path.join(ROOT, "tests/bench/clip_resize.py"), raw, str(width), str(height), "224")
        self.rounds, kept = max(self.rounds, 20), self.rounds
        own, other = self.least((engine, f"resize {raw} {width} {height} 224"), (pillow, ""))
        self.rounds = kept
        for server in (engine, pillow):
            server.close()
        with open(raw + ".out", "rb") as mine, open(raw + ".pillow", "rb") as theirs:
            equal = mine.read() == theirs.read()
        self.say(f"resize and crop of {width} x {height} to 224: Pillow / winnow, CPU time", f"{other / own:.2f}", ">= 3", other / own >= 3,
                 f"{1e3 * other:.2f} / {1e3 * own:.2f} ms, bytes {'equal' if equal else 'DIFFER: MISSED'}")

    def run(self, shapes=None):
        begun, rounds = time.monotonic(), self.rounds
        self.first_score()
        for shape, batches, fewer in ALL:
            if not shapes or shape in shapes:
                self.rounds = max(2, rounds // fewer)
                self.towers(shape, batches)
        self.rounds = rounds
        self.resizing()
        self.say("minutes of this part", f"{(time.monotonic() - begun) / 60:.1f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--shapes", type=lambda names: names.split(","))
    parser.add_argument("--models")
    parser.add_argument("--bench", default=os.path.join(ROOT, "build/bench/clip_bench"))
    parser.add_argument("--winnow")
    parser.add_argument("--no-peer", action="store_true")
    options = parser.parse_args()

    def say(what, figure, bar=None, good=None, note=""):
        state = "" if good is None else "  ok" if good else "  MISSED"
        print(f"{what:66}{figure:>8}  {f'bar {bar}' if bar else '':12}{state:9}{note}".rstrip(), flush=True)

    print(f"load {os.getloadavg()[0]:.1f}, least of {options.rounds} rounds", flush=True)
    with tempfile.TemporaryDirectory(prefix="winnow-bench-") as folder:
        ClipBench(say, folder, os.path.abspath(options.bench), options.rounds, options.models, not options.no_peer,
                  options.winnow).run(options.shapes)


if __name__ == "__main__":
    sys.exit(main())
