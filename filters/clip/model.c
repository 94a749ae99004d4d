/* The door of clip.h: weights, configuration, tokenizer, preprocessing and towers put together. */
#include "filters/clip/clip.h"

#include "filters/clip/int8_check.h"
#include "filters/clip/matmul.h"
#include "filters/clip/model_name.h"
#include "filters/clip/picture_classes.h"
#include "filters/clip/tokenizer.h"
#include "filters/clip/tower.h"
#include "filters/clip/tower_reference.h"
#include "filters/clip/wordpiece.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    SIDES = 2,
    VOCABULARY_MOST = 16 << 20, /* bytes of a file: what tokenizers read at most */
    INPUTS_AT_ONCE = 256, /* run together; bounds memory for prompt lists of any length */
};

struct clip {
    struct weights *weights;
    struct clip_config config;
    struct clip_options options;
    enum clip_precision precision;
    char name[CLIP_NAME_ROOM];
    const struct matmul *matmul; /* NULL: the reference */
    struct tower *towers[SIDES]; /* by enum clip_side; NULL where not loaded, and in the reference */
    struct reference *references[SIDES];
    struct tokenizer *tokenizer;
    struct wordpiece *wordpiece; /* instead, of the small kind */
    struct picture_classes *classes; /* NULL: none */
    struct hash128 digest;
    bool inner[SIDES]; /* int8: first and last block are bf16 */
    double int8_cosine[SIDES]; /* to bf16, as checked; 0: not checked */
};

struct clip_work {
    const struct clip *clip;
    struct tower_work *towers[SIDES];
    struct tokenizer_work *tokenizer;
    struct wordpiece_work *wordpiece;
    struct preprocess_work *preprocess;
    float *planes;            /* of one picture, for the reference */
    double *embedding, *pooled; /* of one input, of the reference */
    float *raw, *rows;        /* [INPUTS_AT_ONCE, embed], [INPUTS_AT_ONCE, text width] */
    uint32_t *ids;            /* [INPUTS_AT_ONCE, context] */
};

/* ---- names */

static const char *const precision_names[] = {"reference", "f32", "bf16", "int8", "int8, first and last block bf16"};

const char *clip_precision_name(enum clip_precision precision) { return precision_names[precision]; }

enum clip_precision clip_precision_find(struct str name)
{
    int i = CLIP_INT8;
    while (i > 0 && !str_eq(name, str_from(precision_names[i]))) i--;
    return (enum clip_precision)i;
}

/* ---- opening */

/* How the small kind's convolutions lie: their kernels' sizes are in the weights' shapes. */
static int digest_net(const struct convnet_shape *net, struct buf *text)
{
    int result = buf_printf(text, " %u", net->stem_stride);
    for (uint32_t b = 0; result == 0 && b < net->block_count; b++)
        result = buf_printf(text, " %u %d", net->blocks[b].stride, net->blocks[b].residual);
    return result;
}

/* What decides an embedding besides the numbers of the weights. */
static int digest_model(struct clip *clip, const struct weights *weights)
{
    struct hash128 numbers;
    char hex[33];
    struct buf text;
    const struct clip_config *c = &clip->config;
    const struct preprocess *p = &c->preprocess;
    if (weights_digest(weights, &numbers) < 0) return -1;
    hash128_hex(numbers, hex);
    buf_init(&text, 4 << 10);
    int result = buf_printf(&text, "%s %d %d %u %u %u %d", hex, c->kind == CLIP_HUGGING_FACE, c->end_rule, c->end_id,
                            c->image.heads, c->text.heads, c->image_size);
    if (result == 0)
        result = buf_printf(&text, " %s %.17g %s %.17g", clip_activation_name(c->image.activation), c->image.eps,
                            clip_activation_name(c->text.activation), c->text.eps);
    if (result == 0)
        result = buf_printf(&text, " %d %d %d %u %u", p->mode, p->filter, p->crop_rule, p->size, p->crop);
    for (int i = 0; result == 0 && i < 3; i++)
        result = buf_printf(&text, " %.9g %.9g", (double)p->mean[i], (double)p->deviation[i]);
    if (result == 0 && c->kind == CLIP_SMALL) result = digest_net(&c->small.net, &text);
    clip->digest = hash_xxh3_128(buf_str(&text), 0);
    buf_free(&text);
    return result;
}

