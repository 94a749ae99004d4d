/* Writing HTML: what is ours as it is, what comes from outside escaped, numbers as people read them.
 *
 *     struct html h = {.out = &out};
 *     html_f(&h, "<td class=\"r\">"); html_count(&h, n); html_f(&h, "</td>");
 *     if (h.failed) return -1;                        asked once, at the end: fail() has said why
 *
 * Prose has three figures, columns a fixed number of decimals; nothing is called 0 % or 100 % that is not. Bytes in powers of
 * 1,000. U+202F stands before units.
 */
#ifndef WINNOW_REPORTS_PAGE_HTML_H
#define WINNOW_REPORTS_PAGE_HTML_H

#include "pipeline/base/buf.h"

#define NARROW "\u202f" /* before units and % */

struct html {
    struct buf *out;
    bool failed;
};

void html_f(struct html *h, const char *format, ...) __attribute__((format(printf, 2, 3))); /* our own markup and words */
void html_str(struct html *h, struct str markup);                                           /* the same, ready made */

/* Text from outside, for element content and for attributes in double quotes: & < > " ' as references; a code point that cannot
 * be seen or turns the direction of text is named in a chip (content) or as U+XXXX (attributes); more than four marks on one
 * letter are counted so. */
void html_text(struct html *h, struct str text);
void html_attribute(struct html *h, struct str text);
static inline void html_c(struct html *h, const char *text) { html_text(h, str_from(text)); }
/* The same between <bdi dir="auto">, cut to `most` code points, with the length of the whole (`points`) where it was cut. */
void html_caption(struct html *h, struct str text, size_t points, size_t most);

void html_count(struct html *h, uint64_t n);                    /* 1,234,567 */
void html_about(struct html *h, uint64_t n, bool about);        /* ≈1,234,567 */
void html_share(struct html *h, uint64_t part, uint64_t whole); /* 26.4 %: prose */
void html_column(struct html *h, uint64_t part, uint64_t whole); /* 26.4, <0.1, 0: a column whose head has the % */
void html_bytes(struct html *h, uint64_t n);                    /* 12.6 GB */
void html_value(struct html *h, double value, bool integer);    /* a measured value: 1,204 or 0.283 */
void html_short(struct html *h, double value);                  /* an axis: 20k, 1.5M */
void html_short_bytes(struct html *h, double value);            /* an axis: 500 B, 20 kB */
void html_bound(struct html *h, const char *bound);             /* ">=5000" as "≥ 5,000"; other words as they are, escaped */
void html_percent_at(struct html *h, double share);             /* a place in a chart: 12.34% */

void html_base64(struct html *h, struct str bytes);

/* A bar in a table cell: shares of its length. `behind` (class "alone" or NULL) may be longer than `share`. */
void html_bar(struct html *h, const char *class, double share, const char *behind, double behind_share);

#endif
