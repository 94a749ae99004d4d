#include "filters/clip/small_parts.h"

#include <stdio.h>
#include <stdlib.h>

#include "pipeline/base/fail.h"

enum { NAME_ROOM = 96 };

/* One tensor as the file should have it. */
struct wanted {
    char name[NAME_ROOM];
    struct tensor shape; /* rank and shape alone */
};

static void want(struct wanted *w, unsigned rank, uint64_t a, uint64_t b)
{
    w->shape = (struct tensor){.rank = rank, .shape = {a, b}};
}

/* ---- what there is: the text tower */

static const char *const text_names[CLIP_PARTS] = {
    [CLIP_TOKENS] = "token_embedding.weight",
    [CLIP_POSITIONS] = "position_embedding.weight",
    [CLIP_LN_PRE_WEIGHT] = "embedding_norm.weight",
    [CLIP_LN_PRE_BIAS] = "embedding_norm.bias",
    [CLIP_PROJECTION] = "projection.weight",
    [CLIP_LN_1_WEIGHT] = "attention_norm.weight",
    [CLIP_LN_1_BIAS] = "attention_norm.bias",
    [CLIP_QKV_WEIGHT] = "attention.qkv.weight",
    [CLIP_QKV_BIAS] = "attention.qkv.bias",
    [CLIP_OUT_WEIGHT] = "attention.output.weight",
    [CLIP_OUT_BIAS] = "attention.output.bias",
    [CLIP_LN_2_WEIGHT] = "mlp_norm.weight",
    [CLIP_LN_2_BIAS] = "mlp_norm.bias",
    [CLIP_FC1_WEIGHT] = "mlp.in.weight",
    [CLIP_FC1_BIAS] = "mlp.in.bias",
    [CLIP_FC2_WEIGHT] = "mlp.out.weight",
    [CLIP_FC2_BIAS] = "mlp.out.bias",
};

static void want_text(const struct clip_config *c, enum clip_part part, uint32_t layer, struct wanted *w)
{
    uint64_t width = c->text.width, mlp = c->text.mlp;
    if (clip_part_is_of_layer(part)) snprintf(w->name, sizeof w->name, "text.layers.%u.%s", layer, text_names[part]);
    else snprintf(w->name, sizeof w->name, "text.%s", text_names[part]);
    switch (part) {
    case CLIP_TOKENS: want(w, 2, c->vocabulary, width); break;
    case CLIP_POSITIONS: want(w, 2, c->context, width); break;
    case CLIP_PROJECTION: want(w, 2, c->embed, width); break;
    case CLIP_QKV_WEIGHT: want(w, 2, 3 * width, width); break;
    case CLIP_QKV_BIAS: want(w, 1, 3 * width, 0); break;
    case CLIP_OUT_WEIGHT: want(w, 2, width, width); break;
    case CLIP_FC1_WEIGHT: want(w, 2, mlp, width); break;
    case CLIP_FC1_BIAS: want(w, 1, mlp, 0); break;
    case CLIP_FC2_WEIGHT: want(w, 2, width, mlp); break;
    default: want(w, 1, width, 0); break;
    }
}

/* ---- the network behind the features, and what the text tower has beyond CLIP's */

static void want_small(const struct clip_config *c, enum small_part part, struct wanted *w)
{
    static const char *const names[SMALL_PARTS] = {
        [SMALL_PROJECTION_BIAS] = "text.projection.bias",
        [SMALL_LINEAR_WEIGHT] = "image.embed.linear.weight",
        [SMALL_LINEAR_BIAS] = "image.embed.linear.bias",
        [SMALL_HIDDEN_WEIGHT] = "image.embed.hidden.weight",
        [SMALL_HIDDEN_BIAS] = "image.embed.hidden.bias",
        [SMALL_OUTPUT_WEIGHT] = "image.embed.output.weight",
        [SMALL_CLASSIFIER_WEIGHT] = "image.classifier.weight",
        [SMALL_CLASSIFIER_BIAS] = "image.classifier.bias",
        [SMALL_CLASS_VECTORS] = "image.embed.class_vectors.weight",
        [SMALL_CLASS_SCALE] = "image.embed.class_logit_scale",
    };
    uint64_t features = c->image.width;
    snprintf(w->name, sizeof w->name, "%s", names[part]);
    switch (part) {
    case SMALL_PROJECTION_BIAS:
    case SMALL_LINEAR_BIAS: want(w, 1, c->embed, 0); break;
    case SMALL_LINEAR_WEIGHT: want(w, 2, c->embed, features); break;
    case SMALL_HIDDEN_WEIGHT: want(w, 2, c->small.hidden, features); break;
    case SMALL_HIDDEN_BIAS: want(w, 1, c->small.hidden, 0); break;
    case SMALL_OUTPUT_WEIGHT: want(w, 2, c->embed, c->small.hidden); break;
    case SMALL_CLASSIFIER_WEIGHT: want(w, 2, c->small.classes, features); break;
    case SMALL_CLASSIFIER_BIAS: want(w, 1, c->small.classes, 0); break;
    case SMALL_CLASS_VECTORS: want(w, 2, c->small.classes, c->embed); break;
    case SMALL_CLASS_SCALE:
    case SMALL_PARTS: want(w, 1, 1, 0); break;
    }
}

