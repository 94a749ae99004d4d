/* Ordered threads: a ring of items. Item number s lies in slot s mod item_count; `at[slot]` is the step it waits for or is in.
 *
 * (1) A serial step k may take item s only when turn[k] == s; it sets turn[k] = s + 1 when done.
 * (2) Step 0 may start when nobody is in it, the stream goes on, and the slot of the next number is free.
 * (3) A slot is free when its item has left the last step; items leave in order since the last step is serial or waits (4).
 * (4) `oldest` advances over finished items only.
 * One lock; an item is some hundred microseconds of work, so nobody waits for it. */
#include "pipeline/base/ordered.h"

#include "pipeline/base/fail.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS_MAX = 16, MESSAGE_BYTES = 4096, DONE = STEPS_MAX };

struct slot {
    unsigned step; /* waits for it, or is in it when busy; DONE when it left the last one */
    bool busy;
};

struct ordered {
    const struct ordered_step *steps;
    size_t step_count;
    void **items, *shared;
    size_t item_count;
    struct slot *slots;
    uint64_t oldest, next;          /* items [oldest, next) are in the ring */
    uint64_t turn[STEPS_MAX];
    bool reading, ended;
    uint64_t failed;                /* number of the earliest failed item; UINT64_MAX: none */
    enum exit_code code;
    char message[MESSAGE_BYTES];
    pthread_mutex_t lock;
    pthread_cond_t changed;
};

struct job {
    uint64_t number;
    unsigned step;
};

/* Finds something to do: the latest step first. Called with the lock held. */
static bool pick(struct ordered *o, struct job *job)
{
    bool found = false;
    for (uint64_t s = o->oldest; s < o->next; s++) {
        struct slot *slot = &o->slots[s % o->item_count];
        if (slot->busy || slot->step == DONE || s >= o->failed) continue;
        if (!o->steps[slot->step].parallel && o->turn[slot->step] != s) continue;
        if (!found || slot->step > job->step) *job = (struct job){s, slot->step};
        found = true;
    }
    if (found) return true;
    if (o->reading || o->ended || o->failed != UINT64_MAX || o->next - o->oldest == o->item_count) return false;
    *job = (struct job){o->next, 0};
    return true;
}

static bool finished(const struct ordered *o)
{
    if (o->reading) return false;
    if (o->failed != UINT64_MAX) return o->oldest >= o->failed || o->oldest == o->next;
    return o->ended && o->oldest == o->next;
}

static void note_failure(struct ordered *o, uint64_t number)
{
    if (number >= o->failed) return;
    o->failed = number;
    o->code = fail_code();
    snprintf(o->message, sizeof o->message, "%s", fail_message());
}

static void advance(struct ordered *o, struct job job, int result)
{
    struct slot *slot = &o->slots[job.number % o->item_count];
    slot->busy = false;
    if (job.step == 0) o->reading = false;
    if (result < 0) {
        note_failure(o, job.number);
        if (job.step == 0) o->ended = true;
        return;
    }
    if (job.step == 0) {
        if (result == 0) {
            o->ended = true;
            return;
        }
        o->next++;
    }
    if (!o->steps[job.step].parallel) o->turn[job.step] = job.number + 1;
    slot->step = job.step + 1 == o->step_count ? DONE : job.step + 1;
    while (o->oldest < o->next && o->slots[o->oldest % o->item_count].step == DONE) o->oldest++;
}

static void work(struct ordered *o, unsigned worker)
{
    pthread_mutex_lock(&o->lock);
    while (!finished(o)) {
        struct job job = {0};
        if (!pick(o, &job)) {
            pthread_cond_wait(&o->changed, &o->lock);
            continue;
        }
        struct slot *slot = &o->slots[job.number % o->item_count];
        slot->busy = true;
        slot->step = job.step;
        if (job.step == 0) o->reading = true;
        pthread_mutex_unlock(&o->lock);
        int result = o->steps[job.step].run(o->shared, o->items[job.number % o->item_count], worker);
        pthread_mutex_lock(&o->lock);
        advance(o, job, result);
        pthread_cond_broadcast(&o->changed);
    }
    pthread_cond_broadcast(&o->changed);
    pthread_mutex_unlock(&o->lock);
}

struct worker {
    struct ordered *ordered;
    unsigned number;
    pthread_t thread;
};

static void *work_in_thread(void *argument)
{
    struct worker *w = argument;
    work(w->ordered, w->number);
    return NULL;
}

int ordered_run(unsigned threads, const struct ordered_step *steps, size_t step_count, void **items, size_t item_count,
                void *shared)
{
    struct ordered o = {.steps = steps, .step_count = step_count, .items = items, .shared = shared,
                        .item_count = item_count, .failed = UINT64_MAX, .lock = PTHREAD_MUTEX_INITIALIZER,
                        .changed = PTHREAD_COND_INITIALIZER};
    if (step_count > STEPS_MAX || item_count == 0 || threads == 0) return fail("ordered_run: wrong sizes");
    struct worker *workers = calloc(threads, sizeof *workers);
    o.slots = calloc(item_count, sizeof *o.slots);
    if (!workers || !o.slots) {
        free(workers);
        free(o.slots);
        return fail_memory();
    }
    unsigned started = 1;
    for (; started < threads; started++) {
        workers[started] = (struct worker){&o, started, 0};
        if (pthread_create(&workers[started].thread, NULL, work_in_thread, &workers[started])) break; /* fewer will do */
    }
    work(&o, 0);
    for (unsigned i = 1; i < started; i++) pthread_join(workers[i].thread, NULL);
    free(workers);
    free(o.slots);
    pthread_mutex_destroy(&o.lock);
    pthread_cond_destroy(&o.changed);
    if (o.failed == UINT64_MAX) return 0;
    fail_set(o.code, o.message);
    return -1;
}
