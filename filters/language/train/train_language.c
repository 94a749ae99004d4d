/* Trains the model of langid.c: softmax regression over hashed n-grams, by stochastic gradient descent.
 *
 *     train_language OUT.model CLASSES.txt TEXTS.tsv... [--english FILE...] [--names FILE...] [--words LANGUAGE=LIST...]
 *
 * TEXTS: `language TAB source TAB text`; --english: plain lines of English; --names: names, a line each; --words: words with their
 * frequency (wordlist.h). CLASSES: a class a line, `label language...`; languages that no line names are of the class "other". What
 * samples are made of them, and which texts are held out, says language_samples.h.
 *
 * Behind the descent the model is calibrated on the texts held out, as its int8 rows have it: `steepness` and `bend` of the
 * softmax (langid.c) are those with the least logarithmic loss.
 * The same files give the same bytes on one machine type: one thread, one seed.
 */
#include "filters/language/langid_features.h"
#include "filters/language/linear.h"
#include "filters/language/train/language_samples.h"
#include "filters/language/train/treebank.h"
#include "filters/language/train/write_linear.h"
#include "pipeline/base/fail.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROWS_LOG2 = 17, ROWS = 1 << ROWS_LOG2, LANES = 8 };
typedef float lanes __attribute__((vector_size(4 * LANES)));

struct trainer {
    struct samples samples;
    unsigned classes, blocks; /* of LANES classes */
    lanes *weights;           /* [ROWS][blocks] */
    int8_t *rows;             /* [ROWS][classes]: the weights, when all is learned */
    double scale;             /* of the rows */
    uint64_t bits;            /* of chance, not used yet */
};

/* ---- descent */

enum { SAMPLES = 5000000, REPORT_EVERY = 200000, FORGOTTEN = 128 /* of 256 */, BLOCKS_MOST = CLASSES_MOST / LANES };

static lanes *row_of(const struct trainer *t, uint32_t feature) { return t->weights + (size_t)(feature & (ROWS - 1)) * t->blocks; }

static unsigned step(struct trainer *t, const struct langid_seen *seen, unsigned truth, float rate)
{
    union { lanes lanes[BLOCKS_MOST]; float each[CLASSES_MOST]; } sums = {0};
    float most = -INFINITY, total = 0, scale = 1 / sqrtf((float)seen->count);
    unsigned best = 0;
    for (unsigned i = 0; i < seen->count; i++) __builtin_prefetch(row_of(t, seen->features[i]));
    for (unsigned i = 0; i < seen->count; i++)
        for (unsigned b = 0; b < t->blocks; b++) sums.lanes[b] += row_of(t, seen->features[i])[b];
    for (unsigned c = 0; c < t->classes; c++) {
        sums.each[c] *= scale;
        if (sums.each[c] > most) most = sums.each[c], best = c;
    }
    for (unsigned c = 0; c < t->classes; c++) total += sums.each[c] = expf(sums.each[c] - most);
    for (unsigned c = 0; c < t->classes; c++) sums.each[c] = rate * scale * ((float)(c == truth) - sums.each[c] / total);
    for (unsigned c = t->classes; c < LANES * t->blocks; c++) sums.each[c] = 0;
    for (unsigned i = 0; i < seen->count; i++)
        for (unsigned b = 0; b < t->blocks; b++) row_of(t, seen->features[i])[b] += sums.lanes[b];
    return best;
}

/* Forgets some of what is seen of a sample, so that no n-gram relies on others to be there. */
static void forget(struct trainer *t, struct langid_seen *seen)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < seen->count; i++) {
        if (i % 8 == 0) t->bits = next_random(&t->samples.random);
        if ((t->bits >> 8 * (i % 8) & 0xFF) >= FORGOTTEN) seen->features[kept++] = seen->features[i];
    }
    if (kept) seen->count = kept;
}

