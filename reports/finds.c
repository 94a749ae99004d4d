#include "reports/finds.h"

#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"

#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

enum { INDEX_VERSION_READ = 1 }; /* PRAGMA user_version of schemas/index.sql */

/* ---- what was found */

void finds_init(struct finds *f, uint64_t limit)
{
    *f = (struct finds){.limit = limit};
    arena_init(&f->arena, (size_t)4 << 30);
}

void finds_free(struct finds *f) { arena_free(&f->arena); }

static int compare_finds(const void *a, const void *b)
{
    const struct find *x = a, *y = b;
    if (x->end != y->end) return x->end < y->end ? -1 : 1;
    int order = place_compare(&x->place, &y->place);
    return order ? order : (x->step > y->step) - (x->step < y->step);
}

void finds_sort(struct finds *f)
{
    if (f->count) qsort(f->list, f->count, sizeof *f->list, compare_finds);
}

struct str find_cell(const struct find *f, const char *name)
{
    for (size_t i = 0; i < f->count; i++)
        if (strcmp(f->names[i], name) == 0) return f->cells[i];
    return STR_ABSENT;
}

/* Room for one more, with `count` cells to be filled; NULL with *full when the limit is reached, or on failure. */
static struct find *new_find(struct finds *f, size_t count, bool *full)
{
    *full = f->limit && f->count >= f->limit;
    if (*full) return f->more++, NULL;
    if (f->count == f->room) {
        size_t room = f->room ? 2 * f->room : 16;
        struct find *list = arena_alloc(&f->arena, room * sizeof *list);
        if (!list) return NULL;
        if (f->count) memcpy(list, f->list, f->count * sizeof *list);
        f->list = list;
        f->room = room;
    }
    struct find *find = &f->list[f->count];
    *find = (struct find){.count = count};
    find->names = arena_alloc(&f->arena, (count + 1) * sizeof *find->names);
    find->cells = arena_alloc(&f->arena, (count + 1) * sizeof *find->cells);
    if (!find->names || !find->cells) return NULL;
    f->count++;
    return find;
}

static void read_place(struct find *find)
{
    uint64_t *const parts[4] = {&find->place.file, &find->place.record, &find->place.image, &find->place.text};
    static const char *const names[4] = {"src_file", "src_record", "src_image", "src_text"};
    for (size_t i = 0; i < 4; i++)
        if (str_to_u64(find_cell(find, names[i]), parts[i]) < 0) *parts[i] = 0;
}

static int add_row(struct finds *f, enum find_end end, size_t step, const char *file, const struct columns *columns, const struct row *row)
{
    bool full;
    struct find *find = new_find(f, columns->count, &full);
    if (!find) return full ? 0 : -1;
    find->end = end;
    find->step = step;
    if (!(find->file = arena_c_string(&f->arena, str_from(file)))) return -1;
    for (size_t i = 0; i < columns->count; i++) {
        find->names[i] = arena_c_string(&f->arena, str_from(columns->list[i].name));
        find->cells[i] = row->cells[i].n ? arena_copy(&f->arena, row->cells[i]) : STR_ABSENT;
        if (!find->names[i] || (row->cells[i].n && !find->cells[i].p)) return -1;
    }
    read_place(find);
    return 0;
}

/* ---- in the index */

/* A sample as the index has it: its values become cells as they stand in row files. */
static int add_sample(struct finds *f, size_t step, sqlite3_stmt *statement)
{
    bool full;
    size_t count = (size_t)sqlite3_column_count(statement);
    struct find *find = new_find(f, count, &full);
    if (!find) return full ? 0 : -1;
    find->end = FIND_SAMPLE;
    find->step = step;
    struct buf cell;
    buf_init(&cell, (size_t)CELL_BYTES_MAX * 8);
    int result = 0;
    for (size_t i = 0; i < count && result == 0; i++) {
        const char *text = (const char *)sqlite3_column_text(statement, (int)i);
        buf_clear(&cell);
        result = cell_escape(&cell, str_of(text, (size_t)sqlite3_column_bytes(statement, (int)i)));
        find->names[i] = arena_c_string(&f->arena, str_from(sqlite3_column_name(statement, (int)i)));
        find->cells[i] = cell.n ? arena_copy(&f->arena, buf_str(&cell)) : STR_ABSENT;
        if (result == 0 && (!find->names[i] || (cell.n && !find->cells[i].p))) result = -1;
    }
    buf_free(&cell);
    if (result == 0) read_place(find);
    return result;
}

