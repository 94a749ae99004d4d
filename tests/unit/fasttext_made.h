/* A small fastText model made byte by byte, for tests and as a seed for fuzzing: two words, "</s>", two labels. */
#ifndef WINNOW_TESTS_FASTTEXT_MADE_H
#define WINNOW_TESTS_FASTTEXT_MADE_H

#include "pipeline/base/buf.h"

struct made {
    int32_t version, dim, word_ngrams, loss, kind, bucket, minn, maxn;
    int64_t kept; /* -1: not pruned */
    bool quantised;
};

static inline struct made made_plain(void) { return (struct made){12, 2, 1, 3, 3, 0, 0, 0, -1, false}; }

static inline void made_number(struct buf *b, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) buf_byte(b, (char)(value >> 8 * i));
}
static inline void made_float(struct buf *b, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    made_number(b, bits, 4);
}
static inline void made_entry(struct buf *b, const char *name, uint64_t count, unsigned kind)
{
    buf_add(b, str_of(name, strlen(name) + 1));
    made_number(b, count, 8);
    made_number(b, kind, 1);
}

/* A dense matrix whose value in row r, column c is r + c / 10. */
static inline void made_dense(struct buf *b, uint64_t rows, uint64_t columns)
{
    made_number(b, rows, 8);
    made_number(b, columns, 8);
    for (uint64_t r = 0; r < rows; r++)
        for (uint64_t c = 0; c < columns; c++) made_float(b, (float)r + (float)c / 10);
}

/* The same matrix, quantised without loss: one part a column, a code a row, norms of 2 and halves of the values. */
static inline void made_quantised(struct buf *b, uint64_t rows, uint64_t columns)
{
    made_number(b, 1, 1);
    made_number(b, rows, 8);
    made_number(b, columns, 8);
    made_number(b, rows * columns, 4);
    for (uint64_t i = 0; i < rows * columns; i++) made_number(b, i / columns, 1);
    made_number(b, columns, 4);
    made_number(b, columns, 4);
    made_number(b, 1, 4);
    made_number(b, 1, 4);
    for (uint64_t c = 0; c < columns; c++)
        for (unsigned code = 0; code < 256; code++) made_float(b, ((float)code + (float)c / 10) / 2);
    for (uint64_t r = 0; r < rows; r++) made_number(b, 7, 1);
    for (int i = 0; i < 4; i++) made_number(b, 1, 4);
    for (int i = 0; i < 256; i++) made_float(b, i == 7 ? 2 : 0);
}

static inline void made_model(struct buf *b, const struct made *m)
{
    const int32_t arguments[] = {793712314, m->version, m->dim, 5, 5, 1, 5, m->word_ngrams, m->loss, m->kind, m->bucket, m->minn, m->maxn, 100};
    for (size_t i = 0; i < sizeof arguments / sizeof *arguments; i++) made_number(b, (uint32_t)arguments[i], 4);
    made_number(b, 0, 8); /* t */
    for (int i = 0; i < 3; i++) made_number(b, (uint64_t[]){5, 3, 2}[i], 4);
    made_number(b, 30, 8);
    made_number(b, (uint64_t)m->kept, 8);
    made_entry(b, "cat", 9, 0);
    made_entry(b, "chien", 8, 0);
    made_entry(b, "</s>", 7, 0);
    made_entry(b, "__label__en", 20, 1);
    made_entry(b, "__label__fr", 10, 1);
    for (int64_t i = 0; i < m->kept; i++) made_number(b, (uint64_t)i * 3, 4), made_number(b, (uint64_t)i, 4);
    uint64_t rows = 3 + (m->kept >= 0 ? (uint64_t)m->kept : (uint64_t)m->bucket);
    made_number(b, m->quantised, 1);
    if (m->quantised) made_quantised(b, rows, (uint64_t)m->dim);
    else made_dense(b, rows, (uint64_t)m->dim);
    made_number(b, 0, 1);
    made_dense(b, 2, (uint64_t)m->dim);
}

#endif
