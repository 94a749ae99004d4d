/* WARC bytes for tests: records, gzip members with any header, zstd frames, and what a reader says of them as lines. */
#ifndef WINNOW_WARC_PACKING_H
#define WINNOW_WARC_PACKING_H

#include "crawl/input/crawl_file.h"
#include "crawl/warc/chunk.h"
#include "crawl/warc/join.h"
#include "crawl/warc/stream.h"
#include "pipeline/base/buf.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

/* ---- making files */

static inline void put(struct buf *out, const char *text)
{
    if (buf_add(out, str_from(text)) < 0) abort();
}

/* A record with any Content-Length line ("" for none); ends in the two line ends. */
static inline void put_record(struct buf *out, const char *type, const char *uri, const char *length_line, const char *block)
{
    if (buf_printf(out, "WARC/1.0\r\nWARC-Type: %s\r\nWARC-Target-URI: %s\r\nWARC-Record-ID: <urn:x:%s>\r\n%s\r\n%s\r\n\r\n", type, uri,
                   uri, length_line, block) < 0) abort();
}

static inline void put_good(struct buf *out, const char *uri, const char *block)
{
    char line[64];
    snprintf(line, sizeof line, "Content-Length: %zu\r\n", strlen(block));
    put_record(out, "resource", uri, line, block);
}

/* One gzip member; `header` may be NULL. */
static inline void put_member(struct buf *out, struct str bytes, gz_header *header)
{
    z_stream z = {0};
    if (deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) != Z_OK || (header && deflateSetHeader(&z, header) != Z_OK)) abort();
    size_t room = deflateBound(&z, bytes.n) + 4096;
    if (buf_reserve(out, room) < 0) abort();
    z.next_in = (unsigned char *)(uintptr_t)bytes.p;
    z.avail_in = (unsigned)bytes.n;
    z.next_out = (unsigned char *)out->p + out->n;
    z.avail_out = (unsigned)room;
    if (deflate(&z, Z_FINISH) != Z_STREAM_END) abort();
    out->n += room - z.avail_out;
    deflateEnd(&z);
}

static inline void put_frame(struct buf *out, struct str bytes)
{
    size_t room = ZSTD_compressBound(bytes.n);
    if (buf_reserve(out, room) < 0) abort();
    size_t n = ZSTD_compress(out->p + out->n, room, bytes.p, bytes.n, 3);
    if (ZSTD_isError(n)) abort();
    out->n += n;
}

static inline void put_good_member(struct buf *out, const char *uri, const char *block)
{
    struct buf record;
    buf_init(&record, 1 << 26);
    put_good(&record, uri, block);
    put_member(out, buf_str(&record), NULL);
    buf_free(&record);
}

/* ---- reading them */

static inline void describe_record(struct buf *out, const struct warc_record *r)
{
    int n = buf_printf(out, "%llu+%llu %llu %.*s %.*s %zu %08lx", (unsigned long long)r->offset, (unsigned long long)r->inside,
                       (unsigned long long)r->stored, STR_ARG(r->type_name), STR_ARG(r->uri), r->block.n,
                       crc32(0, (const unsigned char *)r->block.p, (unsigned)r->block.n));
    for (unsigned i = 0; i < WARC_ODDITY_COUNT; i++)
        if (r->oddities >> i & 1) n |= buf_printf(out, " %s", warc_oddity_name(i));
    if (n < 0 || buf_byte(out, '\n') < 0) abort();
}

static inline void describe_loss(struct buf *out, const struct warc_loss *l)
{
    if (buf_printf(out, "LOST %llu%s%s%s: %s\n", (unsigned long long)l->offset, l->record ? " record" : "", l->cut ? " cut" : "",
                   l->refused ? " refused" : "", l->what) < 0) abort();
}

/* By the tolerant reader alone, fed `piece` bytes at a time. */
static inline void read_by_stream(struct buf *out, struct str file, size_t piece, size_t block_max)
{
    struct warc_stream *s = warc_stream_new(&(struct warc_limits){block_max});
    struct warc_record record;
    struct warc_loss loss;
    enum warc_event event = WARC_EVENT_MORE;
    for (size_t at = 0; event != WARC_EVENT_END;) {
        if (event == WARC_EVENT_FAILED) abort();
        if (event == WARC_EVENT_MORE) {
            size_t n = file.n - at < piece ? file.n - at : piece;
            /* fed from memory of exactly its size, so that a sanitizer sees reading beyond */
            char *copy = malloc(n ? n : 1);
            memcpy(copy, file.p + at, n);
            if (warc_stream_feed(s, str_of(copy, n), at + n == file.n ? WARC_FILE_END : WARC_CONTINUES) < 0) abort();
            free(copy);
            at += n;
        }
        event = warc_stream_next(s, &record, &loss);
        if (event == WARC_EVENT_RECORD) describe_record(out, &record);
        if (event == WARC_EVENT_LOSS) describe_loss(out, &loss);
    }
    warc_stream_free(s);
}

/* As the stage does: cut into chunks, each read by the fast reader, joined. `fast`: records that it gave, if not NULL. */
static inline void read_by_chunks(struct buf *out, const char *path, size_t chunk_bytes, size_t block_max, size_t *fast)
{
    const struct warc_limits limits = {block_max};
    struct crawl_file *file;
    struct crawl_chunk chunk;
    struct warc_chunk *c = warc_chunk_new(&limits);
    struct warc_join *j = warc_join_new(&limits);
    struct warc_record record;
    struct warc_loss loss;
    crawl_chunk_init(&chunk);
    if (!c || !j || crawl_file_open(&file, path, chunk_bytes) < 0) abort();
    for (int more; (more = crawl_file_next(file, &chunk)) != 0;) {
        if (more < 0) abort();
        if (chunk.first) warc_join_begin(j, chunk.kind, chunk.offset);
        uint64_t from = chunk.offset;
        if (chunk.border && warc_join_takes(j, chunk.offset)) {
            warc_chunk_start(c, chunk.kind, chunk.offset, buf_str(&chunk.bytes), chunk.follow);
            while (warc_chunk_next(c, &record) == WARC_EVENT_RECORD) {
                describe_record(out, &record);
                if (fast) ++*fast;
            }
            from = warc_chunk_offset(c);
        }
        if (warc_join_feed(j, chunk.offset, buf_str(&chunk.bytes), from, chunk.follow) < 0) abort();
        for (enum warc_event event; (event = warc_join_next(j, &record, &loss)) != WARC_EVENT_MORE && event != WARC_EVENT_END;) {
            if (event == WARC_EVENT_FAILED) abort();
            if (event == WARC_EVENT_RECORD) describe_record(out, &record);
            if (event == WARC_EVENT_LOSS) describe_loss(out, &loss);
        }
    }
    crawl_file_close(file);
    crawl_chunk_free(&chunk);
    warc_chunk_free(c);
    warc_join_free(j);
}

/* Writes bytes to a new file of the build and gives its name; the caller removes it. */
static inline const char *as_file(struct str bytes)
{
    static char path[64];
    snprintf(path, sizeof path, "/tmp/winnow-warc-XXXXXX");
    int fd = mkstemp(path);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "wb");
    if (!file || fwrite(bytes.p, 1, bytes.n, file) != bytes.n || fclose(file)) abort();
    return path;
}

#endif
