/* The module `onednn`: products by Intel's library, one primitive for each layer and number of rows.
 *
 * Weights are brought once into the form that the library likes best. A primitive is made when a number of rows first comes
 * (0.1 to 0.4 ms) and kept. Every call runs on its own thread alone: the library's OpenMP would take all cores. */
#include "filters/clip/matmul_ops.h"
#include "pipeline/base/fail.h"

#include <oneapi/dnnl/dnnl.h>

#include <omp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct shape {
    size_t rows;
    dnnl_primitive_t primitive;
    dnnl_memory_desc_t x, y;
    const dnnl_memory_desc_t *scratch; /* of the primitive's description */
    dnnl_primitive_desc_t description;
    struct shape *next;
};

struct packed {
    size_t n, k;
    dnnl_data_type_t x_type, weights_type, y_type;
    enum linear_after after;
    dnnl_memory_desc_t weights_form;
    void *weights;
    float *bias; /* NULL: none */
    struct shape *_Atomic shapes;
    pthread_mutex_t adding;
};

enum { FIRST_ROWS = 200 }; /* for which the weights' form is asked; it does not depend on them */

static int told(dnnl_status_t status, const char *what)
{
    if (status == dnnl_success) return 0;
    return status == dnnl_out_of_memory ? fail_memory() : fail("oneDNN: %s: status %d", what, (int)status);
}

static dnnl_engine_t engine(void)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static dnnl_engine_t made;
    pthread_mutex_lock(&lock);
    if (!made && told(dnnl_engine_create(&made, dnnl_cpu, 0), "no engine") < 0) made = NULL;
    pthread_mutex_unlock(&lock);
    return made;
}

/* AMX is left out: its sums differ from those of VDPBF16PS. */
static int limit(enum matmul_class c)
{
    dnnl_cpu_isa_t isa = c == CLASS_CPU_AVX512 ? dnnl_cpu_isa_avx512_core_vnni : dnnl_cpu_isa_avx512_core_bf16;
    return told(dnnl_set_max_cpu_isa(isa), "the instruction set cannot be limited any more");
}

static char version_text[48];

static void write_version(void)
{
    const dnnl_version_t *v = dnnl_version();
    snprintf(version_text, sizeof version_text, "oneDNN %d.%d.%d", v->major, v->minor, v->patch);
}

static const char *version(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, write_version);
    return version_text;
}

static size_t rows_as_they_are(enum matmul_class c, size_t rows)
{
    (void)c;
    return rows;
}

/* ---- shapes */

static void matrix(dnnl_memory_desc_t *form, size_t rows, size_t columns, dnnl_data_type_t type, dnnl_format_tag_t tag)
{
    dnnl_dims_t sizes = {(dnnl_dim_t)rows, (dnnl_dim_t)columns};
    dnnl_memory_desc_init_by_tag(form, 2, sizes, type, tag);
}

static int follow(const struct packed *p, dnnl_primitive_attr_t attributes)
{
    dnnl_post_ops_t ops;
    if (told(dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user), "scratch memory") < 0) return -1;
    if (p->after == LINEAR_PLAIN || p->y_type == dnnl_s32) return 0;
    if (told(dnnl_post_ops_create(&ops), "post-operations") < 0) return -1;
    dnnl_status_t status;
    if (p->after == LINEAR_ADD) status = dnnl_post_ops_append_sum(ops, 1);
    else if (p->after == LINEAR_QUICKGELU) status = dnnl_post_ops_append_eltwise(ops, 1, dnnl_eltwise_swish, 1.702f, 0);
    else if (p->after == LINEAR_RELU6) status = dnnl_post_ops_append_eltwise(ops, 1, dnnl_eltwise_clip, 0, 6);
    else status = dnnl_post_ops_append_eltwise(ops, 1, dnnl_eltwise_gelu_erf, 0, 0);
    if (status == dnnl_success) status = dnnl_primitive_attr_set_post_ops(attributes, ops);
    dnnl_post_ops_destroy(ops);
    return told(status, "post-operations");
}

