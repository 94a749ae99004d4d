/* Memory that is given back all at once.
 *
 * An arena hands out pieces and frees none of them; arena_reset makes all of them invalid and keeps the blocks for the
 * next round, so that a batch of rows costs no malloc once it is warm. Pieces are aligned for any type. One thread.
 *
 *     struct arena a;
 *     arena_init(&a, 64 << 20);                    at most 64 MiB
 *     char *copy = arena_copy(&a, text).p;
 *     arena_reset(&a);  ...  arena_free(&a);
 */
#ifndef WINNOW_ARENA_H
#define WINNOW_ARENA_H

#include "pipeline/base/str.h"

struct arena_block;
struct arena {
    struct arena_block *first, *current;
    char *next, *end;   /* free space of the current block */
    size_t used, ceiling; /* bytes in all blocks; arena_alloc fails beyond the ceiling */
};

void arena_init(struct arena *a, size_t ceiling);
void arena_reset(struct arena *a);
void arena_free(struct arena *a); /* may be called twice, and on a zeroed struct */

void *arena_alloc_slow(struct arena *a, size_t n); /* private to arena_alloc */
static inline void *arena_alloc(struct arena *a, size_t n) /* not zeroed; NULL with a sentence when there is no room */
{
    size_t padded = (n + 15) & ~(size_t)15;
    if (padded < n || (size_t)(a->end - a->next) < padded) return arena_alloc_slow(a, n);
    void *piece = a->next;
    a->next += padded;
    return piece;
}
struct str arena_copy(struct arena *a, struct str s); /* the same bytes in the arena; absent with a sentence on failure */
char *arena_c_string(struct arena *a, struct str s);  /* with a NUL behind; NULL on failure */
char *arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3))); /* NULL on failure */

#endif
