/* A table of names: open addressing over the lines' bytes, which are copied and lower-cased once. */
#include "filters/language/hypernyms.h"

#include "filters/text/wordlist.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/utf8.h"

#include <stdlib.h>

struct entry {
    struct str name, hypernym;
    double weight;
};
struct entity_table {
    char *bytes;
    struct entry *slots; /* name.n == 0: empty */
    size_t mask, count;
};

static struct entry *slot_of(const struct entity_table *t, struct str name)
{
    size_t at = (size_t)hash_xxh3_128(name, 0).low & t->mask;
    while (t->slots[at].name.n && !str_eq(t->slots[at].name, name)) at = (at + 1) & t->mask;
    return &t->slots[at];
}

static int add_line(struct entity_table *t, struct str line, const char *file, size_t number)
{
    struct str name = str_trim(str_cut(&line, '\t')), hypernym = str_trim(str_cut(&line, '\t')), weight = str_trim(str_cut(&line, '\t'));
    struct entry entry = {name, hypernym, 0};
    if (!name.n || !hypernym.n) return fail_usage("%s:%zu: expected a name, a tab, and what it is", file, number);
    if (weight.n && str_to_double(weight, &entry.weight) < 0)
        return fail_usage("%s:%zu: weight '%.*s' is no number", file, number, STR_ARG(weight));
    struct entry *slot = slot_of(t, name);
    if (slot->name.n && slot->weight >= entry.weight) return 0;
    t->count += !slot->name.n;
    *slot = entry;
    return 0;
}

static int fill(struct entity_table *t, struct str bytes, const char *file)
{
    size_t lines = 1, slots = 16;
    for (size_t i = 0; i < bytes.n; i++) lines += bytes.p[i] == '\n';
    while (slots < 2 * lines) slots *= 2;
    t->mask = slots - 1;
    t->slots = calloc(slots, sizeof *t->slots);
    t->bytes = malloc(bytes.n + 1);
    if (!t->slots || !t->bytes) return fail_memory();
    for (size_t i = 0; i < bytes.n; i++) t->bytes[i] = ascii_lower(bytes.p[i]);
    struct str rest = wordlist_without_bom(str_of(t->bytes, bytes.n));
    for (size_t number = 1; rest.p; number++) {
        struct str line = str_cut(&rest, '\n');
        if (!utf8_valid(line)) return fail_usage("%s:%zu: not UTF-8", file, number);
        if (!str_trim(line).n || str_starts(line, STR("# "))) continue;
        if (add_line(t, line, file, number) < 0) return -1;
    }
    return 0;
}

struct entity_table *entity_table_read(struct str bytes, const char *name)
{
    struct entity_table *t = calloc(1, sizeof *t);
    if (!t) return fail_memory(), NULL;
    if (bytes.n > ENTITY_TABLE_BYTES_MOST ? fail_usage("%s: more than %d bytes", name, ENTITY_TABLE_BYTES_MOST) : fill(t, bytes, name)) {
        entity_table_free(t);
        return NULL;
    }
    return t;
}

void entity_table_free(struct entity_table *t)
{
    if (!t) return;
    free(t->slots);
    free(t->bytes);
    free(t);
}

size_t entity_table_count(const struct entity_table *t) { return t->count; }
struct str entity_table_find(const struct entity_table *t, struct str lower) { return lower.n ? slot_of(t, lower)->hypernym : STR_ABSENT; }
