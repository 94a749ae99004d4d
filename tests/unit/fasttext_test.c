/* fastText's files: the published language model answers as fastText does; made ones to the last sum; damaged ones are refused. */
#include "filters/language/fasttext.h"
#include "pipeline/base/fail.h"
#include "tests/unit/fasttext_made.h"
#include "tests/unit/shared.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <zstd.h>

static struct buf read_zstd(const char *path)
{
    struct buf packed, out;
    buf_init(&packed, 64 << 20);
    buf_init(&out, 256 << 20);
    assert_int_equal(buf_read_file(&packed, path), 0);
    unsigned long long size = ZSTD_getFrameContentSize(packed.p, packed.n);
    if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR) size = 64 << 20;
    assert_int_equal(buf_reserve(&out, (size_t)size), 0);
    out.n = ZSTD_decompress(out.p, (size_t)size, packed.p, packed.n);
    assert_false(ZSTD_isError(out.n));
    buf_free(&packed);
    return out;
}

static double number(struct str s)
{
    double value = 0; /* an absent second answer stands as 0 */
    str_to_double(s, &value);
    return value;
}

/* Column `column` of `texts` against `line l1 p1 l2 p2` of `answers`. */
static void compare(struct fasttext *model, const char *texts, unsigned column, const char *answers)
{
    char path[4096];
    snprintf(path, sizeof path, "%s", shared_path(texts));
    struct buf lines = read_zstd(path), expected = read_zstd(shared_path(answers));
    struct fasttext_work *work = fasttext_work_new(model);
    assert_non_null(work);
    struct str text = buf_str(&lines), answer = buf_str(&expected);
    str_cut(&answer, '\n');
    size_t count = 0;
    for (; text.n; count++) {
        struct str line = str_cut(&text, '\n'), cells = str_cut(&answer, '\n'), cell = STR_ABSENT;
        for (unsigned i = 0; i < column; i++) cell = str_cut(&line, '\t');
        struct fasttext_answer best[2] = {{.p = 0}, {.p = 0}};
        int n = fasttext_predict(model, work, cell, best, 2);
        assert_true(n >= 1);
        str_cut(&cells, '\t');
        for (int i = 0; i < 2; i++) {
            struct str label = str_cut(&cells, '\t'), p = str_cut(&cells, '\t');
            if (!str_eq(label, i < n ? best[i].label : STR("")) || fabs(number(p) - (i < n ? (double)best[i].p : 0)) > 1e-5)
                fail_msg("%s line %zu: %.*s %g, expected %.*s %.*s", texts, count, STR_ARG(best[i].label), (double)best[i].p, STR_ARG(label), STR_ARG(p));
        }
    }
    assert_true(count == 12000 || count == 7000);
    fasttext_work_free(work);
    buf_free(&lines);
    buf_free(&expected);
}

static void test_the_published_model_answers_as_fasttext_on_every_line(void **state)
{
    (void)state;
    const char *path = shared_path("data/lang/ref/lid.176.ftz");
    if (!path) skip();
    struct fasttext *model = fasttext_open(path);
    if (!model) fail_msg("%s", fail_message());
    assert_int_equal(fasttext_labels(model), 176);
    assert_true(fasttext_has_label(model, STR("en")));
    assert_false(fasttext_has_label(model, STR("__label__en")));
    compare(model, "data/lang/langid-test-5words.tsv.zst", 3, "data/lang/ref/langid-test-5words-fasttext.tsv.zst");
    compare(model, "data/lang/alttext-raw.tsv.zst", 2, "data/lang/ref/alttext-raw-fasttext.tsv.zst");
    fasttext_close(model);
}

static void test_an_empty_line_is_the_end_of_line_alone(void **state)
{
    (void)state;
    const char *path = shared_path("data/lang/ref/lid.176.ftz");
    if (!path) skip();
    struct fasttext *model = fasttext_open(path);
    struct fasttext_work *work = fasttext_work_new(model);
    struct fasttext_answer best[1];
    assert_int_equal(fasttext_predict(model, work, STR(""), best, 1), 1);
    assert_true(str_eq(best->label, STR("en")) && fabs((double)best->p - .1245) < 5e-5);
    fasttext_work_free(work);
    fasttext_close(model);
}

