/* Progress on a terminal: one line, overwritten in place; log_line wipes it before it prints. */
#include "pipeline/progress.h"

#include "pipeline/base/log.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

static const double INTERVAL = 0.5; /* seconds between two prints: a person reads no faster */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void wipe(void)
{
    ssize_t ignored = write(STDERR_FILENO, "\r\033[K", 4);
    (void)ignored;
}

void progress_begin(struct progress *p, const char *what, bool quiet)
{
    *p = (struct progress){.what = what, .started = now(), .shown = !quiet && isatty(STDERR_FILENO)};
    p->printed = p->started; /* short work shows nothing */
    if (p->shown) log_wiper(wipe);
}

static void put_seconds(struct buf *line, double seconds)
{
    uint64_t s = (uint64_t)seconds;
    if (s >= 3600) buf_printf(line, "%llu:%02llu:%02llu", (unsigned long long)s / 3600, (unsigned long long)s / 60 % 60, (unsigned long long)s % 60);
    else buf_printf(line, "%llu:%02llu", (unsigned long long)s / 60, (unsigned long long)s % 60);
}

void progress_show(struct progress *p)
{
    double t = p->shown ? now() : 0;
    if (!p->shown || t - p->printed < INTERVAL) return;
    p->printed = t;
    double seconds = t - p->started, rate = (double)p->done / seconds;
    struct buf line;
    buf_init(&line, 512);
    buf_printf(&line, "\r\033[K%s  ", p->what);
    if (p->total) buf_printf(&line, "%.0f %%  ", 100.0 * (double)p->done / (double)p->total);
    buf_printf(&line, "%.1f MB/s  %llu rows  ", rate / 1e6, (unsigned long long)p->rows);
    if (p->total > p->done && rate > 0) {
        buf_add(&line, STR("left "));
        put_seconds(&line, (double)(p->total - p->done) / rate);
    }
    ssize_t ignored = write(STDERR_FILENO, line.p, line.n);
    (void)ignored;
    buf_free(&line);
}

void progress_end(struct progress *p)
{
    if (p->shown && p->printed > p->started) wipe();
    p->shown = false;
}
