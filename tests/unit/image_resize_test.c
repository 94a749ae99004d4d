/* Geometry against img2dataset's recorded cases; pixels against the definitions, computed plainly; kernels against the
 * portable ones. */
#include "crawl/image/area.h"
#include "crawl/image/lanczos.h"
#include "crawl/image/orientation.h"
#include "crawl/image/resize.h"
#include "pipeline/base/cpu.h"
#include "tests/unit/shared.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static uint32_t next_random(uint32_t *state) { return *state = *state * 1664525u + 1013904223u; }

static void random_picture(struct image *image, uint32_t width, uint32_t height, uint32_t seed)
{
    assert_int_equal(image_set_size(image, width, height), 0);
    for (size_t i = 0; i < image_bytes(image); i++) image->rgb[i] = (uint8_t)(next_random(&seed) >> 24);
}

/* ---- geometry */

static enum resize_mode mode_named(const char *name)
{
    struct str choices = STR(RESIZE_MODE_CHOICES);
    for (unsigned mode = 0; choices.p; mode++)
        if (str_eq(str_cut(&choices, '|'), str_from(name))) return (enum resize_mode)mode;
    fail_msg("no mode %s", name);
    return RESIZE_NO;
}

static uint64_t number_at(const json_t *object, const char *key, size_t index)
{
    return (uint64_t)json_integer_value(json_array_get(json_object_get(object, key), index));
}

static void check_geometry(const json_t *c, unsigned line)
{
    struct resize_options options = {.mode = mode_named(json_string_value(json_object_get(c, "mode"))),
                                     .size = (uint32_t)json_integer_value(json_object_get(c, "image_size")),
                                     .only_if_bigger = json_is_true(json_object_get(c, "resize_only_if_bigger"))};
    struct resize_plan plan = resize_plan_for(&options, (uint32_t)json_integer_value(json_object_get(c, "w")),
                                              (uint32_t)json_integer_value(json_object_get(c, "h")));
    const char *interp = json_string_value(json_object_get(c, "interp"));
    enum resize_filter filter = !interp                            ? RESIZE_FILTER_NONE
                                : strcmp(interp, "area") == 0 ? RESIZE_FILTER_AREA
                                                              : RESIZE_FILTER_LANCZOS4;
    bool good = plan.filter == filter && plan.resized_width == number_at(c, "resized", 0) &&
                plan.resized_height == number_at(c, "resized", 1) && plan.width == number_at(c, "out", 0) &&
                plan.height == number_at(c, "out", 1) && plan.changes == json_is_true(json_object_get(c, "reencode_forced"));
    if (json_object_get(c, "crop_xy"))
        good = good && plan.crop_x == number_at(c, "crop_xy", 0) && plan.crop_y == number_at(c, "crop_xy", 1);
    if (json_object_get(c, "pad_top_bottom_left_right"))
        good = good && plan.pad_top == number_at(c, "pad_top_bottom_left_right", 0) &&
               plan.pad_left == number_at(c, "pad_top_bottom_left_right", 2);
    if (!good)
        fail_msg("line %u: resized %llu x %llu, out %llu x %llu, crop %u %u, pad %u %u, filter %d, changes %d", line,
                 (unsigned long long)plan.resized_width, (unsigned long long)plan.resized_height,
                 (unsigned long long)plan.width, (unsigned long long)plan.height, plan.crop_x, plan.crop_y, plan.pad_left,
                 plan.pad_top, plan.filter, plan.changes);
}

static void test_geometry_is_img2datasets(void **state)
{
    (void)state;
    const char *path = shared_path("data/peers/resize_geometry.jsonl");
    if (!path) skip();
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char line[2048];
    unsigned cases = 0;
    while (fgets(line, sizeof line, file)) {
        json_t *c = json_loads(line, 0, NULL);
        assert_non_null(c);
        check_geometry(c, ++cases);
        json_decref(c);
    }
    fclose(file);
    assert_int_equal(cases, 240);
}

static void test_sides_round_half_to_even_and_never_vanish(void **state)
{
    (void)state;
    struct resize_options options = {.mode = RESIZE_KEEP_RATIO_LARGEST, .size = 100};
    assert_int_equal(resize_plan_for(&options, 200, 5).resized_height, 2); /* 2.5 */
    assert_int_equal(resize_plan_for(&options, 200, 7).resized_height, 4); /* 3.5 */
    assert_int_equal(resize_plan_for(&options, 20000, 1).resized_height, 1);
}

