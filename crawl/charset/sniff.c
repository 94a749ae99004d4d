/* The standard's sniffing algorithms, byte for byte; comments name its steps. */
#include "crawl/charset/sniff.h"

#include "pipeline/base/utf8.h"

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r'; } /* not VT */

/* ---- labels inside meta elements */

struct str charset_label_in_content(struct str content)
{
    for (;;) {
        size_t found = str_find_nocase(content, STR("charset"));
        if (found == SIZE_MAX) return STR_ABSENT;
        content = str_from_at(content, found + 7);
        while (content.n && is_space(content.p[0])) content = str_from_at(content, 1);
        if (content.n && content.p[0] == '=') break;
    }
    content = str_from_at(content, 1);
    while (content.n && is_space(content.p[0])) content = str_from_at(content, 1);
    if (content.n == 0) return STR_ABSENT;
    if (content.p[0] == '"' || content.p[0] == '\'') {
        struct str rest = str_from_at(content, 1), label = str_cut(&rest, content.p[0]);
        return rest.p ? label : STR_ABSENT; /* a quote that is never closed gives nothing */
    }
    size_t n = 0;
    while (n < content.n && !is_space(content.p[n]) && content.p[n] != ';') n++;
    return str_of(content.p, n);
}

/* ---- prescan */

struct prescan {
    struct str bytes;
    size_t at;
};
struct attribute {
    struct str name, value; /* as written; compared without regard to case */
};
enum attribute_result { ATTRIBUTE_READ, ATTRIBUTES_DONE, OUT_OF_BYTES };

static bool skip_spaces(struct prescan *s) /* false at the end of the bytes */
{
    while (s->at < s->bytes.n && is_space(s->bytes.p[s->at])) s->at++;
    return s->at < s->bytes.n;
}

static enum attribute_result read_value(struct prescan *s, struct str *value) /* from "value" on, step 9 */
{
    if (!skip_spaces(s)) return OUT_OF_BYTES;
    const char *p = s->bytes.p;
    size_t n = s->bytes.n;
    char quote = p[s->at] == '"' || p[s->at] == '\'' ? p[s->at] : '\0';
    size_t start = quote ? ++s->at : s->at;
    while (s->at < n && (quote ? p[s->at] != quote : !is_space(p[s->at]) && p[s->at] != '>')) s->at++;
    if (s->at == n) return OUT_OF_BYTES;
    *value = str_of(p + start, s->at - start);
    if (quote) s->at++;
    return ATTRIBUTE_READ;
}

/* "Get an attribute". */
static enum attribute_result read_attribute(struct prescan *s, struct attribute *attribute)
{
    const char *p = s->bytes.p;
    size_t n = s->bytes.n;
    while (s->at < n && (is_space(p[s->at]) || p[s->at] == '/')) s->at++;
    if (s->at == n) return OUT_OF_BYTES;
    if (p[s->at] == '>') return ATTRIBUTES_DONE;
    size_t start = s->at++; /* a '=' here belongs to the name */
    while (s->at < n && !is_space(p[s->at]) && p[s->at] != '=' && p[s->at] != '/' && p[s->at] != '>') s->at++;
    attribute->name = str_of(p + start, s->at - start);
    attribute->value = STR("");
    if (s->at == n) return OUT_OF_BYTES;
    if (p[s->at] == '/' || p[s->at] == '>') return ATTRIBUTE_READ;
    if (!skip_spaces(s)) return OUT_OF_BYTES;
    if (p[s->at] != '=') return ATTRIBUTE_READ;
    s->at++;
    return read_value(s, &attribute->value);
}

/* What a meta element's attributes have told; the first of each name counts. */
struct meta {
    bool seen_http_equiv, seen_content, seen_charset;
    bool got_pragma, need_pragma;
    bool decided; /* a charset attribute, or a content with a known label, came first */
    enum charset charset;
};

static bool is_new(bool *seen)
{
    bool was = *seen;
    *seen = true;
    return !was;
}

