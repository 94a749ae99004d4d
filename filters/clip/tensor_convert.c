/* Numbers of every stored type to float and double.
 *
 * Elements are taken in lines: the whole tensor where it is row-major, else one line along the last axis; and a line in pieces
 * that stay in the first cache, since a number that is not finite is looked for in the piece just made. Each type has one loop
 * over a piece; that of halves has a form for processors that convert them. Blocks of a fixed size are what compilers turn
 * into vector code. */
#include "filters/clip/tensor.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>

#include "pipeline/base/cpu.h"
#include "pipeline/base/fail.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

static float float_of_bits(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, 4);
    return f;
}

static float half_to_float(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16, exponent = h >> 10 & 31u, fraction = h & 0x3FFu;
    if (exponent == 31) return float_of_bits(sign | 0x7F800000u | fraction << 13);
    if (exponent) return float_of_bits(sign | (exponent + 112) << 23 | fraction << 13);
    float value = (float)fraction * 0x1p-24f; /* subnormal, exact */
    return sign ? -value : value;
}

#if defined(__x86_64__)
__attribute__((target("avx2,f16c"))) static size_t halves_f16c(const char *from, size_t n, float *out)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)(from + 2 * i))));
    return i;
}
#endif

static void halves(const char *from, size_t n, uint64_t step, float *out)
{
    size_t i = 0;
#if defined(__x86_64__)
    if (step == 1 && cpu_features() & CPU_AVX2) i = halves_f16c(from, n, out);
#endif
    for (; i < n; i++) {
        uint16_t bits;
        memcpy(&bits, from + 2 * step * i, 2);
        out[i] = half_to_float(bits);
    }
}

enum { BLOCK = 256 }; /* numbers handled between two branches */

static void bfloats(const char *from, size_t n, uint64_t step, float *out)
{
    size_t i = 0;
    for (; step == 1 && i + BLOCK <= n; i += BLOCK)
        for (size_t j = i; j < i + BLOCK; j++) {
            uint16_t bits;
            memcpy(&bits, from + 2 * j, 2);
            out[j] = float_of_bits((uint32_t)bits << 16);
        }
    for (; i < n; i++) {
        uint16_t bits;
        memcpy(&bits, from + 2 * step * i, 2);
        out[i] = float_of_bits((uint32_t)bits << 16);
    }
}

static void floats(const char *from, size_t n, uint64_t step, float *out)
{
    if (step == 1) {
        memcpy(out, from, 4 * n);
        return;
    }
    for (size_t i = 0; i < n; i++) memcpy(out + i, from + 4 * step * i, 4);
}

static double element(enum tensor_type type, const char *from)
{
    union {
        double d;
        int64_t i64;
        int32_t i32;
        int16_t i16;
    } u;
    switch (type) {
    case TENSOR_F64: return memcpy(&u, from, 8), u.d;
    case TENSOR_I64: return memcpy(&u, from, 8), (double)u.i64;
    case TENSOR_I32: return memcpy(&u, from, 4), (double)u.i32;
    case TENSOR_I16: return memcpy(&u, from, 2), (double)u.i16;
    case TENSOR_I8: return (double)(signed char)*from;
    default: return (double)(unsigned char)*from;
    }
}

static void run_to_f32(enum tensor_type type, const char *from, size_t n, uint64_t step, float *out)
{
    if (type == TENSOR_F32) floats(from, n, step, out);
    else if (type == TENSOR_F16) halves(from, n, step, out);
    else if (type == TENSOR_BF16) bfloats(from, n, step, out);
    else
        for (size_t i = 0; i < n; i++) {
            double value = element(type, from + tensor_type_size(type) * step * i);
            out[i] = fabs(value) <= FLT_MAX ? (float)value : NAN;
        }
}

/* Where a tensor's lines along the last axis begin, one after the other. */
struct lines {
    const struct tensor *t;
    uint64_t at[TENSOR_RANK_MOST];
    uint64_t length, step; /* of a line, in elements */
    unsigned outer;        /* axes that are counted through */
};

