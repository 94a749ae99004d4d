/* Names and shapes of every part in the three layouts, as one table.
 *
 * Two things differ beside names: Hugging Face keeps q, k and v apart (three pieces of one part), and OpenCLIP's projections
 * are [width, embed]. */
#include "filters/clip/parts.h"

#include <stdio.h>
#include <stdlib.h>

#include "filters/clip/small_parts.h"
#include "pipeline/base/fail.h"

enum { NAME_ROOM = 160 };

struct part_names {
    const char *hugging_face[2]; /* by side; of a layer: one name behind the layer's prefix, for both sides */
    const char *openclip[2];
};

static const struct part_names names[CLIP_PARTS] = {
    [CLIP_TOKENS] = {{NULL, "text_model.embeddings.token_embedding.weight"}, {NULL, "token_embedding.weight"}},
    [CLIP_CLASS] = {{"vision_model.embeddings.class_embedding", NULL}, {"visual.class_embedding", NULL}},
    [CLIP_PATCHES] = {{"vision_model.embeddings.patch_embedding.weight", NULL}, {"visual.conv1.weight", NULL}},
    [CLIP_POSITIONS] = {{"vision_model.embeddings.position_embedding.weight",
                         "text_model.embeddings.position_embedding.weight"},
                        {"visual.positional_embedding", "positional_embedding"}},
    [CLIP_LN_PRE_WEIGHT] = {{"vision_model.pre_layrnorm.weight", NULL}, {"visual.ln_pre.weight", NULL}}, /* sic */
    [CLIP_LN_PRE_BIAS] = {{"vision_model.pre_layrnorm.bias", NULL}, {"visual.ln_pre.bias", NULL}},
    [CLIP_LN_POST_WEIGHT] = {{"vision_model.post_layernorm.weight", "text_model.final_layer_norm.weight"},
                             {"visual.ln_post.weight", "ln_final.weight"}},
    [CLIP_LN_POST_BIAS] = {{"vision_model.post_layernorm.bias", "text_model.final_layer_norm.bias"},
                           {"visual.ln_post.bias", "ln_final.bias"}},
    [CLIP_PROJECTION] = {{"visual_projection.weight", "text_projection.weight"}, {"visual.proj", "text_projection"}},
    [CLIP_LN_1_WEIGHT] = {{"layer_norm1.weight"}, {"ln_1.weight"}},
    [CLIP_LN_1_BIAS] = {{"layer_norm1.bias"}, {"ln_1.bias"}},
    [CLIP_QKV_WEIGHT] = {{"self_attn.%c_proj.weight"}, {"attn.in_proj_weight"}},
    [CLIP_QKV_BIAS] = {{"self_attn.%c_proj.bias"}, {"attn.in_proj_bias"}},
    [CLIP_OUT_WEIGHT] = {{"self_attn.out_proj.weight"}, {"attn.out_proj.weight"}},
    [CLIP_OUT_BIAS] = {{"self_attn.out_proj.bias"}, {"attn.out_proj.bias"}},
    [CLIP_LN_2_WEIGHT] = {{"layer_norm2.weight"}, {"ln_2.weight"}},
    [CLIP_LN_2_BIAS] = {{"layer_norm2.bias"}, {"ln_2.bias"}},
    [CLIP_FC1_WEIGHT] = {{"mlp.fc1.weight"}, {"mlp.c_fc.weight"}},
    [CLIP_FC1_BIAS] = {{"mlp.fc1.bias"}, {"mlp.c_fc.bias"}},
    [CLIP_FC2_WEIGHT] = {{"mlp.fc2.weight"}, {"mlp.c_proj.weight"}},
    [CLIP_FC2_BIAS] = {{"mlp.fc2.bias"}, {"mlp.c_proj.bias"}},
};

bool clip_part_is_of_layer(enum clip_part part) { return part >= CLIP_LN_1_WEIGHT; }

bool clip_part_exists(enum clip_side side, enum clip_part part)
{
    return clip_part_is_of_layer(part) || names[part].hugging_face[side] != NULL;
}

/* Rows and columns of the part's own form; a vector has columns 0. */
struct part_shape {
    uint64_t rows, columns;
};

