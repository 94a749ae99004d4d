/* How long the parts of a CLIP model take, asked line by line, so that another program can take turns with it:
 *
 *     clip_bench MODEL PRECISION       then on standard input, each answered by a line:
 *     about                            class, what multiplies, MiB of the towers, MiB of a thread
 *     ceiling                          FLOP/s of a loop that touches registers alone
 *     image N                          CPU seconds a picture, N at a time, from pixels to embedding
 *     products | own                   the same of its bare products: by oneDNN, by what the tower uses
 *     between                          of its attention, of its norms
 *     text TOKENS N                    CPU seconds a text
 *     threads T N                      seconds by the clock a picture, T threads with N each
 *     prepare FILE                     CPU seconds of decoding the picture FILE and of making it the tower's pixels
 *     resize FILE W H SIDE             CPU seconds of one resize and crop of FILE, raw RGB of W x H; result to FILE.out */
#include "crawl/image/image.h"
#include "filters/clip/block_kernels.h"
#include "filters/clip/clip.h"
#include "filters/clip/config.h"
#include "filters/clip/matmul_ops.h"
#include "filters/clip/preprocess.h"
#include "filters/clip/tower.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"
#include "pipeline/base/module.h"

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PRODUCTS_MOST = 16, INPUTS_MOST = 64, GROUP_ROWS = 208, THREADS_MOST = 8 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

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
    struct packed *library;
    struct linear *own;
};

static size_t positions(const struct clip_config *c) { return (size_t)c->grid * c->grid + 1; }

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
    struct weights *weights;
    enum clip_precision precision;
    struct tower *image, *text;
    struct tower_work *image_work, *text_work;
    const struct matmul *matmul;
    enum matmul_type type;
    uint8_t *pixels;   /* [INPUTS_MOST] pictures */
    float *embeddings; /* [INPUTS_MOST, embed] */
    size_t group;      /* pictures whose positions go through the products together */
    struct product products[PRODUCTS_MOST];
    size_t product_count;
    const struct matmul_ops *library;
    struct matmul_room room;
    void *x, *y;       /* [group's positions, widest] */
};

/* -127 to 127: zeros would leave a processor cooler than real numbers do. */
static int noise(size_t i) { return (int)((i * 2654435761u >> 7) % 255) - 127; }

static void make_inputs(struct bench *b, size_t count)
{
    float *x = must(malloc(count * sizeof *x));
    for (size_t i = 0; i < count; i++) x[i] = (float)noise(i) / 64;
    b->y = must(calloc(count, sizeof(float)));
    b->x = x;
    if (b->type == MATMUL_F32) return;
    b->x = must(malloc(count * sizeof(float)));
    if (b->type == MATMUL_BF16) matmul_kernels(b->matmul)->to_bf16(x, count, b->x);
    else for (size_t i = 0; i < count; i++) ((int8_t *)b->x)[i] = (int8_t)noise(i);
    free(x);
}

static void open_products(struct bench *b)
{
    size_t most = 0;
    if (matmul_class_of(b->matmul) <= CLASS_CPU_AVX2) setenv("ONEDNN_MAX_CPU_ISA", "AVX2", 0);
    b->library = must((void *)(uintptr_t)module_open("onednn"));
    b->product_count = list_products(&b->config, b->products);
    for (size_t i = 0; i < b->product_count; i++) {
        struct product *p = &b->products[i];
        float *w = must(malloc(p->n * p->k * sizeof *w));
        int8_t *s8 = must(malloc(p->n * p->k));
        struct linear_spec spec = {.n = p->n, .k = p->k, .weights = w, .type = b->type};
        for (size_t k = 0; k < p->n * p->k; k++) s8[k] = (int8_t)noise(k), w[k] = (float)noise(k) / 2000;
        p->library = must(b->library->pack(matmul_class_of(b->matmul), &spec, b->type == MATMUL_S8 ? s8 : NULL));
        p->own = must(linear_new(b->matmul, &spec));
        if (p->n > most) most = p->n;
        if (p->k > most) most = p->k;
        free(w);
        free(s8);
    }
    make_inputs(b, positions(&b->config) * b->group * most);
}

/* Products of a picture as the tower has them, without what follows. */
static double time_products(struct bench *b, bool own)
{
    size_t rows = positions(&b->config) * b->group;
    static float scales[GROUP_ROWS * 8];
    if (!b->product_count) open_products(b);
    for (size_t i = 0; i < rows; i++) scales[i] = 0.01f;
    double begun = now();
    for (size_t i = 0; i < b->product_count; i++)
        for (size_t k = 0; k < b->products[i].times; k++) {
            const struct product *p = &b->products[i];
            int ran = own ? linear_run(p->own, &b->room, rows, b->x, scales, b->y, NULL) : b->library->run(p->library, &b->room, rows, b->x, b->y);
            if (ran < 0) must(NULL);
        }
    return (now() - begun) / (double)b->group;
}