static void add_to_digest(struct clip *clip, struct hash128 more)
{
    char hex[2][33], text[80];
    hash128_hex(clip->digest, hex[0]);
    hash128_hex(more, hex[1]);
    snprintf(text, sizeof text, "%s %s", hex[0], hex[1]);
    clip->digest = hash_xxh3_128(str_from(text), 0);
}

/* The folder's vocabulary decides what a text's embedding is, and may be exchanged without the weights. */
static int digest_vocabulary(struct clip *clip)
{
    enum { FILES_MOST = 3 };
    static const char *const files[][FILES_MOST] = { /* the other kinds have the one that is built in */
        [CLIP_HUGGING_FACE] = {"tokenizer.json", "vocab.json", "merges.txt"}, [CLIP_SMALL] = {"vocab.txt"}};
    struct buf bytes;
    int result = 0;
    buf_init(&bytes, VOCABULARY_MOST);
    for (size_t i = 0; result == 0 && i < FILES_MOST && files[clip->config.kind][i]; i++) {
        char *path;
        if (asprintf(&path, "%s/%s", weights_folder(clip->weights), files[clip->config.kind][i]) < 0) return buf_free(&bytes), fail_memory();
        bytes.n = 0;
        if (file_exists(path) && (result = buf_read_file(&bytes, path)) == 0) add_to_digest(clip, hash_xxh3_128(buf_str(&bytes), i));
        free(path);
    }
    buf_free(&bytes);
    return result;
}

/* The small kind's classes lie in a file of their own, and are part of what it says. */
static int open_classes(struct clip *clip)
{
    const struct clip_config *c = &clip->config;
    char *path;
    if (c->kind != CLIP_SMALL || !c->small.kind_count) return 0;
    if (asprintf(&path, "%s/kind.safetensors", weights_folder(clip->weights)) < 0) return fail_memory();
    clip->classes = picture_classes_open(path, c->small.kind_count, c->image.width);
    free(path);
    if (!clip->classes) return -1;
    add_to_digest(clip, picture_classes_digest(clip->classes));
    return 0;
}

static int open_wordpiece(struct clip *clip)
{
    const struct clip_config *c = &clip->config;
    const struct wordpiece_ids ids = {.unknown = c->small.unknown_id, .start = c->start_id, .end = c->end_id};
    char *path;
    if (asprintf(&path, "%s/vocab.txt", weights_folder(clip->weights)) < 0) return fail_memory();
    clip->wordpiece = wordpiece_open(path, &ids);
    int result = clip->wordpiece ? 0 : -1;
    if (result == 0 && wordpiece_count(clip->wordpiece) != c->vocabulary)
        result = fail("%s: %u pieces, the model has %u", path, wordpiece_count(clip->wordpiece), c->vocabulary);
    free(path);
    return result;
}

static int open_tokenizer(struct clip *clip)
{
    if (clip->config.kind == CLIP_SMALL) return open_wordpiece(clip);
    bool hugging_face = clip->config.kind == CLIP_HUGGING_FACE;
    clip->tokenizer = tokenizer_open(hugging_face ? weights_folder(clip->weights) : NULL,
                                     hugging_face ? TOKENIZER_HUGGING_FACE : TOKENIZER_OPENAI);
    if (!clip->tokenizer) return -1;
    if (tokenizer_vocabulary(clip->tokenizer) <= clip->config.vocabulary) return 0;
    return fail("%s: the tokenizer (%s) has %u tokens, the model %u", weights_name(clip->weights),
                tokenizer_source(clip->tokenizer), tokenizer_vocabulary(clip->tokenizer), clip->config.vocabulary);
}

static int open_tower(struct clip *clip, enum clip_side side)
{
    if (clip->towers[side] || clip->references[side]) return 0;
    if (clip->precision == CLIP_REFERENCE) {
        clip->references[side] = reference_open(&clip->config, clip->weights, side);
        return clip->references[side] ? 0 : -1;
    }
    clip->towers[side] =
        tower_open(&clip->config, clip->weights, side, clip->precision, clip->matmul, clip->options.threads);
    return clip->towers[side] ? 0 : -1;
}

