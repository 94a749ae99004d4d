#!/usr/bin/env python3
"""A picture or text tower of a checkpoint in Hugging Face's layout through OpenVINO and onnxruntime, on one thread (or more).

    python clip_peers.py MODEL image|text BATCH [--peer openvino|onnxruntime] [--precision f32|bf16|int8] [--threads N]
                         [--tokens N] [--serve]

int8 is static: weights by column, what goes into a product by the most that it was in a run of the same inputs, as
QuantizeLinear and DequantizeLinear around each product. The graph is what exporters write (LayerNormalization, MatMul, Add, Softmax, Gelu), so that each library finds its own fusions. Prints
the seconds of CPU that one input takes, the least of some rounds. With --serve it answers each line of its input with one round, so
that two programs can take turns. Needs numpy, onnx and the peers.
"""
import argparse
import json
import os
import struct
import sys
import time

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper


class Weights:
    def __init__(self, folder):
        path = os.path.join(folder, "model.safetensors")
        with open(path, "rb") as file:
            size = struct.unpack("<Q", file.read(8))[0]
            self.entries = json.loads(file.read(size))
        self.bytes, self.start = numpy.memmap(path, mode="r"), 8 + size

    def get(self, name):
        entry = self.entries[name]
        a, b = entry["data_offsets"]
        return numpy.frombuffer(self.bytes[self.start + a:self.start + b], dtype={"F32": "<f4", "F16": "<f2"}[entry["dtype"]]) \
            .reshape(entry["shape"]).astype(numpy.float32)


