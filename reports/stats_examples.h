/* A few rows to look at: the smallest hashes of all (a drawing that every report of the same run repeats), or the nearest to a
 * limit.
 *
 *     struct examples e = {.room = 5};
 *     struct example *slot = examples_offer(&e, distance, hash, url); NULL: there are nearer ones
 *     if (slot && example_fill(slot, &source) < 0) …
 *     examples_free(&e);
 *
 * The list stays sorted by distance, then hash. Of the rows of one picture (equal `same`, a hash of its URL) only the first in that
 * order is kept, so the list does not depend on the order in which rows come.
 */
#ifndef WINNOW_REPORTS_STATS_EXAMPLES_H
#define WINNOW_REPORTS_STATS_EXAMPLES_H

#include "pipeline/base/buf.h"
#include "pipeline/rows/batch.h"

enum { EXAMPLES_MAX = 24, EXAMPLE_TEXT = 2048 /* bytes kept of a caption or URL */ };

struct example {
    double distance;          /* from the limit; 0 for a drawing */
    uint64_t hash, same;      /* of the id; of the URL */
    double value;             /* what the rule measured, where it was asked again */
    struct str id, url, text, measured, also, rule; /* in `own`; unescaped; url and text cut at a code point */
    size_t text_points;       /* code points of the whole text */
    struct str pack, key;     /* where the picture is: a pack, or a sample of a shard */
    uint64_t offset, length;  /* in the pack; or of the sample in the shard's tar; length 0: no picture */
    uint64_t shard;
    uint64_t width, height;   /* of the original; 0 where there is none */
    double unsafe;            /* the largest p_nsfw…, p_porn…, p_hentai… of the row; 0 without such a column */
    size_t step;              /* where the row ended; SIZE_MAX: in the corpus */
    char *own;
};

struct examples {
    struct example list[EXAMPLES_MAX];
    size_t count, room; /* room <= EXAMPLES_MAX */
};

struct example *examples_offer(struct examples *e, double distance, uint64_t hash, uint64_t same);
void examples_free(struct examples *e);

/* Where the cells of an example stand; SIZE_MAX where the rows have no such column. */
struct example_columns {
    size_t id, url, text, measured, also, rule, pack, offset, length, shard, key, sample_offset, sample_length, width, height;
};
int example_fill(struct example *x, const struct example_columns *at, const struct row *row, struct arena *scratch);

#endif
