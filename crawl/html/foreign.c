/* Entries are compared by eight bytes and length: no two names of SVG, MathML and HTML that nest agree in both. */
#include "crawl/html/foreign.h"

static bool breaks_out(enum html_element element)
{
    switch (element) {
#define CASE(name) case name:
        HTML_BREAKOUT_ELEMENTS(CASE)
#undef CASE
        return true;
    default:
        return false;
    }
}

/* Whether an unmatched end tag of it, met in foreign content, closes that along with the HTML element around it. */
static bool closes_around(enum html_element element)
{
    switch (element) {
    case HTML_UNKNOWN: case HTML_SCRIPT: case HTML_STYLE: case HTML_TITLE: case HTML_SVG: case HTML_MATH: case HTML_IMAGE:
    case HTML_FOREIGNOBJECT: case HTML_DESC: case HTML_ANNOTATION_XML: case HTML_MI: case HTML_MO: case HTML_MN: case HTML_MS:
    case HTML_MTEXT: case HTML_MGLYPH: case HTML_MALIGNMARK: case HTML_FONT:
        return false;
    default:
        return true;
    }
}

static bool is_void(enum html_element element)
{
    switch (element) {
    case HTML_BASE: case HTML_BR: case HTML_EMBED: case HTML_HR: case HTML_IMG: case HTML_IMAGE: case HTML_INPUT:
    case HTML_KEYGEN: case HTML_LINK: case HTML_META: case HTML_SOURCE:
        return true;
    default:
        return false;
    }
}

static enum html_foreign_kind kind_of(enum html_foreign_kind around, const struct html_foreign_tag *tag)
{
    bool math = around == HTML_KIND_MATH || around == HTML_KIND_MATH_TEXT || around == HTML_KIND_ANNOTATION;
    switch (tag->element) {
    case HTML_FOREIGNOBJECT: case HTML_DESC: case HTML_TITLE:
        return math ? HTML_KIND_MATH : HTML_KIND_HTML_INSIDE;
    case HTML_MI: case HTML_MO: case HTML_MN: case HTML_MS: case HTML_MTEXT:
        return math ? HTML_KIND_MATH_TEXT : HTML_KIND_SVG;
    case HTML_ANNOTATION_XML:
        return !math ? HTML_KIND_SVG : tag->html_encoded ? HTML_KIND_HTML_INSIDE : HTML_KIND_ANNOTATION;
    default:
        return math ? HTML_KIND_MATH : HTML_KIND_SVG;
    }
}

static void push(struct html_foreign *f, const struct html_foreign_tag *tag, enum html_foreign_kind kind)
{
    if (f->depth == HTML_FOREIGN_DEPTH) {
        f->beyond += f->beyond < UINT32_MAX;
        return;
    }
    f->open[f->depth].word = html_lower_word(html_name_word(tag->name));
    f->open[f->depth].length = tag->name.n;
    f->open[f->depth].kind = kind;
    f->depth++;
}

static enum html_foreign_kind innermost(const struct html_foreign *f)
{
    return f->depth ? f->open[f->depth - 1].kind : HTML_KIND_HTML;
}

bool html_foreign_inside(const struct html_foreign *f) { return innermost(f) != HTML_KIND_HTML; }

static bool holds_html(enum html_foreign_kind kind)
{
    return kind == HTML_KIND_HTML || kind == HTML_KIND_HTML_INSIDE || kind == HTML_KIND_MATH_TEXT;
}

static void break_out(struct html_foreign *f)
{
    f->beyond = 0;
    while (!holds_html(innermost(f))) f->depth--;
}

bool html_foreign_start(struct html_foreign *f, const struct html_foreign_tag *tag)
{
    enum html_foreign_kind kind = innermost(f);
    bool math_only = tag->element == HTML_MGLYPH || tag->element == HTML_MALIGNMARK;
    if (holds_html(kind) && !(kind == HTML_KIND_MATH_TEXT && math_only)) return true;
    if (kind == HTML_KIND_ANNOTATION && tag->element == HTML_SVG) return true;
    if (breaks_out(tag->element) || (tag->element == HTML_FONT && tag->breaks_out)) {
        break_out(f);
        return true;
    }
    if (!tag->self_closing) push(f, tag, kind_of(kind, tag));
    return false;
}

void html_foreign_push(struct html_foreign *f, const struct html_foreign_tag *tag)
{
    if (tag->element == HTML_SVG || tag->element == HTML_MATH) {
        if (!tag->self_closing) push(f, tag, tag->element == HTML_SVG ? HTML_KIND_SVG : HTML_KIND_MATH);
    } else if (f->depth && !is_void(tag->element)) {
        push(f, tag, HTML_KIND_HTML);
    }
}

void html_foreign_end(struct html_foreign *f, struct str name, enum html_element element)
{
    if (f->beyond) {
        f->beyond--;
        return;
    }
    bool html = innermost(f) == HTML_KIND_HTML;
    if (!html && (element == HTML_P || element == HTML_BR)) {
        break_out(f);
        return;
    }
    uint64_t word = html_lower_word(html_name_word(name));
    for (uint32_t i = f->depth; i-- > 0;)
        if (f->open[i].word == word && f->open[i].length == name.n) {
            f->depth = i;
            return;
        }
    if (!html && closes_around(element)) f->depth = 0;
}
