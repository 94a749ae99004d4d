/* Hugging Face's config.json and preprocessor_config.json (spec: clip.md sections 2, 3 and 11).
 *
 * Missing keys take transformers' defaults. An older file's text_config_dict stands, filled up with the defaults, for all of
 * text_config; the width of the projection is the top-level one. */
#include "filters/clip/config_json.h"

#include <math.h>

#include "pipeline/base/fail.h"

/* What every configuration of transformers may carry and no embedding depends on: book-keeping, training, generation. */
static const char *const bookkeeping[] = {
    "_attn_implementation_autoset", "_commit_hash", "_name_or_path", "architectures", "attention_dropout", "bad_words_ids",
    "begin_suppress_tokens", "bos_token_id", "chunk_size_feed_forward", "decoder_start_token_id", "diversity_penalty",
    "do_sample", "dropout", "dtype", "early_stopping", "encoder_no_repeat_ngram_size", "exponential_decay_length_penalty",
    "finetuning_task", "forced_bos_token_id", "forced_eos_token_id", "gradient_checkpointing", "id2label",
    "initializer_factor", "initializer_range", "label2id", "length_penalty", "logit_scale_init_value", "max_length",
    "min_length", "no_repeat_ngram_size", "num_beam_groups", "num_beams", "num_return_sequences", "output_attentions",
    "output_hidden_states", "output_scores", "pad_token_id", "prefix", "problem_type", "remove_invalid_values",
    "repetition_penalty", "return_dict", "return_dict_in_generate", "sep_token_id", "suppress_tokens", "task_specific_params",
    "temperature", "tf_legacy_loss", "tie_encoder_decoder", "tie_word_embeddings", "tokenizer_class", "top_k", "top_p",
    "torch_dtype", "torchscript", "transformers.js_config", "transformers_version", "typical_p", "use_bfloat16", "use_cache",
    NULL};

static const char *const tower_keys[] = {
    "model_type", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "hidden_act",
    "layer_norm_eps", "projection_dim", "max_position_embeddings", "vocab_size", "eos_token_id", "image_size", "patch_size",
    "num_channels", NULL};

struct tower_defaults {
    const char *side, *model_type;
    uint32_t width, mlp, heads;
};
static const struct tower_defaults text_defaults = {"text", "clip_text_model", 512, 2048, 8};
static const struct tower_defaults image_defaults = {"image", "clip_vision_model", 768, 3072, 12};

static int read_activation(const struct config_object *o, const char *name, enum clip_activation *out)
{
    const char *spelled = "quick_gelu";
    if (config_string(o, "hidden_act", spelled, &spelled) < 0) return -1;
    if (strcmp(spelled, "quick_gelu") == 0) *out = CLIP_QUICKGELU;
    else if (strcmp(spelled, "gelu") == 0) *out = CLIP_GELU;
    else return config_fail(o, "hidden_act", "quick_gelu or gelu is expected");
    return config_note(o, "hidden_act", NULL, name, "%s", clip_activation_name(*out));
}

static int read_tower(const struct config_object *o, const struct tower_defaults *d, struct clip_tower *t)
{
    bool text = d == &text_defaults;
    const char *type = d->model_type;
    if (config_known(o, tower_keys, bookkeeping) < 0 || config_string(o, "model_type", type, &type) < 0) return -1;
    if (strcmp(type, d->model_type) != 0 && strcmp(type, "clip") != 0)
        return config_fail(o, "model_type", "a tower of another model");
    if (config_count(o, "hidden_size", text ? "text width" : "image width", d->width, CONFIG_WIDTH_MOST, &t->width) < 0 ||
        config_count(o, "num_hidden_layers", text ? "text layers" : "image layers", 12, CONFIG_LAYERS_MOST, &t->layers) < 0 ||
        config_count(o, "num_attention_heads", text ? "text heads" : "image heads", d->heads, CONFIG_WIDTH_MOST,
                     &t->heads) < 0 ||
        config_count(o, "intermediate_size", text ? "text mlp" : "image mlp", d->mlp, CONFIG_MLP_MOST, &t->mlp) < 0 ||
        config_number(o, "layer_norm_eps", text ? "text eps" : "image eps", 1e-5, &t->eps) < 0)
        return -1;
    return read_activation(o, text ? "text activation" : "image activation", &t->activation);
}

