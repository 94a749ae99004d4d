/* Which backend serves which class, and what no backend does itself: the rounding of bf16 where there are no instructions for
 * it, and the scales of int8. */
#include "filters/clip/matmul.h"

#include "filters/clip/block_kernels.h"
#include "filters/clip/matmul_ops.h"
#include "pipeline/base/cpu.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/module.h"
#include "pipeline/base/str.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

struct matmul {
    enum matmul_class class;
    const struct matmul_ops *ops;
    const struct block_kernels *kernels;
};

struct linear {
    const struct matmul *m;
    const struct matmul_ops *ops; /* not always those of m */
    size_t n, k;
    enum matmul_type type, out;
    enum linear_after after;
    struct packed *packed;
    float *bias, *column_scales; /* [n], of S8 */
};

static const char *const names[MATMUL_CLASSES] = {"cpu-portable", "cpu-avx2", "cpu-avx512", "cpu-avx512_bf16"};

const char *matmul_class_name(enum matmul_class c) { return names[c]; }

/* ---- classes */

static enum matmul_class processor_class(void)
{
#if defined(__x86_64__)
    unsigned features = cpu_features();
    if (!(features & CPU_AVX2) || !__builtin_cpu_supports("fma")) return CLASS_CPU_PORTABLE;
    if (!(features & CPU_AVX512)) return CLASS_CPU_AVX2;
    bool bf16 = __builtin_cpu_supports("avx512bf16") && features & CPU_AVX512_VNNI;
    return bf16 ? CLASS_CPU_AVX512_BF16 : CLASS_CPU_AVX512;
#else
    return CLASS_CPU_PORTABLE;
#endif
}

/* What oneDNN's own variable allows; it walks the classes on one machine. */
static enum matmul_class environment_class(void)
{
    static const struct {
        const char *name;
        enum matmul_class class;
    } limits[] = {{"SSE41", CLASS_CPU_PORTABLE},    {"AVX", CLASS_CPU_PORTABLE},       {"AVX2", CLASS_CPU_AVX2},
                  {"AVX2_VNNI", CLASS_CPU_AVX2},    {"AVX512_CORE", CLASS_CPU_AVX512}, {"AVX512_CORE_VNNI", CLASS_CPU_AVX512}};
    const char *limit = getenv("ONEDNN_MAX_CPU_ISA");
    if (!limit) limit = getenv("DNNL_MAX_CPU_ISA");
    for (size_t i = 0; limit && i < sizeof limits / sizeof *limits; i++)
        if (str_eq_nocase(str_from(limit), str_from(limits[i].name))) return limits[i].class;
    return CLASS_CPU_AVX512_BF16;
}

static int find_class(const char *name, enum matmul_class *class)
{
    enum matmul_class best = processor_class(), allowed = environment_class();
    if (allowed < best) best = allowed;
    *class = best;
    if (!name) return 0;
    int i = 0;
    while (i < MATMUL_CLASSES && strcmp(names[i], name) != 0) i++;
    if (i == MATMUL_CLASSES)
        return fail_usage("no processor class '%s': cpu-portable, cpu-avx2, cpu-avx512 or cpu-avx512_bf16", name);
    *class = (enum matmul_class)i;
    return *class <= best ? 0 : fail_usage("this processor cannot serve the class %s: its best is %s", name, names[best]);
}

/* oneDNN takes its limit once, so a process has one class. Under AVX2 our own products are as fast (80 GFLOP/s of one thread
 * against 41 to 80 of oneDNN 2.6.3, which is slow where a row of weights fills whole pages), and their rows are alike, which
 * oneDNN's there are not: it takes another kernel from some numbers of rows on. */
