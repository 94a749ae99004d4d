/* Symbols are a doubly linked list over the word's bytes; pairs that could merge wait in a heap. A pair whose symbols have
 * changed since is found out when it comes up. */
#include "filters/clip/tokenizer_merge.h"

#include <limits.h>
#include <stdlib.h>

#include "pipeline/base/fail.h"

static const uint32_t none = UINT32_MAX; /* no neighbour */

struct symbol {
    uint32_t id;             /* of the symbol that begins at this byte */
    uint32_t before, behind; /* neighbours, by first byte */
    bool gone;               /* merged into the one before */
};

struct candidate {
    uint32_t rank, at; /* of the merge; first byte of the left symbol */
    uint32_t left, right, result;
};

void merge_work_free(struct merge_work *work)
{
    free(work->symbols);
    free(work->heap);
    *work = (struct merge_work){0};
}

static int reserve(void *items, size_t n, size_t *room, size_t size)
{
    if (n <= *room) return 0;
    void *grown = realloc(*(void **)items, n * size);
    if (!grown) return fail_memory();
    *(void **)items = grown;
    *room = n;
    return 0;
}

static bool comes_before(const struct candidate *a, const struct candidate *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

static void heap_push(struct merge_work *w, struct candidate c)
{
    size_t at = w->heap_n++;
    for (; at > 0 && comes_before(&c, &w->heap[(at - 1) / 2]); at = (at - 1) / 2) w->heap[at] = w->heap[(at - 1) / 2];
    w->heap[at] = c;
}

static struct candidate heap_pop(struct merge_work *w)
{
    struct candidate first = w->heap[0], last = w->heap[--w->heap_n];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < w->heap_n; at = child) {
        if (child + 1 < w->heap_n && comes_before(&w->heap[child + 1], &w->heap[child])) child++;
        if (!comes_before(&w->heap[child], &last)) break;
        w->heap[at] = w->heap[child];
    }
    w->heap[at] = last;
    return first;
}

static void consider(const struct vocabulary *v, struct merge_work *w, uint32_t at) /* the pair that begins at `at` */
{
    const struct symbol *left = &w->symbols[at];
    if (left->behind == none) return;
    uint32_t right = w->symbols[left->behind].id;
    const struct merge *m = vocabulary_merge(v, left->id, right);
    if (m) heap_push(w, (struct candidate){m->rank, at, left->id, right, m->result});
}

static bool still_there(const struct merge_work *w, const struct candidate *c)
{
    const struct symbol *left = &w->symbols[c->at];
    return !left->gone && left->id == c->left && left->behind != none && w->symbols[left->behind].id == c->right;
}

static void apply(const struct vocabulary *v, struct merge_work *w, const struct candidate *c)
{
    struct symbol *left = &w->symbols[c->at], *right = &w->symbols[left->behind];
    left->id = c->result;
    left->behind = right->behind;
    right->gone = true;
    if (left->behind != none) w->symbols[left->behind].before = c->at;
    if (left->before != none) consider(v, w, left->before);
    consider(v, w, c->at);
}

int merge_word(const struct vocabulary *v, struct merge_work *w, struct str word, uint32_t *ids, size_t room)
{
    if (word.n > UINT32_MAX / 4) return fail("a word of %zu bytes", word.n);
    uint32_t n = (uint32_t)word.n;
    /* Each pair is considered once at first, and two more at each of at most n - 1 merges. */
    if (reserve(&w->symbols, n, &w->symbols_room, sizeof *w->symbols) < 0 ||
        reserve(&w->heap, 3 * (size_t)n, &w->heap_room, sizeof *w->heap) < 0)
        return -1;
    for (uint32_t i = 0; i < n; i++) {
        unsigned char byte = (unsigned char)word.p[i];
        bool last = i + 1 == n;
        w->symbols[i] = (struct symbol){last ? v->last[byte] : v->inside[byte], i ? i - 1 : none, last ? none : i + 1, false};
    }
    w->heap_n = 0;
    for (uint32_t i = 0; i + 1 < n; i++) consider(v, w, i);
    while (w->heap_n) {
        struct candidate c = heap_pop(w);
        if (still_there(w, &c)) apply(v, w, &c);
    }
    size_t written = 0;
    for (uint32_t i = 0; i != none && written < room && written < INT_MAX; i = w->symbols[i].behind)
        ids[written++] = w->symbols[i].id;
    return (int)written;
}
