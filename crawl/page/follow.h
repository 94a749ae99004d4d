/* From the records of a crawl file, in order, to its pages.
 *
 * A page is a response with HTML. Common Crawl puts a metadata record behind it that may tell its charset; so a page is read
 * only when the next record is seen, or the caller says that none will come.
 *
 *     for each record { page_follow_record(f, &record, ordinal, &sink); if (page_follow_holds(f)) keep the record's bytes; }
 *     page_follow_flush(f, &sink);
 *
 * One thread a follower.
 */
#ifndef WINNOW_PAGE_FOLLOW_H
#define WINNOW_PAGE_FOLLOW_H

#include "crawl/http/body.h"
#include "crawl/http/mime.h"
#include "crawl/page/pairs.h"
#include "crawl/warc/record.h"

enum follow_count {
    FOLLOW_RECORDS,
    FOLLOW_RESPONSES,
    FOLLOW_REVISITS,       /* responses that were seen before: no body of their own */
    FOLLOW_NO_HTTP,        /* responses without a status line */
    FOLLOW_OTHER_STATUS,   /* neither 200 nor 203 nor 206 */
    FOLLOW_PICTURES,       /* responses with an image */
    FOLLOW_PAGES,
    FOLLOW_PAGES_PARTIAL,  /* of these: 203, 206, or cut by the crawler */
    FOLLOW_PAGES_DETECTED, /* of these: with a charset from a metadata record */
    FOLLOW_BODIES_DAMAGED, /* chunks or codings that end too early */
    FOLLOW_COUNTS
};
const char *follow_count_name(enum follow_count count);

/* Where a followed page or picture comes from. */
struct follow_source {
    const struct warc_record *record;
    uint64_t ordinal;  /* of the record in its file */
    struct str uri;    /* clean */
};

struct follow_sink {
    void *context;
    /* Each -1 with a sentence ends the following. `page` lives until the call returns. */
    int (*page)(void *context, const struct follow_source *source, const struct page *page);
    int (*response)(void *context, const struct follow_source *source); /* every HTTP response, pages too; may be NULL */
    int (*lost)(void *context, const struct follow_source *source, const char *what); /* a page that cannot be read */
};

struct page_follow {
    struct page_reader *reader;
    struct http_body body;
    struct buf uri, copy;
    struct warc_record record; /* the response that waits … */
    uint64_t ordinal;
    bool waits;
    struct str clean_uri, content; /* … its URI and its body without codings … */
    struct http_head head;
    struct mime mime;              /* … and its type */
    uint64_t counts[FOLLOW_COUNTS], page_counts[PAGE_COUNTS];
};

int page_follow_init(struct page_follow *f, const struct page_options *options, size_t body_limit);
void page_follow_free(struct page_follow *f);

int page_follow_record(struct page_follow *f, const struct warc_record *record, uint64_t ordinal, const struct follow_sink *sink);
int page_follow_flush(struct page_follow *f, const struct follow_sink *sink); /* no record follows the one that waits */

/* Whether the record given last waits: its bytes must live until the next record was given, or be copied. */
static inline bool page_follow_holds(const struct page_follow *f) { return f->waits; }
int page_follow_copy(struct page_follow *f);

/* Hands the waiting record to another follower of the same file, by a copy. Counts stay. */
int page_follow_move(struct page_follow *from, struct page_follow *to);

#endif
