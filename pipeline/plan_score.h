/* The score steps of a plan. Private to pipeline/plan*.c. */
#ifndef WINNOW_PLAN_SCORE_H
#define WINNOW_PLAN_SCORE_H

#include "pipeline/plan.h"

#include <jansson.h>

/* The step's options as its command reads them; options_free(line) after 0. */
int plan_parse_step(const struct plan_step *step, struct command_line *line);
/* Reads the model of a score step, whose options are complete but for the class, and fixes its class: the one of an earlier plan in
 * the same OUT, else what the recipe says, else this machine's best. */
int plan_add_score(struct plan *plan, struct plan_step *step);
/* Adds the recipe's substitutes of these kinds to a step's options. */
enum { PLAN_SUBSTITUTE_LANGUAGES = 1, PLAN_SUBSTITUTE_SCORES = 2 };
int plan_allow_substitutes(struct plan *plan, struct plan_step *step, unsigned which);
int plan_check_substitutes(const struct plan *plan); /* each names a model of a score step */
bool plan_scores_make(const struct plan *plan, struct str column); /* some score step makes this column */
json_t *plan_scores_json(const struct plan *plan); /* model, class and products of each, as they are here */
void plan_scores_close(struct plan *plan);
/* The list of classes that a column zs_LIST_MODEL comes from, where the list comes with winnow; else absent. */
struct str plan_list_of_column(struct str column);
/* What score --classifier takes to make the column; absent where none makes it. */
struct str plan_classifier_of_column(struct str column);

#endif