static int read_text(struct clip_config *c, const struct config_object *o)
{
    uint32_t end;
    if (read_tower(o, &text_defaults, &c->text) < 0 ||
        config_count(o, "max_position_embeddings", "context", 77, CONFIG_CONTEXT_MOST, &c->context) < 0 ||
        config_count(o, "vocab_size", "vocabulary", 49408, CONFIG_VOCABULARY_MOST, &c->vocabulary) < 0 ||
        config_count(o, "eos_token_id", NULL, 49407, CONFIG_VOCABULARY_MOST, &end) < 0)
        return -1;
    /* 2 is what files said before the key was read at all: the largest id was, and is, taken instead. */
    c->end_rule = end == 2 ? CLIP_END_LARGEST_ID : CLIP_END_FIRST;
    c->end_id = end == 2 ? 49407 : end;
    return end == 2 ? config_note(o, "eos_token_id", NULL, "end of text", "the largest id")
                    : config_note(o, "eos_token_id", NULL, "end of text", "the first %u", end);
}

static int read_image(struct clip_config *c, const struct config_object *o)
{
    uint32_t channels;
    if (read_tower(o, &image_defaults, &c->image) < 0 ||
        config_side(o, "image_size", "image size", 224, CONFIG_SIDE_MOST, &c->image_size) < 0 ||
        config_side(o, "patch_size", "patch", 32, CONFIG_SIDE_MOST, &c->patch) < 0 ||
        config_count(o, "num_channels", NULL, 3, 64, &channels) < 0)
        return -1;
    return channels == 3 ? 0 : config_fail(o, "num_channels", "3 is expected");
}

/* The object that counts for a tower: NAME_config_dict where there is one, even an empty one. */
static int inner_tower(const struct config_object *o, const char *name, const char *path, const char *older,
                       const char *older_path, struct config_object *tower)
{
    struct config_object dict;
    if (config_inner(o, name, path, tower) < 0 || config_inner(o, older, older_path, &dict) < 0) return -1;
    if (!dict.json) return 0;
    if (config_known(tower, tower_keys, bookkeeping) < 0) return -1;
    *tower = dict;
    return 0;
}

static int read_model(struct clip_config *c, const struct config_object *o)
{
    static const char *const known[] = {"model_type", "projection_dim", "text_config", "vision_config", "text_config_dict",
                                        "vision_config_dict", NULL};
    struct config_object text, image;
    const char *type = "";
    if (config_string(o, "model_type", "", &type) < 0) return -1;
    if (strcmp(type, "clip") != 0)
        return *type ? config_fail(o, "model_type", "only clip is served")
                     : fail("%s: no model_type: only clip is served", o->file);
    if (config_known(o, known, bookkeeping) < 0 ||
        inner_tower(o, "vision_config", "vision_config.", "vision_config_dict", "vision_config_dict.", &image) < 0 ||
        inner_tower(o, "text_config", "text_config.", "text_config_dict", "text_config_dict.", &text) < 0)
        return -1;
    c->start_id = 49406;
    return read_image(c, &image) < 0 || read_text(c, &text) < 0 ||
                   config_count(o, "projection_dim", "embedding", 512, CONFIG_WIDTH_MOST, &c->embed) < 0
               ? -1
               : config_finish(c, o->file);
}

int clip_config_parse_hugging_face(struct clip_config *config, const char *file, struct str text)
{
    json_t *json = config_parse(file, text);
    if (!json) return -1;
    struct config_object o = {config, file, "", json};
    config->kind = CLIP_HUGGING_FACE;
    int result = read_model(config, &o);
    json_decref(json);
    return result;
}

/* ---- preprocessing ---- */

/* `size`: {"shortest_edge": n} or n keeps the ratio, {"height": n, "width": n} does not. */
static int read_size(const struct config_object *o, struct preprocess *p)
{
    static const char *const known[] = {"shortest_edge", "height", "width", NULL};
    struct config_object size;
    uint32_t width;
    p->mode = PREPROCESS_SHORTEST;
    if (!json_is_object(json_object_get(o->json, "size")))
        return config_count(o, "size", "resize", 224, CONFIG_SIDE_MOST, &p->size);
    if (config_inner(o, "size", "size.", &size) < 0 || config_known(&size, known, NULL) < 0) return -1;
    if (json_object_get(size.json, "shortest_edge"))
        return config_count(&size, "shortest_edge", "resize", 224, CONFIG_SIDE_MOST, &p->size);
    p->mode = PREPROCESS_SQUASH;
    if (config_note(o, "size", NULL, "resize mode", "squash") < 0) return -1;
    if (config_count(&size, "height", "resize", 224, CONFIG_SIDE_MOST, &p->size) < 0 ||
        config_count(&size, "width", NULL, 224, CONFIG_SIDE_MOST, &width) < 0)
        return -1;
    return width == p->size ? 0 : config_fail(o, "size", "only squares are served");
}

