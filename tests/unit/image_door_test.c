/* What the decode door says to bytes that are no picture, to limits, and to what the encoders wrote. */
#include "crawl/image/encode.h"
#include "crawl/image/image.h"
#include "pipeline/base/fail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *status_of(struct str bytes)
{
    struct image_info info;
    return image_status_name(image_probe(bytes, &image_limits_default, &info));
}

static void test_other_files_are_called_by_their_names(void **state)
{
    (void)state;
    assert_string_equal(status_of(STR("")), "empty");
    assert_string_equal(status_of(STR("x")), "not_an_image");
    assert_string_equal(status_of(STR("<!DOCTYPE html><title>404</title>")), "not_an_image");
    assert_string_equal(status_of(STR("<!DOCTYPE html><svg></svg>")), "not_an_image");
    assert_string_equal(status_of(STR("%PDF-1.7")), "not_an_image");
    assert_string_equal(status_of(STR("\xef\xbb\xbf <?xml version='1.0'?><!-- a --><svg xmlns=''/>")), "unsupported_svg");
    assert_string_equal(status_of(STR("<?xml version='1.0'?><rss/>")), "not_an_image");
    assert_string_equal(status_of(STR("<svg/>")), "unsupported_svg");
    assert_string_equal(status_of(STR("II*\0........")), "unsupported_tiff");
    assert_string_equal(status_of(STR("BM....\0\0\0\0\x36\0\0\0\x28\0\0\0....")), "unsupported_bmp");
    assert_string_equal(status_of(STR("BMW is a company in Munich")), "not_an_image");
    assert_string_equal(status_of(STR("\0\0\1\0\1\0")), "unsupported_ico");
    assert_string_equal(status_of(STR("\xff\x0a....")), "unsupported_jxl");
    assert_string_equal(status_of(STR("\0\0\0\x18" "ftypheic\0\0\0\0mif1heic")), "unsupported_heic");
    assert_string_equal(status_of(STR("\0\0\0\x18" "ftypisom\0\0\0\0isommp41")), "not_an_image");
    assert_string_equal(status_of(STR("\0\0\0\x1c" "ftypmif1\0\0\0\0mif1avif")), "truncated");
}

static void test_every_status_has_a_name_for_rows(void **state)
{
    (void)state;
    for (int status = 0; status < IMAGE_STATUSES; status++) {
        const char *name = image_status_name((enum image_status)status);
        assert_non_null(name);
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_"), strlen(name));
        for (int other = 0; other < status; other++) assert_string_not_equal(name, image_status_name((enum image_status)other));
    }
}

static void gradient(struct image *image, uint32_t width, uint32_t height)
{
    assert_int_equal(image_set_size(image, width, height), 0);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++)
            for (unsigned c = 0; c < 3; c++) image->rgb[3 * (y * width + x) + c] = (uint8_t)(x + y * (c + 1));
}

/* Encodes, decodes and returns the largest difference of a sample. */
static int round_trip(enum image_format format, int quality)
{
    struct image before = {0}, after = {0};
    struct buf file, second;
    buf_init(&file, 1 << 20);
    buf_init(&second, 1 << 20);
    gradient(&before, 61, 43);
    enum image_status status;
    assert_int_equal(encode_image(&before, format, quality, &file), 0);
    assert_int_equal(encode_image(&before, format, quality, &second), 0);
    assert_true(str_eq(buf_str(&file), buf_str(&second)));
    assert_int_equal(image_decode(buf_str(&file), &image_limits_default, IMAGE_OVER_WHITE, &after, &status), 0);
    assert_int_equal(status, IMAGE_OK);
    assert_int_equal(after.width, 61);
    assert_int_equal(after.height, 43);
    int worst = 0;
    for (size_t i = 0; i < image_bytes(&before); i++) {
        int d = abs(before.rgb[i] - after.rgb[i]);
        if (d > worst) worst = d;
    }
    buf_free(&file);
    buf_free(&second);
    image_free(&before);
    image_free(&after);
    return worst;
}

