#!/usr/bin/env python3
"""CLIP checkpoints of random numbers, in the layouts of Hugging Face and OpenCLIP; the same bytes for the same arguments.

    make_clip.py                      writes tests/data/clip-tiny, which lies in the repository
    make_clip.make(folder, ...)       any other, for tests

A Hugging Face folder has a vocabulary of its own: the 512 symbols of single bytes, the few merges below, start and end.
"""
import array
import json
import os
import random
import struct
import sys

MERGES = ["a t</w>", "d o", "do g</w>", "c at</w>", "r e", "re d</w>", "t h", "th e</w>", "o n</w>", "m at</w>", "t r", "tr e", "tre e</w>"]
MEAN, DEVIATION = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
IMAGE = {"size": 32, "patch": 8, "width": 16, "layers": 2, "heads": 2, "mlp": 32}
TEXT = {"width": 16, "layers": 2, "heads": 2, "mlp": 32}


def byte_symbols():
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in plain]
    return [chr(b) for b in plain] + [chr(256 + i) for i in range(len(rest))]


def vocabulary():
    symbols = byte_symbols()
    words = symbols + [s + "</w>" for s in symbols] + [m.replace(" ", "") for m in MERGES] + ["<|startoftext|>", "<|endoftext|>"]
    return {word: number for number, word in enumerate(words)}


# ---- tensors

def packed(kind, numbers):
    if kind == "F32":
        return array.array("f", numbers).tobytes()
    if kind == "F16":
        return struct.pack(f"<{len(numbers)}e", *numbers)
    bits = array.array("I", array.array("f", numbers).tobytes())
    return array.array("H", [(b + 0x7FFF + (b >> 16 & 1)) >> 16 for b in bits]).tobytes()


