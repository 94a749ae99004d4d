/* The text of conv_kernels.h. The file that includes this has defined, for its class:
 *
 *     what kernel_vectors.h wants
 *     CONV_KERNELS   name of the table
 */
#include "filters/clip/kernel_vectors.h"

#include <stdbool.h>
#include <stddef.h>

enum { LINE = 16 };   /* floats of a cache line */
enum { OUTPUTS = 5 }; /* results side by side: they share what they read, and their sums do not wait for one another; sides of 160
                         pixels' networks are multiples of it */
enum { COLUMNS_MOST = (OUTPUTS - 1) * CONV_KERNEL_MOST + CONV_KERNEL_MOST };

/* OUTPUTS results of LANES channels, whose windows begin at column `left`; `inside`: none reaches beyond the picture. What does is
 * zero, and adds nothing. */
INLINE void results(const unsigned kernel, const unsigned stride, const bool inside, const struct depthwise *d, const float *const *rows,
                    size_t c, ptrdiff_t left, vf sums[OUTPUTS])
{
    static const float zeros[LANES];
    const size_t channels = d->channels;
    const unsigned count = (OUTPUTS - 1) * stride + kernel;
    const vf bias = vf_load(d->bias + c);
    UNROLL for (unsigned o = 0; o < OUTPUTS; o++) sums[o] = bias;
    UNROLL for (unsigned y = 0; y < kernel; y++) {
        const float *from = rows[y] + c, *weights = d->weights + y * kernel * channels + c;
        vf columns[COLUMNS_MOST];
        UNROLL for (unsigned i = 0; i < count; i++) {
            ptrdiff_t at = left + (ptrdiff_t)i;
            bool is_there = inside || (at >= 0 && at < (ptrdiff_t)d->width);
            columns[i] = vf_load(is_there ? from + (size_t)at * channels : zeros);
        }
        UNROLL for (unsigned x = 0; x < kernel; x++) {
            vf weight = vf_load(weights + x * channels);
            UNROLL for (unsigned o = 0; o < OUTPUTS; o++) sums[o] = vf_fma(columns[o * stride + x], weight, sums[o]);
        }
    }
}

/* One row of results of LANES channels. */
INLINE void channel_row(const unsigned kernel, const unsigned stride, const struct depthwise *d, size_t row, size_t c)
{
    const float *const *rows = d->rows + row * stride;
    const size_t n = d->out_width, begin = row * n * d->channels + c; /* in out */
    for (size_t o = 0; o < n; o += OUTPUTS) {
        ptrdiff_t left = (ptrdiff_t)(o * stride) - (ptrdiff_t)d->before;
        bool inside = left >= 0 && left + (ptrdiff_t)((OUTPUTS - 1) * stride + kernel) <= (ptrdiff_t)d->width;
        vf sums[OUTPUTS];
        if (inside) results(kernel, stride, true, d, rows, c, left, sums);
        else results(kernel, stride, false, d, rows, c, left, sums);
        UNROLL for (unsigned i = 0; i < OUTPUTS; i++)
            if (o + i < n) store_as(d->type, d->out, begin + (o + i) * d->channels, vf_relu6(sums[i]));
    }
}

/* Channels that fill no vector; each by the steps of a vector's lane. */
static inline KERNEL void single_channel(const struct depthwise *d, size_t row, size_t c)
{
    const float *const *rows = d->rows + row * d->stride;
    for (size_t o = 0; o < d->out_width; o++) {
        vf sum = vf_all(d->bias[c]);
        for (unsigned y = 0; y < d->kernel; y++)
            for (unsigned x = 0; x < d->kernel; x++) {
                size_t at = o * d->stride + x;
                if (at < d->before || at - d->before >= d->width) continue;
                sum = vf_fma(vf_all(rows[y][(at - d->before) * d->channels + c]),
                             vf_all(d->weights[(y * d->kernel + x) * d->channels + c]), sum);
            }
        store_one_as(d->type, d->out, (row * d->out_width + o) * d->channels + c, vf_relu6(sum)[0]);
    }
}

INLINE void all_channels(const unsigned kernel, const unsigned stride, const struct depthwise *d)
{
    for (size_t c = 0, end; c < d->channels; c = end) {
        end = c + LINE < d->channels ? c + LINE : d->channels;
        for (size_t row = 0; row < d->out_rows; row++) {
            size_t at = c;
            for (; at + LANES <= end; at += LANES) channel_row(kernel, stride, d, row, at);
            for (; at < end; at++) single_channel(d, row, at);
        }
    }
}

/* The sizes that networks have are compiled apart: with the size as a variable all takes half as long again. */
KERNEL static void depthwise(const struct depthwise *d)
{
    if (d->kernel == 3 && d->stride == 1) all_channels(3, 1, d);
    else if (d->kernel == 3 && d->stride == 2) all_channels(3, 2, d);
    else if (d->kernel == 5 && d->stride == 1) all_channels(5, 1, d);
    else if (d->kernel == 5 && d->stride == 2) all_channels(5, 2, d);
    else all_channels(d->kernel, d->stride, d);
}

KERNEL static void mean(const float *x, size_t rows, size_t n, float *out)
{
    const float part = 1 / (float)rows;
    size_t c = 0;
    for (; c + LANES <= n; c += LANES) {
        vf sum = vf_all(0);
        for (size_t r = 0; r < rows; r++) sum += vf_load(x + r * n + c);
        vf_store(out + c, sum * part);
    }
    for (; c < n; c++) {
        float sum = 0;
        for (size_t r = 0; r < rows; r++) sum += x[r * n + c];
        out[c] = sum * part;
    }
}

KERNEL static void softmax(float *x, size_t n, float scale)
{
    float most = x[0] * scale, sum = 0;
    for (size_t i = 1; i < n; i++) most = larger(most, x[i] * scale);
    size_t i = 0;
    vf sums = vf_all(0);
    for (; i + LANES <= n; i += LANES) {
        vf e = vf_exp(vf_load(x + i) * scale - most);
        vf_store(x + i, e);
        sums += e;
    }
    sum = vf_sum(sums);
    for (; i < n; i++) sum += x[i] = vf_exp(vf_all(x[i] * scale - most))[0];
    for (i = 0; i < n; i++) x[i] /= sum;
}

const struct conv_kernels CONV_KERNELS = {.depthwise = depthwise, .mean = mean, .softmax = softmax};
