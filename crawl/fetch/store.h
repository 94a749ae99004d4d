/* Finished pictures that wait for their row's turn: in memory up to a ceiling, behind it in a nameless temporary file.
 * One thread reads, while others add; clearing happens when nobody does either.
 */
#ifndef WINNOW_FETCH_STORE_H
#define WINNOW_FETCH_STORE_H

#include "pipeline/base/buf.h"
#include "pipeline/base/spill.h"

#include <pthread.h>

struct store {
    pthread_mutex_t lock;
    struct buf memory;  /* its ceiling is the store's */
    struct spill spill; /* closed until needed */
    const char *folder; /* for the file; NULL: the default */
    struct buf scratch; /* of store_get, without the lock */
};

struct stored {
    uint64_t at;
    size_t n;
    bool spilled;
};

void store_init(struct store *store, size_t memory, const char *folder);
void store_free(struct store *store);
void store_clear(struct store *store); /* forgets all pictures */
int store_put(struct store *store, struct str bytes, struct stored *place);
int store_get(struct store *store, const struct stored *place, struct str *bytes); /* live until the next call */

#endif
