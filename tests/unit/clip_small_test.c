/* The built-in model: its towers against a reference in double and against another implementation's numbers, its word pieces,
 * its classes of pictures. */
#include "filters/clip/clip.h"

#include "filters/clip/tower.h"
#include "filters/clip/wordpiece.h"
#include "tests/unit/clip_classes.h"
#include "tests/unit/clip_files.h"
#include "tests/unit/shared.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BUILTIN "filters/clip/builtin"
enum { EMBED = 256, CONTEXT = 64 };

/* ---- word pieces */

static struct wordpiece *built_in_pieces(void)
{
    return wordpiece_open(BUILTIN "/vocab.txt", &(struct wordpiece_ids){.unknown = 1, .start = 2, .end = 3});
}

static void expect_ids(const struct wordpiece *p, struct wordpiece_work *w, const char *text, const char *expected)
{
    uint32_t ids[CONTEXT];
    char found[CONTEXT * 8] = "";
    int n = wordpiece_encode(p, w, str_from(text), ids, CONTEXT);
    for (int i = 0; i < n; i++) snprintf(found + strlen(found), sizeof found - strlen(found), i ? " %u" : "%u", ids[i]);
    assert_string_equal(found, expected);
}

static void test_texts_become_the_ids_that_they_should(void **state)
{
    (void)state;
    struct wordpiece *p = built_in_pieces();
    struct wordpiece_work *w = wordpiece_work_new();
    assert_non_null(p);
    assert_int_equal(wordpiece_count(p), 12000);
    expect_ids(p, w, "a photo of a cat", "2 43 4024 132 43 2903 3");
    expect_ids(p, w, "", "2 3");
    expect_ids(p, w, "A\tPHOTO\n of\r a  cat\x01", "2 43 4024 132 43 2903 3");
    expect_ids(p, w, "Caf\xC3\xA9 cr\xC3\xA8me, na\xC3\xAFve fa\xC3\xA7"
                     "ade & \xE2\x80\x9Cquotes\xE2\x80\x9D\xE2\x80\x94"
                     "dash",
               "2 4998 8068 10478 16 8832 4467 1642 1321 10 126 10624 2587 127 123 7156 3");
    expect_ids(p, w, "\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E text", "2 1 1 1 1878 3");
    expect_ids(p, w, "cat\xFF \xEF\xBF\xBD cat", "2 2903 2903 3"); /* what is no text is dropped */
    expect_ids(p, w, "[SEP]", "2 37 10080 39 3"); /* special tokens' names are words */
    uint32_t ids[5];
    assert_int_equal(wordpiece_encode(p, w, STR("cat cat cat cat cat"), ids, 5), 5);
    assert_int_equal(ids[4], 3);
    wordpiece_work_free(w);
    wordpiece_close(p);
}

static void refuse_pieces(const char *text, const char *reason)
{
    assert_null(wordpiece_parse("v", str_from(text), &(struct wordpiece_ids){.unknown = 0, .start = 1, .end = 2}));
    assert_string_equal(fail_message(), reason);
}

static void test_a_damaged_vocabulary_is_refused_with_its_line(void **state)
{
    (void)state;
    refuse_pieces("a\nb\n\nc\n", "v: line 3: an empty piece");
    refuse_pieces("a\nb\n##b\nb\n", "v: line 4: the piece of line 2 once more");
    refuse_pieces("a\nb\n\xC3\n", "v: line 3: not UTF-8");
    refuse_pieces("a\nb\n", "v: 2 pieces: the configuration names one beyond them");
    refuse_pieces("", "v: 0 pieces: the configuration names one beyond them");
    char long_piece[500];
    memset(long_piece, 'x', 401);
    long_piece[401] = 0;
    refuse_pieces(long_piece, "v: line 1: a piece of over 400 bytes");
}