static int describe(const struct packed *p, const dnnl_memory_desc_t *weights, struct shape *s)
{
    dnnl_memory_desc_t bias;
    dnnl_matmul_desc_t product;
    dnnl_primitive_attr_t attributes;
    matrix(&s->x, s->rows, p->k, p->x_type, dnnl_ab);
    matrix(&s->y, s->rows, p->n, p->y_type, dnnl_ab);
    matrix(&bias, 1, p->n, dnnl_f32, dnnl_ab);
    if (told(dnnl_matmul_desc_init(&product, &s->x, weights, p->bias ? &bias : NULL, &s->y), "a product") < 0) return -1;
    if (told(dnnl_primitive_attr_create(&attributes), "attributes") < 0) return -1;
    int result = follow(p, attributes);
    if (result == 0)
        result = told(dnnl_primitive_desc_create(&s->description, &product, attributes, engine(), NULL), "no product of this kind");
    dnnl_primitive_attr_destroy(attributes);
    return result;
}

static void free_shape(struct shape *s)
{
    if (s->primitive) dnnl_primitive_destroy(s->primitive);
    if (s->description) dnnl_primitive_desc_destroy(s->description);
    free(s);
}

static struct shape *new_shape(const struct packed *p, const dnnl_memory_desc_t *weights, size_t rows)
{
    struct shape *s = calloc(1, sizeof *s);
    if (!s) return fail_memory(), NULL;
    s->rows = rows;
    if (describe(p, weights, s) == 0 && told(dnnl_primitive_create(&s->primitive, s->description), "a primitive") == 0) {
        s->scratch = dnnl_primitive_desc_query_md(s->description, dnnl_query_scratchpad_md, 0);
        return s;
    }
    free_shape(s);
    return NULL;
}

static struct shape *find_shape(struct packed *p, size_t rows)
{
    struct shape *s = atomic_load_explicit(&p->shapes, memory_order_acquire);
    while (s && s->rows != rows) s = s->next;
    return s;
}

/* Shapes are only added: readers need no lock. */
static struct shape *shape_of(struct packed *p, size_t rows)
{
    struct shape *s = find_shape(p, rows);
    if (s) return s;
    pthread_mutex_lock(&p->adding);
    s = find_shape(p, rows);
    if (!s && (s = new_shape(p, &p->weights_form, rows))) {
        s->next = atomic_load_explicit(&p->shapes, memory_order_relaxed);
        atomic_store_explicit(&p->shapes, s, memory_order_release);
    }
    pthread_mutex_unlock(&p->adding);
    return s;
}

/* ---- weights */

static dnnl_memory_t memory_at(const dnnl_memory_desc_t *form, const void *at)
{
    dnnl_memory_t memory;
    void *bytes;
    memcpy(&bytes, &at, sizeof bytes); /* the library's handles are not const */
    return told(dnnl_memory_create(&memory, form, engine(), bytes), "memory") < 0 ? NULL : memory;
}

static int execute(dnnl_primitive_t primitive, const dnnl_exec_arg_t *arguments, int count)
{
    dnnl_stream_t stream;
    omp_set_num_threads(1);
    if (told(dnnl_stream_create(&stream, engine(), dnnl_stream_default_flags), "a stream") < 0) return -1;
    dnnl_status_t status = dnnl_primitive_execute(primitive, stream, count, arguments);
    if (status == dnnl_success) status = dnnl_stream_wait(stream);
    dnnl_stream_destroy(stream);
    return told(status, "running a product");
}

static int reorder(dnnl_memory_t from, dnnl_memory_t to, const dnnl_memory_desc_t *from_form, const dnnl_memory_desc_t *to_form)
{
    dnnl_primitive_desc_t description;
    dnnl_primitive_t primitive;
    if (told(dnnl_reorder_primitive_desc_create(&description, from_form, engine(), to_form, engine(), NULL), "weights") < 0)
        return -1;
    int result = told(dnnl_primitive_create(&primitive, description), "weights");
    if (result == 0) {
        const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
        result = execute(primitive, arguments, 2);
        dnnl_primitive_destroy(primitive);
    }
    dnnl_primitive_desc_destroy(description);
    return result;
}

