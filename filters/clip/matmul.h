/* Linear layers, y[rows, n] = x[rows, k] · W[n, k]ᵀ + b[n] and what follows, on interchangeable backends.
 *
 *     const struct matmul *m = matmul_open(NULL);                       the fastest class that this processor serves
 *     struct linear *fc1 = linear_new(m, &(struct linear_spec){.n = 3072, .k = 768, .weights = w, .bias = b,
 *                                     .type = MATMUL_BF16, .out = MATMUL_BF16, .after = LINEAR_GELU});
 *     size_t rows = matmul_rows(m, 50);                                 x and y need room for so many
 *     linear_run(fc1, &room, rows, x, NULL, y, NULL);
 *     linear_free(fc1);
 *
 * A *class* says which instructions decide the last bits of a result: equal class, precision and input give equal bytes on any
 * machine. A row's result depends on no other row, provided that `rows` is a value of matmul_rows(). Nothing here starts a
 * thread; a linear layer is immutable and serves any number of them, each with a room of its own.
 */
#ifndef WINNOW_CLIP_MATMUL_H
#define WINNOW_CLIP_MATMUL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct block_kernels;

enum matmul_class {
    CLASS_CPU_PORTABLE,    /* plain C */
    CLASS_CPU_AVX2,        /* AVX2 and FMA, products of our own */
    CLASS_CPU_AVX512,      /* AVX-512 (core: F, BW, DQ, VL), oneDNN */
    CLASS_CPU_AVX512_BF16, /* the same with VDPBF16PS: half the time in bf16 */
    MATMUL_CLASSES
};
const char *matmul_class_name(enum matmul_class c); /* "cpu-avx2", as plans and manifests have it */

enum matmul_type {
    MATMUL_F32,
    MATMUL_BF16, /* the upper half of a float, rounded to nearest even; sums in single precision */
    MATMUL_S8,   /* -127 to 127 with a scale a row; exact sums in 32 bits */
};
static inline size_t matmul_type_size(enum matmul_type t) { return t == MATMUL_F32 ? 4 : t == MATMUL_BF16 ? 2 : 1; }

enum linear_after {
    LINEAR_PLAIN,     /* y = product + bias */
    LINEAR_ADD,       /* y += product + bias: the residual stream; out is F32 */
    LINEAR_QUICKGELU, /* v * sigmoid(1.702 v) of that */
    LINEAR_GELU,      /* v/2 * (1 + erf(v / sqrt 2)) */
    LINEAR_RELU6,     /* 0 to 6 of that */
};

struct linear_spec {
    size_t n, k;          /* numbers that come out of a row, and that go in */
    const float *weights; /* [n, k]; rounded to `type`, for S8 by a scale for each of the n */
    const float *bias;    /* [n]; NULL: none */
    enum matmul_type type; /* of x */
    enum matmul_type out; /* of y: F32, or the type of x */
    enum linear_after after;
};

struct matmul; /* a backend for one class; lives as long as the process */
struct linear; /* packed weights */

/* Memory that runs of one thread use again; zero it before, matmul_room_free after. */
struct matmul_room {
    void *p[2];  /* converted rows; what the backend asks for */
    size_t n[2]; /* bytes */
};
void matmul_room_free(struct matmul_room *room);

/* `class_name`: "cpu-avx2"…; NULL takes the best that this processor and the environment (ONEDNN_MAX_CPU_ISA,
 * WINNOW_CPU_WITHOUT) serve. One class a process: a second call must ask for the same or for NULL. NULL with a usage sentence
 * when there is no such class or the processor cannot serve it, or one that says how to install the module. */
const struct matmul *matmul_open(const char *class_name);
enum matmul_class matmul_class_of(const struct matmul *m);
/* Whether products of that type have instructions of their own in this class; else they are made of slower ones, with the
 * rounding that the type has. */
bool matmul_is_native(const struct matmul *m, enum matmul_type type);
const char *matmul_version(const struct matmul *m); /* "oneDNN 2.6.3"; "own products" */

/* The next number of rows at which no row's result depends on the others: what backends that give the rows of some sizes other
 * bits are padded to. Today's need none. */
size_t matmul_rows(const struct matmul *m, size_t rows);
const struct block_kernels *matmul_kernels(const struct matmul *m); /* what goes around the products, of the same class */

struct linear *linear_new(const struct matmul *m, const struct linear_spec *spec); /* copies all; NULL with a sentence */
void linear_free(struct linear *l); /* NULL is allowed */
size_t linear_bytes(const struct linear *l); /* of its packed weights */

/* x: [rows, k] of the layer's type; y: [rows, n] of its out type; they do not overlap. Rows of S8 come with scales, one a row;
 * else these are not looked at. -1 with a sentence. */
int linear_run(const struct linear *l, struct matmul_room *room, size_t rows, const void *x, const float *x_scales, void *y,
               float *y_scales);

#endif
