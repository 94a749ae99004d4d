#include "filters/counts/lookup.h"

#include "filters/counts/table.h"
#include "pipeline/base/extsort.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/spill.h"
#include "pipeline/rows/rows.h"

#include <stdlib.h>

enum {
    RECORD_BYTES = 24, COUNT_AT = 16,      /* key 16, count 8, as bytes in order */
    BLOCK_RECORDS = 170,                   /* 4,080 bytes */
    BLOCK_RECORDS_MAX = BLOCK_RECORDS << 8, /* about 1 MiB */
    BITS_A_KEY = 8,
    CACHE_ENTRIES = 1 << 16,
    WRITE_BLOCKS = 16,
};

struct lookup {
    bool given;
    uint64_t over, total, keys; /* over: the largest bound of the tables */
    struct spill file;
    uint64_t records;
    size_t block_records, blocks;
    uint64_t *first;            /* high half of the first key of each block */
    uint64_t *bits;
    unsigned bits_shift;        /* key.low >> bits_shift is a bit's number */
};

struct count_lookups {
    const char *const *paths;
    size_t path_count;
    struct lookup kinds[COUNT_KINDS];
    char (*hashes)[33];
};

struct count_cache {
    struct cached {
        struct hash128 key;
        uint64_t count;
        uint8_t kind; /* one more than its number; 0: free */
    } entries[CACHE_ENTRIES];
    unsigned char *block;
    size_t block_room;
};

/* ---- looking at the tables */

static int hash_of(const char *path, char hash[33])
{
    struct rows_reader *r;
    if (rows_open(&r, path, &(struct rows_open_options){.quiet_plain = true}) < 0) return -1;
    const struct rows_description *d = rows_description(r);
    if (d) memcpy(hash, d->hash, 33);
    rows_close(r);
    return d ? 0 : fail_usage("%s: no table of counts", path);
}

static int look_at(struct count_lookups *l, size_t i)
{
    struct count_table_about about;
    const char *path = l->paths[i];
    if (count_table_look(path, &about) < 0 || hash_of(path, l->hashes[i]) < 0) return -1;
    const struct count_kind_about *k = count_kind_about(about.want.kind);
    if (about.partial)
        return fail_usage("%s: a part of a table: bring the parts together with 'winnow count --what %s'", path, k->what);
    struct lookup *of = &l->kinds[about.want.kind];
    of->given = true;
    if (about.want.over > of->over) of->over = about.want.over;
    of->total += about.total;
    of->keys += about.keys;
    return 0;
}

int count_lookups_open(struct count_lookups **out, const char *const *paths, size_t n)
{
    struct count_lookups *l = *out = calloc(1, sizeof *l);
    if (!l) return fail_memory();
    for (int i = 0; i < COUNT_KINDS; i++) l->kinds[i].file = SPILL_CLOSED;
    l->paths = paths;
    l->path_count = n;
    l->hashes = calloc(n + 1, sizeof *l->hashes);
    if (!l->hashes) return fail_memory();
    for (size_t i = 0; i < n; i++)
        if (look_at(l, i) < 0) return -1;
    return 0;
}

void count_lookups_close(struct count_lookups *l)
{
    if (!l) return;
    for (int i = 0; i < COUNT_KINDS; i++) {
        spill_close(&l->kinds[i].file);
        free(l->kinds[i].first);
        free(l->kinds[i].bits);
    }
    free(l->hashes);
    free(l);
}

bool count_lookups_have(const struct count_lookups *l, enum count_kind kind) { return l && l->kinds[kind].given; }

bool count_lookups_answer(const struct count_lookups *l, enum count_kind kind, uint64_t over)
{
    return l && l->kinds[kind].given && l->kinds[kind].over <= over;
}

uint64_t count_lookups_total(const struct count_lookups *l, enum count_kind kind) { return l->kinds[kind].total; }

json_t *count_lookups_hashes(const struct count_lookups *l)
{
    json_t *list = json_array();
    for (size_t i = 0; i < l->path_count; i++)
        if (json_array_append_new(list, json_string(l->hashes[i]))) {
            json_decref(list);
            return fail_memory(), NULL;
        }
    return list;
}

/* ---- ranks */

/* How many keys have each count; the few that are more frequent stand in a list. */
enum { COMMON_COUNTS = 1 << 16, FREQUENT_BYTES_MAX = 1 << 30 /* keys of a text of 8 x 10^12 words, if all were that frequent */ };

struct ranks {
    uint64_t *keys;      /* of each count below COMMON_COUNTS */
    struct buf frequent; /* uint64_t each */
};

