/* What plans know of scores before anything runs: which columns a score step will make, by which model, in which processor class;
 * and which lists of classes a preset's rules read. */
#include "pipeline/plan_score.h"

#include "filters/language/identify.h"
#include "filters/preset.h"
#include "pipeline/base/buf.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"
#include "pipeline/plan_private.h"

#include <limits.h>
#include <stdlib.h>

/* ---- the class that an earlier plan fixed */

static const char *class_in(struct arena *arena, json_t *first_line, size_t which)
{
    const char *class = json_string_value(json_object_get(json_array_get(json_object_get(first_line, "scores"), which), "class"));
    return class ? arena_c_string(arena, str_from(class)) : NULL;
}

/* NULL where OUT has no plan, or one that says nothing of it: a damaged one is told when it is compared. */
static const char *class_planned(struct plan *plan, size_t which)
{
    enum { PLAN_BYTES_MAX = 1 << 30 };
    char path[PATH_MAX];
    struct buf text;
    if (snprintf(path, sizeof path, "%s/plan.jsonl", plan->output) >= (int)sizeof path || !file_exists(path)) return NULL;
    buf_init(&text, PLAN_BYTES_MAX);
    const char *class = NULL;
    if (buf_read_file(&text, path) == 0) {
        struct str rest = buf_str(&text), line = str_cut(&rest, '\n');
        json_t *first = json_loadb(line.p, line.n, 0, NULL);
        class = class_in(&plan->arena, first, which);
        json_decref(first);
    }
    buf_free(&text);
    return class;
}

/* ---- a step */

int plan_parse_step(const struct plan_step *step, struct command_line *line)
{
    char **argv = calloc(step->options.count + 1, sizeof *argv);
    if (!argv) return fail_memory();
    for (size_t i = 0; i < step->options.count; i++) argv[i] = (char *)(uintptr_t)step->options.items[i];
    int result = options_parse(step->command, (int)step->options.count, argv, line);
    free(argv);
    return result ? -1 : 0;
}

static int look(struct plan *plan, const struct command_line *line, size_t which, struct plan_score *score)
{
    const char *planned = class_planned(plan, which);
    if (score_plan_open(&score->foreseen, line, planned, !planned) == 0) {
        score->class = planned ? planned : arena_c_string(&plan->arena, str_from(score->foreseen.class));
        return score->class ? 0 : -1;
    }
    score_plan_close(&score->foreseen);
    if (!planned || !plan->any_machine) return planned ? fail_prefix("%s was scored in class %s: ", plan->output, planned), -1 : -1;
    score->class = planned;
    return score_plan_open(&score->foreseen, line, NULL, false);
}

int plan_add_score(struct plan *plan, struct plan_step *step)
{
    if (plan->looks_only) return 0;
    if (plan->score_count == PLAN_SCORES_MAX) return fail_usage("more than %d score steps", PLAN_SCORES_MAX);
    struct plan_score *score = &plan->scores[plan->score_count];
    struct command_line line;
    if (plan_parse_step(step, &line) < 0) return -1;
    int result = look(plan, &line, plan->score_count, score);
    options_free(&line);
    if (result < 0) return -1;
    step->score = score;
    plan->score_count++;
    return 0;
}

int plan_allow_substitutes(struct plan *plan, struct plan_step *step, unsigned which)
{
    const struct recipe_list *names = &plan->recipe->substitute;
    for (size_t i = 0; i < names->count; i++) {
        bool language = strcmp(names->items[i], IDENTIFIER_OWN_NAME) == 0;
        if (!(which & (language ? PLAN_SUBSTITUTE_LANGUAGES : PLAN_SUBSTITUTE_SCORES))) continue;
        if (plan_append(&plan->arena, &step->options, arena_printf(&plan->arena, "--allow-substitute=%s", names->items[i])) < 0) return -1;
    }
    return 0;
}

int plan_check_substitutes(const struct plan *plan)
{
    const struct recipe_list *names = &plan->recipe->substitute;
    for (size_t i = 0; i < names->count && !plan->looks_only; i++) {
        bool found = strcmp(names->items[i], IDENTIFIER_OWN_NAME) == 0;
        for (size_t k = 0; k < plan->score_count; k++) found |= strcmp(plan->scores[k].foreseen.name, names->items[i]) == 0;
        if (found) continue;
        return fail_usage("%s: 'allow-substitute' is '%s', and no score step has a model of that name%s%s", plan->recipe->path, names->items[i],
                          plan->score_count ? ": its model is called " : "", plan->score_count ? plan->scores[0].foreseen.name : "");
    }
    return 0;
}

bool plan_scores_make(const struct plan *plan, struct str column)
{
    for (size_t i = 0; i < plan->score_count; i++)
        if (columns_find(&plan->scores[i].foreseen.columns, column) != SIZE_MAX) return true;
    return false;
}

json_t *plan_scores_json(const struct plan *plan)
{
    json_t *list = json_array();
    for (size_t i = 0; i < plan->score_count; i++) {
        const struct score_plan *s = &plan->scores[i].foreseen;
        json_array_append_new(list, json_pack("{s:s,s:s,s:s}", "model", s->model, "class", s->class, "products", s->products));
    }
    return list;
}

void plan_scores_close(struct plan *plan)
{
    for (size_t i = 0; i < plan->score_count; i++) score_plan_close(&plan->scores[i].foreseen);
}

/* ---- lists and classifiers that rules read */

/* "zs_laion_nsfw_b32" reads laion_nsfw: a list that comes with winnow, before the name of a model. */
struct str plan_list_of_column(struct str column)
{
    char path[PRESET_PATH_MAX];
    if (!str_starts(column, STR("zs_"))) return STR_ABSENT;
    struct str name = str_from_at(column, 3);
    while (name.n) {
        while (name.n && name.p[name.n - 1] != '_') name.n--;
        if (name.n) name.n--;
        if (name.n && preset_find_list(name, NULL, path) == 0) return name;
    }
    return STR_ABSENT;
}

struct str plan_classifier_of_column(struct str column)
{
    if (str_starts(column, STR("p_")) && str_ends(column, STR("_gantman"))) return STR("gantman");
    if (str_eq(column, STR("p_watermark_builtin"))) return STR("watermark");
    return str_eq(column, STR("p_blank_builtin")) ? STR("blank") : STR_ABSENT;
}
