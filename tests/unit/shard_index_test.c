/* shard/index_db.h: the tables of schemas/index.sql, filled, checked, published whole or not at all. */
#include "shard/index_db.h"

#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct fixture {
    char folder[64], path[96];
    struct columns samples, removed;
    struct batch batch;
    struct arena scratch;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    strcpy(f->folder, "/tmp/winnow-index-XXXXXX");
    if (!mkdtemp(f->folder)) return -1;
    snprintf(f->path, sizeof f->path, "%s/index.sqlite", f->folder);
    columns_init(&f->samples);
    columns_init(&f->removed);
    columns_parse(&f->samples, STR("id\turl\ttext\tsrc_file\twidth\timage_pack\timage_offset\tsim_l14\tmine\tshard\tkey\t"
                                   "sample_offset\tsample_length"));
    columns_parse(&f->removed, STR("id\turl\ttext\tsrc_file\trule\tmeasured\tbound\talso\tstage"));
    arena_init(&f->scratch, 8 << 20);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    unlink(f->path);
    rmdir(f->folder); /* fails, and so leaves a trace, when a .tmp stayed behind */
    bool clean = access(f->folder, F_OK) != 0;
    columns_free(&f->samples);
    columns_free(&f->removed);
    arena_free(&f->scratch);
    free(f);
    return clean ? 0 : -1;
}

/* A row from a line of cells, in a batch that the next call reuses. */
static struct row *row_of(struct fixture *f, const struct columns *columns, const char *line)
{
    batch_free(&f->batch);
    assert_int_equal(batch_init(&f->batch, columns, 1 << 20), 0);
    struct row *row = batch_add(&f->batch);
    struct str rest = str_from(line);
    for (size_t i = 0; i < columns->count; i++) row->cells[i] = str_cut(&rest, '\t');
    return row;
}

static void add_stage_and_shard(struct index_builder *b)
{
    struct index_stage stage = {1, 7, STR("01-filter"), STR("filter"), STR("{}")};
    struct index_shard shard = {0, 2, 12288, STR("00000.tar"), STR("00ff")};
    assert_int_equal(index_builder_stage(b, &stage), 0);
    assert_int_equal(index_builder_shard(b, &shard), 0);
}

static const char first_sample[] = "0a\thttp://x/1\tone\\ttwo\t0\t640\tp.tar\t512\t0.25\t\t0\t000000000\t0\t3072";
static const char second_sample[] = "0b\thttp://x/2\t\t4\t18446744073709551615\tp.tar\t900\t\tmy\t0\t000000007\t3072\t4096";
static const char removed_row[] = "0c\thttp://x/3\tno\t4\ttext.short\t1\t>= 3\t\tfilter";

static int build(struct fixture *f, const char *second)
{
    struct index_builder *b = index_builder_open(f->path, &f->samples, &f->removed);
    assert_non_null(b);
    add_stage_and_shard(b);
    struct index_rule rule = {.step = 1, .position = 1, .removed = 1, .rule = STR("text.short"), .served = true};
    int result = index_builder_rule(b, &rule);
    if (result == 0) result = index_builder_sample(b, row_of(f, &f->samples, first_sample), &f->scratch);
    if (result == 0) result = index_builder_sample(b, row_of(f, &f->samples, second), &f->scratch);
    if (result == 0) result = index_builder_input(b, 0, STR("a.warc.gz"), 1000, STR("beef"));
    if (result == 0) result = index_builder_removed(b, 1, row_of(f, &f->removed, removed_row), &f->scratch);
    if (result == 0) result = index_builder_count(b, 1, STR("rows_in"), 3);
    if (result == 0) result = index_builder_loss(b, 1, STR("a.warc.gz"), STR("offset"), 99, STR("cut"));
    if (result == 0) result = index_builder_fact(b, STR("removed"), STR("rows"));
    if (result == 0) result = index_builder_finish(b);
    index_builder_close(b);
    batch_free(&f->batch);
    return result;
}

/* What a query of one row and column gives, as text; "NULL" for null. */
static const char *query(struct fixture *f, const char *sql)
{
    static char answer[4096];
    sqlite3 *db;
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_open_v2(f->path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK) print_message("%s\n", sqlite3_errmsg(db));
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    const unsigned char *text = sqlite3_column_text(statement, 0);
    snprintf(answer, sizeof answer, "%s", text ? (const char *)text : "NULL");
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return answer;
}

