/* OpenCLIP's open_clip_config.json (spec: clip.md sections 2 and 3).
 *
 * Keys that make a model something else are refused with what they mean; any other unknown key is refused by name. */
#include "filters/clip/config_json.h"

#include "pipeline/base/fail.h"

static const char another_text[] = "a text tower that is not CLIP's";
static const char another_image[] = "a picture tower that is not a plain vision transformer";
static const char another_block[] = "a transformer block that is not CLIP's";

struct refused {
    const char *key, *reason;
};

static int refuse(const struct config_object *o, const struct refused *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (config_absent(o, list[i].key, list[i].reason) < 0) return -1;
    return 0;
}

/* A string key that may say its default. */
static int only(const struct config_object *o, const char *key, const char *expected, const char *reason)
{
    const char *said = expected;
    if (config_string(o, key, expected, &said) < 0) return -1;
    return strcmp(said, expected) == 0 ? 0 : config_fail(o, key, reason);
}

static int read_tower(const struct config_object *o, const char *const names[3], uint32_t width, struct clip_tower *t,
                      double *ratio)
{
    static const struct refused blocks[] = {
        {"ls_init_value", another_block}, {"act_kwargs", another_block},       {"norm_kwargs", another_block},
        {"qk_norm", another_block},       {"scaled_cosine_attn", another_block},
        {"scale_heads", another_block},   {"scale_attn_inner", another_block}, {"scale_attn", another_block},
        {"scale_fc", another_block},      {"final_ln_after_pool", another_block}};
    t->eps = 1e-5;
    if (json_is_array(json_object_get(o->json, "layers")))
        return config_fail(o, "layers", "a ResNet tower, which is not served");
    if (refuse(o, blocks, sizeof blocks / sizeof *blocks) < 0 || only(o, "block_type", "default", another_block) < 0 ||
        config_count(o, "width", names[0], width, CONFIG_WIDTH_MOST, &t->width) < 0 ||
        config_count(o, "layers", names[1], 12, CONFIG_LAYERS_MOST, &t->layers) < 0 ||
        config_number(o, "mlp_ratio", NULL, 4.0, ratio) < 0)
        return -1;
    double mlp = (double)t->width * *ratio; /* truncated, as Python's int() does */
    if (mlp < 1 || mlp > CONFIG_MLP_MOST) return config_fail(o, "mlp_ratio", "a hidden layer that wide is not served");
    t->mlp = (uint32_t)mlp;
    return config_note(o, "mlp_ratio", NULL, names[2], "%u", t->mlp);
}

static int read_image(struct clip_config *c, const struct config_object *o)
{
    static const char *const names[3] = {"image width", "image layers", "image mlp"};
    static const char *const known[] = {
        "block_type", "layers", "width", "head_width", "mlp_ratio", "patch_size", "image_size", "pool_type", "pos_embed_type",
        "patch_dropout", "input_patchnorm", "global_average_pool", "attn_pooler_queries", "attn_pooler_heads", "output_tokens",
        "timm_model_pretrained", "timm_pool", "timm_proj", "timm_drop", "timm_drop_path", NULL};
    static const struct refused towers[] = {
        {"timm_model_name", another_image}, {"attentional_pool", "attentional pooling"}, {"no_ln_pre", another_image},
        {"input_patchnorm", another_image}, {"global_average_pool", "average pooling"}};
    double ratio;
    uint32_t head_width;
    if (refuse(o, towers, sizeof towers / sizeof *towers) < 0 || read_tower(o, names, 768, &c->image, &ratio) < 0 ||
        config_known(o, known, NULL) < 0 || only(o, "pool_type", "tok", "only the class token's row is served") < 0 ||
        only(o, "pos_embed_type", "learnable", "only learnt positions are served") < 0 ||
        config_count(o, "head_width", NULL, 64, CONFIG_WIDTH_MOST, &head_width) < 0 ||
        config_side(o, "image_size", "image size", 224, CONFIG_SIDE_MOST, &c->image_size) < 0 ||
        config_side(o, "patch_size", "patch", 16, CONFIG_SIDE_MOST, &c->patch) < 0)
        return -1;
    c->image.heads = c->image.width / head_width;
    return config_note(o, "head_width", NULL, "image heads", "%u", c->image.heads);
}

