/* UTF-8: one decoder for all; ASCII is skipped in 16-byte words since nearly all text is ASCII nearly everywhere. */
#include "pipeline/base/utf8.h"

#include "pipeline/base/cpu.h"
#include "pipeline/base/utf8_kernels.h"

uint32_t utf8_next(struct str s, size_t *at)
{
    const unsigned char *p = (const unsigned char *)s.p;
    size_t i = *at;
    unsigned char lead = p[i++];
    if (lead < 0x80) {
        *at = i;
        return lead;
    }
    unsigned needed = 0, low = 0x80, high = 0xBF;
    uint32_t c = 0;
    if (lead >= 0xC2 && lead <= 0xDF) {
        needed = 1;
        c = lead & 0x1F;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
        needed = 2;
        c = lead & 0x0F;
        if (lead == 0xE0) low = 0xA0;  /* shorter forms exist */
        if (lead == 0xED) high = 0x9F; /* surrogates */
    } else if (lead >= 0xF0 && lead <= 0xF4) {
        needed = 3;
        c = lead & 0x07;
        if (lead == 0xF0) low = 0x90;
        if (lead == 0xF4) high = 0x8F; /* beyond U+10FFFF */
    } else {
        *at = i;
        return UTF8_INVALID;
    }
    for (; needed; needed--, i++, low = 0x80, high = 0xBF) {
        if (i >= s.n || p[i] < low || p[i] > high) {
            *at = i;
            return UTF8_INVALID;
        }
        c = c << 6 | (p[i] & 0x3F);
    }
    *at = i;
    return c;
}

size_t utf8_ascii_run(struct str s, size_t at)
{
    while (at + 16 <= s.n) {
        uint64_t a, b;
        memcpy(&a, s.p + at, 8);
        memcpy(&b, s.p + at + 8, 8);
        if ((a | b) & 0x8080808080808080u) break;
        at += 16;
    }
    while (at < s.n && (unsigned char)s.p[at] < 0x80) at++;
    return at;
}

bool utf8_valid_portable(struct str s)
{
    for (size_t at = utf8_ascii_run(s, 0); at < s.n; at = utf8_ascii_run(s, at))
        if (utf8_next(s, &at) == UTF8_INVALID) return false;
    return true;
}

bool utf8_valid(struct str s)
{
    enum { SHORT = 64 }; /* below it a look at the processor's features costs more than it saves */
#if defined(__x86_64__)
    if (s.n >= SHORT && cpu_features() & CPU_AVX2) return utf8_valid_avx2(s);
#endif
    return utf8_valid_portable(s);
}

bool utf8_is_ascii(struct str s) { return utf8_ascii_run(s, 0) == s.n; }

size_t utf8_count(struct str s)
{
    size_t count = 0;
    for (size_t at = 0; at < s.n; count++) utf8_next(s, &at);
    return count;
}

size_t utf8_cut(struct str s, size_t limit)
{
    if (s.n <= limit) return s.n;
    while (limit && ((unsigned char)s.p[limit] & 0xC0) == 0x80) limit--;
    return limit;
}

int utf8_repair(struct buf *out, struct str s)
{
    if (utf8_valid(s)) return buf_add(out, s);
    size_t from = 0, at = 0;
    while (at < s.n) {
        size_t start = at = utf8_ascii_run(s, at);
        if (at >= s.n) break;
        if (utf8_next(s, &at) != UTF8_INVALID) continue;
        if (buf_add(out, str_of(s.p + from, start - from)) < 0 || buf_code_point(out, 0xFFFD) < 0) return -1;
        from = at;
    }
    return buf_add(out, str_of(s.p + from, s.n - from));
}