/* p of "en" for a text, by a made model */
static double p_en(const struct made *made, const char *text)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    made_model(&b, made);
    struct fasttext *model = fasttext_read(buf_str(&b));
    if (!model) fail_msg("%s", fail_message());
    struct fasttext_work *work = fasttext_work_new(model);
    struct fasttext_answer best[2];
    int n = fasttext_predict(model, work, str_from(text), best, 2);
    double p = n == 0 ? -1 : 0;
    for (int i = 0; i < n; i++)
        if (str_eq(best[i].label, STR("en"))) p = (double)best[i].p;
    fasttext_work_free(work);
    fasttext_close(model);
    buf_free(&b);
    return p;
}

static double softmax_en(double h0, double h1) /* output rows (0, .1) and (1, 1.1) */
{
    return 1 / (1 + exp(h0 * 1 + h1 * 1.1 - h1 * .1)) + 1e-5;
}
#define assert_near(a, b) assert_true(fabs((a) - (b)) < 1e-6)

static void test_rows_of_words_and_end_of_line_are_averaged(void **state)
{
    (void)state;
    struct made made = made_plain();
    assert_near(p_en(&made, "cat"), softmax_en(1, 1.1));           /* rows 0 and 2 */
    assert_near(p_en(&made, "cat chien"), softmax_en(1, 1.1));     /* rows 0, 1, 2 */
    assert_near(p_en(&made, "chien\tzzz\nchien"), softmax_en(4. / 3, 4. / 3 + .1)); /* 1, 1, 2: unknown words have no row */
    assert_near(p_en(&made, "__label__en"), softmax_en(2, 2.1));   /* a label in the text is no word */
    made.quantised = true;
    assert_near(p_en(&made, "cat chien"), softmax_en(1, 1.1));
}

static void test_losses(void **state)
{
    (void)state;
    struct made made = made_plain();
    made.loss = 4; /* one sigmoid a label, from fastText's table of 512 steps */
    double x = floor((.11 + 8) * 32) / 32 - 8;
    assert_near(p_en(&made, "cat"), 1 / (1 + exp(-x)) + 1e-5);
    made.loss = 1; /* the tree of two labels has one node, with output row 0; the rarer label is its left child */
    assert_near(p_en(&made, "cat"), 1 / (1 + exp(-.11)) + 1e-5);
}

/* Five labels whose output rows are zeros: all are equally likely. As fastText 0.9.2 answers, whose heap lets later ones stay. */
static void test_of_equal_labels_those_are_told_that_fasttext_tells(void **state)
{
    (void)state;
    static const int32_t arguments[] = {793712314, 12, 1, 5, 5, 1, 5, 1, 4, 3, 0, 0, 0, 100};
    static const char *const labels[] = {"__label__a", "__label__b", "__label__c", "__label__d", "__label__e"};
    struct buf b;
    buf_init(&b, 1 << 16);
    for (size_t i = 0; i < sizeof arguments / sizeof *arguments; i++) made_number(&b, (uint32_t)arguments[i], 4);
    made_number(&b, 0, 8);
    for (int i = 0; i < 3; i++) made_number(&b, (uint64_t[]){6, 1, 5}[i], 4);
    made_number(&b, 6, 8);
    made_number(&b, UINT64_MAX, 8);
    made_entry(&b, "</s>", 7, 0);
    for (int i = 0; i < 5; i++) made_entry(&b, labels[i], 1, 1);
    made_number(&b, 0, 1);
    made_dense(&b, 1, 1);
    made_number(&b, 0, 1);
    made_number(&b, 5, 8);
    made_number(&b, 1, 8);
    for (int i = 0; i < 5; i++) made_float(&b, 0);
    struct fasttext *model = fasttext_read(buf_str(&b));
    if (!model) fail_msg("%s", fail_message());
    struct fasttext_work *work = fasttext_work_new(model);
    static const char *const told[] = {"", "e", "ed", "ebd", "dbec", "dbeca"};
    for (int k = 1; k <= 5; k++) {
        struct fasttext_answer best[FASTTEXT_ANSWERS_MOST];
        char all[8] = "";
        assert_int_equal(fasttext_predict(model, work, STR("x"), best, k), k);
        for (int i = 0; i < k; i++) all[i] = best[i].label.p[0];
        if (strcmp(all, told[k]) != 0) fail_msg("of %d: %s", k, all);
    }
    fasttext_work_free(work);
    fasttext_close(model);
    buf_free(&b);
}

