/* Vectors of floats for the texts of kernels (block_kernels_body.h, conv_kernels_body.h). The file that includes this has defined
 *
 *     KERNEL         attributes of every function
 *     LANES          floats in a vector
 *     vf             a vector of them; + - * / work on it
 *     vf_fma(a, b, c), vf_max(a, b), vf_min(a, b)
 *     vi             a vector of LANES 32-bit numbers
 *
 * and, where vectors are wider than the processor's, KERNEL_LANES_ARE_APART.
 */
#include <math.h>
#include <string.h>

#define INLINE KERNEL static inline __attribute__((always_inline))
#ifdef __has_feature
#define SANITIZED __has_feature(address_sanitizer)
#elif defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define SANITIZED 1
#else
#define SANITIZED 0
#endif
/* With a check at each access, or lanes that are taken apart, unrolled loops take minutes to compile. */
#if SANITIZED || defined KERNEL_LANES_ARE_APART
#define UNROLL
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

typedef float vf_memory __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int32_t vi_memory __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef uint32_t vu __attribute__((vector_size(4 * LANES)));
typedef uint16_t vh __attribute__((vector_size(2 * LANES)));
typedef uint16_t vh_memory __attribute__((vector_size(2 * LANES), aligned(2), may_alias));

INLINE vf vf_load(const float *p) { return (vf)*(const vf_memory *)(const void *)p; }
INLINE void vf_store(float *p, vf v) { *(vf_memory *)(void *)p = (vf_memory)v; }
INLINE vf vf_all(float x) { return x - (vf){0}; }

/* Halves upon halves, so that the order is the same everywhere in a class. */
typedef float v4 __attribute__((vector_size(16)));
typedef float v4_memory __attribute__((vector_size(16), aligned(4), may_alias));

INLINE float v4_sum(v4 v)
{
    v += __builtin_shufflevector(v, v, 2, 3, 0, 1);
    return v[0] + v[1];
}

INLINE float larger(float a, float b) { return a > b ? a : b; }
INLINE float v4_most(v4 v) { return larger(larger(v[0], v[1]), larger(v[2], v[3])); }

INLINE float vf_sum(vf v)
{
    v4 quarters[LANES / 4];
    memcpy(quarters, &v, sizeof v);
    for (unsigned n = LANES / 8; n; n /= 2)
        for (unsigned i = 0; i < n; i++) quarters[i] += quarters[i + n];
    return v4_sum(quarters[0]);
}

INLINE float vf_most(vf v)
{
    v4 quarters[LANES / 4];
    float most;
    memcpy(quarters, &v, sizeof v);
    most = v4_most(quarters[0]);
    for (unsigned i = 1; i < LANES / 4; i++) most = larger(most, v4_most(quarters[i]));
    return most;
}

/* e^x to 2 units in the last place: 2^n · e^r with |r| <= ln 2 / 2 (the polynomial is that of Cephes' expf). x below -87 counts
 * as -87, above 88 as 88. */
INLINE vf vf_exp(vf x)
{
    x = vf_max(x, vf_all(-87.0f));
    x = vf_min(x, vf_all(88.0f));
    const vf magic = vf_all(0x1.8p23f); /* adding it rounds to a whole number */
    vf n = vf_fma(x, vf_all(1.44269504f), magic) - magic;
    vf r = vf_fma(n, vf_all(-0.693359375f), x);
    r = vf_fma(n, vf_all(2.12194440e-4f), r);
    vf p = vf_all(1.9875691500e-4f);
    p = vf_fma(p, r, vf_all(1.3981999507e-3f));
    p = vf_fma(p, r, vf_all(8.3334519073e-3f));
    p = vf_fma(p, r, vf_all(4.1665795894e-2f));
    p = vf_fma(p, r, vf_all(1.6666665459e-1f));
    p = vf_fma(p, r, vf_all(5.0000001201e-1f));
    p = vf_fma(p, r * r, r + 1);
    vi exponent = (__builtin_convertvector(n, vi) + 127) << 23;
    return p * (vf)exponent;
}

INLINE vf vf_quickgelu(vf x) { return x / (1 + vf_exp(x * -1.702f)); }

/* erf by formula 7.1.26 of Abramowitz and Stegun: 1.5e-7 at most beside it. */
INLINE vf vf_gelu(vf x)
{
    vf z = x * 0.707106781f;
    vf magnitude = vf_max(z, 0 - z);
    vf t = 1 / vf_fma(magnitude, vf_all(0.3275911f), vf_all(1));
    vf p = vf_all(1.061405429f);
    p = vf_fma(p, t, vf_all(-1.453152027f));
    p = vf_fma(p, t, vf_all(1.421413741f));
    p = vf_fma(p, t, vf_all(-0.284496736f));
    p = vf_fma(p, t, vf_all(0.254829592f));
    vf rest = p * t * vf_exp(0 - magnitude * magnitude); /* 1 - erf |z| */
    vi negative = (vi)z & (vi)vf_all(-0.0f);
    vf erf_z = (vf)((vi)(1 - rest) | negative);
    return 0.5f * x * (1 + erf_z);
}

INLINE vf vf_relu6(vf x) { return vf_min(vf_max(x, vf_all(0)), vf_all(6)); }

INLINE vf vf_after(enum linear_after after, vf x)
{
    return after == LINEAR_QUICKGELU ? vf_quickgelu(x) : after == LINEAR_GELU ? vf_gelu(x) : after == LINEAR_RELU6 ? vf_relu6(x) : x;
}

/* ---- bf16 */

INLINE vh vh_of(vf x)
{
    vu bits = (vu)x;
    bits = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    return __builtin_convertvector(bits, vh);
}

INLINE uint16_t half_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

INLINE void store_as(enum matmul_type type, void *out, size_t at, vf v)
{
    if (type == MATMUL_F32) vf_store((float *)out + at, v);
    else *(vh_memory *)(void *)((uint16_t *)out + at) = (vh_memory)vh_of(v);
}

INLINE void store_one_as(enum matmul_type type, void *out, size_t at, float x)
{
    if (type == MATMUL_F32) ((float *)out)[at] = x;
    else ((uint16_t *)out)[at] = half_of(x);
}
