/* Lists of classes: their grammar, their vectors, and the labels of LAION's three lists. */
#include "filters/clip/zeroshot.h"

#include "pipeline/base/fail.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static struct zeroshot *parse(const char *text) { return zeroshot_parse("a.txt", STR("a"), str_from(text)); }

static void test_a_list_is_read_line_by_line(void **state)
{
    (void)state;
    struct zeroshot *z = parse("# pets\n\nlist pets\n take 2\ntemplate a photo of a {}.\nclass cat\nclass dog, hound\r\nprompt a dog\n");
    assert_non_null(z);
    assert_string_equal(zeroshot_name(z), "pets");
    assert_int_equal(zeroshot_take(z), 2);
    assert_int_equal(zeroshot_classes(z), 2);
    assert_true(str_eq(zeroshot_class(z, 1), STR("dog, hound")));
    assert_false(zeroshot_answers(z));
    zeroshot_close(z);
    z = parse("class a\nclass b");
    assert_string_equal(zeroshot_name(z), "a");
    assert_int_equal(zeroshot_take(z), 1);
    zeroshot_close(z);
}

static void test_what_is_wrong_is_said_with_its_line(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"class a\nclas b\n", "a.txt: line 2: 'clas'"},
        {"class a\n", "a.txt: a list needs two classes"},
        {"class a\nclass b\ntake 3\n", "a.txt: take 3 of 2 classes"},
        {"take 0\n", "a.txt: line 1: take is '0'"},
        {"take 33\n", "a.txt: line 1: take is '33'"},
        {"prompt x\n", "a.txt: line 1: a prompt before the first class"},
        {"template a photo\n", "a.txt: line 1: a template needs {}"},
        {"class a\nclass b\nanswer x no yes\n", "a.txt: no class is of the group 'x'"},
        {"group x\nclass a\nclass b\nanswer x no\n", "a.txt: take 1 needs 2 answers, not 1"},
        {"list Pets\n", "a.txt: line 1: 'Pets' is no name of a list"},
        {"class\n", "a.txt: line 1: class: nothing behind it"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_null(parse(wrong[i][0]));
        if (strncmp(fail_message(), wrong[i][1], strlen(wrong[i][1])) != 0) fail_msg("%s: %s", wrong[i][0], fail_message());
    }
}

/* ---- with a model */

struct model {
    struct clip *clip;
    struct clip_work *work;
    size_t embed;
};

static int open_model(void **state)
{
    static struct model m;
    m.clip = clip_open("tests/data/clip-tiny", &(struct clip_options){.load = CLIP_LOAD_TEXTS});
    if (!m.clip) return print_error("%s\n", fail_message()), -1;
    m.work = clip_work_new(m.clip);
    m.embed = clip_embed(m.clip);
    *state = &m;
    return 0;
}

static int close_model(void **state)
{
    struct model *m = *state;
    clip_work_free(m->work);
    clip_close(m->clip);
    return 0;
}

static void embed_text(const struct model *m, const char *text, float *out)
{
    const struct str s = str_from(text);
    assert_int_equal(clip_texts(m->clip, m->work, &s, 1, &(struct clip_outputs){.embedding = out}), 0);
}

static struct zeroshot *ready(const struct model *m, const char *text)
{
    struct zeroshot *z = parse(text);
    if (!z || zeroshot_embed(z, m->clip, m->work) < 0) fail_msg("%s", fail_message());
    return z;
}

static void test_a_vector_is_the_normalised_mean_of_its_prompts(void **state)
{
    const struct model *m = *state;
    struct zeroshot *z = ready(m, "take 2\ntemplate a {} on a mat\ntemplate the red {}\nclass cat\nclass tree\nfeature red\nprompt dog\n");
    float cat[2][64], tree[2][64], picture[64];
    double mean[64], length = 0, cosines[2];
    embed_text(m, "a cat on a mat", cat[0]);
    embed_text(m, "the red cat", cat[1]);
    embed_text(m, "tree, which has red", tree[0]); /* own prompts stand instead of the templates */
    embed_text(m, "dog", tree[1]);
    embed_text(m, "cat", picture);
    for (int k = 0; k < 2; k++) {
        length = cosines[k] = 0;
        for (size_t c = 0; c < m->embed; c++) mean[c] = (k ? tree : cat)[0][c] + (k ? tree : cat)[1][c];
        for (size_t c = 0; c < m->embed; c++) length += mean[c] * mean[c];
        for (size_t c = 0; c < m->embed; c++) cosines[k] += mean[c] / sqrt(length) * picture[c];
    }
    struct zeroshot_best best[ZEROSHOT_TAKE_MOST];
    zeroshot_apply(z, picture, best);
    assert_true(best[0].cosine >= best[1].cosine);
    for (int i = 0; i < 2; i++) {
        size_t k = best[i].class;
        assert_true(fabs(best[i].cosine - cosines[k]) < 1e-6);
        assert_true(fabs(best[i].probability - 1 / (1 + exp(100 * (cosines[1 - k] - cosines[k])))) < 1e-4);
    }
    zeroshot_close(z);
}

