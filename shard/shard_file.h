/* A shard being written: pieces of tar, compressed apart from each other, joined in order.
 *
 *     piece = (struct shard_piece){…}; shard_piece_pack(&piece, compression);      any thread, any order
 *     shard_file_open(&f, "shards/00000.tar.zst", compression);                    serial from here
 *     shard_file_add(&f, &piece) …
 *     shard_file_end(&f);                          end mark of the tar, end of the compressed stream; then publish f.file
 *
 * A piece holds whole samples. What becomes of it:
 *     none   its bytes
 *     zstd   one frame with content size and checksum; the file ends with the seek table (base/zframes.h)
 *     gzip   a run of deflate blocks that ends at a byte; the file is one member, since Python's tarfile stops after the first
 *
 * Every piece is compressed by itself, so the bytes do not depend on who compressed it. Functions return 0 or -1 with a
 * sentence; after that only shard_file_discard.
 */
#ifndef WINNOW_SHARD_SHARD_FILE_H
#define WINNOW_SHARD_SHARD_FILE_H

#include "pipeline/base/buf.h"
#include "pipeline/base/file.h"
#include "pipeline/base/zframes.h"

enum shard_compression { SHARD_NONE, SHARD_ZSTD, SHARD_GZIP };

const char *shard_suffix(enum shard_compression compression); /* ".tar", ".tar.zst", ".tar.gz" */

struct shard_piece {
    struct buf tar;      /* members, headers and padding included */
    struct buf stored;   /* packed; unused for SHARD_NONE */
    struct zframe frame; /* zstd */
    uint32_t crc;        /* gzip */
};
int shard_piece_pack(struct shard_piece *piece, enum shard_compression compression);

struct shard_file {
    struct file_out file;
    enum shard_compression compression;
    uint64_t tar_bytes;   /* so far: where the next piece begins in the uncompressed tar */
    struct zframes table;
    uint32_t crc;
};
int shard_file_open(struct shard_file *f, const char *path, enum shard_compression compression);
int shard_file_add(struct shard_file *f, const struct shard_piece *piece);
int shard_file_end(struct shard_file *f);      /* then stage_publish(run, &f->file, …) */
void shard_file_discard(struct shard_file *f); /* may be called on a zeroed struct whose file.fd is -1 */

#endif
