/* Joining compressed pieces of a tar. gzip: each piece is deflated by itself and flushed to a byte border (RFC 1951 §3.2.4: an
 * empty stored block), so that pieces join into one stream whose CRC is combined from theirs. */
#include "shard/shard_file.h"

#include "pipeline/base/fail.h"

#include <zlib.h>

enum {
    END_MARK_BYTES = 1024,  /* two blocks of zeros (POSIX pax, ustar) */
    GZIP_LEVEL = 1,         /* pictures do not shrink; JSON, headers and padding do at any level */
    DEFLATE_ONLY = -15,     /* deflateInit2: no head, 32 KiB window */
    DEFLATE_MEMORY = 8,     /* zlib's default */
    FLUSH_BYTES = 16,       /* beyond deflateBound: the empty block of a sync flush takes at most 5 */
};

static const char gzip_head[10] = {0x1F, (char)0x8B, 8, 0, 0, 0, 0, 0, 0, (char)0xFF}; /* no name, no time, unknown system */
static const char deflate_end[2] = {0x03, 0x00}; /* a last, empty block of fixed codes */

const char *shard_suffix(enum shard_compression compression)
{
    static const char *const suffixes[] = {".tar", ".tar.zst", ".tar.gz"};
    return suffixes[compression];
}

static int deflate_piece(struct shard_piece *piece)
{
    z_stream z = {0};
    if (deflateInit2(&z, GZIP_LEVEL, Z_DEFLATED, DEFLATE_ONLY, DEFLATE_MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
        return fail_memory();
    size_t bound = deflateBound(&z, piece->tar.n) + FLUSH_BYTES;
    int result = piece->tar.n > UINT32_MAX || bound > UINT32_MAX ? fail("a sample of %zu bytes", piece->tar.n)
                                                                 : buf_reserve(&piece->stored, bound);
    if (result == 0) {
        z.next_in = (Bytef *)piece->tar.p;
        z.avail_in = (uInt)piece->tar.n;
        z.next_out = (Bytef *)piece->stored.p;
        z.avail_out = (uInt)bound;
        if (deflate(&z, Z_SYNC_FLUSH) != Z_OK || z.avail_in) result = fail("zlib cannot compress");
        piece->stored.n = bound - z.avail_out;
        piece->crc = (uint32_t)crc32_z(0, (const Bytef *)piece->tar.p, piece->tar.n);
    }
    deflateEnd(&z);
    return result;
}

int shard_piece_pack(struct shard_piece *piece, enum shard_compression compression)
{
    buf_clear(&piece->stored);
    if (compression == SHARD_NONE || piece->tar.n == 0) return 0;
    if (compression == SHARD_GZIP) return deflate_piece(piece);
    return zframe_compress(&piece->stored, buf_str(&piece->tar), ZFRAMES_LEVEL, &piece->frame);
}

int shard_file_open(struct shard_file *f, const char *path, enum shard_compression compression)
{
    *f = (struct shard_file){.compression = compression};
    if (file_create(&f->file, path) < 0) return -1;
    return compression == SHARD_GZIP ? file_write(&f->file, str_of(gzip_head, sizeof gzip_head)) : 0;
}

int shard_file_add(struct shard_file *f, const struct shard_piece *piece)
{
    if (piece->tar.n == 0) return 0;
    f->tar_bytes += piece->tar.n;
    if (f->compression == SHARD_NONE) return file_write(&f->file, buf_str(&piece->tar));
    if (f->compression == SHARD_ZSTD && zframes_add(&f->table, piece->frame) < 0) return -1;
    if (f->compression == SHARD_GZIP) f->crc = (uint32_t)crc32_combine(f->crc, piece->crc, (z_off_t)piece->tar.n);
    return file_write(&f->file, buf_str(&piece->stored));
}

static int end_zstd(struct shard_file *f)
{
    struct buf table;
    buf_init(&table, SIZE_MAX / 2);
    int result = zframes_table(&table, &f->table);
    if (result == 0) result = file_write(&f->file, buf_str(&table));
    buf_free(&table);
    return result;
}

static int end_gzip(struct shard_file *f)
{
    char sums[8]; /* CRC and length modulo 2^32, little-endian (RFC 1952 §2.3.1) */
    for (unsigned i = 0; i < 4; i++) {
        sums[i] = (char)(f->crc >> 8 * i);
        sums[4 + i] = (char)(f->tar_bytes >> 8 * i);
    }
    if (file_write(&f->file, str_of(deflate_end, sizeof deflate_end)) < 0) return -1;
    return file_write(&f->file, str_of(sums, sizeof sums));
}

int shard_file_end(struct shard_file *f)
{
    struct shard_piece end = {0};
    buf_init(&end.tar, END_MARK_BYTES);
    buf_init(&end.stored, 2 * END_MARK_BYTES);
    int result = buf_reserve(&end.tar, END_MARK_BYTES);
    if (result == 0) {
        memset(end.tar.p, 0, END_MARK_BYTES);
        end.tar.n = END_MARK_BYTES;
        result = shard_piece_pack(&end, f->compression);
    }
    if (result == 0) result = shard_file_add(f, &end);
    buf_free(&end.tar);
    buf_free(&end.stored);
    if (result < 0) return -1;
    return f->compression == SHARD_ZSTD ? end_zstd(f) : f->compression == SHARD_GZIP ? end_gzip(f) : 0;
}

void shard_file_discard(struct shard_file *f)
{
    file_discard(&f->file);
    zframes_free(&f->table);
}
