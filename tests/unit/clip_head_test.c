/* Heads against recorded outputs of the published ones, in all modes; and half precision bit by bit. */
#include "filters/clip/head.h"

#include "filters/clip/half.h"
#include "filters/clip/weights.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"
#include "tests/unit/shared.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

enum { ROWS = 32 };

static json_t *expected; /* NULL: not there */
static unsigned compared;

static const char *path_of(const char *file)
{
    static char relative[200];
    snprintf(relative, sizeof relative, "data/heads/%s", file);
    const char *path = shared_path(relative);
    if (!path) skip();
    return path;
}

static int load_expected(void **state)
{
    (void)state;
    const char *path = shared_path("data/heads/vectors/expected.json");
    json_error_t error;
    expected = path ? json_load_file(path, 0, &error) : NULL;
    return 0;
}

static int free_expected(void **state)
{
    (void)state;
    json_decref(expected);
    return 0;
}

static float *inputs(const char *backbone, size_t *width)
{
    char file[80];
    snprintf(file, sizeof file, "vectors/vit_%s_inputs.npy", backbone);
    struct weights *w = weights_open(path_of(file));
    assert_non_null(w);
    const struct tensor *t = weights_at(w, 0);
    assert_int_equal(t->shape[0], ROWS);
    *width = (size_t)t->shape[1];
    float *x = malloc((size_t)t->count * sizeof *x);
    assert_int_equal(tensor_to_f32(t, x), 0);
    weights_close(w);
    return x;
}

/* `values`: a number a row, or a list of as many as the head has outputs. */
static void check_head(const char *file, const char *backbone, const struct head_options *options, json_t *values, double allowed)
{
    size_t width;
    float *x = inputs(backbone, &width);
    struct head *h = head_open(path_of(file), options);
    if (!h) fail_msg("%s: %s", file, fail_message());
    assert_int_equal(head_width(h), width);
    assert_int_equal(json_array_size(values), ROWS);
    for (size_t r = 0; r < ROWS; r++) {
        double out[16];
        json_t *value = json_array_get(values, r);
        assert_true(head_outputs(h) <= 16);
        head_apply(h, x + r * width, out);
        for (size_t o = 0; o < head_outputs(h); o++) {
            double wanted = json_number_value(json_is_array(value) ? json_array_get(value, o) : value);
            if (!(fabs(out[o] - wanted) <= allowed)) fail_msg("%s: row %zu: %.9g, expected %.9g", file, r, out[o], wanted);
            compared++;
        }
    }
    head_close(h);
    free(x);
}

static void test_nsfw_heads_in_all_modes(void **state)
{
    (void)state;
    static const char *const backbones[] = {"b_32", "l_14"}, *const modes[] = {"lookup", "oov", "raw"};
    for (size_t b = 0; b < 2; b++)
        for (int mode = HEAD_LOOKUP; mode <= HEAD_RAW; mode++) {
            char file[80], name[80];
            snprintf(file, sizeof file, "nsfw_vit_%s.safetensors", backbones[b]);
            snprintf(name, sizeof name, "nsfw_vit_%s", backbones[b]);
            path_of(file);
            json_t *values = json_object_get(json_object_get(expected, name), modes[mode]);
            struct head_options options = {.categories = (enum head_categories)mode};
            check_head(file, backbones[b], &options, json_object_get(values, "p"), 1e-5);
            options.logit = true;
            check_head(file, backbones[b], &options, json_object_get(values, "logit"), 1e-4);
        }
}

static void test_rounding_to_half_finds_the_categories(void **state)
{
    (void)state;
    size_t width;
    float *x = inputs("l_14", &width);
    struct head *plain = head_open(path_of("nsfw_vit_l_14.safetensors"), &(struct head_options){.logit = true});
    struct head *half = head_open(path_of("nsfw_vit_l_14.safetensors"), &(struct head_options){.logit = true, .half = true});
    assert_non_null(plain);
    assert_non_null(half);
    double most = 0;
    for (size_t r = 0; r < ROWS / 2; r++) { /* row r + 16 is row r rounded */
        double rounded, wanted, unrounded;
        head_apply(half, x + r * width, &rounded);
        head_apply(plain, x + (r + ROWS / 2) * width, &wanted);
        head_apply(plain, x + r * width, &unrounded);
        assert_true(rounded == wanted);
        most = fmax(most, fabs(rounded - unrounded));
    }
    assert_true(most > 0.1); /* the trap: the same pictures, other numbers */
    head_close(plain);
    head_close(half);
    free(x);
}

