/* Gives every row what a CLIP model makes of its picture and text: similarity, heads, zero-shot classes.
 *
 * (1) Every row that comes in goes out, in order; one whose picture cannot be scored says why in score_status.
 * (2) A row's cells depend on its picture and text, the model, precision and processor class alone: not on threads, on the rows
 *     beside it, or on the cache.
 * (3) The manifest names model, heads and lists by the digests of their content. */
#include "filters/score.h"

#include "pipeline/base/fail.h"
#include "pipeline/base/log.h"

#include <stdlib.h>

/* ---- opening */

static int open_cache(struct stage_run *run, struct score *s, const struct score_options *o)
{
    if (!o->cache || !*o->cache) return 0; /* a recipe says '' for none */
    s->keeps_pooled = true;
    s->key = (struct cache_key){.model = score_extras_key(s), .precision = o->precision, .class = clip_class(s->clip),
                                .embed = clip_embed(s->clip), .width = (uint32_t)score_width(s)};
    if (!(s->cache = cache_open(o->cache, &s->key))) return -1;
    s->writer = cache_writer_open(o->cache, run->output_stem ? run->output_stem : "pipe", &s->key, run->common->memory / 4,
                                  run->common->tmp);
    return s->writer ? 0 : -1;
}

static int score_open(struct stage_run *run)
{
    struct score *s = run->state;
    const struct score_options *o = run->options;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->freed, NULL);
    s->text = columns_find(&run->in, str_from(o->text));
    if (!o->no_similarity && s->text == SIZE_MAX)
        return fail_usage("the rows have no column '%s' to compare with: --text COLUMN, or --no-similarity", o->text);
    if (score_open_parts(s, o, &run->out, stage_arena(run), run->threads) < 0 || score_texts_open(run, s) < 0 || open_cache(run, s, o) < 0)
        return -1;
    if (!run->common->quiet && strcmp(o->model, "builtin") == 0)
        log_line("model builtin: winnow's own small one, for a first look; for a corpus, name a checkpoint ('winnow model fetch' has some)");
    s->keeps_embeddings = o->embeddings != NULL;
    if (!s->keeps_embeddings) return 0;
    if (score_npy_open(&s->images, "img", clip_embed(s->clip), run->common->tmp) < 0) return -1;
    if (score_metadata_open(&s->metadata, &run->out, run->common->tmp) < 0) return -1;
    return s->similarity ? score_npy_open(&s->texts, "text", clip_embed(s->clip), run->common->tmp) : 0;
}

static void score_close(struct stage_run *run)
{
    struct score *s = run->state;
    score_lanes_close(s);
    captions_close(s->captions);
    score_npy_close(&s->images);
    score_npy_close(&s->texts);
    score_metadata_close(&s->metadata);
    cache_writer_close(s->writer);
    cache_close(s->cache);
    score_close_parts(s);
    free(s->unread);
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

/* What an earlier score left in the columns does not pass for this one's. */
static int clear_cells(const struct score *s, struct batch *out, struct row *row)
{
    if (s->similarity && row_set(out, row, s->similarity_column, STR_ABSENT) < 0) return -1;
    for (size_t k = 0; k < s->head_count; k++)
        if (row_set(out, row, s->heads[k].column, STR_ABSENT) < 0) return -1;
    for (size_t k = 0; k < s->list_count; k++) {
        const struct score_list *l = &s->lists[k];
        for (size_t t = 0; t < (zeroshot_answers(l->list) ? 1 : zeroshot_take(l->list)); t++) {
            if (row_set(out, row, l->columns[t][0], STR_ABSENT) < 0) return -1;
            if (!zeroshot_answers(l->list) && row_set(out, row, l->columns[t][1], STR_ABSENT) < 0) return -1;
        }
    }
    for (size_t k = 0; k < clip_picture_classes(s->clip); k++)
        if (row_set(out, row, s->class_columns[k], STR_ABSENT) < 0) return -1;
    for (size_t k = 0; k < s->extras.count; k++)
        if (row_set(out, row, s->extras.columns[k], STR_ABSENT) < 0) return -1;
    if (s->extras.blank && row_set(out, row, s->extras.blank_column, STR_ABSENT) < 0) return -1;
    return 0;
}

static int set_cells(const struct score *s, struct score_item *item, size_t i, struct batch *out, struct row *row)
{
    const double *values = item->values + i * s->values;
    const struct str *labels = item->label + i * s->labels;
    if (row_set(out, row, s->status_column, str_from(score_status(item, i))) < 0 || clear_cells(s, out, row) < 0) return -1;
    if (!score_embedding(s, item, i)) return 0;
    if (score_text(s, item, i) && set_number(item, out, row, s->similarity_column, values[0]) < 0) return -1;
    for (size_t k = 0; k < s->head_count; k++)
        if (set_head(&s->heads[k], values, item, out, row) < 0) return -1;
    for (size_t k = 0; k < s->list_count; k++)
        if (set_list(&s->lists[k], values, labels, item, out, row) < 0) return -1;
    for (size_t k = 0; k < clip_picture_classes(s->clip); k++)
        if (set_number(item, out, row, s->class_columns[k], values[s->class_value + k]) < 0) return -1;
    for (size_t k = 0; k < s->extras.count; k++)
        if (set_number(item, out, row, s->extras.columns[k], score_extras(s, item, i)[k]) < 0) return -1;
    if (s->extras.blank && set_number(item, out, row, s->extras.blank_column, score_blank(s, item, i)) < 0) return -1;
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
        if (s->similarity && score_texts_set(run, item->user, i, &item->out, row) < 0) return -1;
    }
    return 0;
}

