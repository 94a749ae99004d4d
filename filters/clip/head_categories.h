/* The category tables of AutoKeras' heads. Private to head*.c. */
#ifndef WINNOW_CLIP_HEAD_CATEGORIES_H
#define WINNOW_CLIP_HEAD_CATEGORIES_H

#include "pipeline/base/hash.h"

struct category_column {
    size_t column;        /* of the embedding */
    const char **texts;   /* sorted */
    uint32_t *ranks;      /* of each, 1 for the most frequent */
    size_t count;
};
struct categories {
    struct category_column *columns;
    size_t count;
    void *json; /* which the texts point into */
    struct hash128 digest; /* of the file's content */
};

/* From a gzipped JSON object {"column": ["0.123456", ...]}, the most frequent first. -1 with a sentence. */
int categories_read(struct categories *c, const char *path);
void categories_free(struct categories *c);
double category_rank(const struct category_column *column, float x); /* 0 when it is not there */

#endif
