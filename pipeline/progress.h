/* One line of progress on a terminal: share done, rate, rows, time left. Nothing at all where stderr is not a terminal. */
#ifndef WINNOW_PROGRESS_H
#define WINNOW_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    const char *what;      /* the command */
    bool shown;            /* stderr is a terminal, and not --quiet */
    uint64_t total, done;  /* bytes of input; total 0: unknown */
    uint64_t rows;         /* written so far */
    double started, printed; /* seconds of the monotonic clock */
};
void progress_begin(struct progress *p, const char *what, bool quiet);
void progress_show(struct progress *p); /* prints at most twice a second */
void progress_end(struct progress *p);  /* wipes the line */

#endif