/* The check's texts as tokens; ids: [INT8_CHECK_INPUTS, context]. */
static int tokens_of_check(const struct clip *clip, uint32_t *ids, struct tower_text texts[INT8_CHECK_INPUTS])
{
    struct tokenizer_work *w = tokenizer_work_new();
    int result = w ? 0 : -1;
    for (size_t i = 0; result == 0 && i < INT8_CHECK_INPUTS; i++) {
        uint32_t *own = ids + i * clip->config.context;
        int n = tokenizer_encode(clip->tokenizer, w, str_from(int8_check_text(i)), own, clip->config.context);
        texts[i] = (struct tower_text){own, n > 0 ? (size_t)n : 0};
        result = n > 0 ? 0 : -1;
    }
    tokenizer_work_free(w);
    return result;
}

static int compare_with_bf16(struct clip *clip, enum clip_side side, const struct tower *bf16)
{
    struct tower_text texts[INT8_CHECK_INPUTS];
    uint32_t *ids = malloc((size_t)INT8_CHECK_INPUTS * clip->config.context * sizeof *ids);
    int result = ids ? 0 : fail_memory();
    if (result == 0 && side == CLIP_TEXT) result = tokens_of_check(clip, ids, texts);
    if (result == 0) result = int8_check(&clip->config, side, clip->towers[side], bf16, texts, &clip->int8_cosine[side]);
    free(ids);
    return result;
}

/* As int8 was asked for; then with bf16 at both ends; then not at all. */
static int check_int8(struct clip *clip, enum clip_side side)
{
    static const char *const sides[SIDES] = {[CLIP_IMAGE] = "picture", [CLIP_TEXT] = "text"};
    if (!clip->towers[side] || clip->int8_cosine[side] != 0 || clip->config.kind == CLIP_SMALL) return 0;
    struct tower *bf16 = tower_open(&clip->config, clip->weights, side, CLIP_BF16, clip->matmul, clip->options.threads);
    int result = bf16 ? compare_with_bf16(clip, side, bf16) : -1;
    if (result == 0 && !(clip->int8_cosine[side] >= INT8_COSINE_LEAST)) {
        tower_close(clip->towers[side]);
        clip->towers[side] = tower_open(&clip->config, clip->weights, side, CLIP_INT8_INNER, clip->matmul, clip->options.threads);
        clip->inner[side] = true;
        result = clip->towers[side] ? compare_with_bf16(clip, side, bf16) : -1;
    }
    tower_close(bf16);
    if (result < 0 || clip->int8_cosine[side] >= INT8_COSINE_LEAST) return result;
    return fail_usage("%s: in int8 the %s tower's embeddings have a cosine of %.4f to bf16's, and %.3f is the least: use --precision bf16",
                      weights_name(clip->weights), sides[side], clip->int8_cosine[side], INT8_COSINE_LEAST);
}

int clip_load(struct clip *clip, unsigned load)
{
    bool multiplies = load & (CLIP_LOAD_IMAGES | CLIP_LOAD_TEXTS | CLIP_LOAD_PRODUCTS);
    if (multiplies && clip->precision != CLIP_REFERENCE && !clip->matmul && !(clip->matmul = matmul_open(clip->options.class)))
        return -1;
    if (load & CLIP_LOAD_IMAGES && open_tower(clip, CLIP_IMAGE) < 0) return -1;
    if (load & CLIP_LOAD_TEXTS && open_tower(clip, CLIP_TEXT) < 0) return -1;
    if (load & (CLIP_LOAD_TEXTS | CLIP_LOAD_TOKENIZER) && !clip->tokenizer && !clip->wordpiece && open_tokenizer(clip) < 0) return -1;
    if (clip->precision != CLIP_INT8) return 0;
    return check_int8(clip, CLIP_IMAGE) < 0 ? -1 : check_int8(clip, CLIP_TEXT);
}

