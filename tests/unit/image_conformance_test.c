/* Every file of the image conformance set against its manifest; what differs, and why, stands in
 * tests/data/image-differences.tsv, and nothing may stand there that does not differ. */
#include "crawl/image/image.h"
#include "crawl/image/orientation.h"
#include "pipeline/base/hash.h"
#include "tests/unit/shared.h"
#include "tests/unit/tarball.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { FILES_MOST = 1000, DIFFERENCES_MOST = 200 };

enum field { FILE_NAME, FORMAT, WIDTH, HEIGHT, ORIENTED, EXPECTED, FRAMES, RGB8, ON_WHITE, TOLERANCE, REFERENCE, NOTE, SOURCE, FIELDS };

struct expectation {
    struct str field[FIELDS];
};

static struct buf manifest_text, differences_text;
static struct expectation manifest[FILES_MOST];
static size_t manifest_rows;

static struct {
    struct str file, aspect;
    bool seen;
} differences[DIFFERENCES_MOST];
static size_t difference_rows;
static unsigned unexplained;

static void read_manifest(const char *path)
{
    buf_init(&manifest_text, 16 << 20);
    assert_int_equal(buf_read_file(&manifest_text, path), 0);
    struct str rest = buf_str(&manifest_text);
    str_cut(&rest, '\n');
    while (rest.n) {
        struct str line = str_cut(&rest, '\n');
        assert_true(manifest_rows < FILES_MOST);
        for (int i = 0; i < FIELDS; i++) manifest[manifest_rows].field[i] = str_cut(&line, '\t');
        manifest_rows++;
    }
}

static void read_differences(void)
{
    buf_init(&differences_text, 1 << 20);
    assert_int_equal(buf_read_file(&differences_text, "tests/data/image-differences.tsv"), 0);
    struct str rest = buf_str(&differences_text);
    str_cut(&rest, '\n');
    while (rest.n) {
        struct str line = str_cut(&rest, '\n');
        if (!line.n) continue;
        assert_true(difference_rows < DIFFERENCES_MOST);
        differences[difference_rows].file = str_cut(&line, '\t');
        differences[difference_rows++].aspect = str_cut(&line, '\t');
    }
}

static void differs(struct str file, const char *aspect, struct str expected, const char *found)
{
    for (size_t i = 0; i < difference_rows; i++) {
        if (!str_eq(differences[i].file, file) || !str_eq(differences[i].aspect, str_from(aspect))) continue;
        differences[i].seen = true;
        return;
    }
    unexplained++;
    print_message("%.*s\t%s\texpected %.*s, found %s\n", STR_ARG(file), aspect, STR_ARG(expected), found);
}

static void compare(const struct expectation *e, enum field field, const char *aspect, const char *found)
{
    if (str_eq(e->field[field], STR("-"))) return; /* no reference */
    if (!str_eq(e->field[field], str_from(found))) differs(e->field[FILE_NAME], aspect, e->field[field], found);
}

static void compare_pixels(const struct expectation *e, struct str bytes, enum image_alpha alpha, struct image *image)
{
    enum image_status status;
    assert_int_equal(image_decode(bytes, &image_limits_default, alpha, image, &status), 0);
    assert_int_equal(status, IMAGE_OK);
    unsigned char digest[32];
    char hex[65];
    hash_sha256(str_of((const char *)image->rgb, image_bytes(image)), digest);
    for (int i = 0; i < 32; i++) snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    compare(e, alpha == IMAGE_OVER_WHITE ? ON_WHITE : RGB8, alpha == IMAGE_OVER_WHITE ? "on_white" : "rgb8", hex);
}

static const char *outcome(enum image_status status)
{
    if (status == IMAGE_OK) return "ok";
    return strncmp(image_status_name(status), "unsupported", 11) == 0 ? "unsupported" : "refuse";
}