class Tensors:
    """`period`: numbers repeat after so many, so that models of true size are made in seconds."""

    def __init__(self, seed, kind, period=None):
        self.dice, self.kind, self.period, self.items = random.Random(seed), kind, period, {}

    def add(self, name, *shape, spread=None, around=0.0):
        count = 1
        for n in shape:
            count *= n
        spread = shape[-1] ** -0.5 if spread is None else spread
        made = packed(self.kind, [self.dice.gauss(around, spread) for _ in range(min(count, self.period or count))])
        size = len(made) // min(count, self.period or count) * count
        self.items[name] = (shape, (made * (size // len(made) + 1))[:size] if made else made)

    def norm(self, name, width):
        self.add(name + ".weight", width, spread=0.2, around=1.0)
        self.add(name + ".bias", width, spread=0.1)

    def linear(self, name, out, into):
        self.add(name + ".weight", out, into)
        self.add(name + ".bias", out, spread=0.1)

    def file(self):
        """The bytes of a safetensors file."""
        header, at = {}, 0
        for name, (shape, numbers) in self.items.items():
            header[name] = {"dtype": self.kind, "shape": list(shape), "data_offsets": [at, at + len(numbers)]}
            at += len(numbers)
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        return struct.pack("<Q", len(text)) + text + b"".join(numbers for _, numbers in self.items.values())


def hugging_face_tensors(t, image, text, embed, vocabulary_size, context):
    positions = (image["size"] // image["patch"]) ** 2 + 1
    t.add("logit_scale", spread=0, around=4.6052)
    t.add("text_model.embeddings.token_embedding.weight", vocabulary_size, text["width"], spread=1)
    t.add("text_model.embeddings.position_embedding.weight", context, text["width"], spread=0.3)
    t.add("vision_model.embeddings.class_embedding", image["width"], spread=1)
    t.add("vision_model.embeddings.patch_embedding.weight", image["width"], 3, image["patch"], image["patch"], spread=0.1)
    t.add("vision_model.embeddings.position_embedding.weight", positions, image["width"], spread=0.3)
    t.norm("vision_model.pre_layrnorm", image["width"])
    t.norm("vision_model.post_layernorm", image["width"])
    t.norm("text_model.final_layer_norm", text["width"])
    t.add("visual_projection.weight", embed, image["width"])
    t.add("text_projection.weight", embed, text["width"])
    for side, tower in (("vision_model", image), ("text_model", text)):
        for layer in range(tower["layers"]):
            name = f"{side}.encoder.layers.{layer}."
            t.norm(name + "layer_norm1", tower["width"])
            t.norm(name + "layer_norm2", tower["width"])
            for part in "qkv":
                t.linear(name + f"self_attn.{part}_proj", tower["width"], tower["width"])
            t.linear(name + "self_attn.out_proj", tower["width"], tower["width"])
            t.linear(name + "mlp.fc1", tower["mlp"], tower["width"])
            t.linear(name + "mlp.fc2", tower["width"], tower["mlp"])


def open_clip_tensors(t, image, text, embed, vocabulary_size, context):
    positions = (image["size"] // image["patch"]) ** 2 + 1
    t.add("logit_scale", spread=0, around=4.6052)
    t.add("token_embedding.weight", vocabulary_size, text["width"], spread=1)
    t.add("positional_embedding", context, text["width"], spread=0.3)
    t.add("text_projection", text["width"], embed)
    t.norm("ln_final", text["width"])
    t.add("visual.class_embedding", image["width"], spread=1)
    t.add("visual.positional_embedding", positions, image["width"], spread=0.3)
    t.add("visual.proj", image["width"], embed)
    t.add("visual.conv1.weight", image["width"], 3, image["patch"], image["patch"], spread=0.1)
    t.norm("visual.ln_pre", image["width"])
    t.norm("visual.ln_post", image["width"])
    for prefix, tower in (("visual.", image), ("", text)):
        for layer in range(tower["layers"]):
            name = f"{prefix}transformer.resblocks.{layer}."
            t.norm(name + "ln_1", tower["width"])
            t.norm(name + "ln_2", tower["width"])
            t.add(name + "attn.in_proj_weight", 3 * tower["width"], tower["width"])
            t.add(name + "attn.in_proj_bias", 3 * tower["width"], spread=0.1)
            t.linear(name + "attn.out_proj", tower["width"], tower["width"])
            t.linear(name + "mlp.c_fc", tower["mlp"], tower["width"])
            t.linear(name + "mlp.c_proj", tower["width"], tower["mlp"])


TRUE_SIZE = {
    "b32": {"image": {"size": 224, "patch": 32, "width": 768, "layers": 12, "heads": 12, "mlp": 3072},
            "text": {"width": 512, "layers": 12, "heads": 8, "mlp": 2048}, "embed": 512},
    "l14": {"image": {"size": 224, "patch": 14, "width": 1024, "layers": 24, "heads": 16, "mlp": 4096},
            "text": {"width": 768, "layers": 12, "heads": 12, "mlp": 3072}, "embed": 768},
    "h14": {"image": {"size": 224, "patch": 14, "width": 1280, "layers": 32, "heads": 16, "mlp": 5120},
            "text": {"width": 1024, "layers": 24, "heads": 16, "mlp": 4096}, "embed": 1024, "activation": "gelu"},
    "bigg14": {"image": {"size": 224, "patch": 14, "width": 1664, "layers": 48, "heads": 16, "mlp": 8192},
               "text": {"width": 1280, "layers": 32, "heads": 20, "mlp": 5120}, "embed": 1280, "activation": "gelu"},
}


# ---- folders

def hugging_face_config(image, text, embed, vocabulary_size, context, activation):
    def tower(t):
        return {"hidden_act": activation, "hidden_size": t["width"], "intermediate_size": t["mlp"],
                "num_attention_heads": t["heads"], "num_hidden_layers": t["layers"]}
    return {"architectures": ["CLIPModel"], "model_type": "clip", "projection_dim": embed,
            "text_config": {**tower(text), "vocab_size": vocabulary_size, "max_position_embeddings": context,
                            "bos_token_id": vocabulary_size - 2, "eos_token_id": vocabulary_size - 1},
            "vision_config": {**tower(image), "image_size": image["size"], "patch_size": image["patch"]}}


def open_clip_config(image, text, embed, context, activation):
    return {"model_cfg": {"embed_dim": embed, "quick_gelu": activation == "quick_gelu",
                          "vision_cfg": {"image_size": image["size"], "layers": image["layers"], "width": image["width"],
                                         "head_width": image["width"] // image["heads"], "patch_size": image["patch"],
                                         "mlp_ratio": image["mlp"] / image["width"]},
                          "text_cfg": {"context_length": context, "vocab_size": 49408, "width": text["width"],
                                       "heads": text["heads"], "layers": text["layers"],
                                       "mlp_ratio": text["mlp"] / text["width"]}},
            "preprocess_cfg": {"mean": MEAN, "std": DEVIATION, "interpolation": "bicubic", "resize_mode": "shortest"}}


def write(folder, name, data):
    with open(os.path.join(folder, name), "wb") as file:
        file.write(data if isinstance(data, bytes) else (json.dumps(data, indent=1, ensure_ascii=False) + "\n").encode())


def make(folder, seed=1, layout="huggingface", kind="F32", image=None, text=None, embed=12, context=77, activation="quick_gelu",
         period=None):
    """Returns the tensors, whose items a test may change before it writes the file again."""
    image, text = {**IMAGE, **(image or {})}, {**TEXT, **(text or {})}
    os.makedirs(folder, exist_ok=True)
    t = Tensors(seed, kind, period)
    if layout == "openclip":
        open_clip_tensors(t, image, text, embed, 49408, context)
        write(folder, "open_clip_config.json", open_clip_config(image, text, embed, context, activation))
        write(folder, "open_clip_model.safetensors", t.file())
        return t
    words = vocabulary()
    hugging_face_tensors(t, image, text, embed, len(words), context)
    write(folder, "config.json", hugging_face_config(image, text, embed, len(words), context, activation))
    write(folder, "preprocessor_config.json", {
        "crop_size": image["size"], "size": image["size"], "do_center_crop": True, "do_normalize": True, "do_resize": True,
        "image_mean": MEAN, "image_std": DEVIATION, "resample": 3})
    write(folder, "vocab.json", words)
    write(folder, "merges.txt", ("#version: 0.2\n" + "\n".join(MERGES) + "\n").encode())
    write(folder, "model.safetensors", t.file())
    return t


if __name__ == "__main__":
    make(sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "clip-tiny"), kind="BF16")
