/* Layers in a row, whatever file they came from. */
#include "filters/clip/head.h"

#include "filters/clip/half.h"
#include "filters/clip/head_categories.h"
#include "filters/clip/weights.h"
#include "pipeline/base/fail.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { LAYERS_MOST = 64, NUMBER_MOST = 4096, NAME_MOST = 64, WIDTH_MOST = 4096 /* numbers between two layers: rooms on the stack */ };

struct layer {
    size_t in, out;
    float *weight; /* [out, in] */
    float *bias;   /* [out]; NULL: none */
    bool relu;     /* behind it */
};

struct head {
    const char *kind;
    struct head_options options;
    struct layer layers[LAYERS_MOST];
    size_t layer_count;
    float *mean, *variance;     /* [width], of AutoKeras' and of batch normalisation */
    float *gain, *shift;        /* [width], of batch normalisation */
    struct categories categories;
    bool logistic;
    const char *model;
    struct hash128 digest;
    bool *used; /* by index of tensor, while the file is read */
};

/* ---- reading */

static float *read_floats(struct head *h, const struct weights *w, const char *name, unsigned rank, const struct tensor **found)
{
    const struct tensor *t = weights_find(w, str_from(name));
    if (!t) return fail("%s: tensor %s is missing", weights_name(w), name), NULL;
    char shape[TENSOR_SHAPE_TEXT];
    bool fits = t->rank == rank && t->count;
    for (unsigned i = 0; i < t->rank; i++) fits &= t->shape[i] <= WIDTH_MOST;
    if (!fits) return fail("%s: tensor %s has shape %s: no layer of a head", weights_name(w), name, tensor_shape_text(t, shape)), NULL;
    if (!tensor_is_float(t)) return fail("%s: tensor %s: type %s is no float", weights_name(w), name, tensor_type_name(t->type)), NULL;
    float *numbers = malloc((size_t)t->count * sizeof *numbers);
    if (!numbers) return fail_memory(), NULL;
    *found = t;
    h->used[t - weights_at(w, 0)] = true;
    if (tensor_to_f32(t, numbers) == 0) return numbers;
    free(numbers);
    return NULL;
}

/* Appends NAMEweight and NAMEbias. */
static int add_layer(struct head *h, const struct weights *w, const char *prefix, bool has_bias)
{
    char name[96];
    const struct tensor *weight, *bias;
    if (h->layer_count == LAYERS_MOST) return fail("%s: more than %d layers", weights_name(w), LAYERS_MOST);
    struct layer *l = &h->layers[h->layer_count++];
    snprintf(name, sizeof name, "%s%s", prefix, has_bias ? "weight" : "");
    if (!(l->weight = read_floats(h, w, name, 2, &weight))) return -1;
    l->out = (size_t)weight->shape[0];
    l->in = (size_t)weight->shape[1];
    if (h->layer_count > 1 && l[-1].out != l->in)
        return fail("%s: %s takes %zu numbers, the layer before gives %zu", weights_name(w), name, l->in, l[-1].out);
    if (!has_bias) return 0;
    snprintf(name, sizeof name, "%sbias", prefix);
    if (!(l->bias = read_floats(h, w, name, 1, &bias))) return -1;
    return bias->count == l->out ? 0 : fail("%s: %s has %llu numbers, its layer %zu", weights_name(w), name,
                                            (unsigned long long)bias->count, l->out);
}

static bool has(const struct weights *w, const char *format, unsigned number)
{
    char name[64];
    snprintf(name, sizeof name, format, number);
    return weights_find(w, str_from(name)) != NULL;
}

/* Layers named FORMAT (with a number), in the order of their numbers, which are put into numbers[]. */
static int add_numbered(struct head *h, const struct weights *w, const char *format, unsigned numbers[LAYERS_MOST])
{
    char weight[64], prefix[64];
    snprintf(weight, sizeof weight, "%sweight", format);
    for (unsigned number = 0; number < NUMBER_MOST; number++) {
        if (!has(w, weight, number)) continue;
        snprintf(prefix, sizeof prefix, format, number);
        if (h->layer_count < LAYERS_MOST) numbers[h->layer_count] = number;
        if (add_layer(h, w, prefix, true) < 0) return -1;
    }
    return 0;
}

