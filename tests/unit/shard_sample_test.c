/* shard/sample.h: KEY.json as img2dataset writes it, keys as img2dataset numbers them. */
#include "shard/sample.h"

#include "pipeline/base/fail.h"
#include "shard/tar.h"
#include "tests/unit/shared.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>

/* One row whose cells are given by name; everything a sample needs around it. */
struct fixture {
    struct columns columns;
    struct sample_layout layout;
    struct batch batch;
    struct arena scratch;
    struct buf out;
    struct row *row;
};

static void fixture_open(struct fixture *f, const char *header)
{
    *f = (struct fixture){0};
    columns_init(&f->columns);
    assert_int_equal(columns_parse(&f->columns, str_from(header)), 0);
    assert_int_equal(sample_layout_init(&f->layout, &f->columns), 0);
    assert_int_equal(batch_init(&f->batch, &f->columns, 8 << 20), 0);
    arena_init(&f->scratch, 8 << 20);
    buf_init(&f->out, SAMPLE_JSON_MAX);
    f->row = batch_add(&f->batch);
}

static void fixture_set(struct fixture *f, const char *column, struct str value)
{
    size_t at = columns_find(&f->columns, str_from(column));
    assert_true(at != SIZE_MAX);
    assert_int_equal(row_set(&f->batch, f->row, at, value), 0);
}

static const char *fixture_json(struct fixture *f, const char *key)
{
    buf_clear(&f->out);
    assert_int_equal(sample_json(&f->layout, f->row, str_from(key), &f->scratch, &f->out), 0);
    return buf_c_string(&f->out);
}

static void fixture_close(struct fixture *f)
{
    sample_layout_free(&f->layout);
    batch_free(&f->batch);
    columns_free(&f->columns);
    arena_free(&f->scratch);
    buf_free(&f->out);
}

static void test_json_has_the_keys_of_img2dataset_then_our_own(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, "id\turl\ttext\tpage_url\tsrc_file\tsrc_record\tsrc_image\tsrc_text\tsha256\twidth\theight\t"
                     "exif_orientation\tstored\tstored_width\tstored_height\tsim_l14\tlicence_note");
    fixture_set(&f, "id", STR("0123456789abcdef0123456789abcdef"));
    fixture_set(&f, "url", STR("http://a.example/x?\"q\""));
    fixture_set(&f, "text", STR("Gr\xc3\xb6\xc3\x9f" "e \xf0\x9f\x90\x88 \t\x7f\x01"));
    fixture_set(&f, "sha256", STR("c9d9"));
    fixture_set(&f, "width", STR("640"));
    fixture_set(&f, "height", STR("480"));
    fixture_set(&f, "exif_orientation", STR("6"));
    fixture_set(&f, "stored", STR("jpeg"));
    fixture_set(&f, "stored_width", STR("512"));
    fixture_set(&f, "sim_l14", STR("0.3125"));
    row_set_place(&f.batch, f.row, (struct place){3, 14, 1, 0});
    assert_string_equal(fixture_json(&f, "000010005"),
                        "{\n"
                        "    \"caption\": \"Gr\\u00f6\\u00dfe \\ud83d\\udc08 \\t\\u007f\\u0001\",\n"
                        "    \"url\": \"http://a.example/x?\\\"q\\\"\",\n"
                        "    \"key\": \"000010005\",\n"
                        "    \"status\": \"success\",\n"
                        "    \"error_message\": null,\n"
                        "    \"width\": 512,\n"
                        "    \"height\": null,\n"
                        "    \"original_width\": 640,\n"
                        "    \"original_height\": 480,\n"
                        "    \"exif\": \"{\\\"Image Orientation\\\": \\\"Rotated 90 CW\\\"}\",\n"
                        "    \"sha256\": \"c9d9\",\n"
                        "    \"id\": \"0123456789abcdef0123456789abcdef\",\n"
                        "    \"place\": \"3.14.1.0\",\n"
                        "    \"page_url\": \"\",\n"
                        "    \"warc_date\": \"\",\n"
                        "    \"sim_l14\": 0.3125,\n"
                        "    \"licence_note\": \"\"\n"
                        "}");
    fixture_close(&f);
}

