/* How many different values there are, and how many occur once, twice, often: groups of equal values, by size.
 *
 *     struct groups g;
 *     groups_init(&g, 3 << 17);                     at most that many groups are kept
 *     groups_add(&g, hash);                         64 bits that stand for the value
 *     groups_count(&g), groups_sizes(&g, &sizes);
 *     groups_free(&g);
 *
 * Exact while the groups have room. Beyond it a sample of the values is kept, chosen by hash: those whose lowest `level` bits
 * are 0, one in 2^level, each with its full count (distinct sampling; Gibbons 2001). Numbers are then scaled up: between half the
 * limit and the limit is kept, so that the number of different values has a standard error of at most sqrt(2 / limit): 0.23 %
 * with 393,216 groups. Two samples of one kind merge to one. Memory: 16 bytes a place, a third more places than `limit` (up to
 * the next power of two: limits of 3 · 2^k waste none); as much again for the moment in which it grows.
 */
#ifndef WINNOW_REPORTS_STATS_GROUPS_H
#define WINNOW_REPORTS_STATS_GROUPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct group {
    uint64_t hash, n; /* n == 0: free */
};
struct groups {
    struct group *list;
    size_t count, room, limit; /* room: a power of two */
    unsigned level;            /* 0: all groups are there, and every number is exact */
};

enum { GROUP_SIZES = 7 };
extern const uint64_t group_sizes[GROUP_SIZES]; /* smallest of each class: 1, 2, 3, 5, 10, 100, 1000 */
struct groups_by_size {
    uint64_t groups[GROUP_SIZES], values[GROUP_SIZES];
};

int groups_init(struct groups *g, size_t limit);
void groups_free(struct groups *g); /* may be called on a zeroed struct */
int groups_add(struct groups *g, uint64_t hash);
static inline void groups_prefetch(const struct groups *g, uint64_t hash) { __builtin_prefetch(&g->list[(size_t)(hash >> 24) & (g->room - 1)]); }
uint64_t groups_count(const struct groups *g); /* different values; ≈ when level > 0 */
/* By the number of values in a group, with `more` added to each: 1 where the first of a group was not added. */
void groups_sizes(const struct groups *g, uint64_t more, struct groups_by_size *sizes);

#endif
