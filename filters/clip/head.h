/* Heads: small networks on a picture's embedding. A probability, a score, or the nearest of some prototypes.
 *
 *     struct head *head = head_open("nsfw_vit_l_14.safetensors", &(struct head_options){.categories = HEAD_LOOKUP, .half = true});
 *     if (!head || head_width(head) != clip_embed(clip)) ...
 *     double out[head_outputs(head)];
 *     head_apply(head, embedding, out);
 *
 * What a file holds says what it is:
 * - `weight` [n, d] and `bias` [n]: one affine map (LAION's aesthetic predictor 1);
 * - `layers.N.weight`, `layers.N.bias`: affine maps one behind the other, counted as in the Sequential that they were trained
 *   in: N rises by 1 where nothing stood between, by 3 where ReLU and dropout did, by 2 where one of them did, which
 *   `activation` must then say, but for the improved aesthetic predictor, known by its widths 1024-128-64-16-1: dropout;
 *   `N.weight`, `N.bias`, a Sequential saved by itself, is the same;
 * - `normalization.mean`, `normalization.variance` [d], `dense_N.weight`, `dense_N.bias`: AutoKeras' NSFW detectors, with ReLU
 *   between and a logistic output; `STEM.categories.json.gz` beside it has the tables of their category columns;
 * - `norm.running_mean`, `norm.running_var`, `norm.weight`, `norm.bias` [d], `dense.weight`, `dense1.weight`, … and biases:
 *   DataComp's NSFW head, batch normalisation with an epsilon of 0, ReLU between, a logistic output;
 * - one matrix [n, d] and nothing else, of any name or none (.npy): prototypes; the outputs are dot products. Of one row, or a
 *   vector [d]: an affine map whose bias is 0.
 * A tensor that none of these has is an error.
 *
 * Weights are single, arithmetic is double. Immutable once open. (spec: filter-rules.md section 6.)
 */
#ifndef WINNOW_CLIP_HEAD_H
#define WINNOW_CLIP_HEAD_H

#include "pipeline/base/hash.h"

struct head;

/* AutoKeras took columns with few distinct values for categories: their numbers, printed with six decimals, are looked up in a
 * table that only numbers hit that were rounded to half precision, as LAION's were. */
enum head_categories {
    HEAD_LOOKUP, /* as trained */
    HEAD_OOV,    /* every number misses the tables */
    HEAD_RAW,    /* the numbers themselves, as conversions to other libraries have it */
};
enum head_activation { HEAD_ACTIVATION_OF_FILE, HEAD_NO_ACTIVATION, HEAD_RELU };

struct head_options {
    enum head_categories categories;
    enum head_activation activation;
    bool half;     /* the embedding is rounded to half precision first */
    bool logistic; /* 1 / (1 + e^-x) at the end, where the file does not say so itself */
    bool logit;    /* not even where it does */
};

/* NULL with a sentence that names file, then tensor. */
struct head *head_open(const char *path, const struct head_options *options);
void head_close(struct head *head); /* NULL is allowed */

size_t head_width(const struct head *head);   /* numbers of an embedding */
size_t head_outputs(const struct head *head);
bool head_is_prototypes(const struct head *head); /* its outputs are similarities: the largest one is the answer */
const char *head_kind(const struct head *head); /* "affine", "layers", "autokeras", "batchnorm", "prototypes" */
bool head_lacks_bias(const struct head *h); /* one row of weights by itself: on purpose, or for want of a part */
/* The model whose embeddings it was trained on, as far as the file's name says: "b32", "b16", "l14"; NULL when it does not. */
const char *head_model(const struct head *head);
struct hash128 head_digest(const struct head *head); /* of numbers, tables and options */

void head_apply(const struct head *head, const float *embedding, double *out); /* any thread */

#endif