static void *digest_beside(void *context)
{
    struct clip *clip = context;
    return digest_model(clip, clip->weights) < 0 ? clip : NULL;
}

/* The digest reads all numbers once more, so it is made while the towers are brought into form: a fifth of the start. */
static int load_all(struct clip *clip)
{
    const struct clip_options *o = &clip->options;
    pthread_t helper;
    void *failed = NULL;
    bool beside = o->threads > 1 && pthread_create(&helper, NULL, digest_beside, clip) == 0;
    int result = beside ? 0 : digest_model(clip, clip->weights);
    if (result == 0) result = clip_load(clip, o->load ? o->load : CLIP_LOAD_IMAGES | CLIP_LOAD_TEXTS);
    if (beside) pthread_join(helper, &failed);
    if (failed) return fail_memory();
    if (result == 0) result = digest_vocabulary(clip);
    return result == 0 ? open_classes(clip) : -1; /* which adds to the digest, too */
}

struct clip *clip_open(const char *path, const struct clip_options *options)
{
    struct clip *clip = calloc(1, sizeof *clip);
    if (!clip) return fail_memory(), NULL;
    clip->options = *options;
    clip->precision = options->precision;
    int result = (clip->weights = weights_open(path)) ? clip_config_open(&clip->config, clip->weights) : -1;
    if (result == 0) result = load_all(clip);
    if (result == 0) clip_name(&clip->config, path, clip->name);
    if (result == 0) return clip;
    clip_close(clip);
    return NULL;
}

void clip_close(struct clip *clip)
{
    if (!clip) return;
    for (int i = 0; i < SIDES; i++) {
        tower_close(clip->towers[i]);
        reference_close(clip->references[i]);
    }
    tokenizer_close(clip->tokenizer);
    wordpiece_close(clip->wordpiece);
    picture_classes_close(clip->classes);
    clip_config_free(&clip->config);
    weights_close(clip->weights);
    free(clip);
}

uint32_t clip_embed(const struct clip *clip) { return clip->config.embed; }
uint32_t clip_image_width(const struct clip *clip) { return clip->config.image.width; }
uint32_t clip_text_width(const struct clip *clip) { return clip->config.text.width; }
uint32_t clip_context(const struct clip *clip) { return clip->config.context; }
uint32_t clip_pixels_side(const struct clip *clip) { return clip->config.image_size; }
size_t clip_picture_classes(const struct clip *clip) { return clip->classes ? clip->config.small.kind_count : 0; }
const char *clip_picture_class(const struct clip *clip, size_t i) { return clip->config.small.kinds[i]; }
void clip_classify(const struct clip *clip, const float *pooled, double *probabilities)
{
    picture_classes_apply(clip->classes, pooled, probabilities);
}
double clip_logit_scale(const struct clip *clip) { return exp(clip->config.logit_scale); }
const char *clip_class(const struct clip *clip)
{
    return clip->matmul ? matmul_class_name(matmul_class_of(clip->matmul)) : "cpu";
}
const char *clip_products(const struct clip *clip) { return clip->matmul ? matmul_version(clip->matmul) : "plain loops"; }
const char *clip_short_name(const struct clip *clip) { return clip->name; }
struct hash128 clip_digest(const struct clip *clip) { return clip->digest; }
size_t clip_pixels_size(const struct clip *clip) { return clip_pixels_bytes(clip->config.image_size); }

size_t clip_memory(const struct clip *clip)
{
    size_t bytes = 0;
    for (int i = 0; i < SIDES; i++) bytes += clip->towers[i] ? tower_bytes(clip->towers[i]) : 0;
    return bytes;
}

