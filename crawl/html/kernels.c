/* Which kernels serve, and the sieve in front of them. */
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

void html_wanted_finish(struct html_wanted *wanted)
{
    static const char behind_name[] = "\t\n\f\r />";
    memset(wanted->letters, wanted->element[HTML_UNKNOWN], sizeof wanted->letters);
    for (size_t i = 1; i < HTML_COUNT; i++) {
        const char *name = html_element_texts[i];
        if (name[1]) {
            wanted->letters[html_two_letters(name)] |= wanted->element[i];
            continue;
        }
        for (size_t c = 0; behind_name[c]; c++)
            wanted->letters[html_two_letters((const char[]){name[0], behind_name[c]})] |= wanted->element[i];
    }
}
