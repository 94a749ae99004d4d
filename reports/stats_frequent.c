#include "reports/stats_frequent.h"

#include "pipeline/base/fail.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/utf8.h"
#include "reports/stats_table.h"

#include <stdlib.h>
#include <string.h>

enum { ROOM_FIRST = 1024, TEXTS_LEAST = 64 << 10 };

int frequent_init(struct frequent *t, size_t limit)
{
    *t = (struct frequent){.limit = limit < 2 ? 2 : limit, .room = ROOM_FIRST};
    buf_init(&t->texts, t->limit * FREQUENT_TEXT_EACH > TEXTS_LEAST ? t->limit * FREQUENT_TEXT_EACH : TEXTS_LEAST);
    t->items = calloc(t->room, sizeof *t->items);
    return t->items ? 0 : fail_memory();
}

void frequent_free(struct frequent *t)
{
    free(t->items);
    buf_free(&t->texts);
    *t = (struct frequent){0};
}

struct str frequent_text(const struct frequent *t, const struct frequent_item *item) { return str_of(t->texts.p + item->text_at, item->text_n); }

static struct frequent_item *place_of(struct frequent_item *items, size_t room, uint64_t hash)
{
    size_t at = hash & (room - 1);
    while (items[at].hash && items[at].hash != hash) at = (at + 1) & (room - 1);
    return &items[at];
}

static int grow(struct frequent *t)
{
    size_t room = 2 * t->room;
    struct frequent_item *items = table_alloc(room * sizeof *items);
    if (!items) return fail_memory();
    for (size_t i = 0; i < t->room; i++)
        if (t->items[i].hash) *place_of(items, room, t->items[i].hash) = t->items[i];
    free(t->items);
    t->items = items;
    t->room = room;
    return 0;
}

/* Leaves the items that can have occurred more than `above` times, `count` of them, with their texts. */
static int keep_above(struct frequent *t, uint64_t above, size_t count)
{
    struct frequent_item *kept = malloc((count + 1) * sizeof *kept);
    struct buf texts;
    buf_init(&texts, t->texts.ceiling);
    int result = kept ? 0 : fail_memory();
    size_t n = 0;
    for (size_t i = 0; i < t->room && result == 0; i++) {
        const struct frequent_item *item = &t->items[i];
        if (!item->hash || item->n[0] + item->missed <= above) continue;
        kept[n] = *item;
        kept[n++].text_at = (uint32_t)texts.n;
        result = buf_add(&texts, frequent_text(t, item));
    }
    if (result == 0) {
        memset(t->items, 0, t->room * sizeof *t->items);
        for (size_t i = 0; i < n; i++) *place_of(t->items, t->room, kept[i].hash) = kept[i];
        t->count = n;
        struct buf old = t->texts;
        t->texts = texts;
        texts = old;
    }
    buf_free(&texts);
    free(kept);
    return result;
}

/* The value that would stand at `rank` if the list were sorted (Hoare's selection). */
static uint64_t select_rank(uint64_t *list, size_t n, size_t rank)
{
    size_t low = 0, high = n - 1;
    while (low < high) {
        uint64_t pivot = list[low + (high - low) / 2];
        size_t i = low, k = high;
        for (;;) {
            while (list[i] < pivot) i++;
            while (list[k] > pivot) k--;
            if (i >= k) break;
            uint64_t swap = list[i];
            list[i++] = list[k];
            list[k--] = swap;
        }
        if (rank <= k) high = k;
        else low = k + 1;
    }
    return list[low];
}

/* Raises the floor to the median of what the items can have occurred: at least half of them go. */
static int forget(struct frequent *t)
{
    uint64_t *most = malloc(t->count * sizeof *most);
    if (!most) return fail_memory();
    size_t n = 0, above = 0;
    for (size_t i = 0; i < t->room; i++)
        if (t->items[i].hash) most[n++] = t->items[i].n[0] + t->items[i].missed;
    t->floor = select_rank(most, n, n / 2);
    for (size_t i = 0; i < n; i++) above += most[i] > t->floor;
    free(most);
    return keep_above(t, t->floor, above);
}

static int make_room(struct frequent *t, size_t text)
{
    while (t->count && (t->count >= t->limit || t->texts.n + text > t->texts.ceiling))
        if (forget(t) < 0) return -1;
    return 4 * (t->count + 1) > 3 * t->room ? grow(t) : 0;
}

uint64_t frequent_hash(struct str text)
{
    uint64_t hash = hash_xxh3_128(text, 0).low;
    return hash ? hash : 1;
}

int frequent_add(struct frequent *t, struct str text, uint64_t hash, const uint64_t n[FREQUENT_COUNTS])
{
    struct frequent_item *item = place_of(t->items, t->room, hash);
    if (!item->hash) {
        size_t kept = text.n <= FREQUENT_TEXT ? text.n : utf8_cut(text, FREQUENT_TEXT);
        if (make_room(t, kept) < 0) return -1;
        item = place_of(t->items, t->room, hash);
        *item = (struct frequent_item){.hash = hash, .missed = t->floor, .points = utf8_count(text), .text_at = (uint32_t)t->texts.n,
                                .text_n = (uint32_t)kept};
        if (buf_add(&t->texts, str_of(text.p, kept)) < 0) return -1;
        t->count++;
    }
    for (int i = 0; i < FREQUENT_COUNTS; i++) item->n[i] += n[i];
    return 0;
}

static int by_count(const void *a, const void *b, void *list)
{
    const struct frequent_item *x = a, *y = b;
    if (x->n[0] != y->n[0]) return x->n[0] > y->n[0] ? -1 : 1;
    return str_compare(frequent_text(list, x), frequent_text(list, y));
}

void frequent_sort(struct frequent *t)
{
    if (t->sorted) return;
    size_t n = 0;
    for (size_t i = 0; i < t->room; i++)
        if (t->items[i].hash) t->items[n++] = t->items[i];
    qsort_r(t->items, n, sizeof *t->items, by_count, t);
    t->sorted = true;
}
