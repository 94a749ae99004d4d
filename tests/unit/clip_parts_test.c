/* Weights against their configuration: one tiny model, written in every layout, whole or damaged. */
#include "filters/clip/parts.h"
#include "pipeline/base/fail.h"
#include "tests/unit/clip_files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_says(const char *words)
{
    if (!strstr(fail_message(), words)) fail_msg("\"%s\" is not in: %s", words, fail_message());
}

enum { WIDTH = 4, MLP = 6, EMBED = 3, PATCH = 2, POSITIONS = 5, CONTEXT = 3, VOCABULARY = 7 };
static const char tiny_config[] =
    "{\"model_type\":\"clip\",\"projection_dim\":3,\"text_config\":{\"hidden_size\":4,\"intermediate_size\":6,"
    "\"num_hidden_layers\":1,\"num_attention_heads\":2,\"max_position_embeddings\":3,\"vocab_size\":7},"
    "\"vision_config\":{\"hidden_size\":4,\"intermediate_size\":6,\"num_hidden_layers\":1,\"num_attention_heads\":2,"
    "\"image_size\":4,\"patch_size\":2}}";
static const char tiny_openclip[] =
    "{\"model_cfg\":{\"embed_dim\":3,\"vision_cfg\":{\"image_size\":4,\"layers\":1,\"width\":4,\"head_width\":2,"
    "\"patch_size\":2,\"mlp_ratio\":1.5},\"text_cfg\":{\"context_length\":3,\"vocab_size\":7,\"width\":4,\"heads\":2,"
    "\"layers\":1,\"mlp_ratio\":1.5}}}";

/* What is done to one tensor; of no name: another tensor is added under `rename`. */
struct damage {
    const char *name, *rename, *shape;
    bool not_a_number;
};

struct tiny {
    struct safetensors_maker maker;
    const struct damage *damage;
    float next;
};

static void put(struct tiny *m, const char *name, const char *shape, const float *numbers, size_t n)
{
    float copy[256];
    const struct damage *d = m->damage && strcmp(m->damage->name, name) == 0 ? m->damage : NULL;
    memcpy(copy, numbers, n * sizeof *copy);
    if (d && d->not_a_number) copy[n / 2] = (float)(0.0 / 0.0);
    safetensors_add(&m->maker, d && d->rename ? d->rename : name, d && d->shape ? d->shape : shape, copy, n);
}

static const float *numbers_of(struct tiny *m, size_t n)
{
    static float numbers[256];
    for (size_t i = 0; i < n; i++) numbers[i] = m->next++;
    return numbers;
}

static void put_pair(struct tiny *m, const char *format, const char *what, const char *shape, size_t n)
{
    char name[128];
    static const char *const ends[] = {"weight", "bias"};
    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof name, format, what, ends[i]);
        bool wide = strcmp(what, "mlp.fc1") == 0 || strcmp(what, "mlp.c_fc") == 0;
        size_t numbers = i == 0 ? n : wide ? MLP : WIDTH;
        put(m, name, i == 0 ? shape : wide ? "6" : "4", numbers_of(m, numbers), numbers);
    }
}

/* The order in which numbers are given out is the same for both layouts; only names and places differ. */
static void put_layer(struct tiny *m, bool hugging_face, const char *prefix)
{
    char format[96], name[128];
    snprintf(format, sizeof format, "%s%%s.%%s", prefix);
    put_pair(m, format, hugging_face ? "layer_norm1" : "ln_1", "4", WIDTH);
    const float *qkv = numbers_of(m, 3 * WIDTH * WIDTH);
    for (int i = 0; hugging_face && i < 3; i++) {
        snprintf(name, sizeof name, "%sself_attn.%c_proj.weight", prefix, "qkv"[i]);
        put(m, name, "4,4", qkv + i * WIDTH * WIDTH, WIDTH * WIDTH);
    }
    snprintf(name, sizeof name, "%sattn.in_proj_weight", prefix);
    if (!hugging_face) put(m, name, "12,4", qkv, 3 * WIDTH * WIDTH);
    qkv = numbers_of(m, 3 * WIDTH);
    for (int i = 0; hugging_face && i < 3; i++) {
        snprintf(name, sizeof name, "%sself_attn.%c_proj.bias", prefix, "qkv"[i]);
        put(m, name, "4", qkv + i * WIDTH, WIDTH);
    }
    snprintf(name, sizeof name, "%sattn.in_proj_bias", prefix);
    if (!hugging_face) put(m, name, "12", qkv, 3 * WIDTH);
    put_pair(m, format, hugging_face ? "self_attn.out_proj" : "attn.out_proj", "4,4", WIDTH * WIDTH);
    put_pair(m, format, hugging_face ? "layer_norm2" : "ln_2", "4", WIDTH);
    put_pair(m, format, hugging_face ? "mlp.fc1" : "mlp.c_fc", "6,4", MLP * WIDTH);
    put_pair(m, format, hugging_face ? "mlp.fc2" : "mlp.c_proj", "4,6", MLP * WIDTH);
}

