/* Tables of counts, looked up key by key without being held.
 *
 *     struct count_lookups *l;
 *     count_lookups_open(&l, paths, n);                    looks at their descriptions
 *     if (count_lookups_answer(l, COUNT_IMAGES_PER_TEXT, 10)) …
 *     count_lookups_load(l, 1u << COUNT_IMAGES_PER_TEXT, memory, folder);
 *     struct count_cache *cache = count_cache_new();       one a thread
 *     count_lookups_find(l, cache, COUNT_IMAGES_PER_TEXT, key, &count);
 *
 * load brings the rows of a kind's tables into one nameless file of 24-byte records, sorted by key (base/extsort, so that the
 * tables may come in any order and number). In memory stand the first key of each block of some 4 KiB, and a bit table that
 * knows seven of eight absent keys at once; a look-up that gets past it reads one block, mostly from the kernel's cache. Memory
 * stays below what is given, however long the tables: blocks grow and bits are shared.
 *
 * A key that no table holds has the count 0: with a bound K that stands for "at most K".
 */
#ifndef WINNOW_FILTERS_COUNTS_LOOKUP_H
#define WINNOW_FILTERS_COUNTS_LOOKUP_H

#include "filters/counts/kinds.h"
#include "pipeline/base/hash.h"

#include <jansson.h>

struct count_lookups;
struct count_cache;

int count_lookups_open(struct count_lookups **l, const char *const *paths, size_t n); /* -1: no table, or one that is a part */
void count_lookups_close(struct count_lookups *l); /* NULL is allowed */
bool count_lookups_have(const struct count_lookups *l, enum count_kind kind);
/* Whether the tables tell what is over `over`: a table with a bound K tells that of K and more. NULL answers nothing. */
bool count_lookups_answer(const struct count_lookups *l, enum count_kind kind, uint64_t over);
uint64_t count_lookups_total(const struct count_lookups *l, enum count_kind kind); /* of all that was counted */
/* The count of the n-th most frequent key (from 1) of the kinds, bits, taken together; 0 where they have fewer keys. Reads the tables. */
int count_lookups_rank(const struct count_lookups *l, unsigned kinds, uint64_t n, uint64_t *count);
json_t *count_lookups_hashes(const struct count_lookups *l); /* of the tables' rows, in the order given; NULL on failure */

/* kinds: bits. A key that stands in two tables is an error: parts have to be added up first. */
int count_lookups_load(struct count_lookups *l, unsigned kinds, size_t memory, const char *folder);

struct count_cache *count_cache_new(void); /* 2 MiB; NULL with a sentence */
void count_cache_free(struct count_cache *cache); /* NULL is allowed */
int count_lookups_find(const struct count_lookups *l, struct count_cache *cache, enum count_kind kind, struct hash128 key,
                       uint64_t *count); /* any thread with a cache of its own; -1: the file cannot be read */

#endif
