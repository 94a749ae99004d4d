/* Which kernels serve. */
#include "crawl/html/kernels.h"

#include "pipeline/base/cpu.h"

const struct html_kernels *html_kernels(void)
{
#if defined(__x86_64__)
    unsigned features = cpu_features();
    if (features & CPU_AVX2) return &html_kernels_avx2;
    if (features & CPU_SSE2) return &html_kernels_sse2;
#endif
    return &html_kernels_portable;
}

const struct html_kernels *const *html_kernels_all(void)
{
#if defined(__x86_64__)
    static const struct html_kernels *const all[] = {&html_kernels_portable, &html_kernels_sse2, &html_kernels_avx2, NULL};
    static const struct html_kernels *const without_avx2[] = {&html_kernels_portable, &html_kernels_sse2, NULL};
    return cpu_features() & CPU_AVX2 ? all : without_avx2;
#else
    static const struct html_kernels *const all[] = {&html_kernels_portable, NULL};
    return all;
#endif
}
