/* Measures of pictures that show nothing, by hand; and the filter at its bound. */
#include "filters/picture/blank.h"

#include "tests/unit/filter_help.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct image plain(uint32_t width, uint32_t height, uint8_t level)
{
    struct image image = {0};
    assert_int_equal(image_set_size(&image, width, height), 0);
    memset(image.rgb, level, image_bytes(&image));
    return image;
}

static void test_measures_of_one_pixel(void **state)
{
    (void)state;
    float m[BLANK_MEASURES];
    struct image image = plain(1, 1, 255);
    blank_measure(&image, m);
    assert_float_equal(m[BLANK_COLOURS], 1, 0);
    assert_float_equal(m[BLANK_LARGEST], 1, 0);
    assert_float_equal(m[BLANK_EDGES], 0, 0);
    assert_float_equal(m[BLANK_FLAT], 1, 0);
    assert_float_equal(m[BLANK_SATURATION], 0, 0);
    assert_float_equal(m[BLANK_SIDE], 1, 0);
    image_free(&image);
}

static void test_measures_of_a_white_picture_with_a_red_corner(void **state)
{
    (void)state;
    enum { SIDE = 32, CORNER = 8 };
    float m[BLANK_MEASURES];
    struct image image = plain(SIDE, SIDE, 255);
    for (size_t y = 0; y < CORNER; y++)
        for (size_t x = 0; x < CORNER; x++) memset(image.rgb + (y * SIDE + x) * 3 + 1, 0, 2);
    blank_measure(&image, m);
    assert_float_equal(m[BLANK_COLOURS], 2, 0);
    assert_float_equal(m[BLANK_LARGEST], 1 - 64.0 / 1024, 1e-6);
    /* red's luma is 76: 16 steps of 179 among 2 * 32 * 31 neighbours */
    assert_float_equal(m[BLANK_EDGES], 16 * 179.0F / 1984, 1e-5F);
    assert_float_equal(m[BLANK_FLAT], 1, 0); /* the corner ends where fields of 2 x 2 do */
    assert_float_equal(m[BLANK_SATURATION], 255 * 64.0 / 1024, 1e-4);
    assert_float_equal(m[BLANK_SIDE], SIDE, 0);
    image_free(&image);
}

static void test_large_pictures_are_looked_at_on_a_lattice(void **state)
{
    (void)state;
    float m[BLANK_MEASURES];
    struct image image = plain(2000, 3, 10);
    memset(image.rgb + 4 * 3, 200, 3); /* on the lattice of every fourth pixel of the first row */
    memset(image.rgb + 6 * 3, 99, 3);  /* beside it */
    blank_measure(&image, m);
    assert_float_equal(m[BLANK_COLOURS], 2, 0);
    assert_float_equal(m[BLANK_LARGEST], 499.0 / 500, 1e-6);
    assert_float_equal(m[BLANK_SIDE], 3, 0);
    image_free(&image);
}

static double probability(uint32_t width, uint32_t height, bool noise, size_t kind)
{
    float m[BLANK_MEASURES];
    double kinds[BLANK_KINDS] = {0.02, 0.02, 0.02, 0.02, 0.02, 0.02};
    struct image image = plain(width, height, 240);
    for (size_t i = 0; noise && i < image_bytes(&image); i++) image.rgb[i] = (uint8_t)(i * i * 2654435761u >> 13);
    kinds[kind] = 0.9;
    blank_measure(&image, m);
    image_free(&image);
    return blank_probability(m, kinds);
}

static void test_one_colour_is_blank_whatever_the_classes_say_and_a_photograph_is_not(void **state)
{
    (void)state;
    enum { PHOTO = 3, PLACEHOLDER = 4 };
    for (size_t kind = 0; kind < BLANK_KINDS; kind++) assert_float_equal(probability(300, 200, false, kind), 1, 0);
    assert_float_equal(probability(1, 1, false, PHOTO), 1, 0);
    assert_true(probability(300, 200, true, PHOTO) < 0.01);
    assert_true(probability(300, 200, true, PLACEHOLDER) > probability(300, 200, true, PHOTO));
    assert_true(isfinite(probability(300, 200, true, PLACEHOLDER)));
}

static void test_the_filter_keeps_up_to_its_bound(void **state)
{
    (void)state;
    struct judged *j = judge_rule("picture.blank");
    assert_null(judge_row(j, "p_blank_builtin", "0.5", NULL));
    assert_non_null(judge_row(j, "p_blank_builtin", "0.50001", NULL));
    assert_non_null(judge_row(j, "p_blank_builtin", "", NULL));
    judge_free(j);
    j = judge_rule("picture.blank max=0.9");
    assert_null(judge_row(j, "p_blank_builtin", "0.9", NULL));
    judge_free(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_measures_of_one_pixel),
        cmocka_unit_test(test_measures_of_a_white_picture_with_a_red_corner),
        cmocka_unit_test(test_large_pictures_are_looked_at_on_a_lattice),
        cmocka_unit_test(test_one_colour_is_blank_whatever_the_classes_say_and_a_photograph_is_not),
        cmocka_unit_test(test_the_filter_keeps_up_to_its_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
