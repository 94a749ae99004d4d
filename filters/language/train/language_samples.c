#include "filters/language/train/language_samples.h"

#include "filters/language/train/treebank.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/utf8.h"

#include <math.h>
#include <stdlib.h>

/* ---- reading */

static unsigned class_of(const struct samples *s, struct str language)
{
    for (struct str rest = buf_str(&s->class_file); rest.n;) {
        struct str line = str_cut(&rest, '\n'), label = str_cut(&line, ' ');
        for (struct str name = label; name.n; name = str_cut(&line, ' '))
            if (str_eq(name, language))
                for (unsigned c = 0; c < s->classes; c++)
                    if (str_eq(s->class_names[c], label)) return c;
    }
    return 0; /* other */
}

int samples_classes(struct samples *s, const char *path)
{
    buf_init(&s->class_file, 1 << 20);
    buf_init(&s->sample, 1 << 20);
    buf_init(&s->run, 1 << 20);
    if (buf_read_file(&s->class_file, path) < 0) return -1;
    s->class_names[s->classes++] = STR("other");
    for (struct str rest = buf_str(&s->class_file); rest.n;) {
        struct str line = str_cut(&rest, '\n'), label = str_cut(&line, ' ');
        if (!label.n || label.p[0] == '#') continue;
        if (s->classes == CLASSES_MOST) return fail("%s: more than %d classes", path, CLASSES_MOST);
        s->class_names[s->classes++] = label;
    }
    return 0;
}

static struct sample_language *language_named(struct samples *s, struct str name)
{
    for (unsigned i = 0; i < s->language_count; i++)
        if (str_eq(s->languages[i].name, name)) return &s->languages[i];
    if (s->language_count == LANGUAGES_MOST) return fail("more than %d languages", LANGUAGES_MOST), NULL;
    struct sample_language *l = &s->languages[s->language_count++];
    *l = (struct sample_language){.name = name, .class = class_of(s, name)};
    return l;
}

static bool is_latin_text(struct str text) /* more letters of Latin than others */
{
    size_t latin = 0, other = 0;
    for (size_t at = 0; at < text.n;) utf8_next(text, &at) < 0x180 ? latin++ : other++;
    return latin > 2 * other;
}

static int add_line(struct samples *s, struct str language, struct str source, struct str text)
{
    if (!text.n || !language.n || !utf8_valid(text)) return 0;
    if (str_eq(language, STR("sr")) && is_latin_text(text)) language = STR("sr-Latn"); /* one with Croatian and Bosnian */
    struct sample_language *l = language_named(s, language);
    if (!l) return -1;
    if (l->count == l->room) {
        l->room = l->room ? 2 * l->room : 1024;
        struct sample_line *lines = realloc(l->lines, l->room * sizeof *lines);
        if (!lines) return fail_memory();
        l->lines = lines;
    }
    unsigned one_in = str_eq(language, STR("en")) ? 16 : 64;
    l->lines[l->count++] = (struct sample_line){text, hash_xxh3_128(text, 1).low % one_in == 0, str_eq(source, STR("udhr"))};
    return 0;
}

static struct buf *read_file(struct samples *s, const char *path)
{
    if (s->file_count == SAMPLE_FILES_MOST) return fail_usage("more than %d files", SAMPLE_FILES_MOST), NULL;
    struct buf *file = &s->files[s->file_count++];
    buf_init(file, 1 << 30);
    return read_maybe_zstd(file, path) < 0 ? NULL : file;
}

int samples_texts(struct samples *s, const char *path)
{
    struct buf *file = read_file(s, path);
    if (!file) return -1;
    for (struct str rest = buf_str(file); rest.n;) {
        struct str line = str_cut(&rest, '\n'), language = str_cut(&line, '\t'), source = str_cut(&line, '\t');
        if (add_line(s, language, source, line) < 0) return -1;
    }
    return 0;
}

int samples_english(struct samples *s, const char *path)
{
    struct buf *file = read_file(s, path);
    if (!file) return -1;
    for (struct str rest = buf_str(file); rest.n;) {
        struct str line = str_cut(&rest, '\n');
        if (str_starts(line, STR("# text = "))) line = str_from_at(line, 9);
        else if (line.n && (ascii_is_digit(line.p[0]) || line.p[0] == '#')) continue; /* a treebank's columns */
        if (add_line(s, STR("en"), STR(""), line) < 0) return -1;
    }
    return 0;
}

