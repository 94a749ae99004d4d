/* Distinct words and how often each was met: a hash table that stays in the cache where the words are common.
 *
 *     int room = lexicon_room(l, words, bytes);           1: they fit; 0: hand it on and lexicon_clear first; -1
 *     uint64_t hash = lexicon_hash(l, word);
 *     lexicon_prefetch(l, hash);                          for all words of a text, then
 *     lexicon_prefetch_entry(l, hash);                    for all of them, then
 *     uint32_t number = lexicon_add(l, word, hash);
 *     lexicon_word(l, number), lexicon_count(l, number)   numbers run from 0 in the order of first meeting
 *
 * Words are told apart by their bytes, so nothing rests on the hash; it is keyed anew in each process, so that no text can be
 * written to fall into one slot. One thread.
 */
#ifndef WINNOW_FILTERS_COUNTS_LEXICON_H
#define WINNOW_FILTERS_COUNTS_LEXICON_H

#include "pipeline/base/buf.h"
#include "pipeline/base/str.h"

enum { LEXICON_INLINE = 20, LEXICON_WORDS_LEAST = 50000, LEXICON_BYTES_LEAST = 256 << 10 };

struct lexicon_entry {            /* half a cache line */
    uint64_t count;
    uint32_t length;
    char text[LEXICON_INLINE];    /* the word, or where it begins in `long_words` */
};

struct lexicon_slot {
    uint32_t tag;                 /* of the hash; what the other bits choose is the slot */
    uint32_t entry;               /* one more than its number; 0: free */
};

/* Large tables that are read at random places: zeroed, on huge pages where the system gives them. free() frees. */
void *lexicon_table(size_t bytes); /* NULL with a sentence */

struct lexicon {
    struct lexicon_slot *slots;
    uint64_t mask;                /* slots - 1, a power of two less one */
    struct lexicon_entry *entries;
    size_t count, room, most;     /* entries: in use, allocated, allowed */
    struct buf long_words;
    uint64_t key[2];
};

int lexicon_init(struct lexicon *l, size_t memory); /* memory: at least what LEXICON_*_LEAST need is taken all the same */
void lexicon_free(struct lexicon *l);               /* may be called on a zeroed struct */
int lexicon_room(struct lexicon *l, size_t words, size_t bytes); /* words <= LEXICON_WORDS_LEAST, bytes <= LEXICON_BYTES_LEAST */
void lexicon_clear(struct lexicon *l);

static inline uint64_t lexicon_load(const char *p, size_t n) /* up to eight bytes as a number */
{
    if (n >= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        return word;
    }
    if (n >= 4) {
        uint32_t first, last;
        memcpy(&first, p, 4);
        memcpy(&last, p + n - 4, 4);
        return (uint64_t)last << 32 | first;
    }
    return n ? (uint64_t)(unsigned char)p[0] << 16 | (uint64_t)(unsigned char)p[n / 2] << 8 | (unsigned char)p[n - 1] : 0;
}

static inline uint64_t lexicon_mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t lexicon_hash(const struct lexicon *l, struct str word)
{
    uint64_t state = l->key[0] ^ word.n, tail;
    size_t at = 0;
    for (; word.n - at > 16; at += 16)
        state = lexicon_mix(lexicon_load(word.p + at, 8) ^ state, lexicon_load(word.p + at + 8, 8) ^ l->key[1]);
    size_t left = word.n - at;
    tail = left > 8 ? lexicon_load(word.p + word.n - 8, 8) : 0;
    return lexicon_mix(lexicon_load(word.p + at, left) ^ state, tail ^ l->key[1]);
}

/* Two steps, each some words ahead of the next: the slot, then the entry that it leads to unless tags are alike. */
static inline void lexicon_prefetch(const struct lexicon *l, uint64_t hash) { __builtin_prefetch(&l->slots[hash & l->mask]); }
static inline void lexicon_prefetch_entry(const struct lexicon *l, uint64_t hash)
{
    uint64_t at = hash & l->mask;
    while (l->slots[at].entry && l->slots[at].tag != (uint32_t)(hash >> 32)) at = (at + 1) & l->mask;
    __builtin_prefetch(&l->entries[l->slots[at].entry ? l->slots[at].entry - 1 : 0], 1);
}

static inline void lexicon_prefetch_word(const struct lexicon *l, uint32_t number) { __builtin_prefetch(&l->entries[number]); }
static inline struct str lexicon_word(const struct lexicon *l, uint32_t number)
{
    const struct lexicon_entry *e = &l->entries[number];
    if (e->length <= LEXICON_INLINE) return str_of(e->text, e->length);
    uint64_t at;
    memcpy(&at, e->text, sizeof at);
    return str_of(l->long_words.p + at, e->length);
}
static inline uint64_t lexicon_count(const struct lexicon *l, uint32_t number) { return l->entries[number].count; }

static inline bool lexicon_same(struct str a, struct str b) /* as str_eq; most words are short, and no call pays for them */
{
    if (a.n != b.n) return false;
    if (a.n > 16) return memcmp(a.p, b.p, a.n) == 0;
    return lexicon_load(a.p, a.n) == lexicon_load(b.p, b.n) && (a.n <= 8 || lexicon_load(a.p + a.n - 8, 8) == lexicon_load(b.p + b.n - 8, 8));
}

uint32_t lexicon_insert(struct lexicon *l, struct str word, struct lexicon_slot *slot, uint32_t tag); /* private to lexicon_add */

/* Counts the word once more. Its room was made by lexicon_room. */
static inline uint32_t lexicon_add(struct lexicon *l, struct str word, uint64_t hash)
{
    uint32_t tag = (uint32_t)(hash >> 32);
    for (uint64_t at = hash & l->mask;; at = (at + 1) & l->mask) {
        struct lexicon_slot *slot = &l->slots[at];
        if (!slot->entry) return lexicon_insert(l, word, slot, tag);
        if (slot->tag != tag || !lexicon_same(lexicon_word(l, slot->entry - 1), word)) continue;
        l->entries[slot->entry - 1].count++;
        return slot->entry - 1;
    }
}

#endif