/* The improved aesthetic predictor has dropout alone between its layers. */
static bool is_improved_aesthetic(const struct head *h)
{
    static const size_t widths[] = {1024, 128, 64, 16, 1};
    if (h->layer_count != sizeof widths / sizeof *widths) return false;
    for (size_t i = 0; i < h->layer_count; i++)
        if (h->layers[i].out != widths[i]) return false;
    return true;
}

static int open_layers(struct head *h, const struct weights *w)
{
    unsigned numbers[LAYERS_MOST];
    h->kind = "layers";
    if (add_numbered(h, w, "layers.%u.", numbers) < 0) return -1;
    if (!h->layer_count && add_numbered(h, w, "%u.", numbers) < 0) return -1; /* a Sequential by itself */
    for (size_t i = 0; i + 1 < h->layer_count; i++) {
        unsigned step = numbers[i + 1] - numbers[i];
        enum head_activation what = h->options.activation;
        if (what == HEAD_ACTIVATION_OF_FILE && (step == 1 || is_improved_aesthetic(h))) what = HEAD_NO_ACTIVATION;
        if (what == HEAD_ACTIVATION_OF_FILE && step == 3) what = HEAD_RELU;
        if (what == HEAD_ACTIVATION_OF_FILE)
            return fail_usage("%s: what stands between layers %u and %u is not known: say activation=relu or activation=none",
                              weights_name(w), numbers[i], numbers[i + 1]);
        h->layers[i].relu = what == HEAD_RELU;
    }
    return 0;
}

/* Layers that are counted one by one, from 0 or 1: a gap is a layer that is lost. */
static int check_consecutive(const struct head *h, const struct weights *w, const char *name, const unsigned numbers[LAYERS_MOST])
{
    if (!h->layer_count || numbers[0] > 1) return fail("%s: tensor %s%u.weight is missing", weights_name(w), name, h->layer_count ? numbers[0] - 1 : 1);
    for (size_t i = 1; i < h->layer_count; i++)
        if (numbers[i] != numbers[i - 1] + 1) return fail("%s: tensor %s%u.weight is missing", weights_name(w), name, numbers[i - 1] + 1);
    return 0;
}

/* PATH/STEM.categories.json.gz of PATH/STEM.safetensors. */
static int read_categories(struct head *h, const char *path)
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    int stem = dot && (!slash || dot > slash) ? (int)(dot - path) : (int)strlen(path);
    char *beside = NULL;
    if (asprintf(&beside, "%.*s.categories.json.gz", stem, path) < 0) return fail_memory();
    int result = categories_read(&h->categories, beside);
    if (result < 0) fail_prefix("the category tables of %s (categories=raw does without): ", path);
    for (size_t i = 0; result == 0 && i < h->categories.count; i++)
        if (h->categories.columns[i].column >= h->layers[0].in)
            result = fail("%s: column %zu of %zu", beside, h->categories.columns[i].column, h->layers[0].in);
    free(beside);
    return result;
}

static int open_autokeras(struct head *h, const struct weights *w, const char *path)
{
    unsigned numbers[LAYERS_MOST];
    const struct tensor *mean, *variance;
    h->kind = "autokeras";
    h->logistic = true;
    if (add_numbered(h, w, "dense_%u.", numbers) < 0 || check_consecutive(h, w, "dense_", numbers) < 0) return -1;
    for (size_t i = 0; i + 1 < h->layer_count; i++) h->layers[i].relu = true;
    if (!(h->mean = read_floats(h, w, "normalization.mean", 1, &mean))) return -1;
    if (!(h->variance = read_floats(h, w, "normalization.variance", 1, &variance))) return -1;
    if (mean->count != h->layers[0].in || variance->count != h->layers[0].in)
        return fail("%s: tensors normalization.mean and normalization.variance have %llu and %llu numbers, the first layer takes %zu", path,
                    (unsigned long long)mean->count, (unsigned long long)variance->count, h->layers[0].in);
    for (size_t i = 0; i < h->layers[0].in; i++)
        if (h->variance[i] < 0)
            return fail("%s: tensor normalization.variance: element %zu is %g: it has no root", path, i, (double)h->variance[i]);
    return h->options.categories == HEAD_RAW ? 0 : read_categories(h, path);
}

