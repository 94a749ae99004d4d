/* Towers of seeded random checkpoints, in shapes that published models have and in odd ones, beside the plain loops in double; and the
 * same bytes for any partition of the inputs and for two threads. Every class, every precision. */
#include "filters/clip/tower.h"

#include "filters/clip/tower_reference.h"
#include "tests/unit/clip_classes.h"
#include "tests/unit/clip_files.h"

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum layout { HUGGING_FACE, OPENCLIP, OPENCLIP_CUSTOM };
enum { PICTURES = 7, TEXTS = 9, EMBED_MOST = 64, VOCABULARY = 61, CONTEXT = 77 };

struct shape {
    const char *name;
    enum layout layout;
    bool quick;
    unsigned side, patch, layers, width, heads, mlp;
    unsigned text_layers, text_width, text_heads, text_mlp, embed;
};

static const struct shape shapes[] = {
    {"patch 32, heads of 64", HUGGING_FACE, true, 64, 32, 2, 128, 2, 512, 3, 64, 1, 256, 64},
    {"patch 16, GELU", OPENCLIP, false, 48, 16, 3, 64, 2, 256, 1, 64, 4, 256, 32},
    {"patch 14, text apart", OPENCLIP_CUSTOM, true, 42, 14, 2, 64, 1, 256, 2, 48, 3, 192, 48},
    {"257 positions", HUGGING_FACE, false, 64, 4, 2, 32, 2, 64, 2, 32, 2, 96, 16},
    {"heads of 80, as H/14", HUGGING_FACE, false, 28, 14, 2, 160, 2, 320, 2, 64, 1, 64, 32},
    {"heads of 88, as g/14", OPENCLIP, false, 28, 14, 2, 176, 2, 768, 2, 88, 1, 352, 40},
    {"heads of 104, as bigG/14", HUGGING_FACE, false, 28, 14, 2, 208, 2, 1024, 2, 40, 2, 128, 24},
    {"nothing a multiple of anything", HUGGING_FACE, true, 35, 7, 3, 57, 3, 131, 2, 35, 5, 77, 23},
    {"one layer, one head, one patch", HUGGING_FACE, false, 8, 8, 1, 12, 1, 20, 1, 8, 1, 12, 5},
    {"deep and narrow", OPENCLIP, true, 24, 8, 9, 24, 3, 96, 7, 16, 1, 64, 8},
};

/* ---- checkpoints */

struct making {
    const struct shape *shape;
    struct safetensors_maker file;
    uint64_t dice;
};

static float dice(uint64_t *state) /* between -1 and 1 */
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (float)((double)(*state >> 33) / (1u << 30) - 1);
}

/* Numbers of deviation `scale` about `mean`; `dims` ends with 0. */
static void put(struct making *m, const char *name, const unsigned *dims, float scale, float mean)
{
    char text[64] = "";
    size_t n = 1;
    for (; *dims; n *= *dims++) snprintf(text + strlen(text), sizeof text - strlen(text), "%s%u", n > 1 || text[0] ? "," : "", *dims);
    float *numbers = malloc(n * sizeof *numbers);
    for (size_t i = 0; i < n; i++) numbers[i] = mean + scale * 1.7320508f * dice(&m->dice);
    safetensors_add(&m->file, name, text, numbers, n);
    free(numbers);
}

static void put_matrix(struct making *m, const char *name, unsigned rows, unsigned columns, float scale)
{
    put(m, name, (const unsigned[]){rows, columns, 0}, scale, 0);
}

static void put_pair(struct making *m, const char *prefix, const char *name, unsigned outputs, unsigned inputs) /* inputs 0: a norm */
{
    char whole[160];
    snprintf(whole, sizeof whole, "%s%s.weight", prefix, name);
    if (inputs) put_matrix(m, whole, outputs, inputs, 1.2f / sqrtf((float)inputs));
    else put(m, whole, (const unsigned[]){outputs, 0}, 0.15f, 1);
    snprintf(whole, sizeof whole, "%s%s.bias", prefix, name);
    put(m, whole, (const unsigned[]){outputs, 0}, 0.1f, 0);
}