static void test_hostile_cells_stay_valid_json(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, "url\ttext\tstored\twidth\tmine");
    static const char *const widths[] = {"01", "1e", "nan", "-", "1.", "0x10", "", "1 ", "\xff", "80e1253", "12345678901234567890"};
    char all[256];
    for (int i = 0; i < 256; i++) all[i] = (char)i; /* damaged UTF-8 too */
    fixture_set(&f, "text", str_of(all, sizeof all));
    fixture_set(&f, "mine", STR("\"},{\"\\u0000"));
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        fixture_set(&f, "width", str_from(widths[i]));
        json_t *parsed = json_loads(fixture_json(&f, "0"), JSON_ALLOW_NUL, NULL);
        assert_non_null(parsed);
        assert_true(json_is_null(json_object_get(parsed, "original_width")));
        assert_string_equal(json_string_value(json_object_get(parsed, "mine")), "\"},{\"\\u0000");
        json_decref(parsed);
    }
    for (size_t i = 0; i < f.out.n; i++) assert_in_range((unsigned char)f.out.p[i], '\n', '~');
    fixture_close(&f);
}

static void test_numbers_keep_their_spelling(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, "url\ttext\tstored\tp_nsfw_l14");
    static const char *const good[] = {"0", "-0.5", "1e-7", "12.25E+3", "0.0000001", "123456789012345678"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char expected[64];
        snprintf(expected, sizeof expected, "\"p_nsfw_l14\": %s\n}", good[i]);
        fixture_set(&f, "p_nsfw_l14", str_from(good[i]));
        assert_non_null(strstr(fixture_json(&f, "0"), expected));
    }
    fixture_close(&f);
}

static void test_an_own_column_never_repeats_a_key(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, "url\ttext\tstored\tcaption\terror_message\tmine");
    const char *json = fixture_json(&f, "0");
    json_error_t error;
    json_t *parsed = json_loads(json, JSON_REJECT_DUPLICATES, &error);
    assert_non_null(parsed);
    assert_non_null(json_object_get(parsed, "mine"));
    json_decref(parsed);
    fixture_close(&f);
}

static void test_a_missing_column_is_named(void **state)
{
    (void)state;
    struct columns columns;
    struct sample_layout layout;
    columns_init(&columns);
    assert_int_equal(columns_parse(&columns, STR("id\turl\ttext")), 0);
    assert_int_equal(sample_layout_init(&layout, &columns), -1);
    assert_non_null(strstr(fail_message(), "'stored'"));
    assert_int_equal(fail_code(), EXIT_USAGE);
    columns_free(&columns);
}

static void test_keys_are_numbered_as_img2dataset_does(void **state)
{
    (void)state;
    static const struct {
        uint64_t samples, shard, index;
        unsigned shard_digits;
        const char *key;
    } cases[] = {
        {10000, 1, 5, 5, "000010005"},       {10000, 0, 0, 5, "000000000"},  {1000, 12, 999, 5, "00012999"},
        {1001, 1, 1000, 5, "000011000"},     {13, 1, 2, 5, "0000102"},       {1, 7, 0, 5, "000070"},
        {10000, 123456, 5, 5, "1234560005"}, {10000, 1, 5, 8, "000000010005"},
    };
    struct buf out;
    buf_init(&out, 64);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buf_clear(&out);
        unsigned digits = sample_index_digits(cases[i].samples);
        assert_int_equal(sample_key(&out, cases[i].shard, cases[i].index, cases[i].shard_digits, digits), 0);
        assert_string_equal(buf_c_string(&out), cases[i].key);
    }
    assert_int_equal(sample_key(&out, 0, 10, 5, 1), -1);
    assert_int_equal(sample_key(&out, UINT64_MAX / 5, 0, 5, 1), -1);
    buf_free(&out);
}

static void test_extensions_are_those_that_loaders_know(void **state)
{
    (void)state;
    assert_true(str_eq(sample_extension(STR("jpeg")), STR("jpg")));
    assert_true(str_eq(sample_extension(STR("webp")), STR("webp")));
    assert_null(sample_extension(STR("html")).p);
    assert_null(sample_extension(STR("")).p);
}

/* ---- against files that img2dataset wrote */

