/* Preprocessing against the bytes that Pillow 9.4.0 gives, and every kernel against the portable one. */
#include "filters/clip/preprocess.h"
#include "filters/clip/preprocess_kernels.h"
#include "filters/clip/preprocess_taps.h"
#include "pipeline/base/cpu.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/hash.h"
#include "tests/unit/shared.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <math.h>

static const float mean[3] = {0.48145466f, 0.4578275f, 0.40821073f}, deviation[3] = {0.26862954f, 0.26130258f, 0.27577711f};

static struct preprocess clip_at(uint32_t size)
{
    struct preprocess p = {.size = size, .crop = size};
    memcpy(p.mean, mean, sizeof mean);
    memcpy(p.deviation, deviation, sizeof deviation);
    return p;
}

static json_t *load(const char *name) /* NULL: not there */
{
    char relative[256];
    snprintf(relative, sizeof relative, "data/clip/%s", name);
    const char *path = shared_path(relative);
    json_error_t error;
    json_t *json = path ? json_load_file(path, 0, &error) : NULL;
    if (path && !json) fail_msg("%s: %s", path, error.text);
    return json;
}

static struct image decode(const char *name, enum image_alpha alpha)
{
    char relative[256];
    struct buf bytes;
    struct image image = {0};
    enum image_status status;
    snprintf(relative, sizeof relative, "data/clip/%s", name);
    buf_init(&bytes, 64 << 20);
    assert_int_equal(buf_read_file(&bytes, shared_path(relative)), 0);
    if (image_decode(buf_str(&bytes), &image_limits_default, alpha, &image, &status) < 0) fail_msg("%s", fail_message());
    assert_int_equal(status, IMAGE_OK);
    buf_free(&bytes);
    return image;
}

static const char *sha256(const uint8_t *bytes, size_t n)
{
    static char hex[65];
    unsigned char digest[32];
    hash_sha256(str_of((const char *)bytes, n), digest);
    for (int i = 0; i < 32; i++) sprintf(hex + 2 * i, "%02x", digest[i]);
    return hex;
}

static uint32_t number(json_t *list, size_t i) { return (uint32_t)json_integer_value(json_array_get(list, i)); }
static const char *string(json_t *object, const char *key) { return json_string_value(json_object_get(object, key)); }

static void check_resize(struct preprocess_work *work, const struct image *image, enum preprocess_filter filter, uint32_t width,
                         uint32_t height, const char *expected)
{
    struct image result = {0};
    assert_int_equal(preprocess_resize(work, filter, image, width, height, &result), 0);
    assert_string_equal(sha256(result.rgb, image_bytes(&result)), expected);
    image_free(&result);
}

static void test_pictures_are_resized_and_cropped_as_by_pillow(void **state)
{
    (void)state;
    json_t *expected = load("preprocess/expected.json");
    if (!expected) skip();
    struct preprocess_work *work = preprocess_work_new();
    size_t i;
    json_t *c;
    json_array_foreach (json_object_get(expected, "cases"), i, c) {
        char name[64];
        snprintf(name, sizeof name, "preprocess/%s", string(c, "input"));
        struct image image = decode(name, IMAGE_OVER_WHITE);
        struct preprocess p = clip_at((uint32_t)json_integer_value(json_object_get(c, "target")));
        json_t *resized = json_object_get(c, "resized");
        check_resize(work, &image, PREPROCESS_BICUBIC, number(resized, 0), number(resized, 1), string(c, "resized_rgb_sha256"));
        uint8_t *pixels = malloc(preprocess_pixels_size(&p));
        assert_int_equal(preprocess_pixels(&p, work, &image, pixels), 0);
        assert_string_equal(sha256(pixels, preprocess_pixels_size(&p)), string(c, "output_rgb_sha256"));
        free(pixels);
        image_free(&image);
    }
    assert_int_equal(i, 12);
    preprocess_work_free(work);
    json_decref(expected);
}

