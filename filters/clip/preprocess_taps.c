/* The arithmetic is Pillow's, operation by operation, since its rounding is part of the result. */
#include "filters/clip/preprocess_taps.h"

#include <math.h>
#include <stdlib.h>

#include "pipeline/base/fail.h"

static double bicubic(double x) /* Keys' cubic with a = -0.5, two pixels to either side */
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
    if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
    return 0.0;
}

static double bilinear(double x)
{
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

static int reserve(void *items, size_t n, size_t *room, size_t size)
{
    if (n <= *room) return 0;
    void *grown = realloc(*(void **)items, n * size);
    if (!grown) return fail_memory();
    *(void **)items = grown;
    *room = n;
    return 0;
}

struct axis {
    double (*filter)(double x);
    double scale, widening, support; /* input pixels an output pixel; at least 1; half the filter's width */
    uint32_t in;
};

static struct axis axis_of(enum preprocess_filter filter, uint32_t in, uint64_t out)
{
    struct axis a = {.filter = filter == PREPROCESS_BICUBIC ? bicubic : bilinear, .in = in};
    a.scale = (double)in / (double)out;
    a.widening = a.scale < 1.0 ? 1.0 : a.scale;
    a.support = (filter == PREPROCESS_BICUBIC ? 2.0 : 1.0) * a.widening;
    return a;
}

static struct tap_span span_of(const struct axis *a, double centre)
{
    double first = centre - a->support + 0.5, end = centre + a->support + 0.5;
    uint32_t from = first < 0 ? 0 : (uint32_t)first;
    uint32_t to = end > a->in ? a->in : (uint32_t)end;
    return (struct tap_span){.first = from, .n = to - from};
}

static void put_weight(struct tap_group *groups, uint32_t i, double w)
{
    double scaled = w * (1 << WEIGHT_BITS);
    int32_t whole = (int32_t)(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
    groups[i / TAPS_GROUP].high[i % TAPS_GROUP] = (int16_t)(whole >> WEIGHT_LOW_BITS);
    groups[i / TAPS_GROUP].low[i % TAPS_GROUP] = (int16_t)(whole & ((1 << WEIGHT_LOW_BITS) - 1));
}

static void put_weights(struct taps *t, const struct axis *a, const struct tap_span *s, double centre)
{
    double *w = t->scratch, sum = 0.0, narrowing = 1.0 / a->widening;
    for (uint32_t i = 0; i < s->n; i++) {
        w[i] = a->filter(((double)i + (double)s->first - centre + 0.5) * narrowing);
        sum += w[i];
    }
    memset(t->groups + s->groups, 0, (s->n + TAPS_GROUP - 1) / TAPS_GROUP * sizeof *t->groups);
    for (uint32_t i = 0; i < s->n; i++) put_weight(t->groups + s->groups, i, sum != 0.0 ? w[i] / sum : w[i]);
}

int taps_make(struct taps *t, enum preprocess_filter filter, uint32_t in, uint64_t out, uint64_t start, uint32_t count)
{
    struct axis a = axis_of(filter, in, out);
    size_t most = 2 * (size_t)ceil(a.support) + 1; /* taps of one output */
    if (most > in) most = in;
    size_t groups_each = (most + TAPS_GROUP - 1) / TAPS_GROUP;
    if (groups_each * count > TAPS_MOST) return 1;
    if (reserve(&t->spans, count, &t->spans_room, sizeof *t->spans) < 0 ||
        reserve(&t->groups, groups_each * count, &t->groups_room, sizeof *t->groups) < 0 ||
        reserve(&t->scratch, most, &t->scratch_room, sizeof *t->scratch) < 0)
        return -1;
    for (uint32_t i = 0; i < count; i++) {
        double centre = ((double)(start + i) + 0.5) * a.scale;
        struct tap_span s = span_of(&a, centre);
        s.groups = (uint32_t)(groups_each * i);
        put_weights(t, &a, &s, centre);
        t->spans[i] = s;
    }
    t->from = t->spans[0].first;
    t->to = t->spans[count - 1].first + t->spans[count - 1].n;
    return 0;
}

void taps_free(struct taps *t)
{
    free(t->spans);
    free(t->groups);
    free(t->scratch);
    *t = (struct taps){0};
}
