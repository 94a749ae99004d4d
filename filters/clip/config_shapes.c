/* A model that is one file: all is read off its tensors' shapes, save what shapes do not say (spec: clip.md section 2).
 *
 * OpenAI's archives, told by their three scalars, all have QuickGELU. Of OpenCLIP's first published files the name says it. */
#include "filters/clip/config_json.h"

#include <stdio.h>

#include "pipeline/base/fail.h"

enum { HEAD_WIDTH = 64 };

static const struct tensor *find(const struct weights *w, const char *name, unsigned rank)
{
    const struct tensor *t = weights_find(w, str_from(name));
    if (!t) return fail("%s: tensor %s is missing", weights_name(w), name), NULL;
    char shape[TENSOR_SHAPE_TEXT];
    if (t->rank != rank)
        return fail("%s: tensor %s: shape %s; %u dimensions expected", weights_name(w), name, tensor_shape_text(t, shape),
                    rank), NULL;
    for (unsigned i = 0; i < rank; i++)
        if (t->shape[i] == 0 || t->shape[i] > CONFIG_VOCABULARY_MOST)
            return fail("%s: tensor %s: shape %s", weights_name(w), name, tensor_shape_text(t, shape)), NULL;
    return t;
}

static uint32_t count_layers(const struct weights *w, const char *prefix)
{
    char name[160];
    for (uint32_t i = 0; i < CONFIG_LAYERS_MOST; i++) {
        snprintf(name, sizeof name, "%stransformer.resblocks.%u.ln_1.weight", prefix, i);
        if (!weights_find(w, str_from(name))) return i;
    }
    return CONFIG_LAYERS_MOST;
}

static int read_tower(const struct weights *w, const char *prefix, uint64_t width, struct clip_tower *t)
{
    char name[160];
    snprintf(name, sizeof name, "%stransformer.resblocks.0.mlp.c_fc.weight", prefix);
    const struct tensor *hidden = find(w, name, 2);
    if (!hidden) return -1;
    if (width > CONFIG_WIDTH_MOST || width % HEAD_WIDTH)
        return fail("%s: a tower of width %u has no heads of %d", weights_name(w), (unsigned)width, HEAD_WIDTH);
    *t = (struct clip_tower){.width = (uint32_t)width, .layers = count_layers(w, prefix), .heads = (uint32_t)width / HEAD_WIDTH,
                             .mlp = (uint32_t)hidden->shape[0], .eps = 1e-5};
    return 0;
}

static uint32_t square_root(uint64_t n)
{
    uint32_t root = 0;
    while ((uint64_t)(root + 1) * (root + 1) <= n) root++;
    return root;
}

static int read_image(struct clip_config *c, const struct weights *w)
{
    if (weights_find(w, STR("visual.layer1.0.conv1.weight")) || weights_find(w, STR("visual.attnpool.positional_embedding")))
        return fail("%s: tensor visual.layer1.0.conv1.weight: a ResNet tower, which is not served", weights_name(w));
    const struct tensor *patches = find(w, "visual.conv1.weight", 4);
    const struct tensor *positions = patches ? find(w, "visual.positional_embedding", 2) : NULL;
    if (!positions || read_tower(w, "visual.", patches->shape[0], &c->image) < 0) return -1;
    uint32_t grid = square_root(positions->shape[0] - 1);
    if (patches->shape[2] > CONFIG_SIDE_MOST || grid == 0 || grid > CONFIG_SIDE_MOST / (uint32_t)patches->shape[2] ||
        (uint64_t)grid * grid != positions->shape[0] - 1)
        return fail("%s: tensor visual.positional_embedding: %u positions are no square of patches and one more",
                    weights_name(w), (unsigned)positions->shape[0]);
    c->patch = (uint32_t)patches->shape[2];
    c->image_size = grid * c->patch;
    return 0;
}

