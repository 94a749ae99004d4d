/* Ids against those of the published tokenizers, by each form; vocabularies from every kind of file. */
#include "filters/clip/tokenizer.h"
#include "filters/clip/tokenizer_json.h"
#include "pipeline/base/fail.h"
#include "tests/unit/shared.h"
#include "tests/unit/tarball.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <time.h>

enum { CONTEXT = 77 };

static json_t *load(const char *name) /* NULL: not there */
{
    char relative[256];
    snprintf(relative, sizeof relative, "data/clip/%s", name);
    const char *path = shared_path(relative);
    json_error_t error;
    json_t *json = path ? json_load_file(path, JSON_ALLOW_NUL, &error) : NULL;
    if (path && !json) fail_msg("%s: %s", path, error.text);
    return json;
}

/* 0 and nothing printed when the ids are those expected. */
static unsigned differs(const struct tokenizer *t, struct tokenizer_work *work, json_t *text, json_t *expected)
{
    uint32_t ids[CONTEXT];
    struct str s = str_of(json_string_value(text), json_string_length(text));
    int n = tokenizer_encode(t, work, s, ids, CONTEXT);
    if (n < 0) fail_msg("%s", fail_message());
    bool equal = (size_t)n == json_array_size(expected);
    for (int i = 0; equal && i < n; i++) equal = ids[i] == (uint32_t)json_integer_value(json_array_get(expected, (size_t)i));
    if (equal) return 0;
    print_message("differs: %.*s:", STR_ARG(s));
    for (int i = 0; i < n; i++) print_message(" %u", ids[i]);
    print_message("\n");
    return 1;
}

static void test_texts_get_openais_ids(void **state)
{
    (void)state;
    static const char *const files[] = {"tokens.json", "tokens-extra.json"};
    /* from the form that winnow serves to that which cleans most: the first that a string has */
    static const char *const forms[] = {"ids_plain_specials", "ids_without_ftfy_and_unescape", "ids"};
    if (!shared_path("data/clip/tokens.json")) skip();
    struct tokenizer *t = tokenizer_open(NULL, TOKENIZER_OPENAI);
    struct tokenizer_work *work = tokenizer_work_new();
    unsigned wrong = 0, checked = 0;
    assert_non_null(t);
    json_t *extra = load("tokens-extra.json");
    if (!extra) skip();
    for (size_t f = 0; f < 2; f++) {
        json_t *json = load(files[f]), *c;
        size_t i;
        json_array_foreach (json_object_get(json, "cases"), i, c) {
            json_t *expected = NULL;
            for (size_t k = 0; !expected && k < 3; k++) expected = json_object_get(c, forms[k]);
            if (f == 0) { /* three strings with a literal have their form in the other file */
                size_t j;
                json_t *other;
                json_array_foreach (json_object_get(extra, "plain_specials_for_tokens_json"), j, other)
                    if (json_equal(json_object_get(other, "text"), json_object_get(c, "text")))
                        expected = json_object_get(other, "ids_plain_specials");
            }
            wrong += differs(t, work, json_object_get(c, "text"), expected);
            checked++;
        }
        json_decref(json);
    }
    json_decref(extra);
    assert_int_equal(wrong, 0);
    assert_int_equal(checked, 106 + 57);
    tokenizer_work_free(work);
    tokenizer_close(t);
}

static unsigned check_hugging_face(const struct tokenizer *t)
{
    struct tokenizer_work *work = tokenizer_work_new();
    unsigned wrong = 0;
    json_t *json = load("tokens-hf.json"), *c;
    size_t i;
    json_array_foreach (json_object_get(json, "cases"), i, c)
        wrong += differs(t, work, json_object_get(c, "text"), json_object_get(c, "ids"));
    assert_int_equal(i, 187);
    json_decref(json);
    tokenizer_work_free(work);
    return wrong;
}

static void test_texts_get_hugging_faces_ids(void **state)
{
    (void)state;
    if (!shared_path("data/clip/tokens-hf.json")) skip();
    struct tokenizer *t = tokenizer_open(NULL, TOKENIZER_HUGGING_FACE);
    assert_non_null(t);
    assert_int_equal(check_hugging_face(t), 0);
    tokenizer_close(t);
}

