/* Building index.sqlite.
 *
 * The tables are those of schemas/index.sql; `samples` and `removed` get the columns of the rows where its text says so. One
 * prepared INSERT a table; cells are bound by their column's type and go in without a copy. */
#include "shard/index_db.h"

#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"
#include "pipeline/base/utf8.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    PAGE_CACHE_KIB = 64 << 10, /* a block of 100,000 shuffled samples stays in it */
    SCHEMA_MAX = 256 << 10,    /* bytes of all statements together: 512 columns of 64 bytes, twice, with room */
};

static const char marker[] = "/* then every other column";        /* in index.sql: where columns go in */
static const char indices_line[] = "-- Indices: made when the rows are in."; /* in index.sql: what stands behind waits */

enum table { CORPUS, INPUTS, STAGES, RULES, COUNTS, LOSSES, SHARDS, UNNAMED_INPUT, FIXED_STATEMENTS };
static const char *const inserts[FIXED_STATEMENTS] = {
    [CORPUS] = "INSERT INTO corpus VALUES (?, ?)",
    [INPUTS] = "INSERT INTO inputs VALUES (?1, ?2, ?3, ?4) "
               "ON CONFLICT (src_file) DO UPDATE SET name = ?2, size = ?3, hash = ?4",
    [STAGES] = "INSERT INTO stages VALUES (?, ?, ?, ?, ?)",
    [RULES] = "INSERT INTO rules VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [COUNTS] = "INSERT INTO counts VALUES (?, ?, ?)",
    [LOSSES] = "INSERT INTO losses VALUES (NULL, ?, ?, ?, ?, ?)",
    [SHARDS] = "INSERT INTO shards VALUES (?, ?, ?, ?, ?)",
    [UNNAMED_INPUT] = "INSERT OR IGNORE INTO inputs (src_file) VALUES (?)",
};

/* Which cells of a row go into `samples` or `removed`, after the ones that the table itself has. */
struct row_table {
    const struct columns *columns;
    sqlite3_stmt *insert;
    size_t cells[COLUMNS_MAX]; /* columns of the rows, in the order of the statement's parameters; SIZE_MAX: always NULL */
    size_t count;
    size_t src_file;           /* SIZE_MAX where the rows lack it */
};

struct index_builder {
    sqlite3 *db;
    char *path, *temporary;
    sqlite3_stmt *statements[FIXED_STATEMENTS];
    struct row_table samples, removed;
    uint64_t last_file; /* the src_file that was last seen to have a row in inputs */
    bool any_file, begun, published; /* begun: the temporary file is ours, and goes when it is not published */
};

/* Columns that `samples` and `removed` declare themselves, in their order; the first ones are not cells of rows. */
static const char *const sample_own[] = {"shard", "key", "sample_offset", "sample_length", "id"};
static const char *const removed_own[] = {"rule", "measured", "bound", "also", "id"};
enum { OWN_CELLS = 5, LEADING_PARAMETERS = 1 }; /* in front of the cells: number, or step */

/* Names that no row column may bring along: the tables' own, and where pictures lay before. */
static const char *const reserved[] = {"number", "removal", "step", "image_pack", "image_offset", "image_length"};

static int database_failed(const struct index_builder *b, const char *what)
{
    return fail("%s: cannot %s: %s", b->temporary, what, b->db ? sqlite3_errmsg(b->db) : "out of memory");
}

static bool is_among(struct str name, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq(name, str_from(list[i]))) return true;
    return false;
}

static const char *sql_type(enum column_type type)
{
    return type == COLUMN_TEXT ? "TEXT" : type == COLUMN_FLOAT ? "REAL" : "INTEGER";
}

/* Decides which cells go where, and appends the further columns' declarations. */
static int plan_table(struct row_table *table, const struct columns *columns, const char *const own[OWN_CELLS], struct buf *sql)
{
    *table = (struct row_table){.columns = columns, .src_file = SIZE_MAX};
    for (size_t i = 0; i < OWN_CELLS; i++)
        table->cells[table->count++] = columns ? columns_find(columns, str_from(own[i])) : SIZE_MAX;
    if (!columns) return 0;
    table->src_file = columns_find(columns, STR("src_file"));
    for (size_t i = 0; i < columns->count; i++) {
        struct str name = str_from(columns->list[i].name);
        if (is_among(name, own, OWN_CELLS) || is_among(name, reserved, sizeof reserved / sizeof *reserved)) continue;
        if (table->count == COLUMNS_MAX) return fail("more than %d columns", COLUMNS_MAX);
        table->cells[table->count++] = i;
        if (buf_printf(sql, ",\n    %s %s%s", columns->list[i].name, sql_type(columns->list[i].type),
                       i == table->src_file ? " REFERENCES inputs" : "") < 0)
            return -1;
    }
    return 0;
}

