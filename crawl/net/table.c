#include "crawl/net/table.h"

#include "pipeline/base/fail.h"
#include "pipeline/base/hash.h"

#include <stdlib.h>
#include <sys/random.h>

void table_init(struct table *t)
{
    *t = (struct table){.seed = 0x9E3779B97F4A7C15u};
    uint64_t seed;
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) == sizeof seed) t->seed = seed;
}

void table_free(struct table *t)
{
    free(t->slots);
    t->slots = NULL;
    t->count = t->slot_count = 0;
}

static uint64_t hash_of(const struct table *t, struct str name) { return hash_xxh3_128(name, t->seed).low; }

struct table_node *table_find(const struct table *t, struct str name)
{
    if (!t->slot_count) return NULL;
    uint64_t hash = hash_of(t, name);
    struct table_node *node = t->slots[hash & (t->slot_count - 1)];
    while (node && (node->hash != hash || !str_eq(node->name, name))) node = node->next;
    return node;
}

static int grow(struct table *t)
{
    size_t slot_count = t->slot_count ? t->slot_count * 2 : 256;
    struct table_node **slots = calloc(slot_count, sizeof *slots);
    if (!slots) return fail_memory();
    for (size_t i = 0; i < t->slot_count; i++) {
        for (struct table_node *node = t->slots[i], *next; node; node = next) {
            next = node->next;
            node->next = slots[node->hash & (slot_count - 1)];
            slots[node->hash & (slot_count - 1)] = node;
        }
    }
    free(t->slots);
    t->slots = slots;
    t->slot_count = slot_count;
    return 0;
}

int table_add(struct table *t, struct table_node *node, struct str name)
{
    if (t->count >= t->slot_count && grow(t) < 0) return -1;
    node->hash = hash_of(t, name);
    node->name = name;
    node->next = t->slots[node->hash & (t->slot_count - 1)];
    t->slots[node->hash & (t->slot_count - 1)] = node;
    t->count++;
    return 0;
}

void table_remove(struct table *t, struct table_node *node)
{
    struct table_node **at = &t->slots[node->hash & (t->slot_count - 1)];
    while (*at != node) at = &(*at)->next;
    *at = node->next;
    t->count--;
}

struct table_node *table_next(const struct table *t, const struct table_node *node)
{
    if (node && node->next) return node->next;
    for (size_t i = node ? (node->hash & (t->slot_count - 1)) + 1 : 0; i < t->slot_count; i++)
        if (t->slots[i]) return t->slots[i];
    return NULL;
}
