/* The members of a .tar.zst in memory, for tests: plain ustar headers, names of at most 100 bytes (no others occur there). */
#ifndef WINNOW_TESTS_TARBALL_H
#define WINNOW_TESTS_TARBALL_H

#include "pipeline/base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zstd.h>

struct tarball {
    struct buf tar;
    size_t at;
};

/* 0, or -1 when the file cannot be read. */
static inline int tarball_open(struct tarball *t, const char *path)
{
    struct buf packed;
    buf_init(&packed, 256 << 20);
    buf_init(&t->tar, (size_t)1 << 30);
    t->at = 0;
    int result = buf_read_file(&packed, path);
    ZSTD_DStream *stream = ZSTD_createDStream();
    ZSTD_inBuffer in = {packed.p, packed.n, 0};
    size_t left = 1;
    while (result == 0 && left && in.pos < in.size) {
        result = buf_reserve(&t->tar, 1 << 20);
        ZSTD_outBuffer out = {t->tar.p, t->tar.room, t->tar.n};
        if (result == 0) left = ZSTD_decompressStream(stream, &out, &in);
        t->tar.n = out.pos;
        if (ZSTD_isError(left)) result = -1;
    }
    while (result == 0 && left) { /* what the decoder still holds */
        result = buf_reserve(&t->tar, 1 << 20);
        ZSTD_outBuffer out = {t->tar.p, t->tar.room, t->tar.n};
        left = ZSTD_decompressStream(stream, &out, &in);
        if (out.pos == t->tar.n || ZSTD_isError(left)) result = -1;
        t->tar.n = out.pos;
    }
    ZSTD_freeDStream(stream);
    buf_free(&packed);
    return result;
}

/* The next regular file: its name without the first folder, and its bytes. False at the end. */
static inline bool tarball_next(struct tarball *t, char name[101], struct str *bytes)
{
    while (t->at + 512 <= t->tar.n && t->tar.p[t->at]) {
        const char *header = t->tar.p + t->at;
        size_t n = strtoul(header + 124, NULL, 8);
        *bytes = str_of(header + 512, n);
        t->at += 512 + (n + 511) / 512 * 512;
        if (header[156] != '0' && header[156] != 0) continue;
        snprintf(name, 101, "%.100s", header);
        char *slash = strchr(name, '/');
        if (slash) memmove(name, slash + 1, strlen(slash));
        return true;
    }
    return false;
}

static inline void tarball_close(struct tarball *t) { buf_free(&t->tar); }

#endif