struct whole {
    struct str rest;
};
static int give_all(void *context, struct str *piece)
{
    struct whole *source = context;
    *piece = source->rest;
    source->rest = str_of(source->rest.p + source->rest.n, 0);
    return 0;
}

static const char *const common_keys[][2] = { /* of KEY.json, of our rows */
    {"caption", "text"},         {"url", "url"},           {"width", "stored_width"}, {"height", "stored_height"},
    {"original_width", "width"}, {"original_height", "height"}, {"sha256", "sha256"},
};

/* Whether our KEY.json of the same facts holds, byte for byte, what img2dataset wrote from "caption" to "sha256". */
static bool same_bytes(struct str theirs, struct str key)
{
    struct fixture f;
    fixture_open(&f, "id\turl\ttext\tsha256\twidth\theight\texif_orientation\tstored\tstored_width\tstored_height");
    json_t *facts = json_loadb(theirs.p, theirs.n, 0, NULL);
    assert_non_null(facts);
    for (size_t i = 0; i < sizeof common_keys / sizeof *common_keys; i++) {
        const json_t *value = json_object_get(facts, common_keys[i][0]);
        char number[32];
        if (json_is_integer(value)) snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
        if (json_is_null(value)) continue;
        fixture_set(&f, common_keys[i][1], str_from(json_is_integer(value) ? number : json_string_value(value)));
    }
    if (str_find(theirs, STR("Rotated 90 CW")) != SIZE_MAX) fixture_set(&f, "exif_orientation", STR("6"));
    json_decref(facts);
    char name[64];
    snprintf(name, sizeof name, "%.*s", STR_ARG(key));
    struct str ours = str_from(fixture_json(&f, name));
    size_t from = str_find(theirs, STR("\n    \"caption\""));
    bool same = str_find(ours, str_of(theirs.p + from, theirs.n - 2 - from)) != SIZE_MAX;
    fixture_close(&f);
    return same;
}

static void test_common_part_equals_img2dataset_byte_for_byte(void **state)
{
    (void)state;
    static const char *const files[] = {"data/peers/img2dataset-real/00000.tar", "data/peers/img2dataset-real/00001.tar",
                                        "data/peers/00000.tar"};
    size_t same = 0, null_exif = 0, null_caption = 0, all = 0;
    for (size_t i = 0; i < 3; i++) {
        const char *path = shared_path(files[i]);
        if (!path) skip();
        struct buf bytes, data;
        buf_init(&bytes, 64 << 20);
        buf_init(&data, 1 << 20);
        assert_int_equal(buf_read_file(&bytes, path), 0);
        struct whole source = {buf_str(&bytes)};
        struct tar_reader *r = tar_reader_open(give_all, NULL, &source);
        struct tar_member member;
        while (tar_reader_next(r, &member) > 0) {
            if (!str_ends(member.name, STR(".json"))) continue;
            buf_clear(&data);
            assert_int_equal(tar_reader_data(r, &data), 0);
            all++;
            if (same_bytes(buf_str(&data), str_of(member.name.p, member.name.n - 5))) same++;
            else if (str_find(buf_str(&data), STR("\"exif\": null")) != SIZE_MAX) null_exif++;
            else if (str_find(buf_str(&data), STR("\"caption\": null")) != SIZE_MAX) null_caption++;
        }
        tar_reader_close(r);
        buf_free(&data);
        buf_free(&bytes);
    }
    print_message("%zu of %zu equal; %zu differ by a null exif, %zu by a null caption\n", same, all, null_exif, null_caption);
    assert_int_equal(same + null_exif + null_caption, all);
    assert_int_equal(all, 12);
    assert_int_equal(same, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_has_the_keys_of_img2dataset_then_our_own),
        cmocka_unit_test(test_hostile_cells_stay_valid_json),
        cmocka_unit_test(test_numbers_keep_their_spelling),
        cmocka_unit_test(test_an_own_column_never_repeats_a_key),
        cmocka_unit_test(test_a_missing_column_is_named),
        cmocka_unit_test(test_keys_are_numbered_as_img2dataset_does),
        cmocka_unit_test(test_extensions_are_those_that_loaders_know),
        cmocka_unit_test(test_common_part_equals_img2dataset_byte_for_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
