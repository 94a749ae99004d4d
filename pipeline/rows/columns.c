/* The columns of a row stream: names checked once, types from schemas/columns.def. */
#include "pipeline/rows/columns.h"

#include "pipeline/base/fail.h"

#include <sqlite3.h>
#include <stdlib.h>

static const struct column_definition definitions[] = {
#define COLUMN(name, type, unit, stage, meaning) {#name, COLUMN_##type, unit, stage, meaning},
#include "schemas/columns.def"
};

/* Scores are named by their model (DESIGN §3), so they are known by prefix. */
static const struct {
    const char *prefix;
    struct column_definition definition;
} families[] = {
    {"sim_", {"sim_MODEL", COLUMN_FLOAT, "cosine", "score", "similarity of picture and text by that model"}},
    {"p_", {"p_CLASS_MODEL", COLUMN_FLOAT, "probability", "score", "probability of that class by that model"}},
    {"ranked_", {"ranked_K", COLUMN_TEXT, "", "score", "the row's K-th nearest text to the picture; ranked_K_from: where it is from, as text_choice"}},
    {"zs_", {"zs_LIST_MODEL", COLUMN_TEXT, "", "score", "zero-shot class by that model"}},
};

const struct column_definition *column_definitions(size_t *count)
{
    *count = sizeof definitions / sizeof *definitions;
    return definitions;
}

const struct column_definition *column_definition(struct str name)
{
    for (size_t i = 0; i < sizeof definitions / sizeof *definitions; i++)
        if (str_eq(name, str_from(definitions[i].name))) return &definitions[i];
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (str_starts(name, str_from(families[i].prefix))) return &families[i].definition;
    return NULL;
}

const char *column_type_name(enum column_type type)
{
    static const char *const names[] = {"text", "unsigned", "signed", "float"};
    return names[type];
}

void columns_init(struct columns *c) { *c = (struct columns){0}; }

void columns_free(struct columns *c)
{
    for (size_t i = 0; i < c->count; i++) free((char *)c->list[i].name);
    free(c->list);
    *c = (struct columns){0};
}

static int check_name(struct str name)
{
    enum { LONGEST = 64 };
    if (name.n == 0) return fail_usage("a column without a name");
    if (name.n > LONGEST) return fail_usage("column '%.*s…': its name is longer than %d bytes", 32, name.p, LONGEST);
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (!((c >= 'a' && c <= 'z') || (i && (ascii_is_digit(c) || c == '_'))))
            return fail_usage("column '%.*s': a name is a lower-case letter, then letters, digits and _", STR_ARG(name));
    }
    if (!column_definition(name) && sqlite3_keyword_check(name.p, (int)name.n)) /* ours, such as `key`, are tried unquoted */
        return fail_usage("column '%.*s': a keyword of SQLite, which the index could not hold: rename it", STR_ARG(name));
    return 0;
}

int columns_add(struct columns *c, struct str name)
{
    if (check_name(name) < 0) return -1;
    if (columns_find(c, name) != SIZE_MAX) return fail_usage("column '%.*s' stands twice", STR_ARG(name));
    if (c->count == COLUMNS_MAX) return fail_usage("more than %d columns", COLUMNS_MAX);
    struct column *list = realloc(c->list, (c->count + 1) * sizeof *list);
    if (!list) return fail_memory();
    c->list = list;
    char *copy = strndup(name.p, name.n);
    if (!copy) return fail_memory();
    const struct column_definition *definition = column_definition(name);
    c->list[c->count++] = (struct column){copy, definition ? definition->type : COLUMN_TEXT};
    return 0;
}

int columns_copy(struct columns *to, const struct columns *from)
{
    for (size_t i = 0; i < from->count; i++)
        if (columns_add(to, str_from(from->list[i].name)) < 0) return -1;
    return 0;
}

int columns_parse(struct columns *c, struct str header_line)
{
    struct str rest = header_line;
    while (rest.p)
        if (columns_add(c, str_cut(&rest, '\t')) < 0) return -1;
    return 0;
}

size_t columns_find(const struct columns *c, struct str name)
{
    for (size_t i = 0; i < c->count; i++)
        if (str_eq(name, str_from(c->list[i].name))) return i;
    return SIZE_MAX;
}

const char *columns_nearest(const struct columns *c, struct str name)
{
    size_t best = 3; /* more than two slips is another word */
    const char *near = NULL;
    for (size_t i = 0; i < c->count; i++) {
        size_t distance = str_distance(name, str_from(c->list[i].name));
        if (distance < best) best = distance, near = c->list[i].name;
    }
    return near;
}

bool columns_equal(const struct columns *a, const struct columns *b)
{
    if (a->count != b->count) return false;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->list[i].name, b->list[i].name) != 0) return false;
    return true;
}
