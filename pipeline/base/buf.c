/* A growing run of bytes with a ceiling: doubles until the ceiling stops it. */
#include "pipeline/base/buf.h"

#include "pipeline/base/fail.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void buf_init(struct buf *b, size_t ceiling) { *b = (struct buf){.ceiling = ceiling}; }

void buf_free(struct buf *b)
{
    free(b->p);
    *b = (struct buf){.ceiling = b->ceiling};
}

int buf_grow(struct buf *b, size_t extra)
{
    size_t need;
    if (__builtin_add_overflow(b->n, extra, &need) || need > b->ceiling)
        return fail("a value of more than %zu bytes: it exceeds its limit", b->ceiling);
    size_t room = b->room ? b->room : b->ceiling < 256 ? b->ceiling : 256;
    while (room < need) room = room > b->ceiling / 2 ? b->ceiling : room * 2;
    char *p = realloc(b->p, room);
    if (!p) return fail_memory();
    b->p = p;
    b->room = room;
    return 0;
}

int buf_code_point(struct buf *b, uint32_t c)
{
    if (c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) c = 0xFFFD;
    if (buf_reserve(b, 4) < 0) return -1;
    char *p = b->p + b->n;
    if (c < 0x80) {
        p[0] = (char)c;
        b->n += 1;
    } else if (c < 0x800) {
        p[0] = (char)(0xC0 | c >> 6);
        p[1] = (char)(0x80 | (c & 0x3F));
        b->n += 2;
    } else if (c < 0x10000) {
        p[0] = (char)(0xE0 | c >> 12);
        p[1] = (char)(0x80 | (c >> 6 & 0x3F));
        p[2] = (char)(0x80 | (c & 0x3F));
        b->n += 3;
    } else {
        p[0] = (char)(0xF0 | c >> 18);
        p[1] = (char)(0x80 | (c >> 12 & 0x3F));
        p[2] = (char)(0x80 | (c >> 6 & 0x3F));
        p[3] = (char)(0x80 | (c & 0x3F));
        b->n += 4;
    }
    return 0;
}

int buf_u64(struct buf *b, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do digits[--at] = (char)('0' + value % 10);
    while (value /= 10);
    return buf_add(b, str_of(digits + at, sizeof digits - at));
}

int buf_i64(struct buf *b, int64_t value)
{
    if (value >= 0) return buf_u64(b, (uint64_t)value);
    if (buf_reserve(b, 21) < 0 || buf_byte(b, '-') < 0) return -1;
    return buf_u64(b, 0 - (uint64_t)value);
}

/* %.{p}g for p = 1 … 17 and the first that reads back equal. "Plain decimal" forbids an exponent: what %g would write with
 * one is written by %f with as many decimals as the same digits need. */
static int add_shortest(struct buf *b, double value, bool is_float)
{
    char text[400];
    if (value == 0) return buf_add(b, STR("0"));
    for (int precision = 1; precision <= 17; precision++) {
        snprintf(text, sizeof text, "%.*e", precision - 1, value);
        double back = strtod(text, NULL);
        if (is_float ? (float)back != (float)value : back != value) continue;
        int exponent = atoi(strchr(text, 'e') + 1), decimals = precision - 1 - exponent;
        int n = snprintf(text, sizeof text, "%.*f", decimals > 0 ? decimals : 0, back);
        return buf_add(b, str_of(text, (size_t)n));
    }
    return fail("a number that is not finite: the caller must not write it");
}

int buf_double(struct buf *b, double value) { return add_shortest(b, value, false); }
int buf_float(struct buf *b, float value) { return add_shortest(b, (double)value, true); }

int buf_hex(struct buf *b, const unsigned char *bytes, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    if (n > SIZE_MAX / 2 || buf_reserve(b, 2 * n) < 0) return -1;
    for (size_t i = 0; i < n; i++) {
        b->p[b->n++] = digits[bytes[i] >> 4];
        b->p[b->n++] = digits[bytes[i] & 15];
    }
    return 0;
}

int buf_printf(struct buf *b, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int n = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    int result = n < 0 ? fail("cannot format '%s'", format) : buf_reserve(b, (size_t)n + 1);
    if (result == 0) {
        vsnprintf(b->p + b->n, (size_t)n + 1, format, again);
        b->n += (size_t)n;
    }
    va_end(again);
    return result;
}

static int read_all(struct buf *b, int fd, const char *path)
{
    size_t before = b->n;
    int result = 0;
    for (;;) {
        if (buf_reserve(b, b->ceiling - b->n < 65536 ? b->ceiling - b->n + (b->ceiling == b->n) : 65536) < 0) {
            result = fail("%s: larger than %zu bytes", path, b->ceiling);
            break;
        }
        ssize_t got = read(fd, b->p + b->n, b->room - b->n);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) result = fail_errno("%s: cannot read", path);
        if (got <= 0) break;
        b->n += (size_t)got;
    }
    if (result < 0) b->n = before;
    return result;
}

int buf_read_file(struct buf *b, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail_errno("%s: cannot open", path);
    int result = read_all(b, fd, path);
    close(fd);
    return result;
}

int buf_read_input(struct buf *b, const char *path)
{
    return strcmp(path, "-") == 0 ? read_all(b, STDIN_FILENO, "standard input") : buf_read_file(b, path);
}

char *buf_c_string(struct buf *b)
{
    if (b->room == b->n) { /* the NUL may stand one byte beyond the ceiling: it is not part of the value */
        char *p = realloc(b->p, b->n + 1);
        if (!p) return fail_memory(), NULL;
        b->p = p;
        b->room = b->n + 1;
    }
    b->p[b->n] = 0;
    return b->p;
}
