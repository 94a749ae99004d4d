#!/bin/bash
# `make bench`: ratios of one run, printed and written to reports/bench/latest.txt. $WINNOW names another program than ./winnow.
set -euo pipefail
cd "$(dirname "$0")/../.."
mkdir -p build/bench
${CC:-cc} -O2 -o build/bench/gunzip tests/bench/gunzip.c -ldeflate
${CC:-cc} -O2 -o build/bench/copy tests/bench/copy.c -lxxhash
make -s build/bench/clip_bench build/bench/count_map_bench
exec python3 tests/bench/bench.py "$@"
