/* Configurations: what they say and what is refused; then pixels and ids of whole folders. */
#include "filters/clip/config.h"
#include "filters/clip/tokenizer.h"
#include "pipeline/base/fail.h"
#include "tests/unit/clip_files.h"
#include "tests/unit/tarball.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

static void assert_says(const char *words)
{
    if (!strstr(fail_message(), words)) fail_msg("\"%s\" is not in: %s", words, fail_message());
}

/* ---- parsing ---- */

typedef int parse(struct clip_config *config, const char *file, struct str json);

static int parsed(parse *parser, struct clip_config *c, const char *json)
{
    *c = (struct clip_config){0};
    buf_init(&c->notes, MADE_MOST);
    return parser(c, "c.json", str_from(json));
}

struct refusal {
    const char *json, *words;
};

static void assert_all_refused(parse *parser, const struct refusal *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct clip_config c;
        if (parsed(parser, &c, list[i].json) == 0) fail_msg("not refused: %s", list[i].json);
        assert_says("c.json");
        assert_says(list[i].words);
        clip_config_free(&c);
    }
}

static void test_missing_keys_take_hugging_faces_defaults(void **state)
{
    (void)state;
    struct clip_config c;
    assert_int_equal(parsed(clip_config_parse_hugging_face, &c, "{\"model_type\":\"clip\"}"), 0);
    assert_int_equal(c.image.width, 768);
    assert_int_equal(c.image.layers, 12);
    assert_int_equal(c.image.heads, 12);
    assert_int_equal(c.image.mlp, 3072);
    assert_int_equal(c.image_size, 224);
    assert_int_equal(c.patch, 32);
    assert_int_equal(c.grid, 7);
    assert_int_equal(c.text.width, 512);
    assert_int_equal(c.text.heads, 8);
    assert_int_equal(c.text.mlp, 2048);
    assert_int_equal(c.context, 77);
    assert_int_equal(c.vocabulary, 49408);
    assert_int_equal(c.embed, 512);
    assert_int_equal(c.image.activation, CLIP_QUICKGELU);
    assert_int_equal(c.end_rule, CLIP_END_FIRST);
    assert_int_equal(c.end_id, 49407);
    assert_true(c.text.eps == 1e-5);
    assert_non_null(strstr(buf_c_string(&c.notes), "image activation\tquickgelu\tdefault\n"));
    clip_config_free(&c);
}

/* As in openai/clip-vit-large-patch14: what generation and book-keeping left behind says nothing about embeddings. */
static void test_old_configurations_with_everything_in_them_are_read(void **state)
{
    (void)state;
    struct clip_config c;
    assert_int_equal(parsed(clip_config_parse_hugging_face, &c,
        "{\"_name_or_path\":\"clip-vit-large-patch14/\",\"architectures\":[\"CLIPModel\"],\"initializer_factor\":1.0,"
        "\"logit_scale_init_value\":2.6592,\"model_type\":\"clip\",\"projection_dim\":768,\"torch_dtype\":\"float32\","
        "\"text_config\":{\"_name_or_path\":\"\",\"add_cross_attention\":false,\"architectures\":null,"
        "\"attention_dropout\":0.0,"
        "\"bad_words_ids\":null,\"bos_token_id\":0,\"chunk_size_feed_forward\":0,\"diversity_penalty\":0.0,\"dropout\":0.0,"
        "\"eos_token_id\":2,\"hidden_act\":\"quick_gelu\",\"hidden_size\":768,\"id2label\":{\"0\":\"LABEL_0\"},"
        "\"intermediate_size\":3072,\"is_decoder\":false,\"label2id\":{\"LABEL_0\":0},\"layer_norm_eps\":1e-05,"
        "\"max_length\":20,\"max_position_embeddings\":77,\"model_type\":\"clip_text_model\",\"num_attention_heads\":12,"
        "\"num_beams\":1,\"num_hidden_layers\":12,\"pad_token_id\":1,\"projection_dim\":768,\"pruned_heads\":{},"
        "\"return_dict\":true,\"temperature\":1.0,\"top_k\":50,\"typical_p\":1.0,\"vocab_size\":49408},"
        "\"text_config_dict\":{\"hidden_size\":768,\"intermediate_size\":3072,\"num_attention_heads\":12,"
        "\"num_hidden_layers\":12,\"projection_dim\":768,\"eos_token_id\":2},"
        "\"vision_config\":{\"hidden_size\":1024,\"intermediate_size\":4096,\"num_attention_heads\":16,"
        "\"num_hidden_layers\":24,\"patch_size\":14,\"image_size\":224,\"dropout\":0.0},\"vision_config_dict\":null}"), 0);
    assert_int_equal(c.image.width, 1024);
    assert_int_equal(c.text.width, 768);
    assert_int_equal(c.end_rule, CLIP_END_LARGEST_ID);
    clip_config_free(&c);
}