static void put_layers(struct making *m, const char *prefix, unsigned count, unsigned width, unsigned mlp)
{
    bool hf = m->shape->layout == HUGGING_FACE;
    for (unsigned l = 0; l < count; l++) {
        char at[96], name[128];
        snprintf(at, sizeof at, "%s%u.", prefix, l);
        put_pair(m, at, hf ? "layer_norm1" : "ln_1", width, 0);
        for (unsigned i = 0; hf && i < 3; i++) {
            snprintf(name, sizeof name, "self_attn.%c_proj", "qkv"[i]);
            put_pair(m, at, name, width, width);
        }
        snprintf(name, sizeof name, "%sattn.in_proj_weight", at);
        if (!hf) put_matrix(m, name, 3 * width, width, 1.2f / sqrtf((float)width));
        snprintf(name, sizeof name, "%sattn.in_proj_bias", at);
        if (!hf) put(m, name, (const unsigned[]){3 * width, 0}, 0.1f, 0);
        put_pair(m, at, hf ? "self_attn.out_proj" : "attn.out_proj", width, width);
        put_pair(m, at, hf ? "layer_norm2" : "ln_2", width, 0);
        put_pair(m, at, hf ? "mlp.fc1" : "mlp.c_fc", mlp, width);
        put_pair(m, at, hf ? "mlp.fc2" : "mlp.c_proj", width, mlp);
    }
}

static void put_text(struct making *m, const char *text)
{
    const struct shape *s = m->shape;
    bool hf = s->layout == HUGGING_FACE;
    char name[128];
    snprintf(name, sizeof name, "%s%s", text, hf ? "text_model.embeddings.token_embedding.weight" : "token_embedding.weight");
    put_matrix(m, name, VOCABULARY, s->text_width, 1);
    snprintf(name, sizeof name, "%s%s", text, hf ? "text_model.embeddings.position_embedding.weight" : "positional_embedding");
    put_matrix(m, name, CONTEXT, s->text_width, 0.3f);
    snprintf(name, sizeof name, "%s%s", text, hf ? "text_model.encoder.layers." : "transformer.resblocks.");
    put_layers(m, name, s->text_layers, s->text_width, s->text_mlp);
    put_pair(m, text, hf ? "text_model.final_layer_norm" : "ln_final", s->text_width, 0);
    snprintf(name, sizeof name, "%s%s", text, hf ? "text_projection.weight" : "text_projection");
    put_matrix(m, name, hf ? s->embed : s->text_width, hf ? s->text_width : s->embed, 1 / sqrtf((float)s->text_width));
}

static void put_picture(struct making *m)
{
    const struct shape *s = m->shape;
    bool hf = s->layout == HUGGING_FACE;
    unsigned grid = s->side / s->patch;
    put(m, hf ? "vision_model.embeddings.class_embedding" : "visual.class_embedding", (const unsigned[]){s->width, 0}, 1, 0);
    put(m, hf ? "vision_model.embeddings.patch_embedding.weight" : "visual.conv1.weight",
        (const unsigned[]){s->width, 3, s->patch, s->patch, 0}, 1 / sqrtf(3.0f * (float)(s->patch * s->patch)), 0);
    put_matrix(m, hf ? "vision_model.embeddings.position_embedding.weight" : "visual.positional_embedding", 1 + grid * grid, s->width, 0.3f);
    put_pair(m, hf ? "vision_model." : "visual.", hf ? "pre_layrnorm" : "ln_pre", s->width, 0);
    put_layers(m, hf ? "vision_model.encoder.layers." : "visual.transformer.resblocks.", s->layers, s->width, s->mlp);
    put_pair(m, hf ? "vision_model." : "visual.", hf ? "post_layernorm" : "ln_post", s->width, 0);
    put_matrix(m, hf ? "visual_projection.weight" : "visual.proj", hf ? s->embed : s->width, hf ? s->width : s->embed,
               1 / sqrtf((float)s->width));
}

/* Ratios are a little over, since what comes of them is truncated. */
static void print_config(const struct shape *s, struct buf *out)
{
    const char *act = s->quick ? "quick_gelu" : "gelu";
    if (s->layout == HUGGING_FACE)
        buf_printf(out,
                   "{\"model_type\":\"clip\",\"projection_dim\":%u,\"text_config\":{\"hidden_size\":%u,\"intermediate_size\":%u,"
                   "\"num_hidden_layers\":%u,\"num_attention_heads\":%u,\"vocab_size\":%u,\"eos_token_id\":%u,\"hidden_act\":\"%s\"},"
                   "\"vision_config\":{\"hidden_size\":%u,\"intermediate_size\":%u,\"num_hidden_layers\":%u,\"num_attention_heads\":%u,"
                   "\"image_size\":%u,\"patch_size\":%u,\"hidden_act\":\"%s\"}}",
                   s->embed, s->text_width, s->text_mlp, s->text_layers, s->text_heads, VOCABULARY, VOCABULARY - 1, act, s->width, s->mlp,
                   s->layers, s->heads, s->side, s->patch, act);
    else
        buf_printf(out,
                   "{\"model_cfg\":{\"embed_dim\":%u,\"quick_gelu\":%s,\"custom_text\":%s,\"vision_cfg\":{\"image_size\":%u,\"layers\":%u,"
                   "\"width\":%u,\"head_width\":%u,\"patch_size\":%u,\"mlp_ratio\":%.9g},\"text_cfg\":{\"context_length\":%u,"
                   "\"vocab_size\":%u,\"width\":%u,\"heads\":%u,\"layers\":%u,\"mlp_ratio\":%.9g}}}",
                   s->embed, s->quick ? "true" : "false", s->layout == OPENCLIP_CUSTOM ? "true" : "false", s->side, s->layers, s->width,
                   s->width / s->heads, s->patch, ((double)s->mlp + 0.5) / s->width, CONTEXT, VOCABULARY, s->text_width, s->text_heads,
                   s->text_layers, ((double)s->text_mlp + 0.5) / s->text_width);
}

