#!/bin/sh
# Trains the models of filters/language/models from the corpora's training and development parts, and reports on parts that
# training never sees.
#   train.sh BUILD DATA
# Frequencies of words come from the Python package wordfreq, fetched with pip into BUILD where it is not there.
set -eu
build=$1 data=$2 models=filters/language/models
frequencies=$build/wordfreq
wheel="wordfreq==3.1.1 --hash=sha256:4b1c6ecffc6198be3396d5cf871c4423ca71c907c231348d352dd54d62b97473"
mkdir -p "$models"
if [ ! -d "$frequencies" ]; then
    mkdir -p "$frequencies.new"
    echo "$wheel" > "$frequencies.new/requirements.txt"
    python3 -m pip download -q --no-deps --require-hashes -r "$frequencies.new/requirements.txt" -d "$frequencies.new"
    python3 -m zipfile -e "$frequencies.new"/wordfreq-*.whl "$frequencies.new"
    mv "$frequencies.new" "$frequencies"
fi
words=
for list in "$frequencies"/wordfreq/data/small_*.msgpack.gz; do
    language=${list##*/small_} language=${language%.msgpack.gz}
    case $language in
        zh | ja | ko) continue ;; # their scripts decide
        fil) language=tl ;;
        sh) language=hr words="$words sr=$list" ;; # Serbian's letters are made of it
    esac
    words="$words $language=$list"
done
"$build/train_english" "$models/english.model" --upos "$data/ewt-train.col.zst" "$data/ewt-dev.col.zst" "$data/atis-train.col.zst" \
    --entities "$data/uner-train.col.zst" "$data/uner-dev.col.zst"
"$build/train_language" "$models/language.model" filters/language/train/classes.txt "$data/langid-train.tsv.zst" \
    --english "$data/ewt-train.col.zst" "$data/captions-coco-val.txt.zst" --names filters/lists/first-names.txt --words $words
"$build/report_english" "$models/english.model" --upos "$data/ewt-test.col.zst" "$data/pud-test.col.zst" "$data/gum-test.col.zst" \
    --entities "$data/uner-test.col.zst"
"$build/report_language" "$models/language.model" filters/language/train/classes.txt "$data/langid-test-5words.tsv.zst"