static void add_attribute(struct meta *meta, const struct attribute *a)
{
    if (str_eq_nocase(a->name, STR("http-equiv")) && is_new(&meta->seen_http_equiv)) {
        meta->got_pragma = str_eq_nocase(a->value, STR("content-type"));
    } else if (str_eq_nocase(a->name, STR("content")) && is_new(&meta->seen_content)) {
        enum charset charset = charset_from_label(charset_label_in_content(a->value));
        if (charset == CHARSET_NONE || meta->decided) return;
        meta->charset = charset;
        meta->need_pragma = meta->decided = true;
    } else if (str_eq_nocase(a->name, STR("charset")) && is_new(&meta->seen_charset)) {
        meta->charset = charset_from_label(a->value);
        meta->need_pragma = false;
        meta->decided = true;
    }
}

static enum charset of_markup(enum charset charset) /* markup that says UTF-16 was read as ASCII, so it is not */
{
    if (charset == CHARSET_UTF_16BE || charset == CHARSET_UTF_16LE) return CHARSET_UTF_8;
    return charset == CHARSET_X_USER_DEFINED ? CHARSET_WINDOWS_1252 : charset;
}

/* Reads the attributes of a tag; false when the bytes end. */
static bool read_tag(struct prescan *s, struct meta *meta)
{
    for (;;) {
        struct attribute attribute;
        enum attribute_result result = read_attribute(s, &attribute);
        if (result == OUT_OF_BYTES) return false;
        if (result == ATTRIBUTES_DONE) return true;
        if (meta) add_attribute(meta, &attribute);
    }
}

static bool skip_past(struct prescan *s, size_t from, struct str end) /* to the last byte of `end`; false without it */
{
    size_t found = str_find(str_from_at(s->bytes, from), end);
    if (found == SIZE_MAX) return false;
    s->at = from + found + end.n - 1;
    return true;
}

static bool is_meta_tag(struct str rest)
{
    return str_starts_nocase(rest, STR("<meta")) && rest.n > 5 && (is_space(rest.p[5]) || rest.p[5] == '/');
}

/* One step of the loop, at a '<': moves to the last byte of the construct. False when the bytes end. */
static bool scan_markup(struct prescan *s, enum charset *found)
{
    struct str rest = str_from_at(s->bytes, s->at);
    if (str_starts(rest, STR("<!--"))) return skip_past(s, s->at + 2, STR("-->"));
    if (is_meta_tag(rest)) {
        struct meta meta = {.charset = CHARSET_NONE};
        s->at += 5;
        if (!read_tag(s, &meta)) return false;
        if (!meta.need_pragma || meta.got_pragma) *found = of_markup(meta.charset);
        return true;
    }
    size_t name = rest.n > 1 && rest.p[1] == '/' ? 2 : 1;
    if (rest.n > name && ascii_is_alpha(rest.p[name])) {
        for (s->at += name; s->at < s->bytes.n && !is_space(s->bytes.p[s->at]) && s->bytes.p[s->at] != '>';) s->at++;
        return read_tag(s, NULL);
    }
    if (rest.n > 1 && (rest.p[1] == '!' || rest.p[1] == '/' || rest.p[1] == '?')) return skip_past(s, s->at + 1, STR(">"));
    return true;
}

/* "Get an XML encoding": of a declaration that begins the page. */
static enum charset xml_encoding(struct str bytes)
{
    if (!str_starts(bytes, STR("<?xml")) || str_find(bytes, STR(">")) == SIZE_MAX) return CHARSET_NONE;
    size_t found = str_find(bytes, STR("encoding"));
    if (found == SIZE_MAX) return CHARSET_NONE;
    struct str rest = str_from_at(bytes, found + 8);
    while (rest.n && (unsigned char)rest.p[0] <= 0x20) rest = str_from_at(rest, 1);
    if (rest.n == 0 || rest.p[0] != '=') return CHARSET_NONE;
    rest = str_from_at(rest, 1);
    while (rest.n && (unsigned char)rest.p[0] <= 0x20) rest = str_from_at(rest, 1);
    if (rest.n == 0 || (rest.p[0] != '"' && rest.p[0] != '\'')) return CHARSET_NONE;
    char quote = rest.p[0];
    rest = str_from_at(rest, 1);
    struct str label = str_cut(&rest, quote);
    if (!rest.p) return CHARSET_NONE;
    for (size_t i = 0; i < label.n; i++)
        if ((unsigned char)label.p[i] <= 0x20) return CHARSET_NONE;
    return of_markup(charset_from_label(label));
}

