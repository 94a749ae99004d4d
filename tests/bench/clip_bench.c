/* How fast the towers are beside what bounds them, on one thread: oneDNN's own plain products of the same shapes, and a loop that
 * touches registers alone. All figures are of CPU time, the least of some rounds; the sides take turns.
 *
 *     clip_bench MODEL PRECISION [ROUNDS] */
#include "filters/clip/block_kernels.h"
#include "filters/clip/clip.h"
#include "filters/clip/config.h"
#include "filters/clip/matmul_ops.h"
#include "filters/clip/tower.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/module.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { PRODUCTS_MOST = 16, BATCH = 16 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double least(double a, double b) { return a < b ? a : b; }

static void *must(void *p)
{
    if (!p) exit((fprintf(stderr, "clip_bench: %s\n", fail_message()), 1));
    return p;
}

/* ---- the ceiling */

#define CEILING(name, target_text, bytes)                                                       \
    __attribute__((target(target_text), noinline)) static double name(void)                     \
    {                                                                                           \
        typedef float v __attribute__((vector_size(bytes)));                                    \
        enum { CHAINS = 12, TURNS = 4000000 };                                                  \
        v x[CHAINS], a = {1.0f}, b = {0.5f};                                                    \
        for (int k = 0; k < CHAINS; k++) {                                                      \
            x[k] = (v){(float)k};                                                               \
            __asm__ volatile("" : "+x"(x[k])); /* the compiler must not know that they are alike */ \
        }                                                                                       \
        double begun = now();                                                                   \
        for (int i = 0; i < TURNS; i++) {                                                       \
            _Pragma("GCC unroll 12") for (int k = 0; k < CHAINS; k++) x[k] = x[k] * a + b;      \
            __asm__ volatile("" : "+x"(a), "+x"(b));                                            \
        }                                                                                       \
        double seconds = now() - begun;                                                         \
        volatile float keep = 0;                                                                \
        for (int k = 0; k < CHAINS; k++) keep += x[k][0];                                       \
        return 2.0 * CHAINS * TURNS * (bytes / 4) / seconds;                                    \
    }
CEILING(ceiling_avx2, "avx2,fma", 32)
CEILING(ceiling_avx512, "avx512f,fma", 64)

/* ---- products of the picture tower */

struct product {
    size_t n, k, times; /* of the product, and how many a picture's group has */
    bool pooled;        /* of the pooled rows alone */
    struct packed *library;
};

static size_t list_products(const struct clip_config *c, struct product *p)
{
    size_t w = c->image.width, m = c->image.mlp, l = c->image.layers, count = 0;
    p[count++] = (struct product){.n = w, .k = 3 * (size_t)c->patch * c->patch, .times = 1};
    p[count++] = (struct product){.n = 3 * w, .k = w, .times = l - 1};
    p[count++] = (struct product){.n = w, .k = w, .times = l - 1};
    p[count++] = (struct product){.n = m, .k = w, .times = l - 1};
    p[count++] = (struct product){.n = w, .k = m, .times = l - 1};
    p[count++] = (struct product){.n = 2 * w, .k = w, .times = 1};
    return count;
}

struct bench {
    struct clip_config config;
    struct tower *tower;
    struct tower_work *work;
    const struct matmul *matmul;
    enum matmul_type type;
    uint8_t *pixels;
    float *embeddings;
    struct product products[PRODUCTS_MOST];
    size_t product_count;
    const struct matmul_ops *library;
    struct matmul_room room;
    void *x, *y;
};

/* -127 to 127: zeros would leave a processor cooler than real numbers do. */
static int noise(size_t i) { return (int)((i * 2654435761u >> 7) % 255) - 127; }

