/* The two large parts of tokenizer.json, read where they stand: a tree of 150,000 nodes would take twenty times as long. Private to
 * the tokenizer.
 *
 *     struct tokenizer_json j;
 *     if (tokenizer_json_split(&j, text)) …                  j.rest: the document with {} and [] in place of j.vocab and j.merges
 *     result = tokenizer_json_names(file, j.vocab, &strings, &names);
 *     result = tokenizer_json_merges(v, names, file, j.merges, &strings);
 */
#ifndef WINNOW_CLIP_TOKENIZER_JSON_H
#define WINNOW_CLIP_TOKENIZER_JSON_H

#include "filters/clip/tokenizer_vocabulary.h"
#include "pipeline/base/arena.h"
#include "pipeline/base/buf.h"

struct tokenizer_json {
    struct str vocab, merges; /* slices of the text: an object, an array */
    struct buf rest;          /* to be freed in any case */
};

/* False where the text has no model.vocab and model.merges or is no JSON as far as was looked: a parser of all of it then says what is
 * wrong. */
bool tokenizer_json_split(struct tokenizer_json *j, struct str text);

/* {"token": id, …} into names, whose texts are slices of `vocab`, or, where a token has escapes, of `strings`. 0, or -1 with a
 * sentence. */
int tokenizer_json_names(const char *file, struct str vocab, struct arena *strings, struct vocabulary_names **names);
/* How many merges there are, for vocabulary_begin; then each of them into v. A merge is "left right" or ["left", "right"]. */
size_t tokenizer_json_count(struct str merges);
int tokenizer_json_merges(struct vocabulary *v, const struct vocabulary_names *names, const char *file, struct str merges,
                          struct arena *strings);

#endif