static int open_class(const char *name, struct matmul *m)
{
    enum matmul_class class;
    if (find_class(name, &class) < 0) return -1;
    const struct matmul_ops *ops = class <= CLASS_CPU_AVX2 ? &matmul_own_ops : module_open("onednn");
    if (!ops) {
        fail_prefix("products of class %s (cpu-avx2 needs no module): ", names[class]);
        return -1;
    }
    if (ops->limit && ops->limit(class) < 0) return -1;
    *m = (struct matmul){class, ops, block_kernels_of(class)};
    return 0;
}

const struct matmul *matmul_open(const char *class_name)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct matmul opened;
    pthread_mutex_lock(&lock);
    int result = opened.ops ? 0 : open_class(class_name, &opened);
    if (result == 0 && class_name && strcmp(class_name, names[opened.class]) != 0)
        result = fail_usage("processor class %s after %s: a process has one", class_name, names[opened.class]);
    pthread_mutex_unlock(&lock);
    return result < 0 ? NULL : &opened;
}

enum matmul_class matmul_class_of(const struct matmul *m) { return m->class; }
const struct block_kernels *matmul_kernels(const struct matmul *m) { return m->kernels; }
const char *matmul_version(const struct matmul *m) { return m->ops->version(); }
size_t matmul_rows(const struct matmul *m, size_t rows) { return m->ops->rows(m->class, rows); }

bool matmul_is_native(const struct matmul *m, enum matmul_type type)
{
    return type != MATMUL_BF16 || m->class == CLASS_CPU_AVX512_BF16;
}

/* ---- memory */

/* Weights fill large pages where they can: a hundredth of the page faults while they are written, fewer misses while they are
 * read. */
void *matmul_memory(size_t n)
{
    enum { LARGE_PAGE = 2 << 20 };
    size_t alignment = n < LARGE_PAGE ? MATMUL_ALIGNMENT : LARGE_PAGE;
    void *p;
    if (posix_memalign(&p, alignment, (n + MATMUL_ALIGNMENT - 1) / MATMUL_ALIGNMENT * MATMUL_ALIGNMENT + MATMUL_ALIGNMENT) != 0)
        return fail_memory(), NULL;
    if (n >= LARGE_PAGE) madvise(p, n / LARGE_PAGE * LARGE_PAGE, MADV_HUGEPAGE); /* a wish */
    return p;
}

void *matmul_room_bytes(struct matmul_room *room, unsigned which, size_t n)
{
    if (n <= room->n[which] && room->p[which]) return room->p[which];
    void *p = matmul_memory(n);
    if (!p) return NULL;
    free(room->p[which]);
    room->p[which] = p;
    room->n[which] = n;
    return p;
}

void matmul_room_free(struct matmul_room *room)
{
    free(room->p[0]);
    free(room->p[1]);
    *room = (struct matmul_room){{NULL, NULL}, {0, 0}};
}

/* ---- layers */

static int pack_rounded(struct linear *l, const struct linear_spec *spec) /* weights rounded to bf16, for products of floats */
{
    size_t count = l->n * l->k;
    uint16_t *halves = malloc(count * sizeof *halves);
    float *floats = malloc(count * sizeof *floats);
    int result = halves && floats ? 0 : fail_memory();
    if (result == 0) {
        l->m->kernels->to_bf16(spec->weights, count, halves);
        l->m->kernels->from_bf16(halves, count, floats);
        struct linear_spec wide = *spec;
        wide.type = wide.out = MATMUL_F32;
        wide.weights = floats;
        l->packed = l->ops->pack(l->m->class, &wide, NULL);
        result = l->packed ? 0 : -1;
    }
    free(halves);
    free(floats);
    return result;
}

static int pack_s8(struct linear *l, const struct linear_spec *spec)
{
    int8_t *whole = malloc(l->n * l->k);
    l->column_scales = malloc(l->n * sizeof *l->column_scales);
    l->bias = spec->bias ? malloc(l->n * sizeof *l->bias) : NULL;
    int result = whole && l->column_scales && (l->bias || !spec->bias) ? 0 : fail_memory();
    if (result == 0) {
        if (spec->bias) memcpy(l->bias, spec->bias, l->n * sizeof *l->bias);
        l->m->kernels->quantise(spec->weights, l->n, l->k, whole, l->column_scales);
        l->packed = l->ops->pack(l->m->class, spec, whole);
        result = l->packed ? 0 : -1;
    }
    free(whole);
    return result;
}

