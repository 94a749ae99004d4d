/* The NSFW classifier against another implementation of the published graph (tests/interop/nsfw_reference.py), in every class of
 * processor; and files with something wrong in them. */
#include "filters/clip/nsfw.h"

#include "pipeline/base/buf.h"
#include "tests/unit/clip_classes.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MODEL "filters/clip/gantman/model.safetensors"
enum { PATTERNS = 3 };

static void make_pattern(unsigned seed, uint8_t *pixels)
{
    for (unsigned y = 0; y < NSFW_SIDE; y++)
        for (unsigned x = 0; x < NSFW_SIDE; x++)
            for (unsigned c = 0; c < 3; c++) *pixels++ = (uint8_t)(((x * 3 + y * 5 * (c + 1)) ^ (x * y >> seed)) + 40 * c);
}

/* Patterns of tests/data/nsfw/vectors.tsv: their seeds and probabilities. */
static size_t read_vectors(unsigned seeds[PATTERNS], double expected[PATTERNS][NSFW_CLASSES])
{
    FILE *file = fopen("tests/data/nsfw/vectors.tsv", "r");
    char line[1024];
    size_t n = 0;
    while (file && fgets(line, sizeof line, file) && n < PATTERNS) {
        double *p = expected[n];
        n += sscanf(line, "pattern:%u %lf %lf %lf %lf %lf", &seeds[n], &p[0], &p[1], &p[2], &p[3], &p[4]) == 6;
    }
    if (file) fclose(file);
    return n;
}

static bool agrees(const struct matmul *m)
{
    unsigned seeds[PATTERNS];
    double expected[PATTERNS][NSFW_CLASSES], most = 0;
    float found[PATTERNS][NSFW_CLASSES], alone[NSFW_CLASSES];
    struct nsfw *nsfw = nsfw_open(MODEL, m);
    struct nsfw_work *work = nsfw ? nsfw_work_new(nsfw) : NULL;
    uint8_t *pixels = malloc((size_t)PATTERNS * NSFW_PIXELS);
    if (!work || !pixels || read_vectors(seeds, expected) != PATTERNS) return fprintf(stderr, "%s\n", fail_message()), false;
    for (size_t i = 0; i < PATTERNS; i++) make_pattern(seeds[i], pixels + i * NSFW_PIXELS);
    bool well = nsfw_run(nsfw, work, pixels, PATTERNS, found[0]) == 0 && nsfw_run(nsfw, work, pixels + NSFW_PIXELS, 1, alone) == 0;
    for (size_t i = 0; i < PATTERNS; i++)
        for (size_t c = 0; c < NSFW_CLASSES; c++) most = fmax(most, fabs((double)found[i][c] - expected[i][c]));
    bool equal = memcmp(alone, found[1], sizeof alone) == 0;
    if (most > 2e-5 || !equal) fprintf(stderr, "differs by %g; alone %s\n", most, equal ? "equal" : "unequal");
    nsfw_work_free(work);
    nsfw_close(nsfw);
    free(pixels);
    return well && most <= 2e-5 && equal;
}

static void test_probabilities_equal_the_published_graph_in_every_class_of_processor(void **state)
{
    (void)state;
    assert_int_equal(failing_classes(agrees), 0);
}

static void test_a_picture_of_no_width_is_refused_and_any_other_squashed(void **state)
{
    (void)state;
    struct nsfw *nsfw = nsfw_open(MODEL, matmul_open(NULL));
    struct nsfw_work *work = nsfw_work_new(nsfw);
    uint8_t *pixels = malloc(NSFW_PIXELS);
    struct image image = {0};
    assert_int_equal(image_set_size(&image, 3, 1), 0);
    memcpy(image.rgb, (uint8_t[]){9, 9, 9, 9, 9, 9, 9, 9, 9}, 9);
    assert_int_equal(nsfw_pixels(work, &image, pixels), 0);
    for (size_t i = 0; i < NSFW_PIXELS; i++) assert_int_equal(pixels[i], 9);
    image.width = 0;
    assert_int_equal(nsfw_pixels(work, &image, pixels), 1);
    image_free(&image);
    free(pixels);
    nsfw_work_free(work);
    nsfw_close(nsfw);
}

/* ---- damaged files */

/* The model's file with `from` turned into `to`, which is as long, in its header. */
static void write_changed(const char *path, const char *from, const char *to, size_t cut)
{
    struct buf bytes;
    buf_init(&bytes, 16 << 20);
    assert_int_equal(buf_read_file(&bytes, MODEL), 0);
    char *at = memmem(bytes.p, bytes.n, from, strlen(from));
    assert_non_null(at);
    memcpy(at, to, strlen(to));
    FILE *file = fopen(path, "w");
    assert_int_equal(fwrite(bytes.p, 1, bytes.n - cut, file), bytes.n - cut);
    fclose(file);
    buf_free(&bytes);
}

static void refuses(const char *from, const char *to, size_t cut, const char *reason)
{
    char path[] = "/tmp/winnow-nsfw-XXXXXX";
    close(mkstemp(path));
    write_changed(path, from, to, cut);
    assert_null(nsfw_open(path, matmul_open(NULL)));
    assert_non_null(strstr(fail_message(), path));
    if (!strstr(fail_message(), reason)) fail_msg("'%s' has no '%s'", fail_message(), reason);
    unlink(path);
}

static void test_a_damaged_file_is_refused_with_the_tensor(void **state)
{
    (void)state;
    refuses("\"block_3_project/kernel\"", "\"block_3_project/kernal\"", 0, "tensor block_3_project/kernel: missing");
    refuses("\"dense_2/bias.range\"", "\"dense_2/bias.rangy\"", 0, "tensor dense_2/bias.range: missing");
    refuses("\"Conv1/kernel\":{\"dtype\":\"U8\"", "\"Conv1/kernel\":{\"dtype\":\"I8\"", 0, "tensor Conv1/kernel: missing, or not 864 numbers");
    refuses("\"Conv1/kernel\"", "\"Conv1/kernel\"", 100, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_probabilities_equal_the_published_graph_in_every_class_of_processor),
        cmocka_unit_test(test_a_picture_of_no_width_is_refused_and_any_other_squashed),
        cmocka_unit_test(test_a_damaged_file_is_refused_with_the_tensor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