int samples_names(struct samples *s, const char *path)
{
    buf_init(&s->names_file, 1 << 24);
    if (buf_read_file(&s->names_file, path) < 0) return -1;
    s->names = calloc(s->names_file.n / 2 + 1, sizeof *s->names);
    if (!s->names) return fail_memory();
    for (struct str rest = buf_str(&s->names_file); rest.n;) {
        struct str line = str_cut(&rest, '\n');
        if (line.n > 1 && line.p[0] != '#') s->names[s->name_count++] = line;
    }
    return 0;
}

/* Serbian's two alphabets stand for one another letter by letter. */
static const struct { const char *latin, *cyrillic; } serbian[] = {
    {"nj", "њ"}, {"lj", "љ"}, {"dž", "џ"}, {"đ", "ђ"}, {"č", "ч"}, {"ć", "ћ"}, {"š", "ш"}, {"ž", "ж"}, {"a", "а"}, {"b", "б"}, {"v", "в"},
    {"g", "г"}, {"d", "д"}, {"e", "е"}, {"z", "з"}, {"i", "и"}, {"j", "ј"}, {"k", "к"}, {"l", "л"}, {"m", "м"}, {"n", "н"}, {"o", "о"},
    {"p", "п"}, {"r", "р"}, {"s", "с"}, {"t", "т"}, {"u", "у"}, {"f", "ф"}, {"h", "х"}, {"c", "ц"}};

static int add_cyrillic(struct buf *out, struct str word)
{
    for (size_t i; word.n; word = str_from_at(word, strlen(serbian[i].latin))) {
        for (i = 0; i < sizeof serbian / sizeof *serbian && !str_starts(word, str_from(serbian[i].latin)); i++) {}
        if (i == sizeof serbian / sizeof *serbian) return buf_add(out, word); /* a letter that Serbian lacks: the rest as it is */
        if (buf_add(out, str_from(serbian[i].cyrillic)) < 0) return -1;
    }
    return 0;
}

static int words_to_cyrillic(struct wordlist *list)
{
    struct buf bytes;
    size_t *ends = calloc(list->count + 1, sizeof *ends);
    buf_init(&bytes, WORDLIST_BYTES_MAX);
    int result = ends ? 0 : fail_memory();
    for (size_t i = 0; result == 0 && i < list->count; i++) {
        result = add_cyrillic(&bytes, list->entries[i]);
        ends[i + 1] = bytes.n;
    }
    for (size_t i = 0; result == 0 && i < list->count; i++) list->entries[i] = str_of(bytes.p + ends[i], ends[i + 1] - ends[i]);
    free(ends);
    buf_free(&list->text);
    list->text = bytes;
    return result;
}

#define TEMPER 0.6 /* words are drawn by their frequency to this power: the commonest are in the texts already */

int samples_words(struct samples *s, const char *language_path)
{
    struct str path = str_from(language_path), name = str_cut(&path, '=');
    struct sample_language *l = path.n ? language_named(s, name) : NULL;
    if (!path.n) return fail_usage("expected language=path, found %s", language_path);
    if (!l || wordlist_read(&l->words, path.p) < 0) return -1;
    if (str_eq(name, STR("sr")) && words_to_cyrillic(&l->words) < 0) return -1;
    l->rising = calloc(l->words.count + 1, sizeof *l->rising);
    if (!l->rising) return fail_memory();
    double sum = 0;
    for (size_t i = 0; i < l->words.count; i++) l->rising[i] = sum += pow(l->words.numbers[i], TEMPER);
    return 0;
}

/* ---- what is drawn, and how often */

enum { LINES_ENOUGH = 500, LINES_WEIGHED = 8000 /* more of one language do not draw it more often */ };

#define EVEN 0.2          /* a language is drawn as often as its lines to this power ask: nearly alike */
#define ENGLISH_TIMES 1.5

static void hold_out(struct sample_language *l)
{
    size_t others = 0;
    for (size_t i = 0; i < l->count; i++) others += !l->lines[i].declaration;
    for (size_t i = 0; i < l->count; i++)
        if (l->lines[i].declaration) l->lines[i].held = others >= LINES_ENOUGH;
    l->drawn = 0;
    for (size_t i = 0; i < l->count; i++) {
        struct sample_line line = l->lines[i];
        if (line.held) continue;
        l->lines[i] = l->lines[l->drawn];
        l->lines[l->drawn++] = line;
    }
}

