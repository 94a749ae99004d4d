/* Values that other values stand for, read from a row file: with the clusters of near pictures known, a row's key is its cluster.
 *
 *     struct key_map *m = key_map_read("clusters.rows.zst", "phash", "cluster", seed, memory);
 *     if (row_key_hash(&key, row, scratch, &hash)) hash = key_map_key(m, hash);
 *     key_map_free(m);
 *
 * Of each row of the file the value of one column is stood for by that of another, where both are there and differ. A value that the
 * file does not tell of stands for itself. Keys are row_key_hash's of one column, with the same seed.
 *
 * Memory: some 60 bytes a value that another stands for, which must fit. Constant once read; any thread. */
#ifndef WINNOW_ROWS_KEY_MAP_H
#define WINNOW_ROWS_KEY_MAP_H

#include "pipeline/base/hash.h"

#include <stddef.h>

struct key_map;

struct key_map *key_map_read(const char *path, const char *from, const char *to, uint64_t seed, size_t memory); /* NULL with a sentence */
void key_map_free(struct key_map *m); /* NULL is allowed */
bool key_map_find(const struct key_map *m, struct hash128 key, struct str *value); /* what stands for the key's value; false: itself */
struct hash128 key_map_key(const struct key_map *m, struct hash128 key);           /* the key of what stands for it */

#endif
