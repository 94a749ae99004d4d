"""Small CLIP checkpoints as transformers and open_clip write them, with everything about them odd: widths, patches, activations, types of
numbers, shards, preprocessing, end tokens, zip files, a TorchScript archive. What the libraries make of pictures and texts in double
precision is what `winnow model embed` makes of them."""

import json
import os
import subprocess
import tempfile
import unittest

import numpy
from PIL import Image

try:
    import open_clip
    import safetensors.torch
    import torch
    import transformers
except ImportError:
    torch = None

WINNOW = os.environ["WINNOW"]
ALLOWED = {"reference": 1e-6, "f32": 2e-6}
SIZES = [(64, 48), (31, 200), (300, 17), (45, 47), (33, 33), (640, 481), (47, 32), (7, 5), (1, 1), (222, 101)]
TEXTS = ["a photo of a cat", "", "  Two   DOGS!! on the beach's edge", "word " * 100, "it's we've they'll I'd you're", "x" * 300,
         "tab\tseparated text", "<3 & > quoted \"text\" 123 4567"]


def fill(model, seed):
    """Seeded numbers that keep activations at their size."""
    dice = torch.Generator().manual_seed(seed)
    for name, numbers in model.named_parameters():
        if name.endswith("logit_scale"):
            continue
        noise = torch.randn(numbers.shape, generator=dice)
        if numbers.ndim < 2:
            noise = 0.2 * noise + (1.0 if "weight" in name else 0.0)
        else:
            noise *= 0.5 if "embedding" in name else 1.2 * numbers[0].numel() ** -0.5
        numbers.data.copy_(noise)
    return model.eval()


def half_of_matrices(model):
    """OpenAI's archives have linear, convolution and projection weights in half precision, the rest in single."""
    for part in model.modules():
        if isinstance(part, (torch.nn.Linear, torch.nn.Conv2d)):
            part.half()
        if isinstance(part, torch.nn.MultiheadAttention):
            part.in_proj_weight.data, part.in_proj_bias.data = part.in_proj_weight.data.half(), part.in_proj_bias.data.half()
    model.visual.proj.data, model.text_projection.data = model.visual.proj.data.half(), model.text_projection.data.half()


def unit(rows):
    return rows / numpy.linalg.norm(rows, axis=1, keepdims=True)