static void test_results_beyond_the_limits_are_seen_before_they_are_made(void **state)
{
    (void)state;
    struct resize_options options = {.mode = RESIZE_KEEP_RATIO, .size = 256};
    struct resize_plan plan = resize_plan_for(&options, 1, 20000);
    assert_int_equal(plan.resized_height, 5120000);
    assert_false(resize_fits(&plan, &image_limits_default, RESIZE_SIDE_PNG));
    plan = resize_plan_for(&options, 1, 300);
    assert_true(resize_fits(&plan, &image_limits_default, RESIZE_SIDE_PNG));
    assert_false(resize_fits(&plan, &image_limits_default, RESIZE_SIDE_JPEG)); /* 76,800 pixels high */
    plan = resize_plan_for(&options, 1, 89478484);
    assert_false(resize_fits(&plan, &image_limits_default, RESIZE_SIDE_PNG));
    options.mode = RESIZE_CENTER_CROP; /* the scaled picture counts, though little of it would be kept */
    plan = resize_plan_for(&options, 1, 89478484);
    assert_false(resize_fits(&plan, &image_limits_default, RESIZE_SIDE_PNG));
}

/* ---- pixels */

static void test_shrinking_takes_the_exact_mean(void **state)
{
    (void)state;
    static const struct {
        uint32_t w, h, to_w, to_h;
    } shapes[] = {{7, 5, 3, 2}, {100, 80, 50, 40}, {101, 83, 50, 41}, {640, 3, 17, 2}, {1, 70000, 1, 300}, {70000, 1, 300, 1},
                  {40, 40000, 20, 33000}, {33, 33, 32, 32}, {4200, 4100, 3, 2}, {255, 191, 255, 191}, {3, 3, 1, 1}};
    struct image image = {0}, result = {0};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        random_picture(&image, shapes[i].w, shapes[i].h, (uint32_t)i);
        struct resize_plan plan = {.resized_width = shapes[i].to_w, .resized_height = shapes[i].to_h, .width = shapes[i].to_w,
                                   .height = shapes[i].to_h, .filter = RESIZE_FILTER_AREA, .changes = true};
        assert_int_equal(resize_apply(&image, &plan, &result), 0);
        uint64_t whole = (uint64_t)image.width * image.height, sums[3];
        for (uint32_t y = 0; y < result.height; y++) {
            for (uint32_t x = 0; x < result.width; x++) {
                area_cell(&image, shapes[i].to_w, shapes[i].to_h, x, y, sums);
                for (unsigned c = 0; c < 3; c++)
                    assert_int_equal(result.rgb[3 * ((size_t)y * result.width + x) + c], (sums[c] + whole / 2) / whole);
            }
        }
    }
    image_free(&image);
    image_free(&result);
}

static void test_area_weights_of_a_cell_add_up_to_its_size(void **state)
{
    (void)state;
    for (uint32_t source = 1; source < 40; source++) {
        for (uint32_t cells = 1; cells < 40; cells++) {
            for (uint32_t cell = 0; cell < cells; cell++) {
                struct area_span s = area_span_of(cell, source, cells);
                uint64_t sum = s.first_weight + s.last_weight;
                if (s.last > s.first) sum += (uint64_t)(s.last - s.first - 1) * cells;
                assert_int_equal(sum, source);
                assert_true(s.last < source);
            }
        }
    }
}

static double sinc(double t) { return t == 0 ? 1 : sin(M_PI * t) / (M_PI * t); }

/* One sample of the enlarged picture in double, straight from the definition. */
static double lanczos_sample(const struct image *image, double x, double y, unsigned channel)
{
    double sum = 0, weights = 0;
    int x0 = (int)floor(x), y0 = (int)floor(y);
    for (int j = y0 - 3; j <= y0 + 4; j++) {
        for (int i = x0 - 3; i <= x0 + 4; i++) {
            double weight = sinc(x - i) * sinc((x - i) / 4) * sinc(y - j) * sinc((y - j) / 4);
            int column = i < 0 ? 0 : i >= (int)image->width ? (int)image->width - 1 : i;
            int row = j < 0 ? 0 : j >= (int)image->height ? (int)image->height - 1 : j;
            sum += weight * image->rgb[3 * ((size_t)row * image->width + (size_t)column) + channel];
            weights += weight;
        }
    }
    double value = sum / weights;
    return value < 0 ? 0 : value > 255 ? 255 : value;
}

