/* A shard as stored: the tar inside NNNNN.tar, NNNNN.tar.zst or NNNNN.tar.gz, read in parts.
 *
 *     struct store *s = store_open("shards/00000.tar.zst");
 *     store_read(s, sample_offset, sample_length, &out);   appends those bytes of the uncompressed tar
 *     store_close(s);
 *
 * What a part costs: of a plain tar its own bytes; of zstd with a seek table the frames that hold it (the last one unpacked
 * is kept, so parts that follow one another unpack it once); of other zstd, and of gzip, everything before it (parts in
 * rising order make one pass together). The kind is told by the first bytes, not by the name.
 *
 * One thread a handle. Functions return 0, or -1 with a sentence that names the file.
 */
#ifndef WINNOW_SHARD_STORE_H
#define WINNOW_SHARD_STORE_H

#include "pipeline/base/buf.h"

struct store;

struct store *store_open(const char *path); /* NULL with a sentence */
void store_close(struct store *s);          /* NULL is allowed */

/* Appends bytes [offset, offset + length) of the tar; -1 when it ends before. The ceiling of `out` holds. */
int store_read(struct store *s, uint64_t offset, uint64_t length, struct buf *out);

/* The tar's bytes from the beginning on, piece by piece: a tar_read_function and a tar_skip_function (tar.h) whose context is
 * the store. Not to be mixed with store_read between pieces. */
int store_next(void *s, struct str *piece);
uint64_t store_skip(void *s, uint64_t bytes);

/* Bytes read from the file so far, to see that a part was read without the rest. */
uint64_t store_bytes_read(const struct store *s);

#endif