int clip_describe(const struct clip *clip, struct buf *out)
{
    char hex[33];
    hash128_hex(clip->digest, hex);
    if (buf_printf(out, "name\t%s\t%s\n", clip->name,
                   clip->config.kind == CLIP_SMALL && clip->config.small.name[0] ? "config.json: name"
                   : clip_name_is_reserved(clip->name)                      ? "shape and activation of a published model"
                                                                            : "the file") < 0)
        return -1;
    if (clip_config_print(&clip->config, out) < 0) return -1;
    if (clip->tokenizer &&
        buf_printf(out, "tokenizer\t%s\t%s\n", clip->config.kind == CLIP_HUGGING_FACE ? "Hugging Face's form" : "OpenAI's form",
                   tokenizer_source(clip->tokenizer)) < 0)
        return -1;
    if (clip->wordpiece && buf_printf(out, "tokenizer\tword pieces\tvocab.txt\n") < 0) return -1;
    bool emulated = clip->matmul && clip->precision == CLIP_BF16 && !matmul_is_native(clip->matmul, MATMUL_BF16);
    if (!clip->matmul && clip->precision != CLIP_REFERENCE) return buf_printf(out, "digest\t%s\tweights, configuration and vocabulary\n", hex);
    return buf_printf(out, "precision\t%s\t%s\nclass\t%s\t%s\ndigest\t%s\tweights, configuration and vocabulary\n",
                      clip_precision_name(clip->precision),
                      emulated ? "this class rounds as bf16 does and multiplies floats: not faster than f32" : "as asked",
                      clip_class(clip), clip_products(clip), hex);
}

int clip_describe_int8(const struct clip *clip, struct buf *out)
{
    static const char *const inputs[SIDES] = {[CLIP_IMAGE] = "pictures", [CLIP_TEXT] = "texts"};
    bool any = false;
    for (int side = 0; side < SIDES; side++) {
        if (clip->int8_cosine[side] == 0) continue;
        if (buf_printf(out, "%s%s %.4f%s", any ? ", " : "", inputs[side], clip->int8_cosine[side],
                       clip->inner[side] ? " with first and last block bf16" : "") < 0)
            return -1;
        any = true;
    }
    return 0;
}

/* ---- one thread's memory */

struct clip_work *clip_work_new(const struct clip *clip)
{
    const struct clip_config *c = &clip->config;
    struct clip_work *w = calloc(1, sizeof *w);
    if (!w) return fail_memory(), NULL;
    w->clip = clip;
    int result = (w->preprocess = preprocess_work_new()) ? 0 : -1;
    if (result == 0 && clip->tokenizer) result = (w->tokenizer = tokenizer_work_new()) ? 0 : -1;
    if (result == 0 && clip->wordpiece) result = (w->wordpiece = wordpiece_work_new()) ? 0 : -1;
    for (int i = 0; result == 0 && i < SIDES; i++)
        if (clip->towers[i]) result = (w->towers[i] = tower_work_new(clip->towers[i])) ? 0 : -1;
    size_t widest = c->image.width > c->text.width ? c->image.width : c->text.width;
    if (result == 0) {
        w->planes = malloc(clip_pixels_size(clip) * sizeof *w->planes);
        w->embedding = malloc(c->embed * sizeof *w->embedding);
        w->pooled = malloc(widest * sizeof *w->pooled);
        w->raw = malloc((size_t)INPUTS_AT_ONCE * c->embed * sizeof *w->raw);
        w->rows = malloc((size_t)INPUTS_AT_ONCE * widest * sizeof *w->rows);
        w->ids = malloc((size_t)INPUTS_AT_ONCE * c->context * sizeof *w->ids);
        if (!w->planes || !w->embedding || !w->pooled || !w->raw || !w->rows || !w->ids) result = fail_memory();
    }
    if (result == 0) return w;
    clip_work_free(w);
    return NULL;
}

void clip_work_free(struct clip_work *w)
{
    if (!w) return;
    for (int i = 0; i < SIDES; i++) tower_work_free(w->towers[i]);
    tokenizer_work_free(w->tokenizer);
    wordpiece_work_free(w->wordpiece);
    preprocess_work_free(w->preprocess);
    void *const all[] = {w->planes, w->embedding, w->pooled, w->raw, w->rows, w->ids};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    free(w);
}

/* ---- results */

double clip_cosine(const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)a[i] * b[i];
    return sum;
}

static void normalise(const double *x, size_t n, float *out)
{
    double length = 0;
    for (size_t i = 0; i < n; i++) length += x[i] * x[i];
    length = sqrt(length);
    for (size_t i = 0; i < n; i++) out[i] = (float)(length > 0 ? x[i] / length : 0);
}

