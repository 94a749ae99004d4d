/* How fast html_scan is, beside the gunzip of the same bytes.
 *
 *     html_bench [-r ROUNDS] FILE.warc.gz
 *
 * Every gzip member that holds a response counts as a page, with its WARC and HTTP heads, which hold no tags. Both times
 * are of one thread over all members in memory, best of the rounds; gunzip is libdeflate's.
 */
#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "crawl/html/kernels.h"
#include "crawl/html/page.h"
#include "pipeline/base/buf.h"
#include "pipeline/base/fail.h"

enum { MAX_MEMBER = 64 << 20 }; /* bytes */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct bench {
    struct buf raw;                    /* the file */
    char *page;                        /* one member, unpacked */
    struct libdeflate_decompressor *gunzip;
    struct arena arena;
    double gunzip_s, scan_s;           /* of one round */
    size_t pages, images, bytes;
};

static bool is_response(struct str member)
{
    return str_find(str_of(member.p, member.n < 400 ? member.n : 400), STR("WARC-Type: response")) != SIZE_MAX;
}

/* Each page is scanned straight after it was unpacked, while it lies in the cache, as extraction does. */
static int run_round(struct bench *b)
{
    b->gunzip_s = b->scan_s = 0;
    b->pages = b->images = b->bytes = 0;
    const struct html_scan_options options = {.collect = HTML_COLLECT_LICENSE};
    for (size_t at = 0, used, made; at < b->raw.n; at += used) {
        double start = now();
        if (libdeflate_gzip_decompress_ex(b->gunzip, b->raw.p + at, b->raw.n - at, b->page, MAX_MEMBER, &used, &made))
            return fail("damaged member at byte %zu", at);
        double middle = now();
        b->gunzip_s += middle - start;
        struct str member = str_of(b->page, made);
        b->bytes += made;
        if (!is_response(member)) continue;
        struct html_page page;
        arena_reset(&b->arena);
        if (html_scan(&page, &b->arena, member, &options) < 0) return -1;
        b->scan_s += now() - middle;
        b->pages++;
        b->images += page.images;
    }
    return 0;
}

static int measure(struct bench *b, int rounds)
{
    double gunzip = 1e9, scan = 1e9;
    for (int round = 0; round < rounds; round++) {
        if (run_round(b) < 0) return -1;
        if (b->gunzip_s < gunzip) gunzip = b->gunzip_s;
        if (b->scan_s < scan) scan = b->scan_s;
    }
    printf("kernels\tpages\timages\tbytes\tgunzip_ms\tscan_ms\tratio\tscan_GB_s\n%s\t%zu\t%zu\t%zu\t%.2f\t%.2f\t%.3f\t%.2f\n",
           html_kernels()->name, b->pages, b->images, b->bytes, gunzip * 1e3, scan * 1e3, scan / gunzip,
           (double)b->bytes / scan / 1e9);
    return 0;
}

int main(int argc, char **argv)
{
    int rounds = argc > 3 && strcmp(argv[1], "-r") == 0 ? atoi(argv[2]) : 10;
    struct bench b = {.page = malloc(MAX_MEMBER), .gunzip = libdeflate_alloc_decompressor()};
    buf_init(&b.raw, (size_t)1 << 30);
    arena_init(&b.arena, 64 << 20);
    bool right = argc >= 2 && b.page && b.gunzip && buf_read_file(&b.raw, argv[argc - 1]) == 0 && measure(&b, rounds) == 0;
    if (!right) fprintf(stderr, "html_bench: %s\n", argc < 2 ? "html_bench [-r ROUNDS] FILE.warc.gz" : fail_message());
    libdeflate_free_decompressor(b.gunzip);
    arena_free(&b.arena);
    buf_free(&b.raw);
    free(b.page);
    return right ? 0 : 1;
}
