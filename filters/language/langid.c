/* Sums of int8 rows, in int16 as long as they fit, then a softmax whose steepness depends on how much was seen. */
#include "filters/language/langid.h"

#include "filters/language/langid_features.h"
#include "filters/language/linear.h"
#include "pipeline/base/fail.h"

#include <math.h>
#include <stdlib.h>

enum { ADDED_AT_ONCE = 72 /* 72 × 127 fits int16; a caption of some three words is enough for most languages */ };
#define DECIDED 9 /* the likeliest column is e^9 times as likely as the next */

static const struct str OTHER = {"other", 5};

struct langid {
    struct linear *model;
    struct str labels[LINEAR_COLUMNS_MOST];
    bool other[LINEAR_COLUMNS_MOST]; /* columns that stand for "other" together */
    float scale;       /* of a sum over the square root of the number of features */
    float bend;        /* and of that number to this power: calibration */
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
    for (; labels.n && count < LINEAR_COLUMNS_MOST; count++) {
        l->labels[count] = str_cut(&labels, ' ');
        l->other[count] = str_starts(l->labels[count], OTHER);
        if (l->other[count]) l->labels[count] = OTHER; /* "other:af": several columns, one answer */
    }
    if (!str_eq(linear_note(l->model, STR("model")), STR("language")) || count != l->model->columns || labels.n)
        return fail("a linear model, but none of languages");
    l->scale = number(l->model, STR("scale"), 1) * number(l->model, STR("steepness"), 1);
    l->bend = number(l->model, STR("bend"), 0);
    l->least = number(l->model, STR("least"), 0.5f);
    return 0;
}

static struct langid *langid_new(struct linear *model)
{
    if (!model) return NULL;
    struct langid *l = calloc(1, sizeof *l);
    if (!l) {
        linear_close(model);
        return fail_memory(), NULL;
    }
    l->model = model;
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

/* Whether what was summed of `seen` features leaves no doubt: the rest of the text need not be looked at. */
static bool is_decided(const struct langid *l, const int32_t *sums, unsigned seen)
{
    int32_t most = INT32_MIN, next = INT32_MIN;
    for (unsigned c = 0; c < l->model->columns; c++) {
        if (sums[c] > most) next = most, most = sums[c];
        else if (sums[c] > next) next = sums[c];
    }
    return (float)(most - next) * l->scale * powf((float)seen, l->bend - 0.5f) > DECIDED;
}

/* Adds up rows until the answer is plain; how many. */
static unsigned sum_rows(const struct langid *l, const struct langid_seen *seen, int32_t *sums)
{
    const struct linear *model = l->model;
    for (unsigned from = 0; from < seen->count; from += ADDED_AT_ONCE) {
        linear_sum part[LINEAR_BLOCKS_MOST] = {{0}};
        unsigned end = seen->count - from > ADDED_AT_ONCE ? from + ADDED_AT_ONCE : seen->count;
        linear_add(model, seen->features + from, end - from, part);
        for (unsigned c = 0; c < model->columns; c++) sums[c] += part[c / LINEAR_WIDTH][c % LINEAR_WIDTH];
        if (end < seen->count && is_decided(l, sums, end)) return end;
    }
    return seen->count;
}

/* Probabilities of the columns from their sums; those of "other" gather in the first of them. */
static void soften(const struct langid *l, const int32_t *sums, unsigned seen, float *p)
{
    unsigned columns = l->model->columns, first_other = columns;
    int32_t most = sums[0];
    float steep = l->scale * powf((float)seen, l->bend - 0.5f), total = 0;
    for (unsigned c = 1; c < columns; c++)
        if (sums[c] > most) most = sums[c];
    for (unsigned c = 0; c < columns; c++) total += p[c] = expf((float)(sums[c] - most) * steep);
    for (unsigned c = 0; c < columns; c++) {
        p[c] /= total;
        if (!l->other[c]) continue;
        if (first_other == columns) {
            first_other = c;
        } else {
            p[first_other] += p[c];
            p[c] = 0;
        }
    }
}

void langid_identify(const struct langid *l, struct str text, struct langid_answer *answer)
{
    struct langid_seen seen;
    int32_t sums[LINEAR_COLUMNS_MOST] = {0};
    float p[LINEAR_COLUMNS_MOST];
    langid_see(text, &seen);
    *answer = (struct langid_answer){.label = STR("unsure"), .best = STR("unsure")};
    if (seen.letters < LANGID_LETTERS_LEAST) return;
    unsigned summed = sum_rows(l, &seen, sums);
    soften(l, sums, summed, p);
    unsigned best = 0, second = LINEAR_COLUMNS_MOST;
    for (unsigned c = 1; c < l->model->columns; c++) {
        if (p[c] > p[best]) second = best, best = c;
        else if (second == LINEAR_COLUMNS_MOST || p[c] > p[second]) second = c;
    }
    answer->p = p[best];
    answer->best = l->labels[best];
    if (second < LINEAR_COLUMNS_MOST) answer->second = l->labels[second], answer->p_second = p[second];
    if (answer->p >= l->least) answer->label = answer->best;
}
