/* What <meta> elements say, for the page scanner. */
#ifndef WINNOW_HTML_META_H
#define WINNOW_HTML_META_H

#include "crawl/html/page.h"

struct html_meta { /* the attributes that count, raw; absent where not written */
    struct str name, property, http_equiv, charset, content;
};

/* Takes what the element says into the page; the first of each kind holds. */
void html_take_meta(struct html_page *page, const struct html_meta *meta);

/* "Extracting a character encoding from a meta element" [HTML 2.5.5] of `content`: the label, absent if there is none. */
struct str html_charset_of_content(struct str content);

#endif