static void test_every_column_of_a_row_is_found_again(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(build(f, second_sample), 0);
    assert_string_equal(query(f, "PRAGMA user_version"), "1");
    assert_string_equal(query(f, "SELECT count(*) FROM samples"), "2");
    assert_string_equal(query(f, "SELECT text FROM samples WHERE id = '0a'"), "one\ttwo");
    assert_string_equal(query(f, "SELECT typeof(width) || ' ' || width FROM samples WHERE number = 0"), "integer 640");
    assert_string_equal(query(f, "SELECT typeof(sim_l14) || ' ' || sim_l14 FROM samples WHERE number = 0"), "real 0.25");
    assert_string_equal(query(f, "SELECT sim_l14 FROM samples WHERE number = 7"), "NULL");
    assert_string_equal(query(f, "SELECT text FROM samples WHERE number = 7"), "NULL");
    assert_string_equal(query(f, "SELECT mine FROM samples WHERE shard = 0 AND key = '000000007'"), "my");
    assert_string_equal(query(f, "SELECT sample_offset + sample_length FROM samples WHERE number = 7"), "7168");
    assert_string_equal(query(f, "SELECT name FROM samples JOIN inputs USING (src_file) WHERE number = 0"), "a.warc.gz");
    assert_string_equal(query(f, "SELECT rule || measured || bound FROM removed WHERE id = '0c'"), "text.short1>= 3");
    assert_string_equal(query(f, "SELECT group_concat(name) FROM pragma_table_info('samples')"),
                        "number,shard,key,sample_offset,sample_length,id,url,text,src_file,width,sim_l14,mine");
}

static void test_a_source_file_without_a_manifest_still_has_its_row(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(build(f, second_sample), 0);
    assert_string_equal(query(f, "SELECT group_concat(src_file || ':' || ifnull(name, '-')) FROM inputs"), "0:a.warc.gz,4:-");
}

static void test_equal_calls_give_equal_bytes(void **state)
{
    struct fixture *f = *state;
    uint64_t size;
    struct hash128 first, second;
    assert_int_equal(build(f, second_sample), 0);
    assert_int_equal(file_content_hash(f->path, &size, &first), 0);
    assert_int_equal(build(f, second_sample), 0);
    assert_int_equal(file_content_hash(f->path, &size, &second), 0);
    assert_int_equal(hash128_compare(first, second), 0);
}

static void test_a_sample_of_no_known_shard_publishes_nothing(void **state)
{
    struct fixture *f = *state;
    static const char stray[] = "0b\thttp://x/2\tt\t4\t1\tp.tar\t900\t\tmy\t3\t000030007\t3072\t4096";
    assert_int_equal(build(f, stray), -1);
    assert_non_null(strstr(fail_message(), "foreign_key_check"));
    assert_int_not_equal(access(f->path, F_OK), 0);
}

static void test_the_same_key_twice_publishes_nothing(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(build(f, first_sample), -1);
    assert_int_not_equal(access(f->path, F_OK), 0);
}

static void test_damaged_text_is_repaired(void **state)
{
    struct fixture *f = *state;
    static const char damaged[] = "0b\thttp://x/2\ta\xff" "b\t4\t1\tp.tar\t900\t\tmy\t0\t000000007\t3072\t4096";
    assert_int_equal(build(f, damaged), 0);
    assert_string_equal(query(f, "SELECT text FROM samples WHERE number = 7"), "a\xef\xbf\xbd" "b");
}

static void test_an_unwritable_folder_is_named(void **state)
{
    struct fixture *f = *state;
    assert_null(index_builder_open("/proc/nowhere/index.sqlite", &f->samples, NULL));
    assert_non_null(strstr(fail_message(), "/proc/nowhere"));
}

static void test_the_schema_is_that_of_the_file(void **state)
{
    (void)state;
    struct buf file;
    buf_init(&file, 1 << 20);
    assert_int_equal(buf_read_file(&file, "schemas/index.sql"), 0);
    assert_string_equal(buf_c_string(&file), index_schema); /* else the program was built from an older one */
    buf_free(&file);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_every_column_of_a_row_is_found_again),
        TEST(test_a_source_file_without_a_manifest_still_has_its_row),
        TEST(test_equal_calls_give_equal_bytes),
        TEST(test_a_sample_of_no_known_shard_publishes_nothing),
        TEST(test_the_same_key_twice_publishes_nothing),
        TEST(test_damaged_text_is_repaired),
        TEST(test_an_unwritable_folder_is_named),
        TEST(test_the_schema_is_that_of_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
