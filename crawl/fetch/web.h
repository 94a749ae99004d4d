/* The network as a source of bodies. One thread owns the fetcher (crawl/net/client.h); any other hands it a list of URLs and
 * hears of each, in the order in which they come in.
 *
 *     web = web_open(&options, &calls, backlog);
 *     web_ask(web, &list);                         calls.arrived() follows once for each of its URLs, in the driver's thread
 *     ... of each: url->result, and when its body is no longer needed web_done(web, url)
 *     web_close(web);
 *
 * (1) Lists are asked for oldest first; of one list the URLs in order, as far as the fetcher's window goes.
 * (2) While bodies that arrived and are not done yet hold more than `backlog` bytes, no transfer starts: decoding that is
 *     slower than the network slows it down, and costs no server a second request.
 * (3) Once calls.stopping() says so, or the network fails, every URL asked for arrives at once, with `answered` false.
 */
#ifndef WINNOW_FETCH_WEB_H
#define WINNOW_FETCH_WEB_H

#include "crawl/net/client.h"

struct web_list;

struct web_url {
    struct str url;            /* given; lives until it has arrived */
    struct net_result result;  /* when answered */
    struct web_list *list;     /* private */
    bool arrived, answered;
};

struct web_list { /* stays where it is until all its URLs have arrived */
    struct web_url **urls;
    size_t count;
    void *context;             /* for the caller */
    size_t submitted, left;    /* private */
    struct web_list *next;
};

struct web_calls {
    void *context;
    void (*arrived)(struct web_list *list, struct web_url *url); /* the list may be gone when the last one returns */
    bool (*stopping)(void *context);
};

struct web;
struct web *web_open(const struct net_options *options, const struct web_calls *calls, uint64_t backlog); /* NULL with a sentence */
void web_close(struct web *web); /* no list may be under way; NULL is allowed */

void web_ask(struct web *web, struct web_list *list); /* any thread */
void web_done(struct web *web, struct web_url *url);  /* frees the body; any thread */

/* -1 with the network's sentence when it failed, else 0. Any thread. */
int web_failed(struct web *web);
struct net_counts web_counts(struct web *web); /* no list may be under way */

#endif
