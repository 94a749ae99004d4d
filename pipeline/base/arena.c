/* Memory that is given back all at once: a chain of blocks, each twice as large as the one before it, up to 1 MiB; a piece
 * larger than that gets a block of its own size. */
#include "pipeline/base/arena.h"

#include "pipeline/base/fail.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST_BLOCK = 16 << 10, LARGEST_BLOCK = 1 << 20 };

struct arena_block {
    struct arena_block *next;
    size_t size; /* bytes of data */
    _Alignas(16) char data[];
};

void arena_init(struct arena *a, size_t ceiling) { *a = (struct arena){.ceiling = ceiling}; }

static void enter(struct arena *a, struct arena_block *block)
{
    a->current = block;
    a->next = block->data;
    a->end = block->data + block->size;
}

void arena_reset(struct arena *a)
{
    if (a->first) enter(a, a->first);
}

void arena_free(struct arena *a)
{
    for (struct arena_block *block = a->first, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    *a = (struct arena){.ceiling = a->ceiling};
}

void *arena_alloc_slow(struct arena *a, size_t n)
{
    size_t padded = (n + 15) & ~(size_t)15;
    if (padded < n) return fail_memory(), NULL;
    struct arena_block **link = a->current ? &a->current->next : &a->first;
    while (*link && (*link)->size < padded) { /* too small to serve: given back, so that one large piece leaves no hole */
        struct arena_block *small = *link;
        *link = small->next;
        a->used -= small->size;
        free(small);
    }
    if (!*link) {
        size_t size = a->current ? a->current->size * 2 : FIRST_BLOCK;
        if (size > LARGEST_BLOCK) size = LARGEST_BLOCK;
        if (size < padded) size = padded;
        if (size > a->ceiling - a->used && a->ceiling - a->used >= padded) size = a->ceiling - a->used;
        if (size > a->ceiling - a->used) {
            fail("more than %zu bytes in one batch: it exceeds its limit", a->ceiling);
            return NULL;
        }
        struct arena_block *block = malloc(sizeof *block + size);
        if (!block) return fail_memory(), NULL;
        block->next = NULL;
        block->size = size;
        a->used += size;
        *link = block;
    }
    enter(a, *link);
    void *piece = a->next;
    a->next += padded;
    return piece;
}

struct str arena_copy(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.n ? s.n : 1);
    if (!p) return STR_ABSENT;
    if (s.n) memcpy(p, s.p, s.n);
    return str_of(p, s.n);
}

char *arena_c_string(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.n + 1);
    if (!p) return NULL;
    if (s.n) memcpy(p, s.p, s.n);
    p[s.n] = 0;
    return p;
}

char *arena_printf(struct arena *a, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int n = vsnprintf(NULL, 0, format, arguments);
    char *p = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
    if (p) vsnprintf(p, (size_t)n + 1, format, again);
    va_end(again);
    va_end(arguments);
    return p;
}
