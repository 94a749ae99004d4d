/* A hash table of named things that hold their own link: names of hosts, sites, domains.
 *
 *     struct host { struct table_node node; ... };
 *     struct host *h = (struct host *)table_find(&hosts, name);       the node stands first in the struct
 *     table_add(&hosts, &h->node, name);                              the name's bytes stay the caller's, and stay put
 *
 * The seed is drawn once a table, so that nobody outside can choose names that fall together. One thread.
 */
#ifndef WINNOW_NET_TABLE_H
#define WINNOW_NET_TABLE_H

#include "pipeline/base/str.h"

struct table_node {
    struct table_node *next;
    uint64_t hash;
    struct str name;
};

struct table {
    struct table_node **slots;
    size_t count, slot_count; /* slot_count: a power of two, or 0 before the first is added */
    uint64_t seed;
};

void table_init(struct table *t);
void table_free(struct table *t); /* the table, not the things in it */
struct table_node *table_find(const struct table *t, struct str name);
int table_add(struct table *t, struct table_node *node, struct str name); /* -1 when out of memory */
void table_remove(struct table *t, struct table_node *node);
/* Walks all: NULL begins and ends. A node may be removed once the one after it has been taken. */
struct table_node *table_next(const struct table *t, const struct table_node *node);

#endif
