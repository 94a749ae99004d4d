/* Other people's lists: splitting, cutting, picking from JSON, unpacking. */
#include "crawl/lists/input.h"
#include "crawl/lists/json.h"
#include "crawl/lists/list.h"
#include "pipeline/base/zframes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

static const struct list_shape tsv = {LIST_TSV, '\t'}, csv = {LIST_CSV, ','}, jsonl = {LIST_JSONL, 0};

/* Reads a whole list; records come out as "line:a|b|" with a line feed, damaged ones as "line!problem". */
static void read_list(struct buf *out, const struct list_shape *shape, struct str bytes, uint64_t first_line)
{
    static const struct list_field fields[] = {{STR("a"), 0}, {STR("b"), 1}};
    static const struct str names[] = {STR("a"), STR("b")};
    struct arena scratch;
    arena_init(&scratch, 1 << 20);
    struct list_reader r = {.shape = *shape, .fields = fields, .names = names, .field_count = 2, .width = 2, .rest = bytes,
                            .line = first_line, .scratch = &scratch};
    struct str values[2];
    for (enum list_result got; (got = list_next(&r, values)) != LIST_END;) {
        assert_int_equal(buf_printf(out, "%d", (int)r.record_line), 0);
        if (got == LIST_BAD) {
            assert_int_equal(buf_printf(out, "!%s\n", r.problem), 0);
            continue;
        }
        for (int i = 0; i < 2; i++)
            assert_int_equal(buf_printf(out, "%c%.*s", i ? '|' : ':', STR_ARG(values[i].p ? values[i] : STR("(absent)"))), 0);
        assert_int_equal(buf_byte(out, '\n'), 0);
    }
    arena_free(&scratch);
}

static void assert_reads(const struct list_shape *shape, struct str bytes, struct str expected)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    read_list(&out, shape, bytes, 1);
    if (!str_eq(buf_str(&out), expected)) fail_msg("got:\n%.*sexpected:\n%.*s", STR_ARG(buf_str(&out)), STR_ARG(expected));
    buf_free(&out);
}

static void test_tsv_has_no_quotes_and_no_escapes(void **state)
{
    (void)state;
    assert_reads(&tsv, STR("http://x/\t\"a\n\"b\"\t\\t'\n"), STR("1:http://x/|\"a\n2:\"b\"|\\t'\n"));
    assert_reads(&tsv, STR("a\tb\r\n\r\n\nc\td"), STR("1:a|b\n4:c|d\n"));
    assert_reads(&tsv, STR("\t\n"), STR("1:|\n"));
    assert_reads(&tsv, STR(""), STR(""));
}

static void test_wrong_number_of_fields_is_damage_with_its_line(void **state)
{
    (void)state;
    assert_reads(&tsv, STR("a\tb\na\nx\ty\tz\nc\td\n"),
                 STR("1:a|b\n2!1 field, expected 2\n3!3 fields, expected 2\n4:c|d\n"));
}

static void test_csv_quotes(void **state)
{
    (void)state;
    assert_reads(&csv, STR("\"a,b\",\"line one\nline \"\"two\"\"\"\r\nc,d\n"), STR("1:a,b|line one\nline \"two\"\n3:c|d\n"));
    assert_reads(&csv, STR("5\" pipe,\"x\"y\"z\n"), STR("1:5\" pipe|xy\"z\n")); /* as Python's csv reads them */
    assert_reads(&csv, STR("\"\",\"\"\"\"\n"), STR("1:|\"\n"));
    assert_reads(&csv, STR("a,\"never closed\nb,c\n"), STR("1:a|never closed\nb,c\n\n"));
}

static void test_json_lines(void **state)
{
    (void)state;
    assert_reads(&jsonl, STR("{\"a\": \"x\", \"b\": 1.5e3}\r\n \n{\"b\":null,\"c\":[{}]}\n[1]\n{\"a\":\"y\",\"a\":true}"),
                 STR("1:x|1.5e3\n3:(absent)|(absent)\n4!not a JSON object\n5:true|(absent)\n"));
}

