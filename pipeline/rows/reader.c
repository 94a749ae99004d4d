/* Reading row files. Three kinds of input come through one door:
 *   own    winnow's: zstd frames, the first of which is exactly the header line; read a frame at a time, and not complete
 *          without the description behind the data
 *   zstd   other people's: decompressed as a stream, cut into pieces of whole lines
 *   plain  lines as they are
 * `raw` holds bytes that were read and not yet used. */
#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"
#include "pipeline/base/log.h"
#include "pipeline/rows/rows.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

enum {
    READ_BYTES = 256 << 10,
    HEADER_BYTES_MAX = 64 << 10,
    OWN_FRAME_MAX = ROWS_FRAME_BYTES + ROW_BYTES_MAX + 1, /* uncompressed */
    STORED_MAX = 1 << 30,  /* a description may list millions of frames */
    PIECE_BYTES = 1 << 20, /* of other people's lines */
};

struct rows_reader {
    char *name;
    int fd;
    uint64_t size, read;   /* size: 0 for a pipe */
    bool regular, own, zstd, at_end, described;
    struct buf raw;
    size_t raw_at;
    struct buf lines;      /* other people's: decompressed bytes whose last line is not whole yet */
    ZSTD_DStream *stream;
    bool stream_inside;    /* inside a frame of theirs: its end is due */
    struct columns columns;
    struct rows_description description;
    struct zframes table;
    size_t next_frame, last_frame; /* data frames to deliver; last_frame SIZE_MAX: all */
    struct hash_stream *hash;
};

void rows_frame_init(struct rows_frame *frame)
{
    *frame = (struct rows_frame){0};
    buf_init(&frame->stored, STORED_MAX);
    buf_init(&frame->text, (size_t)PIECE_BYTES * 2 + ROW_BYTES_MAX);
}

void rows_frame_free(struct rows_frame *frame)
{
    buf_free(&frame->stored);
    buf_free(&frame->text);
}

/* ---- bytes */

static struct str unread(const struct rows_reader *r) { return str_from_at(buf_str(&r->raw), r->raw_at); }

/* More bytes behind the unread ones: 1, 0 at the end of the input, -1. */
static int read_more(struct rows_reader *r)
{
    if (r->at_end) return 0;
    if (r->raw_at) { /* moved at most once a read, and reads are large */
        memmove(r->raw.p, r->raw.p + r->raw_at, r->raw.n - r->raw_at);
        r->raw.n -= r->raw_at;
        r->raw_at = 0;
    }
    if (buf_reserve(&r->raw, READ_BYTES) < 0) return -1;
    ssize_t n;
    do n = read(r->fd, r->raw.p + r->raw.n, READ_BYTES);
    while (n < 0 && errno == EINTR);
    if (n < 0) return fail_errno("%s: cannot read", r->name);
    if (n == 0) r->at_end = true;
    r->raw.n += (size_t)n;
    r->read += (uint64_t)n;
    return n > 0;
}

/* The next whole frame at the unread bytes: its length, 0 at the clean end of the input, SIZE_MAX on failure. */
static size_t whole_frame(struct rows_reader *r, uint32_t *skippable)
{
    for (;;) {
        size_t n = zframe_length(unread(r), skippable);
        if (n == SIZE_MAX) {
            fail("%s: offset %llu: not a zstd frame: the file is damaged", r->name,
                 (unsigned long long)(r->read - unread(r).n));
            return SIZE_MAX;
        }
        if (n) return n;
        if (unread(r).n > STORED_MAX) {
            fail("%s: a frame of more than %d bytes", r->name, STORED_MAX);
            return SIZE_MAX;
        }
        int more = read_more(r);
        if (more < 0) return SIZE_MAX;
        if (!more && unread(r).n == 0) return 0;
        if (!more) {
            fail("%s: cut off inside a frame: it was not written to its end; make it again", r->name);
            return SIZE_MAX;
        }
    }
}

/* ---- description */

static void free_description(struct rows_description *d)
{
    free(d->frame_rows);
    json_decref(d->json);
    *d = (struct rows_description){0};
}

