/* Labels, names, and the way from a charset to its decoder. */
#include "crawl/charset/charset.h"

#include "crawl/charset/multibyte.h"
#include "crawl/charset/tables.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/utf8.h"

static const char *const names[CHARSET_COUNT] = {
    [CHARSET_NONE] = "",
    [CHARSET_UTF_8] = "UTF-8",
    [CHARSET_IBM866] = "IBM866",
    [CHARSET_ISO_8859_2] = "ISO-8859-2",
    [CHARSET_ISO_8859_3] = "ISO-8859-3",
    [CHARSET_ISO_8859_4] = "ISO-8859-4",
    [CHARSET_ISO_8859_5] = "ISO-8859-5",
    [CHARSET_ISO_8859_6] = "ISO-8859-6",
    [CHARSET_ISO_8859_7] = "ISO-8859-7",
    [CHARSET_ISO_8859_8] = "ISO-8859-8",
    [CHARSET_ISO_8859_8_I] = "ISO-8859-8-I",
    [CHARSET_ISO_8859_10] = "ISO-8859-10",
    [CHARSET_ISO_8859_13] = "ISO-8859-13",
    [CHARSET_ISO_8859_14] = "ISO-8859-14",
    [CHARSET_ISO_8859_15] = "ISO-8859-15",
    [CHARSET_ISO_8859_16] = "ISO-8859-16",
    [CHARSET_KOI8_R] = "KOI8-R",
    [CHARSET_KOI8_U] = "KOI8-U",
    [CHARSET_MACINTOSH] = "macintosh",
    [CHARSET_WINDOWS_874] = "windows-874",
    [CHARSET_WINDOWS_1250] = "windows-1250",
    [CHARSET_WINDOWS_1251] = "windows-1251",
    [CHARSET_WINDOWS_1252] = "windows-1252",
    [CHARSET_WINDOWS_1253] = "windows-1253",
    [CHARSET_WINDOWS_1254] = "windows-1254",
    [CHARSET_WINDOWS_1255] = "windows-1255",
    [CHARSET_WINDOWS_1256] = "windows-1256",
    [CHARSET_WINDOWS_1257] = "windows-1257",
    [CHARSET_WINDOWS_1258] = "windows-1258",
    [CHARSET_X_MAC_CYRILLIC] = "x-mac-cyrillic",
    [CHARSET_GBK] = "GBK",
    [CHARSET_GB18030] = "gb18030",
    [CHARSET_BIG5] = "Big5",
    [CHARSET_EUC_JP] = "EUC-JP",
    [CHARSET_ISO_2022_JP] = "ISO-2022-JP",
    [CHARSET_SHIFT_JIS] = "Shift_JIS",
    [CHARSET_EUC_KR] = "EUC-KR",
    [CHARSET_REPLACEMENT] = "replacement",
    [CHARSET_UTF_16BE] = "UTF-16BE",
    [CHARSET_UTF_16LE] = "UTF-16LE",
    [CHARSET_X_USER_DEFINED] = "x-user-defined",
};

const char *charset_name(enum charset charset) { return names[charset]; }

static bool is_label_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r'; } /* not VT */

enum charset charset_from_label(struct str label)
{
    while (label.n && is_label_space(label.p[0])) label = str_from_at(label, 1);
    while (label.n && is_label_space(label.p[label.n - 1])) label.n--;
    if (label.n == 0 || label.n > CHARSET_LABEL_MAX) return CHARSET_NONE;
    if (memchr(label.p, '\0', label.n)) return CHARSET_NONE; /* NUL fills up the table's entries */
    char key[CHARSET_LABEL_MAX + 1] = {0};
    for (size_t i = 0; i < label.n; i++) key[i] = ascii_lower(label.p[i]);
    size_t low = 0, high = charset_label_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = memcmp(key, charset_labels[middle].text, sizeof key);
        if (order == 0) return charset_labels[middle].charset;
        if (order < 0) high = middle;
        else low = middle + 1;
    }
    return CHARSET_NONE;
}

bool charset_is_single_byte(enum charset charset)
{
    return (charset >= CHARSET_SINGLE_FIRST && charset <= CHARSET_SINGLE_LAST) || charset == CHARSET_X_USER_DEFINED;
}

