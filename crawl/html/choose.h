/* Where the URL of a picture stands: of src, srcset, the lazy-loading attributes and the sources of a <picture>, the one that
 * a reader without scripting would be shown, or the one that src stands in for.
 *
 * The values are the page's raw bytes; what is asked of them (empty, "data:", a file name) is ASCII in every charset that
 * html_scan takes. References are not undone before: they hardly occur in these parts of a URL, and then the value counts as
 * usable.
 */
#ifndef WINNOW_HTML_CHOOSE_H
#define WINNOW_HTML_CHOOSE_H

#include "crawl/html/page.h"

struct html_choice {
    struct str url;     /* raw; absent when no attribute holds a usable URL */
    const char *source; /* name of the attribute: "src", "srcset", "data-src", …; "source" for a <source> of the picture */
};

/* `prefer_largest`: the largest candidate of srcset and the picture's sources before src. */
struct html_choice html_choose(const struct html_page *page, const struct html_image *image, bool prefer_largest);

#endif
