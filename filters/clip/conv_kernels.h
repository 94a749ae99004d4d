/* The inner loops of convolutional towers, one text (conv_kernels_body.h) compiled for each class of processor. Private to
 * filters/clip. What multiplies whole rows is matmul.h; here is what goes on between.
 *
 * Pictures lie as rows of pixels, a pixel as its channels one behind the other: [height, width, channels]. Sums run over the
 * taps in the same order for every channel and place, so AVX2 and AVX-512 give equal bytes; the portable class rounds each
 * product by itself.
 */
#ifndef WINNOW_CLIP_CONV_KERNELS_H
#define WINNOW_CLIP_CONV_KERNELS_H

#include "filters/clip/matmul.h"

enum { CONV_KERNEL_MOST = 7 };

/* Rows of results of a depthwise convolution, ReLU6 behind it. Channels run outermost, 16 at a time: so every cache line that
 * comes from the second-level cache serves all rows of its window. */
struct depthwise {
    const float *const *rows; /* (out_rows - 1) stride + kernel rows [width, channels], top to bottom; those outside are zeros */
    const float *weights;  /* [kernel, kernel, channels] */
    const float *bias;     /* [channels] */
    size_t channels, width, out_width, out_rows;
    unsigned kernel, stride;
    unsigned before;       /* columns of zeros left of the first pixel */
    enum matmul_type type; /* of out: F32 or BF16 */
    void *out;             /* [out_rows, out_width, channels] */
};

struct conv_kernels {
    void (*depthwise)(const struct depthwise *d);
    void (*mean)(const float *x, size_t rows, size_t n, float *out); /* of [rows, n], over the rows in order */
    void (*largest)(const float *x, size_t rows, size_t n, float *out); /* of [rows, n], over the rows; at least one */
    void (*softmax)(float *x, size_t n, float scale);                /* of scale * x */
};

const struct conv_kernels *conv_kernels_of(enum matmul_class c);

extern const struct conv_kernels conv_kernels_portable;
#if defined(__x86_64__)
extern const struct conv_kernels conv_kernels_avx2;
extern const struct conv_kernels conv_kernels_avx512;
#endif

#endif
