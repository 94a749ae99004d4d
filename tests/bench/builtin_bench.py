#!/usr/bin/env python3
"""The built-in model beside onnxruntime with the same graph and weights: pictures and captions a second of one core, and the time to
the first score. CPU time; every figure is the least of some rounds, and the sides take turns, so that other work on the machine
troubles both alike. The peer comes with pip into a virtual environment ($WINNOW_CLIP_VENV, else build/bench-venv).

    tests/bench/builtin_bench.py [--rounds N] [--bench build/bench/clip_bench] [--winnow ./winnow]

clip_bench is tests/bench/clip_bench.c, built. `tests/bench/run.sh --only builtin` builds it and runs this.
"""
import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, ROOT)
BUILTIN = os.path.join(ROOT, "filters/clip/builtin")
PEERS = ["numpy", "onnx", "onnxruntime"]
PIECES = 15  # of a caption

# ---- the peer: run with --peer in the virtual environment


def tensors():
    import json
    import struct

    import numpy as np
    with open(f"{BUILTIN}/model.safetensors", "rb") as f:
        data = f.read()
    size = struct.unpack("<Q", data[:8])[0]
    types = {"F16": np.float16, "F32": np.float32, "I8": np.int8}
    found = {}
    for name, about in json.loads(data[8:8 + size]).items():
        begin, end = about["data_offsets"]
        found[name] = np.frombuffer(data[8 + size + begin:8 + size + end], types[about["dtype"]]).reshape(about["shape"]).astype(np.float32)
    for name in [n[:-5] for n in found if n.endswith(".int8")]:
        found[name] = found.pop(name + ".int8") * found.pop(name + ".scale")[:, None]
    return found


