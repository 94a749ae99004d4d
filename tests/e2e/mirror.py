"""The repository root as a place that a test may write to: links to everything but what was built, and a `winnow` of its own."""
import os
import shutil
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WINNOW = os.path.abspath(os.environ.get("WINNOW", os.path.join(ROOT, "winnow")))


def environment(folder=None):
    """Finds presets for a program built into another folder, and `winnow` first in PATH."""
    env = dict(os.environ, WINNOW=WINNOW)
    if os.path.dirname(WINNOW) != ROOT:
        env.setdefault("WINNOW_PRESETS", os.path.join(ROOT, "filters/presets"))
    if folder:
        env["PATH"] = os.path.join(folder, "build/bin") + os.pathsep + os.environ["PATH"]
    return env


def mirror(test):
    """A folder that looks like the repository root; removed when the test, or the test class, is done."""
    folder = tempfile.mkdtemp(prefix="winnow-")
    (test.addClassCleanup if isinstance(test, type) else test.addCleanup)(shutil.rmtree, folder)
    for name in os.listdir(ROOT):
        if not name.startswith((".", "build")) and name != "winnow":
            os.symlink(os.path.join(ROOT, name), os.path.join(folder, name))
    os.makedirs(os.path.join(folder, "build/bin"))
    os.symlink(WINNOW, os.path.join(folder, "build/bin/winnow"))
    return folder
