/* Every end is found by the vector search for its rarest pair of bytes, then looked at closely. */
#include "crawl/html/lexer.h"

#include "crawl/html/names.h"

static bool starts(const char *p, const char *end, struct str head) { return str_starts(str_of(p, (size_t)(end - p)), head); }

bool html_starts_comment(const char *p, const char *end) { return starts(p, end, STR("--")); }
bool html_starts_cdata(const char *p, const char *end) { return starts(p, end, STR("[CDATA[")); }
bool html_starts_doctype(const char *p, const char *end)
{
    return str_starts_nocase(str_of(p, (size_t)(end - p)), STR("doctype"));
}

/* What a comment that the page cuts has said: a beginning of its end mark does not count. */
static struct str cut_comment(struct str data)
{
    if (str_ends(data, STR("--!"))) data.n -= 3;
    else if (str_ends(data, STR("--"))) data.n -= 2;
    else if (str_ends(data, STR("-"))) data.n -= 1;
    return data;
}

const char *html_comment_end(const struct html_kernels *k, const char *p, const char *end, struct str *data)
{
    const char *start = p;
    *data = str_of(start, 0);
    if (starts(p, end, STR(">"))) return p + 1;
    if (starts(p, end, STR("->"))) return p + 2;
    for (;; p++) {
        p = k->find_pair(p, end, end, '-', '-', '-');
        if (p == end) break;
        *data = str_of(start, (size_t)(p - start));
        if (starts(p + 2, end, STR(">"))) return p + 3;
        if (starts(p + 2, end, STR("!>"))) return p + 4;
    }
    *data = cut_comment(str_of(start, (size_t)(end - start)));
    return end;
}

const char *html_bogus_comment_end(const struct html_kernels *k, const char *p, const char *end, struct str *data)
{
    const char *close = k->find_byte(p, end, '>');
    *data = str_of(p, (size_t)(close - p));
    return close == end ? end : close + 1;
}

const char *html_cdata_end(const struct html_kernels *k, const char *p, const char *end, struct str *data)
{
    const char *start = p;
    for (;; p++) {
        p = k->find_pair(p, end, end, ']', ']', ']');
        *data = str_of(start, (size_t)(p - start));
        if (p == end) return end;
        if (starts(p + 2, end, STR(">"))) return p + 3;
    }
}

/* Whether `name` stands at p and ends there as a tag's name does. */
static bool is_name(const char *p, const char *end, struct str name)
{
    if (name.n == 0 || (size_t)(end - p) <= name.n || !str_eq_nocase(str_of(p, name.n), name)) return false;
    return html_is_space(p[name.n]) || p[name.n] == '/' || p[name.n] == '>';
}

const char *html_raw_text_end(const struct html_kernels *k, const char *p, const char *end, struct str name)
{
    for (;; p += 2) {
        p = k->find_pair(p, end, end, '<', '/', '/');
        if (p == end || is_name(p + 2, end, name)) return p;
    }
}

/* The first `-->`, or `end`. */
static const char *find_arrow(const struct html_kernels *k, const char *p, const char *end)
{
    for (;; p++) {
        p = k->find_pair(p, end, end, '-', '-', '-');
        if (p == end || starts(p + 2, end, STR(">"))) return p;
    }
}

/* From behind `<!--` in a script to `arrow`, where escaping ends: an end tag counts unless `<script` stands open. */
static const char *escaped_script_end(const struct html_kernels *k, const char *p, const char *arrow, const char *end,
                                      struct str name)
{
    bool twice = false;
    for (;; p++) {
        p = k->find_byte(p, arrow, '<');
        if (p == arrow) return arrow;
        bool closes = end - p >= 2 && p[1] == '/';
        if (twice) {
            if (closes && is_name(p + 2, end, STR("script"))) twice = false;
        } else if (closes && is_name(p + 2, end, name)) {
            return p;
        } else if (is_name(p + 1, end, STR("script"))) {
            twice = true;
        }
    }
}

const char *html_script_end(const struct html_kernels *k, const char *p, const char *end, struct str name)
{
    for (;;) {
        p = k->find_pair(p, end, end, '<', '/', '!');
        if (p == end) return end;
        if (p[1] == '/') {
            if (is_name(p + 2, end, name)) return p;
            p += 2;
        } else if (html_starts_comment(p + 2, end)) {
            const char *arrow = find_arrow(k, p + 2, end); /* `<!-->` escapes nothing */
            const char *close = escaped_script_end(k, p + 4 < arrow ? p + 4 : arrow, arrow, end, name);
            if (close != arrow || arrow == end) return close;
            p = arrow + 3;
        } else {
            p += 2;
        }
    }
}