static void test_squashing_and_bilinear_weights_are_pillows(void **state)
{
    (void)state;
    json_t *extra = load("preprocess/extra.json");
    if (!extra) skip();
    struct preprocess_work *work = preprocess_work_new();
    size_t i;
    json_t *c;
    json_array_foreach (json_object_get(extra, "squash"), i, c) {
        char name[64];
        snprintf(name, sizeof name, "preprocess/%s", string(c, "file"));
        struct image image = decode(name, IMAGE_OVER_WHITE);
        struct preprocess p = clip_at((uint32_t)json_integer_value(json_object_get(c, "target")));
        p.mode = PREPROCESS_SQUASH;
        p.filter = strcmp(string(c, "filter"), "bilinear") == 0 ? PREPROCESS_BILINEAR : PREPROCESS_BICUBIC;
        uint8_t *pixels = malloc(preprocess_pixels_size(&p));
        assert_int_equal(preprocess_pixels(&p, work, &image, pixels), 0);
        assert_string_equal(sha256(pixels, preprocess_pixels_size(&p)), string(c, "rgb_sha256"));
        free(pixels);
        image_free(&image);
    }
    assert_int_equal(i, 6);
    json_array_foreach (json_object_get(extra, "bilinear"), i, c) {
        char name[64];
        snprintf(name, sizeof name, "preprocess/%s", string(c, "file"));
        struct image image = decode(name, IMAGE_OVER_WHITE);
        json_t *resized = json_object_get(c, "resized");
        check_resize(work, &image, PREPROCESS_BILINEAR, number(resized, 0), number(resized, 1), string(c, "rgb_sha256"));
        image_free(&image);
    }
    assert_int_equal(i, 3);
    preprocess_work_free(work);
    json_decref(extra);
}

static void test_the_smallest_pictures_are_enlarged(void **state)
{
    (void)state;
    json_t *extra = load("preprocess/extra.json");
    if (!extra) skip();
    struct preprocess_work *work = preprocess_work_new();
    size_t i;
    json_t *c;
    json_array_foreach (json_object_get(extra, "small"), i, c) {
        const char *hex = string(c, "rgb");
        json_t *size = json_object_get(c, "size"), *resized = json_object_get(c, "resized");
        struct image image = {0};
        assert_int_equal(image_set_size(&image, number(size, 0), number(size, 1)), 0);
        assert_int_equal(strlen(hex), 2 * image_bytes(&image));
        for (size_t k = 0; k < image_bytes(&image); k++)
            image.rgb[k] = (uint8_t)(ascii_hex(hex[2 * k]) << 4 | ascii_hex(hex[2 * k + 1]));
        check_resize(work, &image, PREPROCESS_BICUBIC, number(resized, 0), number(resized, 1), string(c, "resized_rgb_sha256"));
        image_free(&image);
    }
    assert_int_equal(i, 5);
    preprocess_work_free(work);
    json_decref(extra);
}

/* The engine converts to RGB before it resizes; of the vectors' other order, and of 16 bits, which the decode door scales,
 * nothing is served. TIFF is not decoded either: the two CMYK files belong to the door's rule for JPEG. */
static void test_colour_comes_before_size(void **state)
{
    (void)state;
    json_t *extra = load("preprocess/extra.json");
    if (!extra) skip();
    struct preprocess_work *work = preprocess_work_new();
    size_t i, checked = 0;
    json_t *c;
    json_array_foreach (json_object_get(extra, "mode_order"), i, c) {
        const char *file = string(c, "file"), *expected = string(c, "rgb_then_resize");
        char name[64];
        if (strstr(file, ".tif") || strstr(file, "I16")) continue;
        snprintf(name, sizeof name, "preprocess/%s", file);
        struct image image = decode(name, IMAGE_ALPHA_DROPPED), result = {0};
        assert_int_equal(preprocess_resize(work, PREPROCESS_BICUBIC, &image, 9, 7, &result), 0);
        for (size_t k = 0; k < 9 * 7 * 3; k++)
            if (result.rgb[k] != (ascii_hex(expected[2 * k]) << 4 | ascii_hex(expected[2 * k + 1])))
                fail_msg("%s: sample %zu is %u", file, k, result.rgb[k]);
        image_free(&image);
        image_free(&result);
        checked++;
    }
    assert_int_equal(i, 11);
    assert_int_equal(checked, 7);
    preprocess_work_free(work);
    json_decref(extra);
}

