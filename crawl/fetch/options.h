/* The options of `winnow fetch`, and the network's part of them as the fetcher wants it. */
#ifndef WINNOW_FETCH_OPTIONS_H
#define WINNOW_FETCH_OPTIONS_H

#include "crawl/net/client.h"
#include "pipeline/options.h"

struct fetch_options {
    struct option_list from_warc, pictures;
    bool from_web, retry;
    const char *resize, *format;
    uint64_t size, quality, max_bytes, max_pixels;
    bool enlarge, exact_resize, keep_bytes, keep_unchanged;
    /* ---- from the web */
    const char *user_agent, *dns, *proxy, *ca, *opt_out, *ports;
    uint64_t timeout, connections, per_host, retries, redirects;
    double rate;
    bool no_robots, no_directives;
    struct option_list accept_network;
};
extern const struct option fetch_option_table[];
bool fetch_option_is_of_web(const struct option *option); /* says nothing without --from-web */

/* The product token of a user agent ("mybot/1.0 (+https://example.org)": mybot), copied; a usage sentence when there is none,
 * or no way to reach whoever runs it. */
int fetch_agent(char *token, size_t room, const char *user_agent);

/* `agent`: as fetch_agent gave it, `list`: NULL without --opt-out; both outlive the net. -1 with a sentence. */
int fetch_net_options(struct net_options *net, const struct fetch_options *o, const char *agent, const struct optout *list);

#endif
