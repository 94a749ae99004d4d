/* Equal URLs are found by sorting: no list of URLs, however chosen, makes that slow. */
#include "crawl/fetch/jobs.h"

#include "pipeline/base/hash.h"

#include <stdlib.h>

struct sorted {
    struct hash128 hash;
    struct str url;
    size_t row;
};

static int compare(const void *x, const void *y)
{
    const struct sorted *a = x, *b = y;
    int order = hash128_compare(a->hash, b->hash);
    if (order) return order;
    if (a->url.n != b->url.n) return a->url.n < b->url.n ? -1 : 1;
    order = a->url.n ? memcmp(a->url.p, b->url.p, a->url.n) : 0;
    return order ? order : (a->row > b->row) - (a->row < b->row);
}

/* Sets each row's `job` to the first row with its URL. */
static int find_first_rows(struct item_jobs *jobs, struct arena *arena)
{
    struct sorted *list = arena_alloc(arena, (jobs->row_count + 1) * sizeof *list);
    size_t n = 0;
    if (!list) return -1;
    for (size_t r = 0; r < jobs->row_count; r++)
        if (jobs->rows[r].kind == ROW_FETCH) list[n++] = (struct sorted){hash_xxh3_128(jobs->rows[r].url, 0), jobs->rows[r].url, r};
    qsort(list, n, sizeof *list, compare);
    for (size_t i = 0; i < n; i++) {
        bool same = i && str_eq(list[i - 1].url, list[i].url);
        jobs->rows[list[i].row].job = same ? jobs->rows[list[i - 1].row].job : list[i].row;
    }
    return 0;
}

int jobs_normalise(struct item_jobs *jobs, struct arena *arena, struct str *text)
{
    struct url url;
    enum url_status status = url_parse(&jobs->parser, &url, NULL, *text, NULL);
    if (status == URL_FAILED) return -1;
    if (status != URL_OK || str_eq(url_without_fragment(&url), *text)) return 0;
    *text = arena_copy(arena, url_without_fragment(&url));
    return text->p ? 0 : -1;
}

int jobs_make(struct item_jobs *jobs, struct arena *arena)
{
    jobs->count = jobs->done = 0;
    jobs->out = arena_alloc(arena, (jobs->row_count + 1) * sizeof *jobs->out);
    if (!jobs->out || find_first_rows(jobs, arena) < 0) return -1;
    for (size_t r = 0; r < jobs->row_count; r++) jobs->count += jobs->rows[r].kind == ROW_FETCH && jobs->rows[r].job == r;
    jobs->list = arena_alloc(arena, (jobs->count + 1) * sizeof *jobs->list);
    jobs->turns = arena_alloc(arena, (jobs->count + 1) * sizeof(struct job *));
    if (!jobs->list || !jobs->turns) return -1;
    memset(jobs->list, 0, (jobs->count + 1) * sizeof *jobs->list);
    size_t next = 0;
    for (size_t r = 0; r < jobs->row_count; r++) {
        struct row_task *row = &jobs->rows[r];
        if (row->kind != ROW_FETCH) continue;
        if (row->job != r) {
            row->job = jobs->rows[row->job].job; /* an earlier row, whose number is final */
            continue;
        }
        jobs->list[next].url = jobs->list[next].web.url = row->url;
        jobs->list[next].store = &jobs->store;
        row->job = next++;
    }
    return 0;
}

uint64_t jobs_rows_done(const struct item_jobs *jobs)
{
    uint64_t rows = 0;
    for (size_t r = 0; r < jobs->row_count; r++) {
        const struct row_task *row = &jobs->rows[r];
        if (row->kind != ROW_FETCH) continue;
        if (row->job >= jobs->done) break;
        rows += job_has_picture(&jobs->list[row->job]);
    }
    return rows;
}
