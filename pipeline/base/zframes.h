/* zstd in independent frames, with a table behind them so that any part is read without unpacking the rest.
 *
 * Each data frame is compressed in one shot and carries its content size and checksum. Behind the last one stands the
 * skippable frame of the zstd seekable format 0.1.0 (contrib/seekable_format in the zstd sources): for each frame its
 * compressed size, its uncompressed size, and the low half of XXH64 of its contents. Other skippable frames are listed too,
 * with an uncompressed size of 0. Every zstd decompressor reads the whole as one stream.
 */
#ifndef WINNOW_ZFRAMES_H
#define WINNOW_ZFRAMES_H

#include "pipeline/base/buf.h"

struct zframe {
    uint32_t stored;   /* bytes in the file */
    uint32_t bytes;    /* uncompressed; 0 for a skippable frame */
    uint32_t checksum; /* low half of XXH64(uncompressed bytes, seed 0) */
};

/* The table of a file; also what a writer collects. Zero it; zframes_free. */
struct zframes {
    struct zframe *list;
    size_t count, room;
};

enum { ZFRAMES_LEVEL = 1, ZFRAME_BYTES_MAX = 1 << 30 }; /* the reference reader takes at most 1 GiB a frame */

void zframes_free(struct zframes *table);
int zframes_add(struct zframes *table, struct zframe frame);

/* Appends one frame to `out`; describes it in *frame (may be NULL). Thread-safe: the compression context is the thread's. */
int zframe_compress(struct buf *out, struct str bytes, int level, struct zframe *frame);
/* Appends a skippable frame. `magic` is 0x184D2A50 … 0x184D2A5F. */
int zframe_skippable(struct buf *out, uint32_t magic, struct str payload, struct zframe *frame);
/* Appends the seek table; the table itself is not listed. */
int zframes_table(struct buf *out, const struct zframes *table);

/* Decompresses one frame (as stored) and appends its contents; at most `limit` bytes. -1 when it is damaged. */
int zframe_decompress(struct buf *out, struct str stored, size_t limit);
/* Length of the frame that begins at `bytes`: 0 when more bytes are needed, SIZE_MAX when it is not a zstd frame. A skippable
 * frame counts; *skippable tells its magic (0 for data). */
size_t zframe_length(struct str bytes, uint32_t *skippable);

/* Reads the table from the end of an open file of `size` bytes. 1 when there is one, 0 when not, -1 when it is damaged. */
int zframes_read(struct zframes *table, int fd, uint64_t size);
/* Appends uncompressed bytes [offset, offset + length) of the file; only the frames that hold them are read. */
int zframes_read_range(const struct zframes *table, int fd, uint64_t offset, uint64_t length, struct buf *out);

#endif