static int parse_description(struct rows_reader *r, struct str payload)
{
    struct rows_description *d = &r->description;
    json_error_t error;
    d->json = json_loadb(payload.p, payload.n, 0, &error);
    const char *format = json_string_value(json_object_get(d->json, "format"));
    if (!format || strcmp(format, ROWS_FORMAT) != 0)
        return fail("%s: its description says format '%s', expected '%s'", r->name, format ? format : "(none)", ROWS_FORMAT);
    json_t *frame_rows = json_object_get(d->json, "frame_rows"), *rows = json_object_get(d->json, "rows");
    const char *hash = json_string_value(json_object_get(d->json, "xxh3_128"));
    if (!json_is_array(frame_rows) || !json_is_integer(rows) || !hash || strlen(hash) != 32)
        return fail("%s: its description lacks rows, frame_rows or xxh3_128", r->name);
    memcpy(d->hash, hash, sizeof d->hash);
    d->rows = (uint64_t)json_integer_value(rows);
    d->frames = json_array_size(frame_rows);
    d->frame_rows = calloc(d->frames + 1, sizeof *d->frame_rows);
    if (!d->frame_rows) return fail_memory();
    uint64_t sum = 0;
    for (size_t i = 0; i < d->frames; i++) {
        json_t *n = json_array_get(frame_rows, i);
        if (!json_is_integer(n) || json_integer_value(n) < 0) return fail("%s: its description has a frame without rows", r->name);
        sum += d->frame_rows[i] = (uint64_t)json_integer_value(n);
    }
    if (sum != d->rows) return fail("%s: its frames hold %llu rows, its description says %llu", r->name,
                                    (unsigned long long)sum, (unsigned long long)d->rows);
    r->described = true;
    return 0;
}

/* Of a regular file: table and description from its end. A file without them is cut off, which rows_read will say. */
static int read_description_at_end(struct rows_reader *r)
{
    int found = zframes_read(&r->table, r->fd, r->size);
    if (found < 0) zframes_free(&r->table); /* damaged, or of two files joined: reading through will say which */
    if (found <= 0 || r->table.count < 2) return 0;
    struct zframe last = r->table.list[r->table.count - 1];
    uint64_t at = 0;
    for (size_t i = 0; i + 1 < r->table.count; i++) at += r->table.list[i].stored;
    struct buf stored;
    buf_init(&stored, STORED_MAX);
    int result = buf_reserve(&stored, last.stored);
    if (result == 0) result = file_pread(r->fd, stored.p, last.stored, at);
    stored.n = last.stored;
    uint32_t magic;
    if (result == 0 && zframe_length(buf_str(&stored), &magic) == stored.n && magic == ROWS_DESCRIPTION_MAGIC)
        result = parse_description(r, str_from_at(buf_str(&stored), 8));
    buf_free(&stored);
    if (result == 0 && r->described && r->description.frames + 2 != r->table.count)
        result = fail("%s: %zu frames, its description lists %zu", r->name, r->table.count, r->description.frames + 2);
    return result;
}

/* ---- opening */

/* 1: the first frame is exactly one line that begins with column id, or with a picture table's url_xxh3; 0: not; -1. */
static int try_own_header(struct rows_reader *r)
{
    uint32_t skippable;
    size_t n = 0;
    while ((n = zframe_length(unread(r), &skippable)) == 0 && unread(r).n < 2 * HEADER_BYTES_MAX) {
        int more = read_more(r);
        if (more < 0) return -1;
        if (!more) break;
    }
    unsigned long long size = n && n != SIZE_MAX && !skippable ? ZSTD_getFrameContentSize(unread(r).p, n) : ZSTD_CONTENTSIZE_UNKNOWN;
    if (size == 0 || size > HEADER_BYTES_MAX) return 0; /* unknown and error are large */
    struct buf line;
    buf_init(&line, HEADER_BYTES_MAX + 1);
    int result = zframe_decompress(&line, str_of(unread(r).p, n), HEADER_BYTES_MAX);
    struct str s = buf_str(&line);
    struct str rest = s, first = str_cut(&rest, '\n');
    bool one_line = rest.p && rest.n == 0;
    bool own = str_starts(first, STR("id\t")) || str_eq(first, STR("id")) || str_starts(first, STR("url_xxh3\t")); /* rows; pictures */
    if (result == 0 && one_line && own) {
        result = columns_parse(&r->columns, str_of(s.p, s.n - 1)) < 0 ? -1 : 1;
        if (result < 0) fail_prefix("%s: ", r->name);
        r->raw_at += n;
        hash_stream_add(r->hash, s);
    } else if (result < 0) {
        fail_prefix("%s: ", r->name);
    }
    buf_free(&line);
    return result;
}

