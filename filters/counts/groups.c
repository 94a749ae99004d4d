/* Records of one size, in an order of bytes, so that extsort's memcmp sorts by key and, within, by member.
 *
 *     sums      key 16, count 8
 *     members   key 16, member 16
 *
 * Named sums have records of their own (named_sums.h). */
#include "filters/counts/groups.h"

#include "filters/counts/lexicon.h"
#include "filters/counts/named_sums.h"
#include "pipeline/base/extsort.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/utf8.h"

#include <pthread.h>
#include <stdlib.h>

enum {
    KEY_BYTES = 16,
    SUM_COUNT_AT = 16, SUM_BYTES = 24,
    MEMBER_AT = 16, MEMBER_BYTES = 32,
    COMBINED_LEAST = 256, /* records of a combiner, however little memory is given */
    HANDED_ON = 7,        /* times that a full combiner is not sorted, after sorting found hardly anything to combine */
};
_Static_assert((int)GROUPS_NAME_MAX == (int)NAMED_SUMS_NAME_MAX, "names are cut here");

struct groups {
    enum groups_form form;
    uint64_t most;
    struct named_sums *named;        /* of GROUPS_NAMED_SUMS; of the other forms: */
    struct extsort *sort;
    pthread_mutex_t lock;
    unsigned char next[MEMBER_BYTES]; /* the record behind the last group */
    bool any;                        /* there is one */
    unsigned char key[KEY_BYTES];    /* members: of the last pair, and how many of it were given out */
    uint64_t given;
};

static size_t record_bytes(enum groups_form form)
{
    return form == GROUPS_SUMS ? SUM_BYTES : MEMBER_BYTES;
}

struct groups *groups_open(enum groups_form form, uint64_t most, size_t memory, const char *folder)
{
    struct groups *g = calloc(1, sizeof *g);
    if (!g) return fail_memory(), NULL;
    g->form = form;
    g->most = most ? most : UINT64_MAX;
    pthread_mutex_init(&g->lock, NULL);
    if (form == GROUPS_NAMED_SUMS) g->named = named_sums_open(memory, folder);
    else g->sort = extsort_open(memory, folder, record_bytes(form), NULL);
    if (g->named || g->sort) return g;
    groups_close(g);
    return NULL;
}

void groups_close(struct groups *g)
{
    if (!g) return;
    named_sums_close(g->named);
    extsort_close(g->sort);
    pthread_mutex_destroy(&g->lock);
    free(g);
}

static void put_hash(unsigned char at[16], struct hash128 hash)
{
    extsort_put_u64(at, hash.high);
    extsort_put_u64(at + 8, hash.low);
}

static struct hash128 get_hash(const unsigned char at[16])
{
    return (struct hash128){extsort_get_u64(at), extsort_get_u64(at + 8)};
}

/* ---- adding names */

static int add_name(struct groups *g, struct str name, uint64_t count)
{
    if (name.n <= GROUPS_NAME_MAX) return named_sums_add(g->named, name, count);
    return named_sums_add_keyed(g->named, hash_xxh3_128(name, 0), str_of(name.p, utf8_cut(name, GROUPS_NAME_MAX)), count);
}

int groups_add_name(struct groups *g, struct hash128 key, struct str name, uint64_t count)
{
    pthread_mutex_lock(&g->lock);
    if (name.n > GROUPS_NAME_MAX) name.n = utf8_cut(name, GROUPS_NAME_MAX);
    int result = named_sums_add_keyed(g->named, key, name, count);
    pthread_mutex_unlock(&g->lock);
    return result;
}

int groups_add_names(struct groups *g, const struct named_sum *sums, size_t n)
{
    int result = 0;
    pthread_mutex_lock(&g->lock);
    for (size_t i = 0; i < n && result == 0; i++) result = add_name(g, sums[i].name, sums[i].count);
    pthread_mutex_unlock(&g->lock);
    return result;
}

int groups_add_lexicon(struct groups *g, const struct lexicon *l)
{
    int result = 0;
    pthread_mutex_lock(&g->lock);
    for (uint32_t i = 0; i < l->count && result == 0; i++) result = add_name(g, lexicon_word(l, i), lexicon_count(l, i));
    pthread_mutex_unlock(&g->lock);
    return result;
}

/* ---- the combiner */

struct combiner {
    struct groups *groups;
    size_t bytes;                /* of a record: SUM_BYTES or MEMBER_BYTES */
    unsigned char *records;
    size_t count, room, most;
    unsigned to_hand_on;
};

struct combiner *combiner_new(struct groups *g, size_t memory)
{
    struct combiner *c = calloc(1, sizeof *c);
    if (!c) return fail_memory(), NULL;
    c->groups = g;
    c->bytes = record_bytes(g->form);
    c->most = memory / 2 / c->bytes; /* qsort may take as much again */
    if (c->most < COMBINED_LEAST) c->most = COMBINED_LEAST;
    return c;
}

void combiner_free(struct combiner *c)
{
    if (!c) return;
    free(c->records);
    free(c);
}

static int compare_sums(const void *a, const void *b) { return memcmp(a, b, KEY_BYTES); }
static int compare_members(const void *a, const void *b) { return memcmp(a, b, MEMBER_BYTES); }

