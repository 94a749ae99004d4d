/* A scanner over the grammar: one pass, a bit of memory for each level, values are slices. */
#include "crawl/lists/json.h"

#include "pipeline/base/fail.h"

struct scan {
    const char *p, *end;
    const char *problem; /* NULL while all is well */
};

static bool wrong(struct scan *s, const char *problem)
{
    s->problem = problem;
    return false;
}

static char peek(struct scan *s) /* the next byte that is no white space; NUL at the end */
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r')) s->p++;
    return s->p < s->end ? *s->p : '\0';
}

static bool escape(struct scan *s) /* behind a backslash */
{
    if (s->p == s->end) return wrong(s, "a string is not closed");
    char c = *s->p++;
    if (c != 'u') return (c && strchr("\"\\/bfnrt", c)) || wrong(s, "an unknown escape in a string");
    for (int i = 0; i < 4; i++)
        if (s->p == s->end || ascii_hex(*s->p++) < 0) return wrong(s, "\\u without four hexadecimal digits");
    return true;
}

static bool string(struct scan *s, struct str *raw) /* at a quote; raw: what stands between the quotes */
{
    const char *start = ++s->p;
    while (s->p < s->end && *s->p != '"')
        if (*s->p++ == '\\' && !escape(s)) return false;
    if (s->p == s->end) return wrong(s, "a string is not closed");
    *raw = str_of(start, (size_t)(s->p - start));
    s->p++;
    return true;
}

static bool digits(struct scan *s)
{
    const char *start = s->p;
    while (s->p < s->end && ascii_is_digit(*s->p)) s->p++;
    return s->p > start || wrong(s, "a number lacks digits");
}

static bool number(struct scan *s)
{
    if (*s->p == '-') s->p++;
    if (s->p < s->end && *s->p == '0') s->p++; /* no digit may follow: the caller then finds neither comma nor bracket */
    else if (!digits(s)) return false;
    if (s->p < s->end && *s->p == '.') {
        s->p++;
        if (!digits(s)) return false;
    }
    if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
        s->p++;
        if (s->p < s->end && (*s->p == '+' || *s->p == '-')) s->p++;
        return digits(s);
    }
    return true;
}

static bool word(struct scan *s)
{
    static const char *const words[] = {"true", "false", "null", "NaN", "Infinity", "-Infinity"};
    struct str rest = str_of(s->p, (size_t)(s->end - s->p));
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_starts(rest, str_from(words[i]))) {
            s->p += strlen(words[i]);
            return true;
        }
    return wrong(s, "a value is missing");
}

static bool scalar(struct scan *s)
{
    struct str ignored;
    char c = *s->p, next = s->end - s->p > 1 ? s->p[1] : '\0';
    if (c == '"') return string(s, &ignored);
    return ascii_is_digit(c) || (c == '-' && next != 'I') ? number(s) : word(s);
}

static bool name_and_colon(struct scan *s, struct str *name)
{
    if (peek(s) != '"') return wrong(s, "a name in quotes is missing");
    if (!string(s, name)) return false;
    if (peek(s) != ':') return wrong(s, "a colon is missing");
    s->p++;
    return true;
}

/* Behind a value inside of `depth` containers, of which bit d of `objects` says the kind: closes what closes; true with
 * *depth > 0 means that another value follows. */
static bool after_value(struct scan *s, unsigned *depth, uint64_t objects)
{
    while (*depth > 0) {
        bool object = objects >> (*depth - 1) & 1;
        char c = peek(s);
        if (c != ',' && c != (object ? '}' : ']')) return wrong(s, "a comma or bracket is missing");
        s->p++;
        if (c == ',') {
            struct str ignored;
            return !object || name_and_colon(s, &ignored);
        }
        --*depth;
    }
    return true;
}

static bool value(struct scan *s) /* one value, whatever is inside */
{
    unsigned depth = 0;
    uint64_t objects = 0;
    do {
        char c = peek(s);
        if (c == '\0') return wrong(s, "a value is missing");
        if (c != '{' && c != '[') {
            if (!scalar(s)) return false;
        } else {
            if (depth == JSON_DEPTH_MAX) return wrong(s, "values are nested too deeply");
            uint64_t bit = (uint64_t)1 << depth++;
            objects = c == '{' ? objects | bit : objects & ~bit;
            s->p++;
            if (peek(s) != (c == '{' ? '}' : ']')) {
                struct str ignored;
                if (c == '{' && !name_and_colon(s, &ignored)) return false;
                continue;
            }
            s->p++;
            depth--;
        }
        if (!after_value(s, &depth, objects)) return false;
    } while (depth > 0);
    return true;
}

