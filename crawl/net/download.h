/* One file over HTTP or HTTPS, as a person fetches one: for models. Crawling is client.h's.
 *
 *     struct download d = {.url = url, .user_agent = "winnow/0.1.0", .from = bytes_there, .validator = validator_there,
 *                          .start = start, .piece = piece, .context = &mine};
 *     switch (download(&d)) ...
 *
 * Redirects are followed, from https to https alone. Names are resolved by the system, and the usual proxy variables of the
 * environment hold, as for any program that a person runs. With `from` and a validator the rest of the file is asked for (Range,
 * If-Range: RFC 9110 §13.1.5, §14.2); where the server's file is another one by now, all of it comes.
 */
#ifndef WINNOW_NET_DOWNLOAD_H
#define WINNOW_NET_DOWNLOAD_H

#include "pipeline/base/str.h"

enum { DOWNLOAD_VALIDATOR_MAX = 256 };

/* What a response says of its body before the first byte of it. */
struct download_head {
    uint64_t from; /* where in the file the body begins: 0, or download.from */
    uint64_t size; /* of the whole file; UINT64_MAX where it is not said */
    char validator[DOWNLOAD_VALIDATOR_MAX]; /* a strong ETag, or Last-Modified; empty: none, what comes cannot be gone on with */
};

struct download {
    const char *url, *user_agent;
    uint64_t from;         /* bytes that are there */
    const char *validator; /* of the response that they came from; NULL or empty: from counts as 0 */
    int (*start)(void *context, const struct download_head *head); /* once, before the first piece; -1 with a sentence stops */
    int (*piece)(void *context, struct str bytes);                 /* -1 with a sentence stops */
    void *context;
};

enum download_end {
    DOWNLOAD_STOPPED = -1, /* start or piece said so; or it cannot be begun (no library, no memory). A sentence */
    DOWNLOAD_DONE,
    DOWNLOAD_BROKEN,       /* no connection, cut, too slow, or a status that passes (408, 429, 5xx): may be tried again. A sentence */
    DOWNLOAD_NOT_THERE,    /* 404, 410. A sentence */
    DOWNLOAD_REFUSED,      /* another status: trying again does not help. A sentence */
};
enum download_end download(const struct download *d);

/* ---- the module */
struct download_ops {
    enum download_end (*download)(const struct download *d);
};

#endif