static int descend(struct trainer *t)
{
    size_t right = 0, seen_count = 0;
    for (long i = 0; i < SAMPLES; i++) {
        struct langid_seen seen;
        struct str text;
        unsigned class;
        if (samples_draw(&t->samples, &text, &class) < 0) return -1;
        langid_see(text, &seen);
        if (seen.letters < 3) continue;
        forget(t, &seen);
        float rate = 4 * (1 - (float)i / SAMPLES) + 0.05f;
        right += step(t, &seen, class, rate) == class;
        seen_count++;
        if ((i + 1) % REPORT_EVERY == 0) {
            fprintf(stderr, "%ld samples: %.2f %% of the last %zu right\n", i + 1, 100 * (double)right / (double)seen_count, seen_count);
            right = seen_count = 0;
        }
    }
    return 0;
}

static int make_rows(struct trainer *t)
{
    size_t n = (size_t)ROWS * t->classes, stride = (size_t)LANES * t->blocks;
    const float *weights = (const float *)t->weights;
    int32_t *fine = malloc(n * sizeof *fine);
    t->rows = malloc(n);
    if (!fine || !t->rows) {
        free(fine);
        return fail_memory();
    }
    for (size_t i = 0; i < ROWS; i++) { /* the mean of a row says nothing: rows are centred */
        double mean = 0;
        for (unsigned c = 0; c < t->classes; c++) mean += (double)weights[i * stride + c];
        for (unsigned c = 0; c < t->classes; c++)
            fine[i * t->classes + c] = (int32_t)lrint(((double)weights[i * stride + c] - mean / t->classes) * 4096);
    }
    t->scale = quantise(fine, ROWS, t->classes, 0, t->classes, t->rows) / 4096;
    free(fine);
    return 0;
}

/* ---- calibration */

struct held {
    unsigned truth, features, words;
    int32_t sums[CLASSES_MOST];
};
struct held_texts {
    struct held *list;
    size_t count, room;
};

static int add_held(const struct trainer *t, struct held_texts *texts, struct str text, unsigned class, unsigned words)
{
    struct langid_seen seen;
    langid_see(text, &seen);
    if (seen.letters < 3) return 0;
    if (texts->count == texts->room) {
        texts->room = texts->room ? 2 * texts->room : 4096;
        struct held *list = realloc(texts->list, texts->room * sizeof *list);
        if (!list) return fail_memory();
        texts->list = list;
    }
    struct held *h = &texts->list[texts->count++];
    *h = (struct held){.truth = class, .features = seen.count, .words = words};
    for (unsigned i = 0; i < seen.count; i++)
        for (unsigned c = 0; c < t->classes; c++) h->sums[c] += t->rows[(size_t)(seen.features[i] & (ROWS - 1)) * t->classes + c];
    return 0;
}

static bool is_other(const struct trainer *t, unsigned class) { return str_starts(t->samples.class_names[class], STR("other")); }

/* Probabilities of a text's classes; those that answer "other" gather in the first of all. */
static void soften(const struct trainer *t, const struct held *h, double steepness, double bend, double *p)
{
    double steep = t->scale * steepness * pow(h->features, bend - 0.5), total = 0;
    int32_t most = h->sums[0];
    for (unsigned c = 1; c < t->classes; c++)
        if (h->sums[c] > most) most = h->sums[c];
    for (unsigned c = 0; c < t->classes; c++) total += p[c] = exp((h->sums[c] - most) * steep);
    for (unsigned c = 0; c < t->classes; c++) {
        p[c] /= total;
        if (c && is_other(t, c)) p[0] += p[c], p[c] = 0;
    }
}

#define LEAST 0.5 /* likelihood from which on there is an answer: it is likelier right than wrong */
enum { WEIGHED_EVERY = 5 /* a fifth of the texts tells a calibration */ };

static double loss(const struct trainer *t, const struct held_texts *texts, double steepness, double bend)
{
    double sum = 0, p[CLASSES_MOST];
    for (size_t i = 0; i < texts->count; i += WEIGHED_EVERY) {
        const struct held *h = &texts->list[i];
        soften(t, h, steepness, bend, p);
        sum -= log(p[is_other(t, h->truth) ? 0 : h->truth] + 1e-3); /* few texts that are not what their label says decide nothing */
    }
    return sum / (double)texts->count;
}

