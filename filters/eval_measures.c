#include "filters/eval_measures.h"

#include "pipeline/base/fail.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Wins of matched similarities over unmatched ones, which come one by one: the matched ones are sorted before. */
struct wins {
    double *matched; /* sorted */
    size_t n;
    double won, compared;
};

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Matched ones that are smaller; with `or_equal`, that are not larger. */
static size_t below(const struct wins *w, double x, bool or_equal)
{
    size_t low = 0, high = w->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (w->matched[middle] < x || (or_equal && w->matched[middle] == x)) low = middle + 1;
        else high = middle;
    }
    return low;
}

static void add_unmatched(struct wins *w, double x)
{
    size_t smaller = below(w, x, false), not_larger = below(w, x, true);
    w->won += (double)(w->n - not_larger) + 0.5 * (double)(not_larger - smaller);
    w->compared += (double)w->n;
}

static double auc(const struct wins *w) { return w->compared > 0 ? w->won / w->compared : NAN; }

static double cosine(const struct eval_set *s, size_t picture, size_t text)
{
    const float *a = s->pictures + picture * s->width, *b = s->texts + text * s->width;
    double sum = 0;
    for (size_t i = 0; i < s->width; i++) sum += (double)a[i] * b[i];
    return sum;
}

/* Wins of all pairs, of each group against all captions, and of each group within itself. */
struct measuring {
    struct wins all, all_within, *groups, *within; /* the last two: [groups] */
    double *memory;
};

static int begin(const struct eval_set *s, const double *matched, struct measuring *m)
{
    size_t *place = calloc(s->groups + 1, sizeof *place);
    m->groups = calloc(s->groups, sizeof *m->groups);
    m->within = calloc(s->groups, sizeof *m->within);
    m->memory = malloc((2 * s->n + 1) * sizeof *m->memory);
    if (!place || !m->groups || !m->within || !m->memory) {
        free(place);
        return fail_memory();
    }
    memcpy(m->memory, matched, s->n * sizeof *matched);
    m->all = m->all_within = (struct wins){.matched = m->memory, .n = s->n};
    for (size_t i = 0; i < s->n; i++) place[s->group[i] + 1]++;
    for (uint32_t g = 0; g < s->groups; g++) {
        place[g + 1] += place[g];
        m->groups[g] = (struct wins){.matched = m->memory + s->n + place[g]};
    }
    for (size_t i = 0; i < s->n; i++) m->groups[s->group[i]].matched[m->groups[s->group[i]].n++] = matched[i];
    qsort(m->memory, s->n, sizeof *m->memory, compare);
    for (uint32_t g = 0; g < s->groups; g++) {
        qsort(m->groups[g].matched, m->groups[g].n, sizeof(double), compare);
        m->within[g] = m->groups[g];
    }
    free(place);
    return 0;
}

/* One picture against all captions that are not its own; its rank among them. */
static double measure_picture(const struct eval_set *s, struct measuring *m, size_t picture, double own)
{
    uint32_t group = s->group[picture];
    double rank = 0;
    for (size_t text = 0; text < s->n; text++) {
        if (s->same_text[text] == s->same_text[picture]) continue;
        double x = cosine(s, picture, text);
        rank += x > own ? 1 : x == own ? 0.5 : 0;
        add_unmatched(&m->all, x);
        if (s->groups > 1) add_unmatched(&m->groups[group], x);
        if (s->group[text] != group) continue;
        add_unmatched(&m->all_within, x);
        if (s->groups > 1) add_unmatched(&m->within[group], x);
    }
    return rank;
}

static void count_rank(struct eval_result *r, double rank)
{
    r->pairs++;
    for (size_t k = 0; k < EVAL_RANKS; k++) r->recall[k] += rank < eval_ranks[k];
}

int eval_measure(const struct eval_set *s, struct eval_result *results, double *matched)
{
    struct measuring m = {.memory = NULL};
    for (size_t i = 0; i < s->n; i++) matched[i] = cosine(s, i, i);
    memset(results, 0, (s->groups + 1) * sizeof *results);
    int result = begin(s, matched, &m);
    for (size_t i = 0; result == 0 && i < s->n; i++) {
        double rank = measure_picture(s, &m, i, matched[i]);
        count_rank(&results[0], rank);
        count_rank(&results[1 + s->group[i]], rank);
    }
    for (uint32_t g = 0; result == 0 && g <= s->groups; g++) {
        struct eval_result *r = &results[g];
        r->auc = auc(g ? &m.groups[g - 1] : &m.all);
        r->auc_within = auc(g ? &m.within[g - 1] : &m.all_within);
        for (size_t k = 0; k < EVAL_RANKS; k++) r->recall[k] = r->pairs ? r->recall[k] / (double)r->pairs : NAN;
    }
    free(m.groups);
    free(m.within);
    free(m.memory);
    return result;
}