class Graph:
    def __init__(self, weights):
        import onnx
        self.helper, self.numpy_helper = onnx.helper, onnx.numpy_helper
        self.weights, self.nodes, self.constants = weights, [], {}

    def constant(self, name, value):
        import numpy as np
        self.constants[name] = self.numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def weight(self, name, turned=False):
        return self.constant(name + (".t" if turned else ""), self.weights[name].T if turned else self.weights[name])

    def add(self, kind, *inputs, **attributes):
        out = f"{kind}{len(self.nodes)}"
        self.nodes.append(self.helper.make_node(kind, list(inputs), [out], **attributes))
        return out

    def relu6(self, x):
        import numpy as np
        return self.add("Clip", x, self.constant("zero", np.float32(0)), self.constant("six", np.float32(6)))

    def convolution(self, x, name, side, stride=1, groups=1):
        kernel = self.weights[name + ".weight"].shape[2]
        total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
        pads = [total // 2, total // 2, total - total // 2, total - total // 2]
        return self.add("Conv", x, self.weight(name + ".weight"), self.weight(name + ".bias"), kernel_shape=[kernel, kernel],
                        strides=[stride, stride], group=groups, pads=pads)

    def linear(self, x, name, bias=True):
        y = self.add("MatMul", x, self.weight(name + ".weight", turned=True))
        return self.add("Add", y, self.weight(name + ".bias")) if bias else y

    def gelu(self, x):
        return self.add("Gelu", x)

    def norm(self, x, name, eps):
        return self.add("LayerNormalization", x, self.weight(name + ".weight"), self.weight(name + ".bias"), epsilon=eps)

    def session(self, path, inputs, output, shape, kind=1):
        import onnx
        import onnxruntime as ort
        graph = self.helper.make_graph(self.nodes, "g", [self.helper.make_tensor_value_info(inputs, kind, shape)],
                                       [self.helper.make_tensor_value_info(output, 1, None)], list(self.constants.values()))
        onnx.save(self.helper.make_model(graph, opset_imports=[self.helper.make_opsetid("", 20)]), path)
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def picture_session(folder):
    import json
    g = Graph(tensors())
    with open(f"{BUILTIN}/config.json", encoding="utf-8") as f:
        image = json.load(f)["image"]
    side = image["size"]
    x = g.relu6(g.convolution("x", "image.stem", side, 2))
    side = -(-side // 2)
    for i, block in enumerate(image["blocks"]):
        name, came = f"image.blocks.{i}.", x
        hidden = block["in"] * block["expand"]
        if block["expand"] > 1:
            x = g.relu6(g.convolution(x, name + "expand", side))
        x = g.relu6(g.convolution(x, name + "depthwise", side, block["stride"], hidden))
        side = -(-side // block["stride"])
        x = g.convolution(x, name + "project", side)
        if block["residual"]:
            x = g.add("Add", x, came)
    x = g.relu6(g.convolution(x, "image.head", side))
    f = g.add("Flatten", g.add("GlobalAveragePool", x))
    seen = g.add("Mul", g.linear(f, "image.classifier"), g.weight("image.embed.class_logit_scale"))
    branch = g.add("MatMul", g.add("Softmax", seen, axis=1), g.weight("image.embed.class_vectors.weight"))
    deep = g.linear(g.gelu(g.linear(f, "image.embed.hidden")), "image.embed.output", bias=False)
    z = g.add("Add", g.add("Add", g.linear(f, "image.embed.linear"), deep), branch)
    return g.session(f"{folder}/picture.onnx", "x", z, ["n", 3, 160, 160])


def text_session(folder):
    import numpy as np
    g = Graph(tensors())
    tokens = g.add("Gather", g.weight("text.token_embedding.weight"), "ids")
    positions = g.constant("positions", g.weights["text.position_embedding.weight"][:PIECES])
    x = g.norm(g.add("Add", tokens, positions), "text.embedding_norm", 1e-12)
    shape, back = g.constant("heads", np.array([0, 0, 12, 32])), g.constant("back", np.array([0, 0, 384]))
    for i in range(3):
        name = f"text.layers.{i}."
        q, k, v = (g.add("Reshape", part, shape) for part in split(g, g.linear(x, name + "attention.qkv")))
        q, v = g.add("Transpose", q, perm=[0, 2, 1, 3]), g.add("Transpose", v, perm=[0, 2, 1, 3])
        scores = g.add("Mul", g.add("MatMul", q, g.add("Transpose", k, perm=[0, 2, 3, 1])), g.constant("scale", np.float32(32 ** -0.5)))
        mixed = g.add("MatMul", g.add("Softmax", scores, axis=3), v)
        mixed = g.add("Reshape", g.add("Transpose", mixed, perm=[0, 2, 1, 3]), back)
        x = g.norm(g.add("Add", x, g.linear(mixed, name + "attention.output")), name + "attention_norm", 1e-12)
        x = g.norm(g.add("Add", x, g.linear(g.gelu(g.linear(x, name + "mlp.in")), name + "mlp.out")), name + "mlp_norm", 1e-12)
    mean = g.add("ReduceMean", x, g.constant("axis", np.array([1])), keepdims=0)
    z = g.linear(g.add("LpNormalization", mean, axis=1, p=2), "text.projection")
    return g.session(f"{folder}/text.onnx", "ids", z, ["n", PIECES], kind=7)


def split(g, x):
    outs = [f"split{len(g.nodes)}.{i}" for i in range(3)]
    g.nodes.append(g.helper.make_node("Split", [x], outs, axis=2, num_outputs=3))
    return outs


def answer_as_peer():
    """Answers "image N" and "text N" with CPU seconds of each input."""
    import numpy as np
    random = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as folder:
        sessions = {"image": picture_session(folder), "text": text_session(folder)}
        inputs = {}
        print("ready", flush=True)
        for line in sys.stdin:
            what, n = line.split()
            if (what, n) not in inputs:
                inputs[what, n] = (random.uniform(-1, 1, (int(n), 3, 160, 160)).astype(np.float32) if what == "image" else
                                   random.integers(5, 12000, (int(n), PIECES)))
            turns = max(1, 16 // int(n))
            begun = time.process_time()
            for _ in range(turns):
                sessions[what].run(None, {sessions[what].get_inputs()[0].name: inputs[what, n]})
            print((time.process_time() - begun) / turns / int(n), flush=True)


# ---- the bench


class Server:
    def __init__(self, *command, ready=False, **options):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options)
        if ready:
            self.process.stdout.readline()

    def seconds(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline().split()[0])

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def python_of_venv():
    venv = os.environ.get("WINNOW_CLIP_VENV") or os.path.join(ROOT, "build/bench-venv")
    python = os.path.join(venv, "bin/python")
    if not os.path.exists(python):
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    if subprocess.run([python, "-c", "import numpy, onnx, onnxruntime"], capture_output=True).returncode:
        subprocess.run([python, "-m", "pip", "install", "-q", *PEERS], check=True, timeout=600)
    return python


def first_score(winnow, rounds):
    """Least CPU and least clock seconds of a whole process that embeds one picture."""
    picture = os.path.join(ROOT, "tests/data/pictures/turned.png")
    clock, cpu = [], []
    for _ in range(rounds):
        begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([winnow, "model", "embed", "builtin", picture], check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        clock.append(time.perf_counter() - begun)
        cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(cpu), min(clock)


def has_avx512():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        return "avx512bw" in file.read()


class BuiltinBench:
    """say(what, figure, bar, good, note): a line of the bench. The bars are for processors with AVX-512, where they were set."""

    SIDES = [("pictures", "image 8", "image 1", {"f32": 1.6, "bf16": 2.8}), ("pictures", "image 8", "image 8", {}),
             (f"captions of {PIECES} pieces", f"text {PIECES} 32", "text 32", {})]

    def __init__(self, say, bench, winnow, rounds):
        self.say, self.bench, self.winnow, self.rounds = say, bench, winnow, rounds
        self.bars = has_avx512()

    def side(self, peer, engines, what, ours, theirs, bars):
        rounds = [[peer.seconds(theirs), *(e.seconds(ours) for e in engines.values())] for _ in range(self.rounds)]
        best, *seconds = [min(times) for times in zip(*rounds)]
        for precision, each in zip(engines, seconds):
            bar = bars.get(precision) if self.bars else None
            self.say(f"{what} {precision} / onnxruntime f32 (batch {theirs.split()[-1]}), a core", f"{best / each:.2f}",
                     f">= {bar}" if bar else None, best / each >= bar if bar else None, f"{1 / each:.0f}/s and {1 / best:.0f}/s")

    def run(self):
        modules = dict(os.environ, WINNOW_MODULES=os.environ.get("WINNOW_MODULES", os.path.join(ROOT, "build/modules")))
        peer = Server(python_of_venv(), os.path.abspath(__file__), "--peer", ready=True)
        engines = {p: Server(self.bench, BUILTIN, p, env=modules) for p in ("f32", "bf16", "int8")}
        for side in self.SIDES:
            self.side(peer, engines, *side)
        for server in (peer, *engines.values()):
            server.close()
        cpu, clock = first_score(self.winnow, self.rounds)
        self.say("builtin, start to first embedding, CPU ms", f"{1000 * cpu:.0f}", "< 100", cpu < 0.1, f"{1000 * clock:.0f} ms by the clock")


def print_line(what, figure, bar=None, good=None, note=""):
    print(f"{what:66}{figure:>8}  {f'bar {bar}' if bar else '':12} {'' if good is None else 'ok' if good else 'MISSED':8}{note}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--bench", default=os.path.join(ROOT, "build/bench/clip_bench"))
    parser.add_argument("--winnow", default=os.path.join(ROOT, "winnow"))
    parser.add_argument("--peer", action="store_true", help=argparse.SUPPRESS)
    o = parser.parse_args()
    if o.peer:
        return answer_as_peer()
    print(f"load {os.getloadavg()[0]:.1f}; {o.rounds} rounds, the least CPU time of each")
    BuiltinBench(print_line, o.bench, o.winnow, o.rounds).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