/* Tells what the held-out texts of five words say of the model. */
static void report_held(const struct trainer *t, const struct held_texts *texts, double steepness, double bend)
{
    size_t all = 0, right = 0, sure = 0, sure_right = 0;
    double p[CLASSES_MOST];
    for (size_t i = 0; i < texts->count; i++) {
        const struct held *h = &texts->list[i];
        if (h->words != 5) continue;
        unsigned best = 0;
        soften(t, h, steepness, bend, p);
        for (unsigned c = 1; c < t->classes; c++)
            if (p[c] > p[best]) best = c;
        bool good = best == (is_other(t, h->truth) ? 0 : h->truth);
        all++, right += good, sure += p[best] >= LEAST, sure_right += good && p[best] >= LEAST;
    }
    fprintf(stderr, "held out: %zu texts of five words, %.2f %% right; %.2f %% answered, %.2f %% of those right\n", all,
            100 * (double)right / (double)all, 100 * (double)sure / (double)all, 100 * (double)sure_right / (double)sure);
}

static int calibrate(const struct trainer *t, struct buf *note)
{
    static const unsigned lengths[] = {2, 3, 5, 8, 13};
    struct held_texts texts = {0};
    double best_steepness = 1, best_bend = 0, least = INFINITY;
    for (unsigned i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct held_place at = {0};
        struct str text;
        unsigned class;
        while (samples_held(&t->samples, &at, lengths[i], &text, &class))
            if (add_held(t, &texts, text, class, lengths[i]) < 0) return -1;
    }
    for (int s = 4; s <= 20; s++)
        for (int b = -10; b <= 4; b++) {
            double at = loss(t, &texts, s / 10.0 * pow(64, -b / 20.0), b / 20.0);
            if (at < least) least = at, best_steepness = s / 10.0 * pow(64, -b / 20.0), best_bend = b / 20.0;
        }
    report_held(t, &texts, best_steepness, best_bend);
    int result = buf_printf(note, "steepness %.4f\nbend %.2f\nleast %.1f\n", best_steepness, best_bend, LEAST);
    free(texts.list);
    return result;
}

static int write_model(const struct trainer *t, const char *path)
{
    struct buf note;
    buf_init(&note, 1 << 16);
    int result = buf_printf(&note, "model language\nscale %.9g\nlabels", t->scale);
    for (unsigned c = 0; result == 0 && c < t->classes; c++) result = buf_printf(&note, " %.*s", STR_ARG(t->samples.class_names[c]));
    if (result == 0) result = buf_byte(&note, '\n');
    if (result == 0) result = calibrate(t, &note);
    if (result == 0) result = write_linear(path, ROWS_LOG2, t->classes, buf_str(&note), t->rows);
    buf_free(&note);
    return result;
}

static int read_arguments(struct samples *s, int argc, char **argv)
{
    static const struct { const char *name; int (*read)(struct samples *, const char *); } kinds[] = {
        {"--english", samples_english}, {"--names", samples_names}, {"--words", samples_words}};
    int (*read)(struct samples *, const char *) = samples_texts;
    if (argc < 4) return fail_usage("expected: train_language OUT.model CLASSES.txt TEXTS.tsv... [--english FILE...] [--names FILE...] [--words LANGUAGE=LIST...]");
    if (samples_classes(s, argv[2]) < 0) return -1;
    for (int i = 3; i < argc; i++) {
        bool kind = false;
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
            if (strcmp(argv[i], kinds[k].name) == 0) kind = true, read = kinds[k].read;
        if (!kind && read(s, argv[i]) < 0) return -1;
    }
    return samples_ready(s);
}

static int train(int argc, char **argv)
{
    static struct trainer t = {.samples.random = 7}; /* the seed */
    if (read_arguments(&t.samples, argc, argv) < 0) return -1;
    t.classes = t.samples.classes;
    t.blocks = (t.classes + LANES - 1) / LANES;
    t.weights = aligned_alloc(64, (size_t)ROWS * t.blocks * sizeof *t.weights);
    if (!t.weights) return fail_memory();
    memset(t.weights, 0, (size_t)ROWS * t.blocks * sizeof *t.weights);
    if (descend(&t) < 0 || make_rows(&t) < 0) return -1;
    return write_model(&t, argv[1]);
}

int main(int argc, char **argv)
{
    if (train(argc, argv) == 0) return 0;
    fprintf(stderr, "train_language: %s\n", fail_message());
    return 1;
}