enum charset charset_prescan(struct str bytes)
{
    if (str_starts(bytes, STR("<\0?\0x\0"))) return CHARSET_UTF_16LE;
    if (str_starts(bytes, STR("\0<\0?\0x"))) return CHARSET_UTF_16BE;
    struct prescan s = {.bytes = bytes};
    enum charset found = CHARSET_NONE;
    while (s.at < bytes.n) {
        const char *next = memchr(bytes.p + s.at, '<', bytes.n - s.at);
        if (!next) break;
        s.at = (size_t)(next - bytes.p);
        if (!scan_markup(&s, &found)) break;
        if (found != CHARSET_NONE) return found;
        s.at++;
    }
    return xml_encoding(bytes);
}

/* ---- the whole decision */

static const char *const source_names[] = {
    [CHARSET_SOURCE_DEFAULT] = "default", [CHARSET_SOURCE_BOM] = "bom",
    [CHARSET_SOURCE_HTTP] = "http",       [CHARSET_SOURCE_META] = "meta",
    [CHARSET_SOURCE_DETECTED] = "detected", [CHARSET_SOURCE_VALID] = "valid",
    [CHARSET_SOURCE_CONTRADICTED] = "contradicted",
};

const char *charset_source_name(enum charset_source source) { return source_names[source]; }

static struct charset_choice byte_order_mark(struct str page)
{
    if (str_starts(page, STR("\xEF\xBB\xBF"))) return (struct charset_choice){CHARSET_UTF_8, CHARSET_SOURCE_BOM, 3};
    if (str_starts(page, STR("\xFE\xFF"))) return (struct charset_choice){CHARSET_UTF_16BE, CHARSET_SOURCE_BOM, 2};
    if (str_starts(page, STR("\xFF\xFE"))) return (struct charset_choice){CHARSET_UTF_16LE, CHARSET_SOURCE_BOM, 2};
    return (struct charset_choice){CHARSET_NONE, CHARSET_SOURCE_DEFAULT, 0};
}

static struct charset_choice declared(const struct charset_evidence *e)
{
    if (e->http != CHARSET_NONE) return (struct charset_choice){e->http, CHARSET_SOURCE_HTTP, 0};
    enum charset charset = of_markup(charset_from_label(e->met));
    if (charset == CHARSET_NONE)
        charset = charset_prescan(str_of(e->page.p, e->page.n < CHARSET_PRESCAN_BYTES ? e->page.n : CHARSET_PRESCAN_BYTES));
    if (charset != CHARSET_NONE) return (struct charset_choice){charset, CHARSET_SOURCE_META, 0};
    return (struct charset_choice){charset_from_label(e->detected), CHARSET_SOURCE_DETECTED, 0};
}

enum utf8_evidence { NOT_UTF8, ONLY_ASCII, MULTI_BYTE };

/* Without a sequence that the end cuts: at most three bytes, the first of them a lead byte that asks for more. */
static struct str without_cut_character(struct str s)
{
    for (size_t back = 1; back <= 3 && back <= s.n; back++) {
        unsigned char byte = (unsigned char)s.p[s.n - back];
        if ((byte & 0xC0) == 0x80) continue;
        size_t needed = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
        return needed > back ? str_of(s.p, s.n - back) : s;
    }
    return s;
}

static enum utf8_evidence utf8_evidence(struct str page)
{
    struct str rest = str_from_at(page, utf8_ascii_run(page, 0));
    if (rest.n == 0) return ONLY_ASCII;
    rest = without_cut_character(rest);
    return rest.n && utf8_valid(rest) ? MULTI_BYTE : NOT_UTF8;
}

struct charset_choice charset_sniff(const struct charset_evidence *e)
{
    struct charset_choice choice = byte_order_mark(e->page);
    if (choice.charset != CHARSET_NONE) return choice;
    choice = declared(e);
    if (choice.charset == CHARSET_NONE) {
        if (utf8_evidence(e->page) != NOT_UTF8) return (struct charset_choice){CHARSET_UTF_8, CHARSET_SOURCE_VALID, 0};
        return (struct charset_choice){CHARSET_WINDOWS_1252, CHARSET_SOURCE_DEFAULT, 0};
    }
    if (charset_is_single_byte(choice.charset) && utf8_evidence(e->page) == MULTI_BYTE)
        return (struct charset_choice){CHARSET_UTF_8, CHARSET_SOURCE_CONTRADICTED, 0};
    return choice;
}
