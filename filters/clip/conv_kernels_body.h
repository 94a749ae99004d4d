/* The text of conv_kernels.h. The file that includes this has defined, for its class:
 *
 *     what kernel_vectors.h wants
 *     CONV_KERNELS   name of the table
 */
#include "filters/clip/kernel_vectors.h"

enum { OUTPUTS = 4 }; /* results side by side: they share what they read, and their sums do not wait for one another */

/* `outputs` results from pixel `at` of the rows on, of LANES channels from `c` on; all taps lie inside. */
INLINE void inner_results(const unsigned kernel, const unsigned stride, const unsigned outputs, const struct depthwise *d, size_t c,
                          size_t at, vf bias, vf *sums)
{
    const size_t channels = d->channels;
    UNROLL for (unsigned o = 0; o < outputs; o++) sums[o] = bias;
    UNROLL for (unsigned y = 0; y < kernel; y++) {
        const float *from = d->rows[y] + at * channels + c, *weights = d->weights + y * kernel * channels + c;
        UNROLL for (unsigned x = 0; x < kernel; x++) {
            vf weight = vf_load(weights + x * channels);
            UNROLL for (unsigned o = 0; o < outputs; o++)
                sums[o] = vf_fma(vf_load(from + (o * stride + x) * channels), weight, sums[o]);
        }
    }
}

/* One result at a border: columns outside count as zero. */
INLINE vf border_result(const unsigned kernel, const struct depthwise *d, size_t c, size_t first, size_t end, size_t at, vf bias)
{
    const size_t channels = d->channels;
    vf sum = bias;
    for (unsigned y = 0; y < kernel; y++) {
        const float *from = d->rows[y] + at * channels + c, *weights = d->weights + y * kernel * channels + c;
        for (size_t x = first; x < end; x++) sum = vf_fma(vf_load(from + (x - first) * channels), vf_load(weights + x * channels), sum);
    }
    return sum;
}

/* All results of LANES channels. */
INLINE void channel_group(const unsigned kernel, const unsigned stride, const struct depthwise *d, size_t c)
{
    const vf bias = vf_load(d->bias + c);
    const size_t width = d->width, before = d->before, n = d->out_width;
    size_t o = 0;
    while (o < n) {
        size_t left = o * stride; /* of the window, in padded columns */
        if (left < before || left - before + kernel > width) {
            size_t first = left < before ? before - left : 0, at = left + first - before;
            size_t end = at - first + kernel > width ? width - at + first : kernel;
            store_as(d->type, d->out, o * d->channels + c, vf_relu6(border_result(kernel, d, c, first, end, at, bias)));
            o++;
            continue;
        }
        vf sums[OUTPUTS];
        if (o + OUTPUTS <= n && left - before + (OUTPUTS - 1) * stride + kernel <= width) {
            inner_results(kernel, stride, OUTPUTS, d, c, left - before, bias, sums);
            UNROLL for (unsigned i = 0; i < OUTPUTS; i++) store_as(d->type, d->out, (o + i) * d->channels + c, vf_relu6(sums[i]));
            o += OUTPUTS;
        } else {
            inner_results(kernel, stride, 1, d, c, left - before, bias, sums);
            store_as(d->type, d->out, o * d->channels + c, vf_relu6(sums[0]));
            o++;
        }
    }
}

/* Channels that fill no vector; each by the steps of a vector's lane. */
static inline KERNEL void single_channel(const struct depthwise *d, size_t c)
{
    for (size_t o = 0; o < d->out_width; o++) {
        vf sum = vf_all(d->bias[c]);
        for (unsigned y = 0; y < d->kernel; y++)
            for (unsigned x = 0; x < d->kernel; x++) {
                size_t at = o * d->stride + x;
                if (at < d->before || at - d->before >= d->width) continue;
                sum = vf_fma(vf_all(d->rows[y][(at - d->before) * d->channels + c]),
                             vf_all(d->weights[(y * d->kernel + x) * d->channels + c]), sum);
            }
        store_one_as(d->type, d->out, o * d->channels + c, vf_relu6(sum)[0]);
    }
}

INLINE void all_channels(const unsigned kernel, const unsigned stride, const struct depthwise *d)
{
    size_t c = 0;
    for (; c + LANES <= d->channels; c += LANES) channel_group(kernel, stride, d, c);
    for (; c < d->channels; c++) single_channel(d, c);
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
