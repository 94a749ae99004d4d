/* What a score needs before the first row: the model and its name, heads, lists of classes, and their columns. The stage opens
 * it, and so does a plan, which must know the columns, the processor class and the model before anything runs. */
#include "filters/score.h"

#include "filters/preset.h"
#include "filters/score_plan.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/log.h"

#include <stdlib.h>

/* ---- names */

static bool allows(const struct score_options *o, const char *name)
{
    for (size_t i = 0; i < o->substitutes.count; i++)
        if (strcmp(o->substitutes.items[i], name) == 0) return true;
    return false;
}

/* A name of a published model's shape is for such models alone: rules take another one by its own name (filter
 * --allow-substitute), and say so. */
static int name_model(struct score *s, const struct score_options *o)
{
    const char *own = clip_short_name(s->clip), *name = o->name ? o->name : own;
    bool plain = *name >= 'a' && *name <= 'z' && strlen(name) <= 24;
    for (const char *c = name; *c; c++) plain &= (*c >= 'a' && *c <= 'z') || ascii_is_digit(*c) || *c == '_';
    if (!plain) return fail_usage("--name %s: expected at most 24 small letters, digits and _", name);
    if (strcmp(name, own) != 0 && clip_name_is_reserved(name))
        return fail_usage("--name %s: %s is no model of that name (%s would be its own); where rules ask for %s, 'winnow filter "
                          "--allow-substitute %s' lets it stand in", name, o->model, own, name, own);
    snprintf(s->name, sizeof s->name, "%s", name);
    return 0;
}

size_t score_add_column(struct columns *out, const char *format, const char *what, const char *model)
{
    char name[160];
    snprintf(name, sizeof name, format, what, model);
    size_t at = columns_find(out, str_from(name));
    if (at != SIZE_MAX) return at; /* scored before: the values are replaced */
    return columns_add(out, str_from(name)) < 0 ? SIZE_MAX : out->count - 1;
}

static int take_name(struct str name, char out[SCORE_NAME_ROOM], const char *option)
{
    bool plain = name.n > 0 && name.n <= 32 && name.p[0] >= 'a' && name.p[0] <= 'z';
    for (size_t i = 0; i < name.n; i++)
        plain &= (name.p[i] >= 'a' && name.p[i] <= 'z') || ascii_is_digit(name.p[i]) || name.p[i] == '_';
    if (!plain) return fail_usage("%s %.*s: expected at most 32 small letters, digits and _", option, STR_ARG(name));
    snprintf(out, SCORE_NAME_ROOM, "%.*s", STR_ARG(name));
    return 0;
}

/* ---- heads */

/* "categories=raw" and its kin; the mode becomes part of the column's name. */
static int set_head_option(struct str option, struct head_options *o, const char **suffix)
{
    if (str_eq(option, STR("categories=lookup"))) return 0;
    if (str_eq(option, STR("categories=oov"))) return o->categories = HEAD_OOV, *suffix = "_oov", 0;
    if (str_eq(option, STR("categories=raw"))) return o->categories = HEAD_RAW, *suffix = "_raw", 0;
    if (str_eq(option, STR("activation=relu"))) return o->activation = HEAD_RELU, 0;
    if (str_eq(option, STR("activation=none"))) return o->activation = HEAD_NO_ACTIVATION, 0;
    if (str_eq(option, STR("output=logistic"))) return o->logistic = true, 0;
    if (str_eq(option, STR("output=logit"))) return o->logit = true, 0;
    if (str_eq(option, STR("half=0"))) return o->half = false, 0;
    return fail_usage("'%.*s': expected categories=lookup|oov|raw, activation=relu|none, output=logistic|logit or half=0",
                      STR_ARG(option));
}

static int check_head(const struct score *s, const struct score_options *o, const struct score_head *h, const char *path)
{
    const char *trained_on = head_model(h->head);
    if (head_width(h->head) != clip_embed(s->clip))
        return fail_usage("%s takes embeddings of %zu numbers: %s gives %u", path, head_width(h->head), o->model, clip_embed(s->clip));
    if (head_outputs(h->head) > 1 && !head_is_prototypes(h->head))
        return fail_usage("%s gives %zu numbers: one was expected", path, head_outputs(h->head));
    if (trained_on && strcmp(trained_on, s->name) != 0 && !allows(o, s->name))
        return fail_usage("%s was trained on %s, this is %s: --allow-substitute %s takes it all the same", path, trained_on, s->name,
                          s->name);
    return 0;
}

