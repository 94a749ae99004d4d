/* Gives every row what a CLIP model makes of its picture and text: similarity, heads, zero-shot classes.
 *
 * (1) Every row that comes in goes out, in order; one whose picture cannot be scored says why in score_status.
 * (2) A row's cells depend on its picture and text, the model, precision and processor class alone: not on threads, on the rows
 *     beside it, or on the cache.
 * (3) The manifest names model, heads and lists by the digests of their content. */
#include "filters/score.h"

#include "filters/preset.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/log.h"

#include <math.h>
#include <stdlib.h>

/* ---- names */

static bool allows(const struct score_options *o, const char *name)
{
    for (size_t i = 0; i < o->substitutes.count; i++)
        if (strcmp(o->substitutes.items[i], name) == 0) return true;
    return false;
}

/* A name of a published model's shape is given to such models alone. */
static int name_model(struct score *s, const struct score_options *o)
{
    const char *own = clip_short_name(s->clip), *name = o->name ? o->name : own;
    bool plain = *name >= 'a' && *name <= 'z' && strlen(name) <= 24;
    for (const char *c = name; *c; c++) plain &= (*c >= 'a' && *c <= 'z') || ascii_is_digit(*c) || *c == '_';
    if (!plain) return fail_usage("--name %s: expected at most 24 small letters, digits and _", name);
    if (strcmp(name, own) != 0 && clip_name_is_reserved(name) && !allows(o, name))
        return fail_usage("%s is not the model that is called %s (it would be called %s): --allow-substitute %s lets it stand in",
                          o->model, name, own, name);
    snprintf(s->name, sizeof s->name, "%s", name);
    return 0;
}

static size_t add_column(struct stage_run *run, const char *format, const char *what, const char *model)
{
    char name[160];
    snprintf(name, sizeof name, format, what, model);
    size_t at = columns_find(&run->out, str_from(name));
    if (at != SIZE_MAX) return at; /* scored before: the values are replaced */
    return columns_add(&run->out, str_from(name)) < 0 ? SIZE_MAX : run->out.count - 1;
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
    if (trained_on && strcmp(trained_on, s->name) != 0 && !allows(o, trained_on))
        return fail_usage("%s was trained on %s, this is %s: --allow-substitute %s takes it all the same", path, trained_on, s->name,
                          trained_on);
    return 0;
}

/* NAME=FILE[,option]... */
static int open_head(struct stage_run *run, struct score *s, const char *text)
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
    const char *path = arena_c_string(stage_arena(run), file);
    if (!path || !(h->head = head_open(path, &o))) return -1;
    s->head_count++;
    snprintf(h->name, sizeof h->name, "%.32s%s", class, suffix);
    h->value = s->values++;
    return check_head(s, run->options, h, path);
}

static int open_heads(struct stage_run *run, struct score *s, const struct score_options *o)
{
    for (size_t i = 0; i < o->heads.count; i++)
        if (open_head(run, s, o->heads.items[i]) < 0) return -1;
    for (size_t i = 0; i < s->head_count; i++) {
        struct score_head *h = &s->heads[i];
        h->column = add_column(run, head_is_prototypes(h->head) ? "zs_%s_%s" : "p_%s_%s", h->name, s->name);
        if (h->column == SIZE_MAX) return -1;
    }
    return 0;
}

/* ---- lists of classes */

/* zs_LIST_MODEL, or of several best ones zs_LIST_MODEL, p_LIST_MODEL, zs_LIST_2_MODEL, p_LIST_2_MODEL, ... in turn. */
static int add_list_columns(struct stage_run *run, struct score *s, struct score_list *l)
{
    bool answers = zeroshot_answers(l->list);
    for (size_t k = 0; k < (answers ? 1 : zeroshot_take(l->list)); k++) {
        char name[SCORE_NAME_ROOM + 8];
        snprintf(name, sizeof name, k ? "%s_%zu" : "%s", l->name, k + 1);
        if ((l->columns[k][0] = add_column(run, "zs_%s_%s", name, s->name)) == SIZE_MAX) return -1;
        if (!answers && (l->columns[k][1] = add_column(run, "p_%s_%s", name, s->name)) == SIZE_MAX) return -1;
    }
    return 0;
}

static int open_list(struct stage_run *run, struct score *s, const char *name)
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
    return add_list_columns(run, s, l);
}

/* ---- opening */

