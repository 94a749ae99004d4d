/* The key of a row: what makes two rows equal for dedup, and puts them into one bucket for partition.
 *
 *     struct row_key key;
 *     row_key_parse(&key, "url+text", &run->in, seed);
 *     if (row_key_hash(&key, row, scratch, &hash)) ...     false: the row has no key
 *
 * A key is one column or several joined by '+'. Its hash is XXH3-128 with a seed: of the value where it is one column; of each
 * value behind its length (8 bytes, little-endian) where there are several, so that ("ab", "c") is not ("a", "bc").
 * Values are compared as they are after their escapes are undone: no case, no white space is folded.
 *
 * An absent value equals nothing, not even another absent one: a row without a `sha256` has no key by sha256. Only `text` is
 * different: an absent text is the empty text, so that two captionless rows of one URL are equal by url+text.
 */
#ifndef WINNOW_ROWS_KEY_H
#define WINNOW_ROWS_KEY_H

#include "pipeline/base/hash.h"
#include "pipeline/rows/batch.h"

enum { ROW_KEY_COLUMNS_MAX = 16 };

struct row_key {
    uint64_t seed;
    size_t count;
    size_t columns[ROW_KEY_COLUMNS_MAX];
    bool may_be_absent[ROW_KEY_COLUMNS_MAX];
};

/* `by`: names joined by '+'. A column that is missing is a usage error that names the stage that makes it. */
int row_key_parse(struct row_key *key, const char *by, const struct columns *columns, uint64_t seed);
bool row_key_hash(const struct row_key *key, const struct row *row, struct arena *scratch, struct hash128 *hash); /* any thread */

#endif