static void test_equal_cosines_go_to_the_first(void **state)
{
    const struct model *m = *state;
    struct zeroshot *z = ready(m, "take 3\nclass the tree\nclass cat\nclass cat\nclass cat\nclass dog\n");
    float picture[64];
    struct zeroshot_best best[ZEROSHOT_TAKE_MOST];
    embed_text(m, "cat", picture);
    zeroshot_apply(z, picture, best);
    for (size_t i = 0; i < 3; i++) assert_int_equal(best[i].class, i + 1);
    assert_true(fabs(best[0].probability - 1.0 / 3) < 1e-3);
    zeroshot_close(z);
}

static void test_answers_count_the_group_among_the_best(void **state)
{
    const struct model *m = *state;
    struct zeroshot *z = ready(m, "take 2\nanswer bad none one two\nclass mat\ngroup bad\nclass cat\nclass red cat\ngroup\nclass the tree\n");
    const struct zeroshot_best best[][2] = {{{.class = 0}, {.class = 3}}, {{.class = 0}, {.class = 2}}, {{.class = 2}, {.class = 1}}};
    assert_true(str_eq(zeroshot_label(z, best[0]), STR("none")));
    assert_true(str_eq(zeroshot_label(z, best[1]), STR("one")));
    assert_true(str_eq(zeroshot_label(z, best[2]), STR("two")));
    zeroshot_close(z);
}

static void test_laions_lists_keep_their_order_and_the_comma_trap(void **state)
{
    (void)state;
    static const struct {
        const char *path, *name;
        size_t classes, take, first_asked; /* index of the first class of the asked group */
        const char *one;                   /* the label when one of the best is asked for */
    } lists[] = {
        {"filters/lists/laion_nsfw.txt", "laion_nsfw", 36, 2, 19, "UNSURE"},
        {"filters/lists/laion_nsfw_asrun.txt", "laion_nsfw_asrun", 35, 2, 19, "UNSURE"},
        {"filters/lists/laion_age.txt", "laion_age", 8, 2, 0, "minor"},
        {"filters/lists/laion_animals.txt", "laion_animals", 33, 1, 21, "animal"},
    };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct zeroshot *z = zeroshot_open(lists[i].path);
        if (!z) fail_msg("%s", fail_message());
        assert_string_equal(zeroshot_name(z), lists[i].name);
        assert_int_equal(zeroshot_classes(z), lists[i].classes);
        assert_int_equal(zeroshot_take(z), lists[i].take);
        size_t other = lists[i].first_asked ? 0 : 4;
        const struct zeroshot_best best[2] = {{.class = lists[i].first_asked}, {.class = other}};
        assert_true(str_eq(zeroshot_label(z, best), str_from(lists[i].one)));
        if (lists[i].first_asked) {
            const struct zeroshot_best before[2] = {{.class = lists[i].first_asked - 1}, {.class = other}};
            assert_false(str_eq(zeroshot_label(z, before), str_from(lists[i].one)));
        }
        zeroshot_close(z);
    }
    struct zeroshot *asrun = zeroshot_open("filters/lists/laion_nsfw_asrun.txt");
    assert_true(str_eq(zeroshot_class(asrun, 5), STR("animal, bird, mammal, insectfashion, clothes")));
    assert_true(str_starts(zeroshot_class(asrun, 18), STR("porn"))); /* counts as safe there */
    zeroshot_close(asrun);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_list_is_read_line_by_line),
        cmocka_unit_test(test_what_is_wrong_is_said_with_its_line),
        cmocka_unit_test_setup_teardown(test_a_vector_is_the_normalised_mean_of_its_prompts, open_model, close_model),
        cmocka_unit_test_setup_teardown(test_equal_cosines_go_to_the_first, open_model, close_model),
        cmocka_unit_test_setup_teardown(test_answers_count_the_group_among_the_best, open_model, close_model),
        cmocka_unit_test(test_laions_lists_keep_their_order_and_the_comma_trap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
