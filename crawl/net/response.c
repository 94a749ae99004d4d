/* A response as it comes. The head decides whether the body is wanted; an unwanted one is read away when it is short, since
 * that keeps the connection, and broken off when it is not. */
#include "crawl/image/image.h"
#include "crawl/net/client_private.h"
#include "crawl/net/when.h"
#include "crawl/robots/directives.h"
#include "pipeline/base/fail.h"

#include <time.h>

enum { ANNOUNCED_ROOM_MAX = 1 << 20 }; /* bytes that an announced length reserves at once: it may be a lie */

/* What the fields of a head say that http_head_parse does not look for. */
struct said {
    int64_t length;       /* Content-Length; -1 when there is none that counts */
    unsigned directives;  /* bits of enum directive */
    struct str retry_after, date;
};

static void read_fields(const struct job *job, const struct http_head *head, struct said *said)
{
    struct str rest = head->fields, name, value;
    uint64_t length;
    *said = (struct said){.length = -1};
    while (http_next_field(&rest, &name, &value)) {
        if (str_eq_nocase(name, STR("Content-Length"))) {
            if (str_to_u64(value, &length) == 0 && length <= INT64_MAX) said->length = (int64_t)length;
        } else if (str_eq_nocase(name, STR("X-Robots-Tag"))) {
            said->directives |= directives_of(value, str_from(job->net->options.agent)) & ~(unsigned)DIRECTIVE_TDM;
        } else if (str_eq_nocase(name, STR("tdm-reservation"))) {
            said->directives |= directives_of_tdm(value);
        } else if (str_eq_nocase(name, STR("Retry-After"))) {
            said->retry_after = value;
        } else if (str_eq_nocase(name, STR("Date"))) {
            said->date = value;
        }
    }
    if (head->transfer_encoding.count) said->length = -1; /* RFC 9112 §6.3 */
}

static bool is_redirect(unsigned status) { return status == 301 || status == 302 || status == 303 || status == 307 || status == 308; }

/* Types of which no body is a picture, however servers mix things up. Others are judged by the first bytes. */
static bool certainly_no_picture(struct str type)
{
    static const char *const heads[] = {"video/", "audio/", "font/", "text/css", "text/javascript", "application/javascript",
                                        "application/json", "application/pdf", "application/zip"};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        if (str_starts_nocase(type, str_from(heads[i]))) return true;
    return false;
}

static enum net_status judge_use(struct job *job, const struct said *said)
{
    const struct net_options *o = &job->net->options;
    unsigned tags = said->directives & ~(unsigned)DIRECTIVE_TDM;
    if (!(job->flags & NET_PICTURE)) tags &= ~(unsigned)(DIRECTIVE_NOIMAGEAI | DIRECTIVE_NOIMAGEINDEX);
    if (tags && !o->ignore_tags) {
        job_say(job, "%s", directive_name((enum directive)tags));
        return NET_ROBOTS_TAG;
    }
    if (!(said->directives & DIRECTIVE_TDM) || o->ignore_tdm) return NET_OK;
    job_say(job, "%s", directive_name(DIRECTIVE_TDM));
    return NET_TDM_RESERVED;
}

static enum net_status judge(struct job *job, const struct http_head *head, const struct said *said)
{
    if (head->status == 407 && job->net->options.proxy) { /* only a proxy may say so: RFC 9110 §15.5.8 */
        job->measured = head->status;
        return NET_PROXY;
    }
    if (is_redirect(head->status)) {
        if (!head->location.n) return NET_BAD_LOCATION;
        return buf_add(&job->location, head->location) < 0 ? NET_LOCAL : NET_OK;
    }
    if (job->kind == JOB_NOTICE) return head->status / 100 == 2 ? NET_OK : NET_HTTP;
    if (head->status != 200 && head->status != 203) return NET_HTTP;
    enum net_status status = judge_use(job, said);
    if (status != NET_OK) return status;
    if (job->flags & NET_PICTURE) {
        struct str type = head->content_type.count ? head->content_type.value[head->content_type.count - 1] : STR_ABSENT;
        job->doubtful = !str_starts_nocase(type, STR("image/"));
        job_say(job, "%.*s", STR_ARG(type));
        if (certainly_no_picture(type)) return NET_WRONG_TYPE;
    }
    if (said->length <= (int64_t)job->net->options.bytes_max) return NET_OK;
    job->measured = (uint64_t)said->length;
    return NET_TOO_LONG;
}

static void reset(struct job *job)
{
    job->verdict = NET_OK;
    job->drain = job->enough = job->doubtful = false;
    job->drained = 0;
    job->room_wanted = 0;
    job->retry_after_ms = -1;
    job->measured = 0;
    job->detail[0] = 0;
    buf_free(&job->body);
    buf_clear(&job->encoding);
    buf_clear(&job->location);
}

static int keep_encoding(struct job *job, const struct http_head *head)
{
    for (unsigned i = 0; i < head->content_encoding.count; i++)
        if ((i && buf_add(&job->encoding, STR(", ")) < 0) || buf_add(&job->encoding, head->content_encoding.value[i]) < 0) return -1;
    return 0;
}

static size_t body_limit(const struct job *job)
{
    return job->kind == JOB_NOTICE ? (size_t)ROBOTS_BYTES_MAX : job->net->options.bytes_max;
}

