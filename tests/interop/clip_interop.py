"""CLIP's towers at their full widths beside transformers and open_clip: checkpoints of seeded random numbers, ViT-B/32 whole and two
layers each of L/14, H/14 and bigG/14, in both layouts. 40 pictures and 25 texts are 1,000 pairs; what counts is how far their
similarity is from the libraries' own in single precision."""

import os
import shutil
import subprocess
import tempfile
import unittest

import numpy
from PIL import Image

from tests.interop import clip_checkpoint

try:
    import open_clip
    import torch
    import transformers
except ImportError:
    torch = None

WINNOW = os.environ["WINNOW"]
PICTURES, TEXTS = 40, 25
MODELS = [("b32", None), ("l14", 2), ("h14", 2), ("bigg14", 2)]
ALLOWED = {"f32": 1e-5, "bf16": 2e-3, "int8": 1e-2}
PAIRS_OVER = {"f32": 0, "bf16": PICTURES * TEXTS // 1000, "int8": PICTURES * TEXTS // 1000}
THRESHOLD = 0.28
WORDS = ("a the two old small red photo picture drawing of with in on near beside dog cats bicycle mountain 1987 kitchen lighthouse "
         "woman's railway, 'quoted' snow-covered umbrella; sunset! harbour quickly orange").split()


def make_pictures(folder, dice):
    """Soft patterns under noise, wide and tall, large and small."""
    for i in range(PICTURES):
        width, height = (int(n) for n in dice.integers(180, 900, 2))
        coarse = dice.integers(0, 256, (int(dice.integers(2, 12)), int(dice.integers(2, 12)), 3)).astype(numpy.uint8)
        picture = numpy.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)).astype(numpy.int16)
        picture += dice.integers(-1, 2, picture.shape).astype(numpy.int16) * int(dice.integers(1, 40))
        path = os.path.join(folder, f"{i}.png")
        Image.fromarray(numpy.clip(picture, 0, 255).astype(numpy.uint8)).save(path, compress_level=1)
        yield path


def unit(rows):
    rows = numpy.asarray(rows, dtype=numpy.float64)
    return rows / numpy.linalg.norm(rows, axis=1, keepdims=True)


def embed(model, precision, *inputs):
    """The engine's embeddings, a row an input."""
    out = subprocess.run([WINNOW, "model", "embed", model, "--precision", precision, *inputs], check=True, capture_output=True,
                         text=True).stdout.splitlines()[1:]
    return unit([[float(x) for x in line.split("\t")[-1].split()] for line in out])


@unittest.skipUnless(torch, "torch, transformers and open_clip are not installed")
class FullWidth(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        torch.set_num_threads(os.cpu_count())
        cls.folder = tempfile.mkdtemp(prefix="winnow-clip-")
        dice = numpy.random.default_rng(20)
        cls.pictures = list(make_pictures(cls.folder, dice))
        cls.texts = [" ".join(dice.choice(WORDS, int(dice.integers(1, 40)))) for _ in range(TEXTS)]
        cls.text_file = os.path.join(cls.folder, "texts.txt")
        with open(cls.text_file, "w", encoding="utf-8") as out:
            out.write("".join(text + "\n" for text in cls.texts))

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def opened(self):
        return [Image.open(path) for path in self.pictures]

    def ids(self, context=clip_checkpoint.CONTEXT):
        return open_clip.SimpleTokenizer(context_length=context)(self.texts)

    def by_transformers(self, path):
        model = transformers.CLIPModel.from_pretrained(path, dtype=torch.float32, attn_implementation="eager").eval()
        pixels = transformers.CLIPImageProcessorPil.from_pretrained(path)(self.opened(), return_tensors="pt")["pixel_values"]
        with torch.no_grad():
            pictures = model.visual_projection(model.vision_model(pixel_values=pixels).pooler_output)
            texts = model.text_projection(model.text_model(input_ids=self.ids()).pooler_output)
        return unit(pictures), unit(texts)

    def by_open_clip(self, path):
        model, _, preprocess = open_clip.create_model_and_transforms("local-dir:" + path, precision="fp32")
        pixels = torch.stack([preprocess(picture) for picture in self.opened()])
        with torch.no_grad():
            return unit(model.eval().encode_image(pixels)), unit(model.encode_text(self.ids()))

    def compare(self, shape, layers, layout):
        path = os.path.join(self.folder, "model")
        clip_checkpoint.write(path, shape, layout, layers)
        try:
            pictures, texts = (self.by_transformers if layout == "huggingface" else self.by_open_clip)(path)
            expected = pictures @ texts.T
            for precision, allowed in ALLOWED.items():
                found = embed(path, precision, "--image", *self.pictures) @ embed(path, precision, "--text", self.text_file).T
                self.judge(f"{shape}, {layers or 'all'} layers, {layout}, {precision}", expected, found, allowed, PAIRS_OVER[precision])
        finally:
            shutil.rmtree(path)

    def judge(self, name, expected, found, allowed, over):
        self.assertEqual(found.shape, expected.shape)
        off = numpy.sort(numpy.abs(found - expected).ravel())
        middle = numpy.median(expected)
        sides = [int(((found >= t) != (expected >= t)).sum()) for t in (THRESHOLD, middle)]
        print(f"{name}: of {off.size} pairs (similarity {expected.min():.3f} to {expected.max():.3f}) most differs by {off[-1]:.1e}, "
              f"99.9 % by {off[-1 - off.size // 1000]:.1e}; {sides[0]} change sides at {THRESHOLD}, {sides[1]} at their median "
              f"{middle:.3f}", flush=True)
        self.assertLessEqual((off > allowed).sum(), over, name)


def case(shape, layers, layout):
    return lambda self: self.compare(shape, layers, layout)


for _shape, _layers in MODELS:
    for _layout in ("huggingface", "openclip"):
        setattr(FullWidth, f"test_{_shape}_{_layout}", case(_shape, _layers, _layout))


if __name__ == "__main__":
    unittest.main()
