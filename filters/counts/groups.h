/* Grouping by key, more keys than fit in memory: sums of counts, or distinct members.
 *
 *     struct groups *g = groups_open(GROUPS_SUMS, 0, memory, folder);
 *     struct combiner *c = combiner_new(g, memory);       one a thread
 *     combiner_add(c, key, 1); ...
 *     combiner_free(c) after combiner_flush(c)
 *     groups_seal(g, memory);
 *     while ((got = groups_next(g, &group)) > 0) ...      by rising key
 *     groups_close(g);
 *
 * (1) What comes back depends on the multiset of what was added alone: memory, threads and order do not matter, since sums and
 *     sets are associative.
 * (2) With `most`, only the `most` least members of a key are kept, wherever a combiner or the end can cut: the least ones of
 *     a union are the least ones of the parts' least ones, so that "more than most-1" stays exact.
 * (3) Memory stays below what is given; beyond it 24 (sums) or 32 bytes (members; base/extsort), or the name and some 2 bytes (named
 *     sums; named_sums.h) go to disk, once a key and flush.
 *
 * groups_add_* take a lock: any thread. seal, next and close: one thread, when nobody adds. Functions that return int give -1
 * with a sentence: full disk, out of memory.
 */
#ifndef WINNOW_FILTERS_COUNTS_GROUPS_H
#define WINNOW_FILTERS_COUNTS_GROUPS_H

#include "pipeline/base/hash.h"

enum groups_form {
    GROUPS_SUMS,       /* key → sum of counts */
    GROUPS_NAMED_SUMS, /* the same; each key with its text, which equal keys share */
    GROUPS_MEMBERS,    /* key → distinct members */
};

struct group {
    struct hash128 key;
    struct hash128 member; /* GROUPS_MEMBERS: each (key, member) comes once, by rising key, then member */
    uint64_t count;        /* sums: the sum. Members: how often the pair was added */
    struct str name;       /* GROUPS_NAMED_SUMS; until the next call */
};

struct groups;

/* most: of members a key, 0 = all. NULL with a sentence. */
struct groups *groups_open(enum groups_form form, uint64_t most, size_t memory, const char *folder);
void groups_close(struct groups *g); /* NULL is allowed */

struct named_sum {
    struct str name; /* at most GROUPS_NAME_MAX bytes are kept; the key is made of all */
    uint64_t count;
};
enum { GROUPS_NAME_MAX = 64 << 10 };
int groups_add_names(struct groups *g, const struct named_sum *sums, size_t n); /* key: XXH3-128 of the name */
struct lexicon;
int groups_add_lexicon(struct groups *g, const struct lexicon *l); /* all its words */
int groups_add_name(struct groups *g, struct hash128 key, struct str name, uint64_t count); /* the key is given: name may be cut */

int groups_seal(struct groups *g, size_t memory); /* memory: of named sums, for what comes back */
int groups_next(struct groups *g, struct group *out); /* 1; 0 at the end; -1 */

/* One thread's share of SUMS and MEMBERS before it goes to disk: sorted, added up and cut whenever it is full; handed on when
 * that no longer makes room. */
struct combiner;
struct combiner *combiner_new(struct groups *g, size_t memory); /* NULL with a sentence */
int combiner_add_count(struct combiner *c, struct hash128 key, uint64_t count);
int combiner_add_member(struct combiner *c, struct hash128 key, struct hash128 member);
int combiner_flush(struct combiner *c); /* hands everything on */
void combiner_free(struct combiner *c); /* NULL is allowed */

#endif