/* Appends other people's bytes, decompressed, to r->lines: 1, 0 at the end, -1. */
static int more_lines(struct rows_reader *r)
{
    if (!unread(r).n) {
        int more = read_more(r);
        if (more < 0) return -1;
        if (!more && r->stream_inside) return fail("%s: cut off inside a zstd frame: make it again", r->name);
        if (!more) return 0;
    }
    if (!r->zstd) {
        int result = buf_add(&r->lines, unread(r));
        r->raw_at = r->raw.n;
        return result < 0 ? -1 : 1;
    }
    size_t step = ZSTD_DStreamOutSize();
    if (buf_reserve(&r->lines, step) < 0) return -1;
    struct str in_bytes = unread(r);
    ZSTD_inBuffer in = {in_bytes.p, in_bytes.n, 0};
    ZSTD_outBuffer out = {r->lines.p + r->lines.n, step, 0};
    size_t left = ZSTD_decompressStream(r->stream, &out, &in);
    if (ZSTD_isError(left)) return fail("%s: damaged zstd data: %s", r->name, ZSTD_getErrorName(left));
    r->stream_inside = left != 0;
    r->raw_at += in.pos;
    r->lines.n += out.pos;
    return 1;
}

static int read_other_header(struct rows_reader *r)
{
    const char *end;
    while (!(end = r->lines.n ? memchr(r->lines.p, '\n', r->lines.n) : NULL)) {
        if (r->lines.n > HEADER_BYTES_MAX) return fail_usage("%s: the first line is longer than %d bytes: not a row file", r->name, HEADER_BYTES_MAX);
        int more = more_lines(r);
        if (more < 0) return -1;
        if (more) continue;
        return r->lines.n ? fail_usage("%s: the header line does not end: not a row file", r->name)
                          : fail("%s: empty: a row file has at least its header line", r->name);
    }
    size_t n = (size_t)(end - r->lines.p);
    if (columns_parse(&r->columns, str_of(r->lines.p, n)) < 0) {
        fail_prefix("%s: not a row file: ", r->name);
        return -1;
    }
    hash_stream_add(r->hash, str_of(r->lines.p, n + 1));
    memmove(r->lines.p, r->lines.p + n + 1, r->lines.n - n - 1);
    r->lines.n -= n + 1;
    return 0;
}

static int read_header(struct rows_reader *r, const struct rows_open_options *options)
{
    while (unread(r).n < 8) {
        int more = read_more(r);
        if (more < 0) return -1;
        if (!more) break;
    }
    uint32_t skippable;
    r->zstd = zframe_length(unread(r), &skippable) != SIZE_MAX && unread(r).n >= 8;
    int own = r->zstd ? try_own_header(r) : 0;
    if (own < 0) return -1;
    r->own = own == 1;
    if (r->own) return r->regular ? read_description_at_end(r) : 0;
    if (r->zstd && !(r->stream = ZSTD_createDStream())) return fail_memory();
    if (read_other_header(r) < 0) return -1;
    if (!options->quiet_plain) log_line("%s: not written by winnow: taken as it is (--plain-input silences this)", r->name);
    return 0;
}

int rows_open(struct rows_reader **out, const char *path, const struct rows_open_options *options)
{
    struct rows_reader *r = calloc(1, sizeof *r);
    if (!r) return fail_memory();
    bool standard_input = strcmp(path, "-") == 0;
    r->last_frame = SIZE_MAX;
    buf_init(&r->raw, (size_t)STORED_MAX + READ_BYTES);
    buf_init(&r->lines, (size_t)PIECE_BYTES * 2 + ROW_BYTES_MAX);
    r->name = strdup(standard_input ? "standard input" : path);
    r->hash = hash_stream_new();
    r->fd = standard_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    int result = !r->name || !r->hash ? fail_memory() : 0;
    struct stat s;
    if (result == 0 && (r->fd < 0 || fstat(r->fd, &s) < 0)) result = fail_errno("%s: cannot open", path);
    if (result == 0 && S_ISDIR(s.st_mode)) result = fail_usage("%s: a folder, expected a row file", path);
    if (result == 0) {
        r->regular = S_ISREG(s.st_mode) && lseek(r->fd, 0, SEEK_CUR) == 0;
        r->size = r->regular ? (uint64_t)s.st_size : 0;
        result = read_header(r, options);
    }
    if (result < 0) {
        rows_close(r);
        return -1;
    }
    *out = r;
    return 0;
}

void rows_close(struct rows_reader *r)
{
    if (!r) return;
    if (r->fd > STDIN_FILENO) close(r->fd);
    free(r->name);
    buf_free(&r->raw);
    buf_free(&r->lines);
    ZSTD_freeDStream(r->stream);
    columns_free(&r->columns);
    free_description(&r->description);
    zframes_free(&r->table);
    hash_stream_free(r->hash);
    free(r);
}

