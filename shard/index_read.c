/* Reading index.sqlite with statements of ours and expressions of others. */
#include "shard/index_read.h"

#include "pipeline/base/fail.h"
#include "shard/index_db.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    APPLICATION_ID = 0x776e6e77,    /* schemas/index.sql */
    CELL_BYTES_READ_MAX = 8 << 20,  /* of a cell, a row or an intermediate value; rows have at most 1 MiB */
    SQL_BYTES_MAX = 64 << 10,       /* of an expression */
    EXPRESSION_DEPTH_MAX = 100,
    OPERATIONS_MAX = 250000,        /* of one statement's program */
    PATTERN_BYTES_MAX = 1000,       /* of LIKE and GLOB, which are quadratic in it */
    STEPS_BETWEEN_ASKING = 10000,   /* virtual machine steps: some ten microseconds each thousand */
};

struct index_reader {
    sqlite3 *db;
    char *path;
    sqlite3_stmt *by_id, *by_key, *sample, *shard, *fact;
    const volatile sig_atomic_t *stop;
};

/* ---- what a statement may do */

static int authorize(void *context, int action, const char *first, const char *second, const char *database, const char *trigger)
{
    (void)context, (void)first, (void)database, (void)trigger;
    static const char *const refused[] = {"load_extension", "readfile", "writefile", "edit", "fts3_tokenizer"};
    if (action == SQLITE_SELECT || action == SQLITE_READ) return SQLITE_OK;
    if (action != SQLITE_FUNCTION || !second) return SQLITE_DENY;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (sqlite3_stricmp(second, refused[i]) == 0) return SQLITE_DENY;
    return SQLITE_OK;
}

static int ask_to_stop(void *context)
{
    const struct index_reader *r = context;
    return r->stop && *r->stop;
}

static int database_failed(const struct index_reader *r, const char *what)
{
    return fail("%s: cannot %s: %s", r->path, what, sqlite3_errmsg(r->db));
}

