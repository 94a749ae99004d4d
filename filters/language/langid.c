/* Sums of int8 rows, in int16 as long as they fit, then a softmax whose steepness depends on how much was seen. */
#include "filters/language/langid.h"

#include "filters/language/langid_features.h"
#include "filters/language/linear.h"
#include "pipeline/base/fail.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>

enum { ADDED_AT_ONCE = 72 /* 72 × 127 fits int16; a caption of some three words is enough for most languages */ };
#define DECIDED 9 /* the likeliest column is e^9 times as likely as the next */

enum { LANES = 4, NOTHING = -(1 << 28) /* less than any sum */ };
typedef int32_t lanes_int __attribute__((vector_size(4 * LANES)));
typedef float lanes_float __attribute__((vector_size(4 * LANES)));
typedef int16_t lanes_short __attribute__((vector_size(2 * LANES)));

static const struct str OTHER = {"other", 5};

struct langid {
    struct linear *model;
    struct str labels[LINEAR_COLUMNS_MOST];
    unsigned lanes, first_other; /* LANES columns each; the first of those that stand for "other" together */
    lanes_int other[LINEAR_COLUMNS_MOST / LANES];   /* -1 for them */
    lanes_int nothing[LINEAR_COLUMNS_MOST / LANES]; /* NOTHING for what is no column, else 0 */
    float steepness[LANGID_FEATURES_MOST + 1]; /* what a sum of that many features is multiplied by: calibration */
    float least;       /* probability under which the answer is "unsure" */
};

static float number(const struct linear *model, struct str name, float otherwise)
{
    double value;
    return str_to_double(linear_note(model, name), &value) < 0 ? otherwise : (float)value;
}

static int fill(struct langid *l)
{
    struct str labels = linear_note(l->model, STR("labels"));
    unsigned count = 0;
    l->first_other = UINT_MAX;
    for (; labels.n && count < LINEAR_COLUMNS_MOST; count++) {
        l->labels[count] = str_cut(&labels, ' ');
        if (!str_starts(l->labels[count], OTHER)) continue;
        l->labels[count] = OTHER; /* "other:af": several columns, one answer */
        l->other[count / LANES][count % LANES] = -1;
        if (l->first_other > count) l->first_other = count;
    }
    if (!str_eq(linear_note(l->model, STR("model")), STR("language")) || count != l->model->columns || labels.n)
        return fail("a linear model, but none of languages");
    float scale = number(l->model, STR("scale"), 1) * number(l->model, STR("steepness"), 1), bend = number(l->model, STR("bend"), 0);
    for (unsigned n = 1; n <= LANGID_FEATURES_MOST; n++) {
        l->steepness[n] = scale * powf((float)n, bend - 0.5f);
        if (!(l->steepness[n] >= 0 && l->steepness[n] < 1e9f)) return fail("a model of languages whose calibration gives no probabilities");
    }
    l->least = number(l->model, STR("least"), 0.5f);
    l->lanes = (count + LANES - 1) / LANES;
    for (unsigned c = count; c < l->lanes * LANES; c++) l->nothing[c / LANES][c % LANES] = NOTHING;
    return 0;
}

static struct langid *langid_new(struct linear *model)
{
    if (!model) return NULL;
    struct langid *l = aligned_alloc(_Alignof(struct langid), sizeof *l);
    if (!l) {
        linear_close(model);
        return fail_memory(), NULL;
    }
    *l = (struct langid){.model = model};
    if (fill(l) == 0) return l;
    langid_close(l);
    return NULL;
}

struct langid *langid_read(struct str bytes) { return langid_new(linear_read(bytes)); }

struct langid *langid_open(const char *path)
{
    char own[LINEAR_PATH_MOST];
    if (!path && linear_find("language.model", own) < 0) return NULL;
    return langid_new(linear_open(path ? path : own));
}

void langid_close(struct langid *l)
{
    if (!l) return;
    linear_close(l->model);
    free(l);
}

const char *langid_digest(const struct langid *l) { return l->model->digest; }
struct str langid_labels(const struct langid *l) { return linear_note(l->model, STR("labels")); }

bool langid_has_label(const struct langid *l, struct str label)
{
    for (unsigned i = 0; i < l->model->columns; i++)
        if (str_eq(l->labels[i], label)) return true;
    return false;
}

/* ---- sums of columns, LANES at a time; those behind the last column are NOTHING */

static lanes_int choose(lanes_int mask, lanes_int yes, lanes_int no) { return (yes & mask) | (no & ~mask); }
static lanes_int larger(lanes_int a, lanes_int b) { return choose(a > b, a, b); }
static lanes_int smaller(lanes_int a, lanes_int b) { return choose(a > b, b, a); }

/* The largest of `lanes` × LANES numbers, and the next one. */
static int32_t two_largest(const lanes_int *numbers, unsigned lanes, int32_t *next)
{
    lanes_int most = numbers[0], after = most - most + NOTHING;
    for (unsigned i = 1; i < lanes; i++) {
        after = larger(after, smaller(most, numbers[i]));
        most = larger(most, numbers[i]);
    }
    int32_t first = most[0];
    *next = after[0];
    for (unsigned k = 1; k < LANES; k++) {
        int32_t lesser = first < most[k] ? first : most[k], other = after[k] > lesser ? after[k] : lesser;
        if (most[k] > first) first = most[k];
        if (other > *next) *next = other;
    }
    return first;
}

