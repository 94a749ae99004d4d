"""The two towers in torch, named as winnow's file names them, so that a state dict is that file but for its number types.

A convolution keeps the scale of its batch norm apart: with frozen statistics (scale, bias) train as any weight, and export folds
scale into weight. The shapes are those of filters/clip/builtin/config.json; small.h tells the arithmetic.
"""
import torch
from torch import nn
from torch.nn import functional as F

import tensors

SIZE, EMBEDDING, FEATURES, CLASSES = 160, 256, 1280, 1000
WIDTH, HEADS, LAYERS, LENGTH = 384, 12, 3, 64
# kernel, stride, expansion, channels in, out
BLOCKS = [(3, 1, 1, 32, 16), (3, 2, 6, 16, 24), (3, 1, 6, 24, 24), (5, 2, 6, 24, 40), (5, 1, 6, 40, 40), (3, 2, 6, 40, 80),
          (3, 1, 6, 80, 80), (3, 1, 6, 80, 80), (5, 1, 6, 80, 112), (5, 1, 6, 112, 112), (5, 1, 6, 112, 112), (5, 2, 6, 112, 192),
          (5, 1, 6, 192, 192), (5, 1, 6, 192, 192), (5, 1, 6, 192, 192), (3, 1, 6, 192, 320)]


