#include "filters/clip/picture_classes.h"

#include "filters/clip/weights.h"
#include "pipeline/base/fail.h"

#include <math.h>
#include <stdlib.h>

struct picture_classes {
    uint32_t count, width;
    float *weights, *bias; /* [count, width], [count] */
    struct hash128 digest;
};

static float *read_tensor(const struct weights *w, const char *name, unsigned rank, uint64_t rows, uint64_t columns)
{
    const struct tensor *t = weights_find(w, str_from(name));
    if (!t || !tensor_shape_is(t, rank, rows, columns))
        return fail("%s: tensor %s: missing or not of %llu classes", weights_name(w), name, (unsigned long long)rows), NULL;
    float *numbers = malloc((t->count + 1) * sizeof *numbers);
    if (!numbers) return fail_memory(), NULL;
    if (tensor_to_f32(t, numbers) == 0) return numbers;
    free(numbers);
    return NULL;
}

struct picture_classes *picture_classes_open(const char *path, uint32_t count, uint32_t width)
{
    struct picture_classes *k = calloc(1, sizeof *k);
    if (!k) return fail_memory(), NULL;
    struct weights *w = weights_open(path);
    int result = w ? weights_digest(w, &k->digest) : -1;
    k->count = count;
    k->width = width;
    if (result == 0 && !(k->weights = read_tensor(w, "kind.weight", 2, count, width))) result = -1;
    if (result == 0 && !(k->bias = read_tensor(w, "kind.bias", 1, count, 0))) result = -1;
    weights_close(w);
    if (result == 0) return k;
    picture_classes_close(k);
    return NULL;
}

void picture_classes_close(struct picture_classes *k)
{
    if (!k) return;
    free(k->weights);
    free(k->bias);
    free(k);
}

struct hash128 picture_classes_digest(const struct picture_classes *k) { return k->digest; }

void picture_classes_apply(const struct picture_classes *k, const float *pooled, double *probabilities)
{
    double most = -INFINITY, sum = 0;
    for (uint32_t c = 0; c < k->count; c++) {
        double logit = k->bias[c];
        for (uint32_t i = 0; i < k->width; i++) logit += (double)pooled[i] * k->weights[c * k->width + i];
        probabilities[c] = logit;
        most = fmax(most, logit);
    }
    for (uint32_t c = 0; c < k->count; c++) sum += probabilities[c] = exp(probabilities[c] - most);
    for (uint32_t c = 0; c < k->count; c++) probabilities[c] /= sum;
}
