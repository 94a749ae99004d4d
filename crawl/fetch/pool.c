/* One lock: a job is a picture, milliseconds long. Lists with ready jobs stand in a queue and leave it when the last of these
 * is taken; who began a list owns its entry and waits on it. */
#include "crawl/fetch/pool.h"

#include <stdlib.h>
#include <string.h>

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t work, finished;
    struct pool_list *first, *last;
    pool_job *run;
    void *shared;
    bool stopping;
    unsigned threads;
    pthread_t *handles;
};

struct start {
    struct pool *pool;
    unsigned worker;
};

/* Notes a failure in the thread that has the sentence. Under the lock. */
static void note_failure(struct pool_list *list, size_t index)
{
    if (index >= list->failed) return;
    free(list->sentence);
    list->sentence = strdup(fail_message());
    list->code = fail_code();
    list->failed = index;
}

/* Takes and runs one job of the first list; called and returns with the lock held. */
static void run_one(struct pool *pool, unsigned worker)
{
    struct pool_list *list = pool->first;
    size_t index = list->order ? list->order[list->next] : list->next;
    if (++list->next == list->ready) {
        pool->first = list->after;
        if (!pool->first) pool->last = NULL;
        list->queued = false;
    }
    bool wanted = index < list->failed;
    pthread_mutex_unlock(&pool->lock);
    int result = wanted ? pool->run(pool->shared, list->jobs, index, worker) : 0;
    pthread_mutex_lock(&pool->lock);
    if (result < 0) note_failure(list, index);
    if (++list->done == list->count) pthread_cond_broadcast(&pool->finished);
}

static void *thread_main(void *argument)
{
    struct start start = *(struct start *)argument;
    free(argument);
    pthread_mutex_lock(&start.pool->lock);
    while (!start.pool->stopping) {
        if (start.pool->first) run_one(start.pool, start.worker);
        else pthread_cond_wait(&start.pool->work, &start.pool->lock);
    }
    pthread_mutex_unlock(&start.pool->lock);
    return NULL;
}

static int start_thread(struct pool *pool)
{
    struct start *start = malloc(sizeof *start);
    if (!start) return fail_memory();
    *start = (struct start){pool, pool->threads};
    if (pthread_create(&pool->handles[pool->threads], NULL, thread_main, start) != 0) {
        free(start);
        return fail("cannot start a thread: fewer --threads may help");
    }
    pool->threads++;
    return 0;
}

struct pool *pool_new(unsigned threads, pool_job *run, void *shared)
{
    struct pool *pool = calloc(1, sizeof *pool);
    if (!pool || !(pool->handles = calloc(threads, sizeof *pool->handles))) {
        free(pool);
        fail_memory();
        return NULL;
    }
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->finished, NULL);
    pool->run = run;
    pool->shared = shared;
    while (pool->threads < threads) {
        if (start_thread(pool) == 0) continue;
        pool_free(pool);
        return NULL;
    }
    return pool;
}

/* Under the lock. */
static void enqueue(struct pool_list *list)
{
    struct pool *pool = list->pool;
    if (list->queued) return;
    list->after = NULL;
    if (pool->last) pool->last->after = list;
    else pool->first = list;
    pool->last = list;
    list->queued = true;
}

void pool_begin(struct pool *pool, struct pool_list *list, void *jobs, size_t count, size_t *order)
{
    *list = (struct pool_list){.pool = pool, .jobs = jobs, .count = count, .failed = count, .order = order};
}

void pool_ready(struct pool_list *list, size_t index)
{
    struct pool *pool = list->pool;
    pthread_mutex_lock(&pool->lock);
    list->order[list->ready++] = index;
    enqueue(list);
    pthread_cond_signal(&pool->work);
    pthread_mutex_unlock(&pool->lock);
}

int pool_wait(struct pool_list *list)
{
    struct pool *pool = list->pool;
    pthread_mutex_lock(&pool->lock);
    while (list->done < list->count) pthread_cond_wait(&pool->finished, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
    if (list->failed == list->count) return 0;
    fail_set(list->code, list->sentence ? list->sentence : "out of memory");
    free(list->sentence);
    return -1;
}

int pool_run(struct pool *pool, void *jobs, size_t count)
{
    if (count == 0) return 0;
    struct pool_list list;
    pool_begin(pool, &list, jobs, count, NULL);
    pthread_mutex_lock(&pool->lock);
    list.ready = count;
    enqueue(&list);
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    return pool_wait(&list);
}

void pool_free(struct pool *pool)
{
    if (!pool) return;
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->threads; i++) pthread_join(pool->handles[i], NULL);
    pthread_cond_destroy(&pool->work);
    pthread_cond_destroy(&pool->finished);
    pthread_mutex_destroy(&pool->lock);
    free(pool->handles);
    free(pool);
}

void room_init(struct room *room, uint64_t total)
{
    *room = (struct room){.total = total};
    pthread_mutex_init(&room->lock, NULL);
    pthread_cond_init(&room->freed, NULL);
}

void room_take(struct room *room, uint64_t bytes)
{
    pthread_mutex_lock(&room->lock);
    while (room->used && (bytes > room->total || room->used > room->total - bytes)) pthread_cond_wait(&room->freed, &room->lock);
    room->used += bytes;
    pthread_mutex_unlock(&room->lock);
}

void room_give(struct room *room, uint64_t bytes)
{
    pthread_mutex_lock(&room->lock);
    room->used -= bytes;
    pthread_cond_broadcast(&room->freed);
    pthread_mutex_unlock(&room->lock);
}

void room_free(struct room *room)
{
    pthread_mutex_destroy(&room->lock);
    pthread_cond_destroy(&room->freed);
}
