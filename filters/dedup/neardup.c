/* Members lie in one array that is permuted in place: a part is a stretch of it. Parting by a band is a radix exchange sort over
 * the band's bits, whose cost no input can drive beyond bits times members. */
#include "filters/dedup/neardup.h"

#include "pipeline/base/extsort.h"
#include "pipeline/base/fail.h"

#include <stdlib.h>

enum { HASH_BYTES = 8, HASH_DIGITS = 16, SMALL_PART = 24 /* members a band: below it all pairs are compared at once */ };

struct member {
    uint64_t hash;
    uint32_t number; /* of the hash, in rising order */
};

struct neardup {
    unsigned distance;
    size_t memory;
    struct extsort *sort; /* of what was added; NULL once sealed */
    struct member *members;
    uint32_t *parent;     /* by number: a lower number of the cluster; the lowest points to itself */
    size_t count;
    uint64_t steps;
};

struct neardup *neardup_open(unsigned distance, size_t memory, const char *folder)
{
    struct neardup *n = calloc(1, sizeof *n);
    if (!n) return fail_memory(), NULL;
    n->distance = distance;
    n->memory = memory;
    n->sort = extsort_open(memory / 8, folder, HASH_BYTES, NULL);
    if (n->sort) return n;
    neardup_close(n);
    return NULL;
}

void neardup_close(struct neardup *n)
{
    if (!n) return;
    extsort_close(n->sort);
    free(n->members);
    free(n->parent);
    free(n);
}

int neardup_parse(struct str hex, uint64_t *hash)
{
    uint64_t value = 0;
    if (hex.n != HASH_DIGITS) return -1;
    for (size_t i = 0; i < hex.n; i++) {
        int digit = ascii_hex(hex.p[i]);
        if (digit < 0) return -1;
        value = value << 4 | (uint64_t)digit;
    }
    *hash = value;
    return 0;
}

int neardup_add(struct neardup *n, uint64_t hash)
{
    unsigned char record[HASH_BYTES];
    extsort_put_u64(record, hash);
    return extsort_add(n->sort, record);
}

uint64_t neardup_steps(const struct neardup *n) { return n->steps; }

/* ---- clusters: union by the lower number, paths halved */

static uint32_t root_of(struct neardup *n, uint32_t number)
{
    while (n->parent[number] != number) {
        n->parent[number] = n->parent[n->parent[number]];
        number = n->parent[number];
    }
    return number;
}

static void join(struct neardup *n, uint32_t a, uint32_t b)
{
    a = root_of(n, a);
    b = root_of(n, b);
    if (a < b) n->parent[b] = a;
    else n->parent[a] = b;
}

static void join_all(struct neardup *n, const struct member *part, size_t count)
{
    for (size_t i = 1; i < count; i++) join(n, part[0].number, part[i].number);
}

static bool is_joined(struct neardup *n, const struct member *part, size_t count)
{
    uint32_t root = root_of(n, part[0].number);
    for (size_t i = 1; i < count; i++)
        if (root_of(n, part[i].number) != root) return false;
    return true;
}

/* ---- parts */

static inline unsigned bits_of(uint64_t x) /* without an instruction that old machines lack */
{
    x -= x >> 1 & UINT64_C(0x5555555555555555);
    x = (x & UINT64_C(0x3333333333333333)) + (x >> 2 & UINT64_C(0x3333333333333333));
    return (unsigned)(((x + (x >> 4)) & UINT64_C(0x0F0F0F0F0F0F0F0F)) * UINT64_C(0x0101010101010101) >> 56);
}

static void compare_all(struct neardup *n, const struct member *part, size_t count)
{
    for (size_t i = 1; i < count; i++)
        for (size_t k = 0; k < i; k++)
            if (bits_of(part[i].hash ^ part[k].hash) <= n->distance) join(n, part[i].number, part[k].number);
    n->steps += (uint64_t)count * (count - 1) / 2;
}

static uint64_t differing_bits(const struct member *part, size_t count)
{
    uint64_t bits = 0;
    for (size_t i = 1; i < count; i++) bits |= part[i].hash ^ part[0].hash;
    return bits;
}

static void link_part(struct neardup *n, struct member *part, size_t count);

