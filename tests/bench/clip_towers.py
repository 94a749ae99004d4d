#!/usr/bin/env python3
"""CLIP's towers beside what bounds them and beside OpenVINO and onnxruntime with the same weights (seeded random numbers of the true
sizes), and Pillow's resizing beside winnow's. One thread and CPU time unless said; every figure is the least of some rounds, and the
sides take turns. The peers and numpy come with pip into a virtual environment ($WINNOW_CLIP_VENV, else a folder that is removed).

    tests/bench/run.sh --only clip              part of bench.py
    tests/bench/clip_towers.py [--rounds N] [--shapes b32,l14] [--models FOLDER] [--bench build/bench/clip_bench]

With --models the checkpoints stay in FOLDER and are not made again.
"""
import argparse
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PEERS = ["numpy", "onnx", "openvino", "onnxruntime", "pillow<13"]  # Pillow 13 resizes some pictures in another order
PICTURE = (1155, 866)   # a megapixel
ALL = [("b32", 1, 16), ("l14", 1, 4)]  # shape, batches


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

    def __init__(self, say, folder, program, rounds, models=None, peer=True):
        self.say, self.folder, self.program, self.rounds, self.peer = say, folder, program, rounds, peer
        self.models = models or folder
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
            if self.peer:
                for batch in batches:
                    for peer in ("openvino", "onnxruntime"):
                        self.beside(shape, engine, path, peer, batch)
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

    def beside(self, shape, engine, path, name, batch):
        with tempfile.TemporaryDirectory(dir=self.folder) as room:
            peer = Server(self.python, os.path.join(ROOT, "tests/bench/clip_peers.py"), path, "image", str(batch), "--peer", name,
                          "--folder", room, "--serve", ready=True)
            own, other = self.least((engine, f"image {batch}"), (peer, ""))
            peer.close()
        bar = (">= 1.1", other / own >= 1.1) if name == "openvino" else (None, None)
        self.say(f"{shape} pictures, batch {batch}: {name} / winnow, CPU time", f"{other / own:.2f}", *bar,
                 note=f"{1e3 * other:.1f} / {1e3 * own:.1f} ms")

    def texts(self, shape, engine, path):
        short, padded = self.least((engine, "text 20 16"), (engine, "text 77 16"))
        self.say(f"{shape} texts of 20 tokens, texts/s", f"{1 / short:.1f}", note=f"77 tokens: {1 / padded:.1f}")
        if not self.peer:
            return
        with tempfile.TemporaryDirectory(dir=self.folder) as room:
            for tokens, bar in ((20, 1.1), (77, 4)):
                peer = Server(self.python, os.path.join(ROOT, "tests/bench/clip_peers.py"), path, "text", "16", "--tokens", str(tokens),
                              "--folder", room, "--serve", ready=True)
                own, other = self.least((engine, "text 20 16"), (peer, ""))
                peer.close()
                self.say(f"{shape} texts: openvino at {tokens} tokens / winnow at 20", f"{other / own:.2f}", f">= {bar}", other / own >= bar,
                         f"{1e3 * other:.1f} / {1e3 * own:.1f} ms")

    def threads(self, shape, engine):
        one, two = self.least((engine, "threads 1 4"), (engine, "threads 2 4"))
        self.say(f"{shape}: one thread / two, by the clock", f"{one / two:.2f}", ">= 1.95", one / two >= 1.95,
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
        for shape, *batches in ALL:
            if not shapes or shape in shapes:
                self.towers(shape, batches)
        self.resizing()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--shapes", type=lambda names: names.split(","))
    parser.add_argument("--models")
    parser.add_argument("--bench", default=os.path.join(ROOT, "build/bench/clip_bench"))
    parser.add_argument("--no-peer", action="store_true")
    options = parser.parse_args()

    def say(what, figure, bar=None, good=None, note=""):
        state = "" if good is None else "  ok" if good else "  MISSED"
        print(f"{what:66}{figure:>8}  {('bar ' + bar) if bar else '':12}{state:8}{note}".rstrip(), flush=True)

    print(f"load {os.getloadavg()[0]:.1f}, least of {options.rounds} rounds", flush=True)
    with tempfile.TemporaryDirectory(prefix="winnow-bench-") as folder:
        ClipBench(say, folder, os.path.abspath(options.bench), options.rounds, options.models, not options.no_peer).run(options.shapes)


if __name__ == "__main__":
    sys.exit(main())