/* Adds up rows until the answer is plain, and looks at no more of the text than that takes; of how many features. */
static unsigned sum_rows(const struct langid *l, struct langid_seen *seen, lanes_int *sums)
{
    const struct linear *model = l->model;
    for (unsigned i = 0; i < l->lanes; i++) sums[i] = l->nothing[i];
    for (unsigned from = 0;; from += ADDED_AT_ONCE) {
        union {
            linear_sum blocks[LINEAR_BLOCKS_MOST];
            lanes_short lanes[LINEAR_COLUMNS_MOST / LANES];
        } part;
        langid_see_more(seen, from + ADDED_AT_ONCE);
        unsigned end = seen->count - from > ADDED_AT_ONCE ? from + ADDED_AT_ONCE : seen->count;
        for (unsigned b = 0; b < model->blocks; b++) part.blocks[b] = (linear_sum){0};
        linear_add(model, seen->features + from, end - from, part.blocks);
        for (unsigned i = 0; i < l->lanes; i++) sums[i] += __builtin_convertvector(part.lanes[i], lanes_int);
        if (end == seen->count && (!seen->rest.n || end == LANGID_FEATURES_MOST)) return end;
        int32_t next, most = two_largest(sums, l->lanes, &next);
        if ((float)(most - next) * l->steepness[end] > DECIDED) return end;
    }
}

/* e^x of x <= 0, to 2 units in the last place; 0 where that is less than e^-87. */
static lanes_float exponential(lanes_float x)
{
    const float round = 12582912.0f; /* 1.5 × 2^23: what is added to it loses its fraction */
    lanes_int tiny = x < -87.0f;
    x = (lanes_float)choose(tiny, (lanes_int){0}, (lanes_int)x);
    lanes_float n = x * 1.44269504f + round;
    lanes_int power = ((lanes_int)n - 0x4B400000 + 127) << 23;
    n -= round;
    lanes_float r = x - n * 0.693359375f + n * 2.12194440e-4f;
    lanes_float y = ((((1.9875691500e-4f * r + 1.3981999507e-3f) * r + 8.3334519073e-3f) * r + 4.1665795894e-2f) * r + 1.6666665459e-1f) * r + 0.5f;
    y = y * r * r + r + 1.0f;
    return (lanes_float)((lanes_int)(y * (lanes_float)power) & ~tiny);
}

union likely { /* probabilities of columns; none is less than 0: as integers they have the same order */
    lanes_float lanes[LINEAR_COLUMNS_MOST / LANES];
    lanes_int integers[LINEAR_COLUMNS_MOST / LANES];
    int32_t integer[LINEAR_COLUMNS_MOST];
    float p[LINEAR_COLUMNS_MOST];
};

/* Probabilities of the columns from their sums; those of "other" gather in the first of them. */
static void soften(const struct langid *l, const lanes_int *sums, unsigned seen, union likely *likely)
{
    int32_t next, most = two_largest(sums, l->lanes, &next);
    float steep = l->steepness[seen], all = 0, other = 0;
    lanes_float total = {0}, others = {0};
    for (unsigned i = 0; i < l->lanes; i++) {
        lanes_float e = exponential(__builtin_convertvector(sums[i] - most, lanes_float) * steep);
        total += e;
        others += (lanes_float)((lanes_int)e & l->other[i]);
        likely->lanes[i] = (lanes_float)((lanes_int)e & ~l->other[i]);
    }
    for (unsigned k = 0; k < LANES; k++) all += total[k], other += others[k];
    for (unsigned i = 0; i < l->lanes; i++) likely->lanes[i] /= all;
    if (l->first_other < l->model->columns) likely->p[l->first_other] = other / all;
}

static unsigned column_of(const union likely *likely, int32_t integer, unsigned but) /* the first column with that number */
{
    unsigned c = 0;
    while (likely->integer[c] != integer || c == but) c++;
    return c;
}

void langid_identify(const struct langid *l, struct str text, struct langid_answer *answer)
{
    struct langid_seen seen;
    lanes_int sums[LINEAR_COLUMNS_MOST / LANES];
    union likely likely;
    langid_see_begin(text, l->model, &seen);
    langid_see_more(&seen, ADDED_AT_ONCE);
    *answer = (struct langid_answer){.label = STR("unsure"), .best = STR("unsure")};
    if (seen.letters < LANGID_LETTERS_LEAST) return;
    unsigned summed = sum_rows(l, &seen, sums);
    soften(l, sums, summed, &likely);
    int32_t next, most = two_largest(likely.integers, l->lanes, &next);
    unsigned best = column_of(&likely, most, UINT_MAX);
    answer->p = likely.p[best];
    answer->best = l->labels[best];
    if (l->model->columns > 1) {
        unsigned second = column_of(&likely, next, best);
        answer->second = l->labels[second];
        answer->p_second = likely.p[second];
    }
    if (answer->p >= l->least) answer->label = answer->best;
}
