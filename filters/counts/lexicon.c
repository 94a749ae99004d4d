#include "filters/counts/lexicon.h"

#include "pipeline/base/fail.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>

enum { FIRST_ENTRIES = 5120, GROWTH = 4, HUGE_PAGE = 2 << 20 };

int lexicon_init(struct lexicon *l, size_t memory)
{
    *l = (struct lexicon){.count = 0};
    size_t for_long = memory / 8;
    buf_init(&l->long_words, for_long < LEXICON_BYTES_LEAST ? LEXICON_BYTES_LEAST : for_long);
    /* At most 3.2 slots an entry, at least 1.6; while tables grow, the old ones stand beside them. */
    l->most = (memory - for_long) / (sizeof *l->entries + 6 * sizeof *l->slots);
    if (l->most < LEXICON_WORDS_LEAST) l->most = LEXICON_WORDS_LEAST;
    if (l->most > UINT32_MAX / 8) l->most = UINT32_MAX / 8;
    if (getrandom(l->key, sizeof l->key, 0) != (ssize_t)sizeof l->key) return fail_errno("no random numbers");
    l->key[1] |= 1;
    return 0;
}

void lexicon_free(struct lexicon *l)
{
    free(l->slots);
    free(l->entries);
    buf_free(&l->long_words);
    *l = (struct lexicon){.count = 0};
}

void lexicon_clear(struct lexicon *l)
{
    if (l->slots) memset(l->slots, 0, (size_t)(l->mask + 1) * sizeof *l->slots);
    l->count = 0;
    buf_clear(&l->long_words);
}

void *lexicon_table(size_t bytes)
{
    char *table = calloc(1, bytes); /* large ones come zeroed from the system, and nothing is written to them here */
    if (!table) return fail_memory(), NULL;
    char *from = table + (-(uintptr_t)table & (HUGE_PAGE - 1)), *to = table + bytes;
    if (from < to && to - from >= HUGE_PAGE) madvise(from, (size_t)(to - from) & ~(size_t)(HUGE_PAGE - 1), MADV_HUGEPAGE); /* a wish */
    return table;
}

static int make_slots(struct lexicon *l, size_t count)
{
    struct lexicon_slot *slots = lexicon_table(count * sizeof *slots);
    if (!slots) return -1;
    free(l->slots);
    l->slots = slots;
    l->mask = count - 1;
    for (uint32_t i = 0; i < l->count; i++) {
        uint64_t hash = lexicon_hash(l, lexicon_word(l, i)), at = hash & l->mask;
        while (slots[at].entry) at = (at + 1) & l->mask;
        slots[at] = (struct lexicon_slot){(uint32_t)(hash >> 32), i + 1};
    }
    return 0;
}

static int grow(struct lexicon *l, size_t words)
{
    size_t room = l->room ? GROWTH * l->room : FIRST_ENTRIES, slots = 1;
    if (room < l->count + words) room = l->count + words;
    if (room > l->most) room = l->most;
    struct lexicon_entry *entries = lexicon_table(room * sizeof *entries);
    if (!entries) return -1;
    if (l->count) memcpy(entries, l->entries, l->count * sizeof *entries);
    free(l->entries);
    l->entries = entries;
    l->room = room;
    while (slots / 8 * 5 < room) slots *= 2;
    return l->slots && slots == l->mask + 1 ? 0 : make_slots(l, slots);
}

int lexicon_room(struct lexicon *l, size_t words, size_t bytes)
{
    if (l->count + words > l->most || l->long_words.n + bytes > l->long_words.ceiling) return 0;
    if (buf_reserve(&l->long_words, bytes) < 0) return -1;
    return l->count + words <= l->room || grow(l, words) == 0 ? 1 : -1;
}

uint32_t lexicon_insert(struct lexicon *l, struct str word, struct lexicon_slot *slot, uint32_t tag)
{
    uint32_t number = (uint32_t)l->count++;
    struct lexicon_entry *e = &l->entries[number];
    *slot = (struct lexicon_slot){tag, number + 1};
    e->count = 1;
    e->length = (uint32_t)word.n;
    if (word.n <= LEXICON_INLINE) {
        memcpy(e->text, word.p, word.n);
        return number;
    }
    uint64_t at = l->long_words.n; /* room was made */
    memcpy(e->text, &at, sizeof at);
    memcpy(l->long_words.p + at, word.p, word.n);
    l->long_words.n += word.n;
    return number;
}
