/* A block of consecutive rows, and a seeded order of them.
 *
 * The order is that of XXH3-128 with the seed over the place (src_file, src_record, src_image, src_text as four little-endian
 * 64-bit numbers), high half first: where a row goes depends on seed, block and place alone. The lines wait in a nameless
 * file; in memory stand 40 bytes a row.
 *
 *     struct shuffle *s = shuffle_open(seed, folder);
 *     shuffle_add(s, line, &place) …               all rows of the block, in row order
 *     shuffle_seal(s);
 *     for (i = 0; i < shuffle_count(s); i++)
 *         shuffle_line(s, shuffle_at(s, i), &out); the block in the seeded order
 *     shuffle_close(s);
 *
 * After sealing any thread may read. Functions that return int give 0, or -1 with a sentence.
 */
#ifndef WINNOW_SHARD_SHUFFLE_H
#define WINNOW_SHARD_SHUFFLE_H

#include "pipeline/base/buf.h"
#include "pipeline/base/hash.h"
#include "pipeline/rows/batch.h"

struct shuffle;

struct shuffle *shuffle_open(uint64_t seed, const char *folder); /* folder: as in spill_open; NULL with a sentence */
void shuffle_close(struct shuffle *s);                           /* NULL is allowed */

int shuffle_add(struct shuffle *s, struct str line, const struct place *place); /* `line` without its line feed */
int shuffle_seal(struct shuffle *s);

size_t shuffle_count(const struct shuffle *s);
size_t shuffle_at(const struct shuffle *s, size_t i);               /* the number (from 0, as added) of the i-th in order */
int shuffle_line(const struct shuffle *s, size_t added, struct buf *out); /* appends line `added` and a line feed */

struct hash128 shuffle_key(uint64_t seed, const struct place *place);

#endif