static uint32_t four_digits(const char *p)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) value = value << 4 | (uint32_t)ascii_hex(p[i]);
    return value;
}

static char *put_code_point(char *to, uint32_t c)
{
    if (c < 0x80) {
        *to++ = (char)c;
        return to;
    }
    unsigned more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    *to++ = (char)((0xFF00u >> (more + 1) & 0xFF) | c >> (6 * more));
    while (more--) *to++ = (char)(0x80 | (c >> (6 * more) & 0x3F));
    return to;
}

/* Reads \uXXXX at p (behind the u), or a surrogate pair of them; a lone surrogate is U+FFFD. Returns what it used. */
static size_t unicode_escape(const char *p, const char *end, uint32_t *c)
{
    *c = four_digits(p);
    if (*c < 0xD800 || *c > 0xDFFF) return 4;
    uint32_t trail = *c < 0xDC00 && end - p >= 10 && p[4] == '\\' && p[5] == 'u' ? four_digits(p + 6) : 0;
    if (trail < 0xDC00 || trail > 0xDFFF) {
        *c = 0xFFFD;
        return 4;
    }
    *c = 0x10000 + ((*c - 0xD800) << 10) + (trail - 0xDC00);
    return 10;
}

/* The text of a checked string. An escape is never shorter than what it stands for. */
static struct str unescape(struct str raw, struct arena *scratch)
{
    if (!memchr(raw.p, '\\', raw.n)) return raw;
    char *text = arena_alloc(scratch, raw.n), *to = text;
    if (!text) return STR_ABSENT;
    for (const char *p = raw.p, *end = raw.p + raw.n; p < end;) {
        if (*p != '\\') {
            *to++ = *p++;
            continue;
        }
        static const char from[] = "bfnrt", control[] = "\b\f\n\r\t";
        char c = p[1];
        const char *at = memchr(from, c, 5);
        p += 2;
        if (c == 'u') {
            uint32_t code_point;
            p += unicode_escape(p, end, &code_point);
            to = put_code_point(to, code_point);
        } else {
            *to++ = at ? control[at - from] : c;
        }
    }
    return str_of(text, (size_t)(to - text));
}

static struct str text_of(struct str written, struct arena *scratch)
{
    char c = written.p[0];
    if (c == '"') return unescape(str_of(written.p + 1, written.n - 2), scratch);
    if (c == 'n' || c == 'N' || c == 'I' || str_starts(written, STR("-I"))) return STR_ABSENT;
    return written;
}

static bool member(struct scan *s, const struct str *names, size_t count, struct str *values, struct arena *scratch)
{
    struct str name;
    if (!name_and_colon(s, &name)) return false;
    peek(s);
    const char *start = s->p;
    if (!value(s)) return false;
    struct str written = str_of(start, (size_t)(s->p - start));
    name = unescape(name, scratch);
    if (!name.p) return wrong(s, fail_message());
    for (size_t i = 0; i < count; i++) {
        if (!str_eq(name, names[i])) continue;
        values[i] = text_of(written, scratch);
        if (!values[i].p && written.p[0] == '"') return wrong(s, fail_message());
    }
    return true;
}

const char *json_pick(struct str text, const struct str *names, size_t count, struct str *values, struct arena *scratch)
{
    struct scan s = {.p = text.p, .end = text.p + text.n};
    for (size_t i = 0; i < count; i++) values[i] = STR_ABSENT;
    if (text.n == 0 || peek(&s) != '{') return "not a JSON object";
    s.p++;
    char c = peek(&s);
    while (c != '}') {
        if (!member(&s, names, count, values, scratch)) return s.problem;
        c = peek(&s);
        if (c == ',') {
            s.p++;
            if (peek(&s) == '}') return "a name in quotes is missing";
        } else if (c != '}') {
            return "a comma or bracket is missing";
        }
    }
    s.p++;
    peek(&s);
    return s.p == s.end ? NULL : "something follows the object";
}