static void test_what_is_written_reads_back(void **state)
{
    (void)state;
    assert_int_equal(round_trip(IMAGE_PNG, 0), 0);
    int fine = round_trip(IMAGE_JPEG, 100), coarse = round_trip(IMAGE_JPEG, 20);
    assert_true(fine < coarse && coarse < 160); /* the gradient wraps from 255 to 0: hard edges */
    fine = round_trip(IMAGE_WEBP, 100);
    assert_true(fine < 160);
}

static void test_limits_decide_before_pixels_are_made(void **state)
{
    (void)state;
    struct image image = {0}, small = {0};
    struct buf file;
    buf_init(&file, 1 << 20);
    gradient(&image, 100, 80);
    assert_int_equal(encode_image(&image, IMAGE_JPEG, 92, &file), 0);
    struct image_limits limits = image_limits_default;
    enum image_status status;
    limits.pixels = 7999;
    assert_int_equal(image_decode(buf_str(&file), &limits, IMAGE_OVER_WHITE, &small, &status), 0);
    assert_int_equal(status, IMAGE_TOO_MANY_PIXELS);
    assert_null(small.rgb);
    limits.pixels = 8000;
    assert_int_equal(image_decode(buf_str(&file), &limits, IMAGE_OVER_WHITE, &small, &status), 0);
    assert_int_equal(status, IMAGE_OK);
    limits.bytes = file.n - 1;
    assert_int_equal(image_decode(buf_str(&file), &limits, IMAGE_OVER_WHITE, &small, &status), 0);
    assert_int_equal(status, IMAGE_TOO_MANY_BYTES);
    buf_free(&file);
    image_free(&image);
    image_free(&small);
}

static void assert_decodes_to(struct str file, uint32_t least_width, uint32_t least_height, uint32_t width, uint32_t height)
{
    struct image image = {0};
    enum image_status status;
    const struct image_size least = {least_width, least_height};
    assert_int_equal(image_decode_at_least(file, &image_limits_default, IMAGE_OVER_WHITE, least, &image, &status), 0);
    assert_int_equal(status, IMAGE_OK);
    assert_int_equal(image.width, width);
    assert_int_equal(image.height, height);
    image_free(&image);
}

static void test_a_jpeg_comes_smaller_where_that_is_enough(void **state)
{
    (void)state;
    struct image image = {0};
    struct buf jpeg, png;
    buf_init(&jpeg, 1 << 20);
    buf_init(&png, 1 << 20);
    gradient(&image, 100, 81);
    assert_int_equal(encode_image(&image, IMAGE_JPEG, 92, &jpeg), 0);
    assert_int_equal(encode_image(&image, IMAGE_PNG, 0, &png), 0);
    assert_decodes_to(buf_str(&jpeg), 1, 1, 13, 11);
    assert_decodes_to(buf_str(&jpeg), 13, 11, 13, 11);
    assert_decodes_to(buf_str(&jpeg), 14, 1, 25, 21);
    assert_decodes_to(buf_str(&jpeg), 1, 22, 50, 41);
    assert_decodes_to(buf_str(&jpeg), 51, 1, 100, 81);
    assert_decodes_to(buf_str(&jpeg), UINT32_MAX, UINT32_MAX, 100, 81);
    assert_decodes_to(buf_str(&png), 1, 1, 100, 81);
    buf_free(&jpeg);
    buf_free(&png);
    image_free(&image);
}

