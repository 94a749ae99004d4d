/* The work of one item of `fetch`: its rows, and the distinct URLs among them. */
#ifndef WINNOW_FETCH_JOBS_H
#define WINNOW_FETCH_JOBS_H

#include "crawl/fetch/outcome.h"
#include "crawl/fetch/store.h"
#include "crawl/fetch/web.h"
#include "crawl/net/table.h"
#include "crawl/url/url.h"
#include "pipeline/base/arena.h"

/* One URL. */
struct job {
    struct table_node node;  /* known.h's, while it is in flight */
    struct str url;
    struct web_url web;      /* from the web alone */
    struct outcome outcome;  /* status NULL: it was not reached */
    struct picture picture;
    uint64_t bytes;          /* of the body */
    struct store *store;     /* the item's */
    struct stored place;     /* of the file there */
    bool mine;               /* this item asks for it; else another did (known.h) */
    bool settled;            /* known.h's: others may read outcome, picture, bytes, place */
    size_t turn;             /* its number among the jobs that run together */
    bool packed;
    uint64_t offset;         /* in the pack, once it is packed */
};

enum row_task_kind {
    ROW_FETCH,
    ROW_PAGE_FORBIDS, /* page_robots says no */
    ROW_STAYS,        /* --retry: its cause cannot pass */
};

struct row_task {
    struct str url;
    enum row_task_kind kind;
    unsigned directives; /* ROW_PAGE_FORBIDS: which */
    size_t job;          /* ROW_FETCH */
};

struct item_jobs {
    struct store store;
    struct url_parser parser; /* from the web alone */
    /* ---- in the item's scratch */
    struct row_task *rows;
    size_t row_count;
    struct job *list;      /* in the order of their first rows */
    size_t count, done;
    struct job **turns;    /* those that run together; room for all */
    struct job **out;      /* of each row of item->out */
};

/* A URL as it is asked for: rows that winnow did not make may spell one in several ways. What is no URL stays as it is. */
int jobs_normalise(struct item_jobs *jobs, struct arena *arena, struct str *url);

/* Makes the list from the rows, whose url and kind are set. */
int jobs_make(struct item_jobs *jobs, struct arena *arena);

static inline bool job_has_picture(const struct job *job) { return job->outcome.status && outcome_is_ok(&job->outcome); }

/* Rows with a picture before the first one whose URL is still to be asked for. */
uint64_t jobs_rows_done(const struct item_jobs *jobs);

#endif
