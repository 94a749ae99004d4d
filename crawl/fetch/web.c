/* The driver: takes lists, keeps the fetcher's window full, hands results out. Between two looks at the lists it waits in the
 * fetcher, or, when there is nothing to wait for, on a condition. */
#include "crawl/fetch/web.h"

#include "pipeline/base/fail.h"

#include <pthread.h>
#include <stdlib.h>

enum { LOOK_MS = 200 }; /* how late a signal may be noticed */

struct web {
    struct net *net;             /* the driver's, save for net_wake */
    struct web_calls calls;
    uint64_t backlog;
    pthread_t driver;
    bool started;
    pthread_mutex_t lock;        /* of all below */
    pthread_cond_t asked;
    struct web_list *first, *last; /* with URLs that have not arrived, oldest first */
    uint64_t held;               /* bytes of bodies that are not done */
    bool closing;
    bool ended;                  /* nothing is asked for any more */
    char *sentence;              /* the network failed */
    enum exit_code code;
};

static bool is_over(const struct web *web) { return web->held > web->backlog; }

/* ---- the driver's thread */

static void remove_list(struct web *web, struct web_list *list)
{
    struct web_list **link = &web->first, *before = NULL;
    for (; *link != list; link = &(*link)->next) before = *link;
    *link = list->next;
    if (web->last == list) web->last = before;
}

static void arrive(struct web *web, struct web_url *url)
{
    struct web_list *list = url->list;
    pthread_mutex_lock(&web->lock);
    url->arrived = true;
    if (url->answered) web->held += url->result.body.room;
    if (--list->left == 0) remove_list(web, list);
    pthread_mutex_unlock(&web->lock);
    web->calls.arrived(list, url);
}

/* The oldest list that has URLs to ask for. */
static struct web_list *list_to_ask(struct web *web)
{
    pthread_mutex_lock(&web->lock);
    struct web_list *list = web->first;
    while (list && list->submitted == list->count) list = list->next;
    pthread_mutex_unlock(&web->lock);
    return list;
}

static int submit(struct web *web)
{
    struct web_list *list;
    while ((list = list_to_ask(web))) {
        while (list->submitted < list->count) {
            struct web_url *url = list->urls[list->submitted];
            int taken = net_submit(web->net, (uint64_t)(uintptr_t)url, url->url, NET_PICTURE);
            if (taken <= 0) return taken;
            list->submitted++;
        }
    }
    return 0;
}

/* Hands out what is ready, waiting at most LOOK_MS for the first. */
static int collect(struct web *web)
{
    struct net_result result;
    int64_t wait = LOOK_MS;
    for (int more;; wait = 0) {
        pthread_mutex_lock(&web->lock);
        net_pause(web->net, is_over(web));
        pthread_mutex_unlock(&web->lock);
        if ((more = net_next(web->net, &result, wait)) <= 0) return more;
        struct web_url *url = (struct web_url *)(uintptr_t)result.key;
        url->result = result;
        url->answered = true;
        arrive(web, url);
    }
}

/* Everything that was asked for arrives without an answer, now and from now on. */
static void let_go(struct web *web)
{
    for (;;) {
        pthread_mutex_lock(&web->lock);
        web->ended = true;
        struct web_list *list = web->first;
        size_t left = list ? list->left : 0;
        pthread_mutex_unlock(&web->lock);
        if (!list) return;
        for (size_t i = 0; left; i++) { /* with the last one the list is gone */
            struct web_url *url = list->urls[i];
            if (url->arrived) continue;
            left--;
            arrive(web, url);
        }
    }
}

static void note_failure(struct web *web)
{
    pthread_mutex_lock(&web->lock);
    web->sentence = strdup(fail_message());
    web->code = fail_code();
    pthread_mutex_unlock(&web->lock);
}

/* Waits for a list; false when there will be none. */
static bool wait_for_list(struct web *web)
{
    pthread_mutex_lock(&web->lock);
    while (!web->first && !web->closing) pthread_cond_wait(&web->asked, &web->lock);
    bool some = web->first != NULL;
    pthread_mutex_unlock(&web->lock);
    return some;
}

static void *drive(void *argument)
{
    struct web *web = argument;
    while (wait_for_list(web)) {
        if (!web->ended && !web->calls.stopping(web->calls.context)) {
            if (submit(web) == 0 && collect(web) == 0) continue;
            note_failure(web);
        }
        let_go(web);
    }
    return NULL;
}

/* ---- any thread */

struct web *web_open(const struct net_options *options, const struct web_calls *calls, uint64_t backlog)
{
    struct web *web = calloc(1, sizeof *web);
    if (!web) return fail_memory(), NULL;
    web->calls = *calls;
    web->backlog = backlog;
    pthread_mutex_init(&web->lock, NULL);
    pthread_cond_init(&web->asked, NULL);
    web->net = net_open(options);
    if (web->net && pthread_create(&web->driver, NULL, drive, web) != 0) fail("cannot start a thread");
    else web->started = web->net != NULL;
    if (web->started) return web;
    web_close(web);
    return NULL;
}

void web_close(struct web *web)
{
    if (!web) return;
    if (web->started) {
        pthread_mutex_lock(&web->lock);
        web->closing = true;
        pthread_cond_signal(&web->asked);
        pthread_mutex_unlock(&web->lock);
        pthread_join(web->driver, NULL);
    }
    net_close(web->net);
    pthread_cond_destroy(&web->asked);
    pthread_mutex_destroy(&web->lock);
    free(web->sentence);
    free(web);
}

void web_ask(struct web *web, struct web_list *list)
{
    if (!list->count) return;
    list->submitted = 0;
    list->left = list->count;
    list->next = NULL;
    for (size_t i = 0; i < list->count; i++) {
        list->urls[i]->list = list;
        list->urls[i]->arrived = list->urls[i]->answered = false;
    }
    pthread_mutex_lock(&web->lock);
    if (web->last) web->last->next = list;
    else web->first = list;
    web->last = list;
    pthread_cond_signal(&web->asked);
    pthread_mutex_unlock(&web->lock);
    net_wake(web->net);
}

void web_done(struct web *web, struct web_url *url)
{
    if (!url->answered) return;
    pthread_mutex_lock(&web->lock);
    bool was_over = is_over(web);
    web->held -= url->result.body.room;
    bool wake = was_over && !is_over(web);
    pthread_mutex_unlock(&web->lock);
    net_result_free(&url->result);
    if (wake) net_wake(web->net);
}

int web_failed(struct web *web)
{
    pthread_mutex_lock(&web->lock);
    int result = web->sentence ? (fail_set(web->code, web->sentence), -1) : 0;
    pthread_mutex_unlock(&web->lock);
    return result;
}

struct net_counts web_counts(struct web *web) { return net_counts(web->net); }
