#!/usr/bin/env python3
"""Runs tests and prints one closing line: N passed, N failed, N skipped.

Unit tests are cmocka programs (TAP output); end-to-end tests are unittest modules tests/e2e/*_test.py that run the real
program, named by $WINNOW; fuzz targets run for some seconds over their corpora. Each failing test prints its output.
"""
import argparse
import concurrent.futures
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TIMEOUT = 900  # seconds for one program or module
# intercept_tls_get_addr: LeakSanitizer of gcc 12 crashes on late-loaded modules with thread-local variables otherwise
ASAN = "detect_leaks=1:abort_on_error=0:allocator_may_return_null=1:intercept_tls_get_addr=0"


class Totals:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def add(self, seconds, name, passed, failed, skipped, output):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped
        print(f"{'FAIL' if failed else 'ok':5}{name}: {passed} passed" + (f", {failed} failed" if failed else "")
              + (f", {skipped} skipped" if skipped else "") + (f" ({seconds:.0f} s)" if seconds >= 10 else ""), flush=True)
        if failed:
            print(output.rstrip()[-6000:], flush=True)


def run(command, env):
    try:
        done = subprocess.run(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT,
                              stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout.decode("utf-8", "replace")
    except subprocess.TimeoutExpired as late:
        return -1, (late.stdout or b"").decode("utf-8", "replace") + f"\nstopped after {TIMEOUT} s"


def timed(kind, *arguments):
    start = time.monotonic()
    result = kind(*arguments)
    return (time.monotonic() - start, *result)


def unit(program, env, name):
    code, output = run([program], dict(env, CMOCKA_MESSAGE_OUTPUT="TAP"))
    skipped = len(re.findall(r"^(?:not )?ok \d+.*# SKIP", output, re.M))
    failed = len(re.findall(r"^not ok(?!.*# SKIP)", output, re.M))
    passed = len(re.findall(r"^ok(?!.*# SKIP)", output, re.M))
    if code != 0 and failed == 0:  # crashed, or a sanitizer spoke
        failed = 1
        output += f"\nexit code {code}"
    if code == 0 and passed + skipped == 0:
        failed, output = 1, output + "\nran no test"
    return name, passed, failed, skipped, output


def e2e(module, env, name):
    code, output = run([sys.executable, "-m", "unittest", "-b", module], dict(env, PYTHONDONTWRITEBYTECODE="1"))
    count = re.search(r"^Ran (\d+) test", output, re.M)
    ran = int(count.group(1)) if count else 0
    tail = output.rsplit("\nRan ", 1)[-1]
    numbers = {key: int(n) for key, n in re.findall(r"(failures|errors|skipped|unexpected successes)=(\d+)", tail)}
    failed = numbers.get("failures", 0) + numbers.get("errors", 0) + numbers.get("unexpected successes", 0)
    if code != 0 and failed == 0:
        failed = 1
    return name, max(0, ran - failed - numbers.get("skipped", 0)), failed, numbers.get("skipped", 0), output


def fuzz(program, env, seconds):
    name = os.path.basename(program).removesuffix("_fuzz")
    corpus = os.path.join(ROOT, "tests/fuzz/corpus", name)
    with tempfile.TemporaryDirectory() as work:
        command = [program, work] + ([corpus] if os.path.isdir(corpus) else [])
        command += [f"-max_total_time={seconds}", "-timeout=20", "-rss_limit_mb=3000", "-print_final_stats=1",
                    f"-artifact_prefix={work}/", "-verbosity=0"]
        code, output = run(command, env)
        for crash in glob.glob(work + "/crash-*") + glob.glob(work + "/timeout-*") + glob.glob(work + "/oom-*"):
            kept = os.path.join(ROOT, "build", name + "-" + os.path.basename(crash))
            shutil.copy(crash, kept)
            output += f"\ninput kept as {kept}"
    return f"fuzz {name}", int(code == 0), int(code != 0), 0, output


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--build", help="plain build folder: unit and end-to-end tests")
    arguments.add_argument("--asan", help="build folder with ASan+UBSan: unit and end-to-end tests")
    arguments.add_argument("--tsan", help="build folder with TSan: end-to-end tests of threads")
    arguments.add_argument("--fuzz", help="build folder of fuzz targets")
    arguments.add_argument("--fuzz-seconds", type=int, default=20)
    arguments.add_argument("--torture", choices=["short", "full"], help="kills, flips and faults")
    arguments.add_argument("--only", default="", help="run only tests whose name holds this")
    options = arguments.parse_args()

    base = dict(os.environ, LC_ALL="C.UTF-8", WINNOW_SHARED=os.environ.get("WINNOW_SHARED", os.path.join(ROOT, "..", "shared")))
    totals = Totals()
    jobs = []
    modules = sorted(glob.glob(os.path.join(ROOT, "tests/e2e/*_test.py")))

    def plan(kind, name, *rest):
        if options.only in name:
            jobs.append((kind, name, rest))

    for variant, folder in (("", options.build), ("asan ", options.asan), ("tsan ", options.tsan)):
        if not folder:
            continue
        program = os.path.join(ROOT, "winnow") if folder == "build" else os.path.join(ROOT, folder, "winnow")
        env = dict(base, WINNOW=program, WINNOW_MODULES=os.path.join(ROOT, folder, "modules"), WINNOW_VARIANT=variant.strip(),
                   ASAN_OPTIONS=ASAN, TSAN_OPTIONS="halt_on_error=1",
                   UBSAN_OPTIONS="print_stacktrace=1")
        if options.torture:
            env["WINNOW_TORTURE"] = options.torture
        if variant != "tsan ":
            for test in sorted(glob.glob(os.path.join(ROOT, folder, "tests/unit/*_test"))):
                if os.path.exists(os.path.join(ROOT, "tests/unit", os.path.basename(test) + ".c")):
                    plan(unit, f"{variant}unit {os.path.basename(test).removesuffix('_test')}", test, env)
        for path in modules:
            if variant == "tsan " and not path.endswith("threads_test.py"):
                continue
            name = os.path.basename(path).removesuffix(".py")
            plan(e2e, f"{variant}e2e {name.removesuffix('_test')}", f"tests.e2e.{name}", env)
    workers = os.cpu_count() or 1
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        waiting = [pool.submit(timed, kind, rest[0], rest[1], name) for kind, name, rest in jobs]
        if options.fuzz:
            env = dict(base, WINNOW_MODULES=os.path.join(ROOT, options.fuzz, "modules"),
                       ASAN_OPTIONS=ASAN)
            for target in sorted(glob.glob(os.path.join(ROOT, options.fuzz, "tests/fuzz/*_fuzz"))):
                if options.only in os.path.basename(target):
                    waiting.append(pool.submit(timed, fuzz, target, env, options.fuzz_seconds))
        for result in waiting:
            totals.add(*result.result())
    print(f"{totals.passed} passed, {totals.failed} failed, {totals.skipped} skipped", flush=True)
    return 1 if totals.failed or totals.passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
