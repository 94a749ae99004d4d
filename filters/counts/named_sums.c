/* Parts are chains of chunks out of one pool; when the pool is used up, all of them become one extent a part on disk. Since keys are
 * hashes, parts grow alike, and a part of what fits in memory is small enough to be sorted in the second-level cache. */
#include "filters/counts/named_sums.h"

#include "filters/counts/lexicon.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/spill.h"

#include <stdlib.h>

enum {
    PART_BITS = 8, PARTS = 1 << PART_BITS,
    LEVELS = 4,                        /* parts of parts: beyond, names whose hashes agree in 32 bits are too many by design */
    CHUNK_LEAST = 256, CHUNK_MOST = 16 << 10,
    HEADER_MOST = 10 + 3 + 16,         /* count, length, key */
    RECORD_MOST = HEADER_MOST + NAMED_SUMS_NAME_MAX,
    STREAM_BYTES = 1 << 20,            /* read at once while a part is parted again */
    SMALL_SORT = 16,                   /* places; insertion sort up to it */
    AHEAD = 4,                         /* names asked for before they are given out */
};

struct chunk {
    struct chunk *next;
    char bytes[];
};

struct extent {
    uint64_t at, n; /* of the spill */
};

struct part {
    char *to, *end;                /* where the next byte goes in the last chunk */
    struct chunk *first, *last;
    uint64_t bytes, records;       /* in all */
    struct extent *extents;
    size_t extent_count, extent_room;
};

struct place {
    uint64_t high;                 /* of the key */
    const char *record;
};

struct named_sums {
    struct part parts[PARTS];
    unsigned level;                /* how many times what is here was parted before */
    const char *folder;
    size_t chunk_bytes;
    char *pool;
    size_t pool_used, pool_bytes;
    struct spill spill;
    size_t memory;                 /* for what comes back */
    unsigned part;                 /* one more than that which is loaded */
    struct named_sums *finer;      /* that part, parted again */
    char *bytes;                   /* that part's records */
    struct place *places, *sorted; /* of them, and room to sort in */
    size_t bytes_room, place_room;
    size_t next, count;            /* places */
    size_t settled;                /* places before it whose keys begin alike are in order */
};

struct record {
    uint64_t count;
    struct hash128 key;
    struct str name;
    bool keyed; /* the key is not the name's hash */
};

/* ---- opening */

struct named_sums *named_sums_open(size_t memory, const char *folder)
{
    struct named_sums *n = calloc(1, sizeof *n);
    if (!n) return fail_memory(), NULL;
    n->folder = folder;
    n->spill = SPILL_CLOSED;
    n->chunk_bytes = CHUNK_LEAST;
    while (n->chunk_bytes < CHUNK_MOST && n->chunk_bytes * PARTS * 8 <= memory) n->chunk_bytes *= 2;
    n->pool_bytes = memory / n->chunk_bytes * n->chunk_bytes;
    if (n->pool_bytes < PARTS * n->chunk_bytes) n->pool_bytes = PARTS * n->chunk_bytes;
    n->pool = lexicon_table(n->pool_bytes);
    if (n->pool) return n;
    named_sums_close(n);
    return NULL;
}

static void free_load(struct named_sums *n)
{
    free(n->bytes);
    free(n->places);
    free(n->sorted);
    n->bytes = NULL;
    n->places = n->sorted = NULL;
    n->bytes_room = n->place_room = 0;
}

void named_sums_close(struct named_sums *n)
{
    if (!n) return;
    named_sums_close(n->finer);
    for (int i = 0; i < PARTS; i++) free(n->parts[i].extents);
    spill_close(&n->spill);
    free_load(n);
    free(n->pool);
    free(n);
}

/* ---- adding */

static int add_extent(struct part *part, uint64_t at, uint64_t n)
{
    if (part->extent_count == part->extent_room) {
        size_t room = part->extent_room ? 2 * part->extent_room : 4;
        struct extent *extents = realloc(part->extents, room * sizeof *extents);
        if (!extents) return fail_memory();
        part->extents = extents;
        part->extent_room = room;
    }
    part->extents[part->extent_count++] = (struct extent){at, n};
    return 0;
}