static void test_aesthetic_heads(void **state)
{
    (void)state;
    const struct head_options none = {.half = false};
    path_of("vectors/expected.json");
#define SCORE(name) json_object_get(json_object_get(expected, name), "score")
    check_head("sa_0_4_vit_b_32_linear.pth", "b_32", &none, SCORE("aesthetic_v1_vit_b_32"), 1e-5);
    check_head("sa_0_4_vit_l_14_linear.pth", "l_14", &none, SCORE("aesthetic_v1_vit_l_14"), 1e-5);
    check_head("sac+logos+ava1-l14-linearMSE.pth", "l_14", &none, SCORE("aesthetic_v2_vit_l_14"), 1e-5);
    check_head("aesthetic_v2_vit_l_14.collapsed.safetensors", "l_14", &none, SCORE("aesthetic_v2_vit_l_14"), 1e-5);
#undef SCORE
}

static void test_violence_prototypes(void **state)
{
    (void)state;
    const struct head_options none = {.half = false};
    path_of("vectors/expected.json");
    check_head("violence_detection_vit_b_32.npy", "b_32", &none,
               json_object_get(json_object_get(expected, "violence_vit_b_32"), "similarity"), 1e-6);
    check_head("violence_detection_vit_l_14.npy", "l_14", &none,
               json_object_get(json_object_get(expected, "violence_vit_l_14"), "similarity"), 1e-6);
    print_message("%u numbers compared\n", compared);
    assert_int_equal(compared, 12 * ROWS + 4 * ROWS + 4 * ROWS);
}

static void test_a_head_says_whose_embeddings_it_takes(void **state)
{
    (void)state;
    static const struct {
        const char *file, *model, *kind;
        size_t width;
    } heads[] = {
        {"nsfw_vit_b_32.safetensors", "b32", "autokeras", 512},
        {"nsfw_vit_l_14.safetensors", "l14", "autokeras", 768},
        {"sa_0_4_vit_b_16_linear.pth", "b16", "affine", 512},
        {"sac+logos+ava1-l14-linearMSE.pth", "l14", "layers", 768},
        {"violence_detection_vit_b_32.npy", "b32", "prototypes", 512},
    };
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        struct head *h = head_open(path_of(heads[i].file), &(struct head_options){.half = true});
        assert_non_null(h);
        assert_string_equal(head_model(h), heads[i].model);
        assert_string_equal(head_kind(h), heads[i].kind);
        assert_int_equal(head_width(h), heads[i].width);
        assert_int_equal(head_is_prototypes(h), i == 4);
        head_close(h);
    }
}

static void test_hostile_files_are_refused_and_odd_ones_read(void **state)
{
    (void)state;
    static const char *const bad[] = {"deep_mark", "global", "huge_shape", "memo_get", "missing_storage", "negative_stride",
                                      "numel", "offset", "stack_underflow", "truncated_pickle"};
    char file[80];
    const struct head_options none = {.half = false};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(file, sizeof file, "hostile/bad_%s.pth", bad[i]);
        assert_null(head_open(path_of(file), &none));
        assert_non_null(strstr(fail_message(), bad[i]));
    }
    struct head *h = head_open(path_of("hostile/ok_minimal.pth"), &none); /* weight 0 … 7, bias 0.5 */
    const float ones[8] = {1, 1, 1, 1, 1, 1, 1, 1};
    double out;
    assert_non_null(h);
    head_apply(h, ones, &out);
    assert_true(out == 28.5);
    head_close(h);
}

/* A safetensors file of F32 tensors, written to `path`. */
struct made {
    const char *name, *shape;
    const float *numbers;
    size_t count;
};

static void write_tensors(const char *path, const struct made *tensors, size_t count)
{
    char header[2048];
    size_t n = 0, at = 0;
    for (size_t i = 0; i < count; i++) {
        n += (size_t)snprintf(header + n, sizeof header - n, "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[%s],\"data_offsets\":[%zu,%zu]}", i ? "," : "{",
                              tensors[i].name, tensors[i].shape, at, at + 4 * tensors[i].count);
        at += 4 * tensors[i].count;
    }
    n += (size_t)snprintf(header + n, sizeof header - n, "}");
    const uint64_t length = n;
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fwrite(&length, sizeof length, 1, file);
    fwrite(header, 1, n, file);
    for (size_t i = 0; i < count; i++) fwrite(tensors[i].numbers, 4, tensors[i].count, file);
    assert_int_equal(fclose(file), 0);
}

