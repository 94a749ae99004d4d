/* The srcset attribute, by the standard's own steps; step numbers are those of §4.8.4.2.2. */
#include "crawl/html/srcset.h"

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r'; }

/* Digits, fraction and exponent as the standard's rules for floating-point numbers want them (no leading +, no white space). */
static bool is_float(struct str s)
{
    size_t at = s.n && s.p[0] == '-', digits = 0;
    for (; at < s.n && ascii_is_digit(s.p[at]); at++) digits++;
    if (at < s.n && s.p[at] == '.') {
        size_t fraction = 0;
        for (at++; at < s.n && ascii_is_digit(s.p[at]); at++) fraction++;
        if (!fraction) return false;
        digits += fraction;
    }
    if (!digits) return false;
    if (at < s.n && (s.p[at] | 0x20) == 'e') {
        size_t exponent = 0;
        at++;
        if (at < s.n && (s.p[at] == '-' || s.p[at] == '+')) at++;
        for (; at < s.n && ascii_is_digit(s.p[at]); at++) exponent++;
        if (!exponent) return false;
    }
    return at == s.n;
}

struct descriptors {
    uint64_t width, height;
    double density;
    bool has_width, has_height, has_density, bad;
};

/* Step 13: one descriptor. */
static void take_descriptor(struct descriptors *d, struct str word)
{
    if (!word.n) return;
    struct str number = str_of(word.p, word.n - 1);
    char unit = word.p[word.n - 1];
    uint64_t whole = 0;
    double real = 0;
    if (unit == 'w' && str_to_u64(number, &whole) == 0) {
        d->bad |= d->has_width || d->has_density || whole == 0;
        d->has_width = true;
        d->width = whole;
    } else if (unit == 'x' && is_float(number) && str_to_double(number, &real) == 0) {
        d->bad |= d->has_width || d->has_density || d->has_height || real < 0;
        d->has_density = true;
        d->density = real;
    } else if (unit == 'h' && str_to_u64(number, &whole) == 0) {
        d->bad |= d->has_height || d->has_density || whole == 0;
        d->has_height = true;
        d->height = whole;
    } else {
        d->bad = true;
    }
}

/* Steps 8 to 13: descriptors up to the comma that ends the candidate; parentheses protect commas. */
static struct descriptors read_descriptors(struct str *rest)
{
    struct descriptors d = {0};
    size_t at = 0, start = 0;
    bool inside = false;
    for (; at < rest->n; at++) {
        char c = rest->p[at];
        if (inside) {
            inside = c != ')';
        } else if (c == '(') {
            inside = true;
        } else if (is_space(c) || c == ',') {
            take_descriptor(&d, str_of(rest->p + start, at - start));
            start = at + 1;
            if (c == ',') break;
        }
    }
    if (at >= rest->n) take_descriptor(&d, str_of(rest->p + start, rest->n - start));
    *rest = str_from_at(*rest, at < rest->n ? at + 1 : at);
    d.bad |= d.has_height && !d.has_width;
    return d;
}

bool html_srcset_next(struct html_srcset *walk, struct html_candidate *candidate)
{
    for (;;) {
        struct str s = walk->rest;
        while (s.n && (is_space(s.p[0]) || s.p[0] == ',')) s = str_from_at(s, 1); /* step 4 */
        if (!s.n) {
            walk->rest = s;
            return false;
        }
        size_t n = 0;
        while (n < s.n && !is_space(s.p[n])) n++; /* step 6 */
        struct str url = str_of(s.p, n);
        struct descriptors d = {0};
        s = str_from_at(s, n);
        if (url.p[url.n - 1] == ',') { /* step 8: no descriptors */
            while (url.n && url.p[url.n - 1] == ',') url.n--;
        } else {
            d = read_descriptors(&s);
        }
        walk->rest = s;
        if (d.bad || !url.n) continue;
        *candidate = (struct html_candidate){url, d.width, d.has_density ? d.density : 1};
        return true;
    }
}

struct html_candidate html_srcset_best(struct str value)
{
    struct html_srcset walk = {.rest = value};
    struct html_candidate best = {0}, next;
    while (html_srcset_next(&walk, &next)) {
        bool better = !best.url.p || next.width > best.width || (next.width == best.width && !next.width && next.density > best.density);
        if (better) best = next;
    }
    return best;
}