static size_t chunk_room(const struct named_sums *n) { return n->chunk_bytes - sizeof(struct chunk); }

static size_t used_of(const struct named_sums *n, const struct part *part, const struct chunk *chunk)
{
    return chunk == part->last ? (size_t)(part->to - chunk->bytes) : chunk_room(n);
}

static int spill_part(struct named_sums *n, struct part *part)
{
    uint64_t at = n->spill.size;
    for (const struct chunk *c = part->first; c; c = c->next)
        if (spill_add(&n->spill, str_of(c->bytes, used_of(n, part, c))) < 0) return -1;
    part->first = part->last = NULL;
    part->to = part->end = NULL;
    return n->spill.size > at ? add_extent(part, at, n->spill.size - at) : 0;
}

static int spill_pool(struct named_sums *n)
{
    if (n->spill.file < 0 && spill_open(&n->spill, n->folder) < 0) return -1;
    for (int i = 0; i < PARTS; i++)
        if (spill_part(n, &n->parts[i]) < 0) return -1;
    n->pool_used = 0;
    return 0;
}

static int next_chunk(struct named_sums *n, struct part *part)
{
    if (n->pool_used == n->pool_bytes && spill_pool(n) < 0) return -1;
    struct chunk *c = (struct chunk *)(void *)(n->pool + n->pool_used);
    n->pool_used += n->chunk_bytes;
    c->next = NULL;
    if (part->last) part->last->next = c;
    else part->first = c;
    part->last = c;
    part->to = c->bytes;
    part->end = c->bytes + chunk_room(n);
    return 0;
}

static int add_bytes(struct named_sums *n, struct part *part, const char *bytes, size_t left)
{
    while (left) {
        if (part->to == part->end && next_chunk(n, part) < 0) return -1;
        size_t room = (size_t)(part->end - part->to), piece = left < room ? left : room;
        memcpy(part->to, bytes, piece);
        part->to += piece;
        bytes += piece;
        left -= piece;
    }
    return 0;
}

static char *put_number(char *to, uint64_t value) /* seven bits a byte, the least first */
{
    for (; value >= 0x80; value >>= 7) *to++ = (char)(value | 0x80);
    *to++ = (char)value;
    return to;
}

static const char *get_number(const char *from, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0;; shift += 7) {
        unsigned char byte = (unsigned char)*from++;
        *value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) return from;
    }
}

static unsigned part_of(const struct named_sums *n, struct hash128 key)
{
    return key.high >> (64 - PART_BITS * (n->level + 1)) & (PARTS - 1);
}

static int add_record(struct named_sums *n, const struct record *r)
{
    struct part *part = &n->parts[part_of(n, r->key)];
    char held[HEADER_MOST];
    bool fits = (size_t)(part->end - part->to) >= HEADER_MOST + r->name.n;
    char *header = fits ? part->to : held, *to = put_number(header, r->count);
    to = put_number(to, r->name.n << 1 | r->keyed);
    if (r->keyed) to = mempcpy(to, &r->key, sizeof r->key);
    part->bytes += (uint64_t)(to - header) + r->name.n;
    part->records++;
    if (fits) {
        part->to = mempcpy(to, r->name.p, r->name.n);
        return 0;
    }
    return add_bytes(n, part, header, (size_t)(to - header)) < 0 ? -1 : add_bytes(n, part, r->name.p, r->name.n);
}

int named_sums_add(struct named_sums *n, struct str name, uint64_t count)
{
    return add_record(n, &(struct record){count, hash_xxh3_128(name, 0), name, false});
}

int named_sums_add_keyed(struct named_sums *n, struct hash128 key, struct str name, uint64_t count)
{
    return add_record(n, &(struct record){count, key, name, hash128_compare(key, hash_xxh3_128(name, 0)) != 0});
}

/* ---- reading records */

static const char *read_record(const char *from, struct record *r)
{
    uint64_t length;
    from = get_number(get_number(from, &r->count), &length);
    r->keyed = length & 1;
    if (r->keyed) {
        memcpy(&r->key, from, sizeof r->key);
        from += sizeof r->key;
    }
    r->name = str_of(from, (size_t)(length >> 1));
    if (!r->keyed) r->key = hash_xxh3_128(r->name, 0);
    return from + r->name.n;
}

