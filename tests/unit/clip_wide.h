/* AVX-512 as plain C: a test that includes this, and then the source of kernels for AVX-512, has them for any processor, vectors of 16
 * lanes that the compiler takes apart. So tiles, borders and rests of that width are tested where no processor could run the
 * instructions; the instructions themselves are run by tests/emulate. */
#ifndef WINNOW_TESTS_CLIP_WIDE_H
#define WINNOW_TESTS_CLIP_WIDE_H

#include <immintrin.h>
#include <math.h>
#include <stdint.h>

typedef float floats __attribute__((vector_size(64)));
typedef int16_t words __attribute__((vector_size(64)));
typedef int32_t whole32 __attribute__((vector_size(64)));

static __attribute__((noinline, unused)) floats modelled_fma(floats a, floats b, floats c)
{
    floats r;
    for (unsigned i = 0; i < 16; i++) r[i] = fmaf(a[i], b[i], c[i]);
    return r;
}

static inline floats modelled_max(floats a, floats b) /* b where they are not ordered, as by the instruction */
{
    whole32 more = a > b;
    return (floats)(((whole32)a & more) | ((whole32)b & ~more));
}

static inline floats modelled_min(floats a, floats b)
{
    whole32 less = a < b;
    return (floats)(((whole32)a & less) | ((whole32)b & ~less));
}

static __attribute__((noinline, unused)) whole32 modelled_pairs(words a, words b)
{
    whole32 r;
    for (unsigned i = 0; i < 16; i++) r[i] = a[2 * i] * b[2 * i] + a[2 * i + 1] * b[2 * i + 1];
    return r;
}

#define KERNEL_LANES_ARE_APART
#define target(features) unused
#define _mm512_fmadd_ps(a, b, c) modelled_fma(a, b, c)
#define _mm512_max_ps(a, b) modelled_max(a, b)
#define _mm512_min_ps(a, b) modelled_min(a, b)
#define _mm512_madd_epi16(a, b) modelled_pairs((words)(a), (words)(b))

#endif
