#include "filters/best_share.h"

#include "filters/answers.h"
#include "filters/column_filters.h"
#include "pipeline/base/extsort.h"
#include "pipeline/base/fail.h"

#include <math.h>
#include <stdlib.h>

struct bound {
    double least; /* NAN: not known yet */
};

struct one {
    struct rule *rule;
    struct extsort *sort; /* 8-byte keys, the highest score first */
};

struct best_share {
    struct chain *chain;
    struct one *rules;
    size_t count;
};

/* ---- the filter */

int score_best_prepare(struct chain *chain, struct rule *rule)
{
    const struct rule_value *share = rule_value(rule, "share"), *t = rule_value(rule, "t");
    if (column_prepare(chain, rule) < 0) return -1;
    if (rule->unserved) return 0;
    struct bound *bound = arena_alloc(&chain->arena, sizeof *bound);
    if (!bound) return -1;
    bound->least = t->given ? (double)t->number.units / (double)t->number.scale : NAN;
    rule->state = bound;
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
    result->answer = score >= ((const struct bound *)rule->state)->least ? FILTER_KEEP : FILTER_DROP;
    return 0;
}

/* ---- the first pass */

static bool asks_for_share(const struct rule *rule)
{
    return rule->filter->decide == score_best_decide && !rule->left_out && !rule->unserved && !rule_value(rule, "t")->given;
}

bool best_share_wanted(const struct chain *chain)
{
    for (size_t i = 0; i < chain->count; i++)
        if (asks_for_share(chain->rules[i])) return true;
    return false;
}

struct best_share *best_share_open(struct chain *chain, size_t memory, const char *tmp)
{
    struct best_share *b = calloc(1, sizeof *b);
    size_t rules = 0;
    for (size_t i = 0; i < chain->count; i++) rules += asks_for_share(chain->rules[i]);
    if (b) b->rules = calloc(rules + 1, sizeof *b->rules);
    if (!b || !b->rules) {
        best_share_close(b);
        return fail_memory(), NULL;
    }
    b->chain = chain;
    for (size_t i = 0; i < chain->count; i++) {
        if (!asks_for_share(chain->rules[i])) continue;
        struct one *one = &b->rules[b->count++];
        one->rule = chain->rules[i];
        one->sort = extsort_open(memory / rules, tmp, 8, NULL);
        if (one->sort) continue;
        best_share_close(b);
        return NULL;
    }
    return b;
}

void best_share_close(struct best_share *b)
{
    if (!b) return;
    for (size_t i = 0; b->rules && i < b->count; i++) extsort_close(b->rules[i].sort);
    free(b->rules);
    free(b);
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

int best_share_add(struct best_share *b, const struct filter_row *row)
{
    for (size_t i = 0; i < b->count; i++) {
        double score;
        unsigned char key[8];
        if (str_to_double(rule_cell(b->rules[i].rule, row, 0), &score) < 0) continue;
        extsort_put_u64(key, key_of(score));
        if (extsort_add(b->rules[i].sort, key) < 0) return -1;
    }
    return 0;
}

static int settle(struct chain *chain, struct one *one)
{
    const struct decimal share = rule_value(one->rule, "share")->number;
    struct bound *bound = one->rule->state;
    uint64_t rows = extsort_count(one->sort);
    uint64_t at = (uint64_t)((unsigned __int128)rows * (uint64_t)share.units / (uint64_t)share.scale);
    const void *key = NULL;
    int got = extsort_seal(one->sort) < 0 ? -1 : 1;
    bound->least = -INFINITY; /* a share of 1, or no rows */
    if (at >= rows || got < 0) return got < 0 ? -1 : 0;
    for (uint64_t i = 0; i <= at && got > 0; i++) got = extsort_next(one->sort, &key);
    if (got <= 0) return -1;
    bound->least = score_of(extsort_get_u64(key));
    return rule_set_bound(chain, one->rule, ">=%.9g (best %.*s of %llu)", bound->least, STR_ARG(rule_value(one->rule, "share")->text),
                          (unsigned long long)rows);
}

int best_share_settle(struct best_share *b)
{
    for (size_t i = 0; i < b->count; i++)
        if (settle(b->chain, &b->rules[i]) < 0) return -1;
    return 0;
}
