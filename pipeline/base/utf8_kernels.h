/* Private to utf8.c: validation in wide registers. Both answer as utf8_valid() does, for any length. */
#ifndef WINNOW_UTF8_KERNELS_H
#define WINNOW_UTF8_KERNELS_H

#include "pipeline/base/str.h"

bool utf8_valid_portable(struct str s);
#if defined(__x86_64__)
bool utf8_valid_avx2(struct str s); /* only where cpu_features() has CPU_AVX2 */
#endif

#endif