static int rank_table(struct ranks *r, const char *path)
{
    struct count_table_reader *reader;
    struct count_table_row row;
    int got = count_table_open(&reader, path);
    while (got == 0 && (got = count_table_next(reader, &row)) > 0) {
        got = 0;
        if (row.count < COMMON_COUNTS) r->keys[row.count]++;
        else got = buf_add(&r->frequent, str_of((const char *)&row.count, sizeof row.count));
    }
    count_table_close(reader);
    return got;
}

static int compare_falling(const void *a, const void *b)
{
    uint64_t first, second;
    memcpy(&first, a, sizeof first);
    memcpy(&second, b, sizeof second);
    return (first < second) - (first > second);
}

static uint64_t count_at(struct ranks *r, uint64_t n)
{
    uint64_t frequent = r->frequent.n / sizeof(uint64_t), count;
    if (n <= frequent) {
        qsort(r->frequent.p, (size_t)frequent, sizeof count, compare_falling);
        memcpy(&count, r->frequent.p + (n - 1) * sizeof count, sizeof count);
        return count;
    }
    n -= frequent;
    for (count = COMMON_COUNTS - 1; count > 0 && r->keys[count] < n; count--) n -= r->keys[count];
    return count;
}

int count_lookups_rank(const struct count_lookups *l, unsigned kinds, uint64_t n, uint64_t *count)
{
    uint64_t keys = 0;
    for (int i = 0; i < COUNT_KINDS; i++) keys += kinds >> i & 1 ? l->kinds[i].keys : 0;
    *count = 0;
    if (n > keys) return 0;
    struct ranks r = {.keys = calloc(COMMON_COUNTS, sizeof *r.keys)};
    int result = r.keys ? 0 : fail_memory();
    buf_init(&r.frequent, FREQUENT_BYTES_MAX);
    for (size_t i = 0; i < l->path_count && result == 0; i++) {
        struct count_table_about about;
        result = count_table_look(l->paths[i], &about);
        if (result == 0 && kinds >> about.want.kind & 1) result = rank_table(&r, l->paths[i]);
    }
    if (result == 0) *count = count_at(&r, n);
    free(r.keys);
    buf_free(&r.frequent);
    return result;
}

/* ---- loading */

static int sort_table(struct extsort *sort, const char *path)
{
    struct count_table_reader *reader;
    struct count_table_row row;
    int got = count_table_open(&reader, path);
    while (got == 0 && (got = count_table_next(reader, &row)) > 0) {
        unsigned char record[RECORD_BYTES];
        extsort_put_u64(record, row.key.high);
        extsort_put_u64(record + 8, row.key.low);
        extsort_put_u64(record + COUNT_AT, row.count);
        got = extsort_add(sort, record);
    }
    count_table_close(reader);
    return got;
}

static int sort_tables(const struct count_lookups *l, enum count_kind kind, struct extsort *sort)
{
    for (size_t i = 0; i < l->path_count; i++) {
        struct count_table_about about;
        if (count_table_look(l->paths[i], &about) < 0) return -1;
        if (about.want.kind == kind && sort_table(sort, l->paths[i]) < 0) return -1;
    }
    return extsort_seal(sort);
}

static int make_index(struct lookup *of, size_t memory)
{
    of->block_records = BLOCK_RECORDS;
    while (of->block_records < BLOCK_RECORDS_MAX && of->keys / of->block_records * sizeof *of->first > memory / 2) of->block_records *= 2;
    size_t bits = 64;
    of->bits_shift = 58;
    while (bits < of->keys * BITS_A_KEY && bits / 8 < memory / 4) bits *= 2, of->bits_shift--;
    of->first = calloc((size_t)(of->keys / of->block_records) + 1, sizeof *of->first);
    of->bits = calloc(bits / 64, sizeof *of->bits);
    return of->first && of->bits ? 0 : fail_memory();
}

static bool may_hold(const struct lookup *of, struct hash128 key)
{
    uint64_t bit = key.low >> of->bits_shift;
    return of->bits[bit / 64] >> (bit % 64) & 1;
}

static int add_record(struct lookup *of, const unsigned char *record, const unsigned char *last)
{
    if (of->records && memcmp(record, last, COUNT_AT) == 0)
        return fail_usage("--counts: a key stands in two tables of a kind: add the parts up with 'winnow count' first");
    if (of->records % of->block_records == 0) of->first[of->blocks++] = extsort_get_u64(record);
    uint64_t bit = extsort_get_u64(record + 8) >> of->bits_shift;
    of->bits[bit / 64] |= UINT64_C(1) << (bit % 64);
    of->records++;
    return 0;
}