/* NAME=FILE[,option]... */
static int open_head(struct score *s, const struct score_options *all, struct arena *arena, const char *text)
{
    struct str file = str_from(text), name = str_cut(&file, '='), options = file;
    struct head_options o = {.half = true}; /* as the embeddings were that the published heads were trained on */
    struct score_head *h = &s->heads[s->head_count];
    const char *suffix = "";
    char class[SCORE_NAME_ROOM];
    if (!file.p) return fail_usage("--head %s: expected NAME=FILE", text);
    if (s->head_count == SCORE_HEADS_MOST) return fail_usage("more than %d heads", SCORE_HEADS_MOST);
    if (take_name(name, class, "--head") < 0) return -1;
    file = str_cut(&options, ',');
    while (options.p)
        if (set_head_option(str_cut(&options, ','), &o, &suffix) < 0) {
            fail_prefix("--head %s: ", text);
            return -1;
        }
    const char *path = arena_c_string(arena, file);
    if (!path || !(h->head = head_open(path, &o))) return -1;
    s->head_count++;
    snprintf(h->name, sizeof h->name, "%.32s%s", class, suffix);
    for (size_t i = 0; i + 1 < s->head_count; i++)
        if (strcmp(s->heads[i].name, h->name) == 0) return fail_usage("two heads are called %s", h->name);
    h->value = s->values++;
    if (check_head(s, all, h, path) < 0) return -1;
    if (head_lacks_bias(h->head)) log_line("%s: weights without a bias, which is taken as 0", path);
    return 0;
}

static int open_heads(struct score *s, const struct score_options *o, struct columns *out, struct arena *arena)
{
    for (size_t i = 0; i < o->heads.count; i++)
        if (open_head(s, o, arena, o->heads.items[i]) < 0) return -1;
    for (size_t i = 0; i < s->head_count; i++) {
        struct score_head *h = &s->heads[i];
        h->column = score_add_column(out, head_is_prototypes(h->head) ? "zs_%s_%s" : "p_%s_%s", h->name, s->name);
        if (h->column == SIZE_MAX) return -1;
    }
    return 0;
}

/* ---- lists of classes */

/* zs_LIST_MODEL, or of several best ones zs_LIST_MODEL, p_LIST_MODEL, zs_LIST_2_MODEL, p_LIST_2_MODEL, ... in turn. */
static int add_list_columns(struct columns *out, struct score *s, struct score_list *l)
{
    bool answers = zeroshot_answers(l->list);
    for (size_t k = 0; k < (answers ? 1 : zeroshot_take(l->list)); k++) {
        char name[SCORE_NAME_ROOM + 8];
        snprintf(name, sizeof name, k ? "%s_%zu" : "%s", l->name, k + 1);
        if ((l->columns[k][0] = score_add_column(out, "zs_%s_%s", name, s->name)) == SIZE_MAX) return -1;
        if (!answers && (l->columns[k][1] = score_add_column(out, "p_%s_%s", name, s->name)) == SIZE_MAX) return -1;
    }
    return 0;
}

static int open_list(struct score *s, const char *name, struct columns *out)
{
    char path[PRESET_PATH_MAX];
    struct score_list *l = &s->lists[s->list_count];
    if (s->list_count == SCORE_LISTS_MOST) return fail_usage("more than %d lists of classes", SCORE_LISTS_MOST);
    if (preset_find_list(str_from(name), NULL, path) < 0 || !(l->list = zeroshot_open(path))) return -1;
    s->list_count++;
    snprintf(l->name, sizeof l->name, "%s", zeroshot_name(l->list));
    for (size_t i = 0; i + 1 < s->list_count; i++)
        if (strcmp(s->lists[i].name, l->name) == 0) return fail_usage("two lists of classes are called %s", l->name);
    bool answers = zeroshot_answers(l->list);
    l->label = s->labels;
    l->value = s->values;
    s->labels += answers ? 1 : zeroshot_take(l->list);
    s->values += answers ? 0 : zeroshot_take(l->list);
    return add_list_columns(out, s, l);
}

/* ---- opening */

static int open_model(struct score *s, const struct score_options *o, unsigned threads)
{
    const struct clip_options options = {.precision = clip_precision_find(str_from(o->precision)), .class = o->class,
                                         .load = CLIP_LOAD_PRODUCTS, .threads = threads};
    char path[PRESET_PATH_MAX];
    if (preset_find_model(o->model, path) < 0) return -1;
    return (s->clip = clip_open(path, &options)) ? name_model(s, o) : -1;
}

static int check_texts(const struct score_options *o)
{
    bool captions = o->captions.count || o->captions_file, asked = o->choose_text || o->rank;
    if (o->no_similarity && (captions || asked)) return fail_usage("--no-similarity compares no text: captions are neither chosen nor ranked");
    if (captions && !asked) return fail_usage("captions are given, and nothing is done with them: --choose-text, or --rank-texts K");
    if (asked && !captions) return fail_usage("only the text itself to choose from: --captions COLUMN..., or --captions-file FILE");
    if (o->choose_text && strcmp(o->text, "text") != 0) return fail_usage("--choose-text changes column text: not with --text %s", o->text);
    if (o->captions.count > SCORE_CAPTION_COLUMNS_MOST) return fail_usage("more than %d columns of captions", SCORE_CAPTION_COLUMNS_MOST);
    return 0;
}

