/* What the processor can do, for code that chooses a kernel at start.
 *
 * The answer is one for the life of the process. The environment variable WINNOW_CPU_WITHOUT names features to do without
 * ("sse2", "avx2", "avx512", "avx512_vnni"; what builds on one goes with it), so that tests walk the slower paths on the
 * machine at hand; it never adds one.
 *
 *     kernels = cpu_features() & CPU_AVX2 ? &kernels_avx2 : &kernels_portable;
 */
#ifndef WINNOW_CPU_H
#define WINNOW_CPU_H

enum cpu_feature {
    CPU_SSE2 = 1 << 0,
    CPU_AVX2 = 1 << 1, /* with BMI1, BMI2, PCLMUL and F16C, as every processor that has it */
    CPU_AVX512 = 1 << 2, /* F, BW, DQ and VL, and AVX2 */
    CPU_AVX512_VNNI = 1 << 3, /* these and VNNI */
};

unsigned cpu_features(void); /* enum cpu_feature bits; any thread */

#endif
