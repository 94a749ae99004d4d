/* Sums by name, more names than fit in memory: filters/counts/groups keeps GROUPS_NAMED_SUMS here.
 *
 *     struct named_sums *n = named_sums_open(memory, folder);
 *     named_sums_add(n, name, count); ...
 *     named_sums_seal(n, memory);
 *     while ((got = named_sums_next(n, &key, &name, &sum)) > 0) ...      by rising key, each key once
 *     named_sums_close(n);
 *
 * A record is its count, its name and, only where that is not the name's XXH3-128, its key: 14 bytes for two common words. Records
 * are parted by the key's first bits and never sorted as a whole: each part is sorted when its turn comes. Beyond the memory given
 * the parts go to one nameless file, and a part that is larger than memory is parted again by its key's next bits.
 *
 * What comes back depends on the multiset of what was added alone. Of names that come with one key the least is given.
 * One thread. Functions that return int give -1 with a sentence: full disk, out of memory.
 */
#ifndef WINNOW_FILTERS_COUNTS_NAMED_SUMS_H
#define WINNOW_FILTERS_COUNTS_NAMED_SUMS_H

#include "pipeline/base/hash.h"

#include <stddef.h>

enum { NAMED_SUMS_NAME_MAX = 64 << 10 };

struct named_sums;
/* `memory` until sealed, in bytes; less than what 256 buffers of 256 bytes need is raised to that. `folder`: as spill_open takes it. */
struct named_sums *named_sums_open(size_t memory, const char *folder);
void named_sums_close(struct named_sums *n); /* NULL is allowed */
int named_sums_add(struct named_sums *n, struct str name, uint64_t count); /* name.n <= NAMED_SUMS_NAME_MAX; the key is its XXH3-128 */
int named_sums_add_keyed(struct named_sums *n, struct hash128 key, struct str name, uint64_t count); /* the key is given: of a name that was cut */
int named_sums_seal(struct named_sums *n, size_t memory); /* `memory`: for what comes back, on top of what was not spilled */
int named_sums_next(struct named_sums *n, struct hash128 *key, struct str *name, uint64_t *sum); /* 1; 0; -1; name until the next call */

#endif