/* DataComp's kind: (x - mean) / sqrt(variance) * weight + bias, two layers with ReLU between, logistic. */
static void test_batch_normalisation_comes_before_the_layers(void **state)
{
    (void)state;
    char path[] = "/tmp/winnow-head-XXXXXX.safetensors";
    int fd = mkstemps(path, 12);
    assert_true(fd >= 0);
    close(fd);
    const float mean[2] = {0.5f, -1}, variance[2] = {4, 0.25f}, gain[2] = {2, 1}, shift[2] = {0, 3}, dense[4] = {1, 1, -1, -1},
                dense_bias[2] = {0, 1}, dense1[2] = {0.5f, 100}, dense1_bias[1] = {-2};
    struct made made[] = {{"norm.running_mean", "2", mean, 2}, {"norm.running_var", "2", variance, 2}, {"norm.weight", "2", gain, 2},
                          {"norm.bias", "2", shift, 2}, {"dense.weight", "2,2", dense, 4}, {"dense.bias", "2", dense_bias, 2},
                          {"dense1.weight", "1,2", dense1, 2}, {"dense1.bias", "1", dense1_bias, 1}};
    write_tensors(path, made, sizeof made / sizeof *made);
    struct head *h = head_open(path, &(struct head_options){.logit = true});
    if (!h) fail_msg("%s", fail_message());
    const float x[2] = {1.5f, 0};
    double out; /* norm: (1 / 2 * 2, 1 / 0.5 + 3) = (1, 5); dense: (6, -5) → (6, 0); dense1: 3 - 2 */
    assert_string_equal(head_kind(h), "batchnorm");
    head_apply(h, x, &out);
    assert_true(fabs(out - 1) < 1e-12);
    head_close(h);
    h = head_open(path, &(struct head_options){.half = false});
    head_apply(h, x, &out);
    assert_true(fabs(out - 1 / (1 + exp(-1))) < 1e-12);
    head_close(h);
    const float none[2] = {4, 0};
    made[1].numbers = none;
    write_tensors(path, made, sizeof made / sizeof *made);
    assert_null(head_open(path, &(struct head_options){.half = false}));
    assert_non_null(strstr(fail_message(), "norm.running_var[1]"));
    unlink(path);
}

/* A head of the tensors but number `without` (none: SIZE_MAX); NULL where it is refused. */
static struct head *head_of(const char *path, const struct made *all, size_t count, size_t without)
{
    struct made some[16];
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        if (i != without) some[n++] = all[i];
    write_tensors(path, some, n);
    return head_open(path, &(struct head_options){.categories = HEAD_RAW});
}

static void test_a_head_that_lacks_a_part_or_has_one_too_many_is_refused(void **state)
{
    (void)state;
    char path[] = "/tmp/winnow-head-XXXXXX.safetensors";
    int fd = mkstemps(path, 12);
    assert_true(fd >= 0);
    close(fd);
    const float mean[2] = {0.5f, -1}, variance[2] = {4, 0.25f}, square[4] = {1, 1, -1, -1}, bias[2] = {0, 1}, row[2] = {0.5f, 100};
    struct made made[] = {{"normalization.mean", "2", mean, 2}, {"normalization.variance", "2", variance, 2},
                          {"dense_1.weight", "2,2", square, 4}, {"dense_1.bias", "2", bias, 2}, {"dense_2.weight", "2,2", square, 4},
                          {"dense_2.bias", "2", bias, 2}, {"dense_3.weight", "1,2", row, 2}, {"dense_3.bias", "1", row, 1}};
    enum { COUNT = sizeof made / sizeof *made };
    for (size_t without = 0; without < COUNT; without++) {
        assert_null(head_of(path, made, COUNT, without));
        if (!strstr(fail_message(), made[without].name) && without != 6) fail_msg("without %s: %s", made[without].name, fail_message());
    }
    struct made gap[] = {made[0], made[1], made[2], made[3], made[6], made[7]}; /* the shapes fit without dense_2, too */
    assert_null(head_of(path, gap, 6, SIZE_MAX));
    assert_non_null(strstr(fail_message(), "dense_2.weight"));
    const float negative[2] = {4, -1};
    made[1].numbers = negative;
    assert_null(head_of(path, made, COUNT, SIZE_MAX));
    assert_non_null(strstr(fail_message(), "normalization.variance"));
    made[1].numbers = variance;
    struct head *h = head_of(path, made, COUNT, SIZE_MAX);
    if (!h) fail_msg("%s", fail_message());
    head_close(h);
    const struct made more[] = {{"weight", "1,2", row, 2}, {"bias", "1", row, 1}, {"scale", "1", row, 1}};
    assert_null(head_of(path, more, 3, SIZE_MAX));
    assert_non_null(strstr(fail_message(), "scale"));
    unlink(path);
}