static int write_records(struct lookup *of, struct extsort *sort, const char *folder)
{
    size_t room = (size_t)WRITE_BLOCKS * BLOCK_RECORDS * RECORD_BYTES, used = 0;
    unsigned char *buffer = malloc(room), last[RECORD_BYTES] = {0};
    int got = buffer && spill_open(&of->file, folder) == 0 ? 0 : -1;
    const void *record;
    if (!buffer) fail_memory();
    while (got == 0 && (got = extsort_next(sort, &record)) > 0) {
        if ((got = add_record(of, record, last)) < 0) break;
        memcpy(last, record, RECORD_BYTES);
        memcpy(buffer + used, record, RECORD_BYTES);
        used += RECORD_BYTES;
        if (used < room) continue;
        got = spill_add(&of->file, str_of((const char *)buffer, used));
        used = 0;
    }
    if (got == 0 && used) got = spill_add(&of->file, str_of((const char *)buffer, used));
    free(buffer);
    return got;
}

int count_lookups_load(struct count_lookups *l, unsigned kinds, size_t memory, const char *folder)
{
    size_t count = (size_t)__builtin_popcount(kinds);
    for (int i = 0; i < COUNT_KINDS; i++) {
        struct lookup *of = &l->kinds[i];
        if (!(kinds >> i & 1) || !of->given) continue;
        struct extsort *sort = extsort_open(memory / 2, folder, RECORD_BYTES, NULL);
        int result = sort ? sort_tables(l, (enum count_kind)i, sort) : -1;
        if (result == 0) result = make_index(of, memory / 2 / count);
        if (result == 0) result = write_records(of, sort, folder);
        extsort_close(sort);
        if (result < 0) return -1;
    }
    return 0;
}

/* ---- finding */

struct count_cache *count_cache_new(void)
{
    struct count_cache *cache = calloc(1, sizeof *cache);
    if (!cache) fail_memory();
    return cache;
}

void count_cache_free(struct count_cache *cache)
{
    if (!cache) return;
    free(cache->block);
    free(cache);
}

/* The last block whose first key is not above the key's high half; of equal halves the first block of them is stepped back to,
 * since the key may stand at the end of the block before. */
static size_t block_of(const struct lookup *of, uint64_t high)
{
    size_t low = 0, end = of->blocks; /* the first block with first >= high */
    while (low < end) {
        size_t middle = low + (end - low) / 2;
        if (of->first[middle] < high) low = middle + 1;
        else end = middle;
    }
    return low ? low - 1 : 0;
}

static int read_block(const struct lookup *of, struct count_cache *cache, size_t block, size_t *records)
{
    size_t room = of->block_records * RECORD_BYTES;
    if (cache->block_room < room) {
        free(cache->block);
        cache->block_room = 0;
        if (!(cache->block = malloc(room))) return fail_memory();
        cache->block_room = room;
    }
    uint64_t from = (uint64_t)block * of->block_records, left = of->records - from;
    *records = left < of->block_records ? (size_t)left : of->block_records;
    return spill_read(&of->file, from * RECORD_BYTES, cache->block, *records * RECORD_BYTES);
}

static bool find_in_block(const unsigned char *block, size_t records, const unsigned char key[16], uint64_t *count)
{
    size_t low = 0, end = records;
    while (low < end) {
        size_t middle = low + (end - low) / 2;
        int order = memcmp(block + middle * RECORD_BYTES, key, 16);
        if (order == 0) {
            *count = extsort_get_u64(block + middle * RECORD_BYTES + COUNT_AT);
            return true;
        }
        if (order < 0) low = middle + 1;
        else end = middle;
    }
    return false;
}

static int read_count(const struct lookup *of, struct count_cache *cache, struct hash128 key, uint64_t *count)
{
    unsigned char bytes[16];
    extsort_put_u64(bytes, key.high);
    extsort_put_u64(bytes + 8, key.low);
    *count = 0;
    for (size_t block = block_of(of, key.high); block < of->blocks && of->first[block] <= key.high; block++) {
        size_t records = 0;
        if (read_block(of, cache, block, &records) < 0) return -1;
        if (find_in_block(cache->block, records, bytes, count)) return 0;
    }
    return 0;
}

int count_lookups_find(const struct count_lookups *l, struct count_cache *cache, enum count_kind kind, struct hash128 key, uint64_t *count)
{
    const struct lookup *of = &l->kinds[kind];
    *count = 0;
    if (!of->records || !may_hold(of, key)) return 0;
    struct cached *entry = &cache->entries[(key.low ^ (uint64_t)kind) % CACHE_ENTRIES];
    if (entry->kind == (uint8_t)kind + 1 && hash128_compare(entry->key, key) == 0) {
        *count = entry->count;
        return 0;
    }
    if (read_count(of, cache, key, count) < 0) return -1;
    *entry = (struct cached){key, *count, (uint8_t)((int)kind + 1)};
    return 0;
}
