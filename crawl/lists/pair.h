/* A pair of other people's making becomes a row: URL and text by the recipe of all rows (schemas/FORMAT.md), and its id.
 *
 *     struct pair_maker maker;
 *     if (pair_maker_init(&maker) < 0) return -1;             once a thread
 *     switch (pair_make(&maker, &batch, row, &columns, &pair)) ...
 *
 * One thread a maker; none of its memory grows with the number of rows.
 */
#ifndef WINNOW_LISTS_PAIR_H
#define WINNOW_LISTS_PAIR_H

#include "crawl/url/url.h"
#include "pipeline/rows/batch.h"

struct pair_columns {
    size_t id, url, text, text_raw, url_raw;
};
struct pair {
    struct str url, text; /* as found: any bytes; text may be absent */
    struct str id;        /* 32 hexadecimal digits that the pair has already; anything else: computed */
};
struct pair_maker {
    struct url_parser parser;
    struct buf text, raw;
    bool text_cut;       /* of the last pair: the text was longer than a cell and is cut */
    const char *problem; /* after PAIR_LOST: a static sentence */
};

enum pair_result {
    PAIR_MADE,
    PAIR_LOST,   /* no usable URL: maker->problem says why */
    PAIR_FAILED, /* with a sentence: out of memory, a missing module */
};

int pair_maker_init(struct pair_maker *maker);
void pair_maker_free(struct pair_maker *maker); /* may be called on a zeroed struct */

/* Sets the five cells. A URL must be http or https and fit a cell; a text that does not is cut at a code point. */
enum pair_result pair_make(struct pair_maker *maker, struct batch *batch, struct row *row, const struct pair_columns *columns,
                           const struct pair *pair);

/* Sets a cell of any other column from a value as found: damaged UTF-8 becomes U+FFFD; a number must be one (512.0 is 512), else
 * the cell stays absent and *odd is set. PAIR_LOST: longer than a cell. */
enum pair_result pair_set(struct pair_maker *maker, struct batch *batch, struct row *row, size_t column, struct str value,
                          bool *odd);

#endif