static uint32_t fnv(const char *s)
{
    uint32_t h = 2166136261u;
    for (; *s; s++) h = (h ^ (unsigned char)*s) * 16777619u;
    return h;
}

static void test_ngrams_of_characters_and_words_are_hashed(void **state)
{
    (void)state;
    struct made made = made_plain();
    made.minn = made.maxn = 3;
    made.bucket = 50;
    double a = 3 + fnv("<ab") % 50, b = 3 + fnv("ab>") % 50, h = (a + b + 2) / 3; /* an unknown word has its n-grams */
    assert_near(p_en(&made, "ab"), softmax_en(h, h + .1));
    made.minn = made.maxn = 0;
    made.word_ngrams = 2;
    uint64_t first = (uint64_t)(int64_t)(int32_t)fnv("cat"), second = (uint64_t)(int64_t)(int32_t)fnv("</s>");
    h = (0 + 2 + 3 + (double)((first * 116049371 + second) % 50)) / 3;
    assert_near(p_en(&made, "cat"), softmax_en(h, h + .1));
    made.kept = 10; /* rows of buckets 0, 3, 6, ... 27 alone are kept */
    made.quantised = true;
    uint64_t bucket = (first * 116049371 + second) % 50;
    h = bucket % 3 == 0 && bucket < 30 ? (0 + 2 + 3 + (double)(bucket / 3)) / 3 : 1;
    assert_near(p_en(&made, "cat"), softmax_en(h, h + .1));
}

static void assert_refused(struct made made, const char *why)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    made_model(&b, &made);
    assert_null(fasttext_read(buf_str(&b)));
    if (!strstr(fail_message(), why)) fail_msg("said: %s", fail_message());
    buf_free(&b);
}

static void test_models_that_cannot_be_used_are_refused(void **state)
{
    (void)state;
    struct made made = made_plain();
#define WITH(change) (made = made_plain(), change, made)
    assert_refused(WITH(made.version = 13), "version 13");
    assert_refused(WITH(made.kind = 2), "no classifier");
    assert_refused(WITH(made.loss = 5), "loss 5");
    assert_refused(WITH(made.maxn = 65), "longer than 64");
    assert_refused(WITH(made.word_ngrams = 2), "no buckets");
    assert_refused(WITH((made.bucket = 40, made.kept = 5)), "not quantised");
#undef WITH
    assert_null(fasttext_open("tests/unit/fasttext_test.c"));
    assert_non_null(strstr(fail_message(), "tests/unit/fasttext_test.c: "));
    assert_null(fasttext_open("no/such/file"));
}

static void test_a_model_that_ends_early_is_refused_wherever_it_ends(void **state)
{
    (void)state;
    struct made made = made_plain();
    made.bucket = 20, made.kept = 3, made.quantised = true, made.word_ngrams = 2;
    struct buf b;
    buf_init(&b, 1 << 20);
    made_model(&b, &made);
    for (size_t n = 0; n < b.n; n++) {
        char *cut = malloc(n + 1); /* of its own, so that a sanitizer sees a read behind it */
        memcpy(cut, b.p, n);
        struct fasttext *model = fasttext_read(str_of(cut, n));
        if (model) fail_msg("the first %zu of %zu bytes were taken for a model", n, b.n);
        free(cut);
    }
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_published_model_answers_as_fasttext_on_every_line),
        cmocka_unit_test(test_an_empty_line_is_the_end_of_line_alone),
        cmocka_unit_test(test_rows_of_words_and_end_of_line_are_averaged),
        cmocka_unit_test(test_losses),
        cmocka_unit_test(test_of_equal_labels_those_are_told_that_fasttext_tells),
        cmocka_unit_test(test_ngrams_of_characters_and_words_are_hashed),
        cmocka_unit_test(test_models_that_cannot_be_used_are_refused),
        cmocka_unit_test(test_a_model_that_ends_early_is_refused_wherever_it_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