bool charset_is_ascii_compatible(enum charset charset)
{
    return charset != CHARSET_UTF_16BE && charset != CHARSET_UTF_16LE && charset != CHARSET_ISO_2022_JP &&
           charset != CHARSET_REPLACEMENT && charset != CHARSET_NONE;
}

/* Everything whose ASCII is ASCII: runs of it are copied, the rest is read a character at a time. */
static int decode_by_characters(struct buf *out, struct str in, charset_next_function *next)
{
    for (size_t at = 0; at < in.n;) {
        size_t end = utf8_ascii_run(in, at);
        if (buf_add(out, str_of(in.p + at, end - at)) < 0) return -1;
        at = end;
        while (at < in.n && (unsigned char)in.p[at] >= 0x80)
            if (next(out, in, &at) < 0) return -1;
    }
    return 0;
}

/* `table`: code points of bytes 0x80 … 0xFF, 0 for none; NULL for x-user-defined. */
static int decode_single_bytes(struct buf *out, struct str in, const uint16_t *table)
{
    for (size_t at = 0; at < in.n;) {
        size_t end = utf8_ascii_run(in, at);
        if (buf_add(out, str_of(in.p + at, end - at)) < 0) return -1;
        for (at = end; at < in.n && (unsigned char)in.p[at] >= 0x80; at++) {
            unsigned high = (unsigned char)in.p[at] - 0x80u;
            uint32_t code_point = table ? table[high] : 0xF780 + high;
            if (buf_code_point(out, code_point ? code_point : 0xFFFD) < 0) return -1;
        }
    }
    return 0;
}

static uint32_t utf_16_unit(struct str in, size_t at, bool big_endian)
{
    const unsigned char *p = (const unsigned char *)in.p + at;
    return big_endian ? (uint32_t)p[0] << 8 | p[1] : (uint32_t)p[1] << 8 | p[0];
}

static int decode_utf_16(struct buf *out, struct str in, bool big_endian)
{
    for (size_t at = 0; at < in.n;) {
        size_t left = in.n - at;
        uint32_t unit = left < 2 ? 0xFFFD : utf_16_unit(in, at, big_endian);
        size_t bytes = left < 2 ? left : 2;
        if (unit >= 0xD800 && unit <= 0xDBFF) {
            uint32_t second = left < 4 ? 0 : utf_16_unit(in, at + 2, big_endian);
            bool pair = second >= 0xDC00 && second <= 0xDFFF;
            unit = pair ? 0x10000 + ((unit - 0xD800) << 10) + (second - 0xDC00) : 0xFFFD;
            bytes = pair ? 4 : left < 4 ? left : 2; /* a text that ends inside a pair has one error */
        }
        if (buf_code_point(out, unit) < 0) return -1; /* a lone trail surrogate becomes U+FFFD there */
        at += bytes;
    }
    return 0;
}

int charset_decode(struct buf *out, enum charset charset, struct str bytes)
{
    switch (charset) {
    case CHARSET_UTF_8: return utf8_repair(out, bytes);
    case CHARSET_GBK:
    case CHARSET_GB18030: return decode_by_characters(out, bytes, charset_next_gb18030);
    case CHARSET_BIG5: return decode_by_characters(out, bytes, charset_next_big5);
    case CHARSET_EUC_JP: return decode_by_characters(out, bytes, charset_next_euc_jp);
    case CHARSET_ISO_2022_JP: return charset_decode_iso_2022_jp(out, bytes);
    case CHARSET_SHIFT_JIS: return decode_by_characters(out, bytes, charset_next_shift_jis);
    case CHARSET_EUC_KR: return decode_by_characters(out, bytes, charset_next_euc_kr);
    case CHARSET_REPLACEMENT: return bytes.n ? buf_code_point(out, 0xFFFD) : 0;
    case CHARSET_UTF_16BE: return decode_utf_16(out, bytes, true);
    case CHARSET_UTF_16LE: return decode_utf_16(out, bytes, false);
    case CHARSET_X_USER_DEFINED: return decode_single_bytes(out, bytes, NULL);
    default: break;
    }
    if (!charset_is_single_byte(charset)) return fail("no charset to decode with");
    return decode_single_bytes(out, bytes, charset_single_bytes[charset - CHARSET_SINGLE_FIRST]);
}
