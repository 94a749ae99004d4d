/* The map of `count` alone: texts on standard input, a line each, held in memory, are split into words, and words and pairs of them
 * counted, ROUNDS times over. Prints the best round's words and pairs, and its CPU seconds: count_map_bench [MEMORY_MIB] [ROUNDS]. What
 * comes after, when the tables are handed on, sorted and written, is not in it; where they are full meanwhile, it is. */
#include "filters/counts/ngrams.h"
#include "pipeline/base/buf.h"
#include "pipeline/base/fail.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int count_lines(struct ngrams *n, struct str text)
{
    while (text.n)
        if (ngrams_add(n, str_cut(&text, '\n')) < 0) return -1;
    return ngrams_count_gathered(n);
}

static uint64_t total_of(struct groups *g, size_t memory)
{
    struct group group;
    uint64_t total = 0;
    if (groups_seal(g, memory) < 0) return 0;
    while (groups_next(g, &group) > 0) total += group.count;
    return total;
}

static int round_of(struct str text, size_t memory, double *seconds, uint64_t *met)
{
    struct groups *words = groups_open(GROUPS_NAMED_SUMS, 0, memory, NULL), *pairs = groups_open(GROUPS_NAMED_SUMS, 0, memory, NULL);
    struct ngrams *n = words && pairs ? ngrams_new(words, pairs, memory) : NULL;
    double begun = cpu_seconds();
    int result = n ? count_lines(n, text) : -1;
    *seconds = cpu_seconds() - begun;
    if (result == 0) result = ngrams_flush(n);
    if (result == 0) *met = total_of(words, memory) + total_of(pairs, memory);
    ngrams_free(n);
    groups_close(words);
    groups_close(pairs);
    return result;
}

int main(int argc, char **argv)
{
    size_t memory = (size_t)(argc > 1 ? atol(argv[1]) : 512) << 20;
    int rounds = argc > 2 ? atoi(argv[2]) : 3;
    struct buf text;
    double best = 1e9, seconds;
    uint64_t met = 0;
    buf_init(&text, (size_t)8 << 30);
    int result = buf_read_file(&text, "/dev/stdin");
    for (; rounds > 0 && result == 0; rounds--) {
        result = round_of(buf_str(&text), memory, &seconds, &met);
        if (seconds < best) best = seconds;
    }
    if (result < 0) fprintf(stderr, "count_map_bench: %s\n", fail_message());
    else printf("%llu %.3f\n", (unsigned long long)met, best);
    buf_free(&text);
    return result < 0;
}