/* Result number `at` from doubles; pooled may be NULL. */
static void give(const struct clip *clip, size_t width, const double *embedding, const double *pooled,
                 const struct clip_outputs *out, size_t at)
{
    size_t embed = clip->config.embed;
    if (out->embedding) normalise(embedding, embed, out->embedding + at * embed);
    for (size_t i = 0; out->raw && i < embed; i++) out->raw[at * embed + i] = (float)embedding[i];
    for (size_t i = 0; out->pooled && pooled && i < width; i++) out->pooled[at * width + i] = (float)pooled[i];
}

/* The same from floats, one input's row of each. */
static void give_floats(struct clip_work *w, size_t width, const float *embedding, const float *pooled,
                        const struct clip_outputs *out, size_t at)
{
    size_t embed = w->clip->config.embed;
    for (size_t i = 0; i < embed; i++) w->embedding[i] = embedding[i];
    for (size_t i = 0; pooled && i < width; i++) w->pooled[i] = pooled[i];
    give(w->clip, width, w->embedding, pooled ? w->pooled : NULL, out, at);
}

static int not_loaded(const char *which) { return fail("the %s tower was not loaded", which); }

/* ---- pictures */

int clip_pixels(const struct clip *clip, struct clip_work *work, const struct image *image, uint8_t *pixels)
{
    return preprocess_pixels(&clip->config.preprocess, work->preprocess, image, pixels) ? -1 : 0; /* 1: unfit, said in a sentence */
}

static int reference_images(const struct clip *clip, struct clip_work *w, const uint8_t *pixels, size_t n,
                            const struct clip_outputs *out)
{
    for (size_t i = 0; i < n; i++) {
        preprocess_normalise(&clip->config.preprocess, pixels + i * clip_pixels_size(clip), w->planes);
        if (reference_image(clip->references[CLIP_IMAGE], w->planes, w->pooled, w->embedding) < 0) return -1;
        give(clip, clip->config.image.width, w->embedding, w->pooled, out, i);
    }
    return 0;
}

int clip_images(const struct clip *clip, struct clip_work *w, const uint8_t *pixels, size_t n, const struct clip_outputs *out)
{
    size_t embed = clip->config.embed, width = clip->config.image.width;
    if (clip->references[CLIP_IMAGE]) return reference_images(clip, w, pixels, n, out);
    if (!clip->towers[CLIP_IMAGE]) return not_loaded("picture");
    for (size_t i = 0, count; i < n; i += count) {
        count = n - i < INPUTS_AT_ONCE ? n - i : INPUTS_AT_ONCE;
        if (tower_images(clip->towers[CLIP_IMAGE], w->towers[CLIP_IMAGE], pixels + i * clip_pixels_size(clip), count, w->rows,
                         w->raw) < 0)
            return -1;
        for (size_t k = 0; k < count; k++) give_floats(w, width, w->raw + k * embed, w->rows + k * width, out, i + k);
    }
    return 0;
}

/* ---- texts */

int clip_tokens(const struct clip *clip, struct clip_work *work, struct str text, uint32_t *ids)
{
    if (clip->wordpiece) return wordpiece_encode(clip->wordpiece, work->wordpiece, text, ids, clip->config.context);
    if (!clip->tokenizer) return not_loaded("text");
    return tokenizer_encode(clip->tokenizer, work->tokenizer, text, ids, clip->config.context);
}

/* At most INPUTS_AT_ONCE texts; result i goes to places[i]. */
static int run_texts(const struct clip *clip, struct clip_work *w, const uint32_t *ids, const size_t *counts, size_t n,
                     const size_t *places, const struct clip_outputs *out)
{
    size_t embed = clip->config.embed, width = clip->config.text.width, context = clip->config.context;
    struct tower_text texts[INPUTS_AT_ONCE];
    for (size_t i = 0; i < n; i++) {
        texts[i] = (struct tower_text){ids + i * context, counts[i]};
        if (!clip->references[CLIP_TEXT]) continue;
        if (reference_text(clip->references[CLIP_TEXT], texts[i].ids, counts[i], w->pooled, w->embedding) < 0) return -1;
        give(clip, width, w->embedding, w->pooled, out, places[i]);
    }
    if (clip->references[CLIP_TEXT]) return 0;
    if (!clip->towers[CLIP_TEXT]) return not_loaded("text");
    if (tower_texts(clip->towers[CLIP_TEXT], w->towers[CLIP_TEXT], texts, n, w->rows, w->raw) < 0) return -1;
    for (size_t i = 0; i < n; i++) give_floats(w, width, w->raw + i * embed, w->rows + i * width, out, places[i]);
    return 0;
}

