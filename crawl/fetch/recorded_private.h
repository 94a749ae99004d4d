/* What recorded.c (the list) and recorded_reader.c (looking up and reading) share. */
#ifndef WINNOW_FETCH_RECORDED_PRIVATE_H
#define WINNOW_FETCH_RECORDED_PRIVATE_H

#include "crawl/fetch/recorded.h"
#include "crawl/url/url.h"
#include "pipeline/base/extsort.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/spill.h"

/* Where a record lies. */
struct recorded_place {
    uint32_t file;    /* as named */
    bool spooled;     /* in the temporary file instead */
    uint64_t offset, length;
};

struct recorded {
    struct extsort *sort;       /* until sealed */
    const char *folder;
    char **entries;             /* files as named */
    bool *search;               /* of each: a table says that it holds responses which cannot be read alone */
    uint32_t entry_count;
    bool damaged;
    struct spill spool;         /* HTTP messages; one byte before each: truncated or not */
    struct spill list;          /* sealed */
    const unsigned char *found; /* the list, mapped */
    uint64_t found_count;
};

bool recorded_find(const struct recorded *r, struct hash128 key, struct recorded_place *place);

static inline struct hash128 recorded_key(const struct url *url) { return hash_xxh3_128(url_without_fragment(url), 0); }

#endif
