#include "filters/answers.h"
#include "filters/column_filters.h"
#include "filters/learn/learn.h"
#include "pipeline/base/extsort.h"
#include "pipeline/base/fail.h"

#include <math.h>

struct best {
    double least;         /* NAN: not known yet */
    struct extsort *sort; /* 8-byte keys, the highest score first; NULL when nothing is learnt */
};

int score_best_prepare(struct chain *chain, struct rule *rule)
{
    const struct rule_value *share = rule_value(rule, "share"), *t = rule_value(rule, "t");
    if (column_prepare(chain, rule) < 0) return -1;
    if (rule->unserved) return 0;
    struct best *best = arena_alloc(&chain->arena, sizeof *best);
    if (!best) return -1;
    *best = (struct best){.least = t->given ? (double)t->number.units / (double)t->number.scale : NAN};
    rule->state = best;
    if (!t->given && (!share->given || share->number.units <= 0 || share->number.units > share->number.scale))
        return fail_usage("%s: share is the part of the pool that stays: above 0, at most 1", rule->name);
    return t->given ? rule_set_bound(chain, rule, ">=%.*s", STR_ARG(t->text)) : rule_set_bound(chain, rule, "best %.*s", STR_ARG(share->text));
}

int score_best_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    double score;
    struct str cell = rule_cell(rule, row, 0);
    if (str_to_double(cell, &score) < 0) return answer_text(result, false, cell.n ? cell : STR("absent"));
    result->kind = MEASURED_NUMBER;
    result->number = score;
    result->answer = score >= ((const struct best *)rule->state)->least ? FILTER_KEEP : FILTER_DROP;
    return 0;
}

void score_best_release(void *state) { extsort_close(((struct best *)state)->sort); }

/* ---- the first pass */

static bool wanted(const struct rule *rule) { return !rule_value(rule, "t")->given; }

static int begin(struct rule *rule, size_t memory, const char *tmp)
{
    struct best *best = rule->state;
    return (best->sort = extsort_open(memory, tmp, 8, NULL)) ? 0 : -1;
}

/* Bits that rise as numbers fall. */
static uint64_t key_of(double score)
{
    uint64_t bits;
    score += 0.0; /* -0 is 0 */
    memcpy(&bits, &score, sizeof bits);
    return bits >> 63 ? bits : ~(bits | (uint64_t)1 << 63);
}

static double score_of(uint64_t key)
{
    uint64_t bits = key >> 63 ? key : ~key & ~((uint64_t)1 << 63);
    double score;
    memcpy(&score, &bits, sizeof score);
    return score;
}

static int learn_row(const struct rule *rule, struct filter_row *row)
{
    const struct best *best = rule->state;
    double score;
    unsigned char key[8];
    if (str_to_double(rule_cell(rule, row, 0), &score) < 0) return 0;
    extsort_put_u64(key, key_of(score));
    return extsort_add(best->sort, key);
}

static int end(struct chain *chain, struct rule *rule)
{
    const struct decimal share = rule_value(rule, "share")->number;
    struct best *best = rule->state;
    uint64_t rows = extsort_count(best->sort);
    uint64_t at = (uint64_t)((unsigned __int128)rows * (uint64_t)share.units / (uint64_t)share.scale);
    const void *key = NULL;
    int got = extsort_seal(best->sort) < 0 ? -1 : 1;
    best->least = -INFINITY; /* a share of 1, or no rows */
    if (at >= rows || got < 0) return got < 0 ? -1 : 0;
    for (uint64_t i = 0; i <= at && got > 0; i++) got = extsort_next(best->sort, &key);
    if (got <= 0) return -1;
    best->least = score_of(extsort_get_u64(key));
    return rule_set_bound(chain, rule, ">=%.9g (best %.*s of %llu)", best->least, STR_ARG(rule_value(rule, "share")->text),
                          (unsigned long long)rows);
}

const struct filter_learning score_best_learning = {
    .wanted = wanted, .begin = begin, .row = learn_row, .end = end, .instead = "give its bound (t=), as a run over all rows says it"};
