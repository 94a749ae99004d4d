"""winnow dedup --by phash --distance N: clusters of near pictures, beside all pairs."""
import os
import random
import unittest

from tests.e2e import make

HEADER = "id url text src_file src_record src_image src_text width phash"


def rows_of(hashes, widths=None):
    lines = [HEADER.replace(" ", "\t")]
    for i, phash in enumerate(hashes):
        text = "" if phash is None else phash if isinstance(phash, str) else f"{phash:016x}"
        lines.append(f"{i:032x}\thttp://a.example/{i}.jpg\t\t0\t{i}\t0\t0\t{widths[i] if widths else 10}\t{text}")
    return "\n".join(lines) + "\n"


def clusters(hashes, distance):
    """hash → least hash of its component, by all pairs"""
    distinct = sorted({h for h in hashes if isinstance(h, int)})
    parent = {h: h for h in distinct}

    def root(h):
        while parent[h] != h:
            h = parent[h]
        return h
    for i, a in enumerate(distinct):
        for b in distinct[:i]:
            if bin(a ^ b).count("1") <= distance:
                x, y = root(a), root(b)
                parent[max(x, y)] = min(x, y)
    return {h: root(h) for h in distinct}


def near_hashes(count, distance, seed=1):
    dice = random.Random(seed)
    centres = [dice.getrandbits(64) for _ in range(count // 6)]
    hashes = []
    for _ in range(count):
        h = dice.choice(centres)
        for _ in range(dice.randrange(distance + 3)):
            h ^= 1 << dice.randrange(64)
        hashes.append(h)
    return hashes


class NearDuplicates(make.InFolder):
    def dedup(self, hashes, *arguments, widths=None, code=0):
        return self.winnow("dedup", "-q", "--plain", "--plain-input", "--by", "phash", *arguments, stdin=rows_of(hashes, widths).encode(), code=code)

    def test_one_row_of_each_cluster_stays_and_the_others_name_it(self):
        for distance in (1, 4, 9):
            hashes = near_hashes(600, distance)
            label = clusters(hashes, distance)
            first = {}
            for i, h in enumerate(hashes):
                first.setdefault(label[h], i)
            kept = self.dedup(hashes, "--distance", str(distance), "--dropped", "d.zst").rows()
            self.assertEqual(sorted(first.values()), [int(r["src_record"]) for r in kept])
            for r in self.view("d.zst"):
                self.assertEqual((int(r["measured"], 16), r["rule"], r["bound"]), (first[label[int(r["phash"], 16)]], "dup.phash", "first"))

    def test_a_column_without_hashes_is_told(self):
        self.assertIn("no row has a perceptual hash", self.dedup([None, "zz"], "--distance", "3").error)
        self.assertEqual(self.dedup([1, None], "--distance", "3").error, "")
        self.assertEqual(self.dedup([], "--distance", "3").error, "")

    def test_mark_names_the_cluster_of_every_row(self):
        hashes = near_hashes(400, 5) + [None, "zz", None]
        label = clusters(hashes, 5)
        marked = self.dedup(hashes, "--distance", "5", "--mark").rows()
        self.assertEqual(len(hashes), len(marked))
        for h, r in zip(hashes, marked):
            self.assertEqual(f"{label[h]:016x}" if isinstance(h, int) else "", r["cluster"])
        self.assertEqual(len(hashes) - 3 - len(set(label.values())), sum(r["duplicate_of"] != "" for r in marked))

    def test_the_row_with_the_highest_number_stays(self):
        hashes = near_hashes(300, 3, 5)
        dice = random.Random(9)
        widths = [dice.randrange(1000) for _ in hashes]
        label = clusters(hashes, 3)
        best = {}
        for i, h in enumerate(hashes):
            if label[h] not in best or widths[i] > widths[best[label[h]]]:
                best[label[h]] = i
        kept = self.dedup(hashes, "--distance", "3", "--keep", "max:width", widths=widths).rows()
        self.assertEqual(sorted(best.values()), [int(r["src_record"]) for r in kept])

    def test_pictures_of_another_file_join_clusters_and_win(self):
        outside = near_hashes(200, 3, 6)
        inside = near_hashes(400, 3, 6) + near_hashes(300, 3, 7)
        self.write("against.tsv", rows_of(outside))
        label = clusters(outside + inside, 3)
        taken = {label[h] for h in outside}
        first = {}
        for i, h in enumerate(inside):
            if label[h] not in taken:
                first.setdefault(label[h], i)
        kept = self.dedup(inside, "--distance", "3", "--against", "against.tsv").rows()
        self.assertTrue(first)
        self.assertEqual(sorted(first.values()), [int(r["src_record"]) for r in kept])

    def test_threads_and_memory_change_nothing(self):
        hashes = near_hashes(3000, 6)
        outputs = [self.dedup(hashes, "--distance", "6", "--mark", "--threads", threads, "--memory", memory).out
                   for threads, memory in (("1", "1G"), ("2", "1M"), ("7", "64M"))]
        self.assertEqual(outputs[0], outputs[1])
        self.assertEqual(outputs[0], outputs[2])

    def test_hashes_made_to_be_costly(self):
        equal = [7] * 100000
        self.assertEqual(1, len(self.dedup(equal, "--distance", "8").rows()))
        counter = list(range(1 << 15))
        self.assertEqual(1, len(self.dedup(counter, "--distance", "2").rows()))

    def exchange(self, files, buckets, distance, *more):
        """count, cluster, partition, dedup in buckets, merge: as README and help say; the rows, and those that were dropped"""
        parts = []
        for i, name in enumerate(files):
            self.winnow("count", "-q", "--force", "--plain-input", "--partial", "--what", "phashes", "-o", f"t/{i:05}.rows.zst", name)
            parts.append(f"t/{i:05}.phashes.rows.zst")
        self.winnow("count", "-q", "--force", "--what", "phashes", "-o", "t/all.rows.zst", *parts)
        self.winnow("dedup", "-q", "--force", "--by", "phash", "--distance", str(distance), "--mark", "-o", "clusters.rows.zst", "t/all.phashes.rows.zst")
        for i, name in enumerate(files):
            self.winnow("partition", "-q", "--force", "--plain-input", "--by", "phash", "--clusters", "clusters.rows.zst", "--into", str(buckets), "-o",
                        f"p/{i:05}.rows.zst", name)
        kept, dropped = [], []
        for bucket in range(buckets):
            self.winnow("merge", "-q", "--force", "-o", "bucket.rows.zst", *[f"p/{i:05}.{bucket:05}.rows.zst" for i in range(len(files))])
            self.winnow("dedup", "-q", "--force", "--by", "phash", "--clusters", "clusters.rows.zst", "--dropped", "d.zst", "-o", f"k/{bucket:05}.rows.zst",
                        *more, "bucket.rows.zst")
            kept.append(f"k/{bucket:05}.rows.zst")
            dropped += self.view("d.zst")
        self.winnow("merge", "-q", "--force", "-o", "whole.rows.zst", *kept)
        return self.view("whole.rows.zst"), sorted(dropped, key=lambda row: int(row["src_record"]))

    def test_clusters_are_the_same_for_any_tasks_and_buckets(self):
        hashes = near_hashes(700, 4) + [None, None, "xyz", "xyz", "00FF00FF00FF00FF", 0x00ff00ff00ff00ff, 0x00ff00ff00ff00f0, "0"]
        widths = [i * 7919 % 101 for i in range(len(hashes))]
        lines = rows_of(hashes, widths).splitlines(keepends=True)
        self.write("in.tsv", "".join(lines))
        for more in ((), ("--mark",), ("--keep", "max:width")):
            self.winnow("dedup", "-q", "--force", "--plain-input", "--by", "phash", "--distance", "4", "--dropped", "d.zst", "-o", "one.rows.zst", *more, "in.tsv")
            expected = self.view("one.rows.zst"), self.view("d.zst")
            self.assertTrue(expected[1] or more == ("--mark",))
            for tasks, buckets in ((1, 1), (1, 2), (3, 7)):
                with self.subTest(f"{more} {tasks} tasks {buckets} buckets"):
                    share = -(-(len(lines) - 1) // tasks)
                    files = [self.write(f"{i}.tsv", lines[0] + "".join(lines[1 + i * share:1 + (i + 1) * share])) or f"{i}.tsv" for i in range(tasks)]
                    self.assertEqual(expected, self.exchange(files, buckets, 4, *more))

    def test_a_hash_that_the_table_lacks_is_a_cluster_of_its_own(self):
        self.write("clusters.tsv", "id\tphash\tcluster\n" + f"{0:032x}\t{3:016x}\t{1:016x}\n")
        kept = self.dedup([1, 3, 2, 3, 2], "--clusters", "clusters.tsv", "--mark").rows()
        self.assertEqual([f"{h:016x}" for h in (1, 1, 2, 1, 2)], [r["cluster"] for r in kept])
        self.assertEqual(["", "0", "", "0", "2"], [r["duplicate_of"].lstrip("0") or ("0" if r["duplicate_of"] else "") for r in kept])

    def test_a_recipe_with_buckets_clusters_all_hashes_in_one_task(self):
        self.write("r.yaml", "inputs: c.warc.gz\nbuckets: 4\ntasks: 2\nstages:\n  - extract:\n  - fetch:\n  - dedup: {by: phash, distance: 4}\n"
                             "  - dedup: {by: url}\n")
        self.write("c.warc.gz", b"")
        lines = self.winnow("run", "--print", "r.yaml").out.decode().splitlines()
        self.assertEqual(1, sum("dedup --by=phash --distance=4 --mark" in line for line in lines))
        self.assertEqual(4, sum("dedup --by=phash --clusters=" in line for line in lines))
        self.assertEqual(2, sum("partition --by=phash --clusters=" in line for line in lines))
        self.assertEqual(4, sum(line.startswith("winnow dedup --by=url") for line in lines))

    def test_a_run_with_buckets_keeps_what_one_task_keeps(self):
        demo = os.path.join(make.ROOT, "tests/data/demo/demo.warc.gz")
        kept = []
        for name, more in (("one", ""), ("many", "buckets: 3\ntasks: 2\n")):
            self.write(f"{name}.yaml", f"inputs: {demo}\n{more}stages:\n  - extract:\n  - fetch:\n  - dedup: {{by: phash, distance: 16}}\n")
            self.winnow("run", "-q", "--output", name, f"{name}.yaml")
            last = max(folder for folder in os.listdir(self.path(name)) if folder.endswith(("-dedup", "-merge")))
            rows = self.view(f"{name}/{last}/00000.rows.zst")
            kept.append([{column: cell for column, cell in row.items() if not column.startswith("image_")} for row in rows])
        self.assertTrue(kept[0])
        self.assertEqual(kept[0], kept[1])

    def test_tables_of_clusters_that_cannot_be_are_refused(self):
        self.write("two.tsv", "id\tphash\tcluster\n" + "".join(f"{0:032x}\t{3:016x}\t{c:016x}\n" for c in (1, 2)))
        self.assertIn("two clusters", self.dedup([1], "--clusters", "two.tsv", code=1).error)
        self.write("none.tsv", f"id\tphash\n{0:032x}\t{3:016x}\n")
        self.assertIn("cluster", self.dedup([1], "--clusters", "none.tsv", code=2).error)
        self.assertIn("one of the two", self.dedup([1], "--clusters", "two.tsv", "--distance", "2", code=2).error)
        self.assertIn("one column", self.dedup([1], "--by", "url+phash", "--clusters", "two.tsv", code=2).error)

    def test_usage(self):
        self.assertIn("one column", self.dedup([1], "--by", "url+text", "--distance", "3", code=2).error)
        self.assertIn("--distance 17", self.dedup([1], "--distance", "17", code=2).error)
        self.assertEqual([], self.dedup([], "--distance", "3").rows())


if __name__ == "__main__":
    unittest.main()