const char *rows_name(const struct rows_reader *r) { return r->name; }
const struct columns *rows_columns(const struct rows_reader *r) { return &r->columns; }
bool rows_is_own(const struct rows_reader *r) { return r->own; }
uint64_t rows_stored_size(const struct rows_reader *r) { return r->size; }
uint64_t rows_stored_read(const struct rows_reader *r) { return r->read - unread(r).n; }
const struct rows_description *rows_description(const struct rows_reader *r) { return r->described ? &r->description : NULL; }
struct hash128 rows_hash(const struct rows_reader *r) { return hash_stream_value(r->hash); }

int rows_select_frames(struct rows_reader *r, size_t first, size_t last)
{
    if (!r->regular || !r->described) return fail_usage("%s: a share needs a row file that winnow wrote to its end", r->name);
    uint64_t at = 0;
    for (size_t i = 0; i < first + 1 && i < r->table.count; i++) at += r->table.list[i].stored; /* +1: the header's frame */
    if (lseek(r->fd, (off_t)at, SEEK_SET) < 0) return fail_errno("%s: cannot seek", r->name);
    buf_clear(&r->raw);
    r->raw_at = 0;
    r->next_frame = first;
    r->last_frame = last;
    return 0;
}

/* ---- reading */

/* The description was met (or the input's end): says whether that is a proper end. */
static int end_of_own(struct rows_reader *r, size_t n)
{
    if (!n)
        return fail("%s: cut off after %zu whole frames: it was not written to its end; make it again", r->name, r->next_frame);
    if (!r->described && parse_description(r, str_from_at(str_of(unread(r).p, n), 8)) < 0) return -1;
    r->raw_at += n;
    uint32_t skippable;
    while ((n = whole_frame(r, &skippable)) != 0) {
        if (n == SIZE_MAX) return -1;
        if (!skippable || skippable == ROWS_DESCRIPTION_MAGIC)
            return fail_usage("%s: two row files joined: use winnow merge", r->name);
        r->raw_at += n;
    }
    if (r->next_frame != r->description.frames)
        return fail("%s: %zu frames, its description lists %zu", r->name, r->next_frame, r->description.frames);
    return 0;
}

static int read_own(struct rows_reader *r, struct rows_frame *frame)
{
    if (r->next_frame >= r->last_frame) return 0;
    uint32_t skippable;
    size_t n = whole_frame(r, &skippable);
    if (n == SIZE_MAX) return -1;
    if (!n || skippable == ROWS_DESCRIPTION_MAGIC) return end_of_own(r, n);
    buf_clear(&frame->stored);
    if (buf_add(&frame->stored, str_of(unread(r).p, n)) < 0) return -1;
    r->raw_at += n;
    frame->index = r->next_frame++;
    return 1;
}

static int read_other(struct rows_reader *r, struct rows_frame *frame)
{
    int more = 1;
    while (r->lines.n < PIECE_BYTES && more)
        if ((more = more_lines(r)) < 0) return -1;
    if (!r->lines.n) return 0;
    const char *last = memrchr(r->lines.p, '\n', r->lines.n);
    size_t n = last ? (size_t)(last - r->lines.p) + 1 : 0;
    if (!more && n < r->lines.n) { /* people's files often lack the last line feed */
        if (buf_byte(&r->lines, '\n') < 0) return -1;
        n = r->lines.n;
    }
    if (!n) return fail("%s: a line longer than %d bytes", r->name, ROW_BYTES_MAX);
    buf_clear(&frame->stored);
    buf_clear(&frame->text);
    if (buf_add(&frame->text, str_of(r->lines.p, n)) < 0) return -1;
    hash_stream_add(r->hash, buf_str(&frame->text));
    memmove(r->lines.p, r->lines.p + n, r->lines.n - n);
    r->lines.n -= n;
    frame->index = r->next_frame++;
    return 1;
}

int rows_read(struct rows_reader *r, struct rows_frame *frame)
{
    return r->own ? read_own(r, frame) : read_other(r, frame);
}

int rows_decode(const struct rows_reader *r, struct rows_frame *frame, struct batch *batch, uint64_t first_row)
{
    if (frame->stored.n) {
        buf_clear(&frame->text);
        if (zframe_decompress(&frame->text, buf_str(&frame->stored), OWN_FRAME_MAX) < 0) {
            fail_prefix("%s: frame %zu: ", r->name, frame->index);
            return -1;
        }
    }
    batch_reset(batch);
    if (batch_split(batch, buf_str(&frame->text), first_row) < 0) {
        fail_prefix("%s: ", r->name);
        return -1;
    }
    if (r->described && frame->index < r->description.frames && batch->count != r->description.frame_rows[frame->index])
        return fail("%s: frame %zu holds %zu rows, its description says %llu", r->name, frame->index, batch->count,
                    (unsigned long long)r->description.frame_rows[frame->index]);
    return 0;
}
