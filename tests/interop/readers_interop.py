"""Readers that import PyTorch, whose place an empty stand-in takes here: wids, open_clip's, clip-retrieval's. The latter two
ask for webdataset 0.2.86 at most (run.sh installs that one for this file)."""

import importlib.util
import json
import os
import shutil
import sys
import tempfile
import types
import unittest

from tests.interop.demo_shards import Shards


def stand_in(name):
    """A module whose every name is an empty class: the readers import PyTorch, but reading does not use it."""
    module = types.ModuleType(name)
    module.__path__ = []

    def make_class(attribute):
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        return type(attribute, (), {"__class_getitem__": classmethod(lambda cls, _: cls)})
    module.__getattr__ = make_class
    module.get_worker_info = lambda: None  # no worker of a DataLoader
    module.is_available = module.is_initialized = lambda: False
    sys.modules[name] = module
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, module)


try:
    import torch  # noqa: F401
except ImportError:
    for each in ("torch", "torch.utils", "torch.utils.data", "torch.utils.data.dataloader", "torch.utils.data.distributed",
                 "torch.distributed", "torchvision", "torchvision.datasets"):
        stand_in(each)

import wids  # noqa: E402


def load_file(package, path):
    """A module by its file: the packages around import servers and models."""
    folder = importlib.util.find_spec(package).submodule_search_locations[0]
    spec = importlib.util.spec_from_file_location(os.path.basename(path)[:-3], os.path.join(folder, path))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


reader = load_file("clip_retrieval", "clip_inference/reader.py")
data = load_file("open_clip_train", "data.py")


class Wids(Shards):
    def test_wids_by_its_index(self):
        index = os.path.join(self.folder, "none/shards.meta/wids.json")
        with tempfile.TemporaryDirectory() as cache:
            samples = wids.ShardListDataset(index, base=os.path.dirname(index), cache_dir=cache, transformations=[])
            self.assertEqual(len(samples), len(self.rows))
            self.check((dict(samples[i]) for i in range(len(samples))), picture=lambda s: s[".jpg"].read(),
                       text=lambda s: s[".txt"].read())


class OpenClipAndClipRetrieval(Shards):
    def test_open_clips_reader(self):
        for urls in (self.shards("none"), [f"pipe:zstd -dcq {path}" for path in self.shards("zstd")]):
            self.check(s for s in data.tarfile_to_samples_nothrow({"url": url} for url in urls)
                       if data.filter_no_caption_or_no_image(s))

    def test_open_clip_takes_sizes_json(self):
        with tempfile.TemporaryDirectory() as folder:  # it looks beside the shards, where winnow puts nothing but tars
            for path in self.shards("none"):
                os.symlink(path, os.path.join(folder, os.path.basename(path)))
            shutil.copy(os.path.join(self.folder, "none/shards.meta/sizes.json"), folder)
            last = os.path.basename(self.shards("none")[-1])[:5]
            size = data.get_dataset_size(os.path.join(folder, "{00000.." + last + "}.tar"))
        self.assertEqual(size, (len(self.rows), len(self.shards("none"))))

    def test_clip_retrievals_stream(self):
        stream = reader.create_webdataset(self.shards("none"), image_transform=lambda image: image, tokenizer=lambda texts: texts,
                                          enable_metadata=True)
        samples = list(stream)
        for sample in samples:
            self.assertEqual(json.loads(sample["metadata"])["key"], sample["image_filename"])
        self.check(({"__key__": s["image_filename"], "jpg": s["image_tensor"], "txt": s["text"]} for s in samples))


if __name__ == "__main__":
    unittest.main()