/* Cut at any byte: the whole records of the first part, and then the rest, read like the uncut list. */
static void check_cuts(const struct list_shape *shape, struct str bytes)
{
    struct buf whole, parts;
    buf_init(&whole, 1 << 20);
    buf_init(&parts, 1 << 20);
    read_list(&whole, shape, bytes, 1);
    for (size_t n = 0; n <= bytes.n; n++) {
        struct list_cut cut = list_cut(shape, str_of(bytes.p, n), false);
        assert_true(cut.bytes <= n);
        assert_true(cut.records <= cut.lines);
        buf_clear(&parts);
        read_list(&parts, shape, str_of(bytes.p, cut.bytes), 1);
        read_list(&parts, shape, str_from_at(bytes, cut.bytes), 1 + cut.lines);
        if (!str_eq(buf_str(&parts), buf_str(&whole))) fail_msg("cut at %zu:\n%.*s", n, STR_ARG(buf_str(&parts)));
    }
    struct list_cut end = list_cut(shape, bytes, true);
    assert_int_equal(end.bytes, bytes.n);
    size_t records = 0; /* each begins a line that ends the way read_list writes it: by its number and a sign */
    for (size_t i = 0; i < whole.n; i++)
        if ((whole.p[i] == ':' || whole.p[i] == '!') && i && ascii_is_digit(whole.p[i - 1])) records++;
    assert_int_equal(end.records, records);
    buf_free(&whole);
    buf_free(&parts);
}

static void test_list_may_be_cut_anywhere(void **state)
{
    (void)state;
    check_cuts(&tsv, STR("a\tb\n\nc\t\"d\r\nbad\ne\tf"));
    check_cuts(&csv, STR("a,\"b\n,\"\"x\"\"\"\n\n\"c\",d\r\nbad\n5\" pipe,\"x\"y\"z\n\"\"\"\",\"\"\ne,\"f\n"));
    check_cuts(&jsonl, STR("{\"a\":1}\n\nbad\n{\"b\":\"\\\"\"}"));
}

static void test_skip_goes_behind_the_next_line_feed(void **state)
{
    (void)state;
    assert_int_equal(list_skip(STR("\"ab\ncd\n"), 0), 4);
    assert_int_equal(list_skip(STR("\"ab\ncd\n"), 4), 7);
    assert_int_equal(list_skip(STR("abc"), 0), SIZE_MAX);
    assert_int_equal(list_skip(STR("abc"), 9), SIZE_MAX);
}

static void test_header_is_split_like_a_record(void **state)
{
    (void)state;
    struct str fields[3];
    size_t used;
    assert_int_equal(list_split(&csv, STR("\"URL\",TEXT\r\nx"), fields, 3, &used, NULL), 2);
    assert_true(str_eq(fields[0], STR("URL")) && str_eq(fields[1], STR("TEXT")));
    assert_int_equal(used, 12);
    assert_int_equal(list_split(&tsv, STR("a\tb\tc\td\n"), fields, 3, &used, NULL), SIZE_MAX);
}

/* ---- JSON */

static void assert_picks(struct str text, struct str expected)
{
    static const struct str name = STR("k");
    struct arena scratch;
    arena_init(&scratch, 1 << 20);
    struct str value;
    const char *problem = json_pick(text, &name, 1, &value, &scratch);
    if (problem) fail_msg("%.*s: %s", STR_ARG(text), problem);
    if (!str_eq(value, expected) || (value.p == NULL) != (expected.p == NULL))
        fail_msg("%.*s: got %.*s", STR_ARG(text), STR_ARG(value));
    arena_free(&scratch);
}

