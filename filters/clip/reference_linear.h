/* The affine map of the reference paths: plain loops, all arithmetic double. Private to tower_reference.c and small_reference.c. */
#ifndef WINNOW_CLIP_REFERENCE_LINEAR_H
#define WINNOW_CLIP_REFERENCE_LINEAR_H

#include <stddef.h>

/* y[T, O] = x[T, I] · w[O, I]ᵀ + b[O]; b may be NULL. */
static inline void reference_linear(const double *x, const float *w, const float *b, size_t T, size_t I, size_t O, double *y)
{
    for (size_t t = 0; t < T; t++)
        for (size_t o = 0; o < O; o++) {
            double sum = b ? b[o] : 0;
            for (size_t i = 0; i < I; i++) sum += x[t * I + i] * w[o * I + i];
            y[t * O + o] = sum;
        }
}

#endif
