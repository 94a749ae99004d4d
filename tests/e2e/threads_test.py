"""Equal bytes for any number of threads, of every stage; also run under ThreadSanitizer."""
import os
import unittest

from tests.e2e import make

PAGES = 60 if not make.SLOW > 1 else 20


class Threads(make.InFolder):
    """Every stage on the output of the one before, with 1, 2 and 7 threads: all files are equal, manifests too."""

    def setUp(self):
        super().setUp()
        self.write("crawl.warc.gz", make.crawl(PAGES))
        self.write("one-member.warc.gz", make.gzip.compress(b"".join(make.crawl_records(PAGES, seed=2)), 6, mtime=0))

    def stage(self, output, *arguments):
        """Runs a stage thrice, in place; what the last run made is for the next stage."""
        before = make.tree(self.path("out"))
        results = {}
        for threads in (1, 2, 7):
            for name in make.tree(self.path("out")):
                if name not in before:
                    os.unlink(self.path("out", name))
            self.winnow(arguments[0], "-q", "--threads", str(threads), *arguments[1:], "-o", f"out/{output}/")
            results[threads] = {name: data for name, data in make.tree(self.path("out")).items() if name not in before}
            self.assertEqual(self.leftovers(), [])
        self.assertGreater(len(results[1]), 1)
        for threads in (2, 7):
            self.assertEqual(sorted(results[threads]), sorted(results[1]))
            for name, data in results[threads].items():
                self.assertEqual(data, results[1][name], f"{name} with {threads} threads")
        return f"out/{output}/00000.rows.zst"

    def test_every_stage_writes_equal_bytes(self):
        rows = self.stage("extract", "extract", "--text-sources", "alt,title", "crawl.warc.gz", "one-member.warc.gz")
        self.assertGreater(len(self.view(rows)), 100)
        rows = self.stage("filter", "filter", "--rule", "words text.words min=2", "--rule", "long text.chars max=35", rows)
        self.stage("partition", "partition", "--by", "url", "--into", "3", rows)
        self.stage("merge", "merge", *(f"out/partition/00000.0000{bucket}.rows.zst" for bucket in range(3)))
        self.stage("spilled", "dedup", "--by", "text", "--memory", "1M", rows)
        self.stage("counts", "count", "--memory", "1M", "--what", "images-per-text,texts-per-image,url-count,hosts,unigrams,bigrams", rows)
        tables = [a for what in ("images-per-text", "unigrams") for a in ("--counts", f"out/counts/00000.{what}.rows.zst")]
        self.stage("counted", "filter", "--rule", "many corpus.images_per_text max=1", "--rule", "rare text.vocab at=counts min_count=4",
                   *tables, rows)
        rows = self.stage("dedup", "dedup", "--by", "url", rows)
        rows = self.stage("fetch", "fetch", "--from-warc", "crawl.warc.gz", "--from-warc", "one-member.warc.gz", "--size", "24", rows)
        self.stage("near", "dedup", "--by", "phash", "--distance", "6", rows)
        rows = self.stage("picture", "filter", "--rule", "side image.min_side min=18", rows)
        for kind in ("zstd", "none", "gzip"):
            self.stage(f"shards-{kind}", "shard", "--compress", kind, "--samples", "7", rows)
        self.stage("shuffled", "shard", "--shuffle", "5", "--samples", "7", "--shuffle-block", "14", rows)

    def test_import_writes_equal_bytes(self):
        lines = "".join(f"http://a.example/{i % 50}.png\ttext number {i}\n" for i in range(3000))
        self.write("pairs.tsv", lines)
        self.stage("import", "import", "pairs.tsv")

    def test_plain_pipes_say_the_same(self):
        outs = {self.winnow("extract", "-q", "--plain", "--threads", threads, "crawl.warc.gz").out for threads in "127"}
        self.assertEqual(len(outs), 1)


if __name__ == "__main__":
    unittest.main()
