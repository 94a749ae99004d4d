#include "crawl/net/heap.h"

#include "pipeline/base/fail.h"

#include <stdlib.h>

static bool before(const struct heap_item *a, const struct heap_item *b)
{
    return a->time != b->time ? a->time < b->time : a->sequence < b->sequence;
}

static void put(struct heap *h, size_t at, struct heap_item *item)
{
    h->items[at] = item;
    item->place = at + 1;
}

static void sift_up(struct heap *h, size_t at, struct heap_item *item)
{
    for (; at && before(item, h->items[(at - 1) / 2]); at = (at - 1) / 2) put(h, at, h->items[(at - 1) / 2]);
    put(h, at, item);
}

static void sift_down(struct heap *h, size_t at, struct heap_item *item)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= h->count) break;
        if (child + 1 < h->count && before(h->items[child + 1], h->items[child])) child++;
        if (!before(h->items[child], item)) break;
        put(h, at, h->items[child]);
        at = child;
    }
    put(h, at, item);
}

void heap_free(struct heap *h)
{
    free(h->items);
    h->items = NULL;
    h->count = h->room = 0;
}

int heap_add(struct heap *h, struct heap_item *item, int64_t time)
{
    if (h->count == h->room) {
        size_t room = h->room ? h->room * 2 : 64;
        struct heap_item **larger = realloc(h->items, room * sizeof *larger);
        if (!larger) return fail_memory();
        h->items = larger;
        h->room = room;
    }
    item->time = time;
    item->sequence = h->sequence++;
    sift_up(h, h->count++, item);
    return 0;
}

void heap_remove(struct heap *h, struct heap_item *item)
{
    size_t at = item->place - 1;
    struct heap_item *last = h->items[--h->count];
    item->place = 0;
    if (last == item) return;
    if (at && before(last, h->items[(at - 1) / 2])) sift_up(h, at, last);
    else sift_down(h, at, last);
}

void heap_later(struct heap *h, struct heap_item *item, int64_t time)
{
    item->time = time;
    sift_down(h, item->place - 1, item);
}