/* The schema's first part with the columns of both tables put in. */
static int add_schema(struct index_builder *b, const struct columns *samples, const struct columns *removed, struct buf *sql)
{
    struct str rest = str_from(index_schema);
    rest.n = str_find(rest, str_from(indices_line));
    struct row_table *tables[] = {&b->samples, &b->removed};
    const struct columns *columns[] = {samples, removed};
    const char *const *own[] = {sample_own, removed_own};
    for (int i = 0; i < 2; i++) {
        size_t at = str_find(rest, str_from(marker));
        if (buf_add(sql, str_of(rest.p, at)) < 0) return -1;
        while (ascii_is_space(sql->p[sql->n - 1])) sql->n--;
        if (plan_table(tables[i], columns[i], own[i], sql) < 0) return -1;
        rest = str_from_at(rest, at);
        rest = str_from_at(rest, str_find(rest, STR("*/")) + 2);
    }
    return buf_add(sql, rest);
}

static int execute(struct index_builder *b, const char *sql, const char *what)
{
    return sqlite3_exec(b->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : database_failed(b, what);
}

static int prepare(struct index_builder *b, struct str sql, sqlite3_stmt **statement)
{
    if (sqlite3_prepare_v3(b->db, sql.p, (int)sql.n, SQLITE_PREPARE_PERSISTENT, statement, NULL) == SQLITE_OK) return 0;
    return database_failed(b, "prepare a statement");
}

/* INSERT INTO name VALUES (?, …): `first` is the expression for the leading column. */
static int prepare_row_insert(struct index_builder *b, struct row_table *table, const char *first)
{
    struct buf sql;
    buf_init(&sql, SCHEMA_MAX);
    int result = buf_printf(&sql, "INSERT INTO %s", first);
    for (size_t i = 0; i < table->count && result == 0; i++) result = buf_add(&sql, STR(", ?"));
    if (result == 0) result = buf_add(&sql, STR(")"));
    if (result == 0) result = prepare(b, buf_str(&sql), &table->insert);
    buf_free(&sql);
    return result;
}

static int create_tables(struct index_builder *b, const struct columns *samples, const struct columns *removed)
{
    struct buf sql;
    buf_init(&sql, SCHEMA_MAX);
    int result = add_schema(b, samples, removed, &sql);
    const char *text = result == 0 ? buf_c_string(&sql) : NULL;
    if (text) result = execute(b, text, "make the tables");
    buf_free(&sql);
    return text ? result : -1;
}

static int open_database(struct index_builder *b)
{
    if (unlink(b->temporary) < 0 && errno != ENOENT) return fail_errno("%s: cannot remove", b->temporary);
    b->begun = true;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(b->temporary, &b->db, flags, NULL) != SQLITE_OK) return database_failed(b, "open");
    sqlite3_db_config(b->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(b->db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    char pragmas[256];
    snprintf(pragmas, sizeof pragmas, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE; "
                                      "PRAGMA foreign_keys = OFF; PRAGMA cache_size = -%d", PAGE_CACHE_KIB);
    return execute(b, pragmas, "set up");
}

struct index_builder *index_builder_open(const char *path, const struct columns *samples, const struct columns *removed)
{
    struct index_builder *b = calloc(1, sizeof *b);
    if (!b) return fail_memory(), NULL;
    b->path = strdup(path);
    if (!b->path || asprintf(&b->temporary, "%s.tmp", path) < 0) {
        b->temporary = NULL;
        index_builder_close(b);
        return fail_memory(), NULL;
    }
    int result = file_make_folders(path);
    if (result == 0) result = open_database(b);
    if (result == 0) result = create_tables(b, samples, removed);
    for (int i = 0; i < FIXED_STATEMENTS && result == 0; i++) result = prepare(b, str_from(inserts[i]), &b->statements[i]);
    if (result == 0) result = prepare_row_insert(b, &b->samples, "samples VALUES (?");
    if (result == 0) result = prepare_row_insert(b, &b->removed, "removed VALUES (NULL, ?");
    if (result == 0) result = execute(b, "BEGIN", "begin");
    if (result == 0) return b;
    index_builder_close(b);
    return NULL;
}

static void close_database(struct index_builder *b)
{
    for (int i = 0; i < FIXED_STATEMENTS; i++) sqlite3_finalize(b->statements[i]);
    memset(b->statements, 0, sizeof b->statements);
    sqlite3_finalize(b->samples.insert);
    sqlite3_finalize(b->removed.insert);
    b->samples.insert = b->removed.insert = NULL;
    sqlite3_close(b->db);
    b->db = NULL;
}

void index_builder_close(struct index_builder *b)
{
    if (!b) return;
    close_database(b);
    if (b->begun && !b->published) unlink(b->temporary);
    free(b->temporary);
    free(b->path);
    free(b);
}

/* ---- binding */

static void bind_text(sqlite3_stmt *statement, int at, struct str text)
{
    if (text.p) sqlite3_bind_text64(statement, at, text.p, text.n, SQLITE_STATIC, SQLITE_UTF8);
    else sqlite3_bind_null(statement, at);
}

/* Numbers beyond SQLite's 63 bits stay text: they keep their digits. */
static void bind_u64(sqlite3_stmt *statement, int at, uint64_t value)
{
    if (value <= INT64_MAX) {
        sqlite3_bind_int64(statement, at, (sqlite3_int64)value);
        return;
    }
    char digits[24];
    snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
    sqlite3_bind_text(statement, at, digits, -1, SQLITE_TRANSIENT);
}

static int step(struct index_builder *b, sqlite3_stmt *statement, const char *what)
{
    int code = sqlite3_step(statement);
    int result = code == SQLITE_DONE ? 0 : database_failed(b, what);
    sqlite3_reset(statement);
    return result;
}

int index_builder_fact(struct index_builder *b, struct str name, struct str value)
{
    sqlite3_stmt *s = b->statements[CORPUS];
    bind_text(s, 1, name);
    bind_text(s, 2, value);
    return step(b, s, "note a fact");
}

int index_builder_stage(struct index_builder *b, const struct index_stage *stage)
{
    sqlite3_stmt *s = b->statements[STAGES];
    bind_u64(s, 1, stage->step);
    bind_text(s, 2, stage->name);
    bind_text(s, 3, stage->stage);
    bind_u64(s, 4, stage->behaviour);
    bind_text(s, 5, stage->parameters);
    return step(b, s, "note a stage");
}

int index_builder_input(struct index_builder *b, uint64_t src_file, struct str name, uint64_t size, struct str hash)
{
    sqlite3_stmt *s = b->statements[INPUTS];
    bind_u64(s, 1, src_file);
    bind_text(s, 2, name);
    bind_u64(s, 3, size);
    bind_text(s, 4, hash);
    return step(b, s, "note an input");
}

int index_builder_count(struct index_builder *b, uint64_t step_number, struct str name, uint64_t value)
{
    sqlite3_stmt *s = b->statements[COUNTS];
    bind_u64(s, 1, step_number);
    bind_text(s, 2, name);
    bind_u64(s, 3, value);
    return step(b, s, "note a count");
}

int index_builder_loss(struct index_builder *b, uint64_t step_number, struct str file, struct str unit, uint64_t at,
                       struct str reason)
{
    sqlite3_stmt *s = b->statements[LOSSES];
    bind_u64(s, 1, step_number);
    bind_text(s, 2, file);
    bind_text(s, 3, unit);
    bind_u64(s, 4, at);
    bind_text(s, 5, reason);
    return step(b, s, "note a loss");
}

int index_builder_rule(struct index_builder *b, const struct index_rule *rule)
{
    sqlite3_stmt *s = b->statements[RULES];
    bind_u64(s, 1, rule->step);
    bind_u64(s, 2, rule->position);
    bind_text(s, 3, rule->rule);
    bind_text(s, 4, rule->filter);
    bind_text(s, 5, rule->parameters);
    bind_text(s, 6, rule->provenance);
    bind_text(s, 7, rule->source);
    sqlite3_bind_int(s, 8, rule->served);
    bind_text(s, 9, rule->reason);
    bind_text(s, 10, rule->substitute);
    bind_u64(s, 11, rule->removed);
    if (rule->alone_known) {
        bind_u64(s, 12, rule->alone);
        sqlite3_bind_int(s, 13, rule->alone_sampled);
    } else {
        sqlite3_bind_null(s, 12);
        sqlite3_bind_null(s, 13);
    }
    return step(b, s, "note a rule");
}

int index_builder_shard(struct index_builder *b, const struct index_shard *shard)
{
    sqlite3_stmt *s = b->statements[SHARDS];
    bind_u64(s, 1, shard->shard);
    bind_text(s, 2, shard->name);
    bind_u64(s, 3, shard->samples);
    bind_u64(s, 4, shard->size);
    bind_text(s, 5, shard->hash);
    return step(b, s, "note a shard");
}

/* A text cell without escapes; damaged UTF-8 (other people's rows) is repaired, since readers refuse a table that holds it. */
static struct str cell_text(const struct row *row, size_t column, struct arena *scratch)
{
    struct str text = row_text(row, column, scratch);
    if (utf8_valid(text)) return text;
    struct buf repaired;
    buf_init(&repaired, 3 * text.n); /* U+FFFD has three bytes and stands for one at least */
    struct str copy = utf8_repair(&repaired, text) == 0 ? arena_copy(scratch, buf_str(&repaired)) : text;
    buf_free(&repaired);
    return copy;
}

static void bind_cell(sqlite3_stmt *statement, int at, const struct row_table *table, const struct row *row, size_t column,
                      struct arena *scratch)
{
    int64_t whole;
    double real;
    if (column == SIZE_MAX || !row->cells[column].n) {
        sqlite3_bind_null(statement, at);
        return;
    }
    switch (table->columns->list[column].type) {
    case COLUMN_UNSIGNED:
    case COLUMN_SIGNED:
        if (str_to_i64(row->cells[column], &whole) == 0) {
            sqlite3_bind_int64(statement, at, whole);
            return;
        }
        break;
    case COLUMN_FLOAT:
        if (str_to_double(row->cells[column], &real) == 0) {
            sqlite3_bind_double(statement, at, real);
            return;
        }
        break;
    case COLUMN_TEXT: break;
    }
    bind_text(statement, at, cell_text(row, column, scratch));
}

static int insert_row(struct index_builder *b, struct row_table *table, uint64_t leading, const struct row *row,
                      struct arena *scratch, const char *what)
{
    uint64_t file;
    bind_u64(table->insert, 1, leading);
    for (size_t i = 0; i < table->count; i++)
        bind_cell(table->insert, (int)i + 1 + LEADING_PARAMETERS, table, row, table->cells[i], scratch);
    if (table->src_file != SIZE_MAX && row_u64(row, table->src_file, &file) == 0 && (!b->any_file || b->last_file != file)) {
        bind_u64(b->statements[UNNAMED_INPUT], 1, file);
        if (step(b, b->statements[UNNAMED_INPUT], "note an input") < 0) return -1;
        b->last_file = file;
        b->any_file = true;
    }
    return step(b, table->insert, what);
}

int index_builder_sample(struct index_builder *b, const struct row *row, struct arena *scratch)
{
    uint64_t number;
    size_t key = b->samples.cells[1]; /* sample_own */
    if (key == SIZE_MAX || row_u64(row, key, &number) < 0) return fail("a sample without a key of digits");
    return insert_row(b, &b->samples, number, row, scratch, "note a sample");
}

int index_builder_removed(struct index_builder *b, uint64_t step_number, const struct row *row, struct arena *scratch)
{
    return insert_row(b, &b->removed, step_number, row, scratch, "note a removed row");
}

/* ---- the end */

/* Runs a check that gives one line when all is well (`good`), or no line at all (good == NULL). */
static int check(struct index_builder *b, const char *pragma, const char *good)
{
    sqlite3_stmt *statement;
    if (prepare(b, str_from(pragma), &statement) < 0) return -1;
    int code = sqlite3_step(statement), result = 0;
    const char *first = code == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
    if (code != SQLITE_ROW && code != SQLITE_DONE) result = database_failed(b, pragma);
    else if (good ? !first || strcmp(first, good) != 0 : code == SQLITE_ROW)
        result = fail("%s: %s finds fault with '%s'", b->temporary, pragma, first ? first : "nothing");
    sqlite3_finalize(statement);
    return result;
}

int index_builder_finish(struct index_builder *b)
{
    const char *indices = strstr(index_schema, indices_line);
    if (execute(b, indices, "make the indices") < 0 || execute(b, "COMMIT", "commit") < 0) return -1;
    if (check(b, "PRAGMA foreign_key_check", NULL) < 0 || check(b, "PRAGMA integrity_check", "ok") < 0) return -1;
    close_database(b);
    b->published = file_rename_durably(b->temporary, b->path) == 0;
    return b->published ? 0 : -1;
}
