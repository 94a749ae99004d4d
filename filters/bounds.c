/* Decimals, bounds and what filters measured: exact comparisons, and printing that never contradicts them. */
#include "filters/table.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

int decimal_parse(struct str s, struct decimal *out)
{
    enum { DIGITS = 18 };
    bool negative = s.n && s.p[0] == '-';
    if (negative) s = str_from_at(s, 1);
    int64_t units = 0, scale = 1;
    size_t digits = 0;
    bool point = false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '.' && !point) {
            point = true;
            continue;
        }
        if (!ascii_is_digit(c) || ++digits > DIGITS || (point && scale == 1000000000)) return -1;
        units = units * 10 + (c - '0');
        if (point) scale *= 10;
    }
    if (digits == 0 || s.p[s.n - 1] == '.') return -1;
    *out = (struct decimal){negative ? -units : units, scale};
    return 0;
}

/* <0, 0, >0 as part/whole is below, at, above d. part and whole stay below 2^63: the products fit in 128 bits. */
static int compare_share(uint64_t part, uint64_t whole, struct decimal d)
{
    __int128 left = (__int128)part * d.scale, right = (__int128)whole * d.units;
    return (left > right) - (left < right);
}

bool bounds_hold(const struct bounds *b, uint64_t part, uint64_t whole)
{
    int limit = b->strict ? 1 : 0;
    if (b->has_low && compare_share(part, whole, b->low) < limit) return false;
    return !b->has_high || compare_share(part, whole, b->high) <= -limit;
}

/* units and scale are exact doubles (at most 18 digits may lose the last ones), so their quotient is the double nearest to
 * what was typed: the same that a score of those digits reads as. */
static double decimal_double(struct decimal d) { return (double)d.units / (double)d.scale; }

bool bounds_hold_number(const struct bounds *b, double number)
{
    double low = decimal_double(b->low), high = decimal_double(b->high);
    if (b->has_low && !(b->strict ? number > low : number >= low)) return false;
    return !b->has_high || (b->strict ? number < high : number <= high);
}

/* The share with as few digits (4 at least) as still lie on the same side of both bounds: 3.00001 is not shown as 3 where 3
 * is allowed. */
static int measured_share(struct buf *out, uint64_t part, uint64_t whole, const struct bounds *bounds)
{
    char text[48] = "";
    for (int digits = 4; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)part / (double)whole);
        double shown = strtod(text, NULL);
        if (!bounds || bounds_hold_number(bounds, shown) == bounds_hold(bounds, part, whole)) break;
    }
    return buf_add(out, str_from(text));
}

int filter_measured(struct buf *out, const struct filter_result *r, const struct bounds *bounds)
{
    switch (r->kind) {
    case MEASURED_COUNT: return buf_u64(out, r->part);
    case MEASURED_SHARE: return measured_share(out, r->part, r->whole, bounds);
    case MEASURED_NUMBER: return buf_double(out, isfinite(r->number) ? r->number : 0);
    case MEASURED_TEXT: return buf_add(out, r->text);
    case MEASURED_NOTHING: break;
    }
    return 0;
}
