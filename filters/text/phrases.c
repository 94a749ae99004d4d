/* Phrases: an open hash table of entries, and one of their first words, so that a text of ten words costs ten look-ups.
 * Substrings: Aho and Corasick's automaton, failure links resolved into a full table over classes of bytes. */
#include "filters/text/phrases.h"

#include "pipeline/base/fail.h"
#include "pipeline/base/hash.h"

#include <stdlib.h>

struct phrase {
    uint64_t hash;  /* 0 = free */
    struct str text;
    uint64_t value;
};
struct table {
    struct phrase *slots;
    size_t mask;
};
struct phrases {
    struct table entries, first_words;
    size_t longest;
};

static uint64_t hash_of(struct str s)
{
    uint64_t h = hash_xxh3_128(s, 0).low;
    return h ? h : 1;
}

static int table_init(struct table *t, size_t entries)
{
    size_t size = 8;
    while (size < entries * 2) size *= 2;
    t->slots = calloc(size, sizeof *t->slots);
    t->mask = size - 1;
    return t->slots ? 0 : fail_memory();
}

static struct phrase *table_slot(const struct table *t, struct str text)
{
    uint64_t hash = hash_of(text);
    for (size_t i = hash & t->mask;; i = (i + 1) & t->mask) {
        struct phrase *p = &t->slots[i];
        if (!p->hash || (p->hash == hash && str_eq(p->text, text))) return p;
    }
}

static void table_add(struct table *t, struct str text, uint64_t value)
{
    struct phrase *p = table_slot(t, text);
    if (!p->hash) *p = (struct phrase){hash_of(text), text, value};
    else if (value > p->value) p->value = value;
}

static size_t count_words(struct str entry, struct str *first)
{
    size_t words = 1;
    *first = entry;
    for (size_t i = 0; i < entry.n; i++) {
        if (entry.p[i] != ' ') continue;
        if (words++ == 1) first->n = i;
    }
    return words;
}

struct phrases *phrases_new(const struct str *entries, const uint64_t *values, size_t count)
{
    struct phrases *p = calloc(1, sizeof *p);
    if (!p) return fail_memory(), NULL;
    if (table_init(&p->entries, count) < 0 || table_init(&p->first_words, count) < 0) return phrases_free(p), NULL;
    for (size_t i = 0; i < count; i++) {
        struct str first;
        size_t words = count_words(entries[i], &first);
        if (words > p->longest) p->longest = words;
        table_add(&p->entries, entries[i], values ? values[i] : 0);
        table_add(&p->first_words, first, words); /* the most words of an entry that begins so */
    }
    return p;
}

void phrases_free(struct phrases *p)
{
    if (!p) return;
    free(p->entries.slots);
    free(p->first_words.slots);
    free(p);
}

size_t phrases_longest(const struct phrases *p) { return p->longest; }

bool phrases_value(const struct phrases *p, struct str entry, uint64_t *value)
{
    const struct phrase *found = table_slot(&p->entries, entry);
    if (value) *value = found->value;
    return found->hash != 0;
}

struct str phrases_find(const struct phrases *p, const struct str *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct phrase *first = table_slot(&p->first_words, list[i]);
        if (!first->hash) continue;
        for (size_t n = 1; n <= first->value && i + n <= count; n++) {
            struct str run = str_of(list[i].p, (size_t)(list[i + n - 1].p + list[i + n - 1].n - list[i].p));
            if (phrases_value(p, run, NULL)) return run;
        }
    }
    return STR_ABSENT;
}

size_t phrases_run(const struct phrases *p, const struct str *list, size_t count)
{
    const struct phrase *first = count ? table_slot(&p->first_words, list[0]) : NULL;
    if (!first || !first->hash) return 0;
    size_t n = first->value < count ? (size_t)first->value : count;
    while (n && !phrases_value(p, str_of(list[0].p, (size_t)(list[n - 1].p + list[n - 1].n - list[0].p)), NULL)) n--;
    return n;
}