static void test_a_word_is_cut_from_the_left_into_the_longest_pieces(void **state)
{
    (void)state;
    struct wordpiece *p = wordpiece_parse("v", STR("[U]\n[S]\n[E]\nab\nabc\n##d\n##de\n##e\n-\nd\n"),
                                          &(struct wordpiece_ids){.unknown = 0, .start = 1, .end = 2});
    struct wordpiece_work *w = wordpiece_work_new();
    char word[104];
    expect_ids(p, w, "abcde abd abx ab-d", "1 4 6 3 5 0 3 8 9 2");
    memset(word, 'd', 101);
    word[101] = 0;
    expect_ids(p, w, word, "1 0 2"); /* over 100 characters */
    wordpiece_work_free(w);
    wordpiece_close(p);
}

/* ---- towers against the reference */

#ifdef __SANITIZE_ADDRESS__
enum { PICTURES = 3, TEXTS = 7 }; /* a minute of checks at each access otherwise */
#else
enum { PICTURES = 9, TEXTS = 7 };
#endif
static const char *const captions[TEXTS] = {"a cat", "", "A photo shows a light-colored toad covered in bright green spots.",
                                            "word word word word word word word word word word word word word word word word word word word "
                                            "word word word word word word word word word word word word word word word word word word word "
                                            "word word word word word word word word word word word word word word word word word word word",
                                            "two o'clock", "a map of Africa", "x"};

static uint8_t *some_pixels(const struct clip *clip)
{
    size_t n = clip_pixels_size(clip), side = clip_pixels_side(clip);
    uint8_t *pixels = malloc(PICTURES * n);
    for (size_t i = 0; i < PICTURES * n; i++) {
        size_t picture = i / n, x = i % n / 3 % side, y = i % n / 3 / side;
        pixels[i] = (uint8_t)(128 + 127 * sin((double)(x * (picture + 1) + y * (i % 3 + 1) * 2) / 17.0));
    }
    return pixels;
}

struct embeddings {
    float pictures[PICTURES][EMBED], texts[TEXTS][EMBED];
};

static bool embed_all(const struct clip *clip, size_t pictures, struct embeddings *e)
{
    struct clip_work *w = clip_work_new(clip);
    uint8_t *pixels = some_pixels(clip);
    struct str texts[TEXTS];
    for (size_t i = 0; i < TEXTS; i++) texts[i] = str_from(captions[i]);
    bool well = w && clip_images(clip, w, pixels, pictures, &(struct clip_outputs){.embedding = e->pictures[0]}) == 0 &&
                clip_texts(clip, w, texts, TEXTS, &(struct clip_outputs){.embedding = e->texts[0]}) == 0;
    free(pixels);
    clip_work_free(w);
    return well;
}

static const struct embeddings *reference(void) /* of the first two pictures */
{
    static struct embeddings e;
    struct clip *clip = clip_open(BUILTIN, &(struct clip_options){.precision = CLIP_REFERENCE});
    if (!clip || !embed_all(clip, 2, &e)) fprintf(stderr, "%s\n", fail_message());
    clip_close(clip);
    return &e;
}

static bool alike(const float (*a)[EMBED], const float (*b)[EMBED], size_t n, double cosine, double error, const char *what)
{
    for (size_t i = 0; i < n; i++) {
        double most = 0, c = clip_cosine(a[i], b[i], EMBED);
        for (size_t k = 0; k < EMBED; k++) most = fmax(most, fabs((double)a[i][k] - b[i][k]));
        if (c >= cosine && most <= error) continue;
        fprintf(stderr, "%s %zu: cosine %.6f, largest difference %.3g\n", what, i, c, most);
        return false;
    }
    return true;
}

static const struct embeddings *expected;

static bool is_close(const struct matmul *m, enum clip_precision precision, double cosine, double error)
{
    struct embeddings e;
    const struct clip_options options = {.precision = precision, .class = matmul_class_name(matmul_class_of(m))};
    struct clip *clip = clip_open(BUILTIN, &options);
    bool well = clip && embed_all(clip, PICTURES, &e);
    if (!well) fprintf(stderr, "%s\n", fail_message());
    clip_close(clip);
    return well && alike(e.pictures, expected->pictures, 2, cosine, error, "picture") && alike(e.texts, expected->texts, TEXTS, cosine, error, "text");
}