int samples_ready(struct samples *s)
{
    double sum = 0;
    for (unsigned i = 0; i < s->language_count; i++) {
        struct sample_language *l = &s->languages[i];
        hold_out(l);
        if (l->drawn == 0) return fail("no texts of %.*s to learn from", STR_ARG(l->name));
        if (str_eq(l->name, STR("en"))) s->english = l;
        double share = pow((double)(l->drawn < LINES_WEIGHED ? l->drawn : LINES_WEIGHED), EVEN);
        s->share[i] = sum += l == s->english ? share * ENGLISH_TIMES : share;
    }
    return s->english ? 0 : fail("no texts of English");
}

/* ---- drawing */

static size_t draw_below(struct samples *s, size_t n) { return (size_t)(next_random(&s->random) % n); }
static double draw(struct samples *s) { return (double)(next_random(&s->random) >> 11) * 0x1p-53; }

/* The first of `n` rising sums over x. */
static size_t place_in(const double *rising, size_t n, double x)
{
    size_t low = 0, high = n - 1;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (rising[middle] > x) high = middle;
        else low = middle + 1;
    }
    return low;
}

static bool is_space_at(struct str s, size_t i) { return s.p[i] == ' '; }

/* `want` words from word `skip` on; of a line of fewer than three words three code points a word. *end: where they end. */
static struct str cut_run(struct str line, size_t skip, size_t want, bool has_words, size_t *end)
{
    size_t start = 0, at;
    if (has_words) {
        for (; skip && start < line.n; start++) skip -= is_space_at(line, start);
        for (at = start; at < line.n; at++)
            if (is_space_at(line, at) && --want == 0) break;
    } else {
        for (; skip && start < line.n; skip--) utf8_next(line, &start);
        at = start;
        for (size_t i = 0; i < 3 * want && at < line.n; i++) utf8_next(line, &at);
    }
    *end = at;
    return str_of(line.p + start, at - start);
}

static size_t count_words(struct str line)
{
    size_t words = 1;
    for (size_t i = 0; i < line.n; i++) words += is_space_at(line, i);
    return words;
}

static struct str draw_run(struct samples *s, struct str line)
{
    static const unsigned lengths[] = {2, 3, 3, 4, 4, 5, 5, 5, 5, 5, 6, 7, 9, 15};
    size_t want = lengths[draw_below(s, sizeof lengths / sizeof *lengths)], words = count_words(line), end;
    bool has_words = words >= 3;
    size_t all = has_words ? words : utf8_count(line), taken = has_words ? want : 3 * want;
    return cut_run(line, all > taken ? draw_below(s, all - taken + 1) : 0, want, has_words, &end);
}

/* A word of the language's list, or, where it has none, of its texts. */
static struct str draw_word(struct samples *s, const struct sample_language *l)
{
    if (l->words.count) return l->words.entries[place_in(l->rising, l->words.count, draw(s) * l->rising[l->words.count - 1])];
    struct str line = l->lines[draw_below(s, l->drawn)].text;
    size_t words = count_words(line), end;
    return words < 3 ? draw_run(s, line) : cut_run(line, draw_below(s, words), 1, true, &end);
}

static int draw_bag(struct samples *s, const struct sample_language *l)
{
    static const unsigned lengths[] = {1, 2, 3, 4, 5, 5, 5, 6, 9};
    buf_clear(&s->run);
    for (unsigned n = lengths[draw_below(s, sizeof lengths / sizeof *lengths)]; n; n--)
        if (buf_add(&s->run, draw_word(s, l)) < 0 || (n > 1 && buf_byte(&s->run, ' ') < 0)) return -1;
    return 0;
}

/* ---- samples as texts really come */

static bool is_latin(uint32_t c) { return c >= 0xC0 && c <= 0x17F; }

