/* Trains the model of langid.c: softmax regression over hashed n-grams, by stochastic gradient descent.
 *
 *     train_language OUT.model CLASSES.txt TEXTS.tsv... [--english FILE...] [--names FILE...]
 *
 * TEXTS: `language TAB source TAB text`; --english: plain lines of English; --names: names, a line each. CLASSES: a class a line,
 * `label language...`; languages that no line names are of the class "other". Samples are runs of two to fifteen words of a random
 * line, most often five; each language is drawn as often as the square root of its lines asks. Of the samples some lose their
 * accents, or the letters that have them, as texts do that went through a wrong charset; and names are put between the words of
 * some, since a name says little of the language around it.
 * The same files give the same bytes on one machine type: one thread, one seed.
 */
#include "filters/language/langid_features.h"
#include "filters/language/linear.h"
#include "filters/language/train/treebank.h"
#include "filters/language/train/write_linear.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROWS_LOG2 = 17, ROWS = 1 << ROWS_LOG2, CLASSES_MOST = 128, LANGUAGES_MOST = 256, FILES_MOST = 16 };

struct language {
    struct str name;
    unsigned class;
    struct str *lines;
    size_t count, room;
};

struct trainer {
    struct buf files[FILES_MOST];
    unsigned file_count;
    struct buf class_file;
    struct str class_names[CLASSES_MOST];
    unsigned classes, stride;
    struct language languages[LANGUAGES_MOST];
    unsigned language_count;
    double share[LANGUAGES_MOST]; /* rising: of the draw */
    struct buf names_file;
    struct str *names;
    size_t name_count;
    struct buf sample;
    float *weights;               /* [ROWS][stride] */
    uint64_t random;
};

static unsigned class_of(const struct trainer *t, struct str language)
{
    for (struct str rest = buf_str(&t->class_file); rest.n;) {
        struct str line = str_cut(&rest, '\n'), label = str_cut(&line, ' ');
        for (struct str name = label; name.n; name = str_cut(&line, ' '))
            if (str_eq(name, language))
                for (unsigned c = 0; c < t->classes; c++)
                    if (str_eq(t->class_names[c], label)) return c;
    }
    return 0; /* other */
}

static int read_classes(struct trainer *t, const char *path)
{
    buf_init(&t->class_file, 1 << 20);
    if (buf_read_file(&t->class_file, path) < 0) return -1;
    t->class_names[t->classes++] = STR("other");
    for (struct str rest = buf_str(&t->class_file); rest.n;) {
        struct str line = str_cut(&rest, '\n'), label = str_cut(&line, ' ');
        if (!label.n || label.p[0] == '#') continue;
        if (t->classes == CLASSES_MOST) return fail("%s: more than %d classes", path, CLASSES_MOST);
        t->class_names[t->classes++] = label;
    }
    t->stride = (t->classes + 15) & ~15u;
    return 0;
}

static struct language *language_named(struct trainer *t, struct str name)
{
    for (unsigned i = 0; i < t->language_count; i++)
        if (str_eq(t->languages[i].name, name)) return &t->languages[i];
    if (t->language_count == LANGUAGES_MOST) return fail("more than %d languages", LANGUAGES_MOST), NULL;
    struct language *l = &t->languages[t->language_count++];
    *l = (struct language){.name = name, .class = class_of(t, name)};
    return l;
}

static bool is_latin_text(struct str text) /* more letters of Latin than others */
{
    size_t latin = 0, other = 0;
    for (size_t at = 0; at < text.n;) utf8_next(text, &at) < 0x180 ? latin++ : other++;
    return latin > 2 * other;
}

static int add_line(struct trainer *t, struct str language, struct str text)
{
    if (str_eq(language, STR("sr")) && is_latin_text(text)) language = STR("sr-Latn"); /* one with Croatian and Bosnian */
    struct language *l = language_named(t, language);
    if (!l) return -1;
    if (l->count == l->room) {
        l->room = l->room ? 2 * l->room : 1024;
        struct str *lines = realloc(l->lines, l->room * sizeof *lines);
        if (!lines) return fail_memory();
        l->lines = lines;
    }
    l->lines[l->count++] = text;
    return 0;
}