/* DataComp's: BatchNorm with an epsilon of 0, then dense, dense1, …, ReLU between, logistic. */
static int open_batchnorm(struct head *h, const struct weights *w)
{
    static const char *const names[] = {"norm.running_mean", "norm.running_var", "norm.weight", "norm.bias"};
    float **const arrays[] = {&h->mean, &h->variance, &h->gain, &h->shift};
    unsigned numbers[LAYERS_MOST];
    h->kind = "batchnorm";
    h->logistic = true;
    if (add_layer(h, w, "dense.", true) < 0 || add_numbered(h, w, "dense%u.", numbers) < 0) return -1;
    numbers[0] = 0; /* of the one without a number */
    if (check_consecutive(h, w, "dense", numbers) < 0) return -1;
    for (size_t i = 0; i + 1 < h->layer_count; i++) h->layers[i].relu = true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct tensor *found;
        if (!(*arrays[i] = read_floats(h, w, names[i], 1, &found))) return -1;
        if (found->count != h->layers[0].in) return fail("%s: %s has another width than dense", weights_name(w), names[i]);
    }
    for (size_t i = 0; i < h->layers[0].in; i++)
        if (!(h->variance[i] > 0)) return fail("%s: norm.running_var[%zu] is %g: nothing is divided by its root", weights_name(w), i, (double)h->variance[i]);
    return 0;
}

/* The only tensor of the file: prototypes, or one row of weights, whose bias is 0 and which .npy may keep as a vector. */
static int open_single(struct head *h, const struct weights *w)
{
    const struct tensor *only = weights_at(w, 0), *found;
    char name[NAME_MOST];
    bool vector = only->rank == 1 && !only->name.n;
    h->kind = vector || only->shape[0] == 1 ? "affine" : "prototypes";
    snprintf(name, sizeof name, "%.*s", STR_ARG(only->name));
    if (!vector) return add_layer(h, w, name, false);
    h->layers[h->layer_count++] = (struct layer){.out = 1, .in = (size_t)only->count, .weight = read_floats(h, w, name, 1, &found)};
    return h->layers[0].weight ? 0 : -1;
}

static int open_kind(struct head *h, const struct weights *w, const char *path)
{
    struct str single = weights_count(w) == 1 ? weights_at(w, 0)->name : STR_ABSENT;
    if (single.p && single.n < NAME_MOST) return open_single(h, w);
    if (weights_find(w, STR("normalization.mean")) || has(w, "dense_%u.weight", 1)) return open_autokeras(h, w, path);
    if (weights_find(w, STR("norm.running_mean"))) return open_batchnorm(h, w);
    if (weights_find(w, STR("weight"))) {
        h->kind = "affine";
        return add_layer(h, w, "", true);
    }
    if (open_layers(h, w) < 0) return -1;
    return h->layer_count ? 0 : fail("%s: no head: expected weight and bias, layers.N, dense_N, norm and denseN, or one matrix", path);
}

/* A tensor that nothing reads is a part of some other network. */
static int check_rest(const struct head *h, const struct weights *w)
{
    for (size_t i = 0; i < weights_count(w); i++) {
        struct str name = weights_at(w, i)->name;
        if (!h->used[i] && !str_ends(name, STR("num_batches_tracked")))
            return fail("%s: tensor %.*s: no part of a head of %s", weights_name(w), STR_ARG(name), h->kind);
    }
    return 0;
}

static int read_head(struct head *h, const struct weights *w, const char *path)
{
    h->used = calloc(weights_count(w) + 1, sizeof *h->used);
    int result = !h->used ? fail_memory() : open_kind(h, w, path) < 0 ? -1 : check_rest(h, w);
    free(h->used);
    h->used = NULL;
    return result;
}

/* "vit_l_14", "ViT-L-14", "-l14-" in a file's name. */
static const char *model_in_name(const char *path)
{
    static const char *const models[][2] = {{"b32", "b32"}, {"b16", "b16"}, {"l14", "l14"}, {"h14", "h14"}};
    const char *slash = strrchr(path, '/');
    char plain[256];
    size_t n = 0;
    for (const char *c = slash ? slash + 1 : path; *c && n + 1 < sizeof plain; c++)
        if (ascii_is_alpha(*c) || ascii_is_digit(*c)) plain[n++] = ascii_lower(*c);
    plain[n] = 0;
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        if (strstr(plain, models[i][0])) return models[i][1];
    return strstr(plain, "autokerasbinarynsfw") ? "l14" : NULL;
}