/* An older file's dictionary stands for all of the tower's keys, those it does not name too; the projection's width is the
 * top-level one. */
static void test_config_dicts_overrule_with_their_defaults(void **state)
{
    (void)state;
    struct clip_config c;
    assert_int_equal(parsed(clip_config_parse_hugging_face, &c,
        "{\"model_type\":\"clip\",\"projection_dim\":64,\"vision_config\":{\"hidden_act\":\"gelu\",\"num_hidden_layers\":7,"
        "\"layer_norm_eps\":0.1,\"projection_dim\":999},\"vision_config_dict\":{\"hidden_size\":1024,"
        "\"num_attention_heads\":16}}"), 0);
    assert_int_equal(c.image.width, 1024);
    assert_int_equal(c.image.layers, 12);
    assert_int_equal(c.image.activation, CLIP_QUICKGELU);
    assert_true(c.image.eps == 1e-5);
    assert_int_equal(c.embed, 64);
    clip_config_free(&c);
}

static void test_what_hugging_face_calls_another_model_is_refused(void **state)
{
    (void)state;
    static const struct refusal list[] = {
        {"{}", "model_type"}, {"[]", "not a JSON object"}, {"{\"a\":1,\"a\":2}", "duplicate"}, {"{", "line 1"},
        {"{\"model_type\":\"siglip\"}", "siglip"}, {"{\"model_type\":7}", "model_type"},
        {"{\"model_type\":\"clip\",\"vision_config\":[]}", "vision_config"},
        {"{\"model_type\":\"clip\",\"vision_config\":{\"hidden_act\":\"relu\"}}", "vision_config.hidden_act"},
        {"{\"model_type\":\"clip\",\"vision_config\":{\"hidden_size\":0}}", "vision_config.hidden_size"},
        {"{\"model_type\":\"clip\",\"vision_config\":{\"hidden_size\":1e3}}", "vision_config.hidden_size"},
        {"{\"model_type\":\"clip\",\"vision_config\":{\"hidden_size\":99999999999}}", "vision_config.hidden_size"},
        {"{\"model_type\":\"clip\",\"vision_config\":{\"num_attention_heads\":11}}", "11 heads"},
        {"{\"model_type\":\"clip\",\"vision_config\":{\"num_channels\":1}}", "num_channels"},
        {"{\"model_type\":\"clip\",\"vision_config\":{\"image_size\":[224,336]}}", "image_size"},
        {"{\"model_type\":\"clip\",\"vision_config\":{\"patch_size\":15}}", "patches of 15"},
        {"{\"model_type\":\"clip\",\"vision_config\":{\"vision_use_head\":true}}", "vision_config.vision_use_head"},
        {"{\"model_type\":\"clip\",\"vision_config\":{\"model_type\":\"siglip_vision_model\"}}", "siglip_vision_model"},
        {"{\"model_type\":\"clip\",\"text_config\":{\"layer_norm_eps\":\"x\"}}", "text_config.layer_norm_eps"},
        {"{\"model_type\":\"clip\",\"text_config\":{\"layer_norm_eps\":0}}", "text_config.layer_norm_eps"},
        {"{\"model_type\":\"clip\",\"text_config\":{\"projection_size\":3}}", "text_config.projection_size"},
        {"{\"model_type\":\"clip\",\"quantization_config\":{\"bits\":4}}", "quantization_config"},
    };
    assert_all_refused(clip_config_parse_hugging_face, list, sizeof list / sizeof *list);
}

#define OPENCLIP(vision, text, model) \
    "{\"model_cfg\":{\"embed_dim\":512,\"vision_cfg\":{" vision "},\"text_cfg\":{" text "}" model "}}"