static int read_end(struct clip_config *c, const struct config_object *o)
{
    const char *pool = "argmax";
    uint32_t end;
    if (config_string(o, "pool_type", pool, &pool) < 0 ||
        config_count(o, "eos_id", NULL, 2, CONFIG_VOCABULARY_MOST, &end) < 0)
        return -1;
    c->start_id = 49406;
    c->end_id = 49407;
    if (strcmp(pool, "argmax") == 0) {
        c->end_rule = CLIP_END_LARGEST_ID;
        return config_note(o, "pool_type", NULL, "end of text", "the largest id");
    }
    if (strcmp(pool, "eos") != 0 || end != c->end_id)
        return config_fail(o, "pool_type", "argmax, or eos with eos_id 49407 (2 where it is left out), is expected");
    c->end_rule = CLIP_END_FIRST;
    return config_note(o, "pool_type", NULL, "end of text", "the first %u", end);
}

static int read_text(struct clip_config *c, const struct config_object *o)
{
    static const char *const names[3] = {"text width", "text layers", "text mlp"};
    static const char *const known[] = {
        "block_type", "context_length", "vocab_size", "width", "heads", "layers", "mlp_ratio", "pool_type", "proj_type", "pad_id", "eos_id",
        "text_arch", "output_tokens", "hf_model_pretrained", "hf_proj_type", "hf_pooler_type", NULL};
    static const struct refused towers[] = {
        {"hf_model_name", another_text}, {"hf_tokenizer_name", "a vocabulary that is not CLIP's"},
        {"tokenizer_mode", "a tokenizer that is not CLIP's"}, {"tokenizer_kwargs", "a tokenizer that is not CLIP's"},
        {"no_causal_mask", "a text tower without the causal mask"}, {"embed_cls", "a class token of CoCa's"},
        {"proj_bias", "a projection with a bias"}};
    double ratio;
    if (refuse(o, towers, sizeof towers / sizeof *towers) < 0 || read_tower(o, names, 512, &c->text, &ratio) < 0 ||
        config_known(o, known, NULL) < 0 || only(o, "text_arch", "clip", another_text) < 0 ||
        only(o, "proj_type", "linear", "only a linear projection is served") < 0 ||
        config_count(o, "heads", "text heads", 8, CONFIG_WIDTH_MOST, &c->text.heads) < 0 ||
        config_count(o, "context_length", "context", 77, CONFIG_CONTEXT_MOST, &c->context) < 0 ||
        config_count(o, "vocab_size", "vocabulary", 49408, CONFIG_VOCABULARY_MOST, &c->vocabulary) < 0)
        return -1;
    return read_end(c, o);
}

static int read_activation(struct clip_config *c, const struct config_object *o)
{
    bool quick;
    if (config_truth(o, "quick_gelu", false, &quick) < 0) return -1;
    c->image.activation = c->text.activation = quick ? CLIP_QUICKGELU : CLIP_GELU;
    return config_note(o, "quick_gelu", NULL, "activation", "%s", clip_activation_name(c->image.activation));
}