/* Makes the body's buffer, whose ceiling is what may come. */
static int expect_body(struct job *job, int64_t length)
{
    size_t limit = body_limit(job);
    buf_init(&job->body, length >= 0 && (uint64_t)length < limit ? (size_t)length : limit);
    size_t room = length > ANNOUNCED_ROOM_MAX ? (size_t)ANNOUNCED_ROOM_MAX : length > FIRST_ROOM ? (size_t)length : FIRST_ROOM;
    if (job_reserve(job, room)) return 0;
    job->room_wanted = length > 0 && (uint64_t)length <= limit ? (size_t)length : room;
    return -1;
}

int response_head(struct job *job, struct str bytes)
{
    struct http_head head;
    struct said said;
    reset(job);
    if (http_head_parse(&head, bytes) < 0) {
        job->verdict = NET_BAD_HTTP;
        return -1;
    }
    job->http_status = head.status;
    read_fields(job, &head, &said);
    if (said.retry_after.p) job->retry_after_ms = when_retry_after(said.retry_after, said.date, (int64_t)time(NULL));
    job->verdict = judge(job, &head, &said);
    job->drain = job->verdict != NET_OK || job->location.n;
    if (job->drain) {
        bool refused = job->verdict != NET_OK && job->verdict != NET_HTTP && job->verdict != NET_BAD_LOCATION;
        return said.length > DRAIN_BYTES || (said.length < 0 && refused) ? -1 : 0;
    }
    if (keep_encoding(job, &head) < 0) {
        job->verdict = NET_LOCAL;
        return -1;
    }
    return expect_body(job, said.length);
}

static bool is_no_picture(struct str body)
{
    struct image_info info;
    return image_probe(body, &image_limits_default, &info) == IMAGE_NOT_AN_IMAGE;
}

static int drain_piece(struct job *job, struct str piece)
{
    job->drained += piece.n;
    return job->drained > DRAIN_BYTES ? -1 : 0;
}

/* Makes room in the body and accounts for it; buf doubles, so twice the need is an upper bound. */
static int make_room(struct job *job, size_t extra)
{
    struct buf *body = &job->body;
    if (body->room - body->n >= extra) return 0;
    size_t need = body->n + extra, room = need > body->ceiling / 2 ? body->ceiling : 2 * need;
    if (!job_reserve(job, room)) {
        job->room_wanted = body->ceiling; /* at least all that may come: it is broken off once, not again and again */
        return -1;
    }
    if (buf_reserve(body, extra) == 0) return 0;
    job->verdict = NET_LOCAL;
    return -1;
}

int response_body(struct job *job, struct str piece)
{
    job->net->counts.bytes += piece.n;
    if (job->drain) return drain_piece(job, piece);
    size_t left = job->body.ceiling - job->body.n;
    if (piece.n > left && job->kind == JOB_NOTICE) {
        piece.n = left;
        job->enough = true;
    } else if (piece.n > left) {
        job->verdict = NET_TOO_LONG;
        job->measured = job->body.n + piece.n;
        return -1;
    }
    if (make_room(job, piece.n) < 0 || buf_add(&job->body, piece) < 0) return -1;
    if (job->doubtful && !job->encoding.n && job->body.n >= SNIFF_BYTES) {
        job->doubtful = false;
        if (is_no_picture(buf_str(&job->body))) job->verdict = NET_WRONG_TYPE;
    }
    return job->verdict != NET_OK || job->enough ? -1 : 0;
}

/* Undoes the content coding into a body of its own. */
static enum net_status decode(struct job *job)
{
    struct http_body decoder;
    struct http_head head = {.content_encoding = {.value = {buf_str(&job->encoding)}, .count = 1}};
    unsigned marks;
    size_t limit = body_limit(job);
    http_body_init(&decoder, limit);
    struct str body = http_body_decode(&decoder, &head, buf_str(&job->body), false, &marks);
    enum net_status status = NET_OK;
    struct buf decoded;
    buf_init(&decoded, limit);
    if (!body.p || (marks & HTTP_BODY_DECODED && buf_add(&decoded, body) < 0)) status = NET_LOCAL;
    else if (marks & HTTP_BODY_LIMITED && job->kind == JOB_URL) status = NET_TOO_LONG;
    else if (marks & (HTTP_BODY_DAMAGED | HTTP_BODY_UNKNOWN)) status = NET_BAD_CODING;
    if (status == NET_OK && marks & HTTP_BODY_DECODED) {
        buf_free(&job->body);
        job->body = decoded;
        if (!job_reserve(job, decoded.room)) job->net->held += decoded.room - job->reserved, job->reserved = decoded.room;
    } else {
        buf_free(&decoded);
    }
    if (status == NET_TOO_LONG) job->measured = limit;
    http_body_free(&decoder);
    return status;
}

enum net_status response_end(struct job *job)
{
    if (job->verdict != NET_OK) return job->verdict;
    if (job->encoding.n && job->body.n) {
        enum net_status status = decode(job);
        if (status != NET_OK) return status;
    }
    return job->doubtful && is_no_picture(buf_str(&job->body)) ? NET_WRONG_TYPE : NET_OK;
}