/* From [n, k] as files have them to the form that the library asks for. */
static int bring_weights(struct packed *p, const void *weights, dnnl_data_type_t type)
{
    dnnl_memory_desc_t any, given;
    matrix(&any, p->k, p->n, p->weights_type, dnnl_format_tag_any);
    matrix(&given, p->k, p->n, type, dnnl_ba);
    struct shape *first = new_shape(p, &any, FIRST_ROWS);
    if (!first) return -1;
    p->weights_form = *dnnl_primitive_desc_query_md(first->description, dnnl_query_weights_md, 0);
    free_shape(first);
    p->weights = matmul_memory(dnnl_memory_desc_get_size(&p->weights_form));
    if (!p->weights) return -1;
    dnnl_memory_t from = memory_at(&given, weights), to = from ? memory_at(&p->weights_form, p->weights) : NULL;
    int result = from && to ? reorder(from, to, &given, &p->weights_form) : -1;
    if (from) dnnl_memory_destroy(from);
    if (to) dnnl_memory_destroy(to);
    return result;
}

static void drop(struct packed *p)
{
    for (struct shape *s = p->shapes, *next; s; s = next) {
        next = s->next;
        free_shape(s);
    }
    pthread_mutex_destroy(&p->adding);
    free(p->weights);
    free(p->bias);
    free(p);
}

static struct packed *pack(enum matmul_class c, const struct linear_spec *spec, const int8_t *s8)
{
    (void)c;
    struct packed *p = calloc(1, sizeof *p);
    if (!p) return fail_memory(), NULL;
    p->n = spec->n;
    p->k = spec->k;
    p->after = spec->after;
    p->x_type = p->weights_type = s8 ? dnnl_s8 : spec->type == MATMUL_BF16 ? dnnl_bf16 : dnnl_f32;
    p->y_type = s8 ? dnnl_s32 : spec->out == MATMUL_BF16 ? dnnl_bf16 : dnnl_f32;
    pthread_mutex_init(&p->adding, NULL);
    int result = engine() ? 0 : -1;
    if (result == 0 && spec->bias && !s8) {
        p->bias = matmul_memory(p->n * sizeof *p->bias);
        if (p->bias) memcpy(p->bias, spec->bias, p->n * sizeof *p->bias);
        else result = -1;
    }
    if (result == 0) result = bring_weights(p, s8 ? (const void *)s8 : spec->weights, s8 ? dnnl_s8 : dnnl_f32);
    if (result == 0) return p;
    drop(p);
    return NULL;
}

static size_t bytes(const struct packed *p) { return dnnl_memory_desc_get_size(&p->weights_form); }

/* ---- running */

static int run(struct packed *p, struct matmul_room *room, size_t rows, const void *x, void *y)
{
    struct shape *s = shape_of(p, rows);
    if (!s) return -1;
    static const dnnl_memory_desc_t none;
    const dnnl_memory_desc_t *scratch = s->scratch ? s->scratch : &none;
    void *scratch_bytes = matmul_room_bytes(room, 1, dnnl_memory_desc_get_size(scratch));
    if (!scratch_bytes) return -1;
    dnnl_memory_desc_t bias_form;
    matrix(&bias_form, 1, p->n, dnnl_f32, dnnl_ab);
    dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, memory_at(&s->x, x)},
                                   {DNNL_ARG_WEIGHTS, memory_at(&p->weights_form, p->weights)},
                                   {DNNL_ARG_DST, memory_at(&s->y, y)},
                                   {DNNL_ARG_SCRATCHPAD, memory_at(scratch, scratch_bytes)},
                                   {DNNL_ARG_BIAS, p->bias ? memory_at(&bias_form, p->bias) : NULL}};
    int count = p->bias ? 5 : 4, result = 0;
    for (int i = 0; i < count; i++)
        if (!arguments[i].memory) result = -1;
    if (result == 0) result = execute(s->primitive, arguments, count);
    for (int i = 0; i < count; i++)
        if (arguments[i].memory) dnnl_memory_destroy(arguments[i].memory);
    return result;
}

extern const struct matmul_ops winnow_module_onednn;
const struct matmul_ops winnow_module_onednn = {
    .limit = limit, .version = version, .rows = rows_as_they_are, .pack = pack, .drop = drop, .bytes = bytes, .run = run};