static void test_what_openclip_calls_another_model_is_refused(void **state)
{
    (void)state;
    static const struct refusal list[] = {
        {"{}", "model_cfg"}, {"{\"model_cfg\":{}}", "embed_dim"}, {"{\"model_cfg\":{\"embed_dim\":1,\"x\":1}}", "model_cfg.x"},
        {OPENCLIP("\"timm_model_name\":\"vit_so400m\"", "", ""), "timm_model_name"},
        {OPENCLIP("\"layers\":[3,4,6,3]", "", ""), "ResNet"},
        {OPENCLIP("\"attentional_pool\":true", "", ""), "attentional_pool"},
        {OPENCLIP("\"no_ln_pre\":true", "", ""), "no_ln_pre"},
        {OPENCLIP("\"pool_type\":\"avg\"", "", ""), "vision_cfg.pool_type"},
        {OPENCLIP("\"pos_embed_type\":\"sin_cos_2d\"", "", ""), "pos_embed_type"},
        {OPENCLIP("\"ls_init_value\":0.1", "", ""), "ls_init_value"},
        {OPENCLIP("\"qk_norm\":true", "", ""), "qk_norm"},
        {OPENCLIP("\"scaled_cosine_attn\":true", "", ""), "scaled_cosine_attn"},
        {OPENCLIP("\"block_type\":\"custom\"", "", ""), "block_type"},
        {OPENCLIP("\"norm_kwargs\":{\"eps\":1e-6}", "", ""), "norm_kwargs"},
        {OPENCLIP("\"act_kwargs\":{\"approximate\":\"tanh\"}", "", ""), "act_kwargs"},
        {OPENCLIP("\"final_ln_after_pool\":true", "", ""), "final_ln_after_pool"},
        {OPENCLIP("\"something_new\":1", "", ""), "vision_cfg.something_new"},
        {OPENCLIP("\"mlp_ratio\":-1", "", ""), "mlp_ratio"},
        {OPENCLIP("\"mlp_ratio\":1e9", "", ""), "mlp_ratio"},
        {OPENCLIP("\"head_width\":100", "", ""), "heads do not divide"},
        {OPENCLIP("\"head_width\":1000", "", ""), "0 heads"},
        {OPENCLIP("", "\"hf_model_name\":\"xlm-roberta-base\"", ""), "hf_model_name"},
        {OPENCLIP("", "\"hf_tokenizer_name\":\"bert-base-uncased\"", ""), "hf_tokenizer_name"},
        {OPENCLIP("", "\"no_causal_mask\":true", ""), "no_causal_mask"},
        {OPENCLIP("", "\"embed_cls\":true", ""), "embed_cls"},
        {OPENCLIP("", "\"proj_bias\":true", ""), "proj_bias"},
        {OPENCLIP("", "\"proj_type\":\"none\"", ""), "proj_type"},
        {OPENCLIP("", "\"text_arch\":\"bert\"", ""), "text_arch"},
        {OPENCLIP("", "\"pool_type\":\"last\"", ""), "text_cfg.pool_type"},
        {OPENCLIP("", "\"pool_type\":\"eos\",\"eos_id\":2", ""), "text_cfg.pool_type"},
        {OPENCLIP("", "\"tokenizer_kwargs\":{\"clean\":\"canonicalize\"}", ""), "tokenizer_kwargs"},
        {OPENCLIP("", "", ",\"init_logit_bias\":-10"), "init_logit_bias"},
        {OPENCLIP("", "", ",\"multimodal_cfg\":{\"width\":512}"), "multimodal_cfg"},
        {OPENCLIP("", "", ",\"quick_gelu\":1"), "quick_gelu"},
        {OPENCLIP("", "", "},\"preprocess_cfg\":{\"resize_mode\":\"fit\""), "resize_mode"},
        {OPENCLIP("", "\"pool_type\":\"eos\"", ""), "text_cfg.pool_type"}, /* without eos_id it is 2 */
        {OPENCLIP("", "", "},\"preprocess_cfg\":{\"interpolation\":\"nearest\""), "interpolation"},
        {OPENCLIP("", "", "},\"preprocess_cfg\":{\"size\":336"), "preprocess_cfg.size"},
        {OPENCLIP("", "", "},\"preprocess_cfg\":{\"mode\":\"L\""), "preprocess_cfg.mode"},
        {OPENCLIP("", "", "},\"preprocess_cfg\":{\"mean\":[0.5]"), "preprocess_cfg.mean"},
    };
    assert_all_refused(clip_config_parse_openclip, list, sizeof list / sizeof *list);
}

