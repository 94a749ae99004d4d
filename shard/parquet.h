/* Parquet files, written: flat columns, every value optional, plain encoding, pages compressed with zstd.
 *
 *     static const struct parquet_column columns[] = {{"caption", PARQUET_TEXT}, {"width", PARQUET_INT64}};
 *     struct parquet *p = parquet_open(columns, 2, write, context);      write(context, bytes): the file, front to back
 *     for each row: parquet_cell(p, text), parquet_cell(p, number);      in the order of the columns
 *     parquet_finish(p);
 *     parquet_close(p);
 *
 * A row group is closed at 65,536 rows or 64 MiB, which is what memory holds. (Format: apache/parquet-format; spec: peers.md 3.8.)
 */
#ifndef WINNOW_SHARD_PARQUET_H
#define WINNOW_SHARD_PARQUET_H

#include "pipeline/base/str.h"

enum parquet_type { PARQUET_TEXT, PARQUET_INT64, PARQUET_DOUBLE };

struct parquet_column {
    const char *name; /* lives as long as the writer */
    enum parquet_type type;
};

struct parquet;

/* NULL with a sentence. */
struct parquet *parquet_open(const struct parquet_column *columns, size_t count, int (*write)(void *context, struct str bytes), void *context);
/* The row's next cell, as text; absent, empty, or no number of its column's type: null. -1 with a sentence. */
int parquet_cell(struct parquet *p, struct str value);
int parquet_finish(struct parquet *p); /* the footer; behind it only close */
void parquet_close(struct parquet *p); /* NULL is allowed */

#endif
