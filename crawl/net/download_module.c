/* One transfer by libcurl's easy interface. Heads of redirects come before the last one's: each status line begins anew. */
#include "crawl/net/download.h"

#include "pipeline/base/fail.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

enum { REDIRECTS_MOST = 10, CONNECT_S = 30, STALL_S = 60, STALL_BYTES_PER_S = 64 };

struct transfer {
    const struct download *d;
    CURL *curl;
    struct download_head head;
    char etag[DOWNLOAD_VALIDATOR_MAX], modified[DOWNLOAD_VALIDATOR_MAX];
    uint64_t length;      /* Content-Length; UINT64_MAX: none */
    uint64_t range_from, range_size;
    bool has_range, started, stopped, not_as_asked;
    char why[CURL_ERROR_SIZE];
};

/* ---- heads */

static void forget_head(struct transfer *t)
{
    t->etag[0] = t->modified[0] = 0;
    t->length = UINT64_MAX;
    t->has_range = false;
}

static void keep(char to[DOWNLOAD_VALIDATOR_MAX], struct str value)
{
    if (value.n < DOWNLOAD_VALIDATOR_MAX) snprintf(to, DOWNLOAD_VALIDATOR_MAX, "%.*s", STR_ARG(value));
}

/* "bytes 100-199/200" */
static void read_range(struct transfer *t, struct str value)
{
    if (!str_starts(value, STR("bytes "))) return;
    struct str size = str_trim(str_from_at(value, 6)), range = str_cut(&size, '/'), from = str_cut(&range, '-');
    t->has_range = str_to_u64(from, &t->range_from) == 0;
    if (!size.p || str_to_u64(size, &t->range_size) < 0) t->range_size = UINT64_MAX;
}

static bool is_field(struct str name, const char *field)
{
    size_t n = 0;
    while (field[n] && n < name.n && ascii_lower(name.p[n]) == field[n]) n++;
    return !field[n] && n == name.n;
}

static size_t on_header(char *bytes, size_t one, size_t n, void *context)
{
    struct transfer *t = context;
    struct str value = str_of(bytes, one * n), name = str_cut(&value, ':');
    if (str_starts(name, STR("HTTP/"))) forget_head(t);
    if (!value.p) return one * n;
    value = str_trim(value);
    if (is_field(name, "etag")) keep(t->etag, value);
    else if (is_field(name, "last-modified")) keep(t->modified, value);
    else if (is_field(name, "content-range")) read_range(t, value);
    else if (is_field(name, "content-length") && str_to_u64(value, &t->length) < 0) t->length = UINT64_MAX;
    return one * n;
}

static long status_of(const struct transfer *t)
{
    long status = 0;
    curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

/* The body of a 200 or 206 is about to come. */
static int start(struct transfer *t)
{
    bool partial = status_of(t) == 206, strong = t->etag[0] == '"';
    t->started = true;
    t->head = (struct download_head){.from = partial ? t->range_from : 0, .size = partial ? t->range_size : t->length};
    if (partial && (!t->has_range || t->range_from != t->d->from)) {
        t->not_as_asked = true;
        return fail("%s: the server sends another part than it was asked for", t->d->url);
    }
    snprintf(t->head.validator, sizeof t->head.validator, "%s", strong ? t->etag : t->modified);
    return t->d->start(t->d->context, &t->head);
}

static size_t on_body(char *bytes, size_t one, size_t n, void *context)
{
    struct transfer *t = context;
    long status = status_of(t);
    if (status != 200 && status != 206) return one * n; /* words about a failure */
    if ((!t->started && start(t) < 0) || t->d->piece(t->d->context, str_of(bytes, one * n)) < 0) {
        t->stopped = true;
        return CURL_WRITEFUNC_ERROR;
    }
    return one * n;
}

/* ---- the transfer */

static struct curl_slist *fields(const struct download *d)
{
    char field[DOWNLOAD_VALIDATOR_MAX + 32];
    struct curl_slist *list = curl_slist_append(NULL, "Accept-Encoding: identity");
    if (!list || !d->from) return list;
    snprintf(field, sizeof field, "Range: bytes=%llu-", (unsigned long long)d->from);
    struct curl_slist *more = curl_slist_append(list, field);
    snprintf(field, sizeof field, "If-Range: %s", d->validator);
    if (more) more = curl_slist_append(more, field);
    if (!more) curl_slist_free_all(list);
    return more;
}

static void set_up(struct transfer *t, struct curl_slist *list)
{
    const char *schemes = strncmp(t->d->url, "https:", 6) == 0 ? "https" : "http,https";
    curl_easy_setopt(t->curl, CURLOPT_URL, t->d->url);
    curl_easy_setopt(t->curl, CURLOPT_PROTOCOLS_STR, schemes);
    curl_easy_setopt(t->curl, CURLOPT_REDIR_PROTOCOLS_STR, schemes);
    curl_easy_setopt(t->curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(t->curl, CURLOPT_MAXREDIRS, (long)REDIRECTS_MOST);
    curl_easy_setopt(t->curl, CURLOPT_USERAGENT, t->d->user_agent);
    curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(t->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(t->curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    curl_easy_setopt(t->curl, CURLOPT_LOW_SPEED_TIME, (long)STALL_S);
    curl_easy_setopt(t->curl, CURLOPT_LOW_SPEED_LIMIT, (long)STALL_BYTES_PER_S);
    curl_easy_setopt(t->curl, CURLOPT_ERRORBUFFER, t->why);
    curl_easy_setopt(t->curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(t->curl, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(t->curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(t->curl, CURLOPT_WRITEDATA, t);
}

static enum download_end end_of(struct transfer *t, CURLcode code)
{
    long status = status_of(t);
    if (t->not_as_asked) return DOWNLOAD_REFUSED;
    if (t->stopped) return DOWNLOAD_STOPPED;
    if (code == CURLE_OUT_OF_MEMORY) return fail_memory(), DOWNLOAD_STOPPED;
    if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_TOO_MANY_REDIRECTS ||
        code == CURLE_PEER_FAILED_VERIFICATION)
        return fail("%s: %s", t->d->url, t->why[0] ? t->why : curl_easy_strerror(code)), DOWNLOAD_REFUSED;
    if (code != CURLE_OK) return fail("%s: %s", t->d->url, t->why[0] ? t->why : curl_easy_strerror(code)), DOWNLOAD_BROKEN;
    if (status == 200 || status == 206) return t->started || start(t) == 0 ? DOWNLOAD_DONE : DOWNLOAD_STOPPED; /* an empty file */
    fail("%s: HTTP status %ld", t->d->url, status);
    if (status == 404 || status == 410) return DOWNLOAD_NOT_THERE;
    return status == 408 || status == 429 || status >= 500 ? DOWNLOAD_BROKEN : DOWNLOAD_REFUSED;
}

static enum download_end run(const struct download *asked)
{
    struct download d = *asked;
    if (!d.validator || !*d.validator) d.from = 0;
    struct transfer t = {.d = &d, .curl = curl_easy_init(), .length = UINT64_MAX};
    struct curl_slist *list = t.curl ? fields(&d) : NULL;
    enum download_end end = DOWNLOAD_STOPPED;
    if (list) {
        set_up(&t, list);
        end = end_of(&t, curl_easy_perform(t.curl));
    } else {
        fail_memory();
    }
    curl_slist_free_all(list);
    curl_easy_cleanup(t.curl);
    return end;
}

extern const struct download_ops winnow_module_download;
const struct download_ops winnow_module_download = {.download = run};
