#include "filters/learn/learn.h"

#include "pipeline/base/fail.h"

static const struct filter_learning *learning(const struct rule *rule)
{
    const struct filter_learning *l = rule->filter->learning;
    return l && !rule->left_out && !rule->unserved && l->wanted(rule) ? l : NULL;
}

const struct rule *chain_learns(const struct chain *chain)
{
    for (size_t i = 0; i < chain->count; i++)
        if (learning(chain->rules[i])) return chain->rules[i];
    return NULL;
}

static int of_rule(const struct rule *rule, int result)
{
    if (result < 0) fail_prefix("%s: ", rule->name);
    return result;
}

int chain_learn_begin(struct chain *chain, size_t memory, const char *tmp)
{
    size_t rules = 0;
    for (size_t i = 0; i < chain->count; i++) rules += learning(chain->rules[i]) != NULL;
    for (size_t i = 0; i < chain->count; i++) {
        const struct filter_learning *l = learning(chain->rules[i]);
        if (l && of_rule(chain->rules[i], l->begin(chain->rules[i], memory / rules, tmp)) < 0) return -1;
    }
    return 0;
}

int chain_learn(struct chain *chain, struct filter_row *row)
{
    for (size_t i = 0; i < chain->count; i++) {
        const struct filter_learning *l = learning(chain->rules[i]);
        if (l && of_rule(chain->rules[i], l->row(chain->rules[i], row)) < 0) return -1;
    }
    return 0;
}

int chain_learn_end(struct chain *chain)
{
    for (size_t i = 0; i < chain->count; i++) {
        const struct filter_learning *l = learning(chain->rules[i]);
        if (l && of_rule(chain->rules[i], l->end(chain, chain->rules[i])) < 0) return -1;
    }
    return 0;
}