static void test_missing_keys_take_openclips_defaults(void **state)
{
    (void)state;
    struct clip_config c;
    assert_int_equal(parsed(clip_config_parse_openclip, &c, OPENCLIP("\"patch_dropout\":0.5,\"timm_model_name\":null,"
        "\"block_type\":\"default\",\"attentional_pool\":false,\"norm_kwargs\":{}", "\"pool_type\":\"eos\",\"eos_id\":49407",
        ",\"custom_text\":true},\"preprocess_cfg\":{\"interpolation\":\"random\"")), 0);
    assert_int_equal(c.preprocess.filter, PREPROCESS_BICUBIC);
    assert_int_equal(c.patch, 16);
    assert_int_equal(c.image.heads, 12);
    assert_int_equal(c.image.mlp, 3072);
    assert_int_equal(c.text.width, 512);
    assert_int_equal(c.image.activation, CLIP_GELU);
    assert_int_equal(c.end_rule, CLIP_END_FIRST);
    assert_int_equal(c.preprocess.mode, PREPROCESS_SHORTEST);
    assert_int_equal(c.preprocess.crop, 224);
    assert_int_equal(c.preprocess.crop_rule, PREPROCESS_CROP_EVEN);
    assert_true(c.preprocess.mean[0] == 0.48145466f);
    clip_config_free(&c);
    /* ViT-g-14: 1408 * 4.3637, truncated */
    assert_int_equal(parsed(clip_config_parse_openclip, &c,
        OPENCLIP("\"image_size\":224,\"layers\":40,\"width\":1408,\"head_width\":88,\"mlp_ratio\":4.3637,\"patch_size\":14",
                 "\"width\":1024,\"heads\":16,\"layers\":24", "")), 0);
    assert_int_equal(c.image.mlp, 6144);
    assert_int_equal(c.image.heads, 16);
    clip_config_free(&c);
}

static void test_preprocessors_are_read_in_all_spellings(void **state)
{
    (void)state;
    struct clip_config c;
    static const char *const same[] = {
        "{\"size\":336,\"crop_size\":336,\"resample\":3,\"feature_extractor_type\":\"CLIPFeatureExtractor\"}",
        "{\"size\":{\"shortest_edge\":336},\"crop_size\":{\"height\":336,\"width\":336},\"do_convert_rgb\":true}",
        "{\"processor_class\":\"CLIPProcessor\",\"image_processor\":{\"size\":{\"shortest_edge\":336},"
        "\"crop_size\":{\"height\":336,\"width\":336},\"image_processor_type\":\"CLIPImageProcessorFast\","
        "\"data_format\":\"channels_first\",\"do_pad\":null}}"};
    for (size_t i = 0; i < 3; i++) {
        if (parsed(clip_config_parse_preprocessor, &c, same[i]) < 0) fail_msg("%s", fail_message());
        assert_int_equal(c.preprocess.size, 336);
        assert_int_equal(c.preprocess.crop, 336);
        assert_int_equal(c.preprocess.mode, PREPROCESS_SHORTEST);
        assert_int_equal(c.preprocess.filter, PREPROCESS_BICUBIC);
        assert_int_equal(c.preprocess.crop_rule, PREPROCESS_CROP_DOWN);
        clip_config_free(&c);
    }
    assert_int_equal(parsed(clip_config_parse_preprocessor, &c,
        "{\"size\":{\"height\":64,\"width\":64},\"do_center_crop\":false,"
        "\"resample\":2,\"image_mean\":[0.5,0.5,0.5]}"), 0);
    assert_int_equal(c.preprocess.mode, PREPROCESS_SQUASH);
    assert_int_equal(c.preprocess.filter, PREPROCESS_BILINEAR);
    assert_int_equal(c.preprocess.crop, 64);
    clip_config_free(&c);
    static const struct refusal list[] = {
        {"{\"do_resize\":false}", "do_resize"}, {"{\"do_normalize\":false}", "do_normalize"}, {"{\"resample\":1}", "resample"},
        {"{\"rescale_factor\":1.0}", "rescale_factor"}, {"{\"do_center_crop\":false}", "do_center_crop"},
        {"{\"size\":{\"height\":64,\"width\":32}}", "size"}, {"{\"size\":{\"longest_edge\":64}}", "size.longest_edge"},
        {"{\"size\":200}", "crop_size"}, {"{\"image_processor_type\":\"SiglipImageProcessor\"}", "SiglipImageProcessor"},
        {"{\"do_pad\":true}", "do_pad"}, {"{\"image_std\":[1,2]}", "image_std"}};
    assert_all_refused(clip_config_parse_preprocessor, list, sizeof list / sizeof *list);
}

