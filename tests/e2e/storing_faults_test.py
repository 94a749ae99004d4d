"""Every write, fsync, rename and open of index, get and a shuffled shard, every allocation of index fails once (faults_test.py says how)."""
import unittest

from tests.e2e import faults_test


class Storing(faults_test.Faults):
    def setUp(self):
        super().setUp()
        crawl, run = faults_test.DEMO, self.folder + "/run"
        rows = [f"{run}/01-extract/00000.rows.zst", f"{run}/02-fetch/00000.rows.zst"]
        for arguments in (["extract", "-q", "--limit", "12", "-o", f"{run}/01-extract/", crawl],
                          ["fetch", "-q", "--from-warc", crawl, "-o", f"{run}/02-fetch/", rows[0]],
                          ["shard", "-q", "--samples", "4", "--task", "0/2", "-o", f"{run}/shards/", rows[1]],
                          ["shard", "-q", "--samples", "4", "--task", "1/2", "-o", f"{run}/shards/", rows[1]],
                          ["index", "-q", run]):
            done = self.run_winnow(arguments)
            self.assertEqual(done.returncode, 0, done.stderr)
        self.index = ["index", "-q", "-o", "OUT/index.sqlite", run]
        self.get = ["get", "-o", "OUT/some.tar", run, "--where", "1"]
        self.shard = ["shard", "-q", "-t", "1", "--samples", "4", "--shuffle", "1", "--shuffle-block", "8", "-o", "OUT/shards/", rows[1]]

    def test_index(self):
        self.each_kind(self.index)

    def test_get(self):
        self.each_kind(self.get)

    def test_shuffled_shard(self):
        self.each_kind(self.shard)

    def test_allocations(self):  # of get and shard not: they open a module, and a dlopen without memory ends the process itself
        self.walk("malloc", self.index)


for inherited in [name for name in vars(faults_test.Faults) if name.startswith("test_") and name not in vars(Storing)]:
    setattr(Storing, inherited, None)  # they run where they stand

if __name__ == "__main__":
    unittest.main()
