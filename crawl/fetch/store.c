/* A picture lies whole in memory or whole in the file. */
#include "crawl/fetch/store.h"

enum { PICTURE_BYTES_MAX = 1 << 30 };

void store_init(struct store *store, size_t memory, const char *folder)
{
    *store = (struct store){.spill = SPILL_CLOSED, .folder = folder};
    pthread_mutex_init(&store->lock, NULL);
    buf_init(&store->memory, memory);
    buf_init(&store->scratch, PICTURE_BYTES_MAX);
}

void store_free(struct store *store)
{
    buf_free(&store->memory);
    buf_free(&store->scratch);
    spill_close(&store->spill);
    pthread_mutex_destroy(&store->lock);
}

void store_clear(struct store *store)
{
    buf_clear(&store->memory);
    spill_close(&store->spill);
}

static int put(struct store *store, struct str bytes, struct stored *place)
{
    *place = (struct stored){.at = store->memory.n, .n = bytes.n};
    if (bytes.n <= store->memory.ceiling - store->memory.n) return buf_add(&store->memory, bytes);
    if (store->spill.file < 0 && spill_open(&store->spill, store->folder) < 0) return -1;
    place->at = store->spill.size;
    place->spilled = true;
    return spill_add(&store->spill, bytes);
}

int store_put(struct store *store, struct str bytes, struct stored *place)
{
    pthread_mutex_lock(&store->lock);
    int result = put(store, bytes, place);
    pthread_mutex_unlock(&store->lock);
    return result;
}

/* Adding moves what is in memory: it is copied. */
static int get(struct store *store, const struct stored *place)
{
    if (buf_reserve(&store->scratch, place->n) < 0) return -1;
    if (place->spilled) return spill_read(&store->spill, place->at, store->scratch.p, place->n);
    return buf_add(&store->scratch, str_of(store->memory.p + place->at, place->n));
}

int store_get(struct store *store, const struct stored *place, struct str *bytes)
{
    buf_clear(&store->scratch);
    pthread_mutex_lock(&store->lock);
    int result = get(store, place);
    pthread_mutex_unlock(&store->lock);
    *bytes = str_of(store->scratch.p, place->n);
    return result;
}
