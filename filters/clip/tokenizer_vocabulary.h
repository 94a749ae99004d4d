/* A byte-level BPE vocabulary: which id a byte has, and which two ids make which third one. Private to the tokenizer.
 *
 * Files write a byte as one printable character: 33-126, 161-172 and 174-255 stand for themselves, the other 68 in order for
 * 256, 257, …; the last symbol of a word ends in </w>.
 */
#ifndef WINNOW_CLIP_TOKENIZER_VOCABULARY_H
#define WINNOW_CLIP_TOKENIZER_VOCABULARY_H

#include "pipeline/base/str.h"

enum {
    VOCABULARY_MOST = 1 << 21, /* ids, and merges */
    LITERALS_MOST = 16,
    LITERAL_BYTES_MOST = 64
};

struct merge {
    uint32_t left, right; /* ids */
    uint32_t rank;        /* UINT32_MAX: an empty place of the table */
    uint32_t result;
};

/* A text that is a token wherever it stands, before anything else is done. */
struct literal {
    char text[LITERAL_BYTES_MOST];
    size_t n;
    uint32_t id;
};

struct vocabulary {
    uint32_t inside[256], last[256]; /* ids of a byte, of a word's last byte */
    struct merge *merges;            /* open addressing by hash of (left, right) */
    size_t merges_mask;
    uint32_t size;                   /* largest id + 1 */
    uint32_t start, end;
    struct literal literals[LITERALS_MOST];
    unsigned literals_n;
};

/* The merge of two neighbours, NULL when there is none. */
const struct merge *vocabulary_merge(const struct vocabulary *v, uint32_t left, uint32_t right);
void vocabulary_free(struct vocabulary *v);

/* ---- building: names first, then merges in order of rank ---- */

struct vocabulary_names; /* token strings and their ids */
struct vocabulary_names *vocabulary_names_new(size_t most);
void vocabulary_names_free(struct vocabulary_names *names);
int vocabulary_name(struct vocabulary_names *names, struct str text, uint32_t id); /* the text must outlive the names */
bool vocabulary_id(const struct vocabulary_names *names, struct str text, uint32_t *id);

/* Takes the ids of all 512 byte symbols and of the two special tokens. `file` stands in messages. */
int vocabulary_begin(struct vocabulary *v, const struct vocabulary_names *names, const char *file, size_t merges);
/* The next merge by rank. */
int vocabulary_add(struct vocabulary *v, const struct vocabulary_names *names, const char *file, struct str left,
                   struct str right, uint32_t rank);
int vocabulary_add_literal(struct vocabulary *v, const char *file, struct str text, uint32_t id);

/* CLIP's own order: the bytes by their characters, those with </w>, the result of each merge, the two special tokens. `pairs`
 * holds the merges by rank, two little-endian 16-bit ids each. */
int vocabulary_from_pairs(struct vocabulary *v, struct str pairs);

#endif
