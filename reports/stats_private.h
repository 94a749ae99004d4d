/* What stats.c (which files) and stats_row.c (one row into every count) share. Nothing else includes this. */
#ifndef WINNOW_REPORTS_STATS_PRIVATE_H
#define WINNOW_REPORTS_STATS_PRIVATE_H

#include "pipeline/rows/rows.h"
#include "reports/stats.h"

#define PASS_COLUMN_LIST(X) \
    X(AT_ID, "id") X(AT_URL, "url") X(AT_TEXT, "text") X(AT_PAGE_URL, "page_url") X(AT_TEXT_SOURCE, "text_source") \
    X(AT_PAGE_LANG, "page_lang") X(AT_STATUS, "status") X(AT_HTTP_STATUS, "http_status") X(AT_BYTES, "bytes") \
    X(AT_FORMAT, "format") X(AT_WIDTH, "width") X(AT_HEIGHT, "height") X(AT_PACK, "image_pack") X(AT_OFFSET, "image_offset") \
    X(AT_LENGTH, "image_length") X(AT_RULE, "rule") X(AT_MEASURED, "measured") X(AT_ALSO, "also") X(AT_SHARD, "shard") \
    X(AT_KEY, "key") X(AT_SAMPLE_OFFSET, "sample_offset") X(AT_SAMPLE_LENGTH, "sample_length")

enum pass_column {
#define PASS_COLUMN(constant, name) constant,
    PASS_COLUMN_LIST(PASS_COLUMN)
#undef PASS_COLUMN
    PASS_COLUMNS
};

struct pass_score {
    size_t column, score; /* in the file; in stats.scores */
    bool unsafe;
};

enum { DOMAIN_CACHE = 1 << 16 }; /* hosts whose registrable domain is remembered */
struct domain_cached {
    uint64_t hash;            /* of the host; 0: free */
    uint32_t at;              /* the domain is the host from this byte on, */
    uint32_t n;               /* so long */
};

struct pass {
    struct stats *stats;
    struct arena scratch;              /* of one row */
    size_t at[PASS_COLUMNS];           /* columns of the current file; SIZE_MAX where absent */
    struct example_columns example;
    struct pass_score scores[STATS_SCORES];
    size_t score_count;
    struct { size_t column, label; } labels[STATS_LABELS]; /* in the file; in stats.labels */
    size_t label_count;
    struct domain_cached *domains;
    size_t rule_hint;                  /* rows of one rule often stand together */
};

int pass_open(struct pass *p, struct stats *s, size_t scratch);
void pass_close(struct pass *p);
int pass_file(struct pass *p, const char *path, size_t step);       /* step SIZE_MAX: rows of the corpus */
int pass_row(struct pass *p, const struct row *row, size_t step);

#endif
