/* The loop: both libraries tell which sockets they wait for, and until when. Their callbacks only note what has happened; it
 * is delivered at the end of wait(), so that the code above never runs inside one of them. */
#include "crawl/net/wire/wire_private.h"

#include "pipeline/base/fail.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 256 };

struct wire {
    int epoll, wake;
    struct transfers *transfers;
    struct questions *questions;
};

int64_t wire_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void wire_watch(int epoll, int fd, unsigned kind, bool readable, bool writable)
{
    struct epoll_event event = {.events = (readable ? (uint32_t)EPOLLIN : 0) | (writable ? (uint32_t)EPOLLOUT : 0),
                                .data.u64 = (uint64_t)kind << 32 | (uint32_t)fd};
    if (!readable && !writable) epoll_ctl(epoll, EPOLL_CTL_DEL, fd, &event);
    else if (epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event) < 0 && errno == ENOENT) epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static void wire_close(struct wire *w)
{
    if (!w) return;
    transfers_close(w->transfers);
    questions_close(w->questions);
    if (w->epoll >= 0) close(w->epoll);
    if (w->wake >= 0) close(w->wake);
    free(w);
}

static struct wire *wire_open(const struct wire_options *options, const struct wire_calls *calls)
{
    struct wire *w = calloc(1, sizeof *w);
    if (!w) return fail_memory(), NULL;
    w->epoll = epoll_create1(EPOLL_CLOEXEC);
    w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (w->epoll < 0 || w->wake < 0) {
        fail_errno("cannot make an epoll");
        wire_close(w);
        return NULL;
    }
    wire_watch(w->epoll, w->wake, WATCH_WAKE, true, false);
    w->transfers = transfers_open(w->epoll, options, calls);
    w->questions = w->transfers ? questions_open(w->epoll, options, calls) : NULL;
    if (!w->questions) {
        wire_close(w);
        return NULL;
    }
    return w;
}

static int wire_start(struct wire *w, const struct wire_request *request) { return transfers_start(w->transfers, request); }

static int wire_ask(struct wire *w, unsigned server, const char *name, int family, void *owner)
{
    return questions_ask(w->questions, server, name, family, owner);
}

static void wire_wake(struct wire *w)
{
    uint64_t one = 1;
    ssize_t written = write(w->wake, &one, sizeof one); /* a full counter wakes too */
    (void)written;
}

/* 1 when somebody woke the loop, else 0 or -1. */
static int dispatch(struct wire *w, const struct epoll_event *event)
{
    unsigned kind = (unsigned)(event->data.u64 >> 32);
    int fd = (int)(uint32_t)event->data.u64;
    bool broken = event->events & (EPOLLERR | EPOLLHUP);
    bool readable = (event->events & EPOLLIN) || broken, writable = event->events & EPOLLOUT;
    if (kind == WATCH_TRANSFERS) return transfers_event(w->transfers, fd, readable, writable, broken);
    if (kind == WATCH_WAKE) {
        uint64_t count;
        return read(fd, &count, sizeof count) > 0;
    }
    questions_event(w->questions, kind - WATCH_QUESTIONS, fd, readable, writable);
    return 0;
}

static int wire_wait(struct wire *w, int64_t milliseconds)
{
    struct epoll_event events[EVENTS];
    int64_t now = wire_clock(), due = transfers_due(w->transfers), asked = questions_due(w->questions);
    if (asked < due) due = asked;
    if (milliseconds > 60000) milliseconds = 60000;
    if (due - now < milliseconds) milliseconds = due > now ? due - now : 0;
    int n = epoll_wait(w->epoll, events, EVENTS, (int)milliseconds);
    if (n < 0 && errno != EINTR) return fail_errno("cannot wait for the network");
    bool woken = false;
    for (int i = 0; i < n; i++) {
        int result = dispatch(w, &events[i]);
        if (result < 0) return -1;
        woken |= result == 1;
    }
    if (wire_clock() >= transfers_due(w->transfers) && transfers_event(w->transfers, -1, false, false, false) < 0) return -1;
    questions_expire(w->questions);
    questions_deliver(w->questions);
    transfers_deliver(w->transfers);
    return woken;
}

static int versions(struct buf *out)
{
    transfers_versions(out);
    return buf_printf(out, ", c-ares %s", questions_version());
}

extern const struct wire_ops winnow_module_net;
const struct wire_ops winnow_module_net = {
    .open = wire_open, .close = wire_close, .start = wire_start, .ask = wire_ask, .wait = wire_wait, .wake = wire_wake,
    .versions = versions,
};