struct model {
    struct folder folder;
    struct weights *weights;
    struct clip_config config;
    uint8_t *pixels; /* [PICTURES, side, side, 3] */
    uint32_t ids[TEXTS][CONTEXT];
    struct tower_text texts[TEXTS];
    double *images_expected, *texts_expected; /* of length 1 */
};

static void write_model(const struct shape *s, const struct folder *f)
{
    struct making m = {.shape = s, .dice = s->width * 977 + s->patch};
    struct buf file, config;
    safetensors_begin(&m.file);
    put(&m, "logit_scale", (const unsigned[]){1, 0}, 0.1f, 4.6f);
    put_picture(&m);
    put_text(&m, s->layout == OPENCLIP_CUSTOM ? "text." : "");
    safetensors_end(&m.file, &file);
    folder_write(f, s->layout == HUGGING_FACE ? "model.safetensors" : "open_clip_model.safetensors", buf_str(&file));
    buf_init(&config, 4 << 10);
    print_config(s, &config);
    folder_write(f, s->layout == HUGGING_FACE ? "config.json" : "open_clip_config.json", buf_str(&config));
    buf_free(&file);
    buf_free(&config);
}

static void make_unit(double *x, size_t n)
{
    double length = 0;
    for (size_t i = 0; i < n; i++) length += x[i] * x[i];
    for (size_t i = 0; i < n; i++) x[i] /= sqrt(length);
}

static bool expect(struct model *m)
{
    size_t embed = m->config.embed, picture = clip_pixels_bytes(m->config.image_size);
    struct reference *image = reference_open(&m->config, m->weights, CLIP_IMAGE), *text = reference_open(&m->config, m->weights, CLIP_TEXT);
    float *planes = malloc(picture * sizeof *planes);
    m->images_expected = malloc(PICTURES * embed * sizeof(double));
    m->texts_expected = malloc(TEXTS * embed * sizeof(double));
    bool well = image && text;
    for (size_t i = 0; well && i < PICTURES; i++) {
        preprocess_normalise(&m->config.preprocess, m->pixels + i * picture, planes);
        well = reference_image(image, planes, NULL, m->images_expected + i * embed) == 0;
        make_unit(m->images_expected + i * embed, embed);
    }
    for (size_t i = 0; well && i < TEXTS; i++) {
        well = reference_text(text, m->texts[i].ids, m->texts[i].n, NULL, m->texts_expected + i * embed) == 0;
        make_unit(m->texts_expected + i * embed, embed);
    }
    reference_close(image);
    reference_close(text);
    free(planes);
    return well;
}

static bool open_model(const struct shape *s, struct model *m)
{
    uint64_t state = 5;
    m->folder = folder_new();
    write_model(s, &m->folder);
    m->weights = weights_open(m->folder.path);
    if (!m->weights || clip_config_open(&m->config, m->weights) < 0) return false;
    size_t bytes = PICTURES * clip_pixels_bytes(s->side);
    m->pixels = malloc(bytes);
    for (size_t i = 0; i < bytes; i++) m->pixels[i] = (uint8_t)(128 + 127 * dice(&state));
    for (size_t i = 0; i < TEXTS; i++) { /* of 2 to 77 tokens; what stands behind the end is noise */
        size_t n = 2 + i * i * 75 / ((TEXTS - 1) * (TEXTS - 1));
        for (size_t k = 0; k < CONTEXT; k++) m->ids[i][k] = (uint32_t)(fabsf(dice(&state)) * (VOCABULARY - 2));
        m->ids[i][n - 1] = VOCABULARY - 1;
        m->texts[i] = (struct tower_text){m->ids[i], CONTEXT};
    }
    return expect(m);
}

static void close_model(struct model *m)
{
    const struct folder folder = m->folder;
    folder_remove(&folder);
    free(m->pixels);
    free(m->images_expected);
    free(m->texts_expected);
    clip_config_free(&m->config);
    weights_close(m->weights);
}

