/* What a `score` will do, known from its options alone: for plans, which promise columns, processor class and model before
 * anything has run.
 *
 *     struct score_plan sp;
 *     if (score_plan_open(&sp, line, NULL, true) < 0) ...    line: of options_parse(&command_score, …); reads model, heads, lists
 *     columns_find(&sp.columns, STR("sim_b32"))
 *     score_plan_close(&sp);
 */
#ifndef WINNOW_FILTERS_SCORE_PLAN_H
#define WINNOW_FILTERS_SCORE_PLAN_H

#include "pipeline/options.h"
#include "pipeline/rows/columns.h"

struct score_plan {
    struct columns columns; /* that it makes, score_status included */
    char name[65];          /* of the model in columns: "b32" */
    char model[48];         /* "xxh3_128:…": of its numbers and configuration */
    char class[24];         /* "cpu-avx2" */
    char products[32];      /* "oneDNN 2.6.3" */
};

/* `class`: the processor class that an earlier plan fixed; NULL: what the options say, else this machine's best. `whole`: every tensor
 * is read as for scoring, so that a model with something missing, or one that int8 does not bear, is refused now. -1 with a sentence, a
 * usage error where this machine does not serve the class. */
int score_plan_open(struct score_plan *sp, const struct command_line *line, const char *class, bool whole);
void score_plan_close(struct score_plan *sp);

#endif
