/* Things that become due: a binary heap of items that are part of whatever waits. Equal times come in the order of adding.
 *
 *     struct job { struct heap_item due; ... };
 *     heap_add(&heap, &job->due, now + 250);
 *     while ((item = heap_first(&heap)) && item->time <= now) heap_remove(&heap, item);
 */
#ifndef WINNOW_NET_HEAP_H
#define WINNOW_NET_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_item {
    int64_t time;
    uint64_t sequence; /* given by heap_add */
    size_t place;      /* in the heap, counted from 1; 0: in none */
};

struct heap {
    struct heap_item **items;
    size_t count, room;
    uint64_t sequence;
};

void heap_free(struct heap *h); /* the heap, not the items */
int heap_add(struct heap *h, struct heap_item *item, int64_t time); /* of an item in no heap; -1 when out of memory */
void heap_remove(struct heap *h, struct heap_item *item);
void heap_later(struct heap *h, struct heap_item *item, int64_t time); /* moves an item back; it keeps its sequence */
static inline struct heap_item *heap_first(const struct heap *h) { return h->count ? h->items[0] : NULL; }

#endif