static bool towers_are_close(const struct matmul *m)
{
    return is_close(m, CLIP_F32, 0.999999, 1e-5) && is_close(m, CLIP_BF16, 0.9995, 0.02) && is_close(m, CLIP_INT8, 0.985, 0.06);
}

static void test_every_precision_and_class_is_close_to_the_reference(void **state)
{
    (void)state;
    expected = reference();
    assert_int_equal(failing_classes(towers_are_close), 0);
}

static bool places_do_not_matter(const struct matmul *m)
{
    bool well = true;
    for (int precision = CLIP_F32; precision <= CLIP_INT8; precision++) {
        const struct clip_options options = {.precision = (enum clip_precision)precision, .class = matmul_class_name(matmul_class_of(m))};
        struct clip *clip = clip_open(BUILTIN, &options);
        struct clip_work *w = clip ? clip_work_new(clip) : NULL;
        struct embeddings e;
        float alone[EMBED];
        uint8_t *pixels = some_pixels(clip);
        well &= w && embed_all(clip, PICTURES, &e);
        for (size_t i = 0; well && i < PICTURES; i++)
            well = clip_images(clip, w, pixels + i * clip_pixels_size(clip), 1, &(struct clip_outputs){.embedding = alone}) == 0 &&
                   memcmp(alone, e.pictures[i], sizeof alone) == 0;
        for (size_t i = 0; well && i < TEXTS; i++)
            well = clip_texts(clip, w, &(struct str){captions[i], strlen(captions[i])}, 1, &(struct clip_outputs){.embedding = alone}) == 0 &&
                   memcmp(alone, e.texts[i], sizeof alone) == 0;
        free(pixels);
        clip_work_free(w);
        clip_close(clip);
    }
    return well;
}

static void test_pictures_and_texts_depend_on_no_companion(void **state)
{
    (void)state;
    assert_int_equal(failing_classes(places_do_not_matter), 0);
}

/* ---- against another implementation: its weights, from which the shipped ones were trained further */

static json_t *vectors;

static void link_into(const struct folder *f, const char *name, const char *file)
{
    char to[sizeof f->path + 64], *whole = realpath(file, NULL);
    snprintf(to, sizeof to, "%s/%s", f->path, name);
    assert_non_null(whole);
    assert_int_equal(symlink(whole, to), 0);
    free(whole);
}

static struct clip *open_given(const struct folder *f)
{
    char command[2 * 4096];
    link_into(f, "config.json", BUILTIN "/config.json");
    link_into(f, "vocab.txt", shared_path("data/builtin/vocab.txt"));
    link_into(f, "kind.safetensors", BUILTIN "/kind.safetensors");
    snprintf(command, sizeof command, "python3 " BUILTIN "/join.py '%s' '%s/model.safetensors'", shared_path("data/builtin"), f->path);
    assert_int_equal(system(command), 0);
    return clip_open(f->path, &(struct clip_options){.precision = CLIP_F32});
}

static bool numbers_equal(const float *x, const json_t *list, double error)
{
    for (size_t i = 0; i < EMBED; i++)
        if (!(fabs(x[i] - json_number_value(json_array_get(list, i))) <= error)) return false;
    return json_array_size(list) == EMBED;
}

static bool pictures_equal(const struct clip *clip, struct clip_work *w, const uint8_t *resized)
{
    json_t *list = json_object_get(vectors, "pictures");
    uint8_t *pixels = malloc(clip_pixels_size(clip));
    bool well = json_array_size(list) == 20;
    for (size_t i = 0; well && i < json_array_size(list); i++) {
        json_t *one = json_array_get(list, i);
        char name[300];
        struct buf bytes;
        struct image image = {.rgb = NULL};
        enum image_status status;
        float x[EMBED];
        snprintf(name, sizeof name, "data/builtin/%s", json_string_value(json_object_get(one, "file")));
        buf_init(&bytes, 1 << 20);
        well = buf_read_file(&bytes, shared_path(name)) == 0 &&
               image_decode(buf_str(&bytes), &image_limits_default, IMAGE_OVER_WHITE, &image, &status) == 0 && status == IMAGE_OK &&
               clip_pixels(clip, w, &image, pixels) == 0;
        if (well && memcmp(pixels, resized + i * clip_pixels_size(clip), clip_pixels_size(clip)) != 0) fprintf(stderr, "%s: other pixels\n", name), well = false;
        well = well && clip_images(clip, w, pixels, 1, &(struct clip_outputs){.embedding = x}) == 0;
        if (well && !numbers_equal(x, json_object_get(one, "embedding"), 1e-5)) fprintf(stderr, "%s: another embedding\n", name), well = false;
        buf_free(&bytes);
        image_free(&image);
    }
    free(pixels);
    return well;
}