static void put_projection(struct tiny *m, bool hugging_face, const char *name)
{
    const float *p = numbers_of(m, EMBED * WIDTH);
    float turned[EMBED * WIDTH];
    for (int r = 0; r < EMBED; r++)
        for (int c = 0; c < WIDTH; c++) turned[c * EMBED + r] = p[r * WIDTH + c];
    put(m, name, hugging_face ? "3,4" : "4,3", hugging_face ? p : turned, EMBED * WIDTH);
}

static void put_one(struct tiny *m, const char *text, const char *name, const char *shape, size_t n)
{
    char whole[128];
    snprintf(whole, sizeof whole, "%s%s", text, name);
    put(m, whole, shape, numbers_of(m, n), n);
}

/* `text`: "text." for OpenCLIP's newer form, else "". */
static void write_tiny(const struct folder *f, bool hugging_face, const char *text, const struct damage *damage)
{
    struct tiny m = {.damage = damage, .next = 1};
    struct buf file;
    char layer[96];
    bool hf = hugging_face;
    safetensors_begin(&m.maker);
    put_one(&m, "", hf ? "vision_model.embeddings.class_embedding" : "visual.class_embedding", "4", WIDTH);
    put_one(&m, "", hf ? "vision_model.embeddings.patch_embedding.weight" : "visual.conv1.weight", "4,3,2,2",
            WIDTH * 3 * PATCH * PATCH);
    put_one(&m, "", hf ? "vision_model.embeddings.position_embedding.weight" : "visual.positional_embedding", "5,4",
            POSITIONS * WIDTH);
    put_pair(&m, hf ? "vision_model.%s.%s" : "visual.%s.%s", hf ? "pre_layrnorm" : "ln_pre", "4", WIDTH);
    put_layer(&m, hf, hf ? "vision_model.encoder.layers.0." : "visual.transformer.resblocks.0.");
    put_pair(&m, hf ? "vision_model.%s.%s" : "visual.%s.%s", hf ? "post_layernorm" : "ln_post", "4", WIDTH);
    put_projection(&m, hf, hf ? "visual_projection.weight" : "visual.proj");
    put_one(&m, text, hf ? "text_model.embeddings.token_embedding.weight" : "token_embedding.weight", "7,4",
            VOCABULARY * WIDTH);
    put_one(&m, text, hf ? "text_model.embeddings.position_embedding.weight" : "positional_embedding", "3,4", CONTEXT * WIDTH);
    snprintf(layer, sizeof layer, "%s%s", text, hf ? "text_model.encoder.layers.0." : "transformer.resblocks.0.");
    put_layer(&m, hf, layer);
    snprintf(layer, sizeof layer, "%s%s", text, hf ? "text_model.%s.%s" : "%s.%s");
    put_pair(&m, layer, hf ? "final_layer_norm" : "ln_final", "4", WIDTH);
    snprintf(layer, sizeof layer, "%s%s", text, hf ? "text_projection.weight" : "text_projection");
    put_projection(&m, hf, layer);
    put(&m, "logit_scale", "", (const float[]){2.5f}, 1);
    if (damage && !*damage->name) put(&m, damage->rename, "", (const float[]){1}, 1);
    safetensors_end(&m.maker, &file);
    folder_write(f, hf ? "model.safetensors" : "open_clip_model.safetensors", buf_str(&file));
    folder_write(f, hf ? "config.json" : "open_clip_config.json", str_from(hf ? tiny_config : tiny_openclip));
    buf_free(&file);
}

