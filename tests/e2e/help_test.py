"""What winnow says of itself: the list of commands, --help with examples that work, man pages, completion, nearest names."""
import os
import re
import shutil
import subprocess
import unittest

from tests.e2e.mirror import ROOT, WINNOW, environment, mirror


def winnow(*arguments, **options):
    return subprocess.run([WINNOW, *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL, **options)


def command_table():
    """[(group, [names])] of pipeline/commands.def."""
    groups = []
    with open(os.path.join(ROOT, "pipeline/commands.def"), encoding="utf-8") as file:
        for kind, value in re.findall(r'^(GROUP|COMMAND)\("?([^")]*)"?\)$', file.read(), re.M):
            if kind == "GROUP":
                groups.append((value, []))
            else:
                groups[-1][1].append(value)
    return groups


COMMANDS = [name for _, names in command_table() for name in names]


def example_lines(name):
    text = winnow(name, "--help").stdout
    found = re.search(r"^Examples?\n((?:  .*\n)+)", text, re.M)
    return [line[2:] for line in found[1].splitlines()] if found else []


class List(unittest.TestCase):
    def test_winnow_alone_lists_every_command_in_its_group(self):
        done = winnow()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        groups, group = [], None
        for line in done.stdout.splitlines():
            if group and line.startswith("  "):
                groups[-1][1].append(line.split()[0])
                self.assertGreater(len(line.split(None, 1)[1]), 10, line)
            elif any(line == title for title, _ in command_table()):
                groups.append((line, []))
                group = line
            else:
                group = None
        self.assertEqual(groups, command_table())

    def test_help_and_no_arguments_say_the_same(self):
        self.assertEqual({winnow(*words).stdout for words in ([], ["help"], ["--help"], ["-h"])}, {winnow().stdout})

    def test_version_is_one_line(self):
        self.assertRegex(winnow("--version").stdout, r"^winnow \d+\.\d+\.\d+\n$")

    def test_an_unknown_command_names_the_nearest(self):
        done = winnow("extarct")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("did you mean extract?", done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1)

    def test_an_unknown_option_names_the_nearest(self):
        for name, wrong, right in [("view", "--colums", "--columns"), ("dedup", "--memroy", "--memory"), ("run", "--prnt", "--print")]:
            done = winnow(name, wrong)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn(right, done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)


class Help(unittest.TestCase):
    def test_every_command_says_how_it_is_used_and_shows_an_example(self):
        for name in COMMANDS:
            with self.subTest(command=name):
                done = winnow(name, "--help")
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertTrue(done.stdout.startswith(f"Usage: winnow {name} "), done.stdout[:80])
                self.assertEqual(done.stdout, winnow("help", name).stdout)
                self.assertTrue(example_lines(name), "no example")
                self.assertTrue(all(line.startswith("winnow ") for line in example_lines(name)))

    def test_lines_fit_a_wide_terminal(self):
        for name in COMMANDS:
            head = winnow(name, "--help").stdout.split("\nExample")[0].splitlines()[1:]
            self.assertEqual([line for line in head if len(line) > 100], [], name)

    def test_see_also_names_commands(self):
        for name in COMMANDS:
            found = re.search(r"^See also: (.*)$", winnow(name, "--help").stdout, re.M)
            for other in found[1].split(", ") if found else []:
                self.assertIn(other, COMMANDS, name)

    def test_filters_and_presets_print(self):
        self.assertIn("text.words", winnow("help", "--filters").stdout)
        names = winnow("help", "--preset", env=environment()).stdout
        presets = [line.split()[0] for line in names.splitlines()]
        self.assertLessEqual({"align", "laion400m", "laion5b", "laion400m-asrun", "coyo700m", "datacomp-basic", "cc3m", "metaclip"},
                             set(presets))
        for preset in presets:
            done = winnow("help", "--preset", preset, env=environment())
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertGreater(done.stdout.count("\n"), 3, preset)
        for line in names.splitlines():
            self.assertLess(len(line), 140, "the first line of a preset says what it is")

    def test_a_preset_says_what_may_stand_in(self):
        for preset, scores, languages in ("laion5b", True, True), ("datacomp-basic", False, True), ("laion-aesthetics", True, False), ("laion-high-resolution", False, False):
            said = winnow("help", "--preset", preset, env=environment()).stdout
            self.assertEqual(("builtin is winnow's own" in said, "winnow_language" in said.split("\nneeds=")[-1]), (scores, languages), preset)

    def test_two_presets_stand_side_by_side(self):
        done = winnow("help", "--preset", "--diff", "cc3m", "cc12m", env=environment())
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        lines = done.stdout.splitlines()
        at = next(i for i, line in enumerate(lines) if line.startswith("| aspect"))
        found = [line.strip().split("; the")[0] for line in lines[at:at + 5]]
        self.assertEqual(found[1::2], ["< max=2; keeps: <=2", "> max=2.5; keeps: <=2.5"])
        self.assertEqual([line.split("§")[0] for line in found[2::2]], ["paper: ", "paper: "])
        kinds = {line.split()[1]: line[0] for line in lines if line and line[0] in "=<>|" and "   " not in line[:2]}
        self.assertEqual([kinds[name] for name in ("repetition", "pos_mix", "words", "has_det_noun_prep")], list("=<>|"))
        same = winnow("help", "--preset", "--diff", "align", "align", env=environment()).stdout.splitlines()[1:]
        self.assertEqual({line[0] for line in same if line}, {"a", "=", " "})
        for wrong, code in ((("--preset", "--diff", "cc3m"), 2), (("--preset", "--diff", "cc3m", "cc13m"), 2)):
            self.assertEqual(winnow("help", *wrong, env=environment()).returncode, code)


class Examples(unittest.TestCase):
    """Each example of each manual, typed in the repository root. Some look at what `make demo` made."""

    @classmethod
    def setUpClass(cls):
        cls.root = mirror(cls)
        lines = {name: example_lines(name) for name in COMMANDS}
        if any("build/demo/OUT" in line for name in lines for line in lines[name]):
            subprocess.run(["tests/demo.sh"], cwd=cls.root, env=environment(cls.root), check=True, capture_output=True)
        os.makedirs(os.path.join(cls.root, "build/example"), exist_ok=True)
        cls.before = set(os.listdir(cls.root))

    def test_they_work(self):
        for name in COMMANDS:
            for line in example_lines(name):
                with self.subTest(line=line):
                    done = subprocess.run(["bash", "-o", "pipefail", "-c", line], cwd=self.root, env=environment(self.root),
                                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                    self.assertEqual(done.returncode, 0, done.stderr.decode(errors="replace"))
                    self.assertTrue(done.stdout or done.stderr or "-o " in line, "it says nothing")
        self.assertEqual(set(os.listdir(self.root)), self.before, "examples write below build/")


class Manual(unittest.TestCase):
    def test_every_page_has_its_sections(self):
        for name in COMMANDS:
            page = winnow("help", "--man", name).stdout
            self.assertTrue(page.startswith(f".TH WINNOW\\-{name.upper()} 1 ") or page.startswith(f".TH WINNOW\\-{name} 1 "), name)
            for section in ("NAME", "SYNOPSIS", "DESCRIPTION", "EXAMPLE"):
                self.assertRegex(page, rf"(?m)^\.SH {section}$", name)

    @unittest.skipUnless(shutil.which("groff"), "needs groff")
    def test_groff_has_nothing_to_warn_of(self):
        for name in COMMANDS:
            page = winnow("help", "--man", name).stdout.encode()
            done = subprocess.run(["groff", "-k", "-man", "-Tutf8", "-rLL=100n", "-z", "-w", "all", "-W", "break"], input=page,
                                  capture_output=True)
            self.assertEqual((done.returncode, done.stderr.decode()), (0, ""), name)

    @unittest.skipUnless(shutil.which("mandoc"), "needs mandoc")
    def test_mandoc_finds_no_error(self):
        for name in COMMANDS:
            page = winnow("help", "--man", name).stdout.encode()
            done = subprocess.run(["mandoc", "-T", "lint", "-W", "error"], input=page, capture_output=True)
            self.assertEqual((done.returncode, done.stdout.decode()), (0, ""), name)

    @unittest.skipUnless(shutil.which("groff"), "needs groff")
    def test_an_example_is_printed_as_it_is_typed(self):
        for name in COMMANDS:
            done = subprocess.run(["groff", "-k", "-man", "-Tutf8", "-rLL=400n", "-P-cbou"], capture_output=True, check=True,
                                  input=winnow("help", "--man", name).stdout.encode())
            printed = [" ".join(line.split()) for line in done.stdout.decode().splitlines()]
            for line in example_lines(name):
                self.assertIn(" ".join(line.split()), printed, name)


class Completion(unittest.TestCase):
    def complete(self, *words):
        """What bash offers for the last word."""
        script = winnow("help", "--completion").stdout + (
            f"\nCOMP_WORDS=({' '.join(map(repr, words))}); COMP_CWORD={len(words) - 1}; _winnow; printf '%s\\n' \"${{COMPREPLY[@]}}\"\n")
        done = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
        self.assertEqual(done.stderr, "")
        return done.stdout.split()

    def test_commands_complete(self):
        self.assertEqual(self.complete("winnow", "ex"), ["extract"])
        self.assertEqual(set(COMMANDS) - set(self.complete("winnow", "")), set())

    def test_options_complete(self):
        self.assertEqual(self.complete("winnow", "view", "--whe"), ["--where"])
        self.assertIn("--memory", self.complete("winnow", "dedup", "--"))

    def test_files_complete(self):
        self.assertEqual(self.complete("winnow", "view", "schemas/FOR"), ["schemas/FORMAT.md"])


if __name__ == "__main__":
    unittest.main()
