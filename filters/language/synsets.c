#include "filters/language/synsets.h"

#include "filters/text/phrases.h"
#include "pipeline/base/buf.h"
#include "pipeline/base/fail.h"

#include <stdio.h>
#include <stdlib.h>

enum { NOUN, VERB, ADJECTIVE, ADVERB, PARTS };
enum { FILE_BYTES_MAX = 64 << 20, WORD_MAX = 127 };
static const char *const part_names[PARTS] = {"noun", "verb", "adj", "adv"};

struct part {
    struct buf index, irregular;     /* the files; entries point into them */
    struct phrases *words;           /* value 2: its first synset is listed, else 1 */
    struct phrases *irregular_words; /* value: one more than the place of its base forms in `irregular` */
};
struct synsets {
    uint32_t *offsets; /* ascending */
    size_t count;
    struct part parts[PARTS];
};

/* ---- the list */

static int compare_offsets(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static int read_list(struct synsets *s, const char *path)
{
    struct buf text;
    buf_init(&text, FILE_BYTES_MAX);
    int result = buf_read_file(&text, path);
    size_t lines = 1, number = 0;
    for (size_t i = 0; i < text.n; i++) lines += text.p[i] == '\n';
    if (result == 0 && !(s->offsets = calloc(lines, sizeof *s->offsets))) result = fail_memory();
    for (struct str rest = buf_str(&text); result == 0 && rest.p;) {
        struct str line = str_trim(str_cut(&rest, '\n')), digits = line;
        uint64_t offset;
        number++;
        if (!line.n || line.p[0] == '#') continue;
        if (ascii_is_alpha(line.p[0])) digits = str_from_at(line, 1);
        if (str_to_u64(digits, &offset) < 0 || offset > UINT32_MAX)
            result = fail_usage("%s:%zu: '%.*s': expected the offset of a synset, as in n00004475", path, number, STR_ARG(line));
        else
            s->offsets[s->count++] = (uint32_t)offset;
    }
    buf_free(&text);
    if (result == 0) qsort(s->offsets, s->count, sizeof *s->offsets, compare_offsets);
    return result == 0 && !s->count ? fail_usage("%s: no synsets", path) : result;
}

static bool is_listed(const struct synsets *s, uint64_t offset)
{
    uint32_t key = (uint32_t)offset;
    return offset <= UINT32_MAX && bsearch(&key, s->offsets, s->count, sizeof key, compare_offsets);
}

/* ---- WordNet's files */

/* "dog n 7 5 @ ~ #m #p %p 7 1 02084071 …": the offset behind as many pointer symbols as the fourth field says, and two counts. */
static bool first_offset(struct str line, uint64_t *offset)
{
    uint64_t symbols;
    str_cut(&line, ' '), str_cut(&line, ' ');
    if (str_to_u64(str_cut(&line, ' '), &symbols) < 0 || str_to_u64(str_cut(&line, ' '), &symbols) < 0 || symbols > 100) return false;
    for (uint64_t i = 0; i < symbols + 2; i++) str_cut(&line, ' ');
    return str_to_u64(str_cut(&line, ' '), offset) == 0;
}

static int read_file(struct buf *text, const char *folder, const char *name, const char *part, bool ending)
{
    char path[4096];
    int n = ending ? snprintf(path, sizeof path, "%s/%s.%s", folder, part, name) : snprintf(path, sizeof path, "%s/%s.%s", folder, name, part);
    return n < (int)sizeof path ? buf_read_file(text, path) : fail_usage("a path of over %zu bytes", sizeof path);
}

/* The lines' first words, with a value each. */
static struct phrases *words_of(const struct synsets *s, const struct buf *text, bool irregular)
{
    size_t lines = 1, count = 0;
    for (size_t i = 0; i < text->n; i++) lines += text->p[i] == '\n';
    struct str *words = calloc(lines, sizeof *words);
    uint64_t *values = calloc(lines, sizeof *values), offset;
    struct phrases *made = NULL;
    for (struct str rest = buf_str(text); words && values && rest.p;) {
        struct str line = str_cut(&rest, '\n'), word = line, bases;
        if (!line.n || line.p[0] == ' ') continue; /* the licence */
        bases = word;
        word = str_cut(&bases, ' ');
        if (!bases.p || (!irregular && !first_offset(line, &offset))) continue;
        words[count] = word;
        values[count++] = irregular ? (uint64_t)(bases.p - text->p) + 1 : is_listed(s, offset) ? 2 : 1;
    }
    if (words && values) made = phrases_new(words, values, count);
    else fail_memory();
    free(words);
    free(values);
    return made;
}

static int open_part(const struct synsets *s, struct part *part, const char *folder, const char *name)
{
    buf_init(&part->index, FILE_BYTES_MAX);
    buf_init(&part->irregular, FILE_BYTES_MAX);
    if (read_file(&part->index, folder, "index", name, false) < 0 || read_file(&part->irregular, folder, "exc", name, true) < 0) return -1;
    part->words = words_of(s, &part->index, false);
    part->irregular_words = words_of(s, &part->irregular, true);
    return part->words && part->irregular_words ? 0 : -1;
}

struct synsets *synsets_open(const char *folder, const char *list)
{
    struct synsets *s = calloc(1, sizeof *s);
    if (!s) return fail_memory(), NULL;
    int result = read_list(s, list);
    for (int i = 0; i < PARTS && result == 0; i++) result = open_part(s, &s->parts[i], folder, part_names[i]);
    if (result == 0) return s;
    synsets_close(s);
    return NULL;
}

void synsets_close(struct synsets *s)
{
    if (!s) return;
    for (int i = 0; i < PARTS; i++) {
        phrases_free(s->parts[i].words);
        phrases_free(s->parts[i].irregular_words);
        buf_free(&s->parts[i].index);
        buf_free(&s->parts[i].irregular);
    }
    free(s->offsets);
    free(s);
}

/* ---- words */

struct ending {
    char ending[6], instead[4];
};
static const struct ending endings[PARTS][10] = {
    [NOUN] = {{"s", ""}, {"ses", "s"}, {"ves", "f"}, {"xes", "x"}, {"zes", "z"}, {"ches", "ch"}, {"shes", "sh"}, {"men", "man"}, {"ies", "y"}},
    [VERB] = {{"s", ""}, {"ies", "y"}, {"es", "e"}, {"es", ""}, {"ed", "e"}, {"ed", ""}, {"ing", "e"}, {"ing", ""}},
    [ADJECTIVE] = {{"er", ""}, {"est", ""}, {"er", "e"}, {"est", "e"}},
};

/* What the word is as this part of speech: 0 nothing, 1, or 2 where its first synset is listed. */
static uint64_t as_part(const struct part *part, const struct ending *rules, struct str word)
{
    uint64_t value = 0, at;
    if (phrases_value(part->words, word, &value)) return value;
    if (phrases_value(part->irregular_words, word, &at)) {
        struct str bases = str_of(part->irregular.p + at - 1, part->irregular.n - (at - 1));
        bases = str_cut(&bases, '\n');
        while (bases.p)
            if (phrases_value(part->words, str_cut(&bases, ' '), &value)) return value;
        return 0;
    }
    for (const struct ending *rule = rules; *rule->ending; rule++) {
        struct str ending = str_from(rule->ending), instead = str_from(rule->instead);
        char base[WORD_MAX + 8];
        if (!str_ends(word, ending)) continue;
        size_t kept = word.n - ending.n;
        memcpy(base, word.p, kept);
        memcpy(base + kept, instead.p, instead.n);
        if (phrases_value(part->words, str_of(base, kept + instead.n), &value)) return value;
    }
    return 0;
}

bool synsets_has(const struct synsets *s, struct str lower)
{
    if (lower.n == 0 || lower.n > WORD_MAX) return false;
    for (int i = 0; i < PARTS; i++) {
        uint64_t value = as_part(&s->parts[i], endings[i], lower);
        if (value) return value == 2;
    }
    return false;
}