static int read_crop(const struct config_object *o, struct preprocess *p)
{
    static const char *const known[] = {"height", "width", NULL};
    struct config_object crop;
    uint32_t width;
    bool cropped;
    p->crop_rule = PREPROCESS_CROP_DOWN;
    if (config_truth(o, "do_center_crop", true, &cropped) < 0) return -1;
    if (!cropped && p->mode == PREPROCESS_SHORTEST)
        return config_fail(o, "do_center_crop", "without a crop pictures are no squares");
    if (!cropped) {
        p->crop = p->size;
        return config_note(o, "do_center_crop", NULL, "crop", "no");
    }
    if (!json_is_object(json_object_get(o->json, "crop_size")))
        return config_count(o, "crop_size", "crop", 224, CONFIG_SIDE_MOST, &p->crop);
    if (config_inner(o, "crop_size", "crop_size.", &crop) < 0 || config_known(&crop, known, NULL) < 0 ||
        config_count(&crop, "height", "crop", 224, CONFIG_SIDE_MOST, &p->crop) < 0 ||
        config_count(&crop, "width", NULL, 224, CONFIG_SIDE_MOST, &width) < 0)
        return -1;
    return width == p->crop ? 0 : config_fail(o, "crop_size", "only squares are served");
}

static int read_resample(const struct config_object *o, struct preprocess *p)
{
    uint32_t resample = 3; /* Pillow's numbers */
    if (config_count(o, "resample", NULL, 3, 16, &resample) < 0) return -1;
    if (resample != 2 && resample != 3) return config_fail(o, "resample", "2 (bilinear) or 3 (bicubic) is expected");
    p->filter = resample == 3 ? PREPROCESS_BICUBIC : PREPROCESS_BILINEAR;
    return config_note(o, "resample", NULL, "interpolation", "%s", resample == 3 ? "bicubic" : "bilinear");
}

/* Steps that a processor may leave out and that the engine always takes. */
static int check_steps(const struct config_object *o)
{
    static const char *const steps[] = {"do_resize", "do_rescale", "do_normalize"};
    double factor;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        bool done;
        if (config_truth(o, steps[i], true, &done) < 0) return -1;
        if (!done) return config_fail(o, steps[i], "true is expected");
    }
    if (config_number(o, "rescale_factor", NULL, 1.0 / 255, &factor) < 0) return -1;
    return fabs(factor * 255 - 1) < 1e-9 ? 0 : config_fail(o, "rescale_factor", "1/255 is expected");
}

static int check_processor(const struct config_object *o)
{
    static const char *const keys[] = {"image_processor_type", "feature_extractor_type"};
    for (size_t i = 0; i < 2; i++) {
        const char *type = "CLIP";
        if (config_string(o, keys[i], type, &type) < 0) return -1;
        if (strncmp(type, "CLIP", 4) != 0) return config_fail(o, keys[i], "CLIP's is expected");
    }
    return 0;
}

static int read_processor(struct clip_config *c, const struct config_object *o)
{
    static const char *const known[] = {
        "crop_size", "do_center_crop", "do_convert_rgb", "do_normalize", "do_rescale", "do_resize", "feature_extractor_type",
        "image_mean", "image_processor_type", "image_std", "resample", "rescale_factor", "size",
        /* said without effect on the pixels */
        "_valid_processor_keys", "data_format", "default_to_square", "device", "disable_grouping", "input_data_format",
        "processor_class", "return_tensors", NULL};
    struct preprocess *p = &c->preprocess;
    if (config_known(o, known, NULL) < 0 || check_processor(o) < 0 || check_steps(o) < 0 || read_size(o, p) < 0 ||
        read_crop(o, p) < 0 || read_resample(o, p) < 0 || config_triple(o, "image_mean", "mean", config_mean, p->mean) < 0 ||
        config_triple(o, "image_std", "deviation", config_deviation, p->deviation) < 0)
        return -1;
    return p->crop <= p->size ? 0 : config_fail(o, "crop_size", "larger than the resized picture");
}

int clip_config_parse_preprocessor(struct clip_config *config, const char *file, struct str text)
{
    json_t *json = config_parse(file, text);
    if (!json) return -1;
    struct config_object o = {config, file, "", json}, inner;
    int result = config_inner(&o, "image_processor", "image_processor.", &inner);
    if (result == 0) result = read_processor(config, inner.json ? &inner : &o);
    json_decref(json);
    return result;
}