/* ---- checks */

struct part { /* a thread's share: inputs from, from + 1, … in pieces */
    const struct tower *tower;
    const struct model *model;
    enum clip_side side;
    size_t from, n, piece;
    float *out;
    bool well;
};

static void *run_part(void *context)
{
    struct part *p = context;
    struct tower_work *work = tower_work_new(p->tower);
    const struct model *m = p->model;
    size_t embed = m->config.embed, picture = clip_pixels_bytes(m->config.image_size);
    p->well = work != NULL;
    for (size_t i = 0, count; p->well && i < p->n; i += count) {
        count = p->n - i < p->piece ? p->n - i : p->piece;
        size_t at = p->from + i;
        float *out = p->out + at * embed;
        p->well = p->side == CLIP_IMAGE ? tower_images(p->tower, work, m->pixels + at * picture, count, NULL, out) == 0
                                        : tower_texts(p->tower, work, m->texts + at, count, NULL, out) == 0;
    }
    tower_work_free(work);
    return NULL;
}

/* All n inputs in pieces on two threads, the first of which takes `first` of them. */
static bool run_parted(const struct tower *tower, const struct model *m, enum clip_side side, size_t n, size_t first, size_t piece,
                       float *out)
{
    struct part parts[2] = {{tower, m, side, 0, first, piece, out, false}, {tower, m, side, first, n - first, piece, out, false}};
    pthread_t other;
    if (pthread_create(&other, NULL, run_part, &parts[1]) != 0) return false;
    run_part(&parts[0]);
    pthread_join(other, NULL);
    return parts[0].well && parts[1].well;
}

static double most_off(const float *x, const double *expected, size_t n, size_t embed)
{
    double most = 0, row[EMBED_MOST];
    for (size_t i = 0; i < n; i++) {
        for (size_t c = 0; c < embed; c++) row[c] = x[i * embed + c];
        make_unit(row, embed);
        for (size_t c = 0; c < embed; c++) {
            double off = fabs(row[c] - expected[i * embed + c]);
            if (!(off <= most)) most = off;
        }
    }
    return most;
}

static bool side_is_right(const struct matmul *matmul, const struct model *m, enum clip_side side, enum clip_precision precision,
                          double allowed, const char *name)
{
    size_t n = side == CLIP_IMAGE ? PICTURES : TEXTS, embed = m->config.embed;
    float *together = calloc(n * embed, sizeof *together), *parted = calloc(n * embed, sizeof *parted);
    struct tower *tower = tower_open(&m->config, m->weights, side, precision, matmul, 2);
    bool well = tower && run_parted(tower, m, side, n, n, n, together), alike = well;
    for (size_t piece = 1; alike && piece < n; piece += 2) {
        memset(parted, 0, n * embed * sizeof *parted);
        alike = run_parted(tower, m, side, n, piece, 1 + piece / 2, parted) && memcmp(together, parted, n * embed * sizeof *parted) == 0;
    }
    double off = well ? most_off(together, side == CLIP_IMAGE ? m->images_expected : m->texts_expected, n, embed) : HUGE_VAL;
    if (!alike || !(off <= allowed))
        fprintf(stderr, "%s, %s, %s, %s: off by %.1e of %.1e%s\n", name, side == CLIP_IMAGE ? "pictures" : "texts",
                clip_precision_name(precision), matmul_class_name(matmul_class_of(matmul)), off, allowed,
                alike ? "" : "; partitions differ");
    tower_close(tower);
    free(together);
    free(parted);
    return alike && off <= allowed;
}

static const struct model *models; /* of `shapes` */

static bool all_are_right(const struct matmul *matmul)
{
    /* small random models lose more by rounding than trained ones */
    static const double allowed[] = {[CLIP_F32] = 4e-6, [CLIP_BF16] = 4e-2, [CLIP_INT8] = 1e-1};
    bool well = true;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int precision = CLIP_F32; precision <= CLIP_INT8; precision++)
            for (int side = CLIP_IMAGE; side <= CLIP_TEXT; side++)
                well &= side_is_right(matmul, &models[i], (enum clip_side)side, (enum clip_precision)precision, allowed[precision],
                                      shapes[i].name);
    return well;
}

static void test_towers_of_any_shape_equal_plain_loops_however_parted(void **state)
{
    (void)state;
    struct model made[sizeof shapes / sizeof *shapes] = {{.weights = NULL}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        if (!open_model(&shapes[i], &made[i])) fail_msg("%s: %s", shapes[i].name, fail_message());
    models = made;
    assert_int_equal(failing_classes(all_are_right), 0);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) close_model(&made[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_towers_of_any_shape_equal_plain_loops_however_parted)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
