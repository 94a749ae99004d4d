#!/bin/sh
# Trains the models of filters/language/models from the corpora's training parts, and reports on parts that training never sees.
#   train.sh BUILD DATA
set -eu
build=$1 data=$2 models=filters/language/models
mkdir -p "$models"
"$build/train_english" "$models/english.model" --upos "$data/ewt-train.col.zst" "$data/atis-train.col.zst" \
    --entities "$data/uner-train.col.zst"
"$build/train_language" "$models/language.model" filters/language/train/classes.txt "$data/langid-train.tsv.zst" \
    --english "$data/ewt-train.col.zst" "$data/captions-coco-val.txt.zst" --names filters/lists/first-names.txt
"$build/report_english" "$models/english.model" --upos "$data/ewt-test.col.zst" "$data/pud-test.col.zst" "$data/gum-test.col.zst" \
    --entities "$data/uner-test.col.zst"
"$build/report_language" "$models/language.model" filters/language/train/classes.txt "$data/langid-test-5words.tsv.zst"