static void test_a_smaller_decoding_shows_the_means_of_the_whole(void **state)
{
    (void)state;
    struct image image = {0}, half = {0};
    struct buf file;
    buf_init(&file, 1 << 20);
    assert_int_equal(image_set_size(&image, 64, 64), 0);
    for (size_t i = 0; i < image_bytes(&image); i++) image.rgb[i] = (uint8_t)(60 + i / 3 % 64 * 2 + i / 192); /* no wrap */
    assert_int_equal(encode_image(&image, IMAGE_JPEG, 100, &file), 0);
    enum image_status status;
    const struct image_size least = {32, 32};
    assert_int_equal(image_decode_at_least(buf_str(&file), &image_limits_default, IMAGE_OVER_WHITE, least, &half, &status), 0);
    assert_int_equal(half.width, 32);
    for (uint32_t y = 0; y < 32; y++)
        for (uint32_t x = 0; x < 32; x++) {
            const uint8_t *up = image.rgb + 3 * (2 * y * 64 + 2 * x), *down = up + 3 * 64;
            assert_true(abs((up[0] + up[3] + down[0] + down[3]) / 4 - half.rgb[3 * (y * 32 + x)]) <= 3);
        }
    buf_free(&file);
    image_free(&image);
    image_free(&half);
}

static void test_every_cut_of_every_format_is_refused(void **state)
{
    (void)state;
    static const enum image_format formats[] = {IMAGE_JPEG, IMAGE_PNG, IMAGE_WEBP};
    struct image image = {0}, decoded = {0};
    gradient(&image, 40, 30);
    for (size_t f = 0; f < 3; f++) {
        struct buf file;
        buf_init(&file, 1 << 20);
        assert_int_equal(encode_image(&image, formats[f], 80, &file), 0);
        size_t end = formats[f] == IMAGE_JPEG ? file.n - 2 : file.n - 1; /* a missing EOI loses no pixel; nor does padding */
        for (size_t n = 0; n < end; n++) {
            char *exact = malloc(n ? n : 1); /* so that the address sanitizer sees a byte read too far */
            memcpy(exact, file.p, n);
            enum image_status status;
            assert_int_equal(image_decode(str_of(exact, n), &image_limits_default, IMAGE_OVER_WHITE, &decoded, &status), 0);
            if (status == IMAGE_OK) fail_msg("%s cut at %zu of %zu decodes", image_format_name(formats[f]), n, file.n);
            enum image_status scaled;
            const struct image_size least = {1, 1};
            assert_int_equal(image_decode_at_least(str_of(exact, n), &image_limits_default, IMAGE_OVER_WHITE, least, &decoded, &scaled), 0);
            assert_int_equal(scaled, status);
            free(exact);
        }
        buf_free(&file);
    }
    image_free(&image);
    image_free(&decoded);
}

static void test_sides_too_long_for_a_format_are_a_failure_with_a_sentence(void **state)
{
    (void)state;
    struct image image = {0};
    struct buf file;
    buf_init(&file, 1 << 20);
    assert_int_equal(image_set_size(&image, 20000, 1), 0);
    memset(image.rgb, 0, image_bytes(&image));
    assert_int_equal(encode_image(&image, IMAGE_WEBP, 80, &file), -1);
    assert_non_null(strstr(fail_message(), "20000"));
    assert_int_equal(file.n, 0);
    assert_true(encode_side_most(IMAGE_WEBP) < 20000);
    image_free(&image);
    buf_free(&file);
}

static void test_versions_name_every_library(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 4096);
    assert_int_equal(image_versions(&text), 0);
    static const char *const names[] = {"libjpeg-turbo ", "libpng ", "libwebp ", "giflib ", "libavif "};
    for (size_t i = 0; i < 5; i++) assert_true(str_find(buf_str(&text), str_from(names[i])) != SIZE_MAX);
    print_message("%.*s\n", STR_ARG(buf_str(&text)));
    buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_other_files_are_called_by_their_names),
        cmocka_unit_test(test_every_status_has_a_name_for_rows),
        cmocka_unit_test(test_what_is_written_reads_back),
        cmocka_unit_test(test_limits_decide_before_pixels_are_made),
        cmocka_unit_test(test_a_jpeg_comes_smaller_where_that_is_enough),
        cmocka_unit_test(test_a_smaller_decoding_shows_the_means_of_the_whole),
        cmocka_unit_test(test_every_cut_of_every_format_is_refused),
        cmocka_unit_test(test_sides_too_long_for_a_format_are_a_failure_with_a_sentence),
        cmocka_unit_test(test_versions_name_every_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
