/* The tagger's two tables of weights: a row of int8 a feature, one table for parts of speech, one for names. Private to english.c.
 *
 * They are columns 0-15 and 16-23 of a linear model (linear.h) whose note says "model english", and by "upos_rows_log2" and
 * "names_rows_log2" how many of its rows each of them has. Apart from one another rows are 16 and 8 bytes: both tables together
 * stay in a core's second-level cache, or nearly.
 */
#ifndef WINNOW_ENGLISH_TABLES_H
#define WINNOW_ENGLISH_TABLES_H

#include "filters/language/english_features.h"
#include "filters/language/linear.h"

typedef int8_t row_of_8 __attribute__((vector_size(8)));
typedef int16_t sum_of_8 __attribute__((vector_size(16)));
typedef row_of_8 names_row;
typedef sum_of_8 names_sum;
typedef struct {
    row_of_8 half[2];
} upos_row __attribute__((aligned(16)));
typedef struct {
    sum_of_8 half[2];
} upos_sum;

struct tables {
    upos_row *upos;
    names_row *names;
    uint32_t upos_mask, names_mask;
    void *memory; /* both lie there */
};

int tables_fill(struct tables *tables, const struct linear *model); /* keeps nothing of the model; -1 with a sentence */
void tables_free(struct tables *tables);
void *tables_memory(size_t bytes); /* for what is asked at random: on huge pages, where there are. NULL without room; free() */

static inline void tables_prefetch_upos(const struct tables *t, const uint32_t *features, size_t count)
{
    for (size_t i = 0; i < count; i++) __builtin_prefetch(&t->upos[features[i] & t->upos_mask]);
}
static inline void tables_prefetch_names(const struct tables *t, const uint32_t *features, size_t count)
{
    for (size_t i = 0; i < count; i++) __builtin_prefetch(&t->names[features[i] & t->names_mask]);
}
static inline void upos_add(upos_sum *to, const upos_sum *sum)
{
    to->half[0] += sum->half[0];
    to->half[1] += sum->half[1];
}
static inline void tables_add_upos(const struct tables *t, const uint32_t *features, size_t count, upos_sum *sum)
{
    sum_of_8 a = sum->half[0], b = sum->half[1];
    for (size_t i = 0; i < count; i++) {
        const upos_row *row = &t->upos[features[i] & t->upos_mask];
        a += __builtin_convertvector(row->half[0], sum_of_8);
        b += __builtin_convertvector(row->half[1], sum_of_8);
    }
    sum->half[0] = a;
    sum->half[1] = b;
}
static inline void tables_add_names(const struct tables *t, const uint32_t *features, size_t count, names_sum *sum)
{
    names_sum s = *sum;
    for (size_t i = 0; i < count; i++) s += __builtin_convertvector(t->names[features[i] & t->names_mask], names_sum);
    *sum = s;
}

#endif