static void test_a_sequential_and_a_matrix_by_themselves_are_heads(void **state)
{
    (void)state;
    char path[] = "/tmp/winnow-head-XXXXXX.safetensors";
    int fd = mkstemps(path, 12);
    assert_true(fd >= 0);
    close(fd);
    const float square[4] = {1, 1, -1, -1}, bias[2] = {0, 1}, row[2] = {0.5f, 100}, x[2] = {3, 4};
    double out[2];
    const struct made layers[] = {{"0.weight", "2,2", square, 4}, {"0.bias", "2", bias, 2}, {"3.weight", "1,2", row, 2}, {"3.bias", "1", bias, 1}};
    struct head *h = head_of(path, layers, 4, SIZE_MAX);
    if (!h) fail_msg("%s", fail_message());
    head_apply(h, x, out); /* (7, -6) → ReLU → 3.5 */
    assert_true(out[0] == 3.5);
    head_close(h);
    const struct made rows[] = {{"prototypes", "2,2", square, 4}}, weight[] = {{"weight", "1,2", row, 2}}, one[] = {{"", "2", row, 2}};
    h = head_of(path, rows, 1, SIZE_MAX);
    if (!h) fail_msg("%s", fail_message());
    assert_true(head_is_prototypes(h));
    head_apply(h, x, out);
    assert_true(out[0] == 7 && out[1] == -7);
    head_close(h);
    for (size_t i = 0; i < 2; i++) {
        h = head_of(path, i ? one : weight, 1, SIZE_MAX);
        if (!h) fail_msg("%s", fail_message());
        assert_false(head_is_prototypes(h));
        assert_true(head_lacks_bias(h));
        head_apply(h, x, out);
        assert_true(out[0] == 401.5);
        head_close(h);
    }
    unlink(path);
}

static void test_halves_round_to_nearest_even(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 0x10000; h++) { /* every number comes back, and so do the halves of the way to the next */
        float x = half_to_float((uint16_t)h);
        if (isnan(x)) continue;
        assert_int_equal(half_of_float(x), h);
        if ((h & 0x7fff) >= 0x7bff) continue;
        float next = half_to_float((uint16_t)(h + 1)), middle = (x + next) / 2;
        assert_int_equal(half_of_float(middle), h & 1 ? h + 1 : h);
        assert_int_equal(half_of_float(nextafterf(middle, x)), h);
        assert_int_equal(half_of_float(nextafterf(middle, next)), h + 1);
    }
    assert_int_equal(half_of_float(65519.996f), 0x7bff);
    assert_int_equal(half_of_float(65520.0f), 0x7c00);
    assert_int_equal(half_of_float(-1e30f), 0xfc00);
    assert_int_equal(half_of_float(1e-30f), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nsfw_heads_in_all_modes),
        cmocka_unit_test(test_rounding_to_half_finds_the_categories),
        cmocka_unit_test(test_aesthetic_heads),
        cmocka_unit_test(test_violence_prototypes),
        cmocka_unit_test(test_a_head_says_whose_embeddings_it_takes),
        cmocka_unit_test(test_hostile_files_are_refused_and_odd_ones_read),
        cmocka_unit_test(test_batch_normalisation_comes_before_the_layers),
        cmocka_unit_test(test_a_head_that_lacks_a_part_or_has_one_too_many_is_refused),
        cmocka_unit_test(test_a_sequential_and_a_matrix_by_themselves_are_heads),
        cmocka_unit_test(test_halves_round_to_nearest_even),
    };
    return cmocka_run_group_tests(tests, load_expected, free_expected);
}