/* 0 and all parts in one row of floats, or -1. */
static int read_all_parts(const struct folder *f, float *out, size_t room, size_t *n)
{
    struct clip_config c = {0};
    struct weights *w = weights_open(f->path);
    int result = w ? clip_config_open(&c, w) : -1;
    *n = 0;
    for (unsigned side = 0; result == 0 && side < 2; side++)
        for (unsigned part = 0; result == 0 && part < CLIP_PARTS; part++) {
            if (!clip_part_exists((enum clip_side)side, (enum clip_part)part)) continue;
            size_t size = clip_part_size(&c, (enum clip_side)side, (enum clip_part)part);
            assert_true(*n + size <= room);
            result = clip_part_read(&c, w, (enum clip_side)side, (enum clip_part)part, 0, out + *n);
            *n += size;
        }
    if (result == 0) assert_true(c.logit_scale == 2.5);
    clip_config_free(&c);
    weights_close(w);
    return result;
}

static void test_parts_are_the_same_in_every_layout(void **state)
{
    (void)state;
    static float parts[3][2048];
    size_t n[3];
    for (int i = 0; i < 3; i++) {
        struct folder f = folder_new();
        write_tiny(&f, i == 0, i == 2 ? "text." : "", NULL);
        if (read_all_parts(&f, parts[i], 2048, &n[i]) < 0) fail_msg("%s", fail_message());
        folder_remove(&f);
    }
    assert_int_equal(n[0], n[1]);
    assert_int_equal(n[0], n[2]);
    assert_memory_equal(parts[0], parts[1], n[0] * sizeof(float));
    assert_memory_equal(parts[0], parts[2], n[0] * sizeof(float));
}

static void test_weights_that_do_not_fit_are_refused_by_tensor(void **state)
{
    (void)state;
    static const struct {
        struct damage damage;
        const char *words;
    } cases[] = {
        {{"text_model.encoder.layers.0.mlp.fc1.bias", "other", NULL, false}, "fc1.bias: missing"},
        {{"visual_projection.weight", NULL, "4,3", false}, "visual_projection.weight: shape [4, 3]"},
        {{"vision_model.embeddings.position_embedding.weight", NULL, "10,2", false}, "position_embedding"},
        {{"vision_model.encoder.layers.0.layer_norm1.bias", NULL, "2,2", false}, "layer_norm1.bias: shape [2, 2]"},
        {{"logit_scale", "scale", NULL, false}, "logit_scale"},
        {{"logit_scale", NULL, "1,1", false}, "logit_scale: one floating number is expected"},
        {{"", "logit_bias", NULL, false}, "logit_bias []: the configuration does not account for it"},
        {{"", "vision_model.encoder.layers.1.layer_norm1.bias", NULL, false}, "layers.1.layer_norm1.bias []"},
        {{"text_model.embeddings.token_embedding.weight", NULL, NULL, true}, "token_embedding.weight: element 14 is not"},
        {{"vision_model.encoder.layers.0.self_attn.k_proj.weight", NULL, NULL, true}, "k_proj.weight: element 8 is not"},
    };
    static float parts[2048];
    size_t n;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct folder f = folder_new();
        write_tiny(&f, true, "", &cases[i].damage);
        assert_int_equal(read_all_parts(&f, parts, 2048, &n), -1);
        assert_says(f.path);
        assert_says(cases[i].words);
        folder_remove(&f);
    }
}

static void test_more_layers_than_tensors_are_refused(void **state)
{
    (void)state;
    struct folder f = folder_new();
    char config[sizeof tiny_config];
    float parts[4];
    size_t n;
    memcpy(config, tiny_config, sizeof config);
    strstr(config, "\"num_hidden_layers\":1")[strlen("\"num_hidden_layers\":")] = '2';
    write_tiny(&f, true, "", NULL);
    folder_write(&f, "config.json", str_from(config));
    assert_int_equal(read_all_parts(&f, parts, 4, &n), -1);
    assert_says("text_model.encoder.layers.1.layer_norm1.weight: missing");
    folder_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts_are_the_same_in_every_layout),
        cmocka_unit_test(test_weights_that_do_not_fit_are_refused_by_tensor),
        cmocka_unit_test(test_more_layers_than_tensors_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
