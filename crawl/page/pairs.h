/* The pairs of image and text on one page: everything between a response's body and rows.
 *
 *     struct page_reader *reader = page_reader_new(&options);          one a thread
 *     page_read(reader, &source, &page);
 *     for (size_t i = 0; i < page.count; i++) use(page.pair[i].url, page.pair[i].text);
 *
 * The page is scanned as it came; only what becomes a pair is transcoded, freed of character references, and brought into
 * the form of columns `url` and `text` (DESIGN's "Rows": absolute normalised URLs without fragment, NFC text with white
 * space folded). All slices live until the reader's next page. One thread a reader; no allocation once it is warm.
 */
#ifndef WINNOW_PAGE_PAIRS_H
#define WINNOW_PAGE_PAIRS_H

#include "crawl/charset/sniff.h"
#include "crawl/http/message.h"
#include "pipeline/base/str.h"

/* Where texts stand. The order is that of src_text: it is part of a row's place, so new ones go to the end. */
#define PAGE_TEXTS(X)                                                                                 \
    X(ALT, "alt")                           /* the image's alt attribute */                           \
    X(TITLE, "title")                       /* its title attribute */                                 \
    X(ARIA_LABEL, "aria_label")             /* its aria-label attribute */                            \
    X(DATA_IMAGE_TITLE, "data_image_title") /* its data-image-title attribute */                      \
    X(FIGCAPTION, "figcaption")             /* the figcaption of the innermost figure around it */    \
    X(LINK_TEXT, "link_text")               /* text of the link around it */                          \
    X(HEADING, "heading")                   /* the heading before it */                               \
    X(OG, "og")                             /* og:image with og:image:alt, else og:title */

enum page_text {
#define PAGE_TEXT_ENUM(name, text) PAGE_TEXT_##name,
    PAGE_TEXTS(PAGE_TEXT_ENUM)
#undef PAGE_TEXT_ENUM
    PAGE_TEXT_COUNT
};
const char *page_text_name(enum page_text text);
int page_text_find(struct str name); /* its number, -1 when there is none of that name */

struct page_options {
    unsigned texts;      /* bit 1 << enum page_text: which to read */
    bool keep_empty;     /* an alt that is there but empty makes a pair too */
    bool prefer_largest; /* take srcset's best candidate rather than src */
};

/* What was lost on the way from images to pairs; each counted once. */
enum page_count {
    PAGE_IMAGES,           /* images on the page, inert ones not counted */
    PAGE_IMAGES_LOST,      /* beyond html_scan's ceiling */
    PAGE_IMAGES_INERT,     /* inside <template> */
    PAGE_NO_URL,           /* no attribute holds a URL */
    PAGE_URL_OTHER_SCHEME, /* data:, about:, … */
    PAGE_URL_BAD,          /* no URL by the standard */
    PAGE_URL_TOO_LONG,     /* over what a cell holds */
    PAGE_NO_TEXT,          /* texts that are absent */
    PAGE_EMPTY_TEXT,       /* texts that are there, but empty */
    PAGE_TEXT_CUT,         /* texts cut to what a cell holds */
    PAGE_COPY_IN_NOSCRIPT, /* the second copy of an image, for readers without scripting */
    PAGE_COUNTS
};
const char *page_count_name(enum page_count count);

struct page_source {
    struct str uri;          /* of the response, clean */
    struct str body;         /* without transfer and content codings */
    enum charset http;       /* charset of the Content-Type header */
    struct str detected;     /* charset label that the crawler detected; absent without */
    const struct http_head *head; /* for X-Robots-Tag, Content-Language, tdm-reservation */
};

struct page_pair {
    struct str url, url_raw;     /* url_raw: the attribute's value, absent when equal to url */
    struct str text, text_raw;   /* text_raw likewise; both empty for an empty alt */
    struct str license;          /* absent without one */
    const char *url_source, *text_source;
    uint32_t image;              /* ordinal of the image on the page; og:image comes behind all others */
    enum page_text text_ordinal;
    int64_t width, height;       /* as declared; -1 without */
};

struct page {
    struct str url;              /* of the page, as columns have it; absent when the record's is none */
    const char *charset, *charset_source;
    struct str lang, robots;
    struct page_pair *pair;
    size_t count;
    uint64_t counts[PAGE_COUNTS];
};

struct page_reader;

struct page_reader *page_reader_new(const struct page_options *options); /* NULL with a sentence */
void page_reader_free(struct page_reader *reader);

/* 0, or -1 with a sentence: the page cannot be read (its URL is none; it is larger than memory allows). */
int page_read(struct page_reader *reader, const struct page_source *source, struct page *page);

#endif
