/* A histogram that needs to know no range beforehand: decimal bins of three digits.
 *
 *     struct bins b = {0};
 *     bins_add(&b, 0.2837, 0);                       goes to the bin [0.283, 0.284)
 *     bins_quantile(&b, BINS_ALL, 0.5);              the median, to three digits
 *     struct bins_drawn d;
 *     bins_draw(&b, &(struct bins_axis){.integer = true, .anchor = 5}, &d);
 *     bins_free(&b);
 *
 * A value lies in the bin whose lower edge is its first three decimal digits, so that edges are numbers that people write down,
 * and merging bins never splits one where a limit stands. Counts are exact; they are kept apart by class, a small number that
 * the caller gives meaning to. Values under 10^-9 count as 0, those from 10^19 on as the largest. Memory: 7 kB for each power
 * of ten and class that occurs, so at most 400 kB a class. Two histograms of one kind add up bin by bin.
 */
#ifndef WINNOW_REPORTS_STATS_BINS_H
#define WINNOW_REPORTS_STATS_BINS_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    BINS_CLASSES = 5,
    BINS_ALL = (1 << BINS_CLASSES) - 1, /* mask of classes */
    BINS_LOWEST = -9, BINS_HIGHEST = 18, /* powers of ten */
    BINS_DECADES = BINS_HIGHEST - BINS_LOWEST + 1,
    BINS_DRAWN = 80,                     /* bars of a drawing, at most */
};

struct bins_decade {
    uint64_t n[900]; /* of 1.00, 1.01, … 9.99 times the power of ten */
};
struct bins {
    struct bins_decade *above[BINS_DECADES][BINS_CLASSES]; /* of positive and of negative values; NULL: none */
    struct bins_decade *below[BINS_DECADES][BINS_CLASSES];
    uint64_t zero[BINS_CLASSES], total[BINS_CLASSES];
};

int bins_add(struct bins *b, double value, unsigned class); /* value is a number; -1 out of memory */
void bins_free(struct bins *b);
uint64_t bins_total(const struct bins *b, unsigned mask);

/* Calls `take` for every bin that is not empty, rising; `low` is its lower edge. */
void bins_each(const struct bins *b, void (*take)(void *context, double low, const uint64_t n[BINS_CLASSES]), void *context);

/* The lower edge of the bin of the value at rank floor(share * (n - 1)) of the n values of these classes; 0 without values. */
double bins_quantile(const struct bins *b, unsigned mask, double share);

struct bins_axis {
    bool log;      /* equal ratios rather than equal steps */
    bool integer;  /* values are whole: no bar narrower than 1 */
    double anchor; /* a limit, which becomes an edge where it lies in sight and has at most three digits; NAN: none */
};
struct bins_drawn {
    size_t count;                /* bars; 0 without values */
    double edges[BINS_DRAWN + 1]; /* bar i holds edges[i] <= value < edges[i + 1]; the first one also what lies below, the */
    uint64_t n[BINS_DRAWN][BINS_CLASSES]; /* last one what lies above */
    bool under, over;            /* whether there is any */
    bool log;
};
/* Bars for people: between the 0.2 % and the 99.8 % quantile, their edges on edges of bins, so every count is exact. */
void bins_draw(const struct bins *b, const struct bins_axis *axis, struct bins_drawn *out);

/* Of the bars from the one that holds `value`, whose edge it must be, those whose lower edge is at least it. */
static inline size_t bins_bar(const struct bins_drawn *d, double value)
{
    size_t i = 0;
    while (i < d->count && d->edges[i] < value) i++;
    return i;
}

double bins_nice_step(double least); /* the smallest of 1, 2, 5 times a power of ten that is >= least > 0 */
double bins_digits(double value, int digits); /* the nearest number of so many decimal digits (1 to 3); of 0 it is 0 */

#endif