/* ---- substrings ---- */

struct substrings {
    uint16_t class_of[256]; /* 0 = no entry holds the byte */
    bool begins[256];       /* some entry begins with the byte */
    unsigned classes;
    uint32_t *next;   /* states × classes */
    uint32_t *length; /* by state: bytes of the longest entry that ends here; 0 = none */
    size_t states;
};

void substrings_free(struct substrings *s)
{
    if (!s) return;
    free(s->next);
    free(s->length);
    free(s);
}

static void class_bytes(struct substrings *s, const struct str *entries, size_t count)
{
    s->classes = 1;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < entries[i].n; j++) {
            uint16_t *c = &s->class_of[(unsigned char)entries[i].p[j]];
            if (!*c) *c = (uint16_t)s->classes++;
        }
}

static void add_entry(struct substrings *s, struct str entry)
{
    uint32_t state = 0;
    for (size_t j = 0; j < entry.n; j++) {
        uint32_t *next = &s->next[(size_t)state * s->classes + s->class_of[(unsigned char)entry.p[j]]];
        if (!*next) *next = (uint32_t)s->states++;
        state = *next;
    }
    s->length[state] = (uint32_t)entry.n;
}

/* Breadth first: a state's missing steps are those of its longest proper suffix that is a state. */
static int resolve(struct substrings *s)
{
    uint32_t *suffix = calloc(s->states, sizeof *suffix), *queue = calloc(s->states, sizeof *queue);
    if (!suffix || !queue) {
        free(suffix);
        free(queue);
        return fail_memory();
    }
    size_t head = 0, tail = 0;
    for (unsigned c = 0; c < s->classes; c++)
        if (s->next[c]) queue[tail++] = s->next[c];
    while (head < tail) {
        uint32_t state = queue[head++];
        uint32_t *row = s->next + (size_t)state * s->classes, *of_suffix = s->next + (size_t)suffix[state] * s->classes;
        if (!s->length[state]) s->length[state] = s->length[suffix[state]];
        for (unsigned c = 0; c < s->classes; c++) {
            if (!row[c]) {
                row[c] = of_suffix[c];
            } else {
                suffix[row[c]] = of_suffix[c];
                queue[tail++] = row[c];
            }
        }
    }
    free(suffix);
    free(queue);
    return 0;
}

struct substrings *substrings_new(const struct str *entries, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        if (entries[i].n == 0) return fail_usage("an empty string would occur in every text"), NULL;
        if (entries[i].n > SUBSTRINGS_BYTES_MAX - bytes)
            return fail_usage("strings to seek have over %d bytes: match=token takes larger lists", SUBSTRINGS_BYTES_MAX), NULL;
        bytes += entries[i].n;
    }
    struct substrings *s = calloc(1, sizeof *s);
    if (!s) return fail_memory(), NULL;
    class_bytes(s, entries, count);
    s->states = 1;
    s->next = calloc((bytes + 1) * s->classes, sizeof *s->next);
    s->length = calloc(bytes + 1, sizeof *s->length);
    if (!s->next || !s->length) {
        fail_memory();
        return substrings_free(s), NULL;
    }
    for (size_t i = 0; i < count; i++) {
        s->begins[(unsigned char)entries[i].p[0]] = true;
        add_entry(s, entries[i]);
    }
    if (resolve(s) < 0) return substrings_free(s), NULL;
    return s;
}

struct str substrings_find(const struct substrings *s, struct str text)
{
    uint32_t state = 0;
    for (size_t i = 0; i < text.n; i++) {
        while (state == 0 && i < text.n && !s->begins[(unsigned char)text.p[i]]) i++; /* no step waits for the one before */
        if (i == text.n) break;
        state = s->next[(size_t)state * s->classes + s->class_of[(unsigned char)text.p[i]]];
        uint32_t n = s->length[state];
        if (n) return str_of(text.p + i + 1 - n, n);
    }
    return STR_ABSENT;
}