/* The members of the tokenizer's archive: copies, to be freed. */
struct files {
    struct buf tokenizer, vocab, merges;
};

static bool unpack(struct files *f)
{
    static struct tarball ball;
    char name[101];
    struct str bytes;
    const char *path = shared_path("data/clip/checkpoints/hf-tokenizer.tar.zst");
    if (!path || tarball_open(&ball, path) < 0) return false;
    buf_init(&f->tokenizer, 16 << 20);
    buf_init(&f->vocab, 16 << 20);
    buf_init(&f->merges, 16 << 20);
    while (tarball_next(&ball, name, &bytes)) {
        struct str n = str_from(name);
        struct buf *to = str_ends(n, STR("tokenizer.json")) ? &f->tokenizer
                         : str_ends(n, STR("vocab.json"))   ? &f->vocab
                         : str_ends(n, STR("merges.txt"))   ? &f->merges
                                                            : NULL;
        if (to) assert_int_equal(buf_add(to, bytes), 0);
    }
    tarball_close(&ball);
    return f->tokenizer.n && f->vocab.n && f->merges.n;
}

static void release(struct files *f)
{
    buf_free(&f->tokenizer);
    buf_free(&f->vocab);
    buf_free(&f->merges);
}

static void test_every_kind_of_file_gives_the_same_vocabulary(void **state)
{
    (void)state;
    struct files f;
    if (!unpack(&f)) skip();
    struct tokenizer *t = tokenizer_parse_json("tokenizer.json", buf_str(&f.tokenizer), TOKENIZER_HUGGING_FACE);
    if (!t) fail_msg("%s", fail_message());
    assert_int_equal(tokenizer_vocabulary(t), 49408);
    assert_int_equal(check_hugging_face(t), 0);
    tokenizer_close(t);
    t = tokenizer_parse_pair("vocab.json", buf_str(&f.vocab), buf_str(&f.merges), TOKENIZER_HUGGING_FACE);
    if (!t) fail_msg("%s", fail_message());
    assert_int_equal(tokenizer_start(t), 49406);
    assert_int_equal(tokenizer_end(t), 49407);
    assert_int_equal(check_hugging_face(t), 0);
    tokenizer_close(t);
    release(&f);
}

/* ---- without shared data ---- */

struct fixture {
    struct tokenizer *plain, *hugging_face;
    struct tokenizer_work *work;
};

static int open_both(void **state)
{
    static struct fixture f;
    f.plain = tokenizer_open(NULL, TOKENIZER_OPENAI);
    f.hugging_face = tokenizer_open(NULL, TOKENIZER_HUGGING_FACE);
    f.work = tokenizer_work_new();
    *state = &f;
    return f.plain && f.hugging_face && f.work ? 0 : -1;
}

static int close_both(void **state)
{
    struct fixture *f = *state;
    tokenizer_close(f->plain);
    tokenizer_close(f->hugging_face);
    tokenizer_work_free(f->work);
    return 0;
}

static void assert_ids(const struct tokenizer *t, struct tokenizer_work *work, struct str text, size_t n,
                       const uint32_t *expected)
{
    uint32_t ids[CONTEXT];
    assert_int_equal(tokenizer_encode(t, work, text, ids, CONTEXT), n);
    assert_memory_equal(ids, expected, n * sizeof *ids);
}
#define IDS(...) sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t), (const uint32_t[]){__VA_ARGS__}

static void test_plain_words_are_one_token_each(void **state)
{
    struct fixture *f = *state;
    assert_ids(f->plain, f->work, STR("a dog"), IDS(49406, 320, 1929, 49407));
    assert_ids(f->hugging_face, f->work, STR("  A\n\tDOG "), IDS(49406, 320, 1929, 49407));
    assert_ids(f->plain, f->work, STR(""), IDS(49406, 49407));
    assert_ids(f->hugging_face, f->work, STR(" \n"), IDS(49406, 49407));
}