/* All bytes of a part, in order: what is on disk, then what is in chunks. */
static int read_part(const struct named_sums *n, const struct part *part, char *to)
{
    for (size_t i = 0; i < part->extent_count; i++) {
        const struct extent *e = &part->extents[i];
        if (spill_read(&n->spill, e->at, to, (size_t)e->n) < 0) return -1;
        to += e->n;
    }
    for (const struct chunk *c = part->first; c; c = c->next) to = mempcpy(to, c->bytes, used_of(n, part, c));
    return 0;
}

/* ---- a part that is larger than memory */

/* Adds the whole records of room[0, *held) to `finer`, as long as `least` bytes are left, and moves the rest to the front. */
static int add_whole(struct named_sums *finer, char *room, size_t *held, size_t least)
{
    const char *from = room, *end = room + *held;
    while ((size_t)(end - from) >= least) {
        struct record r;
        from = read_record(from, &r);
        if (add_record(finer, &r) < 0) return -1;
    }
    *held = (size_t)(end - from);
    memmove(room, from, *held);
    return 0;
}

static int add_extents(struct named_sums *n, const struct part *part, char *room)
{
    size_t held = 0;
    for (size_t i = 0; i < part->extent_count; i++) {
        for (struct extent e = part->extents[i]; e.n;) {
            size_t piece = e.n < STREAM_BYTES ? (size_t)e.n : STREAM_BYTES;
            if (spill_read(&n->spill, e.at, room + held, piece) < 0) return -1;
            spill_forget(&n->spill, e.at, piece);
            e.at += piece;
            e.n -= piece;
            held += piece;
            if (add_whole(n->finer, room, &held, RECORD_MOST) < 0) return -1;
        }
    }
    return add_whole(n->finer, room, &held, 1);
}

static int part_again(struct named_sums *n, const struct part *part)
{
    char *room = malloc(RECORD_MOST + STREAM_BYTES);
    if (!room) return fail_memory();
    free_load(n);
    n->finer = named_sums_open(n->memory / 8 * 7, n->folder);
    int result = n->finer ? 0 : -1;
    if (n->finer) n->finer->level = n->level + 1;
    if (result == 0) result = add_extents(n, part, room);
    free(room);
    return result < 0 ? -1 : named_sums_seal(n->finer, n->memory);
}

/* ---- a part in memory */

static int make_room(struct named_sums *n, const struct part *part)
{
    size_t bytes = (size_t)part->bytes, places = (size_t)part->records;
    if (bytes <= n->bytes_room && places <= n->place_room) return 0;
    free_load(n);
    n->bytes = malloc(bytes);
    n->places = malloc(places * sizeof *n->places);
    n->sorted = malloc(places * sizeof *n->sorted);
    if (!n->bytes || !n->places || !n->sorted) return fail_memory();
    n->bytes_room = bytes;
    n->place_room = places;
    return 0;
}

static void insertion_sort(struct place *p, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct place held = p[i];
        size_t at = i;
        for (; at > 0 && held.high < p[at - 1].high; at--) p[at] = p[at - 1];
        p[at] = held;
    }
}

enum { DIGIT_MOST = 11 };

/* By the keys' bits below `left`, so many at once that some four places share a digit. What is sorted stands in `to`, or in `from`
 * where !into; the other is used up. Equal ones come in any order. */
static void sort_places(struct place *from, struct place *to, size_t n, unsigned left, bool into)
{
    while (n > SMALL_SORT && left) {
        unsigned bits = 62 - (unsigned)__builtin_clzll(n);
        if (bits > DIGIT_MOST) bits = DIGIT_MOST;
        if (bits > left) bits = left;
        left -= bits;
        size_t ends[1 << DIGIT_MOST], at = 0, mask = ((size_t)1 << bits) - 1;
        memset(ends, 0, (mask + 1) * sizeof *ends);
        for (size_t i = 0; i < n; i++) ends[from[i].high >> left & mask]++;
        if (ends[from[0].high >> left & mask] == n) continue;
        for (size_t d = 0; d <= mask; d++) {
            size_t count = ends[d];
            ends[d] = at;
            at += count;
        }
        for (size_t i = 0; i < n; i++) to[ends[from[i].high >> left & mask]++] = from[i];
        for (size_t d = 0, begin = 0; d <= mask; begin = ends[d++])
            if (ends[d] > begin) sort_places(to + begin, from + begin, ends[d] - begin, left, !into);
        return;
    }
    insertion_sort(from, n);
    if (into) memcpy(to, from, n * sizeof *to);
}