static struct lines lines_of(const struct tensor *t)
{
    if (t->rank == 0 || tensor_row_major(t)) return (struct lines){t, {0}, t->count, 1, 0};
    return (struct lines){t, {0}, t->shape[t->rank - 1], t->stride[t->rank - 1], t->rank - 1};
}

static const char *line_start(const struct lines *l)
{
    uint64_t offset = 0;
    for (unsigned i = 0; i < l->outer; i++) offset += l->at[i] * l->t->stride[i];
    return l->t->data.p + offset * tensor_type_size(l->t->type);
}

static void line_next(struct lines *l)
{
    for (unsigned i = l->outer; i-- > 0;) {
        if (++l->at[i] < l->t->shape[i]) return;
        l->at[i] = 0;
    }
}

static size_t first_not_finite(const float *x, size_t n) /* n when all are finite */
{
    size_t i = 0;
    for (; i + BLOCK <= n; i += BLOCK) {
        uint32_t bad = 0;
        for (size_t j = 0; j < BLOCK; j++) {
            uint32_t bits;
            memcpy(&bits, x + i + j, 4);
            bad |= (bits & 0x7F800000u) == 0x7F800000u;
        }
        if (bad) break;
    }
    while (i < n && isfinite(x[i])) i++;
    return i;
}

static int fail_not_finite(const struct tensor *t, size_t at)
{
    return fail("%s: tensor %.*s: element %zu is not a finite number", t->file, STR_ARG(t->name), at);
}

enum { PIECE = 2048 }; /* numbers: 8 KiB of floats */

int tensor_to_f32(const struct tensor *t, float *out)
{
    if (!t->count) return 0;
    struct lines l = lines_of(t);
    for (uint64_t done = 0; done < t->count; done += l.length, line_next(&l)) {
        const char *from = line_start(&l);
        for (uint64_t i = 0; i < l.length; i += PIECE) {
            size_t n = l.length - i < PIECE ? (size_t)(l.length - i) : PIECE;
            run_to_f32(t->type, from + tensor_type_size(t->type) * l.step * i, n, l.step, out + done + i);
            size_t bad = first_not_finite(out + done + i, n);
            if (bad < n) return fail_not_finite(t, done + i + bad);
        }
    }
    return 0;
}

void tensor_pack(const struct tensor *t, char *out)
{
    size_t size = tensor_type_size(t->type);
    struct lines l = lines_of(t);
    for (uint64_t done = 0; done < t->count; done += l.length, line_next(&l)) {
        const char *from = line_start(&l);
        if (l.step == 1) memcpy(out + done * size, from, l.length * size);
        for (uint64_t i = 0; l.step != 1 && i < l.length; i++) memcpy(out + (done + i) * size, from + i * l.step * size, size);
    }
}

int tensor_to_f64(const struct tensor *t, double *out)
{
    bool narrow = t->type == TENSOR_F32 || t->type == TENSOR_F16 || t->type == TENSOR_BF16;
    size_t size = tensor_type_size(t->type);
    struct lines l = lines_of(t);
    for (uint64_t done = 0; done < t->count; done += l.length, line_next(&l)) {
        const char *from = line_start(&l);
        for (uint64_t i = 0; i < l.length; i++)
            if (!narrow) out[done + i] = element(t->type, from + size * l.step * i);
        for (uint64_t i = 0; narrow && i < l.length; i += PIECE) {
            float piece[PIECE];
            size_t n = l.length - i < PIECE ? (size_t)(l.length - i) : PIECE;
            run_to_f32(t->type, from + size * l.step * i, n, l.step, piece);
            for (size_t j = 0; j < n; j++) out[done + i + j] = (double)piece[j];
        }
    }
    for (size_t i = 0; i < t->count; i++)
        if (!isfinite(out[i])) return fail_not_finite(t, i);
    return 0;
}
