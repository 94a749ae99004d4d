/* Edges are m · 10^(e-2) with 100 <= m < 1000, as the double nearest to that decimal: what somebody's Python reads when it is
 * written down. A guess by multiplication is therefore set right by comparing with the edges themselves. */
#include "reports/stats_bins.h"

#include "pipeline/base/fail.h"

#include <stdlib.h>
#include <string.h>

static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10,
                                1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21};
static const double tens[BINS_DECADES + 1] = {1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1e0,  1e1,  1e2,  1e3,  1e4, 1e5,
                                              1e6,  1e7,  1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19};

/* m · 10^exponent: m and the power are exact, so one rounding remains. */
static double decimal(double m, int exponent) { return exponent >= 0 ? m * powers[exponent] : m / powers[-exponent]; }

static int decade_of(double size)
{
    uint64_t bits;
    memcpy(&bits, &size, sizeof bits);
    int binary = (int)(bits >> 52 & 0x7ff) - 1023, e = binary * 1233 >> 12; /* log10(2) is 1233/4096 and a little */
    if (e < BINS_LOWEST) e = BINS_LOWEST;
    if (e > BINS_HIGHEST) e = BINS_HIGHEST;
    while (e < BINS_HIGHEST && size >= tens[e + 1 - BINS_LOWEST]) e++;
    while (e > BINS_LOWEST && size < tens[e - BINS_LOWEST]) e--;
    return e;
}

/* The largest m with edge <= size. */
static int digits_down(double size, int e)
{
    double scaled = decimal(size, 2 - e);
    int m = (int)scaled;
    double over = scaled - m;
    if (m >= 100 && m <= 999 && over > 1e-9 && over < 1 - 1e-9) return m; /* roundings are a thousand times smaller */
    if (m < 100) m = 100;
    if (m > 999) m = 999;
    while (m < 999 && decimal(m + 1, e - 2) <= size) m++;
    while (m > 100 && decimal(m, e - 2) > size) m--;
    return m;
}

static int count_in(struct bins_decade **at, int m)
{
    if (!*at && !(*at = calloc(1, sizeof **at))) return fail_memory();
    (*at)->n[m]++;
    return 0;
}

/* Negative values mirrored: [-m, -(m-1)), so that the lower edge belongs to the bin there too. */
static int add_below(struct bins *b, double size, unsigned class)
{
    int e = decade_of(size), m = digits_down(size, e);
    if (decimal(m, e - 2) < size) m++;
    else if (m == 100 && e > BINS_LOWEST) m = 1000, e--;
    if (m == 100) m++;
    return count_in(&b->below[e - BINS_LOWEST][class], m - 101);
}

int bins_add(struct bins *b, double value, unsigned class)
{
    b->total[class]++;
    double size = fabs(value);
    if (size < 1e-9) return b->zero[class]++, 0;
    if (size >= 1e19) size = 9.99e18;
    if (value < 0) return add_below(b, size, class);
    int e, m, whole = size < 1000 ? (int)size : 0;
    if (whole > 0 && whole == size) { /* most values: their digits are known */
        e = whole < 10 ? 0 : whole < 100 ? 1 : 2;
        m = whole < 10 ? whole * 100 : whole < 100 ? whole * 10 : whole;
    } else {
        e = decade_of(size);
        m = digits_down(size, e);
    }
    return count_in(&b->above[e - BINS_LOWEST][class], m - 100);
}

void bins_free(struct bins *b)
{
    for (int i = 0; i < BINS_DECADES; i++)
        for (int class = 0; class < BINS_CLASSES; class++) {
            free(b->above[i][class]);
            free(b->below[i][class]);
        }
    memset(b, 0, sizeof *b);
}

static uint64_t sum(const uint64_t n[BINS_CLASSES], unsigned mask)
{
    uint64_t all = 0;
    for (unsigned c = 0; c < BINS_CLASSES; c++) all += mask >> c & 1 ? n[c] : 0;
    return all;
}

uint64_t bins_total(const struct bins *b, unsigned mask) { return sum(b->total, mask); }

static bool is_empty(struct bins_decade *const d[BINS_CLASSES])
{
    for (unsigned c = 0; c < BINS_CLASSES; c++)
        if (d[c]) return false;
    return true;
}

static void give(struct bins_decade *const d[BINS_CLASSES], int i, double low,
                 void (*take)(void *context, double low, const uint64_t n[BINS_CLASSES]), void *context)
{
    uint64_t n[BINS_CLASSES];
    for (unsigned c = 0; c < BINS_CLASSES; c++) n[c] = d[c] ? d[c]->n[i] : 0;
    if (sum(n, BINS_ALL)) take(context, low, n);
}

void bins_each(const struct bins *b, void (*take)(void *context, double low, const uint64_t n[BINS_CLASSES]), void *context)
{
    for (int e = BINS_HIGHEST; e >= BINS_LOWEST; e--)
        for (int i = 899; !is_empty(b->below[e - BINS_LOWEST]) && i >= 0; i--)
            give(b->below[e - BINS_LOWEST], i, -decimal(i + 101, e - 2), take, context);
    if (sum(b->zero, BINS_ALL)) take(context, 0, b->zero);
    for (int e = BINS_LOWEST; e <= BINS_HIGHEST; e++)
        for (int i = 0; !is_empty(b->above[e - BINS_LOWEST]) && i < 900; i++)
            give(b->above[e - BINS_LOWEST], i, decimal(i + 100, e - 2), take, context);
}

struct ranked {
    uint64_t before; /* values that still come before the one sought */
    unsigned mask;
    bool found;
    double value;
};

