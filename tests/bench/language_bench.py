#!/usr/bin/env python3
"""How many captions a second one core judges by the language rules, inside the stage; fastText's own binding on the same lines.

    WINNOW=./winnow python3 tests/bench/language_bench.py [--rows N] [--fasttext MODEL]

Captions are alternative texts (../shared/data/lang/alttext-raw, over and over) as row files. A rule's time is the user time of
`filter --threads 1` with it less that of a rule that looks at nothing; of every measure the least of three, in turns. With --fasttext
the model is asked for the same lines by the rule and, where the package fasttext can be imported, by its binding, in this process.
Prints one tab-separated line a measure: what, captions a second, seconds. Other work on the machine makes the figures worse.
"""
import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time

WINNOW = os.environ.get("WINNOW", "./winnow")
SHARED = os.path.join(os.environ.get("WINNOW_SHARED", "../shared"), "data/lang")
RULES = {
    "parts of speech": "r text.has determiner=1 noun=1 preposition=1",
    "entities": "r text.person_names",
    "language": "r text.language lang=en",
    "personal data": "r text.pii",
}


def captions():
    raw = subprocess.run(["zstd", "-dcq", f"{SHARED}/alttext-raw.tsv.zst"], capture_output=True, check=True).stdout.decode()
    return [line.split("\t")[1] for line in raw.split("\n") if "\t" in line]


def write_rows(path, texts, count):
    body = ["id\turl\ttext\n"]
    body += [f"{i:032x}\thttp://a.example/{i}.jpg\t{texts[i % len(texts)]}\n" for i in range(count)]
    subprocess.run([WINNOW, "filter", "--plain-input", "--rule", "r text.chars", "--set", "r.min=0", "-o", path], input="".join(body).encode(),
                   stderr=subprocess.DEVNULL, check=True)


def user_seconds(*rule):
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    subprocess.run([WINNOW, "filter", "--threads", "1", *rule], check=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


def ask_binding(model, texts, count):
    try:
        import fasttext  # of PyPI, in a virtual environment
    except ImportError:
        return None
    loaded = fasttext.load_model(model)
    begun = time.process_time()
    for i in range(count):
        loaded.predict(texts[i % len(texts)])
    return time.process_time() - begun


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200000)
    parser.add_argument("--fasttext", metavar="MODEL", default=f"{SHARED}/ref/lid.176.ftz")
    options = parser.parse_args()
    texts = captions()
    rules = dict(RULES)
    if os.path.exists(options.fasttext):
        rules["language by fastText's model"] = f"r text.language lang=en model={options.fasttext}"
    with tempfile.TemporaryDirectory() as folder:
        rows = os.path.join(folder, "in.rows.zst")
        write_rows(rows, texts, options.rows)
        nothing, least = ["--rule", "r text.chars min=0", rows], {}
        for _ in range(3):
            for name, rule in [("nothing", None), *rules.items()]:
                took = user_seconds(*(nothing if rule is None else ["--rule", rule, rows]))
                least[name] = min(took, least.get(name, took))
    print(f"{options.rows} captions of {sum(map(len, texts)) / len(texts):.0f} characters; load {os.getloadavg()[0]:.1f}", file=sys.stderr)
    for name in rules:
        seconds = least[name] - least["nothing"]
        print(f"{name}\t{options.rows / max(seconds, 1e-9):.0f}\t{seconds:.3f}")
    if os.path.exists(options.fasttext):
        count = min(options.rows, 20000)
        seconds = ask_binding(options.fasttext, texts, count)
        if seconds:
            print(f"fastText's binding\t{count / seconds:.0f}\t{seconds:.3f}")


if __name__ == "__main__":
    main()