/* Parts by the bits of `band`, highest first; those that agree in all of them are linked. */
static void part_by_band(struct neardup *n, struct member *part, size_t count, uint64_t band)
{
    while (count > 1 && band) {
        uint64_t bit = UINT64_C(1) << (63 - __builtin_clzll(band));
        size_t low = 0, high = count;
        while (low < high) {
            if (part[low].hash & bit) {
                struct member held = part[low];
                part[low] = part[--high];
                part[high] = held;
            } else {
                low++;
            }
        }
        n->steps += count;
        band ^= bit;
        part_by_band(n, part, low, band);
        part += low;
        count -= low;
    }
    if (count > 1) link_part(n, part, count);
}

/* The next ⌈left / bands⌉ of the set bits of *bits, lowest first, which lose them. */
static uint64_t take_band(uint64_t *bits, unsigned bands)
{
    uint64_t band = 0;
    for (unsigned width = (bits_of(*bits) + bands - 1) / bands; width; width--) {
        band |= *bits & -*bits;
        *bits &= *bits - 1;
    }
    return band;
}

/* Joins every two of the part that are near. Each deeper part differs in fewer bits, so that this ends. */
static void link_part(struct neardup *n, struct member *part, size_t count)
{
    uint64_t bits = differing_bits(part, count), all_pairs = (uint64_t)count * (count - 1) / 2, begun = n->steps;
    n->steps += count;
    if (bits_of(bits) <= n->distance) {
        join_all(n, part, count);
        return;
    }
    if (is_joined(n, part, count)) return;
    unsigned bands = n->distance + 1;
    if (count <= (size_t)SMALL_PART * bands) {
        compare_all(n, part, count);
        return;
    }
    for (; bands; bands--) {
        part_by_band(n, part, count, take_band(&bits, bands));
        if (bands == 1 || n->steps - begun <= all_pairs) continue;
        if (!is_joined(n, part, count)) compare_all(n, part, count);
        return;
    }
}

/* ---- sealing */

static int grow(struct neardup *n, size_t *room)
{
    size_t more = *room ? 2 * *room : 1024;
    struct member *members = realloc(n->members, more * sizeof *members);
    if (!members) return fail_memory();
    n->members = members;
    *room = more;
    return 0;
}

/* The distinct hashes, rising. */
static int read_hashes(struct neardup *n)
{
    size_t room = 0, most = n->memory / 8 * 3 / (sizeof *n->members + sizeof *n->parent);
    uint64_t distinct = 0, last = 0;
    const void *record;
    int got = extsort_seal(n->sort);
    while (got == 0 && (got = extsort_next(n->sort, &record)) > 0) {
        uint64_t hash = extsort_get_u64(record);
        got = 0;
        if (distinct && hash == last) continue;
        last = hash;
        if (distinct++ >= most) continue; /* counted, for the sentence below */
        if (n->count == room && (got = grow(n, &room)) < 0) break;
        n->members[n->count] = (struct member){hash, (uint32_t)n->count};
        n->count++;
    }
    if (got == 0 && (distinct > most || distinct > UINT32_MAX))
        return fail("%llu distinct hashes are clustered in memory: give --memory %lluM", (unsigned long long)distinct,
                    (unsigned long long)(distinct * (sizeof *n->members + sizeof *n->parent) / 3 * 8 >> 20) + 1);
    return got;
}

/* Back to rising order: each member to the place of its number. */
static void put_in_order(struct neardup *n)
{
    for (size_t i = 0; i < n->count; i++)
        while (n->members[i].number != i) {
            struct member held = n->members[i];
            n->members[i] = n->members[held.number];
            n->members[held.number] = held;
        }
}

int neardup_seal(struct neardup *n)
{
    if (read_hashes(n) < 0) return -1;
    extsort_close(n->sort);
    n->sort = NULL;
    n->parent = calloc(n->count + 1, sizeof *n->parent);
    if (!n->parent) return fail_memory();
    for (uint32_t i = 0; i < n->count; i++) n->parent[i] = i;
    if (n->count > 1) link_part(n, n->members, n->count);
    for (uint32_t i = 0; i < n->count; i++) n->parent[i] = n->parent[n->parent[i]]; /* rising: parents are done */
    put_in_order(n);
    return 0;
}

uint64_t neardup_cluster(const struct neardup *n, uint64_t hash)
{
    size_t low = 0, end = n->count;
    while (end - low > 1) {
        size_t middle = low + (end - low) / 2;
        if (n->members[middle].hash <= hash) low = middle;
        else end = middle;
    }
    return n->members[n->parent[low]].hash;
}
