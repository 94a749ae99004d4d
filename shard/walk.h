/* The rows of several files, one after another, one at a time.
 *
 *     struct walk *w = walk_open(paths, count, true);
 *     walk_seek(w, 120000);                        optional: the row to begin with, counted over all files
 *     while ((more = walk_next(w, &row)) > 0) ...  row lives until the next call
 *     walk_close(w);
 *
 * All files have the same columns, and their places rise over all of them. One thread. Functions that return int give -1 with
 * a sentence that names file and row.
 */
#ifndef WINNOW_SHARD_WALK_H
#define WINNOW_SHARD_WALK_H

#include "pipeline/rows/batch.h"
#include "pipeline/rows/rows.h"

struct walk;

/* `paths` ("-" is standard input) must outlive the walk; `quiet` says nothing about rows that winnow did not write. NULL with
 * a sentence when one cannot be opened or has other columns than the first. */
struct walk *walk_open(const char *const *paths, size_t count, bool quiet);
void walk_close(struct walk *w); /* NULL is allowed */

const struct columns *walk_columns(const struct walk *w);

/* Of the `i`-th file. */
struct walk_file {
    const char *path;
    uint64_t rows;      /* where `described`; else 0 */
    uint64_t size;      /* bytes as stored; 0 for a pipe */
    char hash[33];      /* where `described`: XXH3-128 of its lines */
    const char *packs;  /* pack folder, relative to the row file; NULL when it names none */
    bool described;     /* a regular file that winnow wrote to its end: rows, hash, packs are known beforehand */
};
const struct walk_file *walk_file(const struct walk *w, size_t i);

/* Rows of all files together: 0, or -1 (no sentence) when a file has no description. */
int walk_rows(const struct walk *w, uint64_t *rows);

/* Begins at row `row`, counted from 0 over all files, which have descriptions; frames before it are not read. Before the first
 * walk_next. */
int walk_seek(struct walk *w, uint64_t row);

/* 1 and the next row, 0 at the end, -1. The row's cells live until the next call. */
int walk_next(struct walk *w, const struct row **row);

uint64_t walk_stored_read(const struct walk *w); /* bytes of files read so far, for progress */

#endif