static void distrust(struct index_reader *r)
{
    sqlite3_db_config(r->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(r->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(r->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(r->db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    sqlite3_db_config(r->db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
    sqlite3_limit(r->db, SQLITE_LIMIT_LENGTH, CELL_BYTES_READ_MAX);
    sqlite3_limit(r->db, SQLITE_LIMIT_SQL_LENGTH, SQL_BYTES_MAX);
    sqlite3_limit(r->db, SQLITE_LIMIT_EXPR_DEPTH, EXPRESSION_DEPTH_MAX);
    sqlite3_limit(r->db, SQLITE_LIMIT_VDBE_OP, OPERATIONS_MAX);
    sqlite3_limit(r->db, SQLITE_LIMIT_LIKE_PATTERN_LENGTH, PATTERN_BYTES_MAX);
    sqlite3_limit(r->db, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_progress_handler(r->db, STEPS_BETWEEN_ASKING, ask_to_stop, r);
}

/* ---- opening */

static int pragma_number(struct index_reader *r, const char *sql, int *number)
{
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(r->db, sql, -1, &statement, NULL) != SQLITE_OK) return database_failed(r, "read it");
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) *number = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return code == SQLITE_ROW ? 0 : database_failed(r, "read it");
}

static int check_version(struct index_reader *r)
{
    int id = 0, version = 0;
    if (pragma_number(r, "PRAGMA application_id", &id) < 0 || pragma_number(r, "PRAGMA user_version", &version) < 0)
        return sqlite3_errcode(r->db) == SQLITE_NOTADB ? fail("%s: not an index that winnow made", r->path) : -1;
    if (id != APPLICATION_ID) return fail_usage("%s: not an index that winnow made", r->path);
    if (version != INDEX_VERSION)
        return fail_usage("%s: an index of version %d, expected %d: make it again with 'winnow index'", r->path, version,
                          INDEX_VERSION);
    return 0;
}

static int prepare(struct index_reader *r, const char *sql, sqlite3_stmt **statement)
{
    return sqlite3_prepare_v2(r->db, sql, -1, statement, NULL) == SQLITE_OK ? 0 : database_failed(r, "read its tables");
}

static int set_up(struct index_reader *r)
{
    if (access(r->path, R_OK) < 0) /* SQLite does not say why */
        return errno == ENOENT ? fail("%s: not there: 'winnow index' makes it", r->path) : fail_errno("%s: cannot open", r->path);
    if (sqlite3_open_v2(r->path, &r->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        return r->db ? database_failed(r, "open it") : fail_memory();
    distrust(r);
    if (check_version(r) < 0) return -1;
    sqlite3_set_authorizer(r->db, authorize, r);
    if (prepare(r, "SELECT number FROM samples WHERE id = ?", &r->by_id) < 0) return -1;
    if (prepare(r, "SELECT number FROM samples WHERE number = CAST(?1 AS INTEGER) AND key = ?1", &r->by_key) < 0) return -1;
    if (prepare(r, "SELECT * FROM samples WHERE number = ?", &r->sample) < 0) return -1;
    if (prepare(r, "SELECT name FROM shards WHERE shard = ?", &r->shard) < 0) return -1;
    return prepare(r, "SELECT value FROM corpus WHERE name = ?", &r->fact);
}

struct index_reader *index_reader_open(const char *path)
{
    struct stat state;
    struct index_reader *r = calloc(1, sizeof *r);
    if (!r) return fail_memory(), NULL;
    if (stat(path, &state) < 0) {
        fail_errno("%s: cannot open", path);
        free(r);
        return NULL;
    }
    size_t n = strlen(path);
    const char *inside = !S_ISDIR(state.st_mode) ? "" : n && path[n - 1] == '/' ? "index.sqlite" : "/index.sqlite";
    if (asprintf(&r->path, "%s%s", path, inside) < 0) {
        free(r);
        return fail_memory(), NULL;
    }
    if (set_up(r) == 0) return r;
    index_reader_close(r);
    return NULL;
}

void index_reader_close(struct index_reader *r)
{
    if (!r) return;
    sqlite3_finalize(r->by_id);
    sqlite3_finalize(r->by_key);
    sqlite3_finalize(r->sample);
    sqlite3_finalize(r->shard);
    sqlite3_finalize(r->fact);
    sqlite3_close(r->db);
    free(r->path);
    free(r);
}

const char *index_reader_path(const struct index_reader *r) { return r->path; }
void index_reader_stop_on(struct index_reader *r, const volatile sig_atomic_t *flag) { r->stop = flag; }

/* ---- numbers */

int numbers_add(struct numbers *numbers, uint64_t number)
{
    if (numbers->count == numbers->room) {
        size_t room = numbers->room ? numbers->room * 2 : 64;
        uint64_t *list = realloc(numbers->list, room * sizeof *list);
        if (!list) return fail_memory();
        numbers->list = list;
        numbers->room = room;
    }
    numbers->list[numbers->count++] = number;
    return 0;
}

static int compare_numbers(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

void numbers_sort(struct numbers *numbers)
{
    size_t kept = 0;
    if (numbers->count) qsort(numbers->list, numbers->count, sizeof *numbers->list, compare_numbers);
    for (size_t i = 0; i < numbers->count; i++)
        if (i == 0 || numbers->list[i] != numbers->list[i - 1]) numbers->list[kept++] = numbers->list[i];
    numbers->count = kept;
}

void numbers_free(struct numbers *numbers)
{
    free(numbers->list);
    *numbers = (struct numbers){0};
}

/* ---- looking up */

/* Adds column 0 of all rows of a statement that is set up, and resets it. */
static int add_all(struct index_reader *r, sqlite3_stmt *statement, struct numbers *numbers)
{
    int code, result = 0;
    while (result == 0 && (code = sqlite3_step(statement)) == SQLITE_ROW)
        result = numbers_add(numbers, (uint64_t)sqlite3_column_int64(statement, 0));
    if (result == 0 && code == SQLITE_INTERRUPT) result = fail("interrupted");
    else if (result == 0 && code != SQLITE_DONE) result = database_failed(r, "search it");
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return result;
}

int index_reader_where(struct index_reader *r, const char *expression, struct numbers *numbers)
{
    struct buf sql;
    sqlite3_stmt *statement = NULL;
    const char *tail = "";
    buf_init(&sql, 2 * SQL_BYTES_MAX);
    int result = strlen(expression) > SQL_BYTES_MAX ? fail_usage("--where: longer than %d bytes", SQL_BYTES_MAX) : 0;
    /* the line feed ends a comment that the expression may end with */
    if (result == 0) result = buf_printf(&sql, "SELECT number FROM samples WHERE (%s\n) ORDER BY number", expression);
    if (result == 0 && !buf_c_string(&sql)) result = -1;
    if (result == 0 && sqlite3_prepare_v2(r->db, sql.p, -1, &statement, &tail) != SQLITE_OK)
        result = sqlite3_errcode(r->db) == SQLITE_NOMEM ? fail_memory()
                                                        : fail_usage("--where '%s': %s", expression, sqlite3_errmsg(r->db));
    if (result == 0 && *tail) result = fail_usage("--where '%s': more than one expression", expression);
    if (result == 0) result = add_all(r, statement, numbers);
    sqlite3_finalize(statement);
    buf_free(&sql);
    return result;
}

int index_reader_id(struct index_reader *r, struct str id, struct numbers *numbers)
{
    enum { ID_DIGITS = 32 };
    uint64_t key;
    size_t before = numbers->count;
    bool is_key = id.n != ID_DIGITS && str_to_u64(id, &key) == 0 && key <= INT64_MAX;
    char lower[ID_DIGITS];
    for (size_t i = 0; i < id.n && id.n == ID_DIGITS; i++) lower[i] = ascii_lower(id.p[i]);
    struct str wanted = id.n == ID_DIGITS ? str_of(lower, ID_DIGITS) : id;
    sqlite3_stmt *statement = is_key ? r->by_key : r->by_id;
    sqlite3_bind_text64(statement, 1, wanted.p, wanted.n, SQLITE_STATIC, SQLITE_UTF8);
    if (add_all(r, statement, numbers) < 0) return -1;
    return numbers->count > before;
}

int index_reader_sample(struct index_reader *r, uint64_t number, sqlite3_stmt **row)
{
    sqlite3_reset(r->sample);
    sqlite3_bind_int64(r->sample, 1, (sqlite3_int64)number);
    int code = sqlite3_step(r->sample);
    *row = r->sample;
    if (code == SQLITE_ROW) return 0;
    if (code == SQLITE_DONE) return fail("%s: no sample %llu", r->path, (unsigned long long)number);
    return database_failed(r, "read a sample");
}

sqlite3_stmt *index_reader_columns(struct index_reader *r)
{
    sqlite3_reset(r->sample);
    return r->sample;
}

/* Appends the text that a statement with one row and column gives. */
static int add_text(struct index_reader *r, sqlite3_stmt *statement, struct buf *out)
{
    int code = sqlite3_step(statement), result = 0;
    if (code == SQLITE_ROW && sqlite3_column_type(statement, 0) != SQLITE_NULL)
        result = buf_add(out, str_of((const char *)sqlite3_column_text(statement, 0), (size_t)sqlite3_column_bytes(statement, 0)));
    else if (code != SQLITE_ROW && code != SQLITE_DONE) result = database_failed(r, "read it");
    sqlite3_reset(statement);
    return result;
}

int index_reader_fact(struct index_reader *r, struct str name, struct buf *out)
{
    sqlite3_bind_text64(r->fact, 1, name.p, name.n, SQLITE_STATIC, SQLITE_UTF8);
    return add_text(r, r->fact, out);
}

int index_reader_shard_name(struct index_reader *r, uint64_t shard, struct buf *out)
{
    size_t before = out->n;
    sqlite3_bind_int64(r->shard, 1, (sqlite3_int64)shard);
    if (add_text(r, r->shard, out) < 0) return -1;
    return out->n > before ? 0 : fail("%s: no shard %llu", r->path, (unsigned long long)shard);
}
