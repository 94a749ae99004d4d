#include "pipeline/rows/key_map.h"

#include "pipeline/base/arena.h"
#include "pipeline/base/fail.h"
#include "pipeline/rows/key.h"
#include "pipeline/rows/rows.h"

#include <stdlib.h>

enum { BATCH_BYTES_MAX = 512 << 20, FIRST_ENTRIES = 1024 };

struct entry {
    struct hash128 key;
    struct str value;
};

struct key_map {
    uint64_t seed;
    size_t memory;
    struct arena values;
    struct entry *entries; /* by rising key */
    size_t count, room;
};

static int fail_room(void) { return fail("its values do not fit into --memory: give more"); }

static int add(struct key_map *m, struct hash128 key, struct str value)
{
    if (m->count == m->room) {
        size_t room = m->room ? 2 * m->room : FIRST_ENTRIES;
        if (room * sizeof *m->entries > m->memory / 2) return fail_room();
        struct entry *entries = realloc(m->entries, room * sizeof *entries);
        if (!entries) return fail_memory();
        m->entries = entries;
        m->room = room;
    }
    value = arena_copy(&m->values, value);
    if (!value.p) return fail_room();
    m->entries[m->count++] = (struct entry){key, value};
    return 0;
}

static int add_rows(struct key_map *m, const struct batch *batch, const struct row_key *from, const struct row_key *to,
                    struct arena *scratch)
{
    for (size_t i = 0; i < batch->count; i++) {
        const struct row *row = &batch->rows[i];
        struct hash128 key, other;
        if (!row_key_hash(from, row, scratch, &key) || !row_key_hash(to, row, scratch, &other)) continue;
        if (hash128_compare(key, other) != 0 && add(m, key, row_text(row, to->columns[0], scratch)) < 0) return -1;
    }
    return 0;
}

static int read_rows(struct key_map *m, struct rows_reader *reader, const char *from, const char *to)
{
    struct row_key from_key, to_key;
    struct rows_frame frame;
    struct batch batch;
    struct arena scratch;
    const struct columns *columns = rows_columns(reader);
    if (row_key_parse(&from_key, from, columns, m->seed) < 0 || row_key_parse(&to_key, to, columns, m->seed) < 0) return -1;
    if (from_key.count != 1) return fail_usage("expected one column, not '%s'", from);
    rows_frame_init(&frame);
    arena_init(&scratch, BATCH_BYTES_MAX);
    int more = batch_init(&batch, columns, BATCH_BYTES_MAX);
    for (uint64_t row = 1; more == 0 && (more = rows_read(reader, &frame)) > 0; row += batch.count) {
        batch_reset(&batch);
        arena_reset(&scratch);
        more = rows_decode(reader, &frame, &batch, row);
        if (more == 0) more = add_rows(m, &batch, &from_key, &to_key, &scratch);
    }
    batch_free(&batch);
    arena_free(&scratch);
    rows_frame_free(&frame);
    return more;
}

static int compare_entries(const void *a, const void *b)
{
    const struct entry *first = a, *second = b;
    int order = hash128_compare(first->key, second->key);
    return order ? order : str_compare(first->value, second->value);
}

/* A value that stands in several files must be told the same. */
static int put_in_order(struct key_map *m)
{
    if (m->count) qsort(m->entries, m->count, sizeof *m->entries, compare_entries);
    for (size_t i = 1; i < m->count; i++) {
        const struct entry *last = &m->entries[i - 1], *this = &m->entries[i];
        if (hash128_compare(last->key, this->key) == 0 && !str_eq(last->value, this->value))
            return fail("a value is in two clusters, '%.*s' and '%.*s'", STR_ARG(last->value), STR_ARG(this->value));
    }
    return 0;
}

struct key_map *key_map_read(const char *path, const char *from, const char *to, uint64_t seed, size_t memory)
{
    struct key_map *m = calloc(1, sizeof *m);
    if (!m) return fail_memory(), NULL;
    m->seed = seed;
    m->memory = memory;
    arena_init(&m->values, memory / 2);
    struct rows_reader *reader;
    int result = rows_open(&reader, path, &(struct rows_open_options){.quiet_plain = true});
    if (result == 0) {
        result = read_rows(m, reader, from, to);
        rows_close(reader);
        if (result == 0) result = put_in_order(m);
        if (result < 0) fail_prefix("%s: ", path);
    }
    if (result == 0) return m;
    key_map_free(m);
    return NULL;
}

void key_map_free(struct key_map *m)
{
    if (!m) return;
    arena_free(&m->values);
    free(m->entries);
    free(m);
}

bool key_map_find(const struct key_map *m, struct hash128 key, struct str *value)
{
    size_t low = 0, end = m->count;
    while (low < end) {
        size_t middle = low + (end - low) / 2;
        if (hash128_compare(m->entries[middle].key, key) < 0) low = middle + 1;
        else end = middle;
    }
    if (low == m->count || hash128_compare(m->entries[low].key, key) != 0) return false;
    *value = m->entries[low].value;
    return true;
}

struct hash128 key_map_key(const struct key_map *m, struct hash128 key)
{
    struct str value;
    return key_map_find(m, key, &value) ? hash_xxh3_128(value, m->seed) : key;
}
