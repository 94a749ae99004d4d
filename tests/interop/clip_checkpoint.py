"""CLIP checkpoints of published shapes with seeded random numbers, in Hugging Face's and OpenCLIP's layout. Needs numpy.

    python3 tests/interop/clip_checkpoint.py SHAPE FOLDER [--layout huggingface|openclip] [--layers N] [--half] [--seed N]

Both layouts of one shape and seed hold the same numbers. Weights are scaled by what goes into a product, so that activations keep
their size through all layers and cosines of different inputs spread as those of a trained model do.
"""
import argparse
import json
import os
import struct
import zlib

import numpy

# picture: side, patch, layers, width, heads, MLP; text: layers, width, heads; embed; activation
SHAPES = {
    "b32": ((224, 32, 12, 768, 12, 3072), (12, 512, 8), 512, "quick_gelu"),
    "b16": ((224, 16, 12, 768, 12, 3072), (12, 512, 8), 512, "gelu"),
    "l14": ((224, 14, 24, 1024, 16, 4096), (12, 768, 12), 768, "quick_gelu"),
    "h14": ((224, 14, 32, 1280, 16, 5120), (24, 1024, 16), 1024, "gelu"),
    "bigg14": ((224, 14, 48, 1664, 16, 8192), (32, 1280, 20), 1280, "gelu"),
}
MLP_RATIO = {"bigg14": 4.9231}
VOCABULARY, CONTEXT = 49408, 77


