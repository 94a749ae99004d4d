/* Pairs of a picture and a caption, read from shards or from rows, for `winnow model eval`.
 *
 *     const struct eval_source source = {.by = "source", .text = "text", .packs = "packs"};
 *     if (eval_pairs_read("00000.tar.zst", &source, take, &mine) < 0) return -1;      calls take() for every pair, in order
 *
 * A shard is told by its name (.tar, .tar.zst, .tar.gz): runs of members with one key, of which one is a picture. The caption is
 * KEY.txt, else of KEY.json the member "caption", else the first of "captions". Everything else is read as rows, whose pictures
 * lie in packs. Samples without caption or picture are counted and passed over.
 */
#ifndef WINNOW_FILTERS_EVAL_PAIRS_H
#define WINNOW_FILTERS_EVAL_PAIRS_H

#include "pipeline/base/buf.h"

struct eval_source {
    const char *by;           /* column, or member of KEY.json, by which pairs are told apart; NULL: none */
    const char *text;         /* column of rows */
    const char *packs;        /* folder of rows' pictures */
    const char *const *where; /* NAME=VALUE: only pairs of which all hold */
    size_t where_count;
};

struct eval_pair {
    struct str text, group, picture; /* the group is empty without `by`, or where a pair has no such value */
};

/* 0 goes on; -1 with a sentence ends the reading. Slices live until it returns. */
typedef int eval_pair_function(void *context, const struct eval_pair *pair);

/* A row whose picture cannot be read is given without one; with `wants_pictures` false no row's picture is read. */
int eval_pairs_read(const char *path, const struct eval_source *source, bool wants_pictures, eval_pair_function *each, void *context);

#endif
