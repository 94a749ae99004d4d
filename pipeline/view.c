/* The window `view`: rows as people read them: some columns, some rows, or just their number; --check proves a file whole. */
#include "pipeline/base/fail.h"
#include "pipeline/base/hash.h"
#include "pipeline/stage.h"

#include <stdio.h>
#include <stdlib.h>

struct view_options {
    struct option_list columns, where;
    bool count, check;
};

enum operator { EQUAL, UNEQUAL, LESS, LESS_EQUAL, GREATER, GREATER_EQUAL, CONTAINS };

struct condition {
    size_t column;
    enum operator operator;
    struct str value;
    double number;
    bool numeric; /* both sides are compared as numbers */
};

struct view {
    size_t *columns; /* of the input, in output order; NULL: all */
    size_t column_count;
    struct condition *where;
    size_t where_count;
};

/* ---- conditions */

static int parse_operator(struct str word, enum operator *out)
{
    static const char *const names[] = {"=", "!=", "<", "<=", ">", ">=", "~"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_eq(word, str_from(names[i]))) return *out = (enum operator)i, 0;
    return fail_usage("--where: operator '%.*s': expected one of = != < <= > >= ~ (contains)", STR_ARG(word));
}

static int unknown_column(const struct columns *columns, struct str name)
{
    const char *nearest = columns_nearest(columns, name);
    return fail_usage("no column '%.*s'%s%s%s", STR_ARG(name), nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
}

static int parse_condition(const struct columns *columns, const char *text, struct condition *c)
{
    struct str rest = str_trim(str_from(text)), name = str_cut(&rest, ' '), operator = str_cut(&rest, ' ');
    if (!rest.p) return fail_usage("--where '%s': expected 'COLUMN OP VALUE', as in 'width >= 200'", text);
    c->column = columns_find(columns, name);
    if (c->column == SIZE_MAX) return unknown_column(columns, name);
    c->value = rest;
    c->numeric = columns->list[c->column].type != COLUMN_TEXT && str_to_double(rest, &c->number) == 0;
    return parse_operator(operator, &c->operator);
}

static bool holds(const struct condition *c, const struct row *row, struct arena *scratch)
{
    struct str cell = row_text(row, c->column, scratch);
    double number = 0;
    if (c->operator== CONTAINS) return str_find(cell, c->value) != SIZE_MAX;
    if (c->numeric && str_to_double(cell, &number) < 0) return c->operator== UNEQUAL; /* an absent number is no number */
    int order = c->numeric ? (number > c->number) - (number < c->number) : str_compare(cell, c->value);
    switch (c->operator) {
    case EQUAL: return order == 0;
    case UNEQUAL: return order != 0;
    case LESS: return order < 0;
    case LESS_EQUAL: return order <= 0;
    case GREATER: return order > 0;
    case GREATER_EQUAL: return order >= 0;
    case CONTAINS: break;
    }
    return false;
}

/* ---- the stage */

static int view_open(struct stage_run *run)
{
    struct view *view = run->state;
    const struct view_options *o = run->options;
    struct arena *arena = stage_arena(run);
    view->where = arena_alloc(arena, (o->where.count + 1) * sizeof *view->where);
    view->columns = o->columns.count ? arena_alloc(arena, o->columns.count * sizeof *view->columns) : NULL;
    if (!view->where || (o->columns.count && !view->columns)) return -1;
    for (size_t i = 0; i < o->where.count; i++)
        if (parse_condition(&run->in, o->where.items[i], &view->where[view->where_count++]) < 0) return -1;
    if (!view->columns) return 0;
    columns_free(&run->out);
    for (size_t i = 0; i < o->columns.count; i++) {
        struct str name = str_from(o->columns.items[i]);
        size_t at = columns_find(&run->in, name);
        if (at == SIZE_MAX) return unknown_column(&run->in, name);
        view->columns[view->column_count++] = at;
        if (columns_add(&run->out, name) < 0) return -1;
    }
    return 0;
}

static int view_work(struct stage_run *run, struct stage_item *item, unsigned worker)
{
    (void)worker;
    const struct view *view = run->state;
    for (size_t r = 0; r < item->in.count; r++) {
        const struct row *row = &item->in.rows[r];
        bool keep = true;
        for (size_t i = 0; i < view->where_count && keep; i++) keep = holds(&view->where[i], row, &item->scratch);
        if (!keep) continue;
        struct row *out = view->columns ? batch_add(&item->out) : batch_pass(&item->out, row);
        if (!out) return -1;
        for (size_t i = 0; i < view->column_count; i++) out->cells[i] = row->cells[view->columns[i]];
        out->place = row->place;
    }
    return 0;
}

/* ---- counting and checking: the whole file, no output rows */

static int walk_file(const char *path, bool check, uint64_t *rows)
{
    const struct rows_open_options quiet = {.quiet_plain = true};
    struct rows_reader *r = NULL;
    struct rows_frame frame;
    struct batch batch;
    struct hash_stream *hash = hash_stream_new();
    if (!hash || rows_open(&r, path, &quiet) < 0) return hash_stream_free(hash), -1;
    rows_frame_init(&frame);
    batch_init(&batch, rows_columns(r), 512 << 20);
    const struct columns *columns = rows_columns(r);
    for (size_t i = 0; i < columns->count; i++) {
        hash_stream_add(hash, i ? STR("\t") : STR(""));
        hash_stream_add(hash, str_from(columns->list[i].name));
    }
    hash_stream_add(hash, STR("\n"));
    int more;
    *rows = 0;
    while ((more = rows_read(r, &frame)) > 0 && (more = rows_decode(r, &frame, &batch, *rows + 1)) == 0) {
        *rows += batch.count;
        hash_stream_add(hash, buf_str(&frame.text));
    }
    const struct rows_description *d = more == 0 ? rows_description(r) : NULL;
    char hex[33];
    hash128_hex(hash_stream_value(hash), hex);
    if (more == 0 && check && d && strcmp(d->hash, hex) != 0)
        more = fail("%s: its lines hash to %s, its description says %s: the file was changed", path, hex, d->hash);
    if (more == 0 && check)
        printf("%s\t%llu\t%s\n", path, (unsigned long long)*rows, d ? "whole" : "readable, but not written by winnow: nothing to check against");
    batch_free(&batch);
    rows_frame_free(&frame);
    hash_stream_free(hash);
    rows_close(r);
    return more;
}

static int view_run(const struct command_line *line)
{
    const struct view_options *o = line->options;
    if (!o->count && !o->check) return stage_main(line);
    if (o->where.count && o->count) return fail_usage("--count counts whole files; with --where pipe the rows into 'wc -l'");
    static const char *const standard_input[] = {"-"};
    size_t count = line->argument_count ? line->argument_count : 1;
    const char *const *paths = line->argument_count ? line->arguments : standard_input;
    puts(o->check ? "file\trows\tstate" : "file\trows");
    for (size_t i = 0; i < count; i++) {
        uint64_t rows;
        if (walk_file(paths[i], o->check, &rows) < 0) return -1;
        if (!o->check) printf("%s\t%llu\n", paths[i], (unsigned long long)rows);
    }
    return EXIT_DONE;
}

static const struct option options[] = {
    {"columns", 'c', OPTION_LIST, offsetof(struct view_options, columns), .argument = "NAME,…", .split = true,
     .help = "only these columns, in this order"},
    {"where", 'w', OPTION_LIST, offsetof(struct view_options, where), .argument = "'COLUMN OP VALUE'",
     .help = "only rows for which this holds; = != < <= > >= and ~ (contains); several must all hold"},
    {"count", 0, OPTION_FLAG, offsetof(struct view_options, count), .help = "print the number of rows of each file"},
    {"check", 0, OPTION_FLAG, offsetof(struct view_options, check), .help = "read every byte and say whether each file is whole"},
    {0},
};

static const struct stage stage_view = {
    .behaviour = 1,
    .needs = "",
    .plain = true,
    .run_size = sizeof(struct view),
    .open = view_open,
    .work = view_work,
};

const struct command command_view = {
    .name = "view",
    .summary = "show rows: some columns, some rows, or whether a file is whole",
    .arguments = "[OPTIONS] [ROWS...]",
    .description = "Prints rows as tab-separated lines with a header. Values stand escaped, as schemas/FORMAT.md says. Row files are "
                   "winnow's own or anybody's lines with a header; without a file, standard input.",
    .example = "winnow view --columns id,text,url --where 'text ~ cat' tests/data/rows/small.rows.zst",
    .see_also = "merge, verify, audit",
    .options = options,
    .options_size = sizeof(struct view_options),
    .stage = &stage_view,
    .run = view_run,
};