/* Without VNNI oneDNN adds pairs of products in 16 bits, where they saturate; our own sums are exact, so all classes agree. */
static const struct matmul_ops *ops_for(const struct matmul *m, enum matmul_type type)
{
    return type == MATMUL_S8 && m->class != CLASS_CPU_AVX512_BF16 ? &matmul_own_ops : m->ops;
}

struct linear *linear_new(const struct matmul *m, const struct linear_spec *spec)
{
    struct linear *l = calloc(1, sizeof *l);
    if (!l) return fail_memory(), NULL;
    *l = (struct linear){.m = m, .ops = ops_for(m, spec->type), .n = spec->n, .k = spec->k, .type = spec->type, .out = spec->out, .after = spec->after};
    int result;
    if (spec->type == MATMUL_S8) result = pack_s8(l, spec);
    else if (!matmul_is_native(m, spec->type)) result = pack_rounded(l, spec);
    else result = (l->packed = l->ops->pack(m->class, spec, NULL)) ? 0 : -1;
    if (result == 0) return l;
    linear_free(l);
    return NULL;
}

void linear_free(struct linear *l)
{
    if (!l) return;
    if (l->packed) l->ops->drop(l->packed);
    free(l->bias);
    free(l->column_scales);
    free(l);
}

size_t linear_bytes(const struct linear *l) { return l->ops->bytes(l->packed); }

/* bf16 in floats: x is widened, y is rounded. */
static int run_widened(const struct linear *l, struct matmul_room *room, size_t rows, const uint16_t *x, void *y)
{
    bool narrow = l->out == MATMUL_BF16;
    size_t x_bytes = (rows * l->k * sizeof(float) + MATMUL_ALIGNMENT - 1) / MATMUL_ALIGNMENT * MATMUL_ALIGNMENT;
    char *bytes = matmul_room_bytes(room, 0, x_bytes + (narrow ? rows * l->n * sizeof(float) : 0));
    if (!bytes) return -1;
    float *wide_x = (float *)(void *)bytes, *wide_y = narrow ? (float *)(void *)(bytes + x_bytes) : y;
    l->m->kernels->from_bf16(x, rows * l->k, wide_x);
    if (l->ops->run(l->packed, room, rows, wide_x, wide_y) < 0) return -1;
    if (narrow) l->m->kernels->to_bf16(wide_y, rows * l->n, y);
    return 0;
}

static int run_s8(const struct linear *l, struct matmul_room *room, size_t rows, const void *x, const float *x_scales, void *y,
                  float *y_scales)
{
    const struct block_kernels *kernels = l->m->kernels;
    int32_t *sums = matmul_room_bytes(room, 0, (rows + 1) * l->n * sizeof *sums);
    if (!sums || l->ops->run(l->packed, room, rows, x, sums) < 0) return -1;
    if (l->out == MATMUL_S8)
        kernels->requantise(sums, x_scales, l->column_scales, l->bias, rows, l->n, l->after,
                            (float *)(void *)(sums + rows * l->n), y, y_scales);
    else
        kernels->dequantise(sums, x_scales, l->column_scales, l->bias, rows, l->n, l->after, y);
    return 0;
}

int linear_run(const struct linear *l, struct matmul_room *room, size_t rows, const void *x, const float *x_scales, void *y,
               float *y_scales)
{
    if (l->type == MATMUL_S8) return run_s8(l, room, rows, x, x_scales, y, y_scales);
    if (!matmul_is_native(l->m, l->type)) return run_widened(l, room, rows, x, y);
    return l->ops->run(l->packed, room, rows, x, y);
}