class Graph:
    def __init__(self, weights):
        self.weights, self.nodes, self.constants, self.count = weights, [], {}, 0

    def op(self, kind, *inputs, **attributes):
        self.count += 1
        self.nodes.append(helper.make_node(kind, list(inputs), [f"v{self.count}"], **attributes))
        return f"v{self.count}"

    def constant(self, name, numbers):
        self.constants[name] = numbers
        return name

    def ints(self, *numbers):
        return self.constant("i" + "_".join(map(str, numbers)), numpy.array(numbers, dtype=numpy.int64))

    def part(self, name):
        return self.constant(name, self.weights.get(name))

    def norm(self, x, name):
        return self.op("LayerNormalization", x, self.part(name + ".weight"), self.part(name + ".bias"), axis=-1, epsilon=1e-5)

    def linear(self, x, name, bias=True):
        y = self.product(x, name, numpy.ascontiguousarray(self.weights.get(name + ".weight").T))
        return self.op("Add", y, self.part(name + ".bias")) if bias else y

    def product(self, x, name, weight):
        return self.op("MatMul", x, self.constant(name + ".T", weight))

    def attention(self, x, at, heads, width, mask):
        def by_head(y, order):
            return self.op("Transpose", self.op("Reshape", y, self.ints(0, -1, heads, width // heads)), perm=order)

        q = by_head(self.linear(x, at + "q_proj"), [0, 2, 1, 3])
        k = by_head(self.linear(x, at + "k_proj"), [0, 2, 3, 1])
        v = by_head(self.linear(x, at + "v_proj"), [0, 2, 1, 3])
        scale = self.constant(f"scale{width // heads}", numpy.array((width // heads) ** -0.5, dtype=numpy.float32))
        scores = self.op("MatMul", self.op("Mul", q, scale), k)
        if mask:
            scores = self.op("Add", scores, mask)
        mixed = self.op("Transpose", self.op("MatMul", self.op("Softmax", scores, axis=-1), v), perm=[0, 2, 1, 3])
        return self.linear(self.op("Reshape", mixed, self.ints(0, -1, width)), at + "out_proj")

    def activation(self, x, name):
        if name == "gelu":
            return self.op("Gelu", x)
        factor = self.constant("quick", numpy.array(1.702, dtype=numpy.float32))
        return self.op("Mul", x, self.op("Sigmoid", self.op("Mul", x, factor)))

    def blocks(self, x, side, config, mask=None):
        width = config["hidden_size"]
        for i in range(config["num_hidden_layers"]):
            at = f"{side}_model.encoder.layers.{i}."
            x = self.op("Add", x, self.attention(self.norm(x, at + "layer_norm1"), at + "self_attn.", config["num_attention_heads"],
                                                 width, mask))
            hidden = self.activation(self.linear(self.norm(x, at + "layer_norm2"), at + "mlp.fc1"), config["hidden_act"])
            x = self.op("Add", x, self.linear(hidden, at + "mlp.fc2"))
        return x

    def model(self, inputs, result, embed):
        self.nodes[-1].output[0] = result
        constants = [numpy_helper.from_array(numbers, name) for name, numbers in self.constants.items()]
        graph = helper.make_graph(self.nodes, "tower", inputs, [helper.make_tensor_value_info(result, TensorProto.FLOAT,
                                                                                              ["n", embed])], constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


class Watched(Graph):
    """Gives out what goes into each product, too."""

    def __init__(self, weights):
        super().__init__(weights)
        self.inputs = {}

    def product(self, x, name, weight):
        self.inputs[name] = x
        return super().product(x, name, weight)

    def model(self, inputs, result, embed):
        whole = super().model(inputs, result, embed)
        whole.graph.output.extend(helper.make_tensor_value_info(x, TensorProto.FLOAT, None) for x in sorted(set(self.inputs.values())))
        return whole


class Int8(Graph):
    def __init__(self, weights, most):
        super().__init__(weights)
        self.most = most  # by name of the product, of what goes in

    def scale(self, name, most):
        return self.constant(name, numpy.float32(most) / numpy.float32(127))

    def product(self, x, name, weight):
        zero = self.constant("zero8", numpy.array(0, dtype=numpy.int8))
        scale = self.scale(name + ".in", self.most[name])
        column = self.scale(name + ".column", numpy.abs(weight).max(axis=0))
        whole = numpy.rint(weight / self.constants[column]).astype(numpy.int8).T  # as [outputs, inputs] OpenVINO takes it as it is
        whole = self.constant(name + ".8", numpy.ascontiguousarray(whole))
        zeros = self.constant(f"zeros{weight.shape[1]}", numpy.zeros(weight.shape[1], dtype=numpy.int8))
        x = self.op("DequantizeLinear", self.op("QuantizeLinear", x, scale, zero), scale, zero)
        return self.op("MatMul", x, self.op("Transpose", self.op("DequantizeLinear", whole, column, zeros, axis=0), perm=[1, 0]))


def calibrated(weights, build, inputs):
    """The tower `build` makes, in int8."""
    import onnxruntime

    watched = Watched(weights)
    session = onnxruntime.InferenceSession(build(watched).SerializeToString(), providers=["CPUExecutionProvider"])
    names = sorted(set(watched.inputs.values()))
    most = dict(zip(names, (numpy.abs(x).max() for x in session.run(names, inputs))))
    return build(Int8(weights, {name: most[x] for name, x in watched.inputs.items()}))


def image_tower(g, config, batch):
    c = config["vision_config"]
    width, side, patch = c["hidden_size"], c["image_size"], c["patch_size"]
    x = g.op("Conv", "pixels", g.part("vision_model.embeddings.patch_embedding.weight"), strides=[patch, patch],
             kernel_shape=[patch, patch])
    x = g.op("Transpose", g.op("Reshape", x, g.ints(0, width, -1)), perm=[0, 2, 1])
    first = numpy.broadcast_to(g.weights.get("vision_model.embeddings.class_embedding"), (batch, 1, width)).copy()
    x = g.op("Add", g.op("Concat", g.constant("class", first), x, axis=1), g.part("vision_model.embeddings.position_embedding.weight"))
    x = g.blocks(g.norm(x, "vision_model.pre_layrnorm"), "vision", c)
    x = g.op("Gather", x, g.constant("zero", numpy.array(0, dtype=numpy.int64)), axis=1)
    g.linear(g.norm(x, "vision_model.post_layernorm"), "visual_projection", bias=False)
    pixels = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [batch, 3, side, side])
    return g.model([pixels], "embedding", config["projection_dim"])


def text_tower(g, config, batch, tokens):
    c = config["text_config"]
    x = g.op("Gather", g.part("text_model.embeddings.token_embedding.weight"), "ids", axis=0)
    positions = g.weights.get("text_model.embeddings.position_embedding.weight")[:tokens]
    mask = g.constant("mask", numpy.triu(numpy.full((tokens, tokens), -3e38, dtype=numpy.float32), 1))
    x = g.blocks(g.op("Add", x, g.constant("positions", positions)), "text", c, mask)
    x = g.op("Gather", x, g.constant("last", numpy.array(tokens - 1, dtype=numpy.int64)), axis=1)
    g.linear(g.norm(x, "text_model.final_layer_norm"), "text_projection", bias=False)
    return g.model([helper.make_tensor_value_info("ids", TensorProto.INT64, [batch, tokens])], "embedding", config["projection_dim"])


def open_openvino(model, options):
    import openvino

    core = openvino.Core()
    settings = {"INFERENCE_NUM_THREADS": options.threads, "NUM_STREAMS": 1, "ENABLE_CPU_PINNING": False,
                "INFERENCE_PRECISION_HINT": "bf16" if options.precision == "bf16" else "f32"}
    path = os.path.join(options.folder, "tower.onnx")
    onnx.save(model, path)
    request = core.compile_model(core.read_model(path), "CPU", settings).create_infer_request()
    os.remove(path)
    return lambda inputs: request.infer(inputs)[request.model_outputs[0]]


def open_onnxruntime(model, options):
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads, settings.inter_op_num_threads = options.threads, 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), settings, providers=["CPUExecutionProvider"])
    return lambda inputs: session.run(None, inputs)[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("tower", choices=["image", "text"])
    parser.add_argument("batch", type=int)
    parser.add_argument("--peer", choices=["openvino", "onnxruntime"], default="openvino")
    parser.add_argument("--precision", choices=["f32", "bf16", "int8"], default="f32")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--tokens", type=int, default=77)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", default="/tmp")
    parser.add_argument("--serve", action="store_true")
    options = parser.parse_args()
    with open(os.path.join(options.model, "config.json"), encoding="utf-8") as file:
        config = json.load(file)
    weights, dice = Weights(options.model), numpy.random.default_rng(7)
    if options.tower == "image":
        side = config["vision_config"]["image_size"]
        build = lambda graph: image_tower(graph, config, options.batch)
        inputs = {"pixels": dice.standard_normal((options.batch, 3, side, side), dtype=numpy.float32)}
    else:
        build = lambda graph: text_tower(graph, config, options.batch, options.tokens)
        inputs = {"ids": dice.integers(320, 40000, (options.batch, options.tokens))}
    model = calibrated(weights, build, inputs) if options.precision == "int8" else build(Graph(weights))
    run = (open_openvino if options.peer == "openvino" else open_onnxruntime)(model, options)
    del model, weights

    def once():
        begun = time.process_time() if options.threads == 1 else time.monotonic()
        run(inputs)
        return ((time.process_time() if options.threads == 1 else time.monotonic()) - begun) / options.batch

    once()
    if options.serve:
        print("ready", flush=True)
        for _ in sys.stdin:
            print(once(), flush=True)
    else:
        print(min(once() for _ in range(options.rounds)))


if __name__ == "__main__":
    main()
