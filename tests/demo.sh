#!/bin/bash
# `make demo`: one crawl file of real pages and pictures becomes tar shards, an index and a table of what was dropped and why.
# Offline; everything goes to build/demo/OUT, which is made anew. $WINNOW names another program than ./winnow.
set -euo pipefail
cd "$(dirname "$0")/.."
winnow=${WINNOW:-./winnow}
out=build/demo/OUT

rm -rf "$out"
mkdir -p build/demo
begun=$(date +%s.%N)
echo "winnow run tests/data/recipes/demo.yaml: one crawl file, the rules of LAION-400M, tar shards"
"$winnow" run --quiet tests/data/recipes/demo.yaml
seconds=$(echo "$begun $(date +%s.%N)" | awk '{ printf "%.1f", $2 - $1 }')

"$winnow" report "$out" >/dev/null 2>&1 # the page
echo
"$winnow" report --funnel --format text "$out"
cat <<END

Done in $seconds s. What is where:
  $out/shards/        $(find "$out/shards" -name '*.tar*' | wc -l) tar shards for data loaders
  $out/index.sqlite   every sample, rule, count and removed row
  $out/report/        index.html: the numbers with their distributions and pictures
  $out/01-extract/    rows of each step, with what it dropped: $(find "$out" -name '*.dropped.zst' | wc -l) files

Three commands to try next:
  $winnow audit --rule min_chars $out
  $winnow get $out --where "p_photo_builtin < 0.1 AND sim_builtin > 0.1" --columns key,sim_builtin,p_drawing_builtin,text
  $winnow view --columns measured,bound,text,url $out/02-filter/00000.dropped.zst
END
