/* How often each of many texts occurs, and which occur most: exact while they are few, else within a bound that it tells.
 *
 *     struct frequent t;
 *     frequent_init(&t, 100000);                                    keeps at most 100,000 different texts
 *     frequent_add(&t, host, frequent_hash(host), (uint64_t[FREQUENT_COUNTS]){1, kept});
 *     frequent_sort(&t);                                            most frequent first; ends the adding
 *     for (size_t i = 0; i < t.count; i++) … frequent_text(&t, &t.items[i]), t.items[i].n[0] …
 *     frequent_free(&t);
 *
 * When the room is full, the rarer half is forgotten (lossy counting with a floor that rises with the data; Manku and Motwani
 * 2002): `floor` is the most that a forgotten text can have occurred. A text that is there occurred between n[0] and
 * n[0] + missed times; missed is 0 for one that came early and stayed, and floor is 0 as long as nothing was forgotten: then
 * everything is exact. Every text that occurred more than `floor` times is there. The other counts of an item are lower bounds
 * in the same way. Texts are told apart by 64 bits of XXH3 and kept up to FREQUENT_TEXT bytes.
 *
 * Memory: 64 bytes a place, a third more places than `limit` (up to the next power of two: limits of 3 · 2^k waste none), and
 * limit * FREQUENT_TEXT_EACH bytes of texts; while it forgets, for a moment, half of that more. Texts that are long on average
 * use up their bytes, and then the rarer half is forgotten early.
 */
#ifndef WINNOW_REPORTS_STATS_FREQUENT_H
#define WINNOW_REPORTS_STATS_FREQUENT_H

#include "pipeline/base/buf.h"

enum {
    FREQUENT_COUNTS = 4,
    FREQUENT_TEXT = 640, /* bytes kept of a text: what a page shows of a caption */
    FREQUENT_TEXT_EACH = 160, /* bytes a text, on average: captions of the web take 60, hosts 20 */
};

struct frequent_item {
    uint64_t hash;              /* 0: free */
    uint64_t n[FREQUENT_COUNTS];   /* n[0] decides the order */
    uint64_t missed;
    uint64_t points;            /* code points of the whole text */
    uint32_t text_at, text_n;
};

struct frequent {
    struct frequent_item *items;   /* an open table while adding, a list after frequent_sort */
    size_t count, room, limit;  /* room: a power of two */
    struct buf texts;
    uint64_t floor;
    bool sorted;
};

int frequent_init(struct frequent *t, size_t limit);
void frequent_free(struct frequent *t); /* may be called on a zeroed struct */
int frequent_add(struct frequent *t, struct str text, uint64_t hash, const uint64_t n[FREQUENT_COUNTS]); /* n[0] > 0 */
uint64_t frequent_hash(struct str text);
static inline void frequent_prefetch(const struct frequent *t, uint64_t hash) { __builtin_prefetch(&t->items[hash & (t->room - 1)]); }
void frequent_sort(struct frequent *t); /* equal counts by text, so that equal input gives equal lists */
struct str frequent_text(const struct frequent *t, const struct frequent_item *item);

#endif
