"""winnow dedup: who stays, who goes, and that nothing else decides it: not threads, memory, pipes, or an interrupted run."""

import hashlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import unittest

WINNOW = os.environ.get("WINNOW", "./winnow")
HEADER = "id url text src_file src_record src_image src_text width sha256 mine".split()


def make_row(number, url, text, width="", sha256="", mine=""):
    pair = hashlib.sha256(url.encode() + b"\0" + text.encode()).hexdigest()[:32]
    return [pair, url, text, "0", str(number), "0", "0", str(width), sha256, mine]


def tsv(rows, header=HEADER):
    return "".join("\t".join(line) + "\n" for line in [header, *rows])


def random_rows(count, seed=1):
    dice = random.Random(seed)
    rows = []
    for number in range(count):
        url = f"https://host{dice.randrange(50)}.example/{dice.randrange(count // 3)}.jpg"
        text = "" if dice.random() < 0.05 else f"caption {dice.randrange(3)}"
        sha = "" if dice.random() < 0.1 else "%064x" % dice.randrange(count // 2)
        rows.append(make_row(number, url, text, dice.choice(["", 640, 800, 1024]), sha, f"own {number}"))
    return rows


class Run:
    """one run of the program in a folder of its own"""

    def __init__(self, *arguments, stdin=b"", expect=0, cwd=None, **popen):
        done = subprocess.run([os.path.abspath(WINNOW), *arguments], input=stdin, capture_output=True, cwd=cwd, **popen)
        self.out, self.error = done.stdout, done.stderr.decode(errors="replace")
        if expect is not None and done.returncode != expect:
            raise AssertionError(f"winnow {' '.join(arguments)}: exit {done.returncode}, expected {expect}: {self.error}")

    def rows(self):
        return parse(self.out)


def parse(lines):
    header, *rows = lines.decode().split("\n")[:-1]
    return [dict(zip(header.split("\t"), row.split("\t"))) for row in rows]


def read(path):
    with open(path, "rb") as file:
        return file.read()


def unpack(path):
    return subprocess.run(["zstd", "-dcq", path], check=True, capture_output=True).stdout


def peak_of(*arguments):
    """KiB of memory; measured from a small process, since a child begins with its parent's peak"""
    measure = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    return int(subprocess.run([sys.executable, "-c", measure, os.path.abspath(WINNOW), *arguments], check=True, capture_output=True).stdout)


class Dedup(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="winnow-dedup-")
        self.addCleanup(holder.cleanup)
        self.folder = holder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, rows, header=HEADER):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(tsv(rows, header))
        return self.path(name)

    def row_file(self, name, rows, header=HEADER):
        """a row file of winnow's own: each row has another src_record"""
        Run("dedup", "--by", "src_record", "-q", "--plain-input", "-o", self.path(name), self.write(name + ".tsv", rows, header))
        return self.path(name)

    def kept(self, rows, *arguments):
        done = Run("dedup", "--plain", "--plain-input", "-q", *arguments, self.write("in.tsv", rows))
        return [int(row["src_record"]) for row in done.rows()]

    # --- who stays

    def test_the_first_row_of_a_key_stays(self):
        rows = [make_row(0, "https://a/1", "x"), make_row(1, "https://a/2", "x"), make_row(2, "https://a/1", "y"),
                make_row(3, "https://a/1", "x")]
        self.assertEqual(self.kept(rows, "--by", "url"), [0, 1])
        self.assertEqual(self.kept(rows, "--by", "text"), [0, 2])
        self.assertEqual(self.kept(rows), [0, 1, 2])  # url+text by default
        self.assertEqual(self.kept(rows, "--by", "text+url"), [0, 1, 2])

    def test_joined_values_do_not_run_into_each_other(self):
        rows = [make_row(0, "https://a/", "bc"), make_row(1, "https://a/b", "c")]
        self.assertEqual(self.kept(rows, "--by", "url+text"), [0, 1])

    def test_the_best_rank_stays_and_ties_fall_to_the_earlier_row(self):
        rows = [make_row(0, "https://a/1", "", 640), make_row(1, "https://a/1", "", 1024), make_row(2, "https://a/1", "", 1024),
                make_row(3, "https://a/1", ""), make_row(4, "https://a/2", ""), make_row(5, "https://a/2", "", 5)]
        self.assertEqual(self.kept(rows, "--by", "url", "--keep", "max:width"), [1, 5])
        self.assertEqual(self.kept(rows, "--by", "url", "--keep", "min:width"), [0, 5])
        self.assertEqual(self.kept(rows, "--by", "url", "--keep", "max:mine"), [0, 4])  # nobody has a number: the first

    def test_ranks_of_own_columns_are_numbers_not_words(self):
        rows = [make_row(0, "https://a/1", "", mine="9"), make_row(1, "https://a/1", "", mine="10.5"),
                make_row(2, "https://a/1", "", mine="-3"), make_row(3, "https://a/1", "", mine="many")]
        self.assertEqual(self.kept(rows, "--by", "url", "--keep", "max:mine"), [1])
        self.assertEqual(self.kept(rows, "--by", "url", "--keep", "min:mine"), [2])

    def test_a_row_without_the_key_stays(self):
        rows = [make_row(0, "https://a/1", "x"), make_row(1, "https://a/2", "x"), make_row(2, "https://a/3", "", sha256="00"),
                make_row(3, "https://a/4", "", sha256="00")]
        self.assertEqual(self.kept(rows, "--by", "sha256"), [0, 1, 2])
        self.assertEqual(self.kept(rows, "--by", "sha256+text"), [0, 1, 2])

    def test_an_absent_text_is_the_empty_text(self):
        rows = [make_row(0, "https://a/1", ""), make_row(1, "https://a/1", ""), make_row(2, "https://a/2", "")]
        self.assertEqual(self.kept(rows, "--by", "url+text"), [0, 2])

    def test_escapes_are_undone_before_values_are_compared(self):
        rows = [make_row(0, "https://a/1", "a\\nb"), make_row(1, "https://a/1", "a\\x0Ab"), make_row(2, "https://a/1", "a\\\\nb")]
        self.assertEqual(self.kept(rows), [0, 2])

    def test_the_answer_equals_a_dictionary_on_many_rows(self):
        rows = random_rows(20000)
        for by, columns in (("url", [1]), ("url+text", [1, 2]), ("sha256", [8]), ("text+width", [2, 7])):
            seen, expected = set(), []
            for row in rows:
                key = tuple(row[c] for c in columns)
                keyed = all(value or c == 2 for c, value in zip(columns, key))
                if not keyed or key not in seen:
                    expected.append(int(row[4]))
                seen.add(key)
            self.assertEqual(self.kept(rows, "--by", by), expected, by)

    # --- the others

    def test_a_dropped_row_names_the_rule_and_the_winner(self):
        rows = [make_row(0, "https://a/1", "x", 5), make_row(1, "https://a/1", "y", 9), make_row(2, "https://a/1", "z", 7)]
        Run("dedup", "-q", "--plain-input", "--by", "url", "--keep", "max:width", "-o", self.path("out.rows.zst"), "--dropped",
            self.path("dropped.zst"), self.write("in.tsv", rows))
        dropped = parse(unpack(self.path("dropped.zst")))
        self.assertEqual([row["src_record"] for row in dropped], ["0", "2"])
        for row in dropped:
            self.assertEqual((row["rule"], row["measured"], row["bound"], row["stage"]), ("dup.url", rows[1][0], "max:width", "dedup"))
        manifest = json.loads(read(self.path("out.json")))
        self.assertEqual(manifest["rules"], {"dup.url": 2})

    def test_kept_and_dropped_are_what_was_read_in_order(self):
        rows = random_rows(5000)
        Run("dedup", "-q", "--plain-input", "-o", self.path("out.rows.zst"), "--dropped", self.path("dropped.zst"),
            self.write("in.tsv", rows))
        kept, dropped = parse(unpack(self.path("out.rows.zst"))), parse(unpack(self.path("dropped.zst")))
        self.assertTrue(kept and dropped)
        both = sorted([*kept, *dropped], key=lambda row: int(row["src_record"]))
        self.assertEqual([[row[c] for c in HEADER] for row in both], rows)  # own columns included
        for part in kept, dropped:
            numbers = [int(row["src_record"]) for row in part]
            self.assertEqual(numbers, sorted(numbers))

    def test_mark_drops_nothing_and_names_the_winner(self):
        rows = [make_row(0, "https://a/1", "x"), make_row(1, "https://a/2", "x"), make_row(2, "https://a/1", "y")]
        done = Run("dedup", "--plain", "--plain-input", "-q", "--mark", "--by", "url", self.write("in.tsv", rows)).rows()
        self.assertEqual([row["duplicate_of"] for row in done], ["", "", rows[0][0]])
        self.assertEqual([row["mine"] for row in done], [row[9] for row in rows])

    def test_marks_of_an_earlier_run_stay(self):
        rows = [make_row(0, "https://a/1", "x"), make_row(1, "https://a/2", "x"), make_row(2, "https://a/1", "y")]
        once = Run("dedup", "-q", "--plain-input", "--mark", "--by", "url", self.write("in.tsv", rows)).out
        twice = Run("dedup", "-q", "--plain", "--mark", "--by", "text", stdin=once).rows()
        self.assertEqual([row["duplicate_of"] for row in twice], ["", rows[0][0], rows[0][0]])

    def test_against_drops_what_another_file_holds(self):
        old = [make_row(0, "https://a/1", "x"), make_row(1, "https://a/9", "x")]
        new = [make_row(0, "https://a/1", "other"), make_row(1, "https://a/2", ""), make_row(2, "https://a/2", ""),
               make_row(3, "https://a/1", "again")]
        Run("dedup", "-q", "--plain-input", "--by", "url", "--against", self.row_file("old.rows.zst", old), "-o",
            self.path("out.rows.zst"), "--dropped", self.path("dropped.zst"), self.write("new.tsv", new))
        self.assertEqual([row["src_record"] for row in parse(unpack(self.path("out.rows.zst")))], ["1"])
        dropped = [(row["src_record"], row["measured"], row["bound"]) for row in parse(unpack(self.path("dropped.zst")))]
        self.assertEqual(dropped, [("0", old[0][0], "against"), ("2", new[1][0], "first"), ("3", old[0][0], "against")])

    def test_against_the_same_rows_leaves_none(self):
        path = self.row_file("a.rows.zst", random_rows(3000))
        self.assertEqual(Run("dedup", "--plain", "-q", "--against", path, path).rows(), [])

    # --- same bytes

    def output(self, *arguments, stdin=b""):
        out = self.path("out.rows.zst")
        for name in ("out.rows.zst", "out.json", "dropped.zst", "dropped.ids"):
            if os.path.exists(self.path(name)):
                os.remove(self.path(name))
        Run("dedup", "-q", "--plain-input", "--keep", "max:width", "-o", out, "--dropped", self.path("dropped.zst"), *arguments,
            stdin=stdin)
        return [read(self.path(name)) for name in ("out.rows.zst", "dropped.zst")]

    def test_the_bytes_depend_on_neither_threads_nor_memory(self):
        path = self.row_file("in.rows.zst", random_rows(60000))
        expected = self.output("--threads", "1", path)
        self.assertEqual(self.output("--threads", "2", path), expected)
        self.assertEqual(self.output("--threads", "16", path), expected)
        self.assertEqual(self.output("--threads", "7", "--memory", "1M", path), expected)  # spills

    def test_a_pipe_gives_the_same_rows_as_a_file(self):
        path = self.row_file("in.rows.zst", random_rows(30000))
        from_file = [parse(unpack(self.path(name))) for name in ("out.rows.zst", "dropped.zst") if self.output(path)]
        stored = read(path)
        from_pipe = [parse(unpack(self.path(name))) for name in ("out.rows.zst", "dropped.zst") if self.output(stdin=stored)]
        self.assertEqual(from_pipe, from_file)

    def test_partition_dedup_merge_gives_the_same_rows(self):
        path = self.row_file("in.rows.zst", random_rows(20000))
        whole = Run("dedup", "-q", "--plain", "--by", "url", path).out
        Run("partition", "-q", "--by", "url", "--into", "3", "-o", self.path("parts/"), path)
        buckets = sorted(name for name in os.listdir(self.path("parts")) if name.endswith(".rows.zst"))
        self.assertEqual(len(buckets), 3)
        for name in buckets:
            Run("dedup", "-q", "--by", "url", "-o", self.path(name), os.path.join(self.path("parts"), name))
        merged = Run("merge", "-q", "--plain", *[self.path(name) for name in buckets]).out
        self.assertEqual(merged, whole)

    def test_a_killed_run_leaves_nothing_and_the_next_gives_the_same_bytes(self):
        path = self.row_file("in.rows.zst", random_rows(60000))
        expected = self.output(path)
        for name in ("out.rows.zst", "out.json", "dropped.zst"):
            os.remove(self.path(name))
        process = subprocess.Popen([os.path.abspath(WINNOW), "dedup", "-q", "--keep", "max:width", "-o", self.path("out.rows.zst"),
                                    "--dropped", self.path("dropped.zst"), "-t", "1", path])
        time.sleep(0.03)
        process.kill()
        process.wait()
        if process.returncode == -signal.SIGKILL:  # it may have been faster
            self.assertFalse(os.path.exists(self.path("out.json")))
        self.assertEqual(self.output(path), expected)

    def test_done_already_is_seen_by_the_manifest(self):
        path = self.row_file("in.rows.zst", random_rows(100))
        arguments = ("dedup", "-o", self.path("out.rows.zst"), path)
        Run(*arguments)
        before = os.stat(self.path("out.rows.zst")).st_mtime_ns
        self.assertIn("done already", Run(*arguments).error)
        self.assertEqual(os.stat(self.path("out.rows.zst")).st_mtime_ns, before)
        self.assertNotIn("done already", Run(*arguments, "--by", "url").error)  # another question

    # --- failing

    def refused(self, code, *arguments, rows=None, header=HEADER, **popen):
        rows = [make_row(0, "https://a/1", "x")] if rows is None else rows
        path = self.write("in.tsv", rows, header)
        return Run("dedup", "--plain", "--plain-input", "-q", *arguments, path, expect=code, **popen)

    def test_a_missing_column_is_usage_and_names_what_makes_it(self):
        done = self.refused(2, "--by", "phash")
        self.assertIn("--by: the rows have no column 'phash': run 'winnow fetch' first", done.error)
        self.assertIn("--keep max:colour: the rows have no column 'colour'", self.refused(2, "--keep", "max:colour").error)
        self.assertIn("expected first, max:COLUMN or min:COLUMN", self.refused(2, "--keep", "best").error)
        self.assertIn("expected names of columns joined by '+'", self.refused(2, "--by", "url+").error)
        self.assertIn("dedup needs column 'id'", self.refused(2, rows=[["https://a/"]], header=["url"]).error)
        other = self.write("other.tsv", [["https://a/"]], ["url"])
        self.assertIn("other.tsv: the rows have no column 'text'", self.refused(2, "--against", other).error)

    def test_a_row_with_a_damaged_id_is_a_loss_with_its_number(self):
        rows = [make_row(n, f"https://a/{n}", "") for n in range(1000)]
        rows[500][0] = rows[500][0][:31]
        done = self.refused(0, rows=rows)
        self.assertEqual(len(done.rows()), 999)
        self.assertIn(f"in.tsv: row 501: id '{rows[500][0]}': expected 32 lower-case hexadecimal digits", done.error)
        self.refused(3, rows=rows[495:505])  # 1 of 10: more than --tolerate

    def test_a_cut_row_file_publishes_nothing(self):
        path = self.row_file("in.rows.zst", random_rows(30000))
        stored = read(path)
        with open(path, "wb") as file:
            file.write(stored[: len(stored) // 2])
        Run("dedup", "-q", "-o", self.path("out.rows.zst"), path, expect=1)
        Run("dedup", "-q", "--against", path, "-o", self.path("out.rows.zst"), self.write("b.tsv", []), "--plain-input", expect=1)
        self.assertFalse([name for name in os.listdir(self.folder) if name.startswith("out")])

    def test_a_full_disk_says_so_and_leaves_nothing(self):
        path = self.row_file("in.rows.zst", random_rows(60000))

        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (200000, 200000))

        arguments = ("dedup", "-q", "-o", self.path("out.rows.zst"), "--tmp", self.folder, "--memory")
        self.assertIn("give --tmp or more --memory", Run(*arguments, "1M", path, expect=1, preexec_fn=limit).error)
        Run(*arguments, "1G", path, expect=1, preexec_fn=limit)  # the output does not fit
        self.assertEqual(sorted(os.listdir(self.folder)), ["in.json", "in.rows.zst", "in.rows.zst.tsv"])

    def test_a_folder_for_spills_that_is_not_there_is_named(self):
        path = self.row_file("in.rows.zst", random_rows(60000))
        done = Run("dedup", "-q", "--memory", "1M", "--tmp", "/nonexistent", "-o", self.path("out.rows.zst"), path, expect=1)
        self.assertIn("cannot spill to '/nonexistent': No such file or directory", done.error)

    def test_an_empty_input_is_done(self):
        self.assertEqual(self.refused(0, rows=[]).rows(), [])

    @unittest.skipIf(os.environ.get("WINNOW_VARIANT"), "a sanitizer keeps memory of its own")
    def test_memory_does_not_grow_with_the_input(self):
        peaks = []
        for count in (60000, 300000):
            path = self.row_file(f"{count}.rows.zst", random_rows(count))
            peaks.append(peak_of("dedup", "-q", "-t", "1", "-m", "1M", "-o", self.path("out.rows.zst"), "-f", path))
        self.assertLess(peaks[1], peaks[0] * 1.1)


if __name__ == "__main__":
    unittest.main()
