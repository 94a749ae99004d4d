/* Which element or attribute a name is.
 *
 * Names are compared without regard to ASCII case, as HTML does. The lists and the hash tables are made by make_names.py.
 *
 *     if (html_attribute_of(attribute.name) == HTML_ATTRIBUTE_HREF) ...
 */
#ifndef WINNOW_HTML_NAMES_H
#define WINNOW_HTML_NAMES_H

#include <endian.h>

#include "crawl/html/names_generated.h"
#include "pipeline/base/str.h"

struct html_name {
    uint64_t word;  /* the first eight bytes in lower case, the first one lowest, zeros behind a shorter name */
    uint8_t length; /* 0 in an empty slot */
    uint8_t id;     /* enum html_element or html_attribute_name */
};

extern const struct html_name html_element_slots[1 << HTML_ELEMENT_BITS];
extern const struct html_name html_attribute_name_slots[1 << HTML_ATTRIBUTE_NAME_BITS];
extern const char *const html_element_texts[HTML_COUNT];                 /* lower case; "" for HTML_UNKNOWN */
extern const char *const html_attribute_name_texts[HTML_ATTRIBUTE_COUNT];

static inline bool html_is_space(char c) /* CR counts, since it becomes LF; VT does not */
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f';
}

static inline uint64_t html_load8(const char *p)
{
    uint64_t word;
    memcpy(&word, p, 8);
    return le64toh(word);
}

/* The first eight bytes of a name, zeros behind a shorter one; reads no further than the name. */
static inline uint64_t html_name_word(struct str name)
{
    if (name.n >= 8) return html_load8(name.p);
    if (name.n >= 4) { /* two halves that overlap */
        uint32_t low, high;
        memcpy(&low, name.p, 4);
        memcpy(&high, name.p + name.n - 4, 4);
        return le32toh(low) | (uint64_t)le32toh(high) << 8 * (name.n - 4);
    }
    uint64_t word = 0;
    for (size_t i = 0; i < name.n; i++) word |= (uint64_t)(unsigned char)name.p[i] << 8 * i;
    return word;
}

/* The same in lower case, for names that are compared with one another. */
static inline uint64_t html_lower_word(uint64_t word)
{
    const uint64_t ones = ~(uint64_t)0 / 255;
    uint64_t low = word & ones * 0x7f;
    uint64_t from_a = low + ones * (0x80 - 'A'), beyond_z = low + ones * (0x7f - 'Z');
    return word | ((from_a ^ beyond_z) & ~word & ones * 0x80) >> 2;
}

/* The id of a name, or 0. Setting 0x20 everywhere makes letters lower case and leaves the digits and hyphens of the names
 * in the tables; what else it changes is caught by the comparison, which forgives that bit in letters only. */
static inline unsigned html_name_find(const struct html_name *slots, const char *const *texts, uint64_t multiplier,
                                      unsigned bits, uint64_t word, struct str name)
{
    const uint64_t ones = ~(uint64_t)0 / 255;
    uint64_t present = name.n >= 8 ? ~(uint64_t)0 : ((uint64_t)1 << 8 * name.n) - 1;
    uint64_t key = (word | (ones * 0x20 & present)) + name.n;
    const struct html_name *slot = &slots[key * multiplier >> (64 - bits)];
    uint64_t letters = (slot->word & ones * 0x40) >> 1;
    if (((word ^ slot->word) & ~letters) || slot->length != name.n) return 0;
    if (name.n > 8 && !str_eq_nocase(name, str_of(texts[slot->id], slot->length))) return 0;
    return slot->id;
}

/* `word` is html_name_word(name), for callers that have it cheaper. */
static inline enum html_element html_element_of_word(uint64_t word, struct str name)
{
    return (enum html_element)html_name_find(html_element_slots, html_element_texts, HTML_ELEMENT_MULTIPLIER,
                                             HTML_ELEMENT_BITS, word, name);
}

static inline enum html_element html_element_of(struct str name) { return html_element_of_word(html_name_word(name), name); }

static inline enum html_attribute_name html_attribute_of(struct str name)
{
    return (enum html_attribute_name)html_name_find(html_attribute_name_slots, html_attribute_name_texts,
                                                    HTML_ATTRIBUTE_NAME_MULTIPLIER, HTML_ATTRIBUTE_NAME_BITS,
                                                    html_name_word(name), name);
}

#endif