@unittest.skipUnless(torch, "torch, transformers and open_clip are not installed")
class Variants(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        torch.set_num_threads(1)
        cls.pictures = []
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        dice = numpy.random.default_rng(5)
        for number, (width, height) in enumerate(SIZES):
            coarse = dice.integers(0, 256, (max(2, height // 7), max(2, width // 7), 3)).astype(numpy.uint8)
            cls.pictures.append(os.path.join(cls.folder.name, f"{number}.png"))
            Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).save(cls.pictures[-1])

    def setUp(self):
        model = tempfile.TemporaryDirectory()
        self.addCleanup(model.cleanup)
        self.path = model.name

    def write_json(self, name, value):
        with open(os.path.join(self.path, name), "w", encoding="utf-8") as out:
            json.dump(value, out)

    def opened(self):
        return [Image.open(path) for path in self.pictures]

    def embed(self, precision, *inputs, text=None):
        done = subprocess.run([WINNOW, "model", "embed", self.path, "--precision", precision, *inputs], capture_output=True, input=text)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return numpy.array([[float(x) for x in line.split("\t")[1].split(" ")] for line in done.stdout.decode().splitlines()[1:]])

    def compare(self, pictures, texts):
        lines = "".join(text.replace("\t", " ") + "\n" for text in TEXTS).encode()
        for precision, allowed in ALLOWED.items():
            for expected, found in ((pictures, self.embed(precision, "--image", *self.pictures)),
                                    (texts, self.embed(precision, "--text", "-", text=lines))):
                self.assertLessEqual(numpy.abs(found - unit(expected)).max(), allowed, precision)
        self.assertLessEqual(numpy.abs(self.embed("reference", "--raw", "--image", *self.pictures) - pictures).max(),
                             1e-6 * max(1, numpy.abs(pictures).max()))

    # ---- Hugging Face

    def hugging_face(self, seed, image=None, text=None, embed=20, processing=None, cast=None, write=None):
        image = {"hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4, "image_size": 32, "patch_size": 8,
                 **(image or {})}
        text = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, **(text or {})}
        model = fill(transformers.CLIPModel(transformers.CLIPConfig(text_config=text, vision_config=image, projection_dim=embed)), seed)
        if cast:
            cast(model)
        (write or (lambda m: m.save_pretrained(self.path)))(model)
        self.write_json("preprocessor_config.json", processing or {"size": image["image_size"], "crop_size": image["image_size"]})
        model = transformers.CLIPModel.from_pretrained(self.path, dtype=torch.float32).eval()
        pixels = transformers.CLIPImageProcessorPil.from_pretrained(self.path)(self.opened(), return_tensors="pt")["pixel_values"]
        ids = open_clip.SimpleTokenizer(context_length=model.config.text_config.max_position_embeddings)(TEXTS)
        model = model.double()
        with torch.no_grad():
            self.compare(model.visual_projection(model.vision_model(pixel_values=pixels.double()).pooler_output).numpy(),
                         model.text_projection(model.text_model(input_ids=ids).pooler_output).numpy())

    def test_odd_widths_and_gelu(self):
        self.hugging_face(1, {"hidden_size": 60, "num_attention_heads": 5, "image_size": 40, "intermediate_size": 100, "hidden_act": "gelu"},
                          {"hidden_size": 36, "num_attention_heads": 3, "intermediate_size": 50, "hidden_act": "gelu", "num_hidden_layers": 3})

    def test_a_short_context_and_the_old_end_token(self):
        self.hugging_face(2, {"image_size": 30, "patch_size": 10}, {"max_position_embeddings": 16, "eos_token_id": 2, "bos_token_id": 0})

    def test_an_end_token_that_most_texts_lack(self):
        self.hugging_face(3, None, {"eos_token_id": 320})

    def test_one_patch_and_one_layer(self):
        self.hugging_face(4, {"hidden_size": 24, "num_attention_heads": 1, "intermediate_size": 5, "patch_size": 32, "num_hidden_layers": 1},
                          {"num_hidden_layers": 1, "num_attention_heads": 8})

    def test_norms_of_other_epsilons_and_two_activations(self):
        self.hugging_face(5, {"layer_norm_eps": 1e-3, "hidden_act": "gelu"}, {"layer_norm_eps": 1e-6})

    def test_half_precision(self):
        self.hugging_face(6, cast=lambda model: model.half())

    def test_texts_in_half_precision_pictures_in_single_in_shards(self):
        def cast(model):
            model.text_model.half()
            model.text_projection.half()
        self.hugging_face(7, cast=cast, write=lambda model: model.save_pretrained(self.path, max_shard_size="300KB"))

    def test_torch_zips_in_shards(self):
        def write(model):
            model.config.architectures = ["CLIPModel"]
            model.config.save_pretrained(self.path)
            names, placed = list(model.state_dict()), {}
            for number, part in enumerate((names[:20], names[20:50], names[50:])):
                file = f"pytorch_model-{number + 1:05}-of-00003.bin"
                torch.save({name: model.state_dict()[name] for name in part}, os.path.join(self.path, file))
                placed.update(dict.fromkeys(part, file))
            self.write_json("pytorch_model.bin.index.json", {"metadata": {"total_size": 1}, "weight_map": placed})
        self.hugging_face(8, write=write)

    def test_other_preprocessing(self):
        for processing in ({"size": {"shortest_edge": 40}, "crop_size": {"height": 32, "width": 32}, "resample": 2, "image_mean": [.5, .4, .3],
                            "image_std": [.2, .3, .4]}, {"size": 35, "crop_size": 32},
                           {"size": {"height": 32, "width": 32}, "do_center_crop": False},
                           {"size": {"height": 36, "width": 36}, "crop_size": {"height": 32, "width": 32}}):
            with self.subTest(processing):
                self.hugging_face(9, processing=processing)

    # ---- OpenCLIP

    def open_clip(self, seed, image=None, text=None, model=None, processing=None, file="open_clip_model.safetensors", cast=None, wrap=None):
        config = {"embed_dim": 20, "vision_cfg": {"image_size": 32, "layers": 2, "width": 48, "head_width": 12, "patch_size": 8, **(image or {})},
                  "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2, **(text or {})}, **(model or {})}
        made = dict(config)
        custom = made.pop("custom_text", False)
        made = fill((open_clip.CustomTextCLIP if custom else open_clip.CLIP)(**made), seed)
        state = {name: (cast(numbers) if cast else numbers).detach().clone() for name, numbers in made.state_dict().items()}
        made.load_state_dict({name: numbers.float() for name, numbers in state.items()})
        self.write_json("open_clip_config.json", {"model_cfg": config, "preprocess_cfg": processing or {}})
        path = os.path.join(self.path, file)
        if file.endswith(".safetensors"):
            safetensors.torch.save_file(state, path)
        else:
            torch.save(wrap(state) if wrap else state, path)
        prepare = open_clip.image_transform(config["vision_cfg"]["image_size"], is_train=False, **(processing or {}))
        pixels = torch.stack([prepare(picture) for picture in self.opened()]).double()
        ids = open_clip.SimpleTokenizer(context_length=config["text_cfg"]["context_length"])(TEXTS)
        made = made.double()
        with torch.no_grad():
            self.compare(made.encode_image(pixels).numpy(), made.encode_text(ids).numpy())

    def test_odd_ratios_and_quickgelu(self):
        self.open_clip(31, {"head_width": 20, "width": 60, "mlp_ratio": 3.3, "image_size": 40}, {"width": 36, "heads": 3, "mlp_ratio": 2.5},
                       {"quick_gelu": True})

    def test_text_apart_and_a_larger_vocabulary(self):
        self.open_clip(32, None, {"context_length": 32, "vocab_size": 49500}, {"custom_text": True})

    def test_the_longest_side_fits(self):
        self.open_clip(33, processing={"resize_mode": "longest", "interpolation": "bilinear", "mean": [.5] * 3, "std": [.25] * 3})

    def test_random_interpolation_is_bicubic_and_dropout_is_of_training(self):
        self.open_clip(34, {"patch_dropout": .5}, processing={"interpolation": "random"})

    def test_a_training_run_s_checkpoint(self):
        self.open_clip(35, file="epoch_3.pt", wrap=lambda state: {
            "epoch": 3, "name": "x", "state_dict": {"module." + name: numbers for name, numbers in state.items()},
            "optimizer": {"state": {0: {"step": 5, "exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 1e-3, "params": [0]}]}})

    def test_bfloat16(self):
        self.open_clip(36, cast=lambda numbers: numbers.bfloat16(), file="open_clip_pytorch_model.safetensors")

    def test_the_first_end_token(self):
        self.open_clip(37, None, {"pool_type": "eos", "eos_id": 49407}, {"custom_text": True})

    def test_heads_that_do_not_divide_by_their_width(self):
        self.open_clip(38, {"width": 100, "head_width": 64}, {"width": 50, "heads": 5})

    # ---- OpenAI

    def test_an_archive_of_torchscript(self):
        model = fill(open_clip.CLIP(embed_dim=24, quick_gelu=True,
                                    vision_cfg={"image_size": 64, "layers": 3, "width": 128, "head_width": 64, "patch_size": 16},
                                    text_cfg={"context_length": 20, "vocab_size": 49408, "width": 64, "heads": 1, "layers": 2}), 51)
        half_of_matrices(model)
        types = {name: numbers.dtype for name, numbers in model.named_parameters()}
        model = model.float()
        for name, value in (("input_resolution", 64), ("context_length", 20), ("vocab_size", 49408)):
            if hasattr(model, name):
                delattr(model, name)
            model.register_buffer(name, torch.tensor(value))
        prepare = open_clip.image_transform(64, is_train=False)
        pixels = torch.stack([prepare(picture) for picture in self.opened()])
        ids = open_clip.SimpleTokenizer(context_length=20)(TEXTS)
        traced = torch.jit.trace(model, (pixels[:2], ids[:2]), check_trace=False)
        with torch.no_grad():
            double = [side.numpy() for side in (model.double().encode_image(pixels.double()), model.encode_text(ids))]
        for name, numbers in traced.named_parameters():
            numbers.data = numbers.data.to(types.get(name, torch.float32))
        traced.save(os.path.join(self.path, "ViT-odd.pt"))
        self.compare(*double)


if __name__ == "__main__":
    unittest.main()
