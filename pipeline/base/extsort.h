/* Sorting more records than fit in memory.
 *
 * Records have one size, given at open. They are added in any order and come back sorted; beyond the memory given, sorted
 * runs go to one nameless temporary file (spill.h) and are merged on the way back.
 *
 *     struct extsort *sort = extsort_open(memory, folder, sizeof record, NULL);
 *     while (...) extsort_add(sort, &record);
 *     extsort_seal(sort);
 *     while ((got = extsort_next(sort, &found)) > 0) ...
 *     extsort_close(sort);
 *
 * Call order: open add* (seal next*)? close; close may come at any time, next after the end gives the end again.
 *
 * (1) The order is total: by `compare`, and where that says equal by the records' bytes. So what comes back depends on the
 *     set of records alone, never on memory or the order of adding. Equal records all come back.
 * (2) Without `compare` the order is memcmp's: write numbers big-endian (extsort_put_u64).
 * (3) Memory in use stays below `memory`, or below what four times 16 records need where that is more; it starts small and
 *     grows.
 * (4) On disk: the records' bytes, plus those of one merge where there are more runs than buffers. A run holds about memory /
 *     (record_size + 16) records; memory for m buffers of 64 KiB merges m runs at once, so that 1 GiB sorts hundreds of GB
 *     in one pass, and less memory takes more passes.
 *
 * One thread. Functions that return int give -1 with a sentence (full disk: spill.h; out of memory); after that only close.
 */
#ifndef WINNOW_EXTSORT_H
#define WINNOW_EXTSORT_H

#include <stddef.h>
#include <stdint.h>

struct extsort;

/* `memory` in bytes; `folder` for spills (NULL: $TMPDIR, else /tmp; must outlive the sort; touched when first needed);
 * `record_size` in bytes, 1 to 65536; `compare` as for qsort, or NULL. NULL with a sentence on failure. */
struct extsort *extsort_open(size_t memory, const char *folder, size_t record_size,
                             int (*compare)(const void *a, const void *b));
int extsort_add(struct extsort *sort, const void *record); /* copies record_size bytes; no alignment needed */
int extsort_seal(struct extsort *sort);                    /* no more records; sorts, and merges runs until one pass is left */
/* 1 and the next record (valid until the next call, unaligned); 0 at the end; -1. */
int extsort_next(struct extsort *sort, const void **record);
void extsort_close(struct extsort *sort);                  /* NULL is allowed */

uint64_t extsort_count(const struct extsort *sort);        /* records added */
uint64_t extsort_spilled(const struct extsort *sort);      /* bytes written to disk so far, merges included */

static inline void extsort_put_u64(unsigned char out[8], uint64_t value) /* big-endian: memcmp orders as numbers do */
{
    for (int i = 7; i >= 0; i--, value >>= 8) out[i] = (unsigned char)value;
}
static inline uint64_t extsort_get_u64(const unsigned char in[8])
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++) value = value << 8 | in[i];
    return value;
}

#endif