static void test_enlarging_is_lanczos4_within_rounding(void **state)
{
    (void)state;
    static const uint32_t shapes[][4] = {{9, 7, 31, 22}, {1, 1, 5, 5}, {50, 40, 64, 51}, {3, 90, 7, 211}};
    struct image image = {0}, result = {0};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        random_picture(&image, shapes[i][0], shapes[i][1], (uint32_t)i + 77);
        struct resize_plan plan = {.resized_width = shapes[i][2], .resized_height = shapes[i][3], .width = shapes[i][2],
                                   .height = shapes[i][3], .filter = RESIZE_FILTER_LANCZOS4, .changes = true};
        assert_int_equal(resize_apply(&image, &plan, &result), 0);
        for (uint32_t y = 0; y < result.height; y++) {
            for (uint32_t x = 0; x < result.width; x++) {
                double at_x = (x + 0.5) * image.width / result.width - 0.5, at_y = (y + 0.5) * image.height / result.height - 0.5;
                for (unsigned c = 0; c < 3; c++) {
                    double expected = lanczos_sample(&image, at_x, at_y, c);
                    double found = result.rgb[3 * ((size_t)y * result.width + x) + c];
                    if (fabs(found - expected) > 0.6) fail_msg("%u %u: %g, expected %g", x, y, found, expected);
                }
            }
        }
    }
    image_free(&image);
    image_free(&result);
}

static void test_crop_and_border_show_the_middle_of_the_scaled_picture(void **state)
{
    (void)state;
    struct image image = {0}, whole = {0}, part = {0};
    for (unsigned filter = 0; filter < 2; filter++) {
        random_picture(&image, filter ? 300 : 40, filter ? 200 : 30, 5);
        struct resize_options options = {.mode = RESIZE_KEEP_RATIO, .size = 64};
        struct resize_plan plan = resize_plan_for(&options, image.width, image.height);
        assert_int_equal(resize_apply(&image, &plan, &whole), 0);
        options.mode = RESIZE_CENTER_CROP;
        plan = resize_plan_for(&options, image.width, image.height);
        assert_int_equal(resize_apply(&image, &plan, &part), 0);
        for (uint32_t y = 0; y < 64; y++)
            assert_memory_equal(part.rgb + 3 * 64 * y, whole.rgb + 3 * ((y + plan.crop_y) * whole.width + plan.crop_x), 3 * 64);
        options.mode = RESIZE_KEEP_RATIO_LARGEST;
        plan = resize_plan_for(&options, image.width, image.height);
        assert_int_equal(resize_apply(&image, &plan, &whole), 0);
        options.mode = RESIZE_BORDER;
        plan = resize_plan_for(&options, image.width, image.height);
        assert_int_equal(resize_apply(&image, &plan, &part), 0);
        assert_int_equal(part.width * part.height, 64 * 64);
        assert_int_equal(part.rgb[0], 255);
        assert_memory_equal(part.rgb + 3 * 64 * plan.pad_top, whole.rgb, 3 * 64 * whole.height);
        assert_int_equal(part.rgb[3 * 64 * 64 - 1], 255);
    }
    image_free(&image);
    image_free(&whole);
    image_free(&part);
}

static void test_flat_pictures_stay_flat(void **state)
{
    (void)state;
    struct image image = {0}, result = {0};
    for (unsigned level = 0; level < 256; level += 51) {
        assert_int_equal(image_set_size(&image, 37, 23), 0);
        memset(image.rgb, (int)level, image_bytes(&image));
        for (uint32_t size = 5; size < 90; size += 17) {
            struct resize_options options = {.mode = RESIZE_KEEP_RATIO, .size = size};
            struct resize_plan plan = resize_plan_for(&options, 37, 23);
            assert_int_equal(resize_apply(&image, &plan, &result), 0);
            for (size_t i = 0; i < image_bytes(&result); i++) assert_int_equal(result.rgb[i], level);
        }
    }
    image_free(&image);
    image_free(&result);
}