/* Columns of chosen and ranked texts. */
static int open_texts(struct score *s, const struct score_options *o, struct columns *out)
{
    s->text_out = s->text_raw_out = s->choice_column = SIZE_MAX;
    for (size_t k = 0; k < o->rank; k++) {
        char name[32];
        snprintf(name, sizeof name, "ranked_%zu", k + 1);
        struct score_rank *rank = &s->ranks[k];
        *rank = (struct score_rank){score_add_column(out, "%s%s", name, ""), score_add_column(out, "%s_from%s", name, ""), score_add_column(out, "sim_%s_%s", name, s->name)};
        if (rank->text == SIZE_MAX || rank->from == SIZE_MAX || rank->similarity == SIZE_MAX) return -1;
    }
    if (!o->choose_text) return 0;
    s->text_out = score_add_column(out, "%s%s", "text", "");
    s->text_raw_out = score_add_column(out, "%s%s", "text_raw", "");
    s->choice_column = score_add_column(out, "%s%s", "text_choice", "");
    return s->text_out == SIZE_MAX || s->text_raw_out == SIZE_MAX || s->choice_column == SIZE_MAX ? -1 : 0;
}

/* p_CLASS_MODEL of the model's own classes. */
static int open_classes(struct score *s, struct columns *out)
{
    s->class_value = s->values;
    for (size_t i = 0; i < clip_picture_classes(s->clip); i++, s->values++) {
        const char *name = clip_picture_class(s->clip, i);
        for (size_t k = 0; k < s->head_count; k++)
            if (strcmp(s->heads[k].name, name) == 0) return fail_usage("--head %s: %s has a class of that name", name, s->name);
        if ((s->class_columns[i] = score_add_column(out, "p_%s_%s", name, s->name)) == SIZE_MAX) return -1;
    }
    s->keeps_pooled = clip_picture_classes(s->clip) > 0;
    return 0;
}

int score_open_parts(struct score *s, const struct score_options *o, struct columns *out, struct arena *arena, unsigned threads)
{
    if (open_model(s, o, threads) < 0) return -1;
    if (check_texts(o) < 0) return -1;
    s->similarity = !o->no_similarity;
    bool looks = o->heads.count || o->lists.count || o->classifiers.count || o->embeddings || o->cache || clip_picture_classes(s->clip);
    if (!s->similarity && !looks)
        return fail_usage("nothing to compute: --no-similarity, and neither --head, --classes, --classifier, --embeddings nor --cache");
    s->values = 1; /* the similarity */
    if (s->similarity && (s->similarity_column = score_add_column(out, "sim_%s%s", "", s->name)) == SIZE_MAX) return -1;
    if (open_texts(s, o, out) < 0) return -1;
    if (open_heads(s, o, out, arena) < 0) return -1;
    for (size_t i = 0; i < o->lists.count; i++)
        if (open_list(s, o->lists.items[i], out) < 0) return -1;
    if (open_classes(s, out) < 0 || score_extras_open(s, o, out) < 0) return -1;
    s->status_column = score_add_column(out, "score_status%s%s", "", "");
    return s->status_column == SIZE_MAX ? -1 : 0;
}

void score_close_parts(struct score *s)
{
    for (size_t i = 0; i < s->head_count; i++) head_close(s->heads[i].head);
    for (size_t i = 0; i < s->list_count; i++) zeroshot_close(s->lists[i].list);
    score_extras_close(s);
    clip_close(s->clip);
}

/* ---- for plans */

static int load_whole(const struct score *s)
{
    return clip_load(s->clip, CLIP_LOAD_IMAGES | (s->similarity || s->list_count ? CLIP_LOAD_TEXTS : 0));
}

int score_plan_open(struct score_plan *sp, const struct command_line *line, const char *class, bool whole)
{
    enum { THREADS = 4 };
    struct score_options o = *(const struct score_options *)line->options;
    struct score *s = calloc(1, sizeof *s);
    struct arena arena;
    char hex[33];
    *sp = (struct score_plan){.model = ""};
    columns_init(&sp->columns);
    arena_init(&arena, 1 << 20);
    if (class) o.class = class;
    int result = s ? score_open_parts(s, &o, &sp->columns, &arena, THREADS) : fail_memory();
    if (result == 0 && whole) result = load_whole(s);
    if (result == 0) {
        hash128_hex(clip_digest(s->clip), hex);
        snprintf(sp->name, sizeof sp->name, "%s", s->name);
        snprintf(sp->model, sizeof sp->model, "xxh3_128:%s", hex);
        snprintf(sp->class, sizeof sp->class, "%s", clip_class(s->clip));
        snprintf(sp->products, sizeof sp->products, "%s", clip_products(s->clip));
    }
    if (s) score_close_parts(s);
    free(s);
    arena_free(&arena);
    return result;
}

void score_plan_close(struct score_plan *sp) { columns_free(&sp->columns); }
