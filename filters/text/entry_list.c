#include "filters/text/entry_list.h"

#include "filters/text/automaton.h"
#include "filters/text/wordlist.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/unicode.h"
#include "pipeline/base/utf8.h"

#include <stdlib.h>

/* ---- reading */

/* Scripts written without spaces. Korean has them and is not among these. */
static bool is_spaceless(uint32_t c)
{
    static const uint32_t ranges[][2] = {{0x0E00, 0x0FFF},   {0x1000, 0x109F},   {0x1780, 0x17FF},  {0x19E0, 0x19FF},
                                         {0x2E80, 0x2FDF},   {0x3005, 0x3007},   {0x3040, 0x312F},  {0x31A0, 0x31FF},
                                         {0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xA9E0, 0xA9FF},  {0xAA60, 0xAA7F},
                                         {0xF900, 0xFAFF},   {0xFF66, 0xFF9D},   {0x1B000, 0x1B16F}, {0x20000, 0x3FFFF}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (c >= ranges[i][0] && c <= ranges[i][1]) return true;
    return (unicode_classes(c) & UNICODE_PUNCTUATION) != 0;
}

static uint32_t last_of(struct str s)
{
    size_t at = s.n - 1;
    while (at && ((unsigned char)s.p[at] & 0xC0) == 0x80) at--;
    return utf8_next(s, &at);
}

struct padded {
    struct str text; /* with its borders */
    uint64_t hash, count;
};

static int compare_padded(const void *a, const void *b)
{
    const struct padded *x = a, *y = b;
    size_t n = x->text.n < y->text.n ? x->text.n : y->text.n;
    int order = memcmp(x->text.p, y->text.p, n);
    if (order) return order;
    if (x->text.n != y->text.n) return x->text.n < y->text.n ? -1 : 1;
    return x->hash < y->hash ? -1 : x->hash > y->hash;
}

static int pad(const struct wordlist *words, bool worldwide, struct buf *text, struct padded *padded)
{
    size_t *ends = calloc(words->count + 1, sizeof *ends);
    if (!ends) return fail_memory();
    int result = 0;
    for (size_t i = 0; i < words->count && result == 0; i++) {
        struct str entry = words->entries[i];
        size_t at = 0;
        bool before = !worldwide || !is_spaceless(utf8_next(entry, &at)), behind = !worldwide || !is_spaceless(last_of(entry));
        if ((before && buf_byte(text, ' ') < 0) || buf_add(text, entry) < 0 || (behind && buf_byte(text, ' ') < 0)) result = -1;
        ends[i + 1] = text->n;
        double number = words->numbers[i];
        padded[i] = (struct padded){.hash = hash_xxh3_128(entry, 0).low, .count = number > 0 && number < 1e18 ? (uint64_t)number : 0};
    }
    for (size_t i = 0; i < words->count && result == 0; i++) padded[i].text = str_of(text->p + ends[i], ends[i + 1] - ends[i]);
    free(ends);
    return result;
}

static int keep_distinct(struct entry_list *list, struct padded *padded, size_t count, struct str *strings)
{
    qsort(padded, count, sizeof *padded, compare_padded);
    for (size_t i = 0; i < count; i++) {
        if (i && str_eq(padded[i].text, padded[i - 1].text)) continue;
        strings[list->count] = padded[i].text;
        list->hashes[list->count] = padded[i].hash;
        list->counts[list->count++] = padded[i].count;
    }
    return (list->automaton = automaton_new(strings, list->count)) ? 0 : -1;
}

static int make(struct entry_list *list, const struct wordlist *words, bool worldwide)
{
    struct buf text;
    buf_init(&text, 2 * (size_t)WORDLIST_BYTES_MAX);
    struct padded *padded = calloc(words->count + 1, sizeof *padded);
    struct str *strings = calloc(words->count + 1, sizeof *strings);
    list->hashes = calloc(words->count + 1, sizeof *list->hashes);
    list->counts = calloc(words->count + 1, sizeof *list->counts);
    int result = padded && strings && list->hashes && list->counts ? 0 : fail_memory();
    if (result == 0) result = pad(words, worldwide, &text, padded);
    if (result == 0) result = keep_distinct(list, padded, words->count, strings);
    free(padded);
    free(strings);
    buf_free(&text);
    return result;
}

struct entry_list *entry_list_read(const char *path, bool worldwide)
{
    struct wordlist words;
    if ((worldwide && unicode_ready() < 0) || wordlist_read(&words, path) < 0) return NULL;
    struct entry_list *list = calloc(1, sizeof *list);
    int result = list ? 0 : fail_memory();
    if (result == 0) result = words.count ? make(list, &words, worldwide) : fail_usage("%s: no entries", path);
    wordlist_free(&words);
    if (result == 0) return list;
    entry_list_free(list);
    return NULL;
}

void entry_list_free(struct entry_list *list)
{
    if (!list) return;
    automaton_free(list->automaton);
    free(list->hashes);
    free(list->counts);
    free(list);
}

/* ---- matching */

static struct str strip(struct str s)
{
    size_t at = 0;
    while (s.n && unicode_is_space(utf8_next(s, &at))) s = str_from_at(s, at), at = 0;
    while (s.n && unicode_is_space(last_of(s))) {
        s.n--;
        while (s.n && ((unsigned char)s.p[s.n] & 0xC0) == 0x80) s.n--;
    }
    return s;
}

static int spaced(struct buf *out, struct str text)
{
    buf_clear(out);
    if (buf_byte(out, ' ') < 0) return -1;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool mark = c && strchr(",.;:?!`", c);
        if (c == '\t' || c == '\n' || c == '\r') c = ' ';
        if ((mark && buf_byte(out, ' ') < 0) || buf_byte(out, c) < 0 || (mark && buf_byte(out, ' ') < 0)) return -1;
    }
    return buf_byte(out, ' ');
}

static int compare_numbers(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

int entry_list_match(const struct entry_list *list, struct str text, struct buf *room, struct buf *found, size_t *count)
{
    struct automaton_scan scan = {0};
    size_t entry, n = 0, distinct = 0;
    *count = 0;
    buf_clear(found);
    if (spaced(room, strip(text)) < 0) return -1;
    while (n < ENTRY_MATCHES_MAX && (entry = automaton_next(list->automaton, &scan, buf_str(room))) != SIZE_MAX) {
        uint32_t number = (uint32_t)entry;
        if (buf_add(found, str_of((const char *)&number, sizeof number)) < 0) return -1;
        n++;
    }
    uint32_t *numbers = (uint32_t *)(void *)found->p;
    if (n > 1) qsort(numbers, n, sizeof *numbers, compare_numbers);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || numbers[i] != numbers[i - 1]) numbers[distinct++] = numbers[i];
    *count = distinct;
    return 0;
}