static int open_model(struct score *s, const struct score_options *o, unsigned threads)
{
    const struct clip_options options = {.precision = clip_precision_find(str_from(o->precision)), .class = o->class,
                                         .load = CLIP_LOAD_PRODUCTS, .threads = threads};
    if (!o->model) return fail_usage("--model is missing: a folder in Hugging Face's or OpenCLIP's layout, or OpenAI's archive");
    return (s->clip = clip_open(o->model, &options)) ? name_model(s, o) : -1;
}

static int open_cache(struct stage_run *run, struct score *s, const struct score_options *o)
{
    s->key = (struct cache_key){.model = clip_digest(s->clip), .precision = o->precision, .class = clip_class(s->clip),
                                .embed = clip_embed(s->clip), .width = clip_image_width(s->clip)};
    if (!o->cache) return 0;
    if (!(s->cache = cache_open(o->cache, &s->key))) return -1;
    s->writer = cache_writer_open(o->cache, run->output_stem ? run->output_stem : "pipe", &s->key, run->common->memory / 4,
                                  run->common->tmp);
    return s->writer ? 0 : -1;
}

static int open_columns(struct stage_run *run, struct score *s, const struct score_options *o)
{
    s->similarity = !o->no_similarity;
    s->text = columns_find(&run->in, str_from(o->text));
    if (s->similarity && s->text == SIZE_MAX)
        return fail_usage("the rows have no column '%s' to compare with: --text COLUMN, or --no-similarity", o->text);
    if (!s->similarity && !o->heads.count && !o->lists.count && !o->embeddings && !o->cache)
        return fail_usage("nothing to compute: --no-similarity, and neither --head, --classes, --embeddings nor --cache");
    s->values = 1; /* the similarity */
    if (s->similarity && (s->similarity_column = add_column(run, "sim_%s%s", "", s->name)) == SIZE_MAX) return -1;
    if (open_heads(run, s, o) < 0) return -1;
    for (size_t i = 0; i < o->lists.count; i++)
        if (open_list(run, s, o->lists.items[i]) < 0) return -1;
    s->status_column = add_column(run, "score_status%s%s", "", "");
    return s->status_column == SIZE_MAX ? -1 : 0;
}

static int score_open(struct stage_run *run)
{
    struct score *s = run->state;
    const struct score_options *o = run->options;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->freed, NULL);
    if (open_model(s, o, run->threads) < 0 || open_columns(run, s, o) < 0 || open_cache(run, s, o) < 0) return -1;
    s->keeps_embeddings = o->embeddings != NULL;
    if (!s->keeps_embeddings) return 0;
    if (score_npy_open(&s->images, "img", clip_embed(s->clip), run->common->tmp) < 0) return -1;
    return s->similarity ? score_npy_open(&s->texts, "text", clip_embed(s->clip), run->common->tmp) : 0;
}

static void score_close(struct stage_run *run)
{
    struct score *s = run->state;
    score_lanes_close(s);
    for (size_t i = 0; i < s->head_count; i++) head_close(s->heads[i].head);
    for (size_t i = 0; i < s->list_count; i++) zeroshot_close(s->lists[i].list);
    score_npy_close(&s->images);
    score_npy_close(&s->texts);
    cache_writer_close(s->writer);
    cache_close(s->cache);
    clip_close(s->clip);
    pthread_cond_destroy(&s->freed);
    pthread_mutex_destroy(&s->lock);
}

/* ---- rows */

static int set_number(struct score_item *item, struct batch *out, struct row *row, size_t column, double value)
{
    buf_clear(&item->number);
    return buf_float(&item->number, (float)value) < 0 ? -1 : row_set(out, row, column, buf_str(&item->number));
}

static int set_head(const struct score_head *h, const double *values, struct score_item *item, struct batch *out, struct row *row)
{
    if (head_is_prototypes(h->head)) return row_set_u64(out, row, h->column, (uint64_t)values[h->value]);
    return set_number(item, out, row, h->column, values[h->value]);
}

static int set_list(const struct score_list *l, const double *values, const struct str *labels, struct score_item *item,
                    struct batch *out, struct row *row)
{
    if (zeroshot_answers(l->list)) return row_set(out, row, l->columns[0][0], labels[l->label]);
    for (size_t k = 0; k < zeroshot_take(l->list); k++) {
        if (row_set(out, row, l->columns[k][0], labels[l->label + k]) < 0) return -1;
        if (set_number(item, out, row, l->columns[k][1], values[l->value + k]) < 0) return -1;
    }
    return 0;
}

