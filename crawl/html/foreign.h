/* Which elements of SVG and MathML stand open [HTML 13.2.6.5], the one part of a tree that reading tags needs.
 *
 * Inside foreign content `<style>` and `<title>` are no raw text, `<![CDATA[` is text and `<image>` is no picture of HTML;
 * elements such as foreignObject hold HTML again. A short stack of names is kept while an `<svg>` or `<math>` is open, and
 * nothing at all elsewhere. What the tree would know of HTML elements around it is guessed: an end tag of a well-known HTML
 * element that matches nothing inside is taken to close what is around.
 *
 *     if (foreign.depth && !html_foreign_start(&foreign, &tag)) continue;      not HTML
 */
#ifndef WINNOW_HTML_FOREIGN_H
#define WINNOW_HTML_FOREIGN_H

#include "crawl/html/names.h"

enum { HTML_FOREIGN_DEPTH = 64 }; /* open elements that are told apart; drawings nest far less, deeper ones are counted */

enum html_foreign_kind {
    HTML_KIND_HTML,
    HTML_KIND_SVG,
    HTML_KIND_MATH,
    HTML_KIND_HTML_INSIDE,     /* a foreign element whose contents are HTML ("HTML integration point") */
    HTML_KIND_MATH_TEXT,       /* mi, mo, mn, ms, mtext */
    HTML_KIND_ANNOTATION,      /* annotation-xml: svg inside it is HTML's */
};

struct html_foreign {
    uint32_t depth;  /* open elements on the stack; 0 outside foreign content */
    uint32_t beyond; /* those that found no room */
    struct {
        uint64_t word; /* the name's first eight bytes in lower case */
        size_t length; /* of the name */
        enum html_foreign_kind kind;
    } open[HTML_FOREIGN_DEPTH];
};

struct html_foreign_tag {
    struct str name;
    enum html_element element;
    bool self_closing;
    bool breaks_out;   /* font with color, face or size */
    bool html_encoded; /* annotation-xml with encoding text/html or application/xhtml+xml */
};

/* A start tag while depth > 0. True: it is HTML's (foreign elements that it ends are closed), and html_foreign_push follows
 * for it. False: it is foreign and has been taken in. */
bool html_foreign_start(struct html_foreign *f, const struct html_foreign_tag *tag);

/* An HTML start tag, or one of `svg` and `math`, that is no void element and not self-closing: opens it. Does nothing for
 * HTML elements outside foreign content. */
void html_foreign_push(struct html_foreign *f, const struct html_foreign_tag *tag);

/* An end tag while depth > 0. */
void html_foreign_end(struct html_foreign *f, struct str name, enum html_element element);

/* Whether the innermost open element is foreign, so that `<![CDATA[` opens text. */
bool html_foreign_inside(const struct html_foreign *f);

#endif
