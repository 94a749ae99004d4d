/* Reading shards in parts.
 *
 * A plain file is read where it stands. zstd with a seek table is a list of frames with their places in both spaces; a part
 * is cut from the frames that hold it. Everything else is a stream: it is decompressed piece by piece from the beginning, and
 * begun anew when a part lies behind what has gone by. */
#include "shard/store.h"

#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"
#include "pipeline/base/zframes.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

enum {
    PIECE_BYTES = 256 << 10,         /* one read from the file, one piece given to a tar reader */
    FRAME_BYTES_MAX = 512 << 20,     /* of one frame unpacked; winnow's hold a few samples, of 20 MB at most each */
    GZIP_AUTO_WINDOW = 15 + 16,      /* inflateInit2: a gzip head, any window */
};

enum kind { PLAIN, FRAMES, ZSTD_STREAM, GZIP_STREAM };

struct store {
    char *path;
    int fd;
    uint64_t size;           /* of the file as stored */
    uint64_t read;           /* bytes read from it */
    enum kind kind;
    uint64_t next;           /* place in the tar of store_next's next piece */
    char *piece;             /* PIECE_BYTES */

    struct zframes table;    /* FRAMES */
    uint64_t *tar_at;        /* place in the tar of each frame; one more entry than frames: the end */
    uint64_t *file_at;       /* place in the file of each frame */
    size_t unpacked;         /* the frame in `frame`; SIZE_MAX: none */
    struct buf stored, frame;

    ZSTD_DStream *zstd;      /* ZSTD_STREAM */
    z_stream gzip;           /* GZIP_STREAM, set up when `gzip_open` */
    bool gzip_open, inside;  /* inside: a member or frame has begun and not ended */
    uint64_t file_position;  /* of the next read of a stream */
    char *input;             /* PIECE_BYTES; input_at … input_n are not yet consumed */
    size_t input_at, input_n;
    uint64_t stream_at;      /* place in the tar of the next decompressed byte */
};

static int file_part(struct store *s, void *to, size_t n, uint64_t offset)
{
    s->read += n;
    return file_pread(s->fd, to, n, offset);
}

/* ---- frames */

static int index_frames(struct store *s)
{
    size_t n = s->table.count;
    s->tar_at = calloc(n + 1, sizeof *s->tar_at);
    s->file_at = calloc(n + 1, sizeof *s->file_at);
    if (!s->tar_at || !s->file_at) return fail_memory();
    for (size_t i = 0; i < n; i++) { /* sums of 32-bit numbers, fewer than 2^32 of them */
        s->tar_at[i + 1] = s->tar_at[i] + s->table.list[i].bytes;
        s->file_at[i + 1] = s->file_at[i] + s->table.list[i].stored;
    }
    return 0;
}

/* The frame that holds byte `at` of the tar, which is less than the tar's end. */
static size_t frame_of(const struct store *s, uint64_t at)
{
    size_t low = 0, high = s->table.count; /* tar_at[low] <= at < tar_at[high] */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (s->tar_at[middle] <= at) low = middle;
        else high = middle;
    }
    return low;
}

static int unpack_frame(struct store *s, size_t i)
{
    if (s->unpacked == i) return 0;
    s->unpacked = SIZE_MAX;
    size_t stored = s->table.list[i].stored, bytes = s->table.list[i].bytes;
    buf_clear(&s->stored);
    buf_clear(&s->frame);
    if (buf_reserve(&s->stored, stored) < 0 || file_part(s, s->stored.p, stored, s->file_at[i]) < 0) return -1;
    s->stored.n = stored;
    if (zframe_decompress(&s->frame, buf_str(&s->stored), bytes) < 0) return -1;
    if (s->frame.n != bytes) return fail("a frame of %zu bytes where the seek table says %zu", s->frame.n, bytes);
    s->unpacked = i;
    return 0;
}

/* The bytes at `at` that are at hand in one frame, at most `n`. */
static int frames_part(struct store *s, uint64_t at, uint64_t n, struct str *part)
{
    *part = str_of("", 0);
    if (at >= s->tar_at[s->table.count]) return 0;
    size_t i = frame_of(s, at);
    if (unpack_frame(s, i) < 0) return -1;
    struct str rest = str_from_at(buf_str(&s->frame), (size_t)(at - s->tar_at[i]));
    *part = str_of(rest.p, rest.n < n ? rest.n : (size_t)n);
    return 0;
}

/* ---- streams */

