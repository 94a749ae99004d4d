/* Several threads over a stream of items, with results in order.
 *
 * An item passes through all steps in turn. A serial step takes items one at a time and in the order in which step 0 made
 * them; a parallel step takes any number at once. A worker picks the latest step that can go on, so that items leave as soon
 * as they may and at most `items` exist: memory is bounded by their number.
 *
 *     step 0 (serial)  returns 1: the item is filled; 0: the stream is at its end
 *     other steps      return 0
 *     any step         returns -1 after fail(): no new items; those before it are carried to their end; ordered_run then
 *                      fails with the sentence of the earliest item that failed
 */
#ifndef WINNOW_ORDERED_H
#define WINNOW_ORDERED_H

#include <stdbool.h>
#include <stddef.h>

struct ordered_step {
    bool parallel;
    int (*run)(void *shared, void *item, unsigned worker);
};

/* `items`: item_count pieces of the caller's memory, used again and again. worker is 0 … threads-1; with one thread
 * everything runs in the calling one. 0, or -1 with a sentence in the calling thread. */
int ordered_run(unsigned threads, const struct ordered_step *steps, size_t step_count, void **items, size_t item_count,
                void *shared);

#endif
