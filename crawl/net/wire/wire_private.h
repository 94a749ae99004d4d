/* What the three parts of the module share: the loop (net_module.c), transfers (transfers.c), questions (questions.c). */
#ifndef WINNOW_NET_WIRE_PRIVATE_H
#define WINNOW_NET_WIRE_PRIVATE_H

#include "crawl/net/wire.h"

/* What an epoll event belongs to: its kind stands in the high half of the event's data, the socket in the low one. */
enum watch_kind { WATCH_WAKE, WATCH_TRANSFERS, WATCH_QUESTIONS /* + number of the server */ };
/* Watches a socket for reading and writing; neither of them: no longer. */
void wire_watch(int epoll, int fd, unsigned kind, bool readable, bool writable);

int64_t wire_clock(void); /* milliseconds, monotonic */

struct transfers;
struct transfers *transfers_open(int epoll, const struct wire_options *options, const struct wire_calls *calls);
void transfers_close(struct transfers *t);
int transfers_start(struct transfers *t, const struct wire_request *request);
int64_t transfers_due(const struct transfers *t);        /* when it wants to be called; INT64_MAX when it does not matter */
int transfers_event(struct transfers *t, int fd, bool readable, bool writable, bool broken); /* fd < 0: the time has come */
int transfers_deliver(struct transfers *t);              /* calls `done` for what has ended; how many */
void transfers_versions(struct buf *out);

struct questions;
struct questions *questions_open(int epoll, const struct wire_options *options, const struct wire_calls *calls);
void questions_close(struct questions *q);
int questions_ask(struct questions *q, unsigned server, const char *name, int family, void *owner);
int64_t questions_due(const struct questions *q);
void questions_event(struct questions *q, unsigned server, int fd, bool readable, bool writable);
void questions_expire(struct questions *q);              /* notices what has timed out */
int questions_deliver(struct questions *q);
const char *questions_version(void);

#endif
