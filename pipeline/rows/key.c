/* The key of a row. */
#include "pipeline/rows/key.h"

#include "pipeline/base/fail.h"

#include <string.h>

enum { ON_STACK = 1024 }; /* bytes of a key's values: most need no arena */

static int missing(const struct columns *columns, struct str name)
{
    const char *nearest = columns_nearest(columns, name);
    const struct column_definition *definition = column_definition(name);
    if (definition && definition->stage[0])
        return fail_usage("the rows have no column '%.*s': run 'winnow %s' first", STR_ARG(name), definition->stage);
    return fail_usage("the rows have no column '%.*s'%s%s%s", STR_ARG(name), nearest ? "; did you mean " : "", nearest ? nearest : "",
                      nearest ? "?" : "");
}

int row_key_parse(struct row_key *key, const char *by, const struct columns *columns, uint64_t seed)
{
    *key = (struct row_key){.seed = seed};
    for (struct str rest = str_from(by); rest.p;) {
        struct str name = str_cut(&rest, '+');
        size_t column = columns_find(columns, name);
        if (name.n == 0) return fail_usage("'%s': expected names of columns joined by '+'", by);
        if (column == SIZE_MAX) return missing(columns, name);
        if (key->count == ROW_KEY_COLUMNS_MAX) return fail_usage("'%s': more than %d columns", by, ROW_KEY_COLUMNS_MAX);
        key->may_be_absent[key->count] = str_eq(name, STR("text"));
        key->columns[key->count++] = column;
    }
    return 0;
}

bool row_key_hash(const struct row_key *key, const struct row *row, struct arena *scratch, struct hash128 *hash)
{
    size_t bytes = 0;
    for (size_t i = 0; i < key->count; i++) {
        struct str cell = row->cells[key->columns[i]];
        if (cell.n == 0 && !key->may_be_absent[i]) return false;
        bytes += 8 + cell.n; /* a value is not longer than its cell */
    }
    if (key->count == 1) {
        *hash = hash_xxh3_128(row_text(row, key->columns[0], scratch), key->seed);
        return true;
    }
    char on_stack[ON_STACK], *joined = bytes <= ON_STACK ? on_stack : arena_alloc(scratch, bytes);
    if (!joined) return false;
    size_t n = 0;
    for (size_t i = 0; i < key->count; i++) {
        struct str value = row_text(row, key->columns[i], scratch);
        for (unsigned shift = 0; shift < 64; shift += 8) joined[n++] = (char)((uint64_t)value.n >> shift);
        if (value.n) memcpy(joined + n, value.p, value.n);
        n += value.n;
    }
    *hash = hash_xxh3_128(str_of(joined, n), key->seed);
    return true;
}