static void test_literals_are_tokens_in_hugging_faces_form_alone(void **state)
{
    struct fixture *f = *state;
    uint32_t ids[CONTEXT];
    assert_ids(f->hugging_face, f->work, STR("a<|endoftext|>dog"), IDS(49406, 320, 49407, 1929, 49407));
    int n = tokenizer_encode(f->plain, f->work, STR("a<|endoftext|>dog"), ids, CONTEXT);
    for (int i = 1; i + 1 < n; i++) assert_true(ids[i] < 49406);
    assert_true(n > 5);
    /* in capitals they are ordinary text there too */
    n = tokenizer_encode(f->hugging_face, f->work, STR("<|ENDOFTEXT|>"), ids, CONTEXT);
    for (int i = 1; i + 1 < n; i++) assert_true(ids[i] < 49406);
}

static void test_long_texts_keep_their_end(void **state)
{
    struct fixture *f = *state;
    char text[400];
    uint32_t ids[CONTEXT];
    for (size_t i = 0; i < sizeof text; i++) text[i] = i % 2 ? ' ' : 'a';
    assert_int_equal(tokenizer_encode(f->plain, f->work, str_of(text, sizeof text), ids, CONTEXT), CONTEXT);
    for (int i = 1; i < CONTEXT - 1; i++) assert_int_equal(ids[i], 320);
    assert_int_equal(ids[CONTEXT - 1], 49407);
    assert_int_equal(tokenizer_encode(f->plain, f->work, str_of(text, sizeof text), ids, 2), 2);
    assert_int_equal(ids[1], 49407);
}

static void test_damaged_bytes_are_replacement_characters(void **state)
{
    struct fixture *f = *state;
    uint32_t a[CONTEXT], b[CONTEXT];
    int n = tokenizer_encode(f->hugging_face, f->work, STR("a \xFF\xC3 dog"), a, CONTEXT);
    assert_int_equal(tokenizer_encode(f->hugging_face, f->work, STR("a \uFFFD\uFFFD dog"), b, CONTEXT), n);
    assert_memory_equal(a, b, (size_t)n * sizeof *a);
}

/* A word without an end must not cost the square of its length. */
static void test_one_huge_word_is_encoded_in_time(void **state)
{
    struct fixture *f = *state;
    size_t n = (size_t)256 << 10;
    char *text = malloc(n);
    uint32_t ids[CONTEXT];
    clock_t start = clock();
    for (size_t i = 0; i < n; i++) text[i] = (char)('a' + (i * i + i / 7) % 26);
    assert_int_equal(tokenizer_encode(f->plain, f->work, str_of(text, n), ids, CONTEXT), CONTEXT);
    memset(text, 'a', n);
    assert_int_equal(tokenizer_encode(f->plain, f->work, str_of(text, n), ids, CONTEXT), CONTEXT);
    assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 20);
    free(text);
}

static void assert_refused(const char *json, const char *reason)
{
    assert_null(tokenizer_parse_json("tokenizer.json", str_from(json), TOKENIZER_HUGGING_FACE));
    if (!strstr(fail_message(), reason)) fail_msg("%s: not said in: %s", reason, fail_message());
}

