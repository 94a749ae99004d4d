/* The answer is found on the first call and kept in an atomic: two threads that ask at once both find the same. */
#include "pipeline/base/cpu.h"

#include <stdatomic.h>
#include <stdlib.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "pipeline/base/str.h"

enum { KNOWN = 1u << 31 }; /* says that the kept answer is one */

static unsigned detect(void)
{
    unsigned features = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
    features |= CPU_SSE2;
    unsigned a, b, c = 0, d; /* F16C has no name that clang 14 knows */
    bool f16c = __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
    bool beside = __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("pclmul") && f16c;
    if (__builtin_cpu_supports("avx2") && beside) features |= CPU_AVX2;
    bool core = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                __builtin_cpu_supports("avx512vl");
    if (core && features & CPU_AVX2) features |= CPU_AVX512;
    if (__builtin_cpu_supports("avx512vnni") && features & CPU_AVX512) features |= CPU_AVX512_VNNI;
#endif
    return features;
}

static unsigned without(struct str list)
{
    static const char *const names[] = {"sse2", "avx2", "avx512", "avx512_vnni"}; /* each builds on the one before it */
    unsigned features = 0;
    while (list.p) {
        struct str name = str_trim(str_cut(&list, ','));
        for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
            if (str_eq(name, str_from(names[i]))) features |= ~((1u << i) - 1);
    }
    return features & ~(unsigned)KNOWN;
}

unsigned cpu_features(void)
{
    static _Atomic unsigned kept;
    unsigned features = atomic_load_explicit(&kept, memory_order_relaxed);
    if (!features) {
        features = (detect() & ~without(str_from(getenv("WINNOW_CPU_WITHOUT")))) | (unsigned)KNOWN;
        atomic_store_explicit(&kept, features, memory_order_relaxed);
    }
    return features & ~(unsigned)KNOWN;
}