/* ---- the convolutions */

static void want_convolution(const struct convnet_shape *net, const char *prefix, enum convnet_part part, uint32_t block, bool bias,
                             struct wanted *w)
{
    static const char *const names[] = {[CONVNET_EXPAND] = "expand", [CONVNET_DEPTHWISE] = "depthwise", [CONVNET_PROJECT] = "project"};
    const struct convnet_block *b = &net->blocks[block];
    const char *what = bias ? "bias" : "weight";
    uint64_t out = convnet_part_size(net, part, block, true), in = 1, kernel = 1;
    if (part == CONVNET_STEM || part == CONVNET_FEATURES) snprintf(w->name, sizeof w->name, "%s%s.%s", prefix, part == CONVNET_STEM ? "stem" : "head", what);
    else snprintf(w->name, sizeof w->name, "%sblocks.%u.%s.%s", prefix, block, names[part], what);
    if (part == CONVNET_STEM) in = 3, kernel = net->stem_kernel;
    else if (part == CONVNET_EXPAND) in = b->in;
    else if (part == CONVNET_DEPTHWISE) kernel = b->kernel;
    else if (part == CONVNET_PROJECT) in = b->hidden;
    else in = net->blocks[net->block_count - 1].out;
    want(w, bias ? 1 : 4, out, in);
    if (!bias) w->shape.shape[2] = w->shape.shape[3] = kernel;
}

/* ---- finding */

/* The tensor, or its whole numbers and their scales. -1 with a sentence when neither has that name and shape. */
struct found {
    const struct tensor *plain, *whole, *scale;
};

static int check_shape(const struct tensor *t, const struct tensor *want)
{
    char has[TENSOR_SHAPE_TEXT], wants[TENSOR_SHAPE_TEXT];
    if (t->rank == want->rank && memcmp(t->shape, want->shape, t->rank * sizeof *t->shape) == 0) return 0;
    return fail("%s: tensor %.*s: shape %s, the configuration asks for %s", t->file, STR_ARG(t->name), tensor_shape_text(t, has),
                tensor_shape_text(want, wants));
}

static int check_float(const struct tensor *t)
{
    if (t->type == TENSOR_F32 || t->type == TENSOR_F16 || t->type == TENSOR_BF16) return 0;
    return fail("%s: tensor %.*s: type %s: F32, F16 or BF16 is expected", t->file, STR_ARG(t->name), tensor_type_name(t->type));
}

static int find(const struct weights *weights, const struct wanted *w, struct found *f)
{
    char whole[NAME_ROOM + 8], scale[NAME_ROOM + 8];
    snprintf(whole, sizeof whole, "%s.int8", w->name);
    snprintf(scale, sizeof scale, "%s.scale", w->name);
    *f = (struct found){.plain = weights_find(weights, str_from(w->name))};
    if (f->plain) return check_shape(f->plain, &w->shape) < 0 ? -1 : check_float(f->plain);
    f->whole = w->shape.rank == 2 ? weights_find(weights, str_from(whole)) : NULL;
    f->scale = f->whole ? weights_find(weights, str_from(scale)) : NULL;
    if (!f->scale) return fail("%s: tensor %s: missing, though the configuration asks for it", weights_name(weights), w->name);
    if (f->whole->type != TENSOR_I8)
        return fail("%s: tensor %s: type %s: I8 is expected", f->whole->file, whole, tensor_type_name(f->whole->type));
    struct tensor rows = {.rank = 1, .shape = {w->shape.shape[0]}};
    return check_shape(f->whole, &w->shape) < 0 || check_shape(f->scale, &rows) < 0 ? -1 : check_float(f->scale);
}

/* ---- checking */