/* ---- kernels */

enum { SAMPLES = 3 * 67 };

static void compare_with_portable(const struct resize_kernels *fast)
{
    const struct resize_kernels *plain = &resize_kernels_portable;
    uint32_t seed = 1;
    for (unsigned round = 0; round < 200; round++) {
        uint8_t a[SAMPLES + RESIZE_ROW_SLACK], b[SAMPLES + RESIZE_ROW_SLACK], bytes[2][SAMPLES + RESIZE_ROW_SLACK] = {{0}};
        uint32_t sums[2][SAMPLES + RESIZE_ROW_SLACK];
        int16_t wide[LANCZOS_TAPS][SAMPLES + RESIZE_ROW_SLACK], out[2][SAMPLES + RESIZE_ROW_SLACK];
        size_t samples = next_random(&seed) % SAMPLES;
        for (size_t i = 0; i < SAMPLES + RESIZE_ROW_SLACK; i++) {
            a[i] = (uint8_t)(next_random(&seed) >> 24);
            b[i] = (uint8_t)(next_random(&seed) >> 24);
            sums[0][i] = sums[1][i] = next_random(&seed) >> 8;
            for (unsigned k = 0; k < LANCZOS_TAPS; k++) wide[k][i] = (int16_t)((int32_t)(next_random(&seed) >> 17) - 6000);
        }
        uint32_t of_a = next_random(&seed) >> 17, of_b = next_random(&seed) >> 17;
        plain->area_rows(sums[0], a, b, of_a, of_b, samples, round % 2);
        fast->area_rows(sums[1], a, b, of_a, of_b, samples, round % 2);
        assert_memory_equal(sums[0], sums[1], sizeof sums[0]);

        struct area_span spans[40];
        uint32_t cells = 1 + next_random(&seed) % 40, source = 1 + next_random(&seed) % 60;
        for (uint32_t i = 0; i < cells; i++) spans[i] = area_span_of(i, source, cells);
        for (size_t i = 0; i < SAMPLES; i++) sums[0][i] = next_random(&seed) % (255 * 70000 + 1);
        uint32_t whole = 70000 * source; /* below 2^32 / 256 */
        plain->area_columns(sums[0], spans, cells, cells, whole / 2, 1.0 / whole, bytes[0]);
        fast->area_columns(sums[0], spans, cells, cells, whole / 2, 1.0 / whole, bytes[1]);
        assert_memory_equal(bytes[0], bytes[1], sizeof bytes[0]);

        struct area_taps few[40] = {{0}};
        for (uint32_t i = 0; i < cells; i++) {
            few[i].first = next_random(&seed) % 60;
            for (unsigned k = 0; k < AREA_TAPS; k++) few[i].weight[k] = next_random(&seed) % (source / AREA_TAPS + 1);
        }
        plain->area_columns_short(sums[0], few, cells, whole / 2, 1.0 / whole, bytes[0]);
        fast->area_columns_short(sums[0], few, cells, whole / 2, 1.0 / whole, bytes[1]);
        assert_memory_equal(bytes[0], bytes[1], sizeof bytes[0]);

        struct lanczos_taps taps[40];
        for (unsigned i = 0; i < 40; i++) {
            taps[i].first = next_random(&seed) % 60;
            for (unsigned k = 0; k < LANCZOS_TAPS; k++) taps[i].weight[k] = (int16_t)((next_random(&seed) >> 20) - 1000);
        }
        plain->lanczos_row(a, taps, 40, out[0]);
        fast->lanczos_row(a, taps, 40, out[1]);
        assert_memory_equal(out[0], out[1], 3 * 40 * sizeof out[0][0]);
        const int16_t *rows[LANCZOS_TAPS];
        for (unsigned k = 0; k < LANCZOS_TAPS; k++) rows[k] = wide[k];
        plain->lanczos_column(rows, taps[0].weight, samples, bytes[0]);
        fast->lanczos_column(rows, taps[0].weight, samples, bytes[1]);
        assert_memory_equal(bytes[0], bytes[1], sizeof bytes[0]);
    }
}

