#include "filters/calibration.h"

#include <math.h>
#include <stddef.h>

struct calibration_point { /* ascending by bound, kept never rises */
    double bound, kept;
};

#include "filters/calibration_table.h"

#define KNOWN(array) {{#array, sizeof #array - 1}, array, sizeof array / sizeof *array}
static const struct known {
    struct str model;
    const struct calibration_point *points;
    size_t count;
} known[] = {KNOWN(b32), KNOWN(l14), KNOWN(builtin)};

static const struct known *find(struct str model)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (str_eq(known[i].model, model)) return &known[i];
    return NULL;
}

/* On the line between the points (x0, y0) and (x1, y1). */
static double between(double x, double x0, double x1, double y0, double y1)
{
    return x1 == x0 ? y1 : y0 + (x - x0) / (x1 - x0) * (y1 - y0);
}

static double kept_at(const struct known *k, double bound)
{
    const struct calibration_point *p = k->points;
    if (bound <= p[0].bound) return 1;
    for (size_t i = 1; i < k->count; i++)
        if (bound <= p[i].bound) return between(bound, p[i - 1].bound, p[i].bound, p[i - 1].kept, p[i].kept);
    return 0;
}

static double bound_at(const struct known *k, double kept)
{
    const struct calibration_point *p = k->points;
    for (size_t i = 1; i < k->count; i++)
        if (kept >= p[i].kept) return between(kept, p[i - 1].kept, p[i].kept, p[i - 1].bound, p[i].bound);
    return p[k->count - 1].bound;
}

int calibration_carry(struct str from, double bound, struct str to, struct calibrated *out)
{
    const struct known *a = find(from), *b = find(to);
    if (!a || !b) return -1;
    double kept = kept_at(a, bound);
    if (!(kept >= 0.001 && kept <= 0.999)) return -1;
    *out = (struct calibrated){.bound = round(bound_at(b, kept) * 1000) / 1000, .kept = kept};
    return 0;
}
