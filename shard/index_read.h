/* Reading index.sqlite, also with SQL that a person typed, also from an index that somebody else made.
 *
 *     struct index_reader *r = index_reader_open("OUT/index.sqlite");
 *     index_reader_where(r, "width >= 512 AND page_lang = 'de'", &numbers);
 *     index_reader_sample(r, numbers.list[0], &statement);      its cells, until the next call
 *     index_reader_close(r);
 *
 * The file is opened for reading alone. SQLite is told to distrust it, and every statement passes an authorizer that lets
 * through reading and harmless functions: no writing, attaching, pragmas, extensions or endless recursion. Statements are
 * bounded in length and depth, cells in size.
 *
 * One thread. Functions return 0, or -1 with a sentence.
 */
#ifndef WINNOW_SHARD_INDEX_READ_H
#define WINNOW_SHARD_INDEX_READ_H

#include "pipeline/base/buf.h"

#include <signal.h>
#include <sqlite3.h>

struct index_reader;

/* `path`: the index, or a folder that holds index.sqlite. NULL with a sentence when it is none, or of another version. */
struct index_reader *index_reader_open(const char *path);
void index_reader_close(struct index_reader *r); /* NULL is allowed */
const char *index_reader_path(const struct index_reader *r); /* of the file itself */

/* Long searches ask `*flag` now and then, and fail when it is not 0. */
void index_reader_stop_on(struct index_reader *r, const volatile sig_atomic_t *flag);

int index_reader_fact(struct index_reader *r, struct str name, struct buf *out); /* appends; nothing when it is not there */

struct numbers { /* of samples, that is their keys; zero it; numbers_free */
    uint64_t *list;
    size_t count, room;
};
int numbers_add(struct numbers *numbers, uint64_t number);
void numbers_sort(struct numbers *numbers); /* rising, each once */
void numbers_free(struct numbers *numbers);

/* Adds the samples for which an SQL expression over the columns of `samples` holds. A wrong expression is a usage failure that
 * quotes SQLite's words. */
int index_reader_where(struct index_reader *r, const char *expression, struct numbers *numbers);
/* Adds the samples with an id (32 hexadecimal digits) or a key. 1 when there were any, 0 when not, -1. */
int index_reader_id(struct index_reader *r, struct str id, struct numbers *numbers);

/* The row of a sample: *row is a statement that stands on it, columns as in the table, valid until the next call. */
int index_reader_sample(struct index_reader *r, uint64_t number, sqlite3_stmt **row);
sqlite3_stmt *index_reader_columns(struct index_reader *r); /* a statement whose columns are those of the table, without a row */
int index_reader_shard_name(struct index_reader *r, uint64_t shard, struct buf *out); /* appends its file name */

#endif