static int emit(struct stage_run *run, struct stage_item *rows)
{
    struct score *s = run->state;
    struct score_item *item = rows->user;
    size_t embed = clip_embed(s->clip), width = score_width(s);
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
        if (s->keeps_embeddings && score_metadata_add(&s->metadata, &rows->out.rows[i], &rows->scratch) < 0) return -1;
        if (s->writer && p->computed && cache_writer_add(s->writer, p->name, item->embeddings + i * embed, item->pooled + i * width) < 0)
            return -1;
    }
    return 0;
}

static int say_int8(const struct score *s)
{
    struct buf said;
    buf_init(&said, 256);
    int result = clip_describe_int8(s->clip, &said);
    if (result == 0 && said.n) log_line("least cosine of int8's embeddings to bf16's, as checked: %.*s", STR_ARG(buf_str(&said)));
    buf_free(&said);
    return result;
}

static int finish(struct stage_run *run)
{
    struct score *s = run->state;
    const char *folder = ((const struct score_options *)run->options)->embeddings;
    if (s->keeps_embeddings && score_npy_publish(&s->images, run, folder) < 0) return -1;
    if (s->keeps_embeddings && s->similarity && score_npy_publish(&s->texts, run, folder) < 0) return -1;
    if (s->keeps_embeddings && score_metadata_publish(&s->metadata, run, folder) < 0) return -1;
    if (s->writer && cache_writer_publish(s->writer) < 0) return -1;
    if (run->common->quiet) return 0;
    log_line("%llu rows by %s (%s, %s, %s): %llu pictures decoded, %llu from the cache", (unsigned long long)s->rows, s->name,
             ((const struct score_options *)run->options)->precision, clip_class(s->clip), clip_products(s->clip),
             (unsigned long long)s->decoded, (unsigned long long)s->cached);
    if (say_int8(s) < 0) return -1;
    if (s->unread) log_line("a picture that could not be read, of more perhaps: %s", s->unread);
    if (s->unscored)
        log_line("%llu rows have no score: score_status says why; packs were looked for in '%s' (--packs)",
                 (unsigned long long)s->unscored, run->packs ? run->packs : "packs");
    return 0;
}

/* ---- what it tells */

json_t *score_json_of_digest(struct hash128 digest)
{
    char hex[33];
    hash128_hex(digest, hex);
    return json_sprintf("xxh3_128:%s", hex);
}