static void test_json_values(void **state)
{
    (void)state;
    assert_picks(STR("{\"k\":\"a\\\"\\\\\\/\\b\\f\\n\\r\\tz\"}"), STR("a\"\\/\b\f\n\r\tz"));
    assert_picks(STR("{\"k\":\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\"}"), STR("Aé€😀"));
    assert_picks(STR("{\"k\":\"\\ud83d x\\ude00\\ud83d\\u0041\"}"), STR("\uFFFD x\uFFFD\uFFFDA"));
    assert_picks(STR("{\"\\u006b\":\"\"}"), STR(""));
    assert_picks(STR(" { \"j\" : [ 1 , { \"k\" : 2 } , [ ] ] , \"k\" : -0.5E+7 } "), STR("-0.5E+7"));
    assert_picks(STR("{\"k\":{\"x\":[1,\"]\"]},\"z\":false}"), STR("{\"x\":[1,\"]\"]}"));
    assert_picks(STR("{\"k\":NaN}"), STR_ABSENT);
    assert_picks(STR("{\"k\":-Infinity}"), STR_ABSENT);
    assert_picks(STR("{\"k\":null}"), STR_ABSENT);
    assert_picks(STR("{}"), STR_ABSENT);
    assert_picks(STR("{\"k\":\"raw\ttab\xFF\"}"), STR("raw\ttab\xFF"));
}

static void test_json_that_is_none_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "[]",
                                      "{",
                                      "{\"k\"}",
                                      "{\"k\":}",
                                      "{\"k\":1",
                                      "{\"k\":1,}",
                                      "{\"k\":01}",
                                      "{\"k\":1.}",
                                      "{\"k\":1e}",
                                      "{\"k\":-}",
                                      "{\"k\":tru}",
                                      "{\"k\":\"\\x\"}",
                                      "{\"k\":\"\\u12\"}",
                                      "{\"k\":\"\\u12",
                                      "{\"k\":\"open}",
                                      "{\"k\":\"\\",
                                      "{\"k\":[1 2]}",
                                      "{\"k\":[1,]}",
                                      "{\"k\":[1}}",
                                      "{\"k\":{\"x\" 1}}",
                                      "{\"k\":{1:2}}",
                                      "{k:1}",
                                      "{\"k\":1} x",
                                      "{\"k\":1}{}"};
    struct arena scratch;
    arena_init(&scratch, 1 << 20);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        static const struct str name = STR("k");
        struct str value;
        size_t n = strlen(bad[i]);
        char *exact = malloc(n ? n : 1); /* so that a read beyond is seen */
        assert_non_null(exact);
        memcpy(exact, bad[i], n);
        if (!json_pick(str_of(exact, n), &name, 1, &value, &scratch)) fail_msg("%s was taken", bad[i]);
        free(exact);
    }
    arena_free(&scratch);
}

static void test_json_depth_is_bounded(void **state)
{
    (void)state;
    char text[512];
    struct arena scratch;
    arena_init(&scratch, 1 << 20);
    for (int depth = JSON_DEPTH_MAX; depth <= JSON_DEPTH_MAX + 1; depth++) {
        static const struct str name = STR("k");
        struct str value;
        int n = sprintf(text, "{\"k\":");
        for (int i = 0; i < depth; i++) text[n++] = '[';
        for (int i = 0; i < depth; i++) text[n++] = ']';
        text[n++] = '}';
        assert_int_equal(json_pick(str_of(text, (size_t)n), &name, 1, &value, &scratch) == NULL, depth == JSON_DEPTH_MAX);
    }
    arena_free(&scratch);
}

/* ---- unpacking */

static const char file[] = "lists_test.tmp";

static void write_file(struct str bytes)
{
    FILE *f = fopen(file, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes.p, 1, bytes.n, f), bytes.n);
    assert_int_equal(fclose(f), 0);
}

static void read_file(struct buf *out, const char **damage)
{
    struct list_input in;
    buf_init(out, 64 << 20);
    assert_int_equal(list_input_open(&in, file), 0);
    int more;
    while ((more = list_input_more(&in, out)) > 0) {}
    assert_int_equal(more, 0);
    *damage = in.damage;
    if (!in.damage) assert_int_equal(in.stored_read, in.stored_size);
    list_input_close(&in);
    list_input_close(&in);
    unlink(file);
}