/* What a picture spends between products: attention and the norms of all layers but the last. */
static void time_between(struct bench *b)
{
    const struct block_kernels *kernels = matmul_kernels(b->matmul);
    size_t T = positions(&b->config), w = b->config.image.width, D = w / b->config.image.heads;
    float *qkv = must(malloc(T * 3 * w * sizeof *qkv)), *room = must(matmul_memory(kernels->attention_room(T, D) * sizeof *room));
    void *out = must(malloc(T * w * sizeof(float)));
    enum matmul_type type = b->type == MATMUL_BF16 ? MATMUL_BF16 : MATMUL_F32;
    const struct attention a = {.q = qkv, .k = qkv + w, .v = qkv + 2 * w, .q_stride = 3 * w, .kv_stride = 3 * w, .queries = T,
                                .keys = T, .heads = b->config.image.heads, .head_width = D, .type = type, .out = out, .room = room};
    for (size_t i = 0; i < T * 3 * w; i++) qkv[i] = (float)(i * 2654435761u % 1000) / 1000 - 0.5f;
    double begun = now();
    for (size_t l = 1; l < b->config.image.layers; l++) kernels->attend(&a);
    double attended = now();
    for (size_t l = 1; l < b->config.image.layers; l++)
        for (int i = 0; i < 2; i++) kernels->norm(qkv, qkv, qkv + w, 1e-5f, T, w, type, out);
    printf("%.9f %.9f\n", attended - begun, now() - attended);
    free(qkv);
    free(room);
    free(out);
}

/* ---- towers */

static size_t heap(void)
{
    struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

static void open_tower(struct bench *b, enum clip_side side, struct tower **tower, struct tower_work **work)
{
    if (*tower) return;
    *tower = must(tower_open(&b->config, b->weights, side, b->precision, b->matmul, 1));
    *work = must(tower_work_new(*tower));
}

static void run_images(const struct bench *b, struct tower_work *work, size_t n)
{
    if (tower_images(b->image, work, b->pixels, n, NULL, b->embeddings) < 0) must(NULL);
}

static void tell_about(struct bench *b)
{
    size_t before = heap();
    struct tower_work *work = must(tower_work_new(b->image));
    run_images(b, work, 4);
    size_t thread = heap() - before;
    tower_work_free(work);
    open_tower(b, CLIP_TEXT, &b->text, &b->text_work);
    printf("%s, %s; towers %.0f + %.0f MiB, a thread's pictures %.1f MiB\n", matmul_class_name(matmul_class_of(b->matmul)),
           matmul_version(b->matmul), (double)tower_bytes(b->image) / 0x1p20, (double)tower_bytes(b->text) / 0x1p20,
           (double)thread / 0x1p20);
}

static double time_texts(struct bench *b, size_t tokens, size_t n)
{
    static uint32_t ids[INPUTS_MOST][77];
    struct tower_text texts[INPUTS_MOST];
    open_tower(b, CLIP_TEXT, &b->text, &b->text_work);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < tokens; k++) ids[i][k] = (uint32_t)(320 + 7 * i + k);
        ids[i][tokens - 1] = b->config.vocabulary - 1;
        texts[i] = (struct tower_text){ids[i], tokens};
    }
    double begun = now();
    if (tower_texts(b->text, b->text_work, texts, n, NULL, b->embeddings) < 0) must(NULL);
    return (now() - begun) / (double)n;
}

struct runner {
    const struct bench *bench;
    struct tower_work *work;
    float *embeddings;
    size_t n;
};

static void *run_thread(void *context)
{
    struct runner *r = context;
    if (tower_images(r->bench->image, r->work, r->bench->pixels, r->n, NULL, r->embeddings) < 0) must(NULL);
    return NULL;
}

static double time_threads(const struct bench *b, size_t count, size_t n)
{
    struct runner runners[THREADS_MOST];
    pthread_t threads[THREADS_MOST];
    struct timespec begun, ended;
    for (size_t i = 0; i < count; i++)
        runners[i] = (struct runner){b, must(tower_work_new(b->image)), must(malloc(n * b->config.embed * sizeof(float))), n};
    clock_gettime(CLOCK_MONOTONIC, &begun);
    for (size_t i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, run_thread, &runners[i]) != 0) must((fail_memory(), NULL));
    for (size_t i = 0; i < count; i++) pthread_join(threads[i], NULL);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    for (size_t i = 0; i < count; i++) {
        tower_work_free(runners[i].work);
        free(runners[i].embeddings);
    }
    return ((double)(ended.tv_sec - begun.tv_sec) + 1e-9 * (double)(ended.tv_nsec - begun.tv_nsec)) / (double)(count * n);
}

