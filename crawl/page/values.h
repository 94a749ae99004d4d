/* A page's values become texts: out of the page's charset, without character references.
 *
 * Most values are ASCII without references: they are handed back as they stand in the page.
 */
#ifndef WINNOW_PAGE_VALUES_H
#define WINNOW_PAGE_VALUES_H

#include "crawl/charset/charset.h"
#include "crawl/html/page.h"
#include "pipeline/base/arena.h"
#include "pipeline/base/buf.h"

struct page_values {
    struct arena *arena;     /* of the results */
    struct buf bytes, utf8;  /* scratch */
    enum charset charset;    /* of the page; UTF-8 when it was transcoded whole */
};

void page_values_init(struct page_values *v, struct arena *arena);
void page_values_free(struct page_values *v);

/* An attribute's value, or with `text` the contents between tags (references without a semicolon count differently). Line
 * ends become LF. Absent stays absent; absent with a sentence when memory ends. */
struct str page_value(struct page_values *v, struct str raw, bool text);

/* Collected text: its pieces joined. */
struct str page_pieces(struct page_values *v, const struct html_page *page, struct html_text text);

#endif