static int stream_rewind(struct store *s)
{
    s->file_position = 0;
    s->input_at = s->input_n = 0;
    s->stream_at = 0;
    s->inside = false;
    if (s->kind == ZSTD_STREAM) return ZSTD_isError(ZSTD_initDStream(s->zstd)) ? fail("zstd cannot begin") : 0;
    int code = s->gzip_open ? inflateReset(&s->gzip) : inflateInit2(&s->gzip, GZIP_AUTO_WINDOW);
    s->gzip_open = code == Z_OK;
    return code == Z_OK ? 0 : fail("zlib cannot begin");
}

/* Bytes to decompress in s->input; 1, 0 at the end of the file, -1. */
static int fill_input(struct store *s)
{
    if (s->input_at < s->input_n) return 1;
    uint64_t left = s->size - s->file_position;
    if (!left) return 0;
    size_t n = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;
    if (file_part(s, s->input, n, s->file_position) < 0) return -1;
    s->file_position += n;
    s->input_at = 0;
    s->input_n = n;
    return 1;
}

static int unpack_zstd(struct store *s, size_t *produced)
{
    ZSTD_inBuffer in = {s->input, s->input_n, s->input_at};
    ZSTD_outBuffer out = {s->piece, PIECE_BYTES, 0};
    size_t more = ZSTD_decompressStream(s->zstd, &out, &in);
    if (ZSTD_isError(more)) return fail("damaged zstd: %s", ZSTD_getErrorName(more));
    s->input_at = in.pos;
    s->inside = more != 0;
    *produced = out.pos;
    return 0;
}

static int unpack_gzip(struct store *s, size_t *produced)
{
    s->gzip.next_in = (Bytef *)s->input + s->input_at;
    s->gzip.avail_in = (uInt)(s->input_n - s->input_at);
    s->gzip.next_out = (Bytef *)s->piece;
    s->gzip.avail_out = PIECE_BYTES;
    int code = inflate(&s->gzip, Z_NO_FLUSH);
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
        return fail("damaged gzip: %s", s->gzip.msg ? s->gzip.msg : "unknown reason");
    s->input_at = s->input_n - s->gzip.avail_in;
    s->inside = code != Z_STREAM_END;
    *produced = PIECE_BYTES - s->gzip.avail_out;
    if (code == Z_STREAM_END) inflateReset(&s->gzip); /* perhaps another member */
    return 0;
}

/* The next decompressed bytes, in s->piece; none at the end. */
static int stream_piece(struct store *s, struct str *piece)
{
    for (;;) {
        size_t produced = 0;
        bool drained = s->input_at == s->input_n;
        int more = fill_input(s);
        if (more < 0) return -1;
        if (!more && !s->inside) break;
        if ((s->kind == ZSTD_STREAM ? unpack_zstd : unpack_gzip)(s, &produced) < 0) return -1;
        if (!more && drained && !produced && s->inside) return fail("cut: its compressed stream does not end");
        if (!produced) continue;
        *piece = str_of(s->piece, produced);
        s->stream_at += produced;
        return 0;
    }
    *piece = str_of("", 0);
    return 0;
}

static int stream_read(struct store *s, uint64_t offset, uint64_t length, struct buf *out)
{
    uint64_t end = offset + length;
    if (s->stream_at > offset && stream_rewind(s) < 0) return -1;
    while (s->stream_at < end) {
        struct str piece;
        uint64_t at = s->stream_at;
        if (stream_piece(s, &piece) < 0) return -1;
        if (!piece.n) return fail("ends before byte %llu of its tar", (unsigned long long)end);
        struct str part = at < offset ? str_from_at(piece, (size_t)(offset - at)) : piece;
        if (s->stream_at > end) part.n -= (size_t)(s->stream_at - end);
        if (buf_add(out, part) < 0) return -1;
    }
    return 0;
}

/* ---- opening and reading */

static enum kind kind_of(const unsigned char *head, size_t n)
{
    if (n >= 2 && head[0] == 0x1F && head[1] == 0x8B) return GZIP_STREAM;
    if (n >= 4 && head[0] == 0x28 && head[1] == 0xB5 && head[2] == 0x2F && head[3] == 0xFD) return ZSTD_STREAM;
    bool skippable = n >= 4 && (head[0] & 0xF0) == 0x50 && head[1] == 0x2A && head[2] == 0x4D && head[3] == 0x18;
    return skippable ? ZSTD_STREAM : PLAIN;
}