static int set_cells(const struct score *s, struct score_item *item, size_t i, struct batch *out, struct row *row)
{
    const double *values = item->values + i * s->values;
    const struct str *labels = item->label + i * s->labels;
    if (row_set(out, row, s->status_column, str_from(score_status(item, i))) < 0) return -1;
    if (!score_embedding(s, item, i)) return 0;
    if (score_text(s, item, i) && set_number(item, out, row, s->similarity_column, values[0]) < 0) return -1;
    for (size_t k = 0; k < s->head_count; k++)
        if (set_head(&s->heads[k], values, item, out, row) < 0) return -1;
    for (size_t k = 0; k < s->list_count; k++)
        if (set_list(&s->lists[k], values, labels, item, out, row) < 0) return -1;
    return 0;
}

static int work(struct stage_run *run, struct stage_item *item, unsigned worker)
{
    (void)worker;
    const struct score *s = run->state;
    if (item->in.count == 0) return 0;
    if (score_work(run, item) < 0) return -1;
    for (size_t i = 0; i < item->in.count; i++) {
        struct row *row = batch_widen(&item->out, &item->in.rows[i], run->in.count);
        if (!row || set_cells(s, item->user, i, &item->out, row) < 0) return -1;
    }
    return 0;
}

static int emit(struct stage_run *run, struct stage_item *rows)
{
    struct score *s = run->state;
    struct score_item *item = rows->user;
    size_t embed = clip_embed(s->clip), width = clip_image_width(s->clip);
    if (rows->in.count == 0) return 0;
    s->rows += rows->in.count;
    s->decoded += item->decoded;
    s->cached += item->cached;
    for (size_t i = 0; i < rows->in.count; i++) {
        const struct score_picture *p = &item->pictures[i];
        const float *embedding = score_embedding(s, item, i);
        s->unscored += embedding == NULL;
        if (s->keeps_embeddings && score_npy_add(&s->images, embedding) < 0) return -1;
        if (s->keeps_embeddings && s->similarity && score_npy_add(&s->texts, score_text(s, item, i)) < 0) return -1;
        if (s->writer && p->computed && cache_writer_add(s->writer, p->name, item->embeddings + i * embed, item->pooled + i * width) < 0)
            return -1;
    }
    return 0;
}

static int finish(struct stage_run *run)
{
    struct score *s = run->state;
    const char *folder = ((const struct score_options *)run->options)->embeddings;
    if (s->keeps_embeddings && score_npy_publish(&s->images, run, folder) < 0) return -1;
    if (s->keeps_embeddings && s->similarity && score_npy_publish(&s->texts, run, folder) < 0) return -1;
    if (s->writer && cache_writer_publish(s->writer) < 0) return -1;
    if (run->common->quiet) return 0;
    log_line("%llu rows by %s (%s, %s, %s): %llu pictures decoded, %llu from the cache", (unsigned long long)s->rows, s->name,
             ((const struct score_options *)run->options)->precision, clip_class(s->clip), clip_products(s->clip),
             (unsigned long long)s->decoded, (unsigned long long)s->cached);
    if (s->unscored)
        log_line("%llu rows have no score: score_status says why; packs were looked for in '%s' (--packs)",
                 (unsigned long long)s->unscored, run->packs ? run->packs : "packs");
    return 0;
}

/* ---- what it tells */

static json_t *json_of_digest(struct hash128 digest)
{
    char hex[33];
    hash128_hex(digest, hex);
    return json_sprintf("xxh3_128:%s", hex);
}

static int parameters(const struct stage_run *run, json_t *to)
{
    const struct score *s = run->state;
    const struct score_options *o = run->options;
    json_t *model = json_pack("{s:s,s:o,s:s,s:s}", "name", s->name, "digest", json_of_digest(clip_digest(s->clip)), "precision",
                              o->precision, "class", clip_class(s->clip));
    json_t *heads = json_object(), *lists = json_object();
    for (size_t i = 0; heads && i < s->head_count; i++)
        json_object_set_new(heads, s->heads[i].name, json_of_digest(head_digest(s->heads[i].head)));
    for (size_t i = 0; lists && i < s->list_count; i++)
        json_object_set_new(lists, s->lists[i].name, json_of_digest(zeroshot_digest(s->lists[i].list)));
    bool ok = json_object_set_new(to, "model", model) == 0;
    ok &= json_object_set_new(to, "heads", heads) == 0;
    ok &= json_object_set_new(to, "classes", lists) == 0;
    return ok ? 0 : fail_memory();
}