static void check_file(const struct expectation *e, struct str bytes, struct image *image)
{
    struct image_info info;
    enum image_status status;
    char text[64];
    image_probe(bytes, &image_limits_default, &info);
    assert_int_equal(image_decode(bytes, &image_limits_default, IMAGE_OVER_WHITE, image, &status), 0);
    if (!str_eq(e->field[EXPECTED], STR("either"))) compare(e, EXPECTED, "outcome", outcome(status));
    if (status != IMAGE_OK || str_eq(e->field[RGB8], STR("-"))) return;
    compare(e, FORMAT, "format", image_format_name(info.format));
    snprintf(text, sizeof text, "%u", image->width);
    compare(e, WIDTH, "width", text);
    snprintf(text, sizeof text, "%u", image->height);
    compare(e, HEIGHT, "height", text);
    bool swaps = orientation_swaps(info.orientation);
    snprintf(text, sizeof text, "%ux%u", swaps ? info.height : info.width, swaps ? info.width : info.height);
    compare(e, ORIENTED, "oriented", text);
    snprintf(text, sizeof text, "%u", info.frames);
    compare(e, FRAMES, "frames", text);
    if (!str_eq(e->field[EXPECTED], STR("ok"))) return;
    compare_pixels(e, bytes, IMAGE_ALPHA_DROPPED, image);
    compare_pixels(e, bytes, IMAGE_OVER_WHITE, image);
}

static const struct expectation *find(const char *name)
{
    for (size_t i = 0; i < manifest_rows; i++)
        if (str_eq(manifest[i].field[FILE_NAME], str_from(name))) return &manifest[i];
    return NULL;
}

static void test_every_file_has_the_outcome_sizes_and_pixels_of_the_manifest(void **state)
{
    (void)state;
    const char *path = shared_path("data/conformance/images/manifest.tsv");
    if (!path) skip();
    read_manifest(path);
    read_differences();
    struct tarball tarball;
    assert_int_equal(tarball_open(&tarball, shared_path("data/conformance/images/images.tar.zst")), 0);
    struct image image = {0};
    char name[101];
    struct str bytes;
    size_t files = 0;
    while (tarball_next(&tarball, name, &bytes)) {
        const struct expectation *e = find(name);
        if (!e) fail_msg("%s is not in the manifest", name);
        check_file(e, bytes, &image);
        files++;
    }
    for (size_t i = 0; i < difference_rows; i++) {
        if (differences[i].seen) continue;
        unexplained++;
        print_message("%.*s\t%.*s\tlisted as different, but is not\n", STR_ARG(differences[i].file), STR_ARG(differences[i].aspect));
    }
    print_message("%zu files, %zu differences explained, %u not\n", files, difference_rows, unexplained);
    assert_int_equal(files, manifest_rows);
    assert_int_equal(unexplained, 0);
    image_free(&image);
    tarball_close(&tarball);
    buf_free(&manifest_text);
    buf_free(&differences_text);
}

/* ---- orientation/{Landscape,Portrait}_{0…8}.jpg: one photograph, stored in every way */

static double mean_difference(const struct image *a, const struct image *b)
{
    double sum = 0;
    for (size_t i = 0; i < image_bytes(a); i++) sum += abs(a->rgb[i] - b->rgb[i]);
    return sum / (double)image_bytes(a);
}

static void decode_upright(struct str bytes, struct image *upright)
{
    struct image stored = {0};
    struct image_info info;
    enum image_status status = image_probe(bytes, &image_limits_default, &info);
    assert_int_equal(status, IMAGE_OK);
    assert_int_equal(image_decode(bytes, &image_limits_default, IMAGE_OVER_WHITE, &stored, &status), 0);
    assert_int_equal(orientation_apply(&stored, info.orientation, upright), 0);
    image_free(&stored);
}

static void test_all_orientations_of_a_photograph_look_alike_once_upright(void **state)
{
    (void)state;
    const char *path = shared_path("data/conformance/images/images.tar.zst");
    if (!path) skip();
    struct tarball tarball;
    assert_int_equal(tarball_open(&tarball, path), 0);
    struct image first[2] = {{0}}, upright = {0};
    char name[101];
    struct str bytes;
    unsigned files = 0;
    while (tarball_next(&tarball, name, &bytes)) {
        if (strncmp(name, "orientation/", 12) != 0) continue;
        struct image *same = &first[strstr(name, "Portrait") != NULL];
        decode_upright(bytes, &upright);
        if (!same->rgb) decode_upright(bytes, same);
        assert_int_equal(upright.width, same->width);
        double difference = mean_difference(&upright, same);
        if (difference > 12) fail_msg("%s differs by %g levels", name, difference); /* a digit in the middle does differ */
        files++;
    }
    assert_int_equal(files, 18);
    image_free(&first[0]);
    image_free(&first[1]);
    image_free(&upright);
    tarball_close(&tarball);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_orientations_of_a_photograph_look_alike_once_upright),
        cmocka_unit_test(test_every_file_has_the_outcome_sizes_and_pixels_of_the_manifest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