static int read_text(struct clip_config *c, const struct weights *w, const char *prefix)
{
    char name[160];
    snprintf(name, sizeof name, "%stoken_embedding.weight", prefix);
    const struct tensor *tokens = find(w, name, 2);
    snprintf(name, sizeof name, "%spositional_embedding", prefix);
    const struct tensor *positions = tokens ? find(w, name, 2) : NULL;
    snprintf(name, sizeof name, "%stext_projection", prefix);
    const struct tensor *projection = positions ? find(w, name, 2) : NULL;
    if (!projection || read_tower(w, prefix, tokens->shape[1], &c->text) < 0) return -1;
    if (positions->shape[0] > CONFIG_CONTEXT_MOST || projection->shape[1] > CONFIG_WIDTH_MOST)
        return fail("%s: %u positions of text, embeddings of %u", weights_name(w), (unsigned)positions->shape[0],
                    (unsigned)projection->shape[1]);
    c->vocabulary = (uint32_t)tokens->shape[0];
    c->context = (uint32_t)positions->shape[0];
    c->embed = (uint32_t)projection->shape[1];
    c->start_id = 49406;
    c->end_id = 49407;
    c->end_rule = CLIP_END_LARGEST_ID;
    return 0;
}

static int read_activation(struct clip_config *c, const struct weights *w, const struct config_object *o)
{
    const char *name = strrchr(weights_name(w), '/');
    name = name ? name + 1 : weights_name(w);
    bool openai = weights_find(w, STR("input_resolution")) && weights_find(w, STR("context_length")) &&
                  weights_find(w, STR("vocab_size"));
    bool known = strncmp(name, "vit_", 4) == 0 && (strstr(name, "-laion400m_") || strstr(name, "-laion2b_"));
    if (!openai && !known)
        return fail("%s: no open_clip_config.json beside it, which says the activation: only OpenAI's archives and OpenCLIP's "
                    "first published files (vit_b_32-quickgelu-laion400m_e32-….pt) are read without", weights_name(w));
    c->kind = openai ? CLIP_OPENAI : CLIP_OPENCLIP;
    c->image.activation = c->text.activation = openai || strstr(name, "quickgelu") ? CLIP_QUICKGELU : CLIP_GELU;
    return config_note(o, "", openai ? "OpenAI's archives" : "the file's name", "activation", "%s",
                       clip_activation_name(c->image.activation));
}

static int note_tower(const struct config_object *o, const struct clip_tower *t, const char *side)
{
    return config_note(o, "", "shapes of the tensors", side, "%u wide, %u layers, %u heads, mlp %u", t->width, t->layers,
                       t->heads, t->mlp);
}

static int note_shapes(const struct clip_config *c, const struct config_object *o)
{
    static const char source[] = "shapes of the tensors";
    return note_tower(o, &c->image, "image tower") < 0 || note_tower(o, &c->text, "text tower") < 0 ||
                   config_note(o, "", source, "image size", "%u", c->image_size) < 0 ||
                   config_note(o, "", source, "patch", "%u", c->patch) < 0 ||
                   config_note(o, "", source, "context", "%u", c->context) < 0 ||
                   config_note(o, "", source, "vocabulary", "%u", c->vocabulary) < 0 ||
                   config_note(o, "", source, "embedding", "%u", c->embed) < 0 ||
                   config_note(o, "", "OpenAI's code", "end of text", "the largest id") < 0 ||
                   config_note(o, "", "OpenAI's code", "preprocessing", "shortest, bicubic, CLIP's mean and deviation") < 0
               ? -1
               : 0;
}

int config_from_shapes(struct clip_config *c, const struct weights *w)
{
    struct config_object o = {c, weights_name(w), "", NULL};
    const char *prefix = c->layout == CLIP_LAYOUT_OPENCLIP_CUSTOM ? "text." : "";
    if (read_image(c, w) < 0 || read_text(c, w, prefix) < 0 || read_activation(c, w, &o) < 0) return -1;
    c->preprocess = (struct preprocess){.mode = PREPROCESS_SHORTEST, .filter = PREPROCESS_BICUBIC,
                                        .crop_rule = PREPROCESS_CROP_EVEN, .size = c->image_size, .crop = c->image_size};
    memcpy(c->preprocess.mean, config_mean, sizeof config_mean);
    memcpy(c->preprocess.deviation, config_deviation, sizeof config_deviation);
    return config_finish(c, weights_name(w)) < 0 ? -1 : note_shapes(c, &o);
}
