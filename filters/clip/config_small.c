/* The configuration of winnow's small model (spec: clip.md section 9). Beside what the engine reads, the file says in words how
 * the model computes; these keys are known and not read, since there is one way. */
#include "filters/clip/config_json.h"

#include <math.h>
#include <stdio.h>

#include "pipeline/base/fail.h"

static const char *const root_keys[] = {"model_type", "name", "version", "embedding_size", "logit_scale", "image", "text", "tokenizer",
                                        "files", "kind_classes", NULL};
static const char *const image_keys[] = {"size", "stem", "blocks", "head", "hidden", "classes",
                                         /* words */
                                         "channels", "alpha", "resize", "normalise", "layout", "padding", "activation",
                                         "block_order", "pool", "embed", "multiply_adds", NULL};
static const char *const text_keys[] = {"vocab", "max_tokens", "pad", "unk", "cls", "sep", "layers", "width", "heads", "mlp",
                                        /* words */
                                        "tokenizer", "norm", "activation", "positions", "order", "pool", "truncation", NULL};
static const char *const block_keys[] = {"kernel", "stride", "expand", "in", "out", "residual", NULL};
static const char *const stem_keys[] = {"kernel", "stride", "out", NULL};

static int read_block(const struct config_object *o, struct convnet_block *b)
{
    uint32_t expand;
    if (config_known(o, block_keys, NULL) < 0 || config_count(o, "kernel", NULL, 3, 64, &b->kernel) < 0 ||
        config_count(o, "stride", NULL, 1, 64, &b->stride) < 0 || config_count(o, "expand", NULL, 1, 64, &expand) < 0 ||
        config_count(o, "in", NULL, 1, CONVNET_CHANNELS_MOST, &b->in) < 0 ||
        config_count(o, "out", NULL, 1, CONVNET_CHANNELS_MOST, &b->out) < 0 || config_truth(o, "residual", false, &b->residual) < 0)
        return -1;
    b->expand = expand > 1;
    b->hidden = b->in * expand;
    return 0;
}

static int read_blocks(const struct config_object *image, struct convnet_shape *net)
{
    json_t *list = json_object_get(image->json, "blocks");
    if (!json_is_array(list) || json_array_size(list) < 1 || json_array_size(list) > CONVNET_BLOCKS_MOST)
        return config_fail(image, "blocks", "a list of 1 to 64 blocks is expected");
    net->block_count = (uint32_t)json_array_size(list);
    for (uint32_t i = 0; i < net->block_count; i++) {
        struct config_object block = {image->config, image->file, "image.blocks.", json_array_get(list, i)};
        if (!json_is_object(block.json)) return config_fail(image, "blocks", "a list of objects is expected");
        if (read_block(&block, &net->blocks[i]) < 0) return -1;
    }
    return 0;
}

static int read_head(const struct config_object *image, struct convnet_shape *net)
{
    static const char *const known[] = {"kernel", "out", NULL};
    struct config_object head;
    uint32_t kernel;
    if (config_inner(image, "head", "image.head.", &head) < 0 || config_known(&head, known, NULL) < 0 ||
        config_count(&head, "kernel", NULL, 1, 64, &kernel) < 0 ||
        config_count(&head, "out", "image features", 1280, CONVNET_CHANNELS_MOST, &net->features) < 0)
        return -1;
    return kernel == 1 ? 0 : config_fail(&head, "kernel", "1 is expected");
}

static int read_image(struct clip_config *c, const struct config_object *o)
{
    struct config_object image, stem;
    struct convnet_shape *net = &c->small.net;
    if (config_inner(o, "image", "image.", &image) < 0 || config_known(&image, image_keys, NULL) < 0 ||
        config_count(&image, "size", "image size", 160, CONVNET_SIDE_MOST, &net->side) < 0 ||
        config_inner(&image, "stem", "image.stem.", &stem) < 0 || config_known(&stem, stem_keys, NULL) < 0 ||
        config_count(&stem, "kernel", NULL, 3, 64, &net->stem_kernel) < 0 ||
        config_count(&stem, "stride", NULL, 2, 64, &net->stem_stride) < 0 ||
        config_count(&stem, "out", NULL, 32, CONVNET_CHANNELS_MOST, &net->stem_out) < 0 || read_blocks(&image, net) < 0 ||
        read_head(&image, net) < 0 ||
        config_count(&image, "hidden", "image hidden", 512, CONFIG_MLP_MOST, &c->small.hidden) < 0 ||
        config_count(&image, "classes", "image classes", 1000, CONFIG_MLP_MOST, &c->small.classes) < 0)
        return -1;
    if (convnet_check(net, o->file) < 0) return -1;
    c->image = (struct clip_tower){.width = net->features, .layers = net->block_count, .heads = 1, .activation = CLIP_GELU};
    c->image_size = net->side;
    c->preprocess = (struct preprocess){.mode = PREPROCESS_SQUASH, .filter = PREPROCESS_BICUBIC, .size = net->side, .crop = net->side};
    for (int i = 0; i < 3; i++) {
        c->preprocess.mean[i] = c->preprocess.deviation[i] = 0.5f;
        net->mean[i] = net->deviation[i] = 0.5f;
    }
    return config_note(o, "image", NULL, "preprocessing", "squash, bicubic, bytes to -1 ... 1");
}