static void open_products(struct bench *b)
{
    b->library = must((void *)(uintptr_t)module_open("onednn"));
    if (matmul_class_of(b->matmul) <= CLASS_CPU_AVX2) setenv("ONEDNN_MAX_CPU_ISA", "AVX2", 0);
    b->product_count = list_products(&b->config, b->products);
    size_t most = 0;
    for (size_t i = 0; i < b->product_count; i++) {
        struct product *p = &b->products[i];
        float *w = must(malloc(p->n * p->k * sizeof *w));
        int8_t *s8 = must(malloc(p->n * p->k));
        struct linear_spec spec = {.n = p->n, .k = p->k, .weights = w, .type = b->type};
        for (size_t k = 0; k < p->n * p->k; k++) s8[k] = (int8_t)noise(k), w[k] = (float)noise(k) / 2000;
        p->library = must(b->library->pack(matmul_class_of(b->matmul), &spec, b->type == MATMUL_S8 ? s8 : NULL));
        if (p->n > most) most = p->n;
        if (p->k > most) most = p->k;
        free(w);
        free(s8);
    }
    size_t rows = ((size_t)b->config.grid * b->config.grid + 1) * BATCH;
    float *x = must(malloc(rows * most * sizeof *x));
    for (size_t k = 0; k < rows * most; k++) x[k] = (float)noise(k) / 64;
    b->y = must(calloc(rows * most, sizeof(float)));
    b->x = x;
    if (b->type == MATMUL_F32) return;
    b->x = must(malloc(rows * most * sizeof(float)));
    if (b->type == MATMUL_BF16) matmul_kernels(b->matmul)->to_bf16(x, rows * most, b->x);
    else for (size_t k = 0; k < rows * most; k++) ((int8_t *)b->x)[k] = (int8_t)noise(k);
    free(x);
}

static double time_products(struct bench *b, size_t group)
{
    size_t rows = ((size_t)b->config.grid * b->config.grid + 1) * group;
    double begun = now();
    for (size_t i = 0; i < b->product_count; i++)
        for (size_t k = 0; k < b->products[i].times; k++)
            if (b->library->run(b->products[i].library, &b->room, rows, b->x, b->y) < 0) must(NULL);
    return now() - begun;
}

/* What a picture spends between products: attention and the norms of all layers but the last. */
static void time_between(struct bench *b, double *attention, double *norms)
{
    const struct block_kernels *kernels = matmul_kernels(b->matmul);
    size_t T = (size_t)b->config.grid * b->config.grid + 1, w = b->config.image.width, D = w / b->config.image.heads;
    float *qkv = b->y, *room = must(matmul_memory(kernels->attention_room(T, D) * sizeof *room));
    enum matmul_type type = b->type == MATMUL_BF16 ? MATMUL_BF16 : MATMUL_F32;
    const struct attention a = {.q = qkv, .k = qkv + w, .v = qkv + 2 * w, .q_stride = 3 * w, .kv_stride = 3 * w, .queries = T,
                                .keys = T, .heads = b->config.image.heads, .head_width = D, .type = type, .out = b->x, .room = room};
    for (size_t i = 0; i < T * 3 * w; i++) qkv[i] = (float)(i * 2654435761u % 1000) / 1000 - 0.5f;
    double begun = now();
    for (size_t l = 1; l < b->config.image.layers; l++) kernels->attend(&a);
    *attention = least(*attention, now() - begun);
    begun = now();
    for (size_t l = 1; l < b->config.image.layers; l++)
        for (int i = 0; i < 2; i++) kernels->norm(qkv, qkv, qkv + w, 1e-5f, T, w, type, b->x);
    *norms = least(*norms, now() - begun);
    free(room);
}

static double time_pictures(struct bench *b, size_t n)
{
    double begun = now();
    if (tower_images(b->tower, b->work, b->pixels, n, NULL, b->embeddings) < 0) must(NULL);
    return now() - begun;
}

static double time_texts(const struct tower *tower, struct tower_work *work, const struct clip_config *c, size_t tokens, float *out)
{
    uint32_t ids[BATCH * 4][77];
    struct tower_text texts[BATCH * 4];
    for (size_t i = 0; i < BATCH * 4; i++) {
        for (size_t k = 0; k < tokens; k++) ids[i][k] = (uint32_t)(320 + 7 * i + k);
        ids[i][tokens - 1] = c->vocabulary - 1;
        texts[i] = (struct tower_text){ids[i], tokens};
    }
    double begun = now();
    if (tower_texts(tower, work, texts, BATCH * 4, NULL, out) < 0) must(NULL);
    return (now() - begun) / (BATCH * 4);
}

