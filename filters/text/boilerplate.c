#include "filters/text/boilerplate.h"

#include "pipeline/base/unicode.h"
#include "pipeline/base/utf8.h"

/* The code point that ends at byte `end` > 0 of valid UTF-8, and where it begins. */
static uint32_t code_point_before(struct str s, size_t end, size_t *begins)
{
    size_t at = end - 1;
    while (at && ((unsigned char)s.p[at] & 0xC0) == 0x80) at--;
    *begins = at;
    return utf8_next(s, &at);
}

static bool is_separator(uint32_t c)
{
    return unicode_is_space(c) || c == '-' || c == '|' || c == ':' || c == ',' || c == 0xB7 || c == 0x2013 || c == 0x2014;
}
static bool is_word(uint32_t c) { return unicode_classes(c) & (UNICODE_LETTER | UNICODE_DIGIT | UNICODE_MARK); }

static struct str without_separators_before(struct str s)
{
    while (s.n) {
        size_t at = 0;
        if (!is_separator(utf8_next(s, &at))) break;
        s = str_from_at(s, at);
    }
    return s;
}
static struct str without_separators_behind(struct str s)
{
    while (s.n) {
        size_t begins;
        if (!is_separator(code_point_before(s, s.n, &begins))) break;
        s.n = begins;
    }
    return s;
}

static struct str begins(struct str text, const struct str *phrases, size_t count)
{
    struct str s = without_separators_before(text), best = STR_ABSENT;
    for (size_t i = 0; i < count; i++) {
        if (phrases[i].n <= best.n || !str_starts_nocase(s, phrases[i])) continue;
        size_t at = phrases[i].n;
        if (at < s.n && is_word(utf8_next(s, &at))) continue;
        best = str_of(s.p, phrases[i].n);
    }
    return best;
}

static struct str ends(struct str text, const struct str *phrases, size_t count)
{
    struct str s = without_separators_behind(text), best = STR_ABSENT;
    for (size_t i = 0; i < count; i++) {
        size_t n = phrases[i].n, begins;
        if (n <= best.n || n > s.n || !str_starts_nocase(str_from_at(s, s.n - n), phrases[i])) continue;
        if (n < s.n && is_word(code_point_before(s, s.n - n, &begins))) continue;
        best = str_of(s.p + s.n - n, n);
    }
    return best;
}

struct str boilerplate_begins(struct str text, const struct boilerplate *b)
{
    struct str hit = begins(text, b->phrases, b->count);
    return hit.n && begins(text, b->exceptions, b->exception_count).n > hit.n ? STR_ABSENT : hit;
}

struct str boilerplate_ends(struct str text, const struct boilerplate *b)
{
    struct str hit = ends(text, b->phrases, b->count);
    return hit.n && ends(text, b->exceptions, b->exception_count).n > hit.n ? STR_ABSENT : hit;
}

struct str boilerplate_crop(struct str text, const struct boilerplate *b)
{
    for (;;) {
        struct str hit = boilerplate_ends(text, b);
        if (hit.n) {
            text = without_separators_behind(str_of(text.p, (size_t)(hit.p - text.p)));
            continue;
        }
        hit = boilerplate_begins(text, b);
        if (!hit.n) return text;
        size_t end = (size_t)(hit.p + hit.n - text.p);
        text = without_separators_before(str_from_at(text, end));
    }
}