static int index_version(sqlite3 *db)
{
    sqlite3_stmt *statement = NULL;
    int version = -1;
    if (sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &statement, NULL) == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW)
        version = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return version;
}

/* 1 when there is an index to ask; then the samples of the id are added. */
static int look_into_index(struct finds *f, const struct steps *s, size_t step, struct str id)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/index.sqlite", s->out) >= (int)sizeof path || !file_exists(path)) return 0;
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    int result = 1;
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
        result = fail("%s: cannot open: %s", path, db ? sqlite3_errmsg(db) : "out of memory");
    else if (index_version(db) != INDEX_VERSION_READ)
        result = fail("%s: not an index that this version reads: make it again with winnow index", path);
    else if (sqlite3_prepare_v2(db, "SELECT * FROM samples WHERE id = ? ORDER BY number", -1, &statement, NULL) != SQLITE_OK ||
             sqlite3_bind_text(statement, 1, id.p, (int)id.n, SQLITE_STATIC) != SQLITE_OK)
        result = fail("%s: %s", path, sqlite3_errmsg(db));
    int state = SQLITE_DONE;
    while (result == 1 && (state = sqlite3_step(statement)) == SQLITE_ROW)
        if (add_sample(f, step, statement) < 0) result = -1;
    if (result == 1 && state != SQLITE_DONE) result = fail("%s: %s", path, sqlite3_errmsg(db));
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return result;
}

/* ---- in row files */

struct visit {
    finds_each *each;
    void *context;
    enum find_end end;
    size_t step;
    const char *file;
};

static int visit_row(void *context, const struct columns *columns, const struct row *row)
{
    const struct visit *v = context;
    return v->each(v->context, v->end, v->step, v->file, columns, row);
}

/* Rows that a step handed on, in all its row files. */
static int search_step_rows(const struct steps *s, size_t step, struct str needle, finds_each *each, void *context)
{
    struct arena arena;
    arena_init(&arena, 64 << 20);
    int result = 0;
    for (size_t t = 0; t < s->list[step].task_count && result == 0; t++) {
        arena_reset(&arena);
        json_t *manifest = steps_manifest(s, step, t), *output;
        size_t i;
        if (!manifest) result = -1;
        json_array_foreach(json_object_get(manifest, "outputs"), i, output) {
            if (result != 0 || !output_is_rows(output)) continue;
            struct visit v = {each, context, s->list[step].shards ? FIND_SAMPLE : FIND_ROW, step, steps_output_path(s, step, output, &arena)};
            result = v.file ? search_rows(v.file, needle, visit_row, &v) : -1;
        }
        json_decref(manifest);
    }
    arena_free(&arena);
    return result;
}

static int dropped_stem(const struct steps *s, size_t step, size_t task, char path[PATH_MAX])
{
    int n = snprintf(path, PATH_MAX - 8, "%s%05llu.dropped", s->list[step].folder, (unsigned long long)s->list[step].tasks[task]);
    return n < PATH_MAX - 8 ? 0 : fail("a path of more than %d bytes", PATH_MAX);
}

static int search_step_dropped(const struct steps *s, size_t step, struct str needle, finds_each *each, void *context)
{
    for (size_t t = 0; t < s->list[step].task_count; t++) {
        char path[PATH_MAX];
        if (dropped_stem(s, step, t, path) < 0) return -1;
        strcat(path, ".zst");
        struct visit v = {each, context, FIND_DROPPED, step, path};
        int result = file_exists(path) ? search_rows(path, needle, visit_row, &v) : 0;
        if (result != 0) return result;
    }
    return 0;
}

static bool has_rows(const struct steps *s, size_t step)
{
    json_t *manifest = steps_manifest(s, step, 0), *output;
    bool found = false;
    size_t i;
    json_array_foreach(json_object_get(manifest, "outputs"), i, output) found |= output_is_rows(output);
    json_decref(manifest);
    return found;
}

