/* Threads that share out lists of jobs, and room in memory for what a job holds.
 *
 * A row stage's items are large, and few when the input is small; fetching wants every processor busy from the first row on.
 * So the harness' workers hand their lists to one pool and wait; the pool takes jobs from the oldest list first.
 *
 *     pool = pool_new(threads, run_job, shared);
 *     pool_run(pool, list, count);                 run_job(shared, list, index, worker) for every index; any thread may call
 *     pool_free(pool);
 *
 * A list whose jobs become ready one by one, in any order:
 *
 *     struct pool_list list;
 *     pool_begin(pool, &list, jobs, count, order);
 *     pool_ready(&list, index);                    once for every index; any thread
 *     pool_wait(&list);
 */
#ifndef WINNOW_FETCH_POOL_H
#define WINNOW_FETCH_POOL_H

#include "pipeline/base/fail.h"

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

struct pool;

struct pool_list { /* private */
    struct pool *pool;
    void *jobs;
    size_t *order;   /* indices in the order in which they became ready; NULL: as they are numbered */
    size_t count, ready, next, done;
    size_t failed;   /* lowest index that failed; count when none did */
    char *sentence;
    enum exit_code code;
    bool queued;     /* it stands in the pool's queue */
    struct pool_list *after;
};

/* 0, or -1 after fail(). `worker` is 0 … threads-1 and belongs to one thread at a time. */
typedef int pool_job(void *shared, void *list, size_t index, unsigned worker);

struct pool *pool_new(unsigned threads, pool_job *run, void *shared); /* NULL with a sentence */
/* Returns when all jobs are done. -1 with the sentence of the lowest index that failed; later jobs may then be left out. */
int pool_run(struct pool *pool, void *list, size_t count);
void pool_free(struct pool *pool); /* no list may be running; NULL is allowed */

/* `order`: memory for `count` indices; it and `list` stay until pool_wait() has returned, which does so as pool_run() does. */
void pool_begin(struct pool *pool, struct pool_list *list, void *jobs, size_t count, size_t *order);
void pool_ready(struct pool_list *list, size_t index);
int pool_wait(struct pool_list *list);

/* A number of bytes that jobs reserve before they allocate, and give back. One job alone may have more than there is. */
struct room {
    pthread_mutex_t lock;
    pthread_cond_t freed;
    uint64_t total, used;
};
void room_init(struct room *room, uint64_t total);
void room_take(struct room *room, uint64_t bytes); /* waits; a job that holds some already must not call it */
void room_give(struct room *room, uint64_t bytes);
void room_free(struct room *room);

#endif
