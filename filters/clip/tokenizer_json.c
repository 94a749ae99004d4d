/* A reader of JSON that knows strings, whole numbers and how to step over anything else. */
#include "filters/clip/tokenizer_json.h"

#include "pipeline/base/fail.h"
#include "pipeline/base/utf8.h"

struct scan {
    const char *p, *end;
    struct arena *strings;
};

static struct scan scan_of(struct str text, struct arena *strings)
{
    return (struct scan){text.p, text.p + text.n, strings};
}

static char next(struct scan *s) /* behind white space, not taken; NUL at the end */
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\r' || *s->p == '\t')) s->p++;
    return s->p < s->end ? *s->p : '\0';
}

static bool take(struct scan *s, char c)
{
    if (next(s) != c) return false;
    s->p++;
    return true;
}

/* The bytes between two quotes; whether there are escapes among them. */
static bool take_quoted(struct scan *s, struct str *raw, bool *escaped)
{
    *escaped = false;
    if (!take(s, '"')) return false;
    const char *begin = s->p;
    for (; s->p < s->end && *s->p != '"'; s->p++) {
        if ((unsigned char)*s->p < 0x20) return false;
        if (*s->p != '\\') continue;
        *escaped = true;
        if (++s->p == s->end) return false;
    }
    *raw = str_of(begin, (size_t)(s->p - begin));
    return take(s, '"');
}

static bool hex_unit(struct str raw, size_t at, uint32_t *unit)
{
    *unit = 0;
    for (size_t i = at; i < at + 4; i++) {
        char c = i < raw.n ? raw.p[i] : 'x';
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (digit < 0) return false;
        *unit = *unit << 4 | (uint32_t)digit;
    }
    return true;
}

/* The character of \uXXXX, or of two of them; *at behind the u, then behind all. */
static bool take_unicode(struct str raw, size_t *at, uint32_t *c)
{
    uint32_t low;
    if (!hex_unit(raw, *at, c) || *c == 0 || (*c >= 0xDC00 && *c <= 0xDFFF)) return false;
    *at += 4;
    if (*c < 0xD800 || *c > 0xDBFF) return true;
    if (*at + 6 > raw.n || raw.p[*at] != '\\' || raw.p[*at + 1] != 'u' || !hex_unit(raw, *at + 2, &low) || low < 0xDC00 || low > 0xDFFF)
        return false;
    *at += 6;
    *c = 0x10000 + ((*c - 0xD800) << 10 | (low - 0xDC00));
    return true;
}

static size_t put_utf8(char *out, uint32_t c)
{
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char first[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = n - 1; i > 0; i--, c >>= 6) out[i] = (char)(0x80 | (c & 0x3F));
    out[0] = (char)(first[n] | c);
    return n;
}

static bool unescape(struct str raw, struct arena *strings, struct str *text)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    char *out = arena_alloc(strings, raw.n + 1); /* no escape is shorter than what it stands for */
    size_t n = 0;
    for (size_t i = 0; out && i < raw.n;) {
        uint32_t c;
        if (raw.p[i] != '\\') {
            out[n++] = raw.p[i++];
            continue;
        }
        char letter = raw.p[i + 1]; /* is there: take_quoted saw it */
        const char *known = letter ? strchr(letters, letter) : NULL;
        i += 2;
        if (known) out[n++] = meanings[known - letters];
        else if (letter == 'u' && take_unicode(raw, &i, &c)) n += put_utf8(out + n, c);
        else return false;
    }
    *text = str_of(out, n);
    return out != NULL;
}

static bool take_string(struct scan *s, struct str *text)
{
    bool escaped;
    return take_quoted(s, text, &escaped) && (!escaped || unescape(*text, s->strings, text));
}

static bool take_id(struct scan *s, uint32_t *id)
{
    const char *begin = (next(s), s->p);
    for (*id = 0; s->p < s->end && *s->p >= '0' && *s->p <= '9'; s->p++) {
        *id = *id * 10 + (uint32_t)(*s->p - '0');
        if (*id >= VOCABULARY_MOST) return false;
    }
    return s->p > begin && (*begin != '0' || s->p == begin + 1);
}

/* Brackets are counted, not matched: what parses the rest looks closer. */
static bool skip_value(struct scan *s)
{
    struct str raw;
    bool escaped;
    for (size_t depth = 0;;) {
        char c = next(s);
        if (c == '"') {
            if (!take_quoted(s, &raw, &escaped)) return false;
        } else if (c == '{' || c == '[') {
            depth++, s->p++;
        } else if (c == '}' || c == ']') {
            if (!depth--) return false;
            s->p++;
        } else if (c == ',' || c == ':') {
            if (!depth) return false;
            s->p++;
        } else if (c) {
            while (s->p < s->end && !strchr(",:}]{[\" \n\r\t", *s->p)) s->p++;
            if (s->p < s->end && *s->p == '\0') return false;
        } else {
            return false;
        }
        if (!depth) return true;
    }
}