static void bench_pictures(struct bench *b, int rounds)
{
    size_t positions = (size_t)b->config.grid * b->config.grid + 1, group = 208 / positions ? 208 / positions : 1;
    double one = HUGE_VAL, four = HUGE_VAL, many = HUGE_VAL, products = HUGE_VAL, flop = 0;
    double attention = HUGE_VAL, norms = HUGE_VAL;
    for (int i = 0; i < rounds; i++) {
        one = least(one, time_pictures(b, 1));
        four = least(four, time_pictures(b, 4) / 4);
        many = least(many, time_pictures(b, BATCH) / BATCH);
        products = least(products, time_products(b, group) / (double)group);
        time_between(b, &attention, &norms);
    }
    for (size_t i = 0; i < b->product_count; i++)
        flop += 2.0 * (double)(b->products[i].n * b->products[i].k * b->products[i].times * positions);
    printf("pictures/s at 1, 4, 16: %.2f %.2f %.2f; at 16 %.1f GFLOP/s in products\n", 1 / one, 1 / four, 1 / many,
           flop / many * 1e-9);
    printf("oneDNN's plain products of the same shapes: %.2f pictures/s, %.1f GFLOP/s; the tower has %.1f %% of their speed\n",
           1 / products, flop / products * 1e-9, 100 * products / many);
    printf("ms a picture: %.2f, plain products %.2f, attention %.2f, norms %.2f\n", 1e3 * many, 1e3 * products, 1e3 * attention,
           1e3 * norms);
}

int main(int count, char **arguments)
{
    struct bench b = {.product_count = 0};
    enum clip_precision precision = clip_precision_find(str_from(count > 2 ? arguments[2] : "f32"));
    int rounds = count > 3 ? atoi(arguments[3]) : 5;
    struct weights *weights = must(count > 1 ? weights_open(arguments[1]) : NULL);
    if (clip_config_open(&b.config, weights) < 0) must(NULL);
    b.matmul = must((void *)(uintptr_t)matmul_open(NULL));
    b.type = precision == CLIP_F32 ? MATMUL_F32 : precision == CLIP_BF16 ? MATMUL_BF16 : MATMUL_S8;
    if (!matmul_is_native(b.matmul, b.type)) b.type = MATMUL_F32;
    struct timespec begun, ended;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    b.tower = must(tower_open(&b.config, weights, CLIP_IMAGE, precision, b.matmul, 1));
    clock_gettime(CLOCK_MONOTONIC, &ended);
    b.work = must(tower_work_new(b.tower));
    b.pixels = must(malloc(BATCH * clip_pixels_bytes(b.config.image_size)));
    for (size_t i = 0; i < BATCH * clip_pixels_bytes(b.config.image_size); i++) b.pixels[i] = (uint8_t)(i * 2654435761u >> 13);
    b.embeddings = must(malloc(4 * BATCH * b.config.embed * sizeof *b.embeddings));
    printf("%s, %s, %s: picture tower %.0f MiB, opened in %.2f s\n", matmul_class_name(matmul_class_of(b.matmul)),
           clip_precision_name(precision), matmul_version(b.matmul), (double)tower_bytes(b.tower) / 1048576,
           (double)(ended.tv_sec - begun.tv_sec) + 1e-9 * (double)(ended.tv_nsec - begun.tv_nsec));
    double ceiling = (matmul_class_of(b.matmul) > CLASS_CPU_AVX2 ? ceiling_avx512 : ceiling_avx2)();
    printf("registers alone: %.1f GFLOP/s of floats\n", ceiling * 1e-9);
    open_products(&b);
    bench_pictures(&b, rounds);
    struct tower *text = must(tower_open(&b.config, weights, CLIP_TEXT, precision, b.matmul, 1));
    struct tower_work *work = must(tower_work_new(text));
    double short_text = HUGE_VAL, long_text = HUGE_VAL;
    for (int i = 0; i < rounds; i++) {
        short_text = least(short_text, time_texts(text, work, &b.config, 20, b.embeddings));
        long_text = least(long_text, time_texts(text, work, &b.config, 77, b.embeddings));
    }
    printf("texts/s of 20 and 77 tokens: %.1f %.1f\n", 1 / short_text, 1 / long_text);
    return 0;
}