static void count_down(void *context, double low, const uint64_t n[BINS_CLASSES])
{
    struct ranked *r = context;
    uint64_t here = sum(n, r->mask);
    if (r->found || here <= r->before) {
        r->before -= r->found ? 0 : here;
        return;
    }
    r->found = true;
    r->value = low;
}

double bins_quantile(const struct bins *b, unsigned mask, double share)
{
    uint64_t n = bins_total(b, mask);
    if (!n) return 0;
    struct ranked r = {.before = (uint64_t)(share * (double)(n - 1)), .mask = mask};
    bins_each(b, count_down, &r);
    return r.value;
}

/* ---- drawing */

double bins_nice_step(double least)
{
    int e = decade_of(least);
    static const int steps[] = {1, 2, 5};
    for (int i = 0; i < 3; i++)
        if (decimal(steps[i], e) >= least * (1 - 1e-12)) return decimal(steps[i], e);
    return decimal(1, e + 1);
}

double bins_digits(double value, int digits)
{
    double size = fabs(value);
    if (size < 1e-9) return 0;
    int e = decade_of(size), exponent = e - digits + 1;
    double near = decimal(round(decimal(size, -exponent)), exponent);
    return value < 0 ? -near : near;
}

static bool has_three_digits(double value) { return bins_digits(value, 3) == value; }

static void pour(void *context, double low, const uint64_t n[BINS_CLASSES])
{
    struct bins_drawn *d = context;
    size_t i = 0, above = d->count;
    while (i + 1 < above) {
        size_t middle = (i + above) / 2;
        if (d->edges[middle] <= low) i = middle;
        else above = middle;
    }
    if (low < d->edges[0]) d->under = true;
    if (low >= d->edges[d->count]) d->over = true;
    for (unsigned c = 0; c < BINS_CLASSES; c++) d->n[i][c] += n[c];
}

/* Edges are whole multiples of `unit`, a power of ten: first + i · step of them. */
static void lay_linear(struct bins_drawn *d, int unit, double first, double step, double last)
{
    while (d->count < BINS_DRAWN && first + step * (double)d->count < last) {
        d->edges[d->count] = decimal(first + step * (double)d->count, unit);
        d->count++;
    }
    d->edges[d->count] = decimal(first + step * (double)d->count, unit);
}

static bool is_whole(double value) { return fabs(value - round(value)) < 1e-9 * fmax(1, fabs(value)); }

static void edges_linear(const struct bins_axis *axis, double low, double high, double anchor, struct bins_drawn *d)
{
    double width = bins_nice_step(fmax((high - low) / 56, 1e-8));
    int grid = decade_of(fmax(fabs(high), fabs(low))) - 2;
    if (axis->integer && width < 1) width = 1;
    if (width < decimal(1, grid)) width = bins_nice_step(decimal(1, grid));
    int unit = decade_of(width);
    if (!isnan(anchor)) /* so fine that the anchor is whole as well */
        while (unit > grid && !is_whole(decimal(anchor, -unit))) unit--;
    if (!isnan(anchor) && !is_whole(decimal(anchor, -unit))) anchor = NAN;
    double step = round(decimal(width, -unit)), at = isnan(anchor) ? 0 : round(decimal(anchor, -unit));
    double first = at + floor((decimal(low, -unit) - at) / step + 1e-9) * step;
    lay_linear(d, unit, first, step, decimal(high, -unit) + 1e-6);
    if (d->count == 0) lay_linear(d, unit, first, step, first + step);
    if (low >= 0 && d->edges[0] < 0) d->edges[0] = 0; /* a narrower first bar, not one for values that cannot be */
}

static void edges_log(const struct bins_axis *axis, double low, double high, double anchor, struct bins_drawn *d)
{
    double base = isnan(anchor) ? 1 : anchor, decades = log10(high / low);
    double per = decades < 1 ? 40 : decades < 3 ? 20 : decades < 6 ? 10 : 5;
    double k = floor(log10(low / base) * per + 1e-9), last = 0;
    for (; d->count <= BINS_DRAWN; k++) {
        double edge = bins_digits(base * pow(10, k / per), 3);
        if (axis->integer) edge = ceil(edge);
        if (d->count && edge <= last) continue;
        d->edges[d->count] = last = edge;
        if (edge > high || d->count == BINS_DRAWN) break;
        d->count++;
    }
    if (d->count == 0) d->edges[++d->count] = last * 2;
}

void bins_draw(const struct bins *b, const struct bins_axis *axis, struct bins_drawn *out)
{
    *out = (struct bins_drawn){.log = axis->log};
    if (!bins_total(b, BINS_ALL)) return;
    double low = bins_quantile(b, BINS_ALL, 0.002), high = bins_quantile(b, BINS_ALL, 0.998), anchor = axis->anchor;
    if (out->log && low <= 0) out->log = false;
    if (!isnan(anchor) && !has_three_digits(anchor)) anchor = NAN;
    if (out->log) {
        if (!isnan(anchor) && (anchor <= 0 || anchor > high * 30 || anchor < low / 30)) anchor = NAN;
        if (!isnan(anchor)) low = fmin(low, anchor / 1.5), high = fmax(high, anchor * 1.5);
        edges_log(axis, low, high, anchor, out);
    } else {
        double span = fmax(high - low, fmax(fabs(high), fabs(low)) / 10);
        if (axis->integer && low >= 0 && low < span) low = 0;
        span = fmax(high - low, span);
        if (!isnan(anchor) && (anchor > high + 1.5 * span || anchor < low - 1.5 * span)) anchor = NAN;
        if (!isnan(anchor)) low = fmin(low, anchor), high = fmax(high, anchor);
        if (high == low) high = low + (axis->integer ? 1 : fmax(span, 0.01));
        edges_linear(axis, low, high, anchor, out);
    }
    bins_each(b, pour, out);
}