static int check_ids(const struct clip *clip, const uint32_t *ids, size_t count)
{
    if (count < 1 || count > clip->config.context)
        return fail("a text of %zu tokens: 1 to %u are run", count, clip->config.context);
    for (size_t i = 0; i < count; i++)
        if (ids[i] >= clip->config.vocabulary) return fail("token %u: the model has %u", ids[i], clip->config.vocabulary);
    return 0;
}

int clip_texts_of_ids(const struct clip *clip, struct clip_work *w, const uint32_t *ids, const size_t *counts, size_t n,
                      const struct clip_outputs *out)
{
    size_t places[INPUTS_AT_ONCE];
    for (size_t i = 0, count; i < n; i += count) {
        count = n - i < INPUTS_AT_ONCE ? n - i : INPUTS_AT_ONCE;
        for (size_t k = 0; k < count; k++) {
            places[k] = i + k;
            if (check_ids(clip, ids + (i + k) * clip->config.context, counts[i + k]) < 0) return -1;
        }
        if (run_texts(clip, w, ids + i * clip->config.context, counts + i, count, places, out) < 0) return -1;
    }
    return 0;
}

/* first[i]: the first text equal to text i. */
static int find_equal(const struct str *texts, size_t n, size_t *first)
{
    size_t room = 16;
    while (room < 2 * n) room *= 2;
    size_t *table = malloc(room * sizeof *table); /* text + 1; 0: free */
    if (!table) return fail_memory();
    memset(table, 0, room * sizeof *table);
    for (size_t i = 0; i < n; i++) {
        size_t at = hash_xxh3_128(texts[i], 0).low & (room - 1);
        while (table[at] && !str_eq(texts[table[at] - 1], texts[i])) at = (at + 1) & (room - 1);
        if (!table[at]) table[at] = i + 1;
        first[i] = table[at] - 1;
    }
    free(table);
    return 0;
}

static int run_unequal(const struct clip *clip, struct clip_work *w, const struct str *texts, size_t n, const size_t *first,
                       const struct clip_outputs *out)
{
    size_t places[INPUTS_AT_ONCE], counts[INPUTS_AT_ONCE], waiting = 0;
    for (size_t i = 0; i < n; i++) {
        if (first[i] != i) continue;
        int tokens = clip_tokens(clip, w, texts[i], w->ids + waiting * clip->config.context);
        if (tokens < 0) return -1;
        counts[waiting] = (size_t)tokens;
        places[waiting++] = i;
        if (waiting < INPUTS_AT_ONCE) continue;
        if (run_texts(clip, w, w->ids, counts, waiting, places, out) < 0) return -1;
        waiting = 0;
    }
    return waiting ? run_texts(clip, w, w->ids, counts, waiting, places, out) : 0;
}

static void copy_result(float *results, size_t length, size_t from, size_t to)
{
    if (results && from != to) memcpy(results + to * length, results + from * length, length * sizeof *results);
}

int clip_texts(const struct clip *clip, struct clip_work *w, const struct str *texts, size_t n, const struct clip_outputs *out)
{
    size_t *first = malloc((n + 1) * sizeof *first);
    if (!first) return fail_memory();
    int result = find_equal(texts, n, first);
    if (result == 0) result = run_unequal(clip, w, texts, n, first, out);
    for (size_t i = 0; result == 0 && i < n; i++) {
        copy_result(out->embedding, clip->config.embed, first[i], i);
        copy_result(out->raw, clip->config.embed, first[i], i);
        copy_result(out->pooled, clip->config.text.width, first[i], i);
    }
    free(first);
    return result;
}