static void test_other_tokenizers_are_refused_by_name(void **state)
{
    (void)state;
    assert_refused("{\"model\":{\"type\":\"Unigram\"}}", "model.type is Unigram");
    assert_refused("{\"model\":{\"type\":\"BPE\",\"end_of_word_suffix\":\"\"}}", "end_of_word_suffix");
    assert_refused("{\"model\":{\"end_of_word_suffix\":\"</w>\"},\"normalizer\":{\"type\":\"NFKC\"}}", "normalizer is NFKC");
    assert_refused("{\"model\":{\"end_of_word_suffix\":\"</w>\"},\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":["
                   "{\"type\":\"NFC\"}]}}", "Lowercase");
    assert_refused("{\"model\":{\"end_of_word_suffix\":\"</w>\"},\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":["
                   "{\"type\":\"NFC\"},{\"type\":\"Lowercase\"}]},\"pre_tokenizer\":{\"type\":\"Whitespace\"}}",
                   "pre_tokenizer");
    assert_refused("[1]", "not a JSON object");
    assert_refused("{\"a\":1,\"a\":2}", "duplicate");
    assert_null(tokenizer_parse_pair("vocab.json", STR("{\"a\":0}"), STR(""), TOKENIZER_OPENAI));
    assert_non_null(strstr(fail_message(), "no token for byte 0"));
}

/* ---- the large parts of tokenizer.json */

static bool names_of(const char *vocab, const char *token, uint32_t *id)
{
    struct vocabulary_names *names;
    struct arena strings;
    arena_init(&strings, 1 << 20);
    bool well = tokenizer_json_names("v", str_from(vocab), &strings, &names) == 0;
    if (well && token) well = vocabulary_id(names, str_from(token), id);
    if (well) vocabulary_names_free(names);
    arena_free(&strings);
    return well;
}

static void test_tokens_with_escapes_are_read(void **state)
{
    (void)state;
    static const char vocab[] = " { \"a\\\"b\" : 1 ,\n\"\\u0120x\":2,\"\\ud83d\\ude00\":3,\"\\\\\\/\":0 } ";
    uint32_t id;
    assert_true(names_of(vocab, "a\"b", &id) && id == 1);
    assert_true(names_of(vocab, "\u0120x", &id) && id == 2);
    assert_true(names_of(vocab, "\U0001F600", &id) && id == 3);
    assert_true(names_of(vocab, "\\/", &id) && id == 0);
    assert_true(names_of("{}", NULL, &id));
}

static void test_a_damaged_vocabulary_is_refused(void **state)
{
    (void)state;
    static const char *const damaged[] = {
        "",  "[]",  "{",  "{\"a\"}",  "{\"a\":}",  "{\"a\":1",  "{\"a\":1,}",  "{\"a\":-1}",  "{\"a\":1.5}",  "{\"a\":01}",
        "{\"a\":99999999999}",  "{\"a\":1}x",  "{\"a\":1,\"a\":2}",  "{\"\\q\":1}",  "{\"\\u12\":1}",  "{\"\\ud800\":1}",
        "{\"\\ud800\\u0041\":1}",  "{\"\\udc00\":1}",  "{\"\\u0000\":1}",  "{\"a",  "{\"a\\",  "{\"a\nb\":1}",  "{a:1}"};
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++)
        if (names_of(damaged[i], NULL, NULL)) fail_msg("read: %s", damaged[i]);
}

static void test_the_large_parts_are_found_in_any_order(void **state)
{
    (void)state;
    struct tokenizer_json j;
    static const char text[] = "{\"x\":[{\"model\":1},\"]\\\"}\",-1.5e3,true],\"model\":{\"type\":\"BPE\",\"merges\":[\"a b\",[\"],\",\"d\"]],"
                               "\"k\":null,\"vocab\":{\"}\":1}},\"last\":0}";
    assert_true(tokenizer_json_split(&j, str_from(text)));
    assert_true(str_eq(j.vocab, STR("{\"}\":1}")));
    assert_true(str_eq(j.merges, STR("[\"a b\",[\"],\",\"d\"]]")));
    assert_int_equal(tokenizer_json_count(j.merges), 2);
    assert_true(str_eq(buf_str(&j.rest), STR("{\"x\":[{\"model\":1},\"]\\\"}\",-1.5e3,true],\"model\":{\"type\":\"BPE\",\"merges\":[],"
                                             "\"k\":null,\"vocab\":{}},\"last\":0}")));
    buf_free(&j.rest);
    for (size_t n = 0; n < sizeof text - 30; n++) { /* cut anywhere before the parts' end */
        assert_false(tokenizer_json_split(&j, str_of(text, n)) && n < 100);
        buf_free(&j.rest);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokens_with_escapes_are_read),
        cmocka_unit_test(test_a_damaged_vocabulary_is_refused),
        cmocka_unit_test(test_the_large_parts_are_found_in_any_order),
        cmocka_unit_test(test_texts_get_openais_ids),
        cmocka_unit_test(test_texts_get_hugging_faces_ids),
        cmocka_unit_test(test_every_kind_of_file_gives_the_same_vocabulary),
        cmocka_unit_test_setup_teardown(test_plain_words_are_one_token_each, open_both, close_both),
        cmocka_unit_test_setup_teardown(test_literals_are_tokens_in_hugging_faces_form_alone, open_both, close_both),
        cmocka_unit_test_setup_teardown(test_long_texts_keep_their_end, open_both, close_both),
        cmocka_unit_test_setup_teardown(test_damaged_bytes_are_replacement_characters, open_both, close_both),
        cmocka_unit_test_setup_teardown(test_one_huge_word_is_encoded_in_time, open_both, close_both),
        cmocka_unit_test(test_other_tokenizers_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