static void add_gzip_member(struct buf *out, struct str bytes)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(buf_reserve(out, deflateBound(&z, bytes.n)), 0);
    z.next_in = (unsigned char *)(uintptr_t)bytes.p;
    z.avail_in = (unsigned)bytes.n;
    z.next_out = (unsigned char *)out->p + out->n;
    z.avail_out = (unsigned)(out->room - out->n);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    out->n += z.total_out;
    deflateEnd(&z);
}

static void add_zstd_frame(struct buf *out, struct str bytes) { assert_int_equal(zframe_compress(out, bytes, 1, NULL), 0); }

static void make_text(struct buf *text)
{
    buf_init(text, 16 << 20);
    for (int i = 0; i < 200000; i++) assert_int_equal(buf_printf(text, "http://example.com/%d.jpg\tpicture %d\n", i * 7919, i), 0);
}

static void check_packed(void (*pack)(struct buf *, struct str))
{
    struct buf text, packed, got;
    const char *damage;
    make_text(&text);
    buf_init(&packed, 16 << 20);
    size_t half = text.n / 3;
    pack(&packed, str_of(text.p, half));
    size_t first_part = packed.n;
    pack(&packed, str_from_at(buf_str(&text), half));
    write_file(buf_str(&packed));
    read_file(&got, &damage);
    assert_null(damage);
    assert_true(str_eq(buf_str(&got), buf_str(&text)));
    buf_free(&got);

    write_file(str_of(packed.p, packed.n - 5)); /* cut: what came before is good */
    read_file(&got, &damage);
    assert_non_null(damage);
    assert_true(got.n >= half && str_starts(buf_str(&text), buf_str(&got)));
    buf_free(&got);

    write_file(str_of(packed.p, first_part)); /* a border is an end */
    read_file(&got, &damage);
    assert_null(damage);
    assert_int_equal(got.n, half);
    buf_free(&got);

    memset(packed.p + first_part + 30, 0xA5, 64);
    write_file(buf_str(&packed));
    read_file(&got, &damage);
    assert_non_null(damage);
    assert_true(got.n >= half && got.n < text.n);
    buf_free(&got);
    buf_free(&packed);
    buf_free(&text);
}

static void test_gzip_members(void **state) { (void)state; check_packed(add_gzip_member); }
static void test_zstd_frames(void **state) { (void)state; check_packed(add_zstd_frame); }

static void test_plain_and_empty_files(void **state)
{
    (void)state;
    struct buf text, got;
    const char *damage;
    make_text(&text);
    write_file(buf_str(&text));
    read_file(&got, &damage);
    assert_null(damage);
    assert_true(str_eq(buf_str(&got), buf_str(&text)));
    buf_free(&got);
    write_file(STR(""));
    read_file(&got, &damage);
    assert_null(damage);
    assert_int_equal(got.n, 0);
    buf_free(&got);
    buf_free(&text);
}

static void test_missing_file_says_its_name(void **state)
{
    (void)state;
    struct list_input in;
    assert_int_equal(list_input_open(&in, "no-such-list.tsv"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tsv_has_no_quotes_and_no_escapes),
        cmocka_unit_test(test_wrong_number_of_fields_is_damage_with_its_line),
        cmocka_unit_test(test_csv_quotes),
        cmocka_unit_test(test_json_lines),
        cmocka_unit_test(test_list_may_be_cut_anywhere),
        cmocka_unit_test(test_skip_goes_behind_the_next_line_feed),
        cmocka_unit_test(test_header_is_split_like_a_record),
        cmocka_unit_test(test_json_values),
        cmocka_unit_test(test_json_that_is_none_is_refused),
        cmocka_unit_test(test_json_depth_is_bounded),
        cmocka_unit_test(test_gzip_members),
        cmocka_unit_test(test_zstd_frames),
        cmocka_unit_test(test_plain_and_empty_files),
        cmocka_unit_test(test_missing_file_says_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