static int parameters(const struct stage_run *run, json_t *to)
{
    const struct score *s = run->state;
    const struct score_options *o = run->options;
    json_t *model = json_pack("{s:s,s:o,s:s,s:s}", "name", s->name, "digest", score_json_of_digest(clip_digest(s->clip)), "precision",
                              o->precision, "class", clip_class(s->clip));
    json_t *heads = json_object(), *lists = json_object();
    for (size_t i = 0; heads && i < s->head_count; i++)
        json_object_set_new(heads, s->heads[i].name, score_json_of_digest(head_digest(s->heads[i].head)));
    for (size_t i = 0; lists && i < s->list_count; i++)
        json_object_set_new(lists, s->lists[i].name, score_json_of_digest(zeroshot_digest(s->lists[i].list)));
    bool ok = json_object_set_new(to, "model", model) == 0;
    ok &= json_object_set_new(to, "heads", heads) == 0;
    ok &= json_object_set_new(to, "classes", lists) == 0;
    json_t *classifiers = json_object();
    ok &= classifiers && score_extras_describe(s, classifiers) == 0 &&
          (!json_object_size(classifiers) || json_object_set(to, "classifiers", classifiers) == 0);
    json_decref(classifiers);
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
    {"model", 'M', OPTION_TEXT, AT(model), .argument = "PATH", .initial = "builtin", .neutral = true,
     .help = "Hugging Face's or OpenCLIP's folder, or OpenAI's archive; builtin is winnow's own small model"},
    {"name", 0, OPTION_TEXT, AT(name), .argument = "NAME", .neutral = true, .help = "of the model in columns; else by its shape, or its folder"},
    {"precision", 0, OPTION_CHOICE, AT(precision), .argument = "P", .initial = "f32", .choices = CLIP_PRECISION_CHOICES, .neutral = true,
     .help = "of products"},
    {"class", 0, OPTION_TEXT, AT(class), .argument = "CLASS", .neutral = true,
     .help = "processor class, which decides last digits; this machine's best"},
    {"text", 0, OPTION_TEXT, AT(text), .argument = "COLUMN", .initial = "text", .help = "what is compared with the picture"},
    {"no-similarity", 0, OPTION_FLAG, AT(no_similarity), .help = "no text is compared: heads and classes alone"},
    {"captions", 0, OPTION_LIST, AT(captions), .argument = "COLUMN", .split = true, .help = "further texts of a row, to choose from or to rank"},
    {"captions-file", 0, OPTION_FILE, AT(captions_file), .argument = "FILE", .help = "further texts: an id, a tab, a text a line; an id may come often"},
    {"choose-text", 0, OPTION_FLAG, AT(choose_text), .help = "of text and captions the nearest to the picture becomes text; adds text_choice"},
    {"rank-texts", 0, OPTION_U64, AT(rank), .argument = "K", .initial = "0", .low = 0, .high = SCORE_RANKS_MOST,
     .help = "adds the K nearest texts: ranked_1, ranked_1_from, sim_ranked_1_MODEL and so on"},
    {"head", 0, OPTION_LIST, AT(heads), .argument = "NAME=FILE", .neutral = true, .help = "adds p_NAME_MODEL; may be repeated"},
    {"classes", 0, OPTION_LIST, AT(lists), .argument = "LIST", .neutral = true, .split = true,
     .help = "adds zs_LIST_MODEL: a list that comes with winnow, or a file"},
    {"classifier", 0, OPTION_LIST, AT(classifiers), .argument = "NAME", .neutral = true, .split = true,
     .help = "gantman adds p_CLASS_gantman, pictures for adults; opennsfw=FILE.onnx p_nsfw_opennsfw of Yahoo's model; watermark p_watermark_builtin; blank "
             "p_blank_builtin, pictures that show nothing"},
    {"allow-substitute", 0, OPTION_LIST, AT(substitutes), .argument = "NAME", .split = true,
     .help = "the model NAME, which is this one, may stand in for those that heads were trained on; recorded"},
    {"embeddings", 0, OPTION_TEXT, AT(embeddings), .argument = "FOLDER", .neutral = true,
     .help = "write them as half floats beside a table of the rows, in clip-retrieval's layout"},
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
    .arguments = "[OPTIONS] [ROWS...]",
    .description =
        "Adds sim_MODEL, the cosine of picture and text; with --head NAME=FILE p_NAME_MODEL, what a small network makes of the "
        "picture's embedding; with --classes LIST zs_LIST_MODEL, the nearest of described classes. score_status says ok, or why a "
        "picture could not be scored; such a row goes on without scores.\n\n"
        "MODEL is b32, l14 and so on where shape and activation are those of a published model, else the folder's name, or --name. "
        "A head that was trained on another model is refused unless --allow-substitute names this one.\n\n"
        "With --captions or --captions-file, as captioning models write them, --choose-text keeps of the web's text and the captions "
        "the one that is nearest to the picture (the web's text goes to text_raw, text_choice says where the text is from, "
        "sim_MODEL is of the one chosen), and --rank-texts shows the nearest. Of equal ones the first counts, the web's before all.\n\n"
        "Without --model it is winnow's own small model, builtin: good for a first look and for tests, no match for a published "
        "checkpoint ('winnow model fetch'). It also says what kind of picture it sees: p_drawing_builtin, p_logo_builtin, "
        "p_painting_builtin, p_photo_builtin, p_placeholder_builtin, p_screenshot_builtin.\n\n"
        "--classifier gantman adds p_drawing_gantman, p_hentai_gantman, p_neutral_gantman, p_porn_gantman, p_sexy_gantman of GantMan's "
        "NSFW model, which comes with winnow; rules of obelics-images, redcaps and coyo700m read them. --classifier "
        "opennsfw=FILE.onnx adds p_nsfw_opennsfw of Yahoo's open_nsfw, whose file is the user's. --classifier "
        "watermark adds p_watermark_builtin, lettering or a logo laid over the picture, of winnow's own small network; it "
        "is not good yet (AUC 0.85 on real pictures, reports/models/watermark.md): to look at, not to filter by. --classifier blank adds p_blank_builtin, the probability that a picture "
        "shows nothing (one colour, a spacer, a tile that says so), which filter picture.blank reads, and the measures behind it: "
        "picture_colours, picture_largest, picture_edges, picture_flat, picture_saturation, picture_side.\n\n"
        "A list of classes is a text file, a thing a line: 'class golden retriever', which may come after 'template a photo of a {}.' (of all "
        "classes, as many as you like) or before 'prompt ...' or 'feature ...' of its own ('golden retriever, which has ...'); 'take 5' adds the five "
        "nearest, zs_LIST_MODEL and p_LIST_MODEL, zs_LIST_2_MODEL and so on. LIST is the file's name, or what 'list NAME' says.\n\n"
        "A head's file says what it is: affine maps (.safetensors, .pth, one row in .npy), prototypes (.npy), LAION's and DataComp's NSFW "
        "detectors. Behind the file may stand, after commas: categories=lookup|oov|raw (of those detectors; the column's name then ends in oov or raw), "
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
