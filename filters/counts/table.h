/* Tables of counts as row files, sorted by key (schemas/FORMAT.md §6).
 *
 *     id  [name]  COUNT        finished: `id` is the key's hash, COUNT the column of the kind (kinds.h)
 *     id  member               COUNT is 1: partial, of distinct kinds: one row a pair, to be counted when the parts are together
 *
 * The description says under `table` what was counted: {"what", "over", "partial", "keys", "total"}; keys are the rows of a
 * finished table, total the sum of all counts, those of keys that were left out included. It names no inputs: tables of equal
 * rows are equal files, however the rows were parted. Parts of sums without a bound are like finished tables.
 */
#ifndef WINNOW_FILTERS_COUNTS_TABLE_H
#define WINNOW_FILTERS_COUNTS_TABLE_H

#include "filters/counts/groups.h"
#include "filters/counts/kinds.h"
#include "pipeline/base/file.h"

struct count_table_about {
    struct count_want want;
    bool partial;
    uint64_t keys, total;
};

int count_table_columns(struct columns *columns, enum count_kind kind, bool partial);
/* Writes what sealed groups give; fills keys and total of `about`. The file is left open, for publishing. */
int count_table_write(struct groups *groups, struct count_table_about *about, struct file_out *out);
int count_table_look(const char *path, struct count_table_about *about); /* at a file's description; -1: no table */
/* Whether rows of it can be added to those of others: true of parts and of sums that left nothing out. Of other finished tables
 * the keys have to be disjoint. */
bool count_table_adds_up(const struct count_table_about *about);

/* The rows of a table, one after another. */
struct count_table_reader;
struct count_table_row {
    struct hash128 key, member;
    uint64_t count;
    struct str name;
};
int count_table_open(struct count_table_reader **reader, const char *path);
int count_table_next(struct count_table_reader *reader, struct count_table_row *row); /* 1, 0, -1; the name until the next call */
void count_table_close(struct count_table_reader *reader); /* NULL is allowed */

int count_key_parse(struct str hex, struct hash128 *key); /* 32 hexadecimal digits; -1, no sentence */

#endif
