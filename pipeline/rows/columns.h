/* The columns of a row stream.
 *
 * schemas/columns.def declares every column that winnow itself makes: name, type, unit, stage, meaning. Users' own columns
 * are allowed beside them (type text) and pass through untouched. Names are [a-z][a-z0-9_]*, at most 64 bytes, no keyword of
 * SQLite. A `struct columns` owns its names.
 */
#ifndef WINNOW_COLUMNS_H
#define WINNOW_COLUMNS_H

#include "pipeline/base/str.h"

enum column_type { COLUMN_TEXT, COLUMN_UNSIGNED, COLUMN_SIGNED, COLUMN_FLOAT };

struct column {
    const char *name;
    enum column_type type;
};

enum { COLUMNS_MAX = 512 };

struct columns {
    struct column *list;
    size_t count;
};

/* What columns.def says of a column. */
struct column_definition {
    const char *name;
    enum column_type type;
    const char *unit;    /* "" where there is none */
    const char *stage;   /* the stage that makes it */
    const char *meaning; /* one sentence */
};

void columns_init(struct columns *c);
void columns_free(struct columns *c);
int columns_add(struct columns *c, struct str name); /* type by definition; refuses bad, doubled and too many names */
int columns_copy(struct columns *to, const struct columns *from); /* `to` is initialised; appends */
int columns_parse(struct columns *c, struct str header_line);     /* names separated by tabs */
size_t columns_find(const struct columns *c, struct str name);    /* SIZE_MAX when absent */
const char *columns_nearest(const struct columns *c, struct str name); /* for "did you mean"; NULL when nothing is near */
bool columns_equal(const struct columns *a, const struct columns *b);

const struct column_definition *column_definition(struct str name); /* NULL for users' own columns; knows sim_*, p_*, zs_* */
const struct column_definition *column_definitions(size_t *count);  /* in the order of columns.def */
const char *column_type_name(enum column_type type);

#endif
