/* Byte slices: comparisons, cutting, strict numbers. */
#include "pipeline/base/str.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>

bool str_eq_nocase(struct str a, struct str b)
{
    return a.n == b.n && str_starts_nocase(a, b);
}

bool str_starts_nocase(struct str s, struct str head)
{
    if (s.n < head.n) return false;
    for (size_t i = 0; i < head.n; i++)
        if (ascii_lower(s.p[i]) != ascii_lower(head.p[i])) return false;
    return true;
}

int str_compare(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;
    return order ? order : (a.n > b.n) - (a.n < b.n);
}

struct str str_trim(struct str s)
{
    while (s.n && ascii_is_space(s.p[0])) s.p++, s.n--;
    while (s.n && ascii_is_space(s.p[s.n - 1])) s.n--;
    return s;
}

struct str str_cut(struct str *rest, char separator)
{
    const char *at = rest->n ? memchr(rest->p, separator, rest->n) : NULL;
    struct str part = *rest;
    if (!at) {
        *rest = STR_ABSENT;
        return part;
    }
    part.n = (size_t)(at - part.p);
    *rest = str_of(at + 1, rest->n - part.n - 1);
    return part;
}

size_t str_find(struct str s, struct str needle)
{
    if (needle.n == 0) return 0;
    if (s.n < needle.n) return SIZE_MAX;
    const char *at = memmem(s.p, s.n, needle.p, needle.n);
    return at ? (size_t)(at - s.p) : SIZE_MAX;
}

size_t str_find_nocase(struct str s, struct str needle)
{
    for (size_t i = 0; i + needle.n <= s.n; i++)
        if (str_starts_nocase(str_from_at(s, i), needle)) return i;
    return SIZE_MAX;
}

int str_to_u64(struct str s, uint64_t *out)
{
    if (s.n == 0 || s.n > 20) return -1;
    uint64_t value = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (!ascii_is_digit(s.p[i])) return -1;
        if (__builtin_mul_overflow(value, 10u, &value) || __builtin_add_overflow(value, (uint64_t)(s.p[i] - '0'), &value))
            return -1;
    }
    *out = value;
    return 0;
}

int str_to_i64(struct str s, int64_t *out)
{
    bool negative = s.n && s.p[0] == '-';
    uint64_t value;
    if (str_to_u64(negative ? str_from_at(s, 1) : s, &value) < 0) return -1;
    if (value > (uint64_t)INT64_MAX + negative) return -1;
    *out = negative ? (int64_t)(0 - value) : (int64_t)value;
    return 0;
}

/* Plain decimals of up to 15 digits: the digits and the power of ten are exact as doubles, so one division rounds once, as
 * strtod does (Clinger 1990). Scores are such numbers, a few to a row. */
static bool short_decimal(struct str s, double *out)
{
    static const double powers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    size_t i = s.p[0] == '-', digits = 0, behind = 0;
    bool point = false;
    uint64_t all = 0;
    if (s.n - i > 16) return false;
    for (; i < s.n; i++) {
        if (s.p[i] == '.' && !point) {
            point = true;
            continue;
        }
        if (!ascii_is_digit(s.p[i])) return false;
        all = 10 * all + (uint64_t)(s.p[i] - '0');
        digits++;
        behind += point;
    }
    if (!digits || digits > 15) return false;
    double value = (double)all / powers[behind];
    *out = s.p[0] == '-' ? -value : value;
    return true;
}

/* strtod follows the locale; the program never calls setlocale, so the decimal point is a point. */
int str_to_double(struct str s, double *out)
{
    char text[64];
    if (s.n == 0 || s.n >= sizeof text) return -1;
    if (short_decimal(s, out)) return 0;
    for (size_t i = 0; i < s.n; i++) { /* keeps out nan, inf, hexadecimal and leading white space */
        char c = s.p[i];
        if (!ascii_is_digit(c) && c != '.' && c != '-' && c != '+' && c != 'e' && c != 'E') return -1;
        text[i] = c;
    }
    text[s.n] = 0;
    char *end;
    double value = strtod(text, &end);
    if (end != text + s.n || !isfinite(value)) return -1;
    *out = value;
    return 0;
}

int str_to_size(struct str s, uint64_t *out)
{
    size_t digits = 0;
    while (digits < s.n && (ascii_is_digit(s.p[digits]) || s.p[digits] == '.')) digits++;
    struct str unit = str_from_at(s, digits);
    double number;
    if (str_to_double(str_of(s.p, digits), &number) < 0) return -1;
    int shift = 0;
    if (unit.n) {
        static const char letters[] = "bkmgt";
        const char *at = strchr(letters, ascii_lower(unit.p[0]));
        if (!at || !*at) return -1;
        shift = (int)(at - letters) * 10;
        struct str tail = str_from_at(unit, 1);
        if (tail.n && !str_eq_nocase(tail, STR("ib")) && !(shift && str_eq_nocase(tail, STR("b")))) return -1;
    }
    double value = ldexp(number, shift);
    if (value < 0 || value >= 0x1p63) return -1;
    *out = (uint64_t)value;
    return 0;
}

size_t str_distance(struct str a, struct str b)
{
    enum { LONGEST = 64 };
    if (a.n > LONGEST || b.n > LONGEST) return SIZE_MAX;
    size_t two_ago[LONGEST + 1] = {0}, previous[LONGEST + 1], row[LONGEST + 1];
    for (size_t j = 0; j <= b.n; j++) previous[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            size_t best = previous[j - 1] + (a.p[i - 1] != b.p[j - 1]);
            if (previous[j] + 1 < best) best = previous[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1] && two_ago[j - 2] + 1 < best)
                best = two_ago[j - 2] + 1;
            row[j] = best;
        }
        memcpy(two_ago, previous, sizeof previous);
        memcpy(previous, row, sizeof row);
    }
    return previous[b.n];
}