static void *item_new(struct stage_run *run)
{
    (void)run;
    return score_item_new();
}
static void item_free(void *item) { score_item_free(item); }

#define AT(field) offsetof(struct score_options, field)
static const struct option options[] = {
    {"model", 'M', OPTION_TEXT, AT(model), .argument = "PATH", .neutral = true,
     .help = "Hugging Face's or OpenCLIP's folder, or OpenAI's archive"},
    {"name", 0, OPTION_TEXT, AT(name), .argument = "NAME", .neutral = true, .help = "of the model in columns; else by its shape, or its folder"},
    {"precision", 0, OPTION_CHOICE, AT(precision), .argument = "P", .initial = "f32", .choices = CLIP_PRECISION_CHOICES, .neutral = true,
     .help = "of products"},
    {"class", 0, OPTION_TEXT, AT(class), .argument = "CLASS", .neutral = true,
     .help = "processor class, which decides last digits; this machine's best"},
    {"text", 0, OPTION_TEXT, AT(text), .argument = "COLUMN", .initial = "text", .help = "what is compared with the picture"},
    {"no-similarity", 0, OPTION_FLAG, AT(no_similarity), .help = "no text is compared: heads and classes alone"},
    {"head", 0, OPTION_LIST, AT(heads), .argument = "NAME=FILE", .neutral = true, .help = "adds p_NAME_MODEL; may be repeated"},
    {"classes", 0, OPTION_LIST, AT(lists), .argument = "LIST", .neutral = true, .split = true,
     .help = "adds zs_LIST_MODEL: a list that comes with winnow, or a file"},
    {"allow-substitute", 0, OPTION_LIST, AT(substitutes), .argument = "NAME", .split = true,
     .help = "this model stands in for the one called NAME; recorded"},
    {"embeddings", 0, OPTION_TEXT, AT(embeddings), .argument = "FOLDER", .neutral = true,
     .help = "write them as half floats, in clip-retrieval's layout"},
    {"cache", 0, OPTION_TEXT, AT(cache), .argument = "FOLDER", .neutral = true,
     .help = "read and keep embeddings of pictures here, to decode none twice"},
    {0},
};

static const struct stage stage = {
    .behaviour = 1,
    .needs = "image_pack image_offset image_length",
    .hint = "run 'winnow fetch' first",
    .run_size = sizeof(struct score),
    .open = score_open,
    .item_new = item_new,
    .item_free = item_free,
    .work = work,
    .emit = emit,
    .finish = finish,
    .parameters = parameters,
    .close = score_close,
};

const struct command command_score = {
    .name = "score",
    .summary = "CLIP similarity, heads and zero-shot classes of every row",
    .arguments = "[OPTIONS] --model PATH [ROWS...]",
    .description =
        "Adds sim_MODEL, the cosine of picture and text; with --head NAME=FILE p_NAME_MODEL, what a small network makes of the "
        "picture's embedding; with --classes LIST zs_LIST_MODEL, the nearest of described classes. score_status says ok, or why a "
        "picture could not be scored; such a row goes on without scores.\n\n"
        "MODEL is b32, l14 and so on where shape and activation are those of a published model, else the folder's name, or --name. "
        "Such a name, or a head trained on another model, is refused to other models unless --allow-substitute says so.\n\n"
        "A head's file says what it is: affine maps (.safetensors, .pth), prototypes (.npy), LAION's NSFW detectors. Behind the file "
        "may stand, after commas: categories=lookup|oov|raw (of those detectors; the column's name then ends in oov or raw), "
        "activation=relu|none, output=logistic|logit, half=0 (embeddings are otherwise rounded to half precision, as those that "
        "the published heads were trained on).\n\n"
        "--precision bf16 halves the time where the processor has instructions for it; int8 halves it again and loses more. Equal "
        "precision and processor class give equal bytes on any machine.",
    .example = "winnow extract tests/data/one-page.warc | winnow fetch --from-warc tests/data/one-page.warc "
               "--packs build/example/packs | winnow score --model tests/data/clip-tiny --packs build/example/packs | "
               "winnow view --columns text,sim_clip_tiny,score_status",
    .see_also = "fetch, filter, model",
    .options = options,
    .options_size = sizeof(struct score_options),
    .stage = &stage,
};