static int set_up(struct store *s)
{
    unsigned char head[4];
    size_t n = s->size < sizeof head ? (size_t)s->size : sizeof head;
    if (file_part(s, head, n, 0) < 0) return -1;
    s->kind = kind_of(head, n);
    s->unpacked = SIZE_MAX;
    buf_init(&s->stored, FRAME_BYTES_MAX + (FRAME_BYTES_MAX >> 7));
    buf_init(&s->frame, FRAME_BYTES_MAX);
    s->piece = malloc(PIECE_BYTES);
    s->input = malloc(PIECE_BYTES);
    if (!s->piece || !s->input) return fail_memory();
    if (s->kind == ZSTD_STREAM) {
        int table = zframes_read(&s->table, s->fd, s->size);
        if (table < 0) return -1;
        if (table > 0) s->kind = FRAMES;
    }
    if (s->kind == FRAMES) return index_frames(s);
    if (s->kind == PLAIN) return 0;
    if (s->kind == ZSTD_STREAM && !(s->zstd = ZSTD_createDStream())) return fail_memory();
    return stream_rewind(s);
}

struct store *store_open(const char *path)
{
    struct store *s = calloc(1, sizeof *s);
    if (!s) return fail_memory(), NULL;
    s->fd = -1;
    s->path = strdup(path);
    if (!s->path) {
        store_close(s);
        return fail_memory(), NULL;
    }
    s->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (s->fd < 0) {
        fail_errno("%s: cannot open", path);
        store_close(s);
        return NULL;
    }
    if (file_size(path, &s->size) < 0) {
        store_close(s);
        return NULL;
    }
    if (set_up(s) < 0) {
        fail_prefix("%s: ", path);
        store_close(s);
        return NULL;
    }
    return s;
}

void store_close(struct store *s)
{
    if (!s) return;
    if (s->fd >= 0) close(s->fd);
    if (s->gzip_open) inflateEnd(&s->gzip);
    ZSTD_freeDStream(s->zstd);
    zframes_free(&s->table);
    free(s->tar_at);
    free(s->file_at);
    buf_free(&s->stored);
    buf_free(&s->frame);
    free(s->piece);
    free(s->input);
    free(s->path);
    free(s);
}

static int plain_read(struct store *s, uint64_t offset, uint64_t length, struct buf *out)
{
    if (offset + length > s->size) return fail("ends before byte %llu of its tar", (unsigned long long)(offset + length));
    if (buf_reserve(out, (size_t)length) < 0 || file_part(s, out->p + out->n, (size_t)length, offset) < 0) return -1;
    out->n += (size_t)length;
    return 0;
}

static int frames_read(struct store *s, uint64_t offset, uint64_t length, struct buf *out)
{
    for (uint64_t at = offset, end = offset + length; at < end;) {
        struct str part;
        if (frames_part(s, at, end - at, &part) < 0) return -1;
        if (!part.n) return fail("ends before byte %llu of its tar", (unsigned long long)end);
        if (buf_add(out, part) < 0) return -1;
        at += part.n;
    }
    return 0;
}

int store_read(struct store *s, uint64_t offset, uint64_t length, struct buf *out)
{
    uint64_t end;
    size_t before = out->n;
    int result;
    if (__builtin_add_overflow(offset, length, &end) || length > SIZE_MAX) result = fail("a part beyond any file's end");
    else if (s->kind == PLAIN) result = plain_read(s, offset, length, out);
    else if (s->kind == FRAMES) result = frames_read(s, offset, length, out);
    else result = stream_read(s, offset, length, out);
    if (result < 0) {
        out->n = before;
        fail_prefix("%s: ", s->path);
    }
    return result;
}

static int plain_piece(struct store *s, struct str *piece)
{
    uint64_t left = s->next < s->size ? s->size - s->next : 0;
    size_t n = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;
    if (file_part(s, s->piece, n, s->next) < 0) return -1;
    *piece = str_of(s->piece, n);
    return 0;
}

int store_next(void *context, struct str *piece)
{
    struct store *s = context;
    int result = s->kind == PLAIN ? plain_piece(s, piece)
                 : s->kind == FRAMES ? frames_part(s, s->next, UINT64_MAX, piece)
                                     : stream_piece(s, piece);
    if (result < 0) return fail_prefix("%s: ", s->path), -1;
    s->next += piece->n;
    return 0;
}

uint64_t store_skip(void *context, uint64_t bytes)
{
    struct store *s = context;
    uint64_t size = s->kind == PLAIN ? s->size : s->kind == FRAMES ? s->tar_at[s->table.count] : 0;
    if (s->next >= size) return 0;
    uint64_t passed = bytes < size - s->next ? bytes : size - s->next;
    s->next += passed;
    return passed;
}

uint64_t store_bytes_read(const struct store *s) { return s->read; }