/* ---- the small checkpoints of the real libraries ---- */

static const struct checkpoint {
    const char *folder, *config_of, *weights_of, *expected; /* a folder made of two where they differ */
    enum clip_kind kind;
    enum clip_end_rule end;
} checkpoints[] = {
    {"hf-tiny-quick", NULL, NULL, "hf-tiny-quick", CLIP_HUGGING_FACE, CLIP_END_FIRST},
    {"hf-tiny-quick-bin", NULL, NULL, "hf-tiny-quick", CLIP_HUGGING_FACE, CLIP_END_FIRST},
    {"mixed-1", "hf-tiny-quick-configdict", "hf-tiny-quick", "hf-tiny-quick", CLIP_HUGGING_FACE, CLIP_END_FIRST},
    {"hf-tiny-gelu", NULL, NULL, "hf-tiny-gelu", CLIP_HUGGING_FACE, CLIP_END_FIRST},
    {"mixed-2", "hf-tiny-gelu-eos2", "hf-tiny-gelu", "hf-tiny-gelu", CLIP_HUGGING_FACE, CLIP_END_LARGEST_ID},
    {"openclip-tiny", NULL, NULL, "openclip-tiny", CLIP_OPENCLIP, CLIP_END_LARGEST_ID},
    {"openclip-tiny-custom", NULL, NULL, "openclip-tiny-custom", CLIP_OPENCLIP, CLIP_END_LARGEST_ID},
    {"openai-ts", NULL, NULL, "openai-ts", CLIP_OPENAI, CLIP_END_LARGEST_ID},
};

static struct image decode(struct str bytes)
{
    struct image image = {0};
    enum image_status status;
    if (image_decode(bytes, &image_limits_default, IMAGE_OVER_WHITE, &image, &status) < 0) fail_msg("%s", fail_message());
    assert_int_equal(status, IMAGE_OK);
    return image;
}

/* A picture of inputs.json: shared/PATH, or shared/PATH.tar.zst:MEMBER. */
static struct image read_picture(const char *file, struct tarball *images)
{
    const char *colon = strchr(file, ':');
    const char *path = file + strlen("shared/");
    struct image image;
    if (!colon) {
        struct buf bytes;
        buf_init(&bytes, MADE_MOST);
        assert_int_equal(buf_read_file(&bytes, shared_path(path)), 0);
        image = decode(buf_str(&bytes));
        buf_free(&bytes);
        return image;
    }
    char name[101];
    struct str bytes;
    images->at = 0;
    while (tarball_next(images, name, &bytes))
        if (str_ends(str_from(colon + 1), str_from(name))) return decode(bytes);
    fail_msg("%s is not there", file);
    return (struct image){0};
}

static struct weights *open_expected(const char *checkpoint, const char *name)
{
    char relative[256];
    snprintf(relative, sizeof relative, "data/clip/expected/%s/%s.npy", checkpoint, name);
    struct weights *w = weights_open(shared_path(relative));
    if (!w) fail_msg("%s", fail_message());
    return w;
}