static double time_resize(const char *path, uint32_t width, uint32_t height, uint32_t side)
{
    const struct preprocess p = {.mode = PREPROCESS_SHORTEST, .filter = PREPROCESS_BICUBIC, .size = side, .crop = side};
    struct buf raw, out;
    char name[512];
    buf_init(&raw, 1 << 28);
    buf_init(&out, 1 << 28);
    if (buf_read_file(&raw, path) < 0 || raw.n != (size_t)width * height * 3) must(NULL);
    struct image image = {.rgb = (uint8_t *)raw.p, .width = width, .height = height};
    struct preprocess_work *work = must(preprocess_work_new());
    if (buf_reserve(&out, preprocess_pixels_size(&p)) < 0) must(NULL);
    double begun = now();
    if (preprocess_pixels(&p, work, &image, (uint8_t *)out.p) != 0) must(NULL);
    double seconds = now() - begun;
    snprintf(name, sizeof name, "%s.out", path);
    FILE *file = must(fopen(name, "wb"));
    fwrite(out.p, 1, preprocess_pixels_size(&p), file);
    fclose(file);
    preprocess_work_free(work);
    buf_free(&raw);
    buf_free(&out);
    return seconds;
}

static void time_preparing(const struct bench *b, const char *path)
{
    struct buf bytes, out;
    struct image image;
    enum image_status status;
    buf_init(&bytes, 1 << 28);
    buf_init(&out, 1 << 28);
    struct preprocess_work *work = must(preprocess_work_new());
    if (buf_read_file(&bytes, path) < 0 || buf_reserve(&out, preprocess_pixels_size(&b->config.preprocess)) < 0) must(NULL);
    double begun = now();
    if (image_decode(buf_str(&bytes), &image_limits_default, IMAGE_OVER_WHITE, &image, &status) < 0 || status != IMAGE_OK)
        exit((fprintf(stderr, "clip_bench: %s: no picture\n", path), 1));
    double decoded = now();
    if (preprocess_pixels(&b->config.preprocess, work, &image, (uint8_t *)out.p) != 0) must(NULL);
    printf("%.9f %.9f\n", decoded - begun, now() - decoded);
    image_free(&image);
    preprocess_work_free(work);
    buf_free(&bytes);
    buf_free(&out);
}

/* ---- questions */

static void answer(struct bench *b, const char *line)
{
    size_t n, m;
    uint32_t width, height, side;
    char path[400];
    if (strncmp(line, "about", 5) == 0) tell_about(b);
    else if (strncmp(line, "ceiling", 7) == 0)
        printf("%.0f\n", (matmul_class_of(b->matmul) > CLASS_CPU_AVX2 ? ceiling_avx512 : ceiling_avx2)());
    else if (sscanf(line, "image %zu", &n) == 1 && n && n <= INPUTS_MOST) {
        double begun = now();
        run_images(b, b->image_work, n);
        printf("%.9f\n", (now() - begun) / (double)n);
    } else if (strncmp(line, "products", 8) == 0) printf("%.9f\n", time_products(b, false));
    else if (strncmp(line, "own", 3) == 0) printf("%.9f\n", time_products(b, true));
    else if (strncmp(line, "between", 7) == 0) time_between(b);
    else if (sscanf(line, "text %zu %zu", &m, &n) == 2 && n && n <= INPUTS_MOST && m > 1 && m <= 77)
        printf("%.9f\n", time_texts(b, m, n));
    else if (sscanf(line, "threads %zu %zu", &m, &n) == 2 && m && m <= THREADS_MOST && n && n <= INPUTS_MOST)
        printf("%.9f\n", time_threads(b, m, n));
    else if (sscanf(line, "prepare %399s", path) == 1) time_preparing(b, path);
    else if (sscanf(line, "resize %399s %u %u %u", path, &width, &height, &side) == 4)
        printf("%.9f\n", time_resize(path, width, height, side));
    else printf("what?\n");
    fflush(stdout);
}

int main(int count, char **arguments)
{
    struct bench b = {.product_count = 0};
    char line[512];
    b.precision = clip_precision_find(str_from(count > 2 ? arguments[2] : "f32"));
    b.weights = must(count > 1 ? weights_open(arguments[1]) : (fail_usage("clip_bench MODEL PRECISION"), NULL));
    if (clip_config_open(&b.config, b.weights) < 0) must(NULL);
    b.matmul = must((void *)(uintptr_t)matmul_open(NULL));
    b.type = b.precision == CLIP_F32 ? MATMUL_F32 : b.precision == CLIP_BF16 ? MATMUL_BF16 : MATMUL_S8;
    if (!matmul_is_native(b.matmul, b.type)) b.type = MATMUL_F32;
    b.group = GROUP_ROWS / positions(&b.config) ? GROUP_ROWS / positions(&b.config) : 1;
    open_tower(&b, CLIP_IMAGE, &b.image, &b.image_work);
    size_t bytes = INPUTS_MOST * clip_pixels_bytes(b.config.image_size);
    b.pixels = must(malloc(bytes));
    for (size_t i = 0; i < bytes; i++) b.pixels[i] = (uint8_t)(i * 2654435761u >> 13);
    b.embeddings = must(malloc(INPUTS_MOST * b.config.embed * sizeof *b.embeddings));
    while (fgets(line, sizeof line, stdin)) answer(&b, line);
    return 0;
}
