/* CLIP's tokenizer: a text in, ids out.
 *
 *     struct tokenizer *t = tokenizer_open(weights_folder(w), TOKENIZER_HUGGING_FACE);
 *     struct tokenizer_work *work = tokenizer_work_new();             one a thread
 *     uint32_t ids[77];
 *     int n = tokenizer_encode(t, work, STR("a dog"), ids, 77);       49406 320 1929 49407: 4
 *
 * Two forms (spec: clip.md sections 4 and 11). Both fold white space, lower-case, part the text into words by class of
 * character and merge the bytes of each word by rank:
 * - Hugging Face's: NFC first, lower-casing one character at a time (capital sigma always gives a small one), contractions in
 *   small letters only, and the literals of the two special tokens are those tokens;
 * - OpenAI's and OpenCLIP's, as winnow's rows want it: no repair of broken encodings and no unescaping (the rows' text had
 *   both), whole-string lower case, and the literals are ordinary text.
 */
#ifndef WINNOW_CLIP_TOKENIZER_H
#define WINNOW_CLIP_TOKENIZER_H

#include "pipeline/base/buf.h"
#include "pipeline/base/str.h"

enum tokenizer_form { TOKENIZER_HUGGING_FACE, TOKENIZER_OPENAI };

struct tokenizer;
struct tokenizer_work; /* memory that calls use again */

/* The vocabulary comes from the folder: tokenizer.json, or vocab.json with merges.txt; where there is neither (or `folder` is
 * NULL), it is CLIP's own of 49,408 tokens, which is built in. NULL with a sentence that names file and reason; a tokenizer
 * of another kind is refused by the name of what tells it. */
struct tokenizer *tokenizer_open(const char *folder, enum tokenizer_form form);
void tokenizer_close(struct tokenizer *t); /* NULL is allowed */
uint32_t tokenizer_vocabulary(const struct tokenizer *t); /* largest id + 1 */
uint32_t tokenizer_start(const struct tokenizer *t);
uint32_t tokenizer_end(const struct tokenizer *t);
const char *tokenizer_source(const struct tokenizer *t); /* "tokenizer.json", "vocab.json, merges.txt", "built in" */

struct tokenizer_work *tokenizer_work_new(void); /* NULL with a sentence */
void tokenizer_work_free(struct tokenizer_work *work);

/* Writes start, the text's tokens, end: at least 2 ids and at most `most` (>= 2); what goes over is cut off before the end.
 * Returns how many, or -1 with a sentence (no memory, no Unicode module). The text may be any bytes: damaged UTF-8 counts as
 * U+FFFD. Any thread with a work of its own. */
int tokenizer_encode(const struct tokenizer *t, struct tokenizer_work *work, struct str text, uint32_t *ids, size_t most);

/* The parsers alone, for tests and fuzzing: file contents in. `vocab` and `merges` are vocab.json and merges.txt. */
struct tokenizer *tokenizer_parse_json(const char *file, struct str tokenizer_json, enum tokenizer_form form);
struct tokenizer *tokenizer_parse_pair(const char *file, struct str vocab, struct str merges, enum tokenizer_form form);

#endif
