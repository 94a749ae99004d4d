/* Memory of the large open tables, whose places are met in no order: zeroed, from 2 MiB on in pages of that size where the system
 * gives them, since with small ones half the time of a lookup goes into finding the page. Given back with free(). NULL: none.
 */
#ifndef WINNOW_REPORTS_STATS_TABLE_H
#define WINNOW_REPORTS_STATS_TABLE_H

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { TABLE_PAGE = 2 << 20 };

static inline void *table_alloc(size_t bytes)
{
    if (bytes < TABLE_PAGE || bytes % TABLE_PAGE) return calloc(1, bytes);
    void *p = aligned_alloc(TABLE_PAGE, bytes);
    if (!p) return NULL;
    madvise(p, bytes, MADV_HUGEPAGE); /* a wish */
    return memset(p, 0, bytes);
}

#endif