static void test_the_horizontal_pass_comes_first_in_tall_pictures_too(void **state)
{
    (void)state;
    json_t *order = load("pillow13/order.json");
    if (!order) skip();
    struct preprocess_work *work = preprocess_work_new();
    size_t i;
    json_t *c;
    json_array_foreach (json_object_get(order, "cases"), i, c) {
        char name[64];
        snprintf(name, sizeof name, "preprocess/%s", string(c, "input"));
        struct image image = decode(name, IMAGE_OVER_WHITE);
        json_t *resized = json_object_get(c, "resized");
        bool bilinear = strcmp(string(c, "filter"), "bilinear") == 0;
        check_resize(work, &image, bilinear ? PREPROCESS_BILINEAR : PREPROCESS_BICUBIC, number(resized, 0), number(resized, 1),
                     string(c, "rgb_sha256_pillow_to_12_3"));
        image_free(&image);
    }
    assert_true(i >= 3);
    preprocess_work_free(work);
    json_decref(order);
}

static void test_transparent_pictures_lie_over_white(void **state)
{
    (void)state;
    json_t *expected = load("expected/clip-png-224.json");
    if (!expected) skip();
    struct preprocess_work *work = preprocess_work_new();
    struct preprocess p = clip_at(224);
    uint8_t *pixels = malloc(preprocess_pixels_size(&p));
    struct image image = decode("CLIP.png", IMAGE_OVER_WHITE);
    assert_int_equal(preprocess_pixels(&p, work, &image, pixels), 0);
    assert_string_equal(sha256(pixels, preprocess_pixels_size(&p)), string(expected, "white_composite_first"));
    image_free(&image);
    image = decode("CLIP.png", IMAGE_ALPHA_DROPPED);
    assert_int_equal(preprocess_pixels(&p, work, &image, pixels), 0);
    assert_string_equal(sha256(pixels, preprocess_pixels_size(&p)), string(expected, "rgb_first_alpha_dropped"));
    image_free(&image);
    free(pixels);
    preprocess_work_free(work);
    json_decref(expected);
}

/* A picture of the resized size, its red the column and its green the row: the crop shows its own offset. */
static void check_crop(uint32_t width, uint32_t height, uint32_t target, enum preprocess_crop_rule rule, json_t *left_top)
{
    struct preprocess_work *work = preprocess_work_new();
    struct preprocess p = clip_at(target);
    struct image image = {0};
    uint8_t *pixels = malloc(preprocess_pixels_size(&p));
    p.crop_rule = rule;
    assert_int_equal(image_set_size(&image, width, height), 0);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++) {
            image.rgb[3 * (y * width + x)] = (uint8_t)x;
            image.rgb[3 * (y * width + x) + 1] = (uint8_t)y;
            image.rgb[3 * (y * width + x) + 2] = 0;
        }
    assert_int_equal(preprocess_pixels(&p, work, &image, pixels), 0);
    assert_int_equal(pixels[0], number(left_top, 0));
    assert_int_equal(pixels[1], number(left_top, 1));
    free(pixels);
    image_free(&image);
    preprocess_work_free(work);
}

static void test_crops_begin_where_the_kind_of_folder_says(void **state)
{
    (void)state;
    json_t *extra = load("preprocess/extra.json");
    if (!extra) skip();
    size_t i;
    json_t *c;
    json_array_foreach (json_object_get(extra, "hf_crop"), i, c) {
        json_t *resized = json_object_get(c, "resized");
        uint32_t target = (uint32_t)json_integer_value(json_object_get(c, "target"));
        if (number(resized, 0) > 255 || number(resized, 1) > 255) continue;
        check_crop(number(resized, 0), number(resized, 1), target, PREPROCESS_CROP_EVEN,
                   json_object_get(c, "torchvision_left_top"));
        check_crop(number(resized, 0), number(resized, 1), target, PREPROCESS_CROP_DOWN, json_object_get(c, "hf_left_top"));
    }
    assert_int_equal(i, 9);
    json_decref(extra);
}

static void test_samples_become_floats_bit_for_bit(void **state)
{
    (void)state;
    json_t *extra = load("preprocess/extra.json");
    if (!extra) skip();
    struct preprocess p = clip_at(1);
    size_t i;
    json_t *c;
    json_array_foreach (json_object_get(extra, "normalise"), i, c) {
        uint8_t v = (uint8_t)json_integer_value(json_object_get(c, "byte")), pixel[3] = {v, v, v};
        float planes[3];
        preprocess_normalise(&p, pixel, planes);
        for (unsigned k = 0; k < 3; k++) {
            float expected = (float)json_number_value(json_array_get(json_object_get(c, "value"), k));
            assert_memory_equal(&planes[k], &expected, sizeof expected);
        }
    }
    assert_int_equal(i, 8);
    json_decref(extra);
}

