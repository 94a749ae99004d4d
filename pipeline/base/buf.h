/* A growing run of bytes with a ceiling.
 *
 *     struct buf out;
 *     buf_init(&out, 64 << 10);                    never grows beyond 64 KiB
 *     if (buf_add(&out, STR("id\t")) < 0) return -1;
 *     ...
 *     buf_free(&out);
 *
 * Every adding function returns 0, or -1 with a sentence (ceiling reached, out of memory) and the contents unchanged.
 * Adding moves the bytes: slices into a buf die with the next call that adds. One thread.
 */
#ifndef WINNOW_BUF_H
#define WINNOW_BUF_H

#include "pipeline/base/str.h"

struct buf {
    char *p;        /* the bytes; NULL before the first is added */
    size_t n;       /* bytes in use */
    size_t room;    /* bytes allocated */
    size_t ceiling; /* n never exceeds this */
};

void buf_init(struct buf *b, size_t ceiling);
void buf_free(struct buf *b);                      /* may be called twice, and on a zeroed struct */
static inline void buf_clear(struct buf *b) { b->n = 0; } /* keeps the memory */
static inline struct str buf_str(const struct buf *b) { return str_of(b->p ? b->p : "", b->n); }

int buf_grow(struct buf *b, size_t extra);         /* private to buf_reserve */
static inline int buf_reserve(struct buf *b, size_t extra) /* room for `extra` more bytes at b->p + b->n */
{
    return b->room - b->n >= extra ? 0 : buf_grow(b, extra);
}
static inline int buf_add(struct buf *b, struct str s)
{
    if (buf_reserve(b, s.n) < 0) return -1;
    if (s.n) memcpy(b->p + b->n, s.p, s.n);
    b->n += s.n;
    return 0;
}
static inline int buf_byte(struct buf *b, char c)
{
    if (buf_reserve(b, 1) < 0) return -1;
    b->p[b->n++] = c;
    return 0;
}
int buf_code_point(struct buf *b, uint32_t code_point); /* as UTF-8; surrogates and > 0x10FFFF become U+FFFD */
int buf_u64(struct buf *b, uint64_t value);        /* decimal */
int buf_i64(struct buf *b, int64_t value);
int buf_double(struct buf *b, double value);       /* the shortest decimal that reads back equal; value is finite */
int buf_float(struct buf *b, float value);         /* the same for a float */
int buf_hex(struct buf *b, const unsigned char *bytes, size_t n); /* lower case */
int buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
int buf_read_file(struct buf *b, const char *path); /* appends a whole file; the ceiling holds */
int buf_read_input(struct buf *b, const char *path); /* the same; "-" is standard input, a socket's too */
char *buf_c_string(struct buf *b);                 /* ends the bytes with a NUL that n does not count; NULL on failure */

#endif
