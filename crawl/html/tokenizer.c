/* The standard's states are here the places in the code: each token is found by its end. */
#include "crawl/html/tokenizer.h"

#include "crawl/html/lexer.h"

struct html_tokenizer html_tokenizer(struct str page)
{
    return (struct html_tokenizer){.k = html_kernels(), .p = page.p, .end = page.p + page.n};
}

enum html_state html_state_after(enum html_element element)
{
    switch (element) {
    case HTML_TITLE: case HTML_TEXTAREA: return HTML_STATE_RCDATA;
    case HTML_STYLE: case HTML_XMP: case HTML_IFRAME: case HTML_NOEMBED: case HTML_NOFRAMES: return HTML_STATE_RAWTEXT;
    case HTML_SCRIPT: return HTML_STATE_SCRIPT;
    case HTML_PLAINTEXT: return HTML_STATE_PLAINTEXT;
    default: return HTML_STATE_DATA;
    }
}

/* Where the text that begins at t->p ends, and whether what follows is an end tag that ends the state. */
static const char *text_end(const struct html_tokenizer *t)
{
    switch (t->state) {
    case HTML_STATE_PLAINTEXT: return t->end;
    case HTML_STATE_SCRIPT: return html_script_end(t->k, t->p, t->end, t->last_start_tag);
    case HTML_STATE_RCDATA: case HTML_STATE_RAWTEXT: return html_raw_text_end(t->k, t->p, t->end, t->last_start_tag);
    default: break;
    }
    for (const char *p = t->p;; p++) {
        p = t->k->find_byte(p, t->end, '<');
        if (t->end - p < 2) return t->end;
        if (ascii_is_alpha(p[1]) || p[1] == '!' || p[1] == '?') return p;
        if (p[1] == '/' && t->end - p > 2) return p; /* `</` at the very end is text */
    }
}

/* False if the page ends in the tag: then it is none, and nothing follows. */
static bool take_tag(struct html_tokenizer *t, struct html_token *out)
{
    bool ends = t->p[1] == '/';
    const char *name = t->p + 1 + ends, *p = name;
    while (p < t->end && !html_is_space(*p) && *p != '/' && *p != '>') p++;
    out->kind = ends ? HTML_TOKEN_END_TAG : HTML_TOKEN_START_TAG;
    out->name = str_of(name, (size_t)(p - name));
    out->element = html_element_of(out->name);
    t->p = p;
    enum html_tag_step step = t->k->skip_tag(&t->p, t->end);
    out->attributes = str_of(p, (size_t)(t->p - p));
    out->self_closing = step == HTML_TAG_SELF_CLOSED;
    t->state = HTML_STATE_DATA;
    if (!ends) t->last_start_tag = out->name;
    return step != HTML_TAG_CUT;
}

static void take_declaration(struct html_tokenizer *t, struct html_token *out)
{
    const char *p = t->p + 2;
    out->kind = HTML_TOKEN_COMMENT;
    if (t->p[1] == '/') {
        t->p = html_bogus_comment_end(t->k, p, t->end, &out->data);
    } else if (t->p[1] == '?') {
        t->p = html_bogus_comment_end(t->k, p - 1, t->end, &out->data);
    } else if (html_starts_comment(p, t->end)) {
        t->p = html_comment_end(t->k, p + 2, t->end, &out->data);
    } else if (html_starts_doctype(p, t->end)) {
        out->kind = HTML_TOKEN_DOCTYPE;
        t->p = html_bogus_comment_end(t->k, p + 7, t->end, &out->data);
        out->cut = t->p[-1] != '>';
    } else if (t->foreign && html_starts_cdata(p, t->end)) {
        out->kind = HTML_TOKEN_TEXT;
        out->state = HTML_STATE_CDATA;
        t->p = html_cdata_end(t->k, p + 7, t->end, &out->data);
    } else {
        t->p = html_bogus_comment_end(t->k, p, t->end, &out->data);
    }
}

bool html_next_token(struct html_tokenizer *t, struct html_token *out)
{
    while (t->p < t->end) {
        *out = (struct html_token){.kind = HTML_TOKEN_TEXT, .state = t->state};
        if (t->state == HTML_STATE_CDATA) {
            t->p = html_cdata_end(t->k, t->p, t->end, &out->data);
            t->state = HTML_STATE_DATA;
            if (out->data.n) return true;
            continue;
        }
        const char *end = text_end(t);
        if (end > t->p) {
            out->data = str_of(t->p, (size_t)(end - t->p));
            t->p = end;
            return true;
        }
        if (ascii_is_alpha(t->p[1]) || (t->p[1] == '/' && ascii_is_alpha(t->p[2]))) return take_tag(t, out);
        if (t->p[1] == '/' && t->p[2] == '>') { /* `</>` is nothing */
            t->p += 3;
            continue;
        }
        take_declaration(t, out);
        if (out->kind != HTML_TOKEN_TEXT || out->data.n) return true;
    }
    return false;
}

bool html_token_attribute(const struct html_tokenizer *t, struct html_token *token, struct html_attribute *out)
{
    const char *p = token->attributes.p, *end = p + token->attributes.n;
    enum html_tag_step step = t->k->next_attribute(&p, end, out);
    token->attributes = str_of(p, (size_t)(end - p));
    return step == HTML_TAG_ATTRIBUTE;
}

static struct str skip_spaces(struct str s)
{
    while (s.n && html_is_space(*s.p)) s = str_from_at(s, 1);
    return s;
}

/* A quoted identifier at the start of s, which moves behind it. False if none stands there; *quirks if it is not closed. */
static bool take_identifier(struct str *s, struct str *identifier, bool *quirks)
{
    *s = skip_spaces(*s);
    if (!s->n || (*s->p != '"' && *s->p != '\'')) return false;
    const char *close = s->n > 1 ? memchr(s->p + 1, *s->p, s->n - 1) : NULL;
    *identifier = str_of(s->p + 1, close ? (size_t)(close - s->p - 1) : s->n - 1);
    *quirks = *quirks || !close;
    *s = str_from_at(*s, identifier->n + 2);
    return true;
}

struct html_doctype html_parse_doctype(const struct html_token *token)
{
    struct html_doctype d = {.quirks = token->cut};
    bool damaged = false;
    struct str s = skip_spaces(token->data);
    size_t n = 0;
    while (n < s.n && !html_is_space(s.p[n])) n++;
    if (n == 0) d.quirks = damaged = true;
    else d.name = str_of(s.p, n);
    s = skip_spaces(str_from_at(s, n));
    if (!s.n) return d;
    bool public = str_starts_nocase(s, STR("public"));
    if (!public && !str_starts_nocase(s, STR("system"))) {
        d.quirks = true;
        return d;
    }
    s = str_from_at(s, 6);
    if (public) {
        if (!take_identifier(&s, &d.public_id, &damaged)) damaged = true;
        else take_identifier(&s, &d.system_id, &damaged);
        if (skip_spaces(s).n && !d.system_id.p) damaged = true; /* something else than a system identifier */
    } else if (!take_identifier(&s, &d.system_id, &damaged)) {
        damaged = true;
    }
    bool ignored = d.system_id.p && skip_spaces(s).n; /* what stands behind all that counts, and the end of the page in it */
    d.quirks = damaged || (token->cut && !ignored);
    return d;
}