/* ---- without shared data ---- */

static uint32_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

static struct image noise(uint32_t width, uint32_t height, uint64_t *state)
{
    struct image image = {0};
    assert_int_equal(image_set_size(&image, width, height), 0);
    for (size_t i = 0; i < image_bytes(&image); i++) /* extremes often, so that sums leave 0…255 */
        image.rgb[i] = next_random(state) & 1 ? (uint8_t)next_random(state) : next_random(state) & 1 ? 255 : 0;
    return image;
}

enum { SIDE_MOST = 200 };

static void compare_kernels(const struct preprocess_kernels *a, const struct preprocess_kernels *b, uint64_t *state)
{
    static uint8_t in[KERNEL_ROWS * (3 * SIDE_MOST + KERNEL_SLACK)];
    static uint8_t out[2][KERNEL_ROWS * (3 * SIDE_MOST + KERNEL_SLACK)];
    uint32_t width = 1 + next_random(state) % SIDE_MOST, wanted = 1 + next_random(state) % SIDE_MOST;
    size_t row = 3 * SIDE_MOST + KERNEL_SLACK;
    const uint8_t *rows[KERNEL_ROWS];
    uint8_t *to[2][KERNEL_ROWS];
    struct taps taps = {0};
    for (size_t i = 0; i < sizeof in; i++) in[i] = next_random(state) % 3 ? (uint8_t)next_random(state) : 255;
    for (unsigned i = 0; i < KERNEL_ROWS; i++) {
        rows[i] = in + i * row;
        to[0][i] = out[0] + i * row;
        to[1][i] = out[1] + i * row;
    }
    assert_int_equal(taps_make(&taps, next_random(state) & 1, width, wanted, 0, wanted), 0);
    a->across(rows, taps.spans, taps.groups, wanted, to[0]);
    b->across(rows, taps.spans, taps.groups, wanted, to[1]);
    for (unsigned i = 0; i < KERNEL_ROWS; i++) assert_memory_equal(to[0][i], to[1][i], 3 * (size_t)wanted);
    /* the same memory as rows of 16 samples */
    if (width + TAPS_GROUP > sizeof in / KERNEL_STRIDE) width = (uint32_t)(sizeof in / KERNEL_STRIDE) - TAPS_GROUP;
    assert_int_equal(taps_make(&taps, PREPROCESS_BICUBIC, width, wanted, 0, wanted), 0);
    for (uint32_t y = 0; y < wanted; y++) {
        const uint8_t *first = in + taps.spans[y].first * KERNEL_STRIDE;
        a->down(first, KERNEL_STRIDE, &taps.spans[y], taps.groups, KERNEL_STRIDE, out[0]);
        b->down(first, KERNEL_STRIDE, &taps.spans[y], taps.groups, KERNEL_STRIDE, out[1]);
        assert_memory_equal(out[0], out[1], KERNEL_STRIDE);
    }
    taps_free(&taps);
}

static void test_all_kernels_give_equal_bytes(void **state)
{
    (void)state;
#if defined(__x86_64__)
    uint64_t random = 16;
    if (!(cpu_features() & CPU_AVX2)) skip();
    for (unsigned round = 0; round < 200; round++) compare_kernels(&preprocess_kernels_portable, &preprocess_kernels_avx2, &random);
    if (!(cpu_features() & CPU_AVX512_VNNI)) return;
    assert_ptr_equal(preprocess_kernels(), &preprocess_kernels_avx512);
    for (unsigned round = 0; round < 200; round++) compare_kernels(&preprocess_kernels_portable, &preprocess_kernels_avx512, &random);
#else
    skip();
#endif
}