static void check_pixels(const struct checkpoint *k, const struct clip_config *c, json_t *pictures, struct tarball *images)
{
    struct weights *expected = open_expected(k->expected, "pixels_u8");
    struct preprocess_work *work = preprocess_work_new();
    size_t i, size = preprocess_pixels_size(&c->preprocess);
    uint8_t *pixels = malloc(size);
    json_t *picture;
    assert_int_equal(weights_at(expected, 0)->count, 12 * size);
    json_array_foreach (pictures, i, picture) {
        bool transparent = i == 0 || i == 7; /* OpenCLIP and OpenAI drop alpha; the engine lays it over white */
        struct image image = read_picture(json_string_value(json_object_get(picture, "file")), images);
        assert_int_equal(preprocess_pixels(&c->preprocess, work, &image, pixels), 0);
        bool equal = memcmp(pixels, weights_at(expected, 0)->data.p + i * size, size) == 0;
        if (equal != !(transparent && k->kind != CLIP_HUGGING_FACE)) fail_msg("%s: picture %zu", k->folder, i);
        image_free(&image);
    }
    free(pixels);
    preprocess_work_free(work);
    weights_close(expected);
}

static void check_ids(const struct checkpoint *k, const struct weights *w, json_t *texts)
{
    struct weights *expected = open_expected(k->expected, "ids");
    struct tokenizer *t = tokenizer_open(weights_folder(w), k->kind == CLIP_HUGGING_FACE ? TOKENIZER_HUGGING_FACE
                                                                                        : TOKENIZER_OPENAI);
    struct tokenizer_work *work = tokenizer_work_new();
    size_t i;
    json_t *text;
    assert_non_null(t);
    json_array_foreach (texts, i, text) {
        uint32_t ids[77];
        int n = tokenizer_encode(t, work, str_of(json_string_value(text), json_string_length(text)), ids, 77);
        bool equal = n > 0;
        for (int at = 0; equal && at < n; at++) {
            int32_t id;
            memcpy(&id, weights_at(expected, 0)->data.p + (i * 77 + (size_t)at) * 4, 4);
            equal = (uint32_t)id == ids[at];
        }
        bool repaired = i == 22 && k->kind != CLIP_HUGGING_FACE; /* ftfy changes this one */
        if (equal == repaired) fail_msg("%s: text %zu", k->folder, i);
    }
    tokenizer_work_free(work);
    tokenizer_close(t);
    weights_close(expected);
}

static void test_folders_of_the_real_libraries_give_their_pixels_and_ids(void **state)
{
    (void)state;
    struct folder f = folder_new();
    static struct tarball images;
    const char *inputs_path = shared_path("data/clip/expected/inputs.json");
    json_error_t error;
    json_t *inputs = inputs_path ? json_load_file(inputs_path, JSON_ALLOW_NUL, &error) : NULL;
    const char *pictures = shared_path("data/conformance/images/images.tar.zst");
    if (!inputs || !pictures || tarball_open(&images, pictures) < 0 || !unpack_checkpoints(&f)) {
        folder_remove(&f);
        skip();
    }
    for (size_t i = 0; i < sizeof checkpoints / sizeof *checkpoints; i++) {
        const struct checkpoint *k = &checkpoints[i];
        char path[256], command[512];
        snprintf(path, sizeof path, "%s/%s", f.path, k->folder);
        snprintf(command, sizeof command, "cd %s && cp -r %s %s && cp %s/* %s/", f.path, k->weights_of, k->folder, k->config_of,
                 k->folder);
        if (k->weights_of) assert_int_equal(system(command), 0);
        struct clip_config c = {0};
        struct weights *w = weights_open(path);
        if (!w || clip_config_open(&c, w) < 0) fail_msg("%s: %s", k->folder, fail_message());
        assert_int_equal(c.kind, k->kind);
        assert_int_equal(c.end_rule, k->end);
        check_pixels(k, &c, json_object_get(inputs, "pictures"), &images);
        check_ids(k, w, json_object_get(inputs, "texts"));
        clip_config_free(&c);
        weights_close(w);
    }
    tarball_close(&images);
    json_decref(inputs);
    folder_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_missing_keys_take_hugging_faces_defaults),
        cmocka_unit_test(test_old_configurations_with_everything_in_them_are_read),
        cmocka_unit_test(test_config_dicts_overrule_with_their_defaults),
        cmocka_unit_test(test_what_hugging_face_calls_another_model_is_refused),
        cmocka_unit_test(test_what_openclip_calls_another_model_is_refused),
        cmocka_unit_test(test_missing_keys_take_openclips_defaults),
        cmocka_unit_test(test_preprocessors_are_read_in_all_spellings),
        cmocka_unit_test(test_folders_of_the_real_libraries_give_their_pixels_and_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
