/* Where the rows of an id or a URL are: every occurrence, wherever it ended.
 *
 *     struct finds f;
 *     finds_init(&f, 20);
 *     finds_of_id(&f, &steps, 0, STR("84c0…"));
 *     finds_sort(&f);
 *     for (size_t i = 0; i < f.count; i++) … f.list[i] …
 *     finds_free(&f);
 *
 * A row ends in one of three places: among the dropped rows of a step, among the samples, or, where a run has not come further,
 * among the rows of a step. Ids are looked up: in the dropped files' lists of ids and in index.sqlite, or, where there is no
 * index, by reading the rows of the samples. URLs are sought in all of these row files.
 */
#ifndef WINNOW_REPORTS_FINDS_H
#define WINNOW_REPORTS_FINDS_H

#include "pipeline/rows/batch.h"
#include "reports/search.h"
#include "shard/steps.h"

enum find_end { FIND_SAMPLE, FIND_ROW, FIND_DROPPED };

struct find {
    enum find_end end;
    size_t step;             /* that dropped it, made the sample, or has it among its rows */
    const char *file;        /* the row file that holds it; NULL: found in the index */
    struct place place;
    const char **names;      /* of the columns */
    struct str *cells;       /* as stored, escaped */
    size_t count;
};

struct finds {
    struct arena arena;
    struct find *list;
    size_t count, room;
    uint64_t limit;          /* of `list`; 0: none */
    uint64_t more;           /* found beyond it */
};

void finds_init(struct finds *f, uint64_t limit);
void finds_free(struct finds *f);
void finds_sort(struct finds *f); /* samples first, dropped rows last; in each by place */

/* Dropped rows are sought from step `from` on. */
int finds_of_id(struct finds *f, const struct steps *s, size_t from, struct str id);
/* `url`: unescaped. Rows whose picture or page has this URL. */
int finds_of_url(struct finds *f, const struct steps *s, struct str url);

struct str find_cell(const struct find *f, const char *name); /* as stored; absent where there is no such column */

/* The rows of the samples (or of the last step, where there are none), then those of all dropped files, that hold `needle` (see
 * search_rows). `end` and `step` say where. */
typedef int finds_each(void *context, enum find_end end, size_t step, const char *file, const struct columns *columns,
                       const struct row *row);
int finds_everywhere(const struct steps *s, struct str needle, finds_each *each, void *context);

/* The last step whose rows are there as row files, counted from 0; the samples' rows count. SIZE_MAX without one. */
size_t finds_last_step(const struct steps *s);

#endif