class Convolution(nn.Module):
    def __init__(self, kernel, stride, into, out, groups=1):
        super().__init__()
        self.stride, self.groups, self.kernel = stride, groups, kernel
        self.weight = nn.Parameter(torch.zeros(out, into // groups, kernel, kernel))
        self.scale = nn.Parameter(torch.ones(out))
        self.bias = nn.Parameter(torch.zeros(out))

    def forward(self, x):
        total = max((-(-x.shape[-1] // self.stride) - 1) * self.stride + self.kernel - x.shape[-1], 0)
        if total:  # TensorFlow's "same": the smaller half first
            x = F.pad(x, (total // 2, total - total // 2) * 2)
        return F.conv2d(x, self.weight * self.scale[:, None, None, None], self.bias, self.stride, groups=self.groups)


class Block(nn.Module):
    def __init__(self, kernel, stride, expansion, into, out, drop):
        super().__init__()
        wide = into * expansion
        self.residual, self.drop = stride == 1 and into == out, drop
        if expansion > 1:
            self.expand = Convolution(1, 1, into, wide)
        self.depthwise = Convolution(kernel, stride, wide, wide, groups=wide)
        self.project = Convolution(1, 1, wide, out)

    def forward(self, x):
        y = F.relu6(self.expand(x)) if hasattr(self, "expand") else x
        y = self.project(F.relu6(self.depthwise(y)))
        if not self.residual:
            return y
        if self.training and self.drop:  # drop path: a picture goes round this block
            y = y * torch.empty(len(y), 1, 1, 1, device=y.device).bernoulli_(1 - self.drop) / (1 - self.drop)
        return x + y


class Embed(nn.Module):
    """Features to embedding: linear, a hidden layer, and the vectors of the classes that the classifier sees."""
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(FEATURES, EMBEDDING)
        self.hidden = nn.Linear(FEATURES, 512)
        self.output = nn.Linear(512, EMBEDDING, bias=False)
        self.class_vectors = nn.Embedding(CLASSES, EMBEDDING)
        self.class_logit_scale = nn.Parameter(torch.ones(1))

    def forward(self, features, logits):
        seen = torch.softmax(self.class_logit_scale * logits.float(), -1)
        return self.linear(features) + self.output(F.gelu(self.hidden(features))) + seen @ self.class_vectors.weight


class ImageTower(nn.Module):
    """uint8 pictures [n, 3, 160, 160], or floats of 0 to 255, to embeddings of length 1."""
    def __init__(self, dropout=0.1, drop_path=0.05):
        super().__init__()
        self.stem = Convolution(3, 2, 3, 32)
        self.blocks = nn.ModuleList(Block(*shape, drop_path * i / (len(BLOCKS) - 1)) for i, shape in enumerate(BLOCKS))
        self.head = Convolution(1, 1, 320, FEATURES)
        self.classifier = nn.Linear(FEATURES, CLASSES)
        self.embed = Embed()
        self.dropout = dropout

    def features(self, pictures):
        x = F.relu6(self.stem(pictures.float() / 127.5 - 1))
        for block in self.blocks:
            x = block(x)
        return F.relu6(self.head(x)).mean((2, 3))

    def forward(self, pictures):
        features = F.dropout(self.features(pictures), self.dropout, self.training)
        return F.normalize(self.embed(features, self.classifier(features)).float(), dim=-1)


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.ModuleDict({"qkv": nn.Linear(WIDTH, 3 * WIDTH), "output": nn.Linear(WIDTH, WIDTH)})
        self.attention_norm = nn.LayerNorm(WIDTH, 1e-12)
        self.mlp = nn.ModuleDict({"in": nn.Linear(WIDTH, 4 * WIDTH), "out": nn.Linear(4 * WIDTH, WIDTH)})
        self.mlp_norm = nn.LayerNorm(WIDTH, 1e-12)

    def forward(self, x, mask):
        n, length, _ = x.shape
        query, key, value = self.attention["qkv"](x).view(n, length, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask[:, None, None, :])
        x = self.attention_norm(x + self.attention["output"](mixed.transpose(1, 2).reshape(n, length, WIDTH)))
        return self.mlp_norm(x + self.mlp["out"](F.gelu(self.mlp["in"](x))))


class TextTower(nn.Module):
    """Ids [n, length], 0 where a text has ended, to embeddings of length 1. The teacher is the same with six layers."""
    def __init__(self, words, layers=LAYERS):
        super().__init__()
        self.token_embedding = nn.Embedding(words, WIDTH)
        self.position_embedding = nn.Embedding(LENGTH, WIDTH)
        self.embedding_norm = nn.LayerNorm(WIDTH, 1e-12)
        self.layers = nn.ModuleList(Layer() for _ in range(layers))
        self.projection = nn.Linear(WIDTH, EMBEDDING)

    def pooled(self, ids):
        mask = ids != 0
        x = self.embedding_norm(self.token_embedding(ids) + self.position_embedding.weight[:ids.shape[1]])
        for layer in self.layers:
            x = layer(x, mask)
        x = (x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        return F.normalize(x.float(), dim=-1)

    def forward(self, ids):
        return F.normalize(self.projection(self.pooled(ids)).float(), dim=-1)


def from_efficientnet(path):
    """An ImageTower with ImageNet's weights; its head (embed) as torch starts it, but the class vectors 0."""
    given = torch.load(path, map_location="cpu", weights_only=True)
    tower = ImageTower()

    def fill(convolution, name, norm):
        scale = given[f"{norm}.weight"] / (given[f"{norm}.running_var"] + 1e-3).sqrt()
        convolution.weight.data = given[f"{name}.weight"].clone()
        convolution.scale.data = scale
        convolution.bias.data = given[f"{norm}.bias"] - given[f"{norm}.running_mean"] * scale
    fill(tower.stem, "_conv_stem", "_bn0")
    for i, block in enumerate(tower.blocks):
        for part, norm in (("expand", "_bn0"), ("depthwise", "_bn1"), ("project", "_bn2")):
            if hasattr(block, part):
                fill(getattr(block, part), f"_blocks.{i}._{part}_conv", f"_blocks.{i}.{norm}")
    fill(tower.head, "_conv_head", "_bn1")
    tower.classifier.load_state_dict({"weight": given["_fc.weight"], "bias": given["_fc.bias"]})
    tower.embed.class_vectors.weight.data.zero_()
    return tower


def from_minilm(path, rows, layers=range(6)):
    """A TextTower of these of MiniLM's layers, its words' rows (numbers in MiniLM's vocabulary) rounded as int8 keeps them."""
    given = {name: torch.from_numpy(array.copy()) for name, array in tensors.read(path).items() if "position_ids" not in name}
    tower = TextTower(len(rows), len(layers))
    table = given["embeddings.word_embeddings.weight"][rows].numpy()
    state = {"token_embedding.weight": torch.from_numpy(tensors.from_int8(*tensors.to_int8(table))),
             "position_embedding.weight": given["embeddings.position_embeddings.weight"][:LENGTH]
             + given["embeddings.token_type_embeddings.weight"][0]}
    pairs = [("embedding_norm", "embeddings.LayerNorm")]
    for to, layer in enumerate(layers):
        old, new = f"encoder.layer.{layer}", f"layers.{to}"
        for kind in ("weight", "bias"):
            state[f"{new}.attention.qkv.{kind}"] = torch.cat([given[f"{old}.attention.self.{part}.{kind}"]
                                                              for part in ("query", "key", "value")])
        pairs += [(f"{new}.attention.output", f"{old}.attention.output.dense"), (f"{new}.mlp.in", f"{old}.intermediate.dense"),
                  (f"{new}.attention_norm", f"{old}.attention.output.LayerNorm"), (f"{new}.mlp.out", f"{old}.output.dense"),
                  (f"{new}.mlp_norm", f"{old}.output.LayerNorm")]
    for new, old in pairs:
        state |= {f"{new}.weight": given[f"{old}.weight"], f"{new}.bias": given[f"{old}.bias"]}
    tower.load_state_dict(state, strict=False)  # all but the projection, which distil.py makes
    return tower


def load_winnow(path):
    """(ImageTower, TextTower) of a model.safetensors as winnow reads it."""
    given, state = tensors.read(path), {}
    for name, array in given.items():
        if name.endswith(".int8"):
            state[name[:-5]] = tensors.from_int8(array, given[name[:-5] + ".scale"])
        elif name.removesuffix(".scale") + ".int8" not in given:
            state[name] = array.astype("float32")
    image, text = ImageTower(), TextTower(len(state["text.token_embedding.weight"]))
    for prefix, tower in (("image.", image), ("text.", text)):
        part = {name.removeprefix(prefix): torch.from_numpy(a) for name, a in state.items() if name.startswith(prefix)}
        missing, unknown = tower.load_state_dict(part, strict=False)
        assert not unknown and all(name.endswith(".scale") for name in missing), (missing, unknown)
        tower.eval()
    return image, text