struct check {
    const struct clip_config *config;
    const struct weights *weights;
    bool *claimed; /* by index of tensor */
};

static int check_one(const struct check *k, const struct wanted *w)
{
    struct found f;
    if (find(k->weights, w, &f) < 0) return -1;
    const struct tensor *const all[] = {f.plain, f.whole, f.scale};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i]) k->claimed[all[i] - weights_at(k->weights, 0)] = true;
    return 0;
}

static int check_text(const struct check *k)
{
    struct wanted w;
    for (unsigned part = 0; part < CLIP_PARTS; part++) {
        bool of_layer = clip_part_is_of_layer((enum clip_part)part);
        for (uint32_t layer = 0; text_names[part] && layer < (of_layer ? k->config->text.layers : 1); layer++) {
            want_text(k->config, (enum clip_part)part, layer, &w);
            if (check_one(k, &w) < 0) return -1;
        }
    }
    return 0;
}

static int check_convolution(const struct check *k, enum convnet_part part, uint32_t block)
{
    struct wanted w;
    for (int bias = 0; bias < 2; bias++) {
        want_convolution(&k->config->small.net, SMALL_PICTURE, part, block, bias, &w);
        if (check_one(k, &w) < 0) return -1;
    }
    return 0;
}

static int check_picture(const struct check *k)
{
    const struct convnet_shape *net = &k->config->small.net;
    struct wanted w;
    if (check_convolution(k, CONVNET_STEM, 0) < 0 || check_convolution(k, CONVNET_FEATURES, 0) < 0) return -1;
    for (uint32_t b = 0; b < net->block_count; b++) {
        if (net->blocks[b].expand && check_convolution(k, CONVNET_EXPAND, b) < 0) return -1;
        if (check_convolution(k, CONVNET_DEPTHWISE, b) < 0 || check_convolution(k, CONVNET_PROJECT, b) < 0) return -1;
    }
    for (unsigned part = 0; part < SMALL_PARTS; part++) {
        want_small(k->config, (enum small_part)part, &w);
        if (check_one(k, &w) < 0) return -1;
    }
    return 0;
}

int small_parts_check(const struct clip_config *config, const struct weights *weights)
{
    struct check k = {config, weights, calloc(weights_count(weights) + 1, sizeof(bool))};
    if (!k.claimed) return fail_memory();
    int result = check_picture(&k) < 0 || check_text(&k) < 0 ? -1 : 0;
    for (size_t i = 0; result == 0 && i < weights_count(weights); i++) {
        const struct tensor *t = weights_at(weights, i);
        if (!k.claimed[i]) result = fail("%s: tensor %.*s: the configuration does not account for it", t->file, STR_ARG(t->name));
    }
    free(k.claimed);
    return result;
}

/* ---- reading */

static int read_one(const struct weights *weights, const struct wanted *w, float *out)
{
    struct found f;
    if (find(weights, w, &f) < 0) return -1;
    if (f.plain) return tensor_to_f32(f.plain, out);
    size_t rows = f.scale->count, columns = f.whole->count / (rows ? rows : 1);
    float *scales = malloc((rows + 1) * sizeof *scales);
    int result = scales ? 0 : fail_memory();
    if (result == 0) result = tensor_to_f32(f.scale, scales) < 0 || tensor_to_f32(f.whole, out) < 0 ? -1 : 0;
    for (size_t r = 0; result == 0 && r < rows; r++)
        for (size_t c = 0; c < columns; c++) out[r * columns + c] *= scales[r];
    free(scales);
    return result;
}

int small_part_read(const struct clip_config *config, const struct weights *weights, enum clip_part part, uint32_t layer, float *out)
{
    struct wanted w;
    want_text(config, part, layer, &w);
    return read_one(weights, &w, out);
}

size_t small_size(const struct clip_config *config, enum small_part part)
{
    struct wanted w;
    want_small(config, part, &w);
    return (size_t)w.shape.shape[0] * (w.shape.rank == 2 ? (size_t)w.shape.shape[1] : 1);
}

int small_read(const struct clip_config *config, const struct weights *weights, enum small_part part, float *out)
{
    struct wanted w;
    want_small(config, part, &w);
    return read_one(weights, &w, out);
}

int small_read_convolution(const void *source, enum convnet_part part, uint32_t block, bool bias, float *out)
{
    const struct small_source *s = source;
    struct wanted w;
    want_convolution(s->net, s->prefix, part, block, bias, &w);
    return read_one(s->weights, &w, out);
}