class Shape:
    def __init__(self, name, layers=None):
        (self.side, self.patch, depth, self.width, self.heads, self.mlp), (text_depth, self.text_width, self.text_heads), \
            self.embed, self.activation = SHAPES[name]
        self.name, self.layers, self.text_layers = name, layers or depth, layers or text_depth
        self.positions = 1 + (self.side // self.patch) ** 2


def gaussian(seed, name, shape, scale, mean=0.0):
    numbers = numpy.random.default_rng([seed, zlib.crc32(name.encode())]).standard_normal(shape, dtype=numpy.float32)
    numbers *= numpy.float32(scale)
    numbers += numpy.float32(mean)
    return numbers


def norm(seed, name, width):
    yield name + ".weight", gaussian(seed, name + ".weight", (width,), 0.1, 1.0)
    yield name + ".bias", gaussian(seed, name + ".bias", (width,), 0.1)


def linear(seed, name, outputs, inputs, gain=1.0):
    yield name + ".weight", gaussian(seed, name + ".weight", (outputs, inputs), gain * inputs ** -0.5)
    yield name + ".bias", gaussian(seed, name + ".bias", (outputs,), 0.05)


def layers(seed, prefix, count, width, mlp):
    depth = (2 * count) ** -0.5   # what each half of a block adds to the stream
    for i in range(count):
        at = f"{prefix}.encoder.layers.{i}."
        yield from norm(seed, at + "layer_norm1", width)
        for which, gain in (("q", 1.5), ("k", 1.5), ("v", 1.0)):
            yield from linear(seed, f"{at}self_attn.{which}_proj", width, width, gain)
        yield from linear(seed, at + "self_attn.out_proj", width, width, 2 * depth)
        yield from norm(seed, at + "layer_norm2", width)
        yield from linear(seed, at + "mlp.fc1", mlp, width)
        yield from linear(seed, at + "mlp.fc2", width, mlp, 2 * depth)


def tensors(s, seed):
    """(name, numbers) in Hugging Face's layout."""
    yield "logit_scale", numpy.array(numpy.log(100), dtype=numpy.float32)
    yield "text_model.embeddings.token_embedding.weight", gaussian(seed, "tokens", (VOCABULARY, s.text_width), 1.0)
    yield "text_model.embeddings.position_embedding.weight", gaussian(seed, "text positions", (CONTEXT, s.text_width), 0.3)
    yield from layers(seed, "text_model", s.text_layers, s.text_width, 4 * s.text_width)
    yield from norm(seed, "text_model.final_layer_norm", s.text_width)
    yield "text_projection.weight", gaussian(seed, "text projection", (s.embed, s.text_width), s.text_width ** -0.5)
    yield "vision_model.embeddings.class_embedding", gaussian(seed, "class", (s.width,), 1.0)
    patch = (s.width, 3, s.patch, s.patch)
    yield "vision_model.embeddings.patch_embedding.weight", gaussian(seed, "patches", patch, (3 * s.patch ** 2) ** -0.5)
    yield "vision_model.embeddings.position_embedding.weight", gaussian(seed, "positions", (s.positions, s.width), 0.3)
    yield from norm(seed, "vision_model.pre_layrnorm", s.width)
    yield from layers(seed, "vision_model", s.layers, s.width, s.mlp)
    yield from norm(seed, "vision_model.post_layernorm", s.width)
    yield "visual_projection.weight", gaussian(seed, "projection", (s.embed, s.width), s.width ** -0.5)


# ---- OpenCLIP's names

OPENCLIP = {
    "logit_scale": "logit_scale",
    "text_model.embeddings.token_embedding.weight": "token_embedding.weight",
    "text_model.embeddings.position_embedding.weight": "positional_embedding",
    "vision_model.embeddings.class_embedding": "visual.class_embedding",
    "vision_model.embeddings.patch_embedding.weight": "visual.conv1.weight",
    "vision_model.embeddings.position_embedding.weight": "visual.positional_embedding",
    "text_projection.weight": "text_projection", "visual_projection.weight": "visual.proj",
}
PARTS = [("text_model.encoder.layers.", "transformer.resblocks."), ("vision_model.encoder.layers.", "visual.transformer.resblocks."),
         ("text_model.final_layer_norm", "ln_final"), ("vision_model.pre_layrnorm", "visual.ln_pre"),
         ("vision_model.post_layernorm", "visual.ln_post"), ("layer_norm1", "ln_1"), ("layer_norm2", "ln_2"),
         ("self_attn.", "attn."), ("mlp.fc1", "mlp.c_fc"), ("mlp.fc2", "mlp.c_proj")]


def openclip_name(name):
    if name in OPENCLIP:
        return OPENCLIP[name]
    for old, new in PARTS:
        name = name.replace(old, new)
    return name


def openclip(named):
    """The same tensors as OpenCLIP keeps them: projections turned, queries, keys and values in one."""
    stacked = {}
    for name, numbers in named:
        new = openclip_name(name)
        if name in ("text_projection.weight", "visual_projection.weight"):
            numbers = numpy.ascontiguousarray(numbers.T)
        for i, which in enumerate("qkv"):
            if f".attn.{which}_proj." in new:
                new = new.replace(f"{which}_proj.", "in_proj_")
                stacked.setdefault(new, [None] * 3)[i] = numbers
        if new not in stacked:
            yield new, numbers
        elif all(part is not None for part in stacked[new]):
            yield new, numpy.concatenate(stacked.pop(new))


# ---- files

def write_safetensors(path, named, half):
    header, data, at = {}, [], 0
    for name, numbers in named:
        data.append(numbers.astype(numpy.float16) if half and numbers.ndim > 1 else numbers)
        size = data[-1].nbytes
        header[name] = {"dtype": "F16" if data[-1].dtype == numpy.float16 else "F32", "shape": list(numbers.shape),
                        "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for numbers in data:
            numbers.tofile(out)


def huggingface_config(s):
    def tower(**more):
        return {"hidden_act": s.activation, "layer_norm_eps": 1e-5, "projection_dim": s.embed, **more}

    return {"model_type": "clip", "architectures": ["CLIPModel"], "projection_dim": s.embed, "logit_scale_init_value": 2.6592,
            "text_config": tower(hidden_size=s.text_width, intermediate_size=4 * s.text_width, num_hidden_layers=s.text_layers,
                                 num_attention_heads=s.text_heads, max_position_embeddings=CONTEXT, vocab_size=VOCABULARY,
                                 bos_token_id=49406, eos_token_id=49407, pad_token_id=1),
            "vision_config": tower(hidden_size=s.width, intermediate_size=s.mlp, num_hidden_layers=s.layers,
                                   num_attention_heads=s.heads, image_size=s.side, patch_size=s.patch)}


def openclip_config(s):
    vision = {"image_size": s.side, "layers": s.layers, "width": s.width, "head_width": s.width // s.heads, "patch_size": s.patch,
              "mlp_ratio": MLP_RATIO.get(s.name, 4.0)}
    text = {"context_length": CONTEXT, "vocab_size": VOCABULARY, "width": s.text_width, "heads": s.text_heads,
            "layers": s.text_layers}
    return {"model_cfg": {"embed_dim": s.embed, "quick_gelu": s.activation == "quick_gelu", "vision_cfg": vision,
                          "text_cfg": text},
            "preprocess_cfg": {"mean": [0.48145466, 0.4578275, 0.40821073], "std": [0.26862954, 0.26130258, 0.27577711],
                               "interpolation": "bicubic", "resize_mode": "shortest"}}


def write_json(path, value):
    with open(path, "w", encoding="utf-8") as out:
        json.dump(value, out, indent=1)


def write(folder, name, layout="huggingface", layer_count=None, half=False, seed=1):
    s = Shape(name, layer_count)
    os.makedirs(folder, exist_ok=True)
    if layout == "huggingface":
        write_safetensors(os.path.join(folder, "model.safetensors"), tensors(s, seed), half)
        write_json(os.path.join(folder, "config.json"), huggingface_config(s))
        write_json(os.path.join(folder, "preprocessor_config.json"), {"crop_size": s.side, "size": s.side, "resample": 3})
    else:
        write_safetensors(os.path.join(folder, "open_clip_model.safetensors"), openclip(tensors(s, seed)), half)
        write_json(os.path.join(folder, "open_clip_config.json"), openclip_config(s))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("folder")
    parser.add_argument("--layout", choices=["huggingface", "openclip"], default="huggingface")
    parser.add_argument("--layers", type=int, help="of each tower, in place of the shape's own")
    parser.add_argument("--half", action="store_true", help="matrices as float16")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    write(options.folder, options.shape, options.layout, options.layers, options.half, options.seed)


if __name__ == "__main__":
    main()
