#include "crawl/html/srcset.h"

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r'; }

/* The next descriptor, to white space or a comma outside parentheses; *last if it is the candidate's last. */
static struct str take_descriptor(struct str *rest, bool *last)
{
    size_t start = 0, n;
    while (start < rest->n && is_space(rest->p[start])) start++;
    bool open = false;
    for (n = start; n < rest->n; n++) {
        char c = rest->p[n];
        if (open) open = c != ')';
        else if (c == '(') open = true;
        else if (c == ',' || is_space(c)) break;
    }
    struct str descriptor = str_of(rest->p + start, n - start);
    *last = n == rest->n || rest->p[n] == ',';
    *rest = str_from_at(*rest, n < rest->n ? n + 1 : n);
    return descriptor;
}

/* "Valid floating-point number" [HTML 2.3.4.3], which has no sign `+` and no digits left out behind the point. */
static bool parse_float(struct str s, double *out)
{
    size_t i = s.n && s.p[0] == '-';
    size_t whole = i, digits;
    while (i < s.n && ascii_is_digit(s.p[i])) i++;
    digits = i - whole;
    if (i < s.n && s.p[i] == '.') {
        size_t point = i++;
        while (i < s.n && ascii_is_digit(s.p[i])) i++;
        if (i == point + 1) return false;
        digits += i - point - 1;
    }
    if (!digits) return false;
    if (i < s.n && (s.p[i] | 0x20) == 'e') {
        i++;
        if (i < s.n && (s.p[i] == '-' || s.p[i] == '+')) i++;
        size_t exponent = i;
        while (i < s.n && ascii_is_digit(s.p[i])) i++;
        if (i == exponent) return false;
    }
    return i == s.n && str_to_double(s, out) == 0;
}

struct descriptors {
    uint64_t width, height;
    double density;
    bool has_density, wrong;
};

/* A rule for non-negative integers that may be too large for any picture. */
static bool parse_size(struct str s, uint64_t *out)
{
    if (!s.n) return false;
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_is_digit(s.p[i])) return false;
    if (str_to_u64(s, out) < 0) *out = UINT64_MAX;
    return *out > 0;
}

static void take_in(struct descriptors *d, struct str descriptor)
{
    struct str number = str_of(descriptor.p, descriptor.n - 1);
    switch (descriptor.p[descriptor.n - 1]) {
    case 'w':
        d->wrong |= d->width || d->has_density || !parse_size(number, &d->width);
        break;
    case 'x':
        d->wrong |= d->width || d->height || d->has_density || !parse_float(number, &d->density) || d->density < 0;
        d->has_density = true;
        break;
    case 'h':
        d->wrong |= d->height || d->has_density || !parse_size(number, &d->height);
        break;
    default: d->wrong = true;
    }
}

/* Reads the descriptors behind a URL; false if they make the candidate an error. */
static bool take_descriptors(struct str *rest, struct html_candidate *out)
{
    struct descriptors d = {.density = 1};
    bool last = rest->n == 0;
    while (!last) {
        struct str descriptor = take_descriptor(rest, &last);
        if (descriptor.n) take_in(&d, descriptor);
    }
    out->width = d.width;
    out->density = d.width ? 0 : d.density;
    return !d.wrong && (!d.height || d.width);
}

bool html_srcset_next(struct str *rest, struct html_candidate *out)
{
    for (;;) {
        while (rest->n && (is_space(*rest->p) || *rest->p == ',')) *rest = str_from_at(*rest, 1);
        if (!rest->n) return false;
        size_t n = 0;
        while (n < rest->n && !is_space(rest->p[n])) n++;
        *out = (struct html_candidate){.url = str_of(rest->p, n), .density = 1};
        *rest = str_from_at(*rest, n);
        if (out->url.p[n - 1] == ',') {
            while (out->url.p[out->url.n - 1] == ',') out->url.n--; /* its first byte is none */
            return true;
        }
        if (take_descriptors(rest, out)) return true;
    }
}

bool html_candidate_larger(const struct html_candidate *a, const struct html_candidate *b)
{
    return a->width != b->width ? a->width > b->width : a->density > b->density;
}

bool html_srcset_best(struct str srcset, struct html_candidate *out)
{
    struct html_candidate one;
    bool found = false;
    while (html_srcset_next(&srcset, &one))
        if (!found || html_candidate_larger(&one, out)) {
            *out = one;
            found = true;
        }
    return found;
}
