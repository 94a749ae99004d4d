"""The scripts of filters/clip/train beside the engine: the built-in model's towers in torch and in winnow give the same embeddings, and
what the scripts write, winnow reads."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import numpy

from tests.interop.clip_interop import make_pictures

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "filters/clip/train"))

try:
    import torch

    import export
    import model
    import prepare
    import steps
    import tensors
    import wordpiece
except ImportError:
    torch = None

WINNOW = os.environ["WINNOW"]
BUILTIN = ROOT / "filters/clip/builtin"
TEXTS = ["a photo of a dog", "Crème brûlée, 2 servings!", "東京 tower", "x" * 120, "the " * 90, "it's a snow-covered mountain; isn't it?"]


def embed(*inputs):
    out = subprocess.run([WINNOW, "model", "embed", "builtin", *inputs], check=True, capture_output=True, text=True)
    return numpy.array([[float(x) for x in line.split("\t")[-1].split()] for line in out.stdout.splitlines()[1:]])


@unittest.skipUnless(torch, "torch is not installed")
class Training(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.image, cls.text = model.load_winnow(BUILTIN / "model.safetensors")
        cls.words = wordpiece.read_vocabulary(BUILTIN / "vocab.txt")

    def test_pictures_have_the_engines_embeddings(self):
        with tempfile.TemporaryDirectory() as folder:
            paths = [*make_pictures(folder, numpy.random.default_rng(0)), *map(str, (ROOT / "tests/data/pictures").glob("*.png"))]
            pixels = numpy.stack([prepare.squash(pathlib.Path(p).read_bytes())[0] for p in paths])
            theirs = embed("--image", *paths)
        with torch.no_grad():
            ours = self.image(torch.from_numpy(pixels).permute(0, 3, 1, 2)).numpy()
        self.assertLess(numpy.abs(ours - theirs).max(), 1e-5)

    def test_texts_have_the_engines_embeddings(self):
        with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
            file.writelines(text + "\n" for text in TEXTS)
            file.flush()
            theirs = embed("--text", file.name)
        with torch.no_grad():
            ours = self.text(torch.from_numpy(self.words.batch(TEXTS))).numpy()
        self.assertLess(numpy.abs(ours - theirs).max(), 1e-5)

    def test_exported_again_the_file_has_the_same_bytes(self):
        with tempfile.TemporaryDirectory() as folder:
            work = pathlib.Path(folder)
            (work / "vocab.txt").write_bytes((BUILTIN / "vocab.txt").read_bytes())
            steps.save(f"{folder}/run.pt", image=self.image.state_dict(), text=self.text.state_dict(), scale=22.35)
            subprocess.run([sys.executable, ROOT / "filters/clip/train/export.py", "--work", folder, "--name", "again", "--version", "1",
                            "--out", f"{folder}/out", f"{folder}/run.pt"], check=True)
            self.assertEqual((work / "out/model.safetensors").read_bytes(), (BUILTIN / "model.safetensors").read_bytes())
            told = subprocess.run([WINNOW, "model", "info", f"{folder}/out"], check=True, capture_output=True, text=True).stdout
            self.assertIn("again", told)

    def test_a_scale_kept_apart_is_folded(self):
        apart = {name: value.clone() for name, value in self.image.state_dict().items()}
        apart["stem.weight"] /= 2
        apart["stem.scale"] *= 2
        given = tensors.read(BUILTIN / "model.safetensors")["image.stem.weight"]
        self.assertTrue(numpy.array_equal(export.picture_tensors(apart)["image.stem.weight"], given))


if __name__ == "__main__":
    unittest.main()
