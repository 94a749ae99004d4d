/* BERT's word pieces: a text in, ids out.
 *
 *     struct wordpiece *p = wordpiece_open("builtin/vocab.txt", &(struct wordpiece_ids){.unknown = 1, .start = 2, .end = 3});
 *     struct wordpiece_work *work = wordpiece_work_new();             one a thread
 *     uint32_t ids[64];
 *     int n = wordpiece_encode(p, work, STR("a photo of a cat"), ids, 64);      2 43 4024 132 43 2903 3: 7
 *
 * The uncased form: control characters and U+FFFD are dropped, ideographs are words of their own, accents are dropped, letters
 * lower-cased, words end at white space and at every mark of punctuation. A word is cut into the longest pieces from the left;
 * those behind the first are written with ## in the vocabulary. A word with no such cut, or of over 100 characters, is unknown.
 * The names of special tokens are no such tokens when they stand in a text. (spec: clip.md section 9.)
 */
#ifndef WINNOW_CLIP_WORDPIECE_H
#define WINNOW_CLIP_WORDPIECE_H

#include <stdint.h>

#include "pipeline/base/str.h"

struct wordpiece;
struct wordpiece_work; /* memory that calls use again */

struct wordpiece_ids {
    uint32_t unknown, start, end; /* each below the number of pieces */
};

enum { WORDPIECE_CONTEXT_LEAST = 2 };

/* `path`: a piece a line, its number is the id. NULL with a sentence that names file and line: not UTF-8, an empty piece, one
 * over 400 bytes, one said twice, more than 2^20 of them, an id beyond them. */
struct wordpiece *wordpiece_open(const char *path, const struct wordpiece_ids *ids);
void wordpiece_close(struct wordpiece *p); /* NULL is allowed */
uint32_t wordpiece_count(const struct wordpiece *p);

struct wordpiece_work *wordpiece_work_new(void); /* NULL with a sentence */
void wordpiece_work_free(struct wordpiece_work *work); /* NULL is allowed */

/* Writes start, the text's pieces, end: at least 2 ids and at most `most` (>= 2); what goes over is cut off before the end.
 * How many, or -1 with a sentence (no memory, no Unicode module). Any bytes: damaged UTF-8 is dropped, as U+FFFD is. Any thread
 * with a work of its own. */
int wordpiece_encode(const struct wordpiece *p, struct wordpiece_work *work, struct str text, uint32_t *ids, size_t most);

/* The parser alone, for tests and fuzzing; `file` stands in messages. */
struct wordpiece *wordpiece_parse(const char *file, struct str vocabulary, const struct wordpiece_ids *ids);

#endif