static void test_a_crop_is_a_part_of_the_whole_resized_picture(void **state)
{
    (void)state;
    uint64_t random = 7;
    struct preprocess_work *work = preprocess_work_new();
    for (unsigned round = 0; round < 60; round++) {
        uint32_t width = 1 + next_random(&random) % 150, height = 1 + next_random(&random) % 150;
        struct preprocess p = clip_at(1 + next_random(&random) % 60);
        struct image image = noise(width, height, &random), whole = {0};
        uint32_t longer = (uint32_t)((double)(p.size * (width > height ? width : height)) / (width > height ? height : width));
        uint32_t w = width > height ? longer : p.size, h = width > height ? p.size : longer;
        uint8_t *pixels = malloc(preprocess_pixels_size(&p));
        assert_int_equal(preprocess_pixels(&p, work, &image, pixels), 0);
        assert_int_equal(preprocess_resize(work, p.filter, &image, w, h, &whole), 0);
        uint32_t x = (uint32_t)rint((w - p.size) / 2.0), y = (uint32_t)rint((h - p.size) / 2.0);
        for (uint32_t row = 0; row < p.size; row++)
            assert_memory_equal(pixels + 3 * (size_t)row * p.size, whole.rgb + 3 * ((size_t)(y + row) * w + x),
                                3 * (size_t)p.size);
        free(pixels);
        image_free(&image);
        image_free(&whole);
    }
    preprocess_work_free(work);
}

static void test_the_longer_side_fits_and_black_fills_the_rest(void **state)
{
    (void)state;
    uint64_t random = 3;
    struct preprocess_work *work = preprocess_work_new();
    struct preprocess p = clip_at(40);
    struct image image = noise(100, 33, &random), whole = {0};
    uint8_t pixels[40 * 40 * 3];
    p.mode = PREPROCESS_LONGEST;
    assert_int_equal(preprocess_pixels(&p, work, &image, pixels), 0);
    assert_int_equal(preprocess_resize(work, p.filter, &image, 40, 13, &whole), 0); /* 33 / 2.5 = 13.2 */
    for (uint32_t y = 0; y < 40; y++)
        for (uint32_t i = 0; i < 120; i++) {
            bool inside = y >= 13 && y < 26; /* (40 - 13) / 2 rows above */
            assert_int_equal(pixels[y * 120 + i], inside ? whole.rgb[(y - 13) * 120 + i] : 0);
        }
    image_free(&image);
    image_free(&whole);
    image = noise(200, 1, &random); /* 1 / 5 rounds to 0 */
    assert_int_equal(preprocess_pixels(&p, work, &image, pixels), 1);
    assert_non_null(strstr(fail_message(), "200 x 1"));
    image_free(&image);
    preprocess_work_free(work);
}

static void test_the_longest_pictures_cost_little_or_are_refused(void **state)
{
    (void)state;
    uint64_t random = 5;
    struct preprocess_work *work = preprocess_work_new();
    struct preprocess p = clip_at(224);
    uint8_t *pixels = malloc(preprocess_pixels_size(&p));
    struct image wide = noise(3000000, 1, &random), tall = noise(1, 3000000, &random);
    assert_int_equal(preprocess_pixels(&p, work, &wide, pixels), 0);
    assert_int_equal(preprocess_pixels(&p, work, &tall, pixels), 0);
    p.mode = PREPROCESS_SQUASH;
    assert_int_equal(preprocess_pixels(&p, work, &wide, pixels), 0);
    assert_int_equal(preprocess_pixels(&p, work, &tall, pixels), 1);
    assert_non_null(strstr(fail_message(), "too long"));
    image_free(&wide);
    image_free(&tall);
    free(pixels);
    preprocess_work_free(work);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pictures_are_resized_and_cropped_as_by_pillow),
        cmocka_unit_test(test_squashing_and_bilinear_weights_are_pillows),
        cmocka_unit_test(test_the_smallest_pictures_are_enlarged),
        cmocka_unit_test(test_colour_comes_before_size),
        cmocka_unit_test(test_the_horizontal_pass_comes_first_in_tall_pictures_too),
        cmocka_unit_test(test_transparent_pictures_lie_over_white),
        cmocka_unit_test(test_crops_begin_where_the_kind_of_folder_says),
        cmocka_unit_test(test_samples_become_floats_bit_for_bit),
        cmocka_unit_test(test_all_kernels_give_equal_bytes),
        cmocka_unit_test(test_a_crop_is_a_part_of_the_whole_resized_picture),
        cmocka_unit_test(test_the_longer_side_fits_and_black_fills_the_rest),
        cmocka_unit_test(test_the_longest_pictures_cost_little_or_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
