#include "filters/text/automaton.h"

#include "pipeline/base/fail.h"

#include <stdlib.h>

enum { ROOT = 0, NONE = UINT32_MAX };

struct automaton {
    uint32_t *first_child; /* of each state, and one more: a state's children are those below the next one's first */
    uint32_t *suffix;      /* the longest proper suffix that is a state */
    uint32_t *string;      /* that ends here; NONE */
    uint32_t *shorter;     /* the next state along the suffixes where a string ends; NONE */
    unsigned char *label;  /* the byte that leads here */
    size_t states;
};

void automaton_free(struct automaton *a)
{
    if (!a) return;
    free(a->first_child);
    free(a->suffix);
    free(a->string);
    free(a->shorter);
    free(a->label);
    free(a);
}

/* ---- building: a state is a run of sorted strings that share a prefix. */

struct run {
    size_t from, to; /* strings */
};

static size_t count_states(const struct str *strings, size_t count)
{
    size_t states = 1;
    for (size_t i = 0; i < count; i++) {
        size_t shared = 0, before = i ? strings[i - 1].n : 0;
        while (shared < before && shared < strings[i].n && strings[i].p[shared] == strings[i - 1].p[shared]) shared++;
        states += strings[i].n - shared;
    }
    return states;
}

/* The children of the state `s` behind the `made` states that there are; how many there are then. */
static size_t add_children(struct automaton *a, const struct str *strings, struct run *runs, size_t s, size_t depth, size_t made)
{
    struct run run = runs[s];
    a->string[s] = NONE;
    a->first_child[s] = (uint32_t)made;
    if (strings[run.from].n == depth && depth) a->string[s] = (uint32_t)run.from++;
    while (run.from < run.to) {
        unsigned char byte = (unsigned char)strings[run.from].p[depth];
        size_t to = run.from;
        while (to < run.to && (unsigned char)strings[to].p[depth] == byte) to++;
        a->label[made] = byte;
        runs[made++] = (struct run){run.from, to};
        run.from = to;
    }
    return made;
}

static uint32_t child(const struct automaton *a, uint32_t state, unsigned char byte)
{
    uint32_t low = a->first_child[state], high = a->first_child[state + 1];
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (a->label[middle] < byte) low = middle + 1;
        else high = middle;
    }
    return low < a->first_child[state + 1] && a->label[low] == byte ? low : NONE;
}

static uint32_t step(const struct automaton *a, uint32_t state, unsigned char byte)
{
    for (;;) {
        uint32_t next = child(a, state, byte);
        if (next != NONE) return next;
        if (state == ROOT) return ROOT;
        state = a->suffix[state];
    }
}

static void link_suffixes(struct automaton *a)
{
    a->suffix[ROOT] = ROOT;
    a->shorter[ROOT] = NONE;
    for (uint32_t s = 0; s < a->states; s++)
        for (uint32_t c = a->first_child[s]; c < a->first_child[s + 1]; c++) {
            uint32_t suffix = s == ROOT ? ROOT : step(a, a->suffix[s], a->label[c]);
            a->suffix[c] = suffix;
            a->shorter[c] = a->string[suffix] != NONE ? suffix : a->shorter[suffix];
        }
}

static int build(struct automaton *a, const struct str *strings, size_t count)
{
    size_t n = a->states, made = 1, depth = 0, level_end = 1;
    struct run *runs = calloc(n, sizeof *runs);
    a->first_child = calloc(n + 1, sizeof *a->first_child);
    a->suffix = calloc(n, sizeof *a->suffix);
    a->string = calloc(n, sizeof *a->string);
    a->shorter = calloc(n, sizeof *a->shorter);
    a->label = calloc(n, 1);
    if (!runs || !a->first_child || !a->suffix || !a->string || !a->shorter || !a->label) {
        free(runs);
        return fail_memory();
    }
    runs[ROOT] = (struct run){0, count};
    for (size_t s = 0; s < n; s++) {
        if (s == level_end) depth++, level_end = made;
        made = add_children(a, strings, runs, s, depth, made);
    }
    a->first_child[n] = (uint32_t)made;
    free(runs);
    link_suffixes(a);
    return 0;
}

struct automaton *automaton_new(const struct str *strings, size_t count)
{
    size_t states = count_states(strings, count);
    if (states > AUTOMATON_STATES_MAX) return fail_usage("a list of over %d different bytes", AUTOMATON_STATES_MAX), NULL;
    struct automaton *a = calloc(1, sizeof *a);
    if (!a) return fail_memory(), NULL;
    a->states = states;
    if (build(a, strings, count) == 0) return a;
    automaton_free(a);
    return NULL;
}

/* ---- scanning */

size_t automaton_next(const struct automaton *a, struct automaton_scan *scan, struct str text)
{
    /* `hit` is one more than the state whose string comes next, 0 when none does */
    while (!scan->hit && scan->at < text.n) {
        scan->state = step(a, scan->state, (unsigned char)text.p[scan->at++]);
        if (a->string[scan->state] != NONE) scan->hit = scan->state + 1;
        else if (a->shorter[scan->state] != NONE) scan->hit = a->shorter[scan->state] + 1;
    }
    if (!scan->hit) return SIZE_MAX;
    uint32_t state = scan->hit - 1;
    scan->hit = a->shorter[state] != NONE ? a->shorter[state] + 1 : 0;
    return a->string[state];
}