static int read_texts(struct trainer *t, const char *path, bool english)
{
    if (t->file_count == FILES_MOST) return fail_usage("more than %d files", FILES_MOST);
    struct buf *file = &t->files[t->file_count++];
    buf_init(file, 1 << 30);
    if (read_maybe_zstd(file, path) < 0) return -1;
    for (struct str rest = buf_str(file); rest.n;) {
        struct str line = str_cut(&rest, '\n'), language = STR("en");
        if (!english) {
            language = str_cut(&line, '\t');
            str_cut(&line, '\t');
        } else if (str_starts(line, STR("# text = "))) {
            line = str_from_at(line, 9);
        } else if (line.n && (ascii_is_digit(line.p[0]) || line.p[0] == '#')) {
            continue; /* a treebank's columns */
        }
        if (line.n && language.n && utf8_valid(line) && add_line(t, language, line) < 0) return -1;
    }
    return 0;
}

static int read_names(struct trainer *t, const char *path)
{
    if (buf_read_file(&t->names_file, path) < 0) return -1;
    t->names = calloc(t->names_file.n / 2 + 1, sizeof *t->names);
    if (!t->names) return fail_memory();
    for (struct str rest = buf_str(&t->names_file); rest.n;) {
        struct str line = str_cut(&rest, '\n');
        if (line.n > 1 && line.p[0] != '#') t->names[t->name_count++] = line;
    }
    return 0;
}

/* ---- samples */

static double draw(struct trainer *t) { return (double)(next_random(&t->random) >> 11) * 0x1p-53; }

static const struct language *draw_language(struct trainer *t)
{
    double x = draw(t) * t->share[t->language_count - 1];
    unsigned i = 0;
    while (i + 1 < t->language_count && t->share[i] <= x) i++;
    return &t->languages[i];
}

static bool is_space_at(struct str s, size_t i) { return s.p[i] == ' '; }

