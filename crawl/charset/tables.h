/* The Encoding standard's indexes, private to crawl/charset. tables_generated.c holds them; make_tables.py makes it.
 *
 * An index is an array from pointer (the standard's word: the position that a byte pair computes) to code point; 0 where the
 * standard has none. *_sorted lists the pointers that are not null in the order of (code point, pointer): the way back, by
 * binary search.
 */
#ifndef WINNOW_CHARSET_TABLES_H
#define WINNOW_CHARSET_TABLES_H

#include "crawl/charset/charset.h"

enum { CHARSET_LABEL_MAX = 19 }; /* bytes of the longest label */

struct charset_label {
    char text[CHARSET_LABEL_MAX + 1]; /* lower case, NUL-filled */
    unsigned char charset;
};
struct charset_index {
    const uint16_t *code_points; /* low 16 bits */
    const uint16_t *sorted;      /* NULL where no encoder needs it */
    const uint8_t *plane2;       /* bit p of the array: pointer p stands for U+20000 + code_points[p]; NULL without any */
    uint16_t count, sorted_count;
};
struct charset_range { /* of gb18030's four-byte form: from this pointer on, code points run from this one */
    uint32_t pointer, code_point;
};

extern const struct charset_label charset_labels[]; /* sorted by text */
extern const size_t charset_label_count;
extern const uint16_t charset_single_bytes[CHARSET_SINGLE_LAST - CHARSET_SINGLE_FIRST + 1][128]; /* of bytes 0x80 … 0xFF */
extern const uint16_t charset_jp_katakana[63]; /* of U+FF61 … U+FF9F: the full-width form, for ISO-2022-JP's encoder */
extern const struct charset_index charset_big5, charset_euc_kr, charset_gb18030, charset_jis0208, charset_jis0212;
extern const struct charset_range charset_gb18030_ranges[];
extern const size_t charset_gb18030_range_count;

/* The code point at `pointer`; 0 beyond the index or where it is null. */
static inline uint32_t charset_index_at(const struct charset_index *index, unsigned pointer)
{
    if (pointer >= index->count) return 0;
    uint32_t c = index->code_points[pointer];
    if (index->plane2 && index->plane2[pointer >> 3] >> (pointer & 7) & 1) c |= 0x20000;
    return c;
}

#endif
