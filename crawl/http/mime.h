/* Content types: what a server's Content-Type says, and whether a body is HTML (mimesniff.spec.whatwg.org).
 *
 *     struct mime mime = {0};
 *     mime_update(&mime, value_of_content_type);           once for each such header, in order
 *     if (mime_page_is_html(identified, &mime, body)) ...
 *
 * Slices point into the header's value. Type and subtype are as written: compare them without regard to case.
 */
#ifndef WINNOW_MIME_H
#define WINNOW_MIME_H

#include "crawl/charset/charset.h"
#include "pipeline/base/str.h"

struct mime {
    struct str type, subtype; /* "text", "html"; both absent when there is no valid type */
    enum charset charset;     /* of the charset parameter; CHARSET_NONE without one or with an unknown label */
};

/* §4.4 "parse a MIME type". False for what is none, and *mime is then empty. */
bool mime_parse(struct mime *mime, struct str value);

/* Fetch standard, "extract a MIME type", a header's value at a time: a value may be a list; the last valid type counts (any
 * type, written with two asterisks, is none), and inherits the charset of an equal one before it. */
void mime_update(struct mime *mime, struct str value);

bool mime_is(const struct mime *mime, struct str type, struct str subtype); /* without regard to case */

/* The parameters of a MIME type, one a call: `rest` begins behind the subtype. Parameters that the standard ignores do not
 * appear; of equal names the first counts (left to the caller). False at the end. */
struct mime_parameter {
    struct str name;  /* as written */
    struct str value; /* without quotes, backslashes still in it */
    bool quoted;
};
bool mime_next_parameter(struct str *rest, struct mime_parameter *parameter);
/* The value without its backslashes into `out` (value.n bytes); returns its length. */
size_t mime_unquote(const struct mime_parameter *parameter, char *out);

/* Whether a body begins as HTML does: after a UTF-8 byte order mark and white space one of mimesniff §7.1's tags, each
 * followed by a space or '>'. */
bool mime_sniff_html(struct str body);

/* Whether a response is a page: `identified` (WARC-Identified-Payload-Type, absent without one) decides; else the server's
 * type; without one, or where it says text/plain or application/octet-stream, the body. XHTML is HTML here. */
bool mime_page_is_html(struct str identified, const struct mime *mime, struct str body);

#endif