static struct part_shape shape_of(const struct clip_config *c, enum clip_side side, enum clip_part part)
{
    const struct clip_tower *t = side == CLIP_IMAGE ? &c->image : &c->text;
    uint64_t width = t->width, mlp = t->mlp;
    switch (part) {
    case CLIP_TOKENS: return (struct part_shape){c->vocabulary, width};
    case CLIP_PATCHES: return (struct part_shape){width, 3 * (uint64_t)c->patch * c->patch};
    case CLIP_POSITIONS: return (struct part_shape){side == CLIP_TEXT ? c->context : 1 + (uint64_t)c->grid * c->grid, width};
    case CLIP_PROJECTION: return (struct part_shape){c->embed, width};
    case CLIP_QKV_WEIGHT: return (struct part_shape){3 * width, width};
    case CLIP_QKV_BIAS: return (struct part_shape){3 * width, 0};
    case CLIP_OUT_WEIGHT: return (struct part_shape){width, width};
    case CLIP_FC1_WEIGHT: return (struct part_shape){mlp, width};
    case CLIP_FC1_BIAS: return (struct part_shape){mlp, 0};
    case CLIP_FC2_WEIGHT: return (struct part_shape){width, mlp};
    default: return (struct part_shape){width, 0};
    }
}

size_t clip_part_size(const struct clip_config *c, enum clip_side side, enum clip_part part)
{
    struct part_shape s = shape_of(c, side, part);
    return (size_t)(s.rows * (s.columns ? s.columns : 1));
}

static unsigned piece_count(const struct clip_config *c, enum clip_part part)
{
    return c->layout == CLIP_LAYOUT_HUGGING_FACE && (part == CLIP_QKV_WEIGHT || part == CLIP_QKV_BIAS) ? 3 : 1;
}

static void piece_name(const struct clip_config *c, enum clip_side side, enum clip_part part, uint32_t layer, unsigned piece,
                       char name[NAME_ROOM])
{
    bool hugging_face = c->layout == CLIP_LAYOUT_HUGGING_FACE, of_layer = clip_part_is_of_layer(part);
    const char *const *known = hugging_face ? names[part].hugging_face : names[part].openclip;
    const char *text = c->layout == CLIP_LAYOUT_OPENCLIP_CUSTOM && side == CLIP_TEXT ? "text." : "";
    int n = 0;
    if (hugging_face && of_layer)
        n = snprintf(name, NAME_ROOM, "%s_model.encoder.layers.%u.", side == CLIP_TEXT ? "text" : "vision", layer);
    else if (of_layer)
        n = snprintf(name, NAME_ROOM, "%stransformer.resblocks.%u.", side == CLIP_TEXT ? text : "visual.", layer);
    else
        n = snprintf(name, NAME_ROOM, "%s", hugging_face ? "" : text);
    snprintf(name + n, NAME_ROOM - (size_t)n, "%s", known[of_layer ? 0 : side]);
    char *which = strchr(name, '%');
    if (which) { /* "%c" becomes q, k or v */
        *which = "qkv"[piece];
        memmove(which + 1, which + 2, strlen(which + 2) + 1);
    }
}

/* The shape that the file should have: rows of one piece, and for patches four dimensions. */
static struct tensor expected(const struct clip_config *c, enum clip_side side, enum clip_part part)
{
    struct part_shape s = shape_of(c, side, part);
    struct tensor t = {.rank = s.columns ? 2 : 1, .shape = {s.rows / piece_count(c, part), s.columns}};
    if (part == CLIP_PATCHES) t = (struct tensor){.rank = 4, .shape = {s.rows, 3, c->patch, c->patch}};
    if (part == CLIP_PROJECTION && c->layout != CLIP_LAYOUT_HUGGING_FACE)
        t = (struct tensor){.rank = 2, .shape = {s.columns, s.rows}};
    return t;
}

/* ---- checking ---- */

struct check {
    const struct clip_config *config;
    const struct weights *weights;
    bool *claimed; /* by index of tensor */
};