static int read_id(const struct config_object *text, const char *key, uint32_t fallback, uint32_t vocabulary, uint32_t *id)
{
    if (config_count(text, key, NULL, fallback, CONFIG_VOCABULARY_MOST, id) < 0) return -1;
    return *id < vocabulary ? 0 : config_fail(text, key, "not in the vocabulary");
}

static int read_text(struct clip_config *c, const struct config_object *o)
{
    struct config_object text;
    struct clip_tower *t = &c->text;
    if (config_inner(o, "text", "text.", &text) < 0 || config_known(&text, text_keys, NULL) < 0 ||
        config_count(&text, "vocab", "vocabulary", 12000, CONFIG_VOCABULARY_MOST, &c->vocabulary) < 0 ||
        config_count(&text, "max_tokens", "context", 64, CONFIG_CONTEXT_MOST, &c->context) < 0 ||
        config_count(&text, "layers", "text layers", 3, CONFIG_LAYERS_MOST, &t->layers) < 0 ||
        config_count(&text, "width", "text width", 384, CONFIG_WIDTH_MOST, &t->width) < 0 ||
        config_count(&text, "heads", "text heads", 12, CONFIG_WIDTH_MOST, &t->heads) < 0 ||
        config_count(&text, "mlp", "text mlp", 1536, CONFIG_MLP_MOST, &t->mlp) < 0)
        return -1;
    if (read_id(&text, "unk", 1, c->vocabulary, &c->small.unknown_id) < 0 || read_id(&text, "cls", 2, c->vocabulary, &c->start_id) < 0 ||
        read_id(&text, "sep", 3, c->vocabulary, &c->end_id) < 0)
        return -1;
    if (t->width % t->heads) return config_fail(&text, "heads", "they do not divide the width");
    if (c->context < 2) return config_fail(&text, "max_tokens", "no room for start and end");
    t->activation = CLIP_GELU;
    t->eps = 1e-12;
    return config_note(&text, "norm", NULL, "text norm", "behind what is added, eps 1e-12");
}

static bool is_plain(const char *name) /* as a part of a column's name */
{
    for (const char *at = name; *at; at++)
        if (!(*at >= 'a' && *at <= 'z') && !(at > name && (ascii_is_digit(*at) || *at == '_'))) return false;
    return true;
}

static int read_kinds(struct clip_config *c, const struct config_object *o)
{
    json_t *list = json_object_get(o->json, "kind_classes");
    if (!list) return 0;
    if (!json_is_array(list) || json_array_size(list) < 2 || json_array_size(list) > CLIP_KINDS_MOST)
        return config_fail(o, "kind_classes", "a list of 2 to 16 names is expected");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (!name || !*name || strlen(name) >= CLIP_KIND_ROOM || !is_plain(name))
            return config_fail(o, "kind_classes", "names of small letters, digits and _ are expected");
        snprintf(c->small.kinds[c->small.kind_count++], CLIP_KIND_ROOM, "%s", name);
    }
    return config_note(o, "kind_classes", NULL, "classes of pictures", "%u", c->small.kind_count);
}

static int read_root(struct clip_config *c, const struct config_object *o)
{
    const char *type = "", *version = "", *name = "";
    double scale;
    if (config_string(o, "model_type", type, &type) < 0) return -1;
    if (strcmp(type, "winnow_clip") != 0) return config_fail(o, "model_type", "winnow_clip is expected beside these tensors");
    if (config_known(o, root_keys, NULL) < 0 || config_string(o, "version", version, &version) < 0 ||
        config_string(o, "name", name, &name) < 0 ||
        config_note(o, "version", NULL, "version", "%.60s", version) < 0 ||
        config_count(o, "embedding_size", "embed", 256, CONFIG_WIDTH_MOST, &c->embed) < 0 ||
        config_number(o, "logit_scale", "logit scale", 20, &scale) < 0)
        return -1;
    c->kind = CLIP_SMALL;
    snprintf(c->small.name, sizeof c->small.name, "%s", name);
    if (!is_plain(name) || strlen(name) >= sizeof c->small.name)
        return config_fail(o, "name", "at most 23 small letters, digits and _ are expected");
    for (const char *at = version; *at; at++)
        if (*at < ' ' || *at > '~') return config_fail(o, "version", "printable characters are expected");
    c->logit_scale = log(scale);
    return read_image(c, o) < 0 || read_text(c, o) < 0 ? -1 : read_kinds(c, o);
}

int clip_config_parse_small(struct clip_config *config, const char *file, struct str text)
{
    json_t *json = config_parse(file, text);
    if (!json) return -1;
    struct config_object o = {config, file, "", json};
    int result = read_root(config, &o);
    json_decref(json);
    return result;
}
