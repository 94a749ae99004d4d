/* MIME types by the standard's parser: slices, one pass, nothing allocated. */
#include "crawl/http/mime.h"

enum { LABEL_ROOM = 64 }; /* bytes of a charset parameter that are looked at; the longest label has 19 */

static bool is_http_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

static struct str trim_end(struct str s)
{
    while (s.n && is_http_space(s.p[s.n - 1])) s.n--;
    return s;
}

static struct str trim_start(struct str s)
{
    while (s.n && is_http_space(s.p[0])) s = str_from_at(s, 1);
    return s;
}

static bool is_token(struct str s) /* one or more HTTP token characters (RFC 9110 §5.6.2) */
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!ascii_is_alpha(c) && !ascii_is_digit(c) && (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c))) return false;
    }
    return s.n > 0;
}

static bool is_quoted_string_text(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c != '\t' && (c < 0x20 || c == 0x7F)) return false;
    }
    return true;
}

/* The part before the first of two separators; `rest` begins with it, or is empty. */
static struct str take_until(struct str *rest, char one, char other)
{
    size_t n = 0;
    while (n < rest->n && rest->p[n] != one && rest->p[n] != other) n++;
    struct str part = str_of(rest->p, n);
    *rest = str_from_at(*rest, n);
    return part;
}

/* A quoted string's content; `rest` begins with its opening quote and then moves behind the closing one. */
static struct str take_quoted(struct str *rest)
{
    size_t n = 1;
    while (n < rest->n && rest->p[n] != '"') n += rest->p[n] == '\\' && n + 1 < rest->n ? 2 : 1;
    struct str part = str_of(rest->p + 1, n - 1);
    *rest = str_from_at(*rest, n + 1);
    return part;
}

bool mime_next_parameter(struct str *rest, struct mime_parameter *parameter)
{
    while (rest->n) {
        if (rest->p[0] == ';') *rest = str_from_at(*rest, 1);
        *rest = trim_start(*rest);
        parameter->name = take_until(rest, ';', '=');
        if (rest->n == 0 || rest->p[0] == ';') continue;
        *rest = str_from_at(*rest, 1);
        parameter->quoted = rest->n && rest->p[0] == '"';
        if (parameter->quoted) {
            parameter->value = take_quoted(rest);
            take_until(rest, ';', ';');
        } else {
            parameter->value = trim_end(take_until(rest, ';', ';'));
            if (parameter->value.n == 0) continue;
        }
        if (is_token(parameter->name) && is_quoted_string_text(parameter->value)) return true;
    }
    return false;
}

size_t mime_unquote(const struct mime_parameter *parameter, char *out)
{
    struct str value = parameter->value;
    size_t n = 0;
    for (size_t i = 0; i < value.n; i++) {
        if (parameter->quoted && value.p[i] == '\\' && i + 1 < value.n) i++; /* a backslash at the very end stands for itself */
        out[n++] = value.p[i];
    }
    return n;
}

static enum charset charset_of(const struct mime_parameter *parameter)
{
    char label[LABEL_ROOM];
    if (parameter->value.n > sizeof label) return CHARSET_NONE;
    return charset_from_label(str_of(label, mime_unquote(parameter, label)));
}

/* Reads one type; *has_charset: it has a charset parameter, known or not. */
static bool parse(struct mime *mime, struct str value, bool *has_charset)
{
    *mime = (struct mime){.charset = CHARSET_NONE};
    *has_charset = false;
    struct str rest = trim_end(trim_start(value));
    struct str type = take_until(&rest, '/', '/');
    if (!is_token(type) || rest.n == 0) return false;
    rest = str_from_at(rest, 1);
    struct str subtype = trim_end(take_until(&rest, ';', ';'));
    if (!is_token(subtype)) return false;
    mime->type = type;
    mime->subtype = subtype;
    for (struct mime_parameter parameter; !*has_charset && mime_next_parameter(&rest, &parameter);) {
        if (!str_eq_nocase(parameter.name, STR("charset"))) continue;
        mime->charset = charset_of(&parameter);
        *has_charset = true;
    }
    return true;
}

bool mime_parse(struct mime *mime, struct str value)
{
    bool has_charset;
    return parse(mime, value, &has_charset);
}

/* Fetch standard, "get, decode, and split": the part before the first comma outside of quotes. */
static struct str take_list_item(struct str *rest)
{
    bool quoted = false;
    size_t n = 0;
    for (; n < rest->n && (quoted || rest->p[n] != ','); n++) {
        if (rest->p[n] == '"') quoted = !quoted;
        else if (quoted && rest->p[n] == '\\') n++;
    }
    if (n > rest->n) n = rest->n; /* the value ends with a backslash */
    struct str item = str_of(rest->p, n);
    *rest = str_from_at(*rest, n + 1);
    return item;
}

void mime_update(struct mime *mime, struct str value)
{
    while (value.n) {
        struct mime next;
        bool has_charset;
        if (!parse(&next, take_list_item(&value), &has_charset) || mime_is(&next, STR("*"), STR("*"))) continue;
        if (!has_charset && mime_is(mime, next.type, next.subtype)) next.charset = mime->charset;
        *mime = next;
    }
}

bool mime_is(const struct mime *mime, struct str type, struct str subtype)
{
    return str_eq_nocase(mime->type, type) && str_eq_nocase(mime->subtype, subtype);
}

bool mime_sniff_html(struct str body)
{
    static const char *const beginnings[] = {"<!doctype html", "<html", "<head",  "<script", "<iframe", "<h1",
                                             "<div",           "<font", "<table", "<a",      "<style",  "<title",
                                             "<b",             "<body", "<br",    "<p",      "<!--"};
    if (str_starts(body, STR("\xEF\xBB\xBF"))) body = str_from_at(body, 3);
    while (body.n && (is_http_space(body.p[0]) || body.p[0] == '\f')) body = str_from_at(body, 1);
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++) {
        struct str tag = str_from(beginnings[i]);
        if (body.n > tag.n && (body.p[tag.n] == ' ' || body.p[tag.n] == '>') && str_starts_nocase(body, tag)) return true;
    }
    return false;
}

bool mime_page_is_html(struct str identified, const struct mime *mime, struct str body)
{
    struct mime own;
    if (mime_parse(&own, identified)) mime = &own;
    if (mime_is(mime, STR("text"), STR("html")) || mime_is(mime, STR("application"), STR("xhtml+xml"))) return true;
    if (mime == &own) return false;
    bool vague = !mime->type.p || mime_is(mime, STR("text"), STR("plain")) ||
                 mime_is(mime, STR("application"), STR("octet-stream"));
    return vague && mime_sniff_html(body);
}