static bool texts_equal(const struct clip *clip, struct clip_work *w)
{
    json_t *list = json_object_get(vectors, "texts");
    bool well = json_array_size(list) == 20;
    for (size_t i = 0; well && i < json_array_size(list); i++) {
        json_t *one = json_array_get(list, i), *ids = json_object_get(one, "ids");
        struct str text = str_from(json_string_value(json_object_get(one, "text")));
        uint32_t found[CONTEXT];
        float x[EMBED];
        int n = clip_tokens(clip, w, text, found);
        well = n > 0 && (size_t)n == json_array_size(ids) && clip_texts(clip, w, &text, 1, &(struct clip_outputs){.embedding = x}) == 0;
        for (int k = 0; well && k < n; k++) well = found[k] == json_integer_value(json_array_get(ids, (size_t)k));
        well = well && numbers_equal(x, json_object_get(one, "embedding_int8_weights"), 1e-5);
        if (!well) fprintf(stderr, "text %zu: other ids or another embedding\n", i);
    }
    return well;
}

static void test_pictures_and_texts_equal_another_implementation(void **state)
{
    (void)state;
    const char *path = shared_path("data/builtin/vectors.json");
    if (!path) skip();
    vectors = json_load_file(path, 0, NULL);
    struct buf resized;
    buf_init(&resized, 4 << 20);
    if (buf_read_file(&resized, shared_path("data/builtin/pictures/resized-160.npy")) < 0) fail_msg("%s", fail_message());
    struct folder folder = folder_new();
    struct clip *clip = open_given(&folder);
    if (!clip) fail_msg("%s", fail_message());
    struct clip_work *w = clip_work_new(clip);
    size_t numbers = 20 * clip_pixels_size(clip);
    assert_true(resized.n > numbers);
    assert_true(pictures_equal(clip, w, (const uint8_t *)resized.p + resized.n - numbers));
    assert_true(texts_equal(clip, w));
    clip_work_free(w);
    clip_close(clip);
    folder_remove(&folder);
    buf_free(&resized);
    json_decref(vectors);
}

/* ---- classes */

static void test_it_names_its_classes_of_pictures(void **state)
{
    (void)state;
    struct clip *clip = clip_open(BUILTIN, &(struct clip_options){.load = CLIP_LOAD_TOKENIZER});
    float *pooled = calloc(clip_image_width(clip), sizeof *pooled);
    double p[CLIP_PICTURE_CLASSES_MOST], sum = 0;
    assert_string_equal(clip_short_name(clip), "builtin");
    assert_int_equal(clip_picture_classes(clip), 6);
    assert_string_equal(clip_picture_class(clip, 3), "photo");
    clip_classify(clip, pooled, p);
    for (int i = 0; i < 6; i++) sum += p[i];
    assert_true(fabs(sum - 1) < 1e-12);
    free(pooled);
    clip_close(clip);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_become_the_ids_that_they_should),
        cmocka_unit_test(test_a_damaged_vocabulary_is_refused_with_its_line),
        cmocka_unit_test(test_a_word_is_cut_from_the_left_into_the_longest_pieces),
        cmocka_unit_test(test_every_precision_and_class_is_close_to_the_reference),
        cmocka_unit_test(test_pictures_and_texts_depend_on_no_companion),
        cmocka_unit_test(test_pictures_and_texts_equal_another_implementation),
        cmocka_unit_test(test_it_names_its_classes_of_pictures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