static int load_part(struct named_sums *n, const struct part *part)
{
    if (make_room(n, part) < 0 || read_part(n, part, n->bytes) < 0) return -1;
    n->count = (size_t)part->records;
    n->next = n->settled = 0;
    const char *from = n->bytes;
    for (size_t i = 0; i < n->count; i++) {
        struct record r;
        n->places[i].record = from;
        from = read_record(from, &r);
        n->places[i].high = r.key.high;
    }
    sort_places(n->places, n->sorted, n->count, 64 - PART_BITS * (n->level + 1), true);
    return 0;
}

/* ---- what comes back */

int named_sums_seal(struct named_sums *n, size_t memory)
{
    n->memory = memory;
    if (n->spill.file < 0) return 0;
    if (spill_pool(n) < 0) return -1;
    free(n->pool);
    n->pool = NULL;
    return 0;
}

/* The next part that holds something: 1; 0; -1 */
static int next_part(struct named_sums *n)
{
    while (n->part < PARTS) {
        const struct part *part = &n->parts[n->part++];
        if (!part->records) continue;
        bool fits = part->bytes <= n->memory && part->records <= (n->memory - part->bytes) / (2 * sizeof(struct place));
        int result = fits || !part->extent_count || n->level + 1 == LEVELS ? load_part(n, part) : part_again(n, part);
        return result < 0 ? -1 : 1;
    }
    return 0;
}

static int compare_records(const void *a, const void *b)
{
    struct record first, second;
    read_record(((const struct place *)a)->record, &first);
    read_record(((const struct place *)b)->record, &second);
    int order = hash128_compare(first.key, second.key);
    return order ? order : str_compare(first.name, second.name);
}

static bool are_alike(const struct place *begin, const struct place *end)
{
    struct record first, other;
    read_record(begin->record, &first);
    for (const struct place *p = begin + 1; p < end && !first.keyed; p++) {
        read_record(p->record, &other);
        if (other.keyed || !str_eq(first.name, other.name)) return false;
    }
    return !first.keyed;
}

/* Keys that begin alike are nearly always one key, of one name; where they are not, they are put in order. */
static void settle(struct named_sums *n)
{
    struct place *begin = &n->sorted[n->next], *end = begin + 1, *last = n->sorted + n->count;
    while (end < last && end->high == begin->high) end++;
    if (end - begin > 1 && !are_alike(begin, end)) qsort(begin, (size_t)(end - begin), sizeof *begin, compare_records);
    n->settled = (size_t)(end - n->sorted);
}

static void add_up(struct named_sums *n, struct hash128 *key, struct str *name, uint64_t *sum)
{
    if (n->next + AHEAD < n->count) __builtin_prefetch(n->sorted[n->next + AHEAD].record);
    if (n->next >= n->settled) settle(n);
    struct record r;
    read_record(n->sorted[n->next++].record, &r);
    *key = r.key;
    *name = r.name;
    *sum = r.count;
    for (; n->next < n->settled; n->next++, *sum += r.count) {
        read_record(n->sorted[n->next].record, &r);
        if (hash128_compare(r.key, *key) != 0) return;
    }
}

int named_sums_next(struct named_sums *n, struct hash128 *key, struct str *name, uint64_t *sum)
{
    for (;;) {
        if (n->finer) {
            int got = named_sums_next(n->finer, key, name, sum);
            if (got) return got;
            named_sums_close(n->finer);
            n->finer = NULL;
        }
        if (n->next < n->count) return add_up(n, key, name, sum), 1;
        n->next = n->count = 0;
        int more = next_part(n);
        if (more <= 0) return more;
    }
}
