/* The report of a run as one self-contained HTML page, as part of the JSON document, and as text: three renderings of the same
 * funnel and stats. All append to `out`; 0, or -1 with a sentence.
 *
 * The page: no request leaves it (Content-Security-Policy says so to the browser), no script is needed to read it, nothing that
 * comes from the web is markup, link or source in it. Pictures are decoded within the limits of crawl/image, encoded anew as
 * small JPEGs and stand in the page as data: URIs, together at most PAGE_PICTURES bytes.
 */
#ifndef WINNOW_REPORTS_PAGE_H
#define WINNOW_REPORTS_PAGE_H

#include "pipeline/base/buf.h"
#include "reports/funnel.h"
#include "reports/stats.h"

enum { PAGE_PICTURES = 640 << 10, PAGE_MAX = 64 << 20 };

struct page_options {
    bool show_unsafe; /* pictures with p_nsfw…, p_porn…, p_hentai… over 0.1 too */
};

int page_html(const struct funnel *f, const struct stats *s, const struct page_options *options, struct buf *out);
int page_text(const struct stats *s, struct buf *out);
json_t *page_json(const struct stats *s); /* the object `rows` of schemas/report.schema.json; NULL with a sentence */

#endif