/* A run of one to nine words, five most often; of a line without spaces a run of code points. */
static struct str draw_run(struct trainer *t, struct str line)
{
    static const unsigned lengths[] = {2, 3, 3, 4, 4, 5, 5, 5, 5, 5, 6, 7, 9, 15};
    unsigned want = lengths[next_random(&t->random) % (sizeof lengths / sizeof *lengths)];
    size_t words = 1;
    for (size_t i = 0; i < line.n; i++) words += is_space_at(line, i);
    if (words < 3) {
        size_t characters = utf8_count(line), n = 3 * want, from = characters > n ? next_random(&t->random) % (characters - n + 1) : 0;
        size_t start = 0, end;
        for (size_t i = 0; i < from; i++) utf8_next(line, &start);
        end = start;
        for (size_t i = 0; i < n && end < line.n; i++) utf8_next(line, &end);
        return str_of(line.p + start, end - start);
    }
    size_t skip = words > want ? next_random(&t->random) % (words - want + 1) : 0, start = 0;
    for (; skip; start++) skip -= is_space_at(line, start);
    size_t end = start;
    for (size_t left = want; end < line.n; end++)
        if (is_space_at(line, end) && --left == 0) break;
    return str_of(line.p + start, end - start);
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

static int add_damaged(struct trainer *t, struct str run, bool fold)
{
    for (size_t at = 0; at < run.n;) {
        size_t from = at;
        uint32_t c = utf8_next(run, &at);
        struct str letter = is_latin(c) ? fold ? str_from(base_letter(c)) : STR("") : str_of(run.p + from, at - from);
        if (buf_add(&t->sample, letter) < 0) return -1;
    }
    return 0;
}

static int add_name(struct trainer *t)
{
    if (buf_byte(&t->sample, ' ') < 0 || buf_add(&t->sample, t->names[next_random(&t->random) % t->name_count]) < 0) return -1;
    return buf_byte(&t->sample, ' ');
}

static int make_sample(struct trainer *t, struct str run)
{
    uint64_t x = next_random(&t->random);
    buf_clear(&t->sample);
    unsigned damage = (unsigned)(x % 100), name = (unsigned)(x / 100 % 100);
    if (t->name_count && name < 8 && add_name(t) < 0) return -1;
    if ((damage < 24 ? add_damaged(t, run, damage < 12) : buf_add(&t->sample, run)) < 0) return -1;
    return t->name_count && (name < 4 || (name >= 8 && name < 16)) ? add_name(t) : 0;
}

/* ---- descent */

enum { SAMPLES = 2600000, REPORT_EVERY = 200000, LINES_WEIGHED = 8000 /* more of one language do not draw it more often */ };

static unsigned step(struct trainer *t, const struct langid_seen *seen, unsigned truth, float rate)
{
    float sums[CLASSES_MOST] = {0}, most = -INFINITY, total = 0;
    float scale = 1 / sqrtf((float)seen->count);
    unsigned best = 0;
    for (unsigned i = 0; i < seen->count; i++) {
        const float *row = t->weights + (size_t)(seen->features[i] & (ROWS - 1)) * t->stride;
        for (unsigned c = 0; c < t->stride; c++) sums[c] += row[c];
    }
    for (unsigned c = 0; c < t->classes; c++) {
        sums[c] *= scale;
        if (sums[c] > most) most = sums[c], best = c;
    }
    for (unsigned c = 0; c < t->classes; c++) total += sums[c] = expf(sums[c] - most);
    for (unsigned c = 0; c < t->classes; c++) sums[c] = ((c == truth) - sums[c] / total) * scale;
    for (unsigned c = t->classes; c < t->stride; c++) sums[c] = 0;
    for (unsigned i = 0; i < seen->count; i++) {
        size_t at = (size_t)(seen->features[i] & (ROWS - 1)) * t->stride;
        float *row = t->weights + at;
        for (unsigned c = 0; c < t->stride; c++) row[c] += rate * sums[c];
    }
    return best;
}

static int descend(struct trainer *t)
{
    size_t right = 0, seen_count = 0;
    double sum = 0;
    for (unsigned i = 0; i < t->language_count; i++) t->share[i] = sum += sqrt((double)(t->languages[i].count < LINES_WEIGHED ? t->languages[i].count : LINES_WEIGHED));
    for (long i = 0; i < SAMPLES; i++) {
        const struct language *l = draw_language(t);
        struct langid_seen seen;
        if (make_sample(t, draw_run(t, l->lines[next_random(&t->random) % l->count])) < 0) return -1;
        langid_see(buf_str(&t->sample), &seen);
        if (seen.letters < 3) continue;
        float rate = 4 * (1 - (float)i / SAMPLES) + 0.05f;
        right += step(t, &seen, l->class, rate) == l->class;
        seen_count++;
        if ((i + 1) % REPORT_EVERY == 0) {
            fprintf(stderr, "%ld samples: %.2f %% of the last %zu right\n", i + 1, 100 * (double)right / (double)seen_count, seen_count);
            right = seen_count = 0;
        }
    }
    return 0;
}

static int write_model(const struct trainer *t, const char *path)
{
    size_t n = (size_t)ROWS * t->classes;
    int32_t *fine = malloc(n * sizeof *fine);
    int8_t *rows = malloc(n);
    struct buf note;
    buf_init(&note, 1 << 16);
    int result = fine && rows ? 0 : fail_memory();
    for (size_t i = 0; result == 0 && i < ROWS; i++) /* the mean of a row says nothing: rows are centred */
        for (unsigned c = 0; c < t->classes; c++) {
            double mean = 0;
            for (unsigned k = 0; k < t->classes; k++) mean += (double)t->weights[i * t->stride + k];
            fine[i * t->classes + c] = (int32_t)lrint(((double)t->weights[i * t->stride + c] - mean / t->classes) * 4096);
        }
    if (result == 0) {
        double scale = quantise(fine, ROWS, t->classes, 0, t->classes, rows) / 4096;
        result = buf_printf(&note, "model language\nscale %.9g\nlabels", scale);
    }
    for (unsigned c = 0; result == 0 && c < t->classes; c++) result = buf_printf(&note, " %.*s", STR_ARG(t->class_names[c]));
    if (result == 0) result = buf_byte(&note, '\n');
    if (result == 0) result = write_linear(path, ROWS_LOG2, t->classes, buf_str(&note), rows);
    buf_free(&note);
    free(fine);
    free(rows);
    return result;
}

static int train(int argc, char **argv)
{
    static struct trainer t = {.random = 7}; /* the seed */
    char kind = 't';
    if (argc < 4) return fail_usage("expected: train_language OUT.model CLASSES.txt TEXTS.tsv... [--english FILE...] [--names FILE...]");
    buf_init(&t.names_file, 1 << 24);
    buf_init(&t.sample, 1 << 20);
    if (read_classes(&t, argv[2]) < 0) return -1;
    for (int i = 3; i < argc; i++) {
        if (str_starts(str_from(argv[i]), STR("--"))) kind = argv[i][2];
        else if ((kind == 'n' ? read_names(&t, argv[i]) : read_texts(&t, argv[i], kind == 'e')) < 0) return -1;
    }
    t.weights = calloc((size_t)ROWS * t.stride, sizeof *t.weights);
    if (!t.weights) return fail_memory();
    if (descend(&t) < 0) return -1;
    return write_model(&t, argv[1]);
}

int main(int argc, char **argv)
{
    if (train(argc, argv) == 0) return 0;
    fprintf(stderr, "train_language: %s\n", fail_message());
    return 1;
}
