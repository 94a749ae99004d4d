/* The watermark classifier against another implementation of its file (filters/clip/train/watermark_reference.py), in every class of
 * processor; and files with something wrong in them. */
#include "filters/clip/watermark.h"

#include "pipeline/base/buf.h"
#include "tests/unit/clip_classes.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MODEL "filters/clip/watermark/model.safetensors"
enum { PATTERNS = 3 };

static void make_pattern(unsigned seed, uint8_t *pixels)
{
    for (unsigned y = 0; y < WATERMARK_SIDE; y++)
        for (unsigned x = 0; x < WATERMARK_SIDE; x++)
            for (unsigned c = 0; c < 3; c++) *pixels++ = (uint8_t)(((x * 3 + y * 5 * (c + 1)) ^ (x * y >> seed)) + 40 * c);
}

/* Patterns of tests/data/watermark/vectors.tsv: their seeds and probabilities. */
static size_t read_vectors(unsigned seeds[PATTERNS], double expected[PATTERNS])
{
    FILE *file = fopen("tests/data/watermark/vectors.tsv", "r");
    char line[1024];
    size_t n = 0;
    while (file && fgets(line, sizeof line, file) && n < PATTERNS) n += sscanf(line, "pattern:%u %lf", &seeds[n], &expected[n]) == 2;
    if (file) fclose(file);
    return n;
}

static bool agrees(const struct matmul *m)
{
    unsigned seeds[PATTERNS];
    double expected[PATTERNS], most = 0;
    float found[PATTERNS], alone;
    struct watermark *mark = watermark_open(MODEL, m);
    struct watermark_work *work = mark ? watermark_work_new(mark) : NULL;
    uint8_t *pixels = malloc((size_t)PATTERNS * WATERMARK_PIXELS);
    if (!work || !pixels || read_vectors(seeds, expected) != PATTERNS) return fprintf(stderr, "%s\n", fail_message()), false;
    for (size_t i = 0; i < PATTERNS; i++) make_pattern(seeds[i], pixels + i * WATERMARK_PIXELS);
    bool well = watermark_run(mark, work, pixels, PATTERNS, found) == 0 && watermark_run(mark, work, pixels + WATERMARK_PIXELS, 1, &alone) == 0;
    for (size_t i = 0; i < PATTERNS; i++) most = fmax(most, fabs((double)found[i] - expected[i]));
    bool equal = memcmp(&alone, &found[1], sizeof alone) == 0;
    if (most > 1e-4 || !equal) fprintf(stderr, "differs by %g; alone %s\n", most, equal ? "equal" : "unequal");
    watermark_work_free(work);
    watermark_close(mark);
    free(pixels);
    return well && most <= 1e-4 && equal;
}

static void test_probabilities_equal_plain_sums_in_every_class_of_processor(void **state)
{
    (void)state;
    assert_int_equal(failing_classes(agrees), 0);
}

static void test_a_picture_of_no_width_is_refused_and_any_other_squashed(void **state)
{
    (void)state;
    struct watermark *mark = watermark_open(MODEL, matmul_open(NULL));
    struct watermark_work *work = watermark_work_new(mark);
    uint8_t *pixels = malloc(WATERMARK_PIXELS);
    struct image image = {0};
    assert_int_equal(image_set_size(&image, 3, 1), 0);
    memcpy(image.rgb, (uint8_t[]){9, 9, 9, 9, 9, 9, 9, 9, 9}, 9);
    assert_int_equal(watermark_pixels(work, &image, pixels), 0);
    for (size_t i = 0; i < WATERMARK_PIXELS; i++) assert_int_equal(pixels[i], 9);
    image.width = 0;
    assert_int_equal(watermark_pixels(work, &image, pixels), 1);
    image_free(&image);
    free(pixels);
    watermark_work_free(work);
    watermark_close(mark);
}

/* ---- damaged files */

/* The model's file with `from` turned into `to`, which is as long, in its header, and `cut` bytes off its end. */
static void refuses(const char *from, const char *to, size_t cut, const char *reason)
{
    char path[] = "/tmp/winnow-watermark-XXXXXX";
    struct buf bytes;
    buf_init(&bytes, 1 << 20);
    assert_int_equal(buf_read_file(&bytes, MODEL), 0);
    char *at = memmem(bytes.p, bytes.n, from, strlen(from));
    assert_non_null(at);
    memcpy(at, to, strlen(to));
    FILE *file = fdopen(mkstemp(path), "w");
    assert_int_equal(fwrite(bytes.p, 1, bytes.n - cut, file), bytes.n - cut);
    fclose(file);
    buf_free(&bytes);
    assert_null(watermark_open(path, matmul_open(NULL)));
    assert_non_null(strstr(fail_message(), path));
    if (!strstr(fail_message(), reason)) fail_msg("'%s' has no '%s'", fail_message(), reason);
    unlink(path);
}

static void test_a_damaged_file_is_refused_with_the_tensor(void **state)
{
    (void)state;
    refuses("\"blocks.3.expand.weight\"", "\"blocks.3.expant.weight\"", 0, "tensor blocks.3.expand.weight: missing");
    refuses("\"out.weight\"", "\"out.weighd\"", 0, "tensor out.weight: missing");
    refuses("\"stem.bias\":{\"dtype\":\"F16\"", "\"stem.bias\":{\"dtype\":\"I16\"", 0, "tensor stem.bias");
    refuses("\"stem.weight\"", "\"stem.weight\"", 100, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_probabilities_equal_plain_sums_in_every_class_of_processor),
        cmocka_unit_test(test_a_picture_of_no_width_is_refused_and_any_other_squashed),
        cmocka_unit_test(test_a_damaged_file_is_refused_with_the_tensor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