size_t finds_last_step(const struct steps *s)
{
    for (size_t i = s->count; i-- > 0;)
        if (has_rows(s, i)) return i;
    return SIZE_MAX;
}

int finds_everywhere(const struct steps *s, struct str needle, finds_each *each, void *context)
{
    size_t last = finds_last_step(s);
    int result = last == SIZE_MAX ? 0 : search_step_rows(s, last, needle, each, context);
    for (size_t i = 0; i < s->count && result == 0; i++) result = search_step_dropped(s, i, needle, each, context);
    return result;
}

/* ---- an id */

struct sought {
    struct finds *finds;
    struct str value;  /* as stored in a cell */
};

static int add_if_id(void *context, enum find_end end, size_t step, const char *file, const struct columns *columns, const struct row *row)
{
    struct sought *sought = context;
    if (!str_eq(search_cell(columns, row, STR("id")), sought->value)) return 0;
    return add_row(sought->finds, end, step, file, columns, row);
}

static int dropped_with_id(struct sought *sought, const struct steps *s, size_t step)
{
    for (size_t t = 0; t < s->list[step].task_count; t++) {
        char path[PATH_MAX];
        if (dropped_stem(s, step, t, path) < 0) return -1;
        struct visit v = {add_if_id, sought, FIND_DROPPED, step, path};
        if (search_dropped_id(path, sought->value, visit_row, &v) < 0) return -1;
    }
    return 0;
}

/* Neither dropped nor at the end: on its way, or lost there, or nowhere. The first rows tell whether it ever was; then the
 * furthest step that has it is sought. */
static int search_on_the_way(struct sought *sought, const struct steps *s, size_t last, finds_each *add)
{
    size_t first = 0;
    while (first < last && !has_rows(s, first)) first++;
    if (first == last) return 0;
    int result = search_step_rows(s, first, sought->value, add, sought);
    if (result < 0 || !sought->finds->count) return result;
    struct finds *f = sought->finds;
    struct find *const list = f->list;
    const size_t count = f->count, room = f->room;
    const uint64_t more = f->more;
    f->list = NULL;
    f->count = f->room = 0;
    for (size_t i = last; --i > first && !f->count;)
        if (f->more = 0, search_step_rows(s, i, sought->value, add, sought) < 0) return -1;
    if (f->count) return 0;
    f->list = list;
    f->count = count;
    f->room = room;
    f->more = more;
    return 0;
}

int finds_of_id(struct finds *f, const struct steps *s, size_t from, struct str id)
{
    struct sought sought = {f, id};
    size_t last = finds_last_step(s);
    int indexed = last != SIZE_MAX && s->list[last].shards ? look_into_index(f, s, last, id) : 0;
    if (indexed < 0) return -1;
    if (last != SIZE_MAX && !indexed && search_step_rows(s, last, id, add_if_id, &sought) < 0) return -1;
    for (size_t i = from; i < s->count; i++)
        if (dropped_with_id(&sought, s, i) < 0) return -1;
    return f->count || last == SIZE_MAX ? 0 : search_on_the_way(&sought, s, last, add_if_id);
}

/* ---- a URL */

static int add_if_url(void *context, enum find_end end, size_t step, const char *file, const struct columns *columns, const struct row *row)
{
    struct sought *sought = context;
    if (!str_eq(search_cell(columns, row, STR("url")), sought->value) && !str_eq(search_cell(columns, row, STR("page_url")), sought->value))
        return 0;
    return add_row(sought->finds, end, step, file, columns, row);
}

int finds_of_url(struct finds *f, const struct steps *s, struct str url)
{
    struct buf cell;
    buf_init(&cell, (size_t)CELL_BYTES_MAX * 8);
    int result = cell_escape(&cell, url);
    struct sought sought = {f, buf_str(&cell)};
    if (result == 0) result = finds_everywhere(s, sought.value, add_if_url, &sought);
    const size_t last = finds_last_step(s);
    if (result == 0 && !f->count && last != SIZE_MAX) result = search_on_the_way(&sought, s, last, add_if_url);
    buf_free(&cell);
    return result;
}