static void test_every_kernel_gives_the_portable_bytes(void **state)
{
    (void)state;
#if defined(__x86_64__)
    if (!(cpu_features() & CPU_AVX2)) skip();
    compare_with_portable(&resize_kernels_avx2);
    if (!(cpu_features() & CPU_AVX512_VNNI)) return;
    assert_ptr_equal(resize_kernels(), &resize_kernels_avx512);
    compare_with_portable(&resize_kernels_avx512);
#else
    skip();
#endif
}

/* ---- orientation */

static void test_the_eight_orientations_turn_upright(void **state)
{
    (void)state;
    /* a b c      the stored picture; what each orientation makes of it, rows joined by '/' */
    /* d e f */
    static const char *const upright[9] = {"", "abc/def", "cba/fed", "fed/cba", "def/abc", "ad/be/cf", "da/eb/fc", "fc/eb/da", "cf/be/ad"};
    struct image stored = {0}, turned = {0};
    assert_int_equal(image_set_size(&stored, 3, 2), 0);
    for (size_t i = 0; i < 18; i++) stored.rgb[i] = (uint8_t)("abcdef"[i / 3] + (i % 3 ? 100 : 0));
    for (unsigned orientation = 1; orientation <= 8; orientation++) {
        assert_int_equal(orientation_apply(&stored, orientation, &turned), 0);
        char found[16] = "";
        size_t n = 0;
        for (uint32_t y = 0; y < turned.height; y++) {
            if (y) found[n++] = '/';
            for (uint32_t x = 0; x < turned.width; x++) found[n++] = (char)turned.rgb[3 * (y * turned.width + x)];
        }
        assert_string_equal(found, upright[orientation]);
    }
    image_free(&stored);
    image_free(&turned);
}

static void test_large_pictures_turn_like_small_ones(void **state)
{
    (void)state;
    struct image stored = {0}, once = {0}, back = {0};
    static const unsigned undo[9] = {0, 1, 2, 3, 4, 5, 8, 7, 6};
    random_picture(&stored, 101, 67, 9);
    for (unsigned orientation = 1; orientation <= 8; orientation++) {
        assert_int_equal(orientation_apply(&stored, orientation, &once), 0);
        assert_int_equal(orientation_apply(&once, undo[orientation], &back), 0);
        assert_int_equal(back.width, stored.width);
        assert_memory_equal(back.rgb, stored.rgb, image_bytes(&stored));
    }
    image_free(&stored);
    image_free(&once);
    image_free(&back);
}

static void test_damaged_exif_means_upright(void **state)
{
    (void)state;
    assert_int_equal(orientation_of_exif(STR("Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0")), 6);
    assert_int_equal(orientation_of_exif(STR("II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x08\0\0\0")), 8);
    assert_int_equal(orientation_of_exif(STR("II*\0\x08\0\0\0\xff\xff\x12\x01\x03\0\x01\0\0\0\x08\0\0\0")), 8); /* count lies */
    assert_int_equal(orientation_of_exif(STR("II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x63\0\0\0")), 1);
    assert_int_equal(orientation_of_exif(STR("II*\0\xff\xff\xff\xff\x01\0")), 1);
    assert_int_equal(orientation_of_exif(STR("II*\0\x08\0\0\0\x01\0\x12\x01\x03\0")), 1); /* entry cut */
    assert_int_equal(orientation_of_exif(STR("Exif")), 1);
    assert_int_equal(orientation_of_exif(STR("")), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_geometry_is_img2datasets),
        cmocka_unit_test(test_sides_round_half_to_even_and_never_vanish),
        cmocka_unit_test(test_results_beyond_the_limits_are_seen_before_they_are_made),
        cmocka_unit_test(test_shrinking_takes_the_exact_mean),
        cmocka_unit_test(test_area_weights_of_a_cell_add_up_to_its_size),
        cmocka_unit_test(test_enlarging_is_lanczos4_within_rounding),
        cmocka_unit_test(test_crop_and_border_show_the_middle_of_the_scaled_picture),
        cmocka_unit_test(test_flat_pictures_stay_flat),
        cmocka_unit_test(test_every_kernel_gives_the_portable_bytes),
        cmocka_unit_test(test_the_eight_orientations_turn_upright),
        cmocka_unit_test(test_large_pictures_turn_like_small_ones),
        cmocka_unit_test(test_damaged_exif_means_upright),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
