/* Products without a library: the kernels of block_kernels.h over weights packed in panels. A row's sums run in the same order
 * whatever the number of rows. */
#include "filters/clip/block_kernels.h"
#include "filters/clip/matmul_ops.h"
#include "pipeline/base/fail.h"

#include <stdlib.h>
#include <string.h>

struct packed {
    const struct block_kernels *kernels;
    size_t n, k;
    enum matmul_type type;
    enum linear_after after;
    float *panels; /* of F32 */
    float *bias;   /* NULL: none */
    int16_t *s8;   /* panels of S8 */
};

static void drop(struct packed *p)
{
    free(p->panels);
    free(p->bias);
    free(p->s8);
    free(p);
}

static void *copy_of(const void *from, size_t n)
{
    void *copy = matmul_memory(n);
    if (copy) memcpy(copy, from, n);
    return copy;
}

static struct packed *pack(enum matmul_class c, const struct linear_spec *spec, const int8_t *s8)
{
    struct packed *p = calloc(1, sizeof *p);
    if (!p) return fail_memory(), NULL;
    *p = (struct packed){.kernels = block_kernels_of(c), .n = spec->n, .k = spec->k, .type = spec->type, .after = spec->after};
    bool ok;
    if (s8) {
        ok = (p->s8 = matmul_memory(p->kernels->pack_s8_size(p->n, p->k) * sizeof *p->s8)) != NULL;
        if (ok && !p->kernels->pack_s8(s8, p->n, p->k, p->s8)) ok = fail_memory() == 0;
    } else {
        p->panels = matmul_memory(p->kernels->pack_size(p->n, p->k) * sizeof *p->panels);
        if (p->panels) p->kernels->pack(spec->weights, p->n, p->k, p->panels);
        ok = p->panels && (!spec->bias || (p->bias = copy_of(spec->bias, p->n * sizeof *p->bias)));
    }
    if (ok) return p;
    drop(p);
    return NULL;
}

static size_t bytes(const struct packed *p)
{
    return p->s8 ? p->kernels->pack_s8_size(p->n, p->k) * sizeof *p->s8 : p->kernels->pack_size(p->n, p->k) * sizeof *p->panels;
}

static int run(struct packed *p, struct matmul_room *room, size_t rows, const void *x, void *y)
{
    void *bytes = matmul_room_bytes(room, 1, p->kernels->product_room(rows, p->k));
    if (!bytes) return -1;
    if (p->s8) p->kernels->product_s8(p->s8, p->n, p->k, rows, x, y, bytes);
    else p->kernels->product(p->panels, p->bias, p->n, p->k, p->after, rows, x, y, bytes);
    return 0;
}

static const char *version(void) { return "own products"; }

static size_t rows_as_they_are(enum matmul_class c, size_t rows)
{
    (void)c;
    return rows;
}

const struct matmul_ops matmul_own_ops = {
    .version = version, .rows = rows_as_they_are, .pack = pack, .drop = drop, .bytes = bytes, .run = run};