/* Sorts; equal keys become one sum, equal pairs one pair; of a key's members the least stay. */
static void combine(struct combiner *c)
{
    bool sums = c->groups->form == GROUPS_SUMS;
    if (c->count) qsort(c->records, c->count, c->bytes, sums ? compare_sums : compare_members);
    size_t kept = 0;
    uint64_t of_key = 0;
    for (size_t i = 0; i < c->count; i++) {
        unsigned char *record = c->records + i * c->bytes, *last = kept ? c->records + (kept - 1) * c->bytes : NULL;
        bool same_key = last && memcmp(record, last, KEY_BYTES) == 0;
        if (same_key && sums) {
            extsort_put_u64(last + SUM_COUNT_AT, extsort_get_u64(last + SUM_COUNT_AT) + extsort_get_u64(record + SUM_COUNT_AT));
            continue;
        }
        if (same_key && (of_key == c->groups->most || memcmp(record, last, MEMBER_BYTES) == 0)) continue;
        of_key = same_key ? of_key + 1 : 1;
        if (kept != i) memcpy(c->records + kept * c->bytes, record, c->bytes);
        kept++;
    }
    c->count = kept;
}

static int hand_on(struct combiner *c)
{
    int result = 0;
    pthread_mutex_lock(&c->groups->lock);
    for (size_t i = 0; i < c->count && result == 0; i++) result = extsort_add(c->groups->sort, c->records + i * c->bytes);
    pthread_mutex_unlock(&c->groups->lock);
    c->count = 0;
    return result;
}

int combiner_flush(struct combiner *c)
{
    combine(c);
    return hand_on(c);
}

/* The groups sort all that comes: where keys hardly ever recur within one buffer, sorting it first is work done twice. */
static int make_room(struct combiner *c)
{
    if (c->to_hand_on) {
        c->to_hand_on--;
        return hand_on(c);
    }
    combine(c);
    if (c->count > c->most / 8 * 7) c->to_hand_on = HANDED_ON;
    return c->count > c->most / 2 ? hand_on(c) : 0;
}

/* Room for one more record. */
static unsigned char *next_record(struct combiner *c)
{
    if (c->count == c->most && make_room(c) < 0) return NULL;
    if (c->count == c->room) {
        size_t room = c->room ? 2 * c->room : COMBINED_LEAST;
        if (room > c->most) room = c->most;
        unsigned char *records = realloc(c->records, room * c->bytes);
        if (!records) return fail_memory(), NULL;
        c->records = records;
        c->room = room;
    }
    return c->records + c->count++ * c->bytes;
}

int combiner_add_count(struct combiner *c, struct hash128 key, uint64_t count)
{
    unsigned char *record = next_record(c);
    if (!record) return -1;
    put_hash(record, key);
    extsort_put_u64(record + SUM_COUNT_AT, count);
    return 0;
}

int combiner_add_member(struct combiner *c, struct hash128 key, struct hash128 member)
{
    unsigned char *record = next_record(c);
    if (!record) return -1;
    put_hash(record, key);
    put_hash(record + MEMBER_AT, member);
    return 0;
}

/* ---- what comes back */

static int read_record(struct groups *g)
{
    const void *record;
    int got = extsort_next(g->sort, &record);
    g->any = got > 0;
    if (got > 0) memcpy(g->next, record, record_bytes(g->form));
    return got < 0 ? -1 : 0;
}

int groups_seal(struct groups *g, size_t memory)
{
    if (g->named) return named_sums_seal(g->named, memory);
    return extsort_seal(g->sort) < 0 ? -1 : read_record(g);
}

static int next_sum(struct groups *g, struct group *out)
{
    unsigned char key[KEY_BYTES];
    memcpy(key, g->next, KEY_BYTES);
    out->count = 0;
    while (g->any && memcmp(key, g->next, KEY_BYTES) == 0) {
        out->count += extsort_get_u64(g->next + SUM_COUNT_AT);
        if (read_record(g) < 0) return -1;
    }
    return 1;
}

/* The next pair; those of a key beyond `most` are passed over. */
static int next_member(struct groups *g, struct group *out)
{
    while (g->any) {
        unsigned char pair[MEMBER_BYTES];
        memcpy(pair, g->next, MEMBER_BYTES);
        if (g->given == 0 || memcmp(pair, g->key, KEY_BYTES) != 0) g->given = 0;
        memcpy(g->key, pair, KEY_BYTES);
        out->count = 0;
        while (g->any && memcmp(pair, g->next, MEMBER_BYTES) == 0) {
            out->count++;
            if (read_record(g) < 0) return -1;
        }
        if (g->given++ >= g->most) continue;
        out->key = get_hash(pair);
        out->member = get_hash(pair + MEMBER_AT);
        return 1;
    }
    return 0;
}

int groups_next(struct groups *g, struct group *out)
{
    if (g->named) return named_sums_next(g->named, &out->key, &out->name, &out->count);
    if (!g->any) return 0;
    if (g->form == GROUPS_MEMBERS) return next_member(g, out);
    out->key = get_hash(g->next);
    return next_sum(g, out);
}