/* ---- the parts */

/* Steps through an object's members until one is called `key`; the scan then stands before its value. */
static bool find_member(struct scan *s, struct str key)
{
    struct str name;
    bool escaped;
    if (!take(s, '{')) return false;
    do {
        if (!take_quoted(s, &name, &escaped) || !take(s, ':')) return false;
        if (!escaped && str_eq(name, key)) return true;
        if (!skip_value(s)) return false;
    } while (take(s, ','));
    return false;
}

static bool find_part(struct scan model, struct str key, char bracket, struct str *part)
{
    if (!find_member(&model, key) || next(&model) != bracket) return false;
    const char *begin = model.p;
    if (!skip_value(&model)) return false;
    *part = str_of(begin, (size_t)(model.p - begin));
    return true;
}

bool tokenizer_json_split(struct tokenizer_json *j, struct str text)
{
    struct scan s = scan_of(text, NULL);
    buf_init(&j->rest, text.n + 16);
    if (!text.p || !utf8_valid(text) || !find_member(&s, STR("model")) || !find_part(s, STR("vocab"), '{', &j->vocab) ||
        !find_part(s, STR("merges"), '[', &j->merges))
        return false;
    bool vocab_first = j->vocab.p < j->merges.p;
    struct str first = vocab_first ? j->vocab : j->merges, second = vocab_first ? j->merges : j->vocab;
    const char *behind = second.p + second.n;
    return buf_add(&j->rest, str_of(text.p, (size_t)(first.p - text.p))) == 0 && buf_add(&j->rest, vocab_first ? STR("{}") : STR("[]")) == 0 &&
           buf_add(&j->rest, str_of(first.p + first.n, (size_t)(second.p - first.p) - first.n)) == 0 &&
           buf_add(&j->rest, vocab_first ? STR("[]") : STR("{}")) == 0 &&
           buf_add(&j->rest, str_of(behind, (size_t)(text.p + text.n - behind))) == 0;
}

/* At most as many members as there are colons. */
static size_t members_most(struct str object)
{
    size_t colons = 0;
    for (size_t i = 0; i < object.n; i++) colons += object.p[i] == ':';
    return colons;
}

static int read_names(const char *file, struct scan *s, struct vocabulary_names *names)
{
    struct str text;
    uint32_t id;
    if (!take(s, '{')) return fail("%s: the vocabulary is no object", file);
    if (take(s, '}')) return next(s) ? fail("%s: something stands behind the vocabulary", file) : 0;
    do {
        if (!take_string(s, &text) || !take(s, ':')) return fail("%s: the vocabulary holds something else than tokens", file);
        if (!take_id(s, &id)) return fail("%s: token %.*s: its id is no whole number below %d", file, STR_ARG(text), VOCABULARY_MOST);
        if (vocabulary_name(names, text, id) < 0) return fail_prefix("%s: ", file), -1;
    } while (take(s, ','));
    return take(s, '}') && !next(s) ? 0 : fail("%s: the vocabulary does not end as an object does", file);
}

int tokenizer_json_names(const char *file, struct str vocab, struct arena *strings, struct vocabulary_names **names)
{
    struct scan s = scan_of(vocab, strings);
    size_t most = members_most(vocab);
    if (most > VOCABULARY_MOST) return fail("%s: a vocabulary of more than %d tokens", file, VOCABULARY_MOST);
    *names = vocabulary_names_new(most);
    if (!*names) return -1;
    if (read_names(file, &s, *names) == 0) return 0;
    vocabulary_names_free(*names);
    *names = NULL;
    return -1;
}

static bool take_merge(struct scan *s, struct str *left, struct str *right)
{
    if (take(s, '[')) return take_string(s, left) && take(s, ',') && take_string(s, right) && take(s, ']');
    if (!take_string(s, right)) return false;
    *left = str_cut(right, ' ');
    return true;
}

size_t tokenizer_json_count(struct str merges)
{
    struct scan s = scan_of(merges, NULL);
    size_t n = 0;
    if (!take(&s, '[')) return 0;
    for (; skip_value(&s); n++)
        if (!take(&s, ',')) return n + 1;
    return n;
}

int tokenizer_json_merges(struct vocabulary *v, const struct vocabulary_names *names, const char *file, struct str merges,
                          struct arena *strings)
{
    struct scan s = scan_of(merges, strings);
    uint32_t rank = 0;
    if (!take(&s, '[')) return fail("%s: the merges are no array", file);
    if (take(&s, ']')) return 0;
    do {
        struct str left, right;
        if (!take_merge(&s, &left, &right) || !left.n || !right.n) return fail("%s: merge %u is not two symbols", file, rank);
        if (vocabulary_add(v, names, file, left, right, rank++) < 0) return -1;
    } while (take(&s, ','));
    return take(&s, ']') ? 0 : fail("%s: the merges do not end as an array does", file);
}
