#include "reports/stats_groups.h"

#include "pipeline/base/fail.h"
#include "reports/stats_table.h"

#include <stdlib.h>
#include <string.h>

enum { ROOM_FIRST = 1024 };

const uint64_t group_sizes[GROUP_SIZES] = {1, 2, 3, 5, 10, 100, 1000};

int groups_init(struct groups *g, size_t limit)
{
    *g = (struct groups){.limit = limit < 2 ? 2 : limit, .room = ROOM_FIRST};
    g->list = calloc(g->room, sizeof *g->list);
    return g->list ? 0 : fail_memory();
}

void groups_free(struct groups *g)
{
    free(g->list);
    *g = (struct groups){0};
}

/* The lowest bits choose the sample, so the place comes from the highest. */
static struct group *place_of(struct group *list, size_t room, uint64_t hash)
{
    size_t at = (size_t)(hash >> 24) & (room - 1);
    while (list[at].n && list[at].hash != hash) at = (at + 1) & (room - 1);
    return &list[at];
}

static bool is_sampled(const struct groups *g, uint64_t hash) { return (hash & ((UINT64_C(1) << g->level) - 1)) == 0; }

static int rebuild(struct groups *g, size_t room)
{
    struct group *list = table_alloc(room * sizeof *list);
    if (!list) return fail_memory();
    size_t count = 0;
    for (size_t i = 0; i < g->room; i++) {
        if (!g->list[i].n || !is_sampled(g, g->list[i].hash)) continue;
        *place_of(list, room, g->list[i].hash) = g->list[i];
        count++;
    }
    free(g->list);
    g->list = list;
    g->room = room;
    g->count = count;
    return 0;
}

int groups_add(struct groups *g, uint64_t hash)
{
    if (!is_sampled(g, hash)) return 0;
    struct group *group = place_of(g->list, g->room, hash);
    if (!group->n) {
        while (g->count >= g->limit && g->level < 63) {
            g->level++;
            if (rebuild(g, g->room) < 0) return -1;
        }
        if (4 * (g->count + 1) > 3 * g->room && rebuild(g, 2 * g->room) < 0) return -1;
        if (!is_sampled(g, hash)) return 0;
        group = place_of(g->list, g->room, hash);
        group->hash = hash;
        g->count++;
    }
    group->n++;
    return 0;
}

uint64_t groups_count(const struct groups *g) { return (uint64_t)g->count << g->level; }

void groups_sizes(const struct groups *g, uint64_t more, struct groups_by_size *sizes)
{
    memset(sizes, 0, sizeof *sizes);
    for (size_t i = 0; i < g->room; i++) {
        if (!g->list[i].n) continue;
        uint64_t n = g->list[i].n + more;
        int class = GROUP_SIZES - 1;
        while (class > 0 && n < group_sizes[class]) class--;
        sizes->groups[class] += UINT64_C(1) << g->level;
        sizes->values[class] += n << g->level;
    }
}