/* The letter under an accent, of Latin-1 and Latin Extended-A; "" where there is none. */
static const char *base_letter(uint32_t c)
{
    static const char *const latin_1 = "AAAAAAACEEEEIIIIDNOOOOO*OUUUUYTsaaaaaaaceeeeiiiidnooooo/ouuuuyty";
    static const char *const extended = "AaAaAaCcCcCcCcDdDdEeEeEeEeEeGgGgGgGgHhHhIiIiIiIiIiIiJjKkkLlLlLlLlLlNnNnNnnNnOoOoOoOoRrRrRrSsSsSsSsTtTtTt"
                                        "UuUuUuUuUuUuWwYyYZzZzZzs";
    static char one[2];
    one[0] = c < 0x100 ? latin_1[c - 0xC0] : extended[c - 0x100];
    return one;
}

static int add_damaged(struct samples *s, struct str run, bool fold)
{
    for (size_t at = 0; at < run.n;) {
        size_t from = at;
        uint32_t c = utf8_next(run, &at);
        struct str letter = is_latin(c) ? fold ? str_from(base_letter(c)) : STR("") : str_of(run.p + from, at - from);
        if (buf_add(&s->sample, letter) < 0) return -1;
    }
    return 0;
}

static int add_name(struct samples *s)
{
    if (buf_byte(&s->sample, ' ') < 0 || buf_add(&s->sample, s->names[draw_below(s, s->name_count)]) < 0) return -1;
    return buf_byte(&s->sample, ' ');
}

static int add_english(struct samples *s)
{
    const struct sample_language *l = s->english;
    size_t end;
    struct str line = l->lines[draw_below(s, l->drawn)].text;
    size_t words = count_words(line);
    if (buf_byte(&s->sample, ' ') < 0) return -1;
    if (buf_add(&s->sample, cut_run(line, draw_below(s, words), 1 + draw_below(s, 2), true, &end)) < 0) return -1;
    return buf_byte(&s->sample, ' ');
}

/* How many of a hundred samples have what done to them. */
enum { FROM_LIST = 40, FOLDED = 10, LETTERS_LOST = 8, NAME_BEFORE = 8, NAME_BEHIND = 8, ENGLISH_WITHIN = 6 };

static int make_sample(struct samples *s, const struct sample_language *l, struct str run)
{
    bool with_english = l != s->english && count_words(run) > 3 && draw_below(s, 100) < ENGLISH_WITHIN;
    unsigned damage = (unsigned)draw_below(s, 100);
    buf_clear(&s->sample);
    if (s->name_count && draw_below(s, 100) < NAME_BEFORE && add_name(s) < 0) return -1;
    if (with_english && draw_below(s, 2) && add_english(s) < 0) return -1;
    bool damaged = damage < FOLDED + LETTERS_LOST;
    if ((damaged ? add_damaged(s, run, damage < FOLDED) : buf_add(&s->sample, run)) < 0) return -1;
    if (with_english && draw_below(s, 2) && add_english(s) < 0) return -1;
    return s->name_count && draw_below(s, 100) < NAME_BEHIND ? add_name(s) : 0;
}

int samples_draw(struct samples *s, struct str *text, unsigned *class)
{
    double x = draw(s) * s->share[s->language_count - 1];
    const struct sample_language *l = &s->languages[place_in(s->share, s->language_count, x)];
    if (draw_below(s, 100) < FROM_LIST) {
        if (draw_bag(s, l) < 0 || make_sample(s, l, buf_str(&s->run)) < 0) return -1;
    } else if (make_sample(s, l, draw_run(s, l->lines[draw_below(s, l->drawn)].text)) < 0) {
        return -1;
    }
    *text = buf_str(&s->sample);
    *class = l->class;
    return 0;
}

/* ---- held out */

bool samples_held(const struct samples *s, struct held_place *at, unsigned words, struct str *text, unsigned *class)
{
    for (; at->language < s->language_count; *at = (struct held_place){.language = at->language + 1}) {
        const struct sample_language *l = &s->languages[at->language];
        for (; l->drawn + at->line < l->count && at->given < HELD_TEXTS_MOST; at->line++, at->offset = 0) {
            struct str line = l->lines[l->drawn + at->line].text, rest = str_from_at(line, at->offset);
            bool has_words = count_words(line) >= 3;
            if (has_words ? count_words(rest) < words : utf8_count(rest) < (at->offset ? 3 * words : 3)) continue;
            size_t end;
            *text = cut_run(rest, 0, words, has_words, &end);
            at->offset += end + has_words;
            at->given++;
            *class = l->class;
            return true;
        }
    }
    return false;
}
