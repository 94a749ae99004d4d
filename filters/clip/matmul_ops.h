/* What a backend of matmul.h serves. Private to matmul*.c: our own is linked in, oneDNN's is the module `onednn`. */
#ifndef WINNOW_CLIP_MATMUL_OPS_H
#define WINNOW_CLIP_MATMUL_OPS_H

#include "filters/clip/matmul.h"

struct packed; /* a backend's own form of a layer */

struct matmul_ops {
    /* Keeps the library from using more than the class has; once, before anything else. -1 with a sentence. */
    int (*limit)(enum matmul_class c);
    const char *(*version)(void);
    size_t (*rows)(enum matmul_class c, size_t rows); /* matmul_rows */
    /* `type` of the spec is a native one. For S8 the weights are `s8` [n, k], and the product is int32_t [rows, n] without bias
     * and without what follows. NULL with a sentence. */
    struct packed *(*pack)(enum matmul_class c, const struct linear_spec *spec, const int8_t *s8);
    void (*drop)(struct packed *p);
    size_t (*bytes)(const struct packed *p);
    int (*run)(struct packed *p, struct matmul_room *room, size_t rows, const void *x, void *y); /* uses room 1 */
};

enum { MATMUL_ALIGNMENT = 64 }; /* of packed weights and rows: a vector of AVX-512 */

void *matmul_room_bytes(struct matmul_room *room, unsigned which, size_t n); /* aligned; NULL with a sentence */
void *matmul_memory(size_t n); /* aligned, to be freed with free(); NULL with a sentence */

extern const struct matmul_ops matmul_own_ops;

#endif