static int read_model(struct clip_config *c, const struct config_object *o)
{
    static const char *const known[] = {"embed_dim", "vision_cfg", "text_cfg", "quick_gelu", "custom_text", "cast_dtype",
                                        "init_logit_scale", "nonscalar_logit_scale", "output_dict", NULL};
    static const struct refused models[] = {{"multimodal_cfg", "a CoCa model"}, {"init_logit_bias", "a SigLIP model"},
                                            {"audio_cfg", "not a model of pictures"}};
    struct config_object image, text;
    if (!o->json) return fail("%s: no model_cfg", o->file);
    if (refuse(o, models, sizeof models / sizeof *models) < 0 || config_known(o, known, NULL) < 0) return -1;
    if (!json_object_get(o->json, "embed_dim")) return fail("%s: no model_cfg.embed_dim", o->file);
    if (config_inner(o, "vision_cfg", "model_cfg.vision_cfg.", &image) < 0 || read_image(c, &image) < 0 ||
        config_inner(o, "text_cfg", "model_cfg.text_cfg.", &text) < 0 || read_text(c, &text) < 0 ||
        config_count(o, "embed_dim", "embedding", 512, CONFIG_WIDTH_MOST, &c->embed) < 0)
        return -1;
    return read_activation(c, o);
}

static int read_mode(const struct config_object *o, struct preprocess *p)
{
    static const char *const modes[] = {"shortest", "squash", "longest"}, *const filters[] = {"bicubic", "bilinear", "random"};
    const char *mode = modes[0], *filter = filters[0];
    int m = -1, f = -1;
    if (config_string(o, "resize_mode", mode, &mode) < 0 || config_string(o, "interpolation", filter, &filter) < 0) return -1;
    for (int i = 0; i < 3; i++)
        if (strcmp(mode, modes[i]) == 0) m = i;
    for (int i = 0; i < 3; i++)
        if (strcmp(filter, filters[i]) == 0) f = i % 2; /* what is random in training is bicubic afterwards */
    if (m < 0) return config_fail(o, "resize_mode", "shortest, squash or longest is expected");
    if (f < 0) return config_fail(o, "interpolation", "bicubic or bilinear is expected");
    p->mode = (enum preprocess_mode)m;
    p->filter = (enum preprocess_filter)f;
    return config_note(o, "resize_mode", NULL, "resize mode", "%s", mode) < 0
               ? -1
               : config_note(o, "interpolation", NULL, "interpolation", "%s", filters[f]);
}

static int read_preprocessing(struct clip_config *c, const struct config_object *o)
{
    static const char *const known[] = {"mean", "std", "interpolation", "resize_mode", "size", "mode", "fill_color", NULL};
    struct preprocess *p = &c->preprocess;
    uint32_t size;
    p->crop_rule = PREPROCESS_CROP_EVEN;
    p->size = p->crop = c->image_size;
    if (config_known(o, known, NULL) < 0 || only(o, "mode", "RGB", "RGB is expected") < 0 ||
        config_side(o, "size", "resize", c->image_size, CONFIG_SIDE_MOST, &size) < 0)
        return -1;
    if (size != c->image_size) return config_fail(o, "size", "the model's image_size is another");
    if (read_mode(o, p) < 0 || config_triple(o, "mean", "mean", config_mean, p->mean) < 0) return -1;
    json_t *fill = json_object_get(o->json, "fill_color");
    if (p->mode == PREPROCESS_LONGEST && fill && !json_is_null(fill) && json_number_value(fill) != 0.0)
        return config_fail(o, "fill_color", "0 is expected");
    return config_triple(o, "std", "deviation", config_deviation, p->deviation);
}

int clip_config_parse_openclip(struct clip_config *config, const char *file, struct str text)
{
    static const char *const known[] = {"model_cfg", "preprocess_cfg", NULL};
    json_t *json = config_parse(file, text);
    if (!json) return -1;
    struct config_object o = {config, file, "", json}, model, preprocess;
    config->kind = CLIP_OPENCLIP;
    int result = config_known(&o, known, NULL);
    if (result == 0) result = config_inner(&o, "model_cfg", "model_cfg.", &model);
    if (result == 0) result = read_model(config, &model);
    if (result == 0) result = config_finish(config, file);
    if (result == 0) result = config_inner(&o, "preprocess_cfg", "preprocess_cfg.", &preprocess);
    if (result == 0) result = read_preprocessing(config, &preprocess);
    json_decref(json);
    return result;
}
