/* Bytes that need no escape are copied in runs; the table says which do. */
#include "crawl/url/percent.h"

#include "pipeline/base/utf8.h"

#define ALL_SETS (PERCENT_FRAGMENT | PERCENT_QUERY | PERCENT_PATH | PERCENT_USERINFO)
/* each set holds the one before it, but for the few bytes at which they branch */
#define FROM_QUERY (PERCENT_QUERY | PERCENT_PATH | PERCENT_USERINFO)
#define FROM_PATH (PERCENT_PATH | PERCENT_USERINFO)

const unsigned char url_bytes[256] = {
    [0x00 ... 0x08] = ALL_SETS | HOST_FORBIDDEN,
    ['\t' ... '\n'] = ALL_SETS | HOST_FORBIDDEN | TAB_OR_NEWLINE,
    [0x0B ... 0x0C] = ALL_SETS | HOST_FORBIDDEN,
    ['\r'] = ALL_SETS | HOST_FORBIDDEN | TAB_OR_NEWLINE,
    [0x0E ... 0x1F] = ALL_SETS | HOST_FORBIDDEN,
    [' '] = ALL_SETS | HOST_FORBIDDEN,
    ['"'] = ALL_SETS,
    ['#'] = FROM_QUERY | HOST_FORBIDDEN,
    ['%'] = HOST_FORBIDDEN | HOST_SLOW,
    ['\''] = PERCENT_QUERY, /* in special schemes only; the path set is built on the plain query set */
    ['/'] = PERCENT_USERINFO | HOST_FORBIDDEN | SLASH,
    [':'] = PERCENT_USERINFO | HOST_FORBIDDEN,
    [';'] = PERCENT_USERINFO,
    ['<'] = ALL_SETS | HOST_FORBIDDEN,
    ['='] = PERCENT_USERINFO,
    ['>'] = ALL_SETS | HOST_FORBIDDEN,
    ['?'] = FROM_PATH | HOST_FORBIDDEN,
    ['@'] = PERCENT_USERINFO | HOST_FORBIDDEN,
    ['['] = PERCENT_USERINFO | HOST_FORBIDDEN,
    ['\\'] = PERCENT_USERINFO | HOST_FORBIDDEN | SLASH,
    [']'] = PERCENT_USERINFO | HOST_FORBIDDEN,
    ['^'] = FROM_PATH | HOST_FORBIDDEN,
    ['`'] = PERCENT_FRAGMENT | FROM_PATH,
    ['{'] = FROM_PATH,
    ['|'] = PERCENT_USERINFO | HOST_FORBIDDEN,
    ['}'] = FROM_PATH,
    [0x7F] = ALL_SETS | HOST_FORBIDDEN,
    [0x80 ... 0xFF] = ALL_SETS | HOST_SLOW,
};

static int add_escape(struct buf *out, unsigned char byte)
{
    static const char digits[] = "0123456789ABCDEF";
    return buf_add(out, str_of((char[]){'%', digits[byte >> 4], digits[byte & 15]}, 3));
}

int url_percent_encode(struct buf *out, struct str s, enum url_byte set)
{
    for (size_t at = 0; at < s.n;) {
        size_t from = at;
        while (at < s.n && !(url_byte(s.p[at]) & set)) at++;
        if (at > from && buf_add(out, str_of(s.p + from, at - from)) < 0) return -1;
        if (at == s.n) break;
        from = at;
        if (utf8_next(s, &at) == UTF8_INVALID) {
            if (buf_add(out, STR("%EF%BF%BD")) < 0) return -1;
            continue;
        }
        for (; from < at; from++)
            if (add_escape(out, (unsigned char)s.p[from]) < 0) return -1;
    }
    return 0;
}

int url_percent_decode(struct buf *out, struct str s)
{
    for (size_t at = 0; at < s.n;) {
        int high = -1, low = -1; /* digits */
        if (s.p[at] == '%' && s.n - at > 2) {
            high = ascii_hex(s.p[at + 1]);
            low = ascii_hex(s.p[at + 2]);
        }
        bool escape = high >= 0 && low >= 0;
        unsigned byte = escape ? (unsigned)high << 4 | (unsigned)low : (unsigned char)s.p[at];
        if (buf_byte(out, (char)byte) < 0) return -1;
        at += escape ? 3 : 1;
    }
    return 0;
}
