#include "crawl/warc/join.h"

#include "pipeline/base/fail.h"

#include <stdlib.h>

struct warc_join {
    struct warc_stream *stream;
    enum warc_kind kind;
    uint64_t begin;   /* where reading began */
    bool streaming;   /* the tolerant reader is at work */
    bool ended;       /* no more bytes follow those fed */
    uint64_t at;      /* not streaming: everything before it is read, and a record starts there */
    uint64_t end;     /* streaming: where the fed bytes end */
};

struct warc_join *warc_join_new(const struct warc_limits *limits)
{
    struct warc_join *j = calloc(1, sizeof *j);
    if (!j) return fail_memory(), NULL;
    j->stream = warc_stream_new(limits);
    if (!j->stream) {
        free(j);
        return NULL;
    }
    return j;
}

void warc_join_free(struct warc_join *j)
{
    if (!j) return;
    warc_stream_free(j->stream);
    free(j);
}

void warc_join_begin(struct warc_join *j, enum warc_kind kind, uint64_t offset)
{
    j->kind = kind;
    j->begin = j->at = offset;
    j->streaming = j->ended = false;
}

bool warc_join_takes(const struct warc_join *j, uint64_t offset) { return !j->streaming && j->at == offset; }

int warc_join_feed(struct warc_join *j, uint64_t offset, struct str bytes, uint64_t from, enum warc_follow follow)
{
    j->end = offset + bytes.n;
    j->ended = follow == WARC_FILE_END;
    if (!j->streaming) {
        j->at = from;
        bool nothing_read = from == j->begin;
        if (from == j->end && !(j->ended && nothing_read)) return 0; /* an empty file is the tolerant reader's to refuse */
        warc_stream_start(j->stream, nothing_read ? WARC_KIND_MORE : j->kind, from); /* … as is one of no known kind */
        j->streaming = true;
    }
    return warc_stream_feed(j->stream, str_from_at(bytes, (size_t)(from - offset)), follow);
}

enum warc_event warc_join_next(struct warc_join *j, struct warc_record *record, struct warc_loss *loss)
{
    if (!j->streaming) return j->ended ? WARC_EVENT_END : WARC_EVENT_MORE;
    enum warc_event event = warc_stream_next(j->stream, record, loss);
    if (event == WARC_EVENT_MORE && warc_stream_clean(j->stream)) {
        j->streaming = false;
        j->kind = warc_stream_kind(j->stream); /* of a file that began with something else, known by now */
        j->at = j->end;
    }
    return event;
}
