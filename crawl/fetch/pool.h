/* Threads that share out lists of jobs, and room in memory for what a job holds.
 *
 * A row stage's items are large, and few when the input is small; fetching wants every processor busy from the first row on.
 * So the harness' workers hand their lists to one pool and wait; the pool takes jobs from the oldest list first.
 *
 *     pool = pool_new(threads, run_job, shared);
 *     pool_run(pool, list, count);                 run_job(shared, list, index, worker) for every index; any thread may call
 *     pool_free(pool);
 */
#ifndef WINNOW_FETCH_POOL_H
#define WINNOW_FETCH_POOL_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

struct pool;

/* 0, or -1 after fail(). `worker` is 0 … threads-1 and belongs to one thread at a time. */
typedef int pool_job(void *shared, void *list, size_t index, unsigned worker);

struct pool *pool_new(unsigned threads, pool_job *run, void *shared); /* NULL with a sentence */
/* Returns when all jobs are done. -1 with the sentence of the lowest index that failed; later jobs may then be left out. */
int pool_run(struct pool *pool, void *list, size_t count);
void pool_free(struct pool *pool); /* no list may be running; NULL is allowed */

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
