/* What a model says of a picture by itself, without texts: probabilities of its own classes (drawing, photo, ...), the softmax of
 * an affine map of the pooled row. Private to filters/clip.
 *
 *     struct picture_classes *k = picture_classes_open("builtin/kind.safetensors", 6, 1280);
 *     picture_classes_apply(k, pooled, probabilities);
 */
#ifndef WINNOW_CLIP_PICTURE_CLASSES_H
#define WINNOW_CLIP_PICTURE_CLASSES_H

#include "pipeline/base/hash.h"

struct picture_classes;

/* Reads kind.weight [count, width] and kind.bias [count]. NULL with a sentence that names file and tensor. */
struct picture_classes *picture_classes_open(const char *path, uint32_t count, uint32_t width);
void picture_classes_close(struct picture_classes *k); /* NULL is allowed */
struct hash128 picture_classes_digest(const struct picture_classes *k);
void picture_classes_apply(const struct picture_classes *k, const float *pooled, double *probabilities); /* any thread */

#endif
