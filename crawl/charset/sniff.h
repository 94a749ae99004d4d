/* Which charset a page is in.
 *
 *     struct charset_evidence evidence = {.page = body, .http = mime.charset, .met = meta_label, .detected = label};
 *     struct charset_choice choice = charset_sniff(&evidence);
 *     text = str_from_at(body, choice.bom_bytes);
 *
 * The order is the HTML standard's (§13.2.3.2 "determining the character encoding"), with our sources behind it:
 *
 *     1. a byte order mark
 *     2. the charset parameter of the server's Content-Type
 *     3. the meta element that the parser met, else what the prescan of the first 1024 bytes finds
 *     4. the charset that the crawler detected (the metadata record's charset-detected)
 *     5. UTF-8, when the whole page is valid UTF-8
 *     6. windows-1252
 *
 * A label that names no charset counts as absent. When 2–4 give a single-byte charset, but the page holds bytes beyond ASCII
 * and all of it is valid UTF-8, it is UTF-8: such text is next to never anything else, while wrong labels are common; the
 * source then says so. A character that the page's end cuts is no reason against UTF-8, since crawlers truncate pages.
 */
#ifndef WINNOW_CHARSET_SNIFF_H
#define WINNOW_CHARSET_SNIFF_H

#include "crawl/charset/charset.h"

enum charset_source {
    CHARSET_SOURCE_DEFAULT,
    CHARSET_SOURCE_BOM,
    CHARSET_SOURCE_HTTP,
    CHARSET_SOURCE_META,
    CHARSET_SOURCE_DETECTED,
    CHARSET_SOURCE_VALID,        /* nothing was declared; the page is valid UTF-8 */
    CHARSET_SOURCE_CONTRADICTED, /* a single-byte charset was declared; the page is valid UTF-8 */
};

struct charset_evidence {
    struct str page;     /* the whole body, after transfer and content codings */
    enum charset http;   /* of the Content-Type header (crawl/http/mime.h); CHARSET_NONE without one */
    struct str met;      /* label of the first meta element with a charset that a parser met; absent before or without one */
    struct str detected; /* label that the crawler detected; absent without one */
};
struct charset_choice {
    enum charset charset; /* never CHARSET_NONE */
    enum charset_source source;
    unsigned bom_bytes;   /* bytes of the byte order mark that begins the page: 0, 2 or 3 */
};

struct charset_choice charset_sniff(const struct charset_evidence *evidence);

const char *charset_source_name(enum charset_source source); /* "bom", "http", "meta", … */

enum { CHARSET_PRESCAN_BYTES = 1024 };
/* The standard's "prescan a byte stream to determine its encoding" over all of `bytes` (the caller cuts them): meta elements,
 * then an XML declaration. UTF-16 becomes UTF-8, x-user-defined becomes windows-1252. CHARSET_NONE when it finds nothing. */
enum charset charset_prescan(struct str bytes);

/* The label in a meta element's content attribute ("text/html; charset=koi8-r"; §4.2.5.4 "extracting a character encoding from
 * a meta element"): a slice of `content`, absent when there is none. */
struct str charset_label_in_content(struct str content);

#endif
