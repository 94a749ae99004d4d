/* The kernels for any processor, and which class has which. */
#include "filters/clip/conv_kernels.h"

#define KERNEL
#define LANES 4
typedef float vf __attribute__((vector_size(16)));
typedef int32_t vi __attribute__((vector_size(16)));
#define CONV_KERNELS conv_kernels_portable

static inline vf vf_fma(vf a, vf b, vf c) { return a * b + c; }
static inline vf vf_max(vf a, vf b)
{
    vi more = a > b;
    return (vf)(((vi)a & more) | ((vi)b & ~more));
}
static inline vf vf_min(vf a, vf b)
{
    vi less = a < b;
    return (vf)(((vi)a & less) | ((vi)b & ~less));
}

#include "filters/clip/conv_kernels_body.h"

const struct conv_kernels *conv_kernels_of(enum matmul_class c)
{
#if defined(__x86_64__)
    if (c == CLASS_CPU_AVX2) return &conv_kernels_avx2;
    if (c != CLASS_CPU_PORTABLE) return &conv_kernels_avx512;
#endif
    (void)c;
    return &conv_kernels_portable;
}