static int digest_head(struct head *h, const struct weights *w)
{
    struct hash128 numbers;
    char weights[33], categories[33], all[128];
    const struct head_options *o = &h->options;
    if (weights_digest(w, &numbers) < 0) return -1;
    hash128_hex(numbers, weights);
    hash128_hex(h->categories.digest, categories);
    int n = snprintf(all, sizeof all, "%s %s %d %d %d %d %d", weights, categories, o->categories, o->activation, o->half,
                     o->logistic, o->logit);
    h->digest = hash_xxh3_128(str_of(all, (size_t)n), 0);
    return 0;
}

struct head *head_open(const char *path, const struct head_options *options)
{
    struct head *h = calloc(1, sizeof *h);
    if (!h) return fail_memory(), NULL;
    h->options = *options;
    h->model = model_in_name(path);
    struct weights *w = weights_open(path);
    int result = w ? read_head(h, w, path) : -1;
    if (result == 0) result = digest_head(h, w);
    h->logistic = (h->logistic || options->logistic) && !options->logit;
    weights_close(w);
    if (result == 0) return h;
    head_close(h);
    return NULL;
}

void head_close(struct head *h)
{
    if (!h) return;
    for (size_t i = 0; i < h->layer_count; i++) {
        free(h->layers[i].weight);
        free(h->layers[i].bias);
    }
    void *const all[] = {h->mean, h->variance, h->gain, h->shift};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    categories_free(&h->categories);
    free(h);
}

size_t head_width(const struct head *h) { return h->layers[0].in; }
size_t head_outputs(const struct head *h) { return h->layers[h->layer_count - 1].out; }
bool head_is_prototypes(const struct head *h) { return strcmp(h->kind, "prototypes") == 0; }
const char *head_kind(const struct head *h) { return h->kind; }
bool head_lacks_bias(const struct head *h) { return !h->layers[0].bias && !head_is_prototypes(h); }
const char *head_model(const struct head *h) { return h->model; }
struct hash128 head_digest(const struct head *h) { return h->digest; }

/* ---- applying */

/* As Keras does it: what is no number counts as 0, then categories, then (v - mean) / max(deviation, 1e-7). */
static void normalise(const struct head *h, const float *x, double *out)
{
    for (size_t i = 0; i < h->layers[0].in; i++) out[i] = isnan(x[i]) ? 0 : x[i];
    for (size_t k = 0; k < h->categories.count; k++) {
        const struct category_column *c = &h->categories.columns[k];
        out[c->column] = h->options.categories == HEAD_LOOKUP ? category_rank(c, x[c->column]) : 0;
    }
    for (size_t i = 0; i < h->layers[0].in; i++) out[i] = (out[i] - h->mean[i]) / fmax(sqrt((double)h->variance[i]), 1e-7);
}

static void normalise_batch(const struct head *h, const float *x, double *out)
{
    for (size_t i = 0; i < h->layers[0].in; i++)
        out[i] = (x[i] - (double)h->mean[i]) / sqrt((double)h->variance[i]) * h->gain[i] + h->shift[i];
}

void head_apply(const struct head *h, const float *embedding, double *out)
{
    double rooms[2][WIDTH_MOST], *x = rooms[0], *y = rooms[1];
    float halves[WIDTH_MOST];
    size_t width = h->layers[0].in;
    if (h->options.half) {
        for (size_t i = 0; i < width; i++) halves[i] = half_to_float(half_of_float(embedding[i]));
        embedding = halves;
    }
    if (h->gain) normalise_batch(h, embedding, x);
    else if (h->mean) normalise(h, embedding, x);
    else for (size_t i = 0; i < width; i++) x[i] = embedding[i];
    for (size_t k = 0; k < h->layer_count; k++) {
        const struct layer *l = &h->layers[k];
        for (size_t o = 0; o < l->out; o++) {
            double sum = l->bias ? l->bias[o] : 0;
            for (size_t i = 0; i < l->in; i++) sum += x[i] * l->weight[o * l->in + i];
            y[o] = l->relu ? fmax(sum, 0) : sum;
        }
        double *other = x;
        x = y;
        y = other;
    }
    for (size_t o = 0; o < head_outputs(h); o++) out[o] = h->logistic ? 1 / (1 + exp(-x[o])) : x[o];
}