static int check_part(const struct check *k, enum clip_side side, enum clip_part part, uint32_t layer)
{
    struct tensor want = expected(k->config, side, part);
    for (unsigned piece = 0; piece < piece_count(k->config, part); piece++) {
        char name[NAME_ROOM], has[TENSOR_SHAPE_TEXT], wants[TENSOR_SHAPE_TEXT];
        piece_name(k->config, side, part, layer, piece, name);
        const struct tensor *t = weights_find(k->weights, str_from(name));
        if (!t) return fail("%s: tensor %s: missing, though the configuration asks for it", weights_name(k->weights), name);
        if (t->rank != want.rank || memcmp(t->shape, want.shape, t->rank * sizeof *t->shape) != 0)
            return fail("%s: tensor %s: shape %s, the configuration asks for %s", t->file, name, tensor_shape_text(t, has),
                        tensor_shape_text(&want, wants));
        if (!tensor_is_float(t)) return fail("%s: tensor %s: type %s is no float", t->file, name, tensor_type_name(t->type));
        k->claimed[t - weights_at(k->weights, 0)] = true;
    }
    return 0;
}

static int check_side(const struct check *k, enum clip_side side)
{
    uint32_t layers = side == CLIP_IMAGE ? k->config->image.layers : k->config->text.layers;
    for (unsigned part = 0; part < CLIP_PARTS; part++) {
        bool of_layer = clip_part_is_of_layer((enum clip_part)part);
        if (!clip_part_exists(side, (enum clip_part)part)) continue;
        for (uint32_t layer = 0; layer < (of_layer ? layers : 1); layer++)
            if (check_part(k, side, (enum clip_part)part, layer) < 0) return -1;
    }
    return 0;
}

/* What no configuration asks for and no number depends on. */
static bool is_buffer(struct str name)
{
    static const char *const buffers[] = {"attn_mask", "text.attn_mask", "input_resolution", "context_length", "vocab_size",
                                          "logit_scale"};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        if (str_eq(name, str_from(buffers[i]))) return true;
    return str_ends(name, STR(".position_ids"));
}

static int check_rest(const struct check *k)
{
    for (size_t i = 0; i < weights_count(k->weights); i++) {
        const struct tensor *t = weights_at(k->weights, i);
        char shape[TENSOR_SHAPE_TEXT];
        if (!k->claimed[i] && !is_buffer(t->name))
            return fail("%s: tensor %.*s %s: the configuration does not account for it", t->file, STR_ARG(t->name),
                        tensor_shape_text(t, shape));
    }
    return 0;
}

int clip_parts_check(const struct clip_config *config, const struct weights *weights)
{
    if (config->layout == CLIP_LAYOUT_SMALL) return small_parts_check(config, weights);
    struct check k = {config, weights, calloc(weights_count(weights) + 1, sizeof(bool))};
    if (!k.claimed) return fail_memory();
    int result = check_side(&k, CLIP_IMAGE) < 0 || check_side(&k, CLIP_TEXT) < 0 || check_rest(&k) < 0 ? -1 : 0;
    free(k.claimed);
    return result;
}

/* ---- reading ---- */

static int read_transposed(const struct tensor *t, float *out)
{
    uint64_t rows = t->shape[0], columns = t->shape[1];
    struct tensor turned = *t; /* the same elements, rows and columns exchanged */
    turned.shape[0] = columns;
    turned.shape[1] = rows;
    turned.stride[0] = t->stride[1];
    turned.stride[1] = t->stride[0];
    return tensor_to_f32(&turned, out);
}

const struct tensor *clip_part_tensor(const struct clip_config *config, const struct weights *weights, enum clip_side side,
                                      enum clip_part part)
{
    char name[NAME_ROOM];
    piece_name(config, side, part, 0, 0, name);
    const struct tensor *t = weights_find(weights, str_from(name));
    if (!t) fail("%s: tensor %s: missing", weights_name(weights), name);
    return t;
}

int clip_part_read(const struct clip_config *config, const struct weights *weights, enum clip_side side, enum clip_part part,
                   uint32_t layer, float *out)
{
    if (config->layout == CLIP_LAYOUT_SMALL) return small_part_read(config, weights, part, layer, out);
    for (unsigned piece = 0; piece < piece_count(config, part); piece++) {
        char name[NAME_ROOM];
        piece_name(config, side, part, layer, piece, name);
        const struct tensor *t = weights_find(weights, str_from(name));
        if (!t) return fail("%s: tensor %s: missing", weights_name(weights), name);
        bool turned = part == CLIP_PROJECTION && config->layout != CLIP_LAYOUT_HUGGING_FACE;
        if ((turned ? read_transposed(t, out) : tensor_to_f32(t, out)) < 0) return -1;
        out += t->count;
    }
    return 0;
}
