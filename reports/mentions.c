#include "reports/mentions.h"

#include "filters/preset.h"
#include "filters/text/wordlist.h"
#include "pipeline/base/fail.h"

#include <stdlib.h>

enum { ROOM = 1 << 12 }; /* places at first; the four lists have some 900 entries */

const char *const mention_names[MENTION_KINDS] = {"people", "genders", "nations", "religions"};
const char *const mention_lists[MENTION_KINDS] = {"mentions-people", "mentions-genders", "mentions-nations", "mentions-religions"};

/* ---- words */

/* FNV-1a: captions are short, and words are hashed while they are looked at. */
#define HASH_FIRST UINT64_C(0xcbf29ce484222325)
static uint64_t hash_more(uint64_t hash, unsigned char c) { return (hash ^ c) * UINT64_C(0x100000001b3); }

enum { LATIN = 0xc2, PUNCTUATION = 0xe2 }; /* first bytes of U+0080 to U+00BF, and of U+2000 to U+2FFF */

static void lay_letters(struct mentions *m)
{
    for (unsigned c = 0; c < 256; c++) m->letters[c] = (unsigned char)(c >= 0x80 || ascii_is_alpha((char)c) || ascii_is_digit((char)c) ? ascii_lower((char)c) : 0);
    m->letters[LATIN] = m->letters[PUNCTUATION] = 0;
}

/* Bytes from `at` on that part words: 0 where a word goes on. Beyond ASCII: U+0080 to U+00BF and U+2000 to U+203F. */
static size_t parts_words(const struct mentions *m, struct str text, size_t at)
{
    unsigned char c = (unsigned char)text.p[at];
    if (m->letters[c]) return 0;
    if (c == LATIN) return at + 1 < text.n ? 2 : 1;
    if (c == PUNCTUATION) return at + 2 < text.n && (unsigned char)text.p[at + 1] == 0x80 ? 3 : 0;
    return 1;
}

/* The hash of the next word from *at on, which ends behind it; 0 when there is none. */
static uint64_t next_word(const struct mentions *m, struct str text, size_t *at)
{
    size_t i = *at;
    for (size_t n; i < text.n && (n = parts_words(m, text, i)) > 0;) i += n;
    *at = i;
    if (i >= text.n) return 0;
    uint64_t hash = HASH_FIRST;
    for (unsigned char c; i < text.n; i++) {
        c = m->letters[(unsigned char)text.p[i]];
        if (!c && parts_words(m, text, i)) break;
        hash = hash_more(hash, c ? c : PUNCTUATION);
    }
    *at = i;
    return hash ? hash : 1;
}

static uint64_t hash_of_two(uint64_t first, uint64_t second)
{
    uint64_t hash = (first * 31 + second) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ? hash : 1;
}

/* ---- the table */

static struct mention_entry *place_of(struct mention_entry *entries, size_t room, uint64_t hash)
{
    size_t at = (size_t)(hash ^ hash >> 32) & (room - 1);
    while (entries[at].hash && entries[at].hash != hash) at = (at + 1) & (room - 1);
    return &entries[at];
}

static int grow(struct mentions *m)
{
    size_t room = m->room ? 2 * m->room : ROOM;
    struct mention_entry *entries = calloc(room, sizeof *entries);
    if (!entries) return fail_memory();
    for (size_t i = 0; i < m->room; i++)
        if (m->entries[i].hash) *place_of(entries, room, m->entries[i].hash) = m->entries[i];
    free(m->entries);
    m->entries = entries;
    m->room = room;
    return 0;
}

static int add(struct mentions *m, struct str entry, unsigned kind)
{
    size_t at = 0;
    uint64_t hash = next_word(m, entry, &at), second = hash ? next_word(m, entry, &at) : 0;
    if (!hash) return 0;
    if (second) hash = hash_of_two(hash, second);
    if (2 * (m->count + 1) > m->room && grow(m) < 0) return -1;
    struct mention_entry *place = place_of(m->entries, m->room, hash);
    m->count += place->hash == 0;
    place->hash = hash;
    place->kinds |= 1u << kind;
    m->sieve[hash >> 6 & 1023] |= UINT64_C(1) << (hash & 63);
    return 0;
}

int mentions_open(struct mentions *m)
{
    *m = (struct mentions){0};
    if (grow(m) < 0) return -1;
    lay_letters(m);
    for (unsigned kind = 0; kind < MENTION_KINDS; kind++) {
        char path[PRESET_PATH_MAX];
        struct wordlist list = {0};
        m->found[kind] = preset_find_list(str_from(mention_lists[kind]), NULL, path) == 0 && wordlist_read(&list, path) == 0;
        int result = 0;
        for (size_t i = 0; m->found[kind] && i < list.count && result == 0; i++) result = add(m, list.entries[i], kind);
        wordlist_free(&list);
        if (result < 0) return -1;
    }
    return 0;
}

void mentions_close(struct mentions *m)
{
    free(m->entries);
    *m = (struct mentions){0};
}

static unsigned kinds_of(const struct mentions *m, uint64_t hash)
{
    return m->sieve[hash >> 6 & 1023] >> (hash & 63) & 1 ? place_of(m->entries, m->room, hash)->kinds : 0;
}

unsigned mentions_of(const struct mentions *m, struct str text)
{
    unsigned kinds = 0;
    uint64_t before = 0, word;
    for (size_t at = 0; kinds != (1u << MENTION_KINDS) - 1 && (word = next_word(m, text, &at)); before = word) {
        kinds |= kinds_of(m, word);
        if (before) kinds |= kinds_of(m, hash_of_two(before, word));
    }
    return kinds;
}
