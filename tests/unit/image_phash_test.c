/* The perceptual hash against vectors that a Python program made from the definition, and what it is for. */
#include "crawl/image/encode.h"
#include "crawl/image/image.h"
#include "crawl/image/phash.h"
#include "crawl/image/resize.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void formula_picture(struct image *image, const uint32_t n[8])
{
    assert_int_equal(image_set_size(image, n[0], n[1]), 0);
    uint8_t *sample = image->rgb;
    for (uint32_t y = 0; y < n[1]; y++)
        for (uint32_t x = 0; x < n[0]; x++)
            for (uint32_t c = 0; c < 3; c++)
                *sample++ = (uint8_t)((n[2] * x * x + n[3] * y * y + n[4] * x * y + n[5] * c + n[6] * (x / 16 + y / 16)) >> n[7]);
}

static void test_vectors_of_the_definition(void **state)
{
    (void)state;
    struct buf text;
    struct image image = {0};
    buf_init(&text, 1 << 16);
    assert_int_equal(buf_read_file(&text, "tests/data/phash-vectors.tsv"), 0);
    struct str rest = buf_str(&text);
    str_cut(&rest, '\n');
    unsigned vectors = 0;
    for (; rest.n; vectors++) {
        struct str line = str_cut(&rest, '\n');
        uint32_t numbers[8];
        for (int i = 0; i < 8; i++) {
            uint64_t value;
            assert_int_equal(str_to_u64(str_cut(&line, '\t'), &value), 0);
            numbers[i] = (uint32_t)value;
        }
        formula_picture(&image, numbers);
        uint64_t hash;
        char hex[17];
        assert_int_equal(phash_of(&image, &hash), 0);
        snprintf(hex, sizeof hex, "%016llx", (unsigned long long)hash);
        if (!str_eq(line, str_from(hex))) fail_msg("vector %u: %s, expected %.*s", vectors, hex, STR_ARG(line));
    }
    assert_true(vectors >= 6);
    image_free(&image);
    buf_free(&text);
}

/* Something like a photograph: smooth, with structure at several scales. */
static void landscape(struct image *image)
{
    formula_picture(image, (const uint32_t[8]){640, 480, 2, 1, 3, 20000, 30000, 11});
}

static unsigned distance(const struct image *a, const struct image *b)
{
    uint64_t of_a, of_b;
    assert_int_equal(phash_of(a, &of_a), 0);
    assert_int_equal(phash_of(b, &of_b), 0);
    return (unsigned)__builtin_popcountll(of_a ^ of_b);
}

static void test_a_smaller_recompressed_copy_stays_near(void **state)
{
    (void)state;
    struct image original = {0}, small = {0}, again = {0};
    landscape(&original);
    struct resize_options options = {.mode = RESIZE_KEEP_RATIO_LARGEST, .size = 200};
    struct resize_plan plan = resize_plan_for(&options, original.width, original.height);
    assert_int_equal(resize_apply(&original, &plan, &small), 0);
    struct buf file;
    buf_init(&file, 1 << 20);
    enum image_status status;
    assert_int_equal(encode_image(&small, IMAGE_JPEG, 60, &file), 0);
    assert_int_equal(image_decode(buf_str(&file), &image_limits_default, IMAGE_OVER_WHITE, &again, &status), 0);
    assert_int_equal(status, IMAGE_OK);
    assert_true(distance(&original, &again) <= 4);
    buf_free(&file);
    image_free(&original);
    image_free(&small);
    image_free(&again);
}

static void test_another_picture_lies_far_away(void **state)
{
    (void)state;
    struct image a = {0}, b = {0};
    landscape(&a);
    formula_picture(&b, (const uint32_t[8]){500, 333, 1, 3, 2, 7000, 9000, 9});
    assert_true(distance(&a, &b) >= 16);
    image_free(&a);
    image_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors_of_the_definition),
        cmocka_unit_test(test_a_smaller_recompressed_copy_stays_near),
        cmocka_unit_test(test_another_picture_lies_far_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
