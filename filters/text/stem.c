/* Porter's five steps. A step looks for the longest of its endings, and replaces it where what stands before it is long enough: the
 * "measure" counts how often vowels are followed by consonants there. */
#include "filters/text/stem.h"

struct stem {
    char *p;
    size_t n;
};

static bool is_consonant(const struct stem *s, size_t i)
{
    if (s->p[i] == 'y') return i == 0 || !is_consonant(s, i - 1);
    return !memchr("aeiou", s->p[i], 5);
}

/* m of [C](VC){m}[V], of the first n letters. */
static unsigned measure(const struct stem *s, size_t n)
{
    unsigned m = 0;
    for (size_t i = 1; i < n; i++) m += is_consonant(s, i) && !is_consonant(s, i - 1);
    return m;
}

static bool has_vowel(const struct stem *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!is_consonant(s, i)) return true;
    return false;
}

static bool ends_double(const struct stem *s) { return s->n > 1 && s->p[s->n - 1] == s->p[s->n - 2] && is_consonant(s, s->n - 1); }

/* Whether the first n letters end consonant, vowel, consonant other than w, x, y ("hop"). */
static bool ends_short(const struct stem *s, size_t n)
{
    return n > 2 && is_consonant(s, n - 3) && !is_consonant(s, n - 2) && is_consonant(s, n - 1) && !memchr("wxy", s->p[n - 1], 3);
}

static bool ends(const struct stem *s, const char *ending) { return str_ends(str_of(s->p, s->n), str_from(ending)); }

static void replace(struct stem *s, const char *ending, const char *by) /* never longer than what goes, but for one "e" */
{
    s->n -= strlen(ending);
    memcpy(s->p + s->n, by, strlen(by));
    s->n += strlen(by);
}

struct ending {
    const char *ending, *by;
};

/* The first that fits is the longest; it goes where the measure before it is above `over`. */
static void strip(struct stem *s, const struct ending *list, unsigned over)
{
    for (; list->ending; list++) {
        if (!ends(s, list->ending)) continue;
        if (measure(s, s->n - strlen(list->ending)) > over) replace(s, list->ending, list->by);
        return;
    }
}

static void plurals(struct stem *s) /* 1a */
{
    if (ends(s, "sses") || ends(s, "ies")) s->n -= 2;
    else if (ends(s, "s") && !ends(s, "ss")) s->n -= 1;
}

static void past_and_progressive(struct stem *s) /* 1b */
{
    if (ends(s, "eed")) {
        if (measure(s, s->n - 3) > 0) s->n -= 1;
        return;
    }
    size_t cut = ends(s, "ed") ? 2 : ends(s, "ing") ? 3 : 0;
    if (!cut || !has_vowel(s, s->n - cut)) return;
    s->n -= cut;
    if (ends(s, "at") || ends(s, "bl") || ends(s, "iz")) replace(s, "", "e");
    else if (ends_double(s) && !memchr("lsz", s->p[s->n - 1], 3)) s->n -= 1;
    else if (measure(s, s->n) == 1 && ends_short(s, s->n)) replace(s, "", "e");
}

static void last_letters(struct stem *s) /* 5 */
{
    if (ends(s, "e")) {
        unsigned m = measure(s, s->n - 1);
        if (m > 1 || (m == 1 && !ends_short(s, s->n - 1))) s->n -= 1;
    }
    if (measure(s, s->n) > 1 && ends_double(s) && ends(s, "l")) s->n -= 1;
}

static void strip_fourth(struct stem *s)
{
    static const char *const endings[] = {"ement", "ance", "ence", "able", "ible", "ment", "ant", "ent", "ism", "ate", "iti", "ous",
                                          "ive", "ize", "ion", "al", "er", "ic", "ou"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        if (!ends(s, endings[i])) continue;
        size_t left = s->n - strlen(endings[i]);
        bool ion = strcmp(endings[i], "ion") == 0;
        if (measure(s, left) > 1 && (!ion || (left && memchr("st", s->p[left - 1], 2)))) s->n = left;
        return;
    }
}

size_t word_stem(struct str word, char stem[STEM_BYTES_MOST])
{
    static const struct ending second[] = {{"ational", "ate"}, {"ization", "ize"}, {"iveness", "ive"}, {"fulness", "ful"}, {"ousness", "ous"},
                                           {"tional", "tion"}, {"biliti", "ble"}, {"entli", "ent"}, {"ousli", "ous"}, {"ation", "ate"},
                                           {"alism", "al"}, {"aliti", "al"}, {"iviti", "ive"}, {"enci", "ence"}, {"anci", "ance"},
                                           {"izer", "ize"}, {"abli", "able"}, {"alli", "al"}, {"ator", "ate"}, {"eli", "e"}, {NULL, NULL}};
    static const struct ending third[] = {{"icate", "ic"}, {"ative", ""}, {"alize", "al"}, {"iciti", "ic"}, {"ical", "ic"}, {"ness", ""},
                                          {"ful", ""}, {NULL, NULL}};
    struct stem s = {stem, word.n < STEM_BYTES_MOST ? word.n : STEM_BYTES_MOST};
    memcpy(stem, word.p ? word.p : "", s.n);
    bool letters = word.n < STEM_BYTES_MOST && word.n > 2; /* one byte is left for an "e" */
    for (size_t i = 0; i < s.n; i++) letters &= stem[i] >= 'a' && stem[i] <= 'z';
    if (!letters) return s.n;
    plurals(&s);
    past_and_progressive(&s);
    if (ends(&s, "y") && has_vowel(&s, s.n - 1)) stem[s.n - 1] = 'i'; /* 1c */
    strip(&s, second, 0);
    strip(&s, third, 0);
    strip_fourth(&s);
    last_letters(&s);
    return s.n;
}
