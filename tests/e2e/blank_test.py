"""Pictures that show nothing among some that do, from made pages: measured and weighed by score --classifier blank, dropped by
picture.blank."""
import os
import random
import struct
import unittest
import zlib

from tests.e2e import make

TINY = os.path.join(make.ROOT, "tests/data/clip-tiny")


def png(width, height, pixel):
    rows = b"".join(b"\0" + b"".join(bytes(pixel(x, y)) for x in range(width)) for y in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + make.png_chunk(b"IHDR", head) + make.png_chunk(b"IDAT", zlib.compress(rows)) + make.png_chunk(b"IEND", b"")


def crossed_frame(x, y, side=160):
    """As pages show where there is no picture: a thin grey cross in a frame."""
    thin = min(x, y, side - 1 - x, side - 1 - y) < 2 or abs(x - y) < 2 or abs(x + y - side + 1) < 2
    return (170, 170, 170) if thin else (238, 238, 238)


dice = random.Random(7)
LEVELS = [[dice.randrange(256) for _ in range(12)] for _ in range(9)]


def scene(x, y):
    """Soft hills of many colours."""
    a, b = LEVELS[y // 14 % 9][x // 14 % 12], LEVELS[(y // 14 + 1) % 9][(x // 9 + 3) % 12]
    return (a * (14 - y % 14) + b * (y % 14)) // 14, (a + 2 * b + x) // 4 % 256, (3 * a + y) // 4 % 256


PICTURES = {
    "spacer": png(1, 1, lambda x, y: (255, 255, 255)), "white": png(200, 120, lambda x, y: (255, 255, 255)),
    "blue": png(90, 300, lambda x, y: (20, 60, 200)), "tile": png(160, 160, crossed_frame),
    "hills": png(168, 126, scene), "stripes": make.png(150, 100, 3),
}
BLANK = {"spacer", "white", "blue", "tile"}


class Blank(make.InFolder):
    def setUp(self):
        super().setUp()
        records = [make.page("http://site.example/", [(f"http://pictures.example/{name}.png", f"a picture of {name}") for name in PICTURES])]
        records += [make.picture(f"http://pictures.example/{name}.png", body) for name, body in PICTURES.items()]
        self.write("crawl.warc.gz", make.packed(records))
        self.winnow("extract", "-o", "1/", "crawl.warc.gz")
        self.winnow("fetch", "--from-warc", "crawl.warc.gz", "-o", "2/", "1/00000.rows.zst")

    def names(self, rows):
        return {r["url"].rsplit("/", 1)[1].split(".")[0] for r in rows}

    def test_what_shows_nothing_is_told_and_dropped(self):
        self.winnow("score", "--classifier", "blank", "-o", "3/", "2/00000.rows.zst")
        rows = [r for r in self.view("3/00000.rows.zst") if r["score_status"] == "ok"]
        self.assertEqual(self.names(rows), set(PICTURES))
        self.assertEqual(self.names(r for r in rows if float(r["p_blank_builtin"]) > 0.5), BLANK)
        by_name = {r["url"].rsplit("/", 1)[1].split(".")[0]: r for r in rows}
        self.assertEqual([by_name["white"][f"picture_{m}"] for m in ("colours", "largest", "edges", "flat", "saturation", "side")],
                         ["1", "1", "0", "1", "0", "120"])
        self.assertEqual(by_name["white"]["p_blank_builtin"], "1")
        self.winnow("filter", "--rule", "empty picture.blank", "-o", "f.rows.zst", "3/00000.rows.zst")
        self.assertEqual(self.names(self.view("f.rows.zst")), set(PICTURES) - BLANK)

    def test_with_another_classifier_and_the_cache_it_says_the_same(self):
        views = []
        for number, options in enumerate((["--classifier", "blank"], ["--classifier", "gantman,blank"],
                                          ["--classifier", "gantman,blank", "--cache", "cache"],
                                          ["--classifier", "gantman,blank", "--cache", "cache"])):
            done = self.winnow("score", *options, "-o", f"{number}.rows.zst", "2/00000.rows.zst")
            views.append([[r["p_blank_builtin"], r["picture_edges"], r["score_status"]] for r in self.view(f"{number}.rows.zst")])
        self.assertIn(" 0 pictures decoded", done.error)
        for other in views[1:]:
            self.assertEqual(other, views[0])

    def test_a_model_without_classes_is_refused(self):
        done = self.winnow("score", "--model", TINY, "--classifier", "blank", "2/00000.rows.zst", code=2)
        self.assertIn("--classifier blank: it needs the classes of pictures that model builtin tells apart", done.error)


if __name__ == "__main__":
    unittest.main()
