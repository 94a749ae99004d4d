/* Transfers by libcurl's multi interface. What a request may connect to is handed over as ready addresses (CURLOPT_RESOLVE);
 * a name that has none is an error (the resolver's start is refused), so the system's resolver is never asked. The socket
 * callback shows the guard the very address that is about to be connected to. */
#include "crawl/net/wire/wire_private.h"

#include "pipeline/base/fail.h"

#include <curl/curl.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    RECEIVE_BYTES = 32 << 10,  /* of one read; each running transfer holds as much */
    NAME_SECONDS = 2,          /* that addresses stay with libcurl, which walks all of them at the end of each transfer. Every
                                  request hands its own over anew, and they are used in the same moment */
    IDLE_SECONDS = 30,         /* after which an idle connection is not used again */
    HOST_BYTES_MAX = 256,      /* of a name in CURLOPT_RESOLVE */
};

struct transfer {
    struct transfers *all;
    struct transfer *next_free, *next, **link; /* link: where the list of running ones points at this */
    CURL *easy;
    void *owner;
    struct curl_slist *resolve;
    char given[HOST_BYTES_MAX + 8]; /* what takes back the name that libcurl was given; "" when there is none */
    struct buf head;
    size_t head_bytes;  /* of all heads so far */
    unsigned deadline_ms;
    bool in_body, stopped, bad_head, blocked, literal;
    bool short_of_sockets; /* this process could have no more */
    bool tunnels; /* by CONNECT, through a proxy */
    bool afresh;  /* this is the second start */
    int opened; /* the last socket that was made for it; -1 without one */
    bool stale;   /* the connection that was to be used again is out of step */
    bool unnamed; /* libcurl wanted to connect once more, and another handle had taken the name back */
    char error[CURL_ERROR_SIZE];
};

struct transfers {
    int epoll;
    CURLM *multi;
    CURLSH *share;
    struct curl_slist *accept[2]; /* by enum wire_accept */
    struct wire_options options;
    char proxy[80];
    const struct wire_calls *calls;
    struct transfer *running, *free;
    unsigned open; /* sockets, running and idle */
    int *socket_by_port; /* 65,536: a connection's socket by its local port */
    int64_t due; /* INT64_MAX when libcurl waits for sockets alone */
    bool global;
};

/* ---- callbacks of one transfer */

static unsigned status_code(struct str line)
{
    const char *space = memchr(line.p, ' ', line.n);
    struct str code = space ? str_of(space + 1, (size_t)(line.p + line.n - space - 1)) : STR_ABSENT;
    unsigned value = 0;
    for (size_t i = 0; i < 3 && i < code.n && ascii_is_digit(code.p[i]); i++) value = value * 10 + (unsigned)(code.p[i] - '0');
    return value;
}

/* libcurl's own way of limiting its pool leaves an empty bundle behind for each host it ever spoke to, and walks all of them
 * for each new connection: so the pool is kept small from here, and never meets libcurl's limit. */
static void decide_keeping(struct transfer *t)
{
    bool keep = t->all->open < 2 * t->all->options.connections && t->all->calls->keep(t->owner);
    curl_easy_setopt(t->easy, CURLOPT_FORBID_REUSE, keep ? 0L : 1L);
}

/* Collects the lines of a head; at its empty line the final response's head is handed up. */
static size_t on_head(char *bytes, size_t size, size_t n, void *context)
{
    struct transfer *t = context;
    struct str line = str_of(bytes, size * n);
    t->head_bytes += line.n;
    if (t->head_bytes > WIRE_HEADS_MAX) t->bad_head = true;
    if (t->bad_head) return 0;
    if (t->in_body) return line.n; /* a trailer */
    if (str_starts(line, STR("HTTP/"))) buf_clear(&t->head);
    if (buf_add(&t->head, line) < 0) {
        t->bad_head = true;
        return 0;
    }
    bool ends = str_eq(line, STR("\r\n")) || str_eq(line, STR("\n"));
    if (!ends || status_code(buf_str(&t->head)) / 100 == 1) return line.n;
    t->in_body = true;
    if (t->all->calls->head(t->owner, buf_str(&t->head)) == 0) {
        decide_keeping(t);
        return line.n;
    }
    t->stopped = true;
    return 0;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *context)
{
    struct transfer *t = context;
    if (t->all->calls->body(t->owner, str_of(bytes, size * n)) == 0) return size * n;
    t->stopped = true;
    return 0;
}

static bool is_ours(long number)
{
    return number == EMFILE || number == ENFILE || number == ENOBUFS || number == ENOMEM || number == EADDRNOTAVAIL;
}

static curl_socket_t on_open(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)purpose;
    struct transfer *t = context;
    if (!t->all->options.proxy && guard_check(t->all->options.guard, &address->addr) != GUARD_OK) {
        t->blocked = true;
        return CURL_SOCKET_BAD;
    }
    t->opened = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    t->short_of_sockets = t->opened < 0 && is_ours(errno);
    t->all->open += t->opened >= 0;
    return t->opened;
}

static int on_close(void *context, curl_socket_t fd)
{
    struct transfers *t = context;
    t->open--;
    return close(fd);
}

/* A host that is an address needs no resolver, though libcurl asks here for it too; a name never gets one. */
static int on_resolve(void *state, void *reserved, void *context)
{
    (void)state;
    (void)reserved;
    struct transfer *t = context;
    t->unnamed = !t->literal && !t->all->options.proxy;
    return t->unnamed;
}

/* An address of either family: both have the port in the same place. */
union end {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static bool has_ports(int fd, int local_port, int remote_port)
{
    union end local = {.v6.sin6_family = 0}, remote = {.v6.sin6_family = 0};
    socklen_t local_size = sizeof local, remote_size = sizeof remote;
    if (getsockname(fd, &local.any, &local_size) < 0 || getpeername(fd, &remote.any, &remote_size) < 0) return false;
    return ntohs(local.v4.sin_port) == local_port && ntohs(remote.v4.sin_port) == remote_port;
}

/* Bytes that wait on a connection between two requests answer no request: the last body was longer than announced, and the
 * next response would be taken from what is left of it. HTTP/2 has frames that may come at any time. */
static bool out_of_step(const struct transfer *t, int local_port, int remote_port)
{
    struct curl_tlssessioninfo *tls = NULL;
    char byte;
    if (curl_easy_getinfo(t->easy, CURLINFO_TLS_SSL_PTR, &tls) == CURLE_OK && tls && tls->internals) {
        const unsigned char *protocol = NULL;
        unsigned n = 0;
        SSL_get0_alpn_selected(tls->internals, &protocol, &n);
        if (n == 2 && memcmp(protocol, "h2", 2) == 0) return false;
        if (SSL_pending(tls->internals) > 0) return true;
    }
    int fd = t->all->socket_by_port[local_port & 0xffff];
    return has_ports(fd, local_port, remote_port) && recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/* A connection is about to be used. libcurl names its ports alone: so sockets are kept by local port when they are new, and
 * asked whether they are still the ones when they are used again. */
static int on_ready(void *context, char *remote, char *local, int remote_port, int local_port)
{
    (void)remote;
    (void)local;
    struct transfer *t = context;
    if (t->opened >= 0) t->all->socket_by_port[local_port & 0xffff] = t->opened;
    else t->stale = out_of_step(t, local_port, remote_port);
    return t->stale ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

/* ---- callbacks of all of them */

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *socket_context)
{
    (void)easy;
    (void)socket_context;
    const struct transfers *t = context;
    wire_watch(t->epoll, fd, WATCH_TRANSFERS, what & CURL_POLL_IN, what & CURL_POLL_OUT);
    return 0;
}

static int on_timer(CURLM *multi, long milliseconds, void *context)
{
    (void)multi;
    struct transfers *t = context;
    t->due = milliseconds < 0 ? INT64_MAX : wire_clock() + milliseconds;
    return 0;
}

/* ---- open and close */

static int open_multi(struct transfers *t)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return fail("libcurl cannot be initialised");
    t->global = true;
    t->multi = curl_multi_init();
    t->share = curl_share_init();
    t->accept[WIRE_PICTURE] = curl_slist_append(NULL, "Accept: image/*,*/*;q=0.8");
    t->accept[WIRE_TEXT] = curl_slist_append(NULL, "Accept: text/plain,*/*;q=0.8");
    if (!t->multi || !t->share || !t->accept[0] || !t->accept[1]) return fail_memory();
    curl_share_setopt(t->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    curl_multi_setopt(t->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(t->multi, CURLMOPT_SOCKETDATA, t);
    curl_multi_setopt(t->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(t->multi, CURLMOPT_TIMERDATA, t);
    curl_multi_setopt(t->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
    curl_multi_setopt(t->multi, CURLMOPT_MAXCONNECTS, 4L * (long)t->options.connections + 64);
    return 0;
}

/* Said here, once: libcurl would say it of each URL. */
static int check_authorities(const char *file)
{
    if (!file) return 0;
    if (access(file, R_OK) < 0) return fail_errno("%s: cannot open", file);
    X509_STORE *store = X509_STORE_new();
    bool readable = store && X509_STORE_load_locations(store, file, NULL) == 1;
    X509_STORE_free(store);
    return readable ? 0 : fail_usage("%s: no certificate in PEM could be read from it", file);
}

static int write_proxy(struct transfers *t)
{
    if (!t->options.proxy) return 0;
    struct buf text;
    buf_init(&text, sizeof t->proxy);
    bool v6 = t->options.proxy->family == 6;
    int result = buf_add(&text, v6 ? STR("http://[") : STR("http://"));
    if (result == 0) result = net_address_append(&text, t->options.proxy);
    if (result == 0) result = buf_printf(&text, "%s:%u", v6 ? "]" : "", t->options.proxy_port);
    if (result == 0 && text.n < sizeof t->proxy) memcpy(t->proxy, text.p, text.n);
    buf_free(&text);
    return result;
}

struct transfers *transfers_open(int epoll, const struct wire_options *options, const struct wire_calls *calls)
{
    struct transfers *t = calloc(1, sizeof *t);
    if (!t) return fail_memory(), NULL;
    t->epoll = epoll;
    t->options = *options;
    t->calls = calls;
    t->due = INT64_MAX;
    t->socket_by_port = malloc(65536 * sizeof *t->socket_by_port);
    if (!t->socket_by_port) {
        transfers_close(t);
        return fail_memory(), NULL;
    }
    memset(t->socket_by_port, 0xff, 65536 * sizeof *t->socket_by_port); /* -1: none */
    if (check_authorities(options->ca_file) < 0 || open_multi(t) < 0 || write_proxy(t) < 0) {
        transfers_close(t);
        return NULL;
    }
    return t;
}

static void transfer_free(struct transfer *one)
{
    if (one->easy) curl_easy_cleanup(one->easy);
    curl_slist_free_all(one->resolve);
    buf_free(&one->head);
    free(one);
}

void transfers_close(struct transfers *t)
{
    if (!t) return;
    for (struct transfer *one = t->running, *next; one; one = next) {
        next = one->next;
        curl_multi_remove_handle(t->multi, one->easy);
        transfer_free(one);
    }
    for (struct transfer *one = t->free, *next; one; one = next) {
        next = one->next_free;
        transfer_free(one);
    }
    if (t->multi) curl_multi_cleanup(t->multi);
    if (t->share) curl_share_cleanup(t->share);
    for (int i = 0; i < 2; i++) curl_slist_free_all(t->accept[i]);
    if (t->global) curl_global_cleanup();
    free(t->socket_by_port);
    free(t);
}

/* ---- starting */

/* What is the same for all requests; an easy handle is used again and again. */
static void set_constants(struct transfers *t, struct transfer *one)
{
    CURL *e = one->easy;
    curl_easy_setopt(e, CURLOPT_PRIVATE, one);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, one->error);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, t->options.no_http2 ? (long)CURL_HTTP_VERSION_1_1 : (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(e, CURLOPT_PROXY, t->proxy); /* "": none, whatever the environment says */
    curl_easy_setopt(e, CURLOPT_NOPROXY, "");
    curl_easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(e, CURLOPT_CAPATH, NULL); /* with a folder the store cannot be kept */
    if (t->options.ca_file) curl_easy_setopt(e, CURLOPT_CAINFO, t->options.ca_file);
    curl_easy_setopt(e, CURLOPT_CA_CACHE_TIMEOUT, -1L);
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, t->options.any_certificate ? 0L : 1L);
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, t->options.any_certificate ? 0L : 2L);
    curl_easy_setopt(e, CURLOPT_SHARE, t->share);
    curl_easy_setopt(e, CURLOPT_USERAGENT, t->options.user_agent);
    curl_easy_setopt(e, CURLOPT_BUFFERSIZE, (long)RECEIVE_BYTES);
    curl_easy_setopt(e, CURLOPT_DNS_CACHE_TIMEOUT, (long)NAME_SECONDS);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_head);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, one);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, one);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_open);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, one);
    curl_easy_setopt(e, CURLOPT_CLOSESOCKETFUNCTION, on_close);
    curl_easy_setopt(e, CURLOPT_CLOSESOCKETDATA, t);
    curl_easy_setopt(e, CURLOPT_MAXAGE_CONN, (long)IDLE_SECONDS);
    curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, on_ready);
    curl_easy_setopt(e, CURLOPT_PREREQDATA, one);
    curl_easy_setopt(e, CURLOPT_RESOLVER_START_FUNCTION, on_resolve);
    curl_easy_setopt(e, CURLOPT_RESOLVER_START_DATA, one);
}

static struct transfer *transfer_new(struct transfers *t)
{
    struct transfer *one = t->free;
    if (one) {
        t->free = one->next_free;
        return one;
    }
    one = calloc(1, sizeof *one);
    if (!one) return fail_memory(), NULL;
    one->all = t;
    one->easy = curl_easy_init();
    buf_init(&one->head, WIRE_HEAD_MAX);
    if (!one->easy) {
        transfer_free(one);
        return fail_memory(), NULL;
    }
    set_constants(t, one);
    return one;
}

/* Appends "+HOST:PORT:ADDRESS,ADDRESS": the + lets it expire. */
static int write_addresses(struct buf *line, const struct wire_request *request)
{
    int result = buf_printf(line, "+%.*s:%u:", STR_ARG(request->host), request->port);
    for (unsigned i = 0; i < request->address_count && result == 0; i++) {
        bool v6 = request->addresses[i].family == 6;
        if (i) result = buf_byte(line, ',');
        if (v6 && result == 0) result = buf_byte(line, '[');
        if (result == 0) result = net_address_append(line, &request->addresses[i]);
        if (v6 && result == 0) result = buf_byte(line, ']');
    }
    return result;
}

static int add_resolve(struct transfer *one, const char *line)
{
    struct curl_slist *longer = line ? curl_slist_append(one->resolve, line) : NULL;
    if (!longer) return fail_memory();
    one->resolve = longer;
    return 0;
}

/* libcurl walks all names it has been given at the end of each transfer: so a handle takes back that of its last request
 * ("-HOST:PORT"), and there are never more of them than handles. */
static int set_addresses(struct transfer *one, const struct wire_request *request)
{
    struct net_address ignored;
    struct buf line;
    int result = 0;
    curl_slist_free_all(one->resolve);
    one->resolve = NULL;
    one->literal = net_address_parse(&ignored, request->host) == 0;
    if (one->given[0]) result = add_resolve(one, one->given);
    one->given[0] = 0;
    if (!one->literal && request->address_count && result == 0) {
        if (request->host.n > HOST_BYTES_MAX) return fail("a host's name of %zu bytes", request->host.n);
        snprintf(one->given, sizeof one->given, "-%.*s:%u", STR_ARG(request->host), request->port);
        buf_init(&line, 4096);
        result = write_addresses(&line, request) < 0 ? -1 : add_resolve(one, buf_c_string(&line));
        buf_free(&line);
    }
    curl_easy_setopt(one->easy, CURLOPT_RESOLVE, one->resolve);
    return result;
}

static int set_request(struct transfer *one, const struct wire_request *request)
{
    one->owner = request->owner;
    one->deadline_ms = request->deadline_ms;
    one->head_bytes = 0;
    one->in_body = one->stopped = one->bad_head = one->blocked = one->short_of_sockets = one->stale = one->unnamed = one->afresh = false;
    one->opened = -1;
    one->tunnels = one->all->options.proxy && str_starts(str_from(request->url), STR("https:"));
    one->error[0] = 0;
    buf_clear(&one->head);
    curl_easy_setopt(one->easy, CURLOPT_FRESH_CONNECT, 0L);
    if (curl_easy_setopt(one->easy, CURLOPT_URL, request->url) != CURLE_OK) return fail_memory();
    curl_easy_setopt(one->easy, CURLOPT_HTTPHEADER, one->all->accept[request->accept]);
    curl_easy_setopt(one->easy, CURLOPT_TIMEOUT_MS, (long)request->deadline_ms);
    curl_easy_setopt(one->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)request->connect_ms);
    curl_easy_setopt(one->easy, CURLOPT_LOW_SPEED_LIMIT, (long)request->stall_bytes);
    curl_easy_setopt(one->easy, CURLOPT_LOW_SPEED_TIME, (long)((request->stall_ms + 999) / 1000));
    return set_addresses(one, request);
}

int transfers_start(struct transfers *t, const struct wire_request *request)
{
    struct transfer *one = transfer_new(t);
    if (!one) return -1;
    CURLMcode code = CURLM_OK;
    int result = set_request(one, request);
    if (result == 0) code = curl_multi_add_handle(t->multi, one->easy);
    if (code != CURLM_OK) result = fail("libcurl: %s", curl_multi_strerror(code));
    if (result < 0) {
        one->next_free = t->free;
        t->free = one;
        return -1;
    }
    one->next = t->running;
    one->link = &t->running;
    if (one->next) one->next->link = &one->next;
    t->running = one;
    return 0;
}

/* ---- events and ends */

int64_t transfers_due(const struct transfers *t) { return t->due; }

int transfers_event(struct transfers *t, int fd, bool readable, bool writable, bool broken)
{
    int running, what = (readable ? CURL_CSELECT_IN : 0) | (writable ? CURL_CSELECT_OUT : 0) | (broken ? CURL_CSELECT_ERR : 0);
    if (fd < 0) t->due = INT64_MAX; /* libcurl sets the next time from inside */
    CURLMcode code = curl_multi_socket_action(t->multi, fd < 0 ? CURL_SOCKET_TIMEOUT : fd, fd < 0 ? 0 : what, &running);
    return code == CURLM_OK ? 0 : fail("libcurl: %s", curl_multi_strerror(code));
}

static enum net_status connect_status(const struct transfer *one)
{
    long number = 0;
    if (one->blocked) return NET_ADDRESS;
    if (one->short_of_sockets) return NET_LOCAL; /* of which libcurl knows no number */
    if (one->all->options.proxy) return NET_PROXY;
    curl_easy_getinfo(one->easy, CURLINFO_OS_ERRNO, &number);
    if (is_ours(number)) return NET_LOCAL;
    return number == ECONNREFUSED ? NET_CONNECT_REFUSED : number == ETIMEDOUT ? NET_CONNECT_TIMEOUT : NET_CONNECT_FAILED;
}

static bool words_say(const struct transfer *one, const char *words) { return strstr(one->error, words) != NULL; }

static int64_t time_of(CURL *easy, CURLINFO what)
{
    curl_off_t value = 0;
    curl_easy_getinfo(easy, what, &value);
    return value;
}

/* True too where there is none. */
static bool reached_proxy(const struct transfer *one)
{
    return !one->all->options.proxy || time_of(one->easy, CURLINFO_CONNECT_TIME_T) > 0;
}

/* The proxy was reached, and made no tunnel to the host: whatever it answers to CONNECT, the host has not said it. */
static bool tunnel_failed(const struct transfer *one, const struct wire_end *end)
{
    return one->tunnels && !end->connected && end->tunnel_status / 100 != 2;
}

/* The status for libcurl's code. Some codes cover two things that only the words tell apart; tests/e2e/net_test.py pins them. */
static enum net_status status_of(const struct transfer *one, CURLcode code, const struct wire_end *end)
{
    if (one->bad_head) return NET_BAD_HTTP;
    if (code != CURLE_OK && code != CURLE_OPERATION_TIMEDOUT && tunnel_failed(one, end)) return NET_PROXY;
    switch (code) {
    case CURLE_OK: return NET_OK;
    case CURLE_COULDNT_CONNECT: return connect_status(one);
    case CURLE_OPERATION_TIMEDOUT:
        if (!end->connected) return reached_proxy(one) ? NET_CONNECT_TIMEOUT : NET_PROXY;
        return end->total_us / 1000 + 50 >= (int64_t)one->deadline_ms ? NET_DEADLINE : NET_STALLED;
    case CURLE_PARTIAL_FILE: return NET_INCOMPLETE;
    case CURLE_RECV_ERROR: return words_say(one, "chunked-encoding") ? NET_BAD_HTTP : NET_RESET;
    case CURLE_GOT_NOTHING: case CURLE_SEND_ERROR: case CURLE_HTTP2_STREAM: return NET_RESET;
    case CURLE_SSL_CONNECT_ERROR: return words_say(one, "OpenSSL SSL_connect") ? NET_CONNECT_FAILED : NET_TLS;
    case CURLE_PEER_FAILED_VERIFICATION: case CURLE_SSL_CERTPROBLEM: case CURLE_SSL_CIPHER: case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS: return NET_TLS;
    case CURLE_COULDNT_RESOLVE_PROXY: case CURLE_PROXY: return NET_PROXY;
    case CURLE_OUT_OF_MEMORY: return end->connected && !one->in_body ? NET_BAD_HTTP : NET_LOCAL; /* also a line over 100 KB */
    case CURLE_URL_MALFORMAT: return NET_BAD_URL;
    case CURLE_UNSUPPORTED_PROTOCOL: case CURLE_WEIRD_SERVER_REPLY: case CURLE_HTTP2: case CURLE_FILESIZE_EXCEEDED:
    case CURLE_BAD_CONTENT_ENCODING: return NET_BAD_HTTP;
    default: return NET_LOCAL;
    }
}

/* Once more, over a connection of its own. */
static bool start_afresh(struct transfers *t, struct transfer *one)
{
    if (one->afresh || one->head_bytes) return false;
    one->afresh = true;
    one->stale = one->unnamed = false;
    curl_multi_remove_handle(t->multi, one->easy);
    curl_easy_setopt(one->easy, CURLOPT_RESOLVE, one->resolve); /* it was used up */
    curl_easy_setopt(one->easy, CURLOPT_FRESH_CONNECT, 1L);
    return curl_multi_add_handle(t->multi, one->easy) == CURLM_OK;
}

static void end_transfer(struct transfers *t, struct transfer *one, CURLcode code)
{
    if ((one->stale || one->unnamed) && code != CURLE_OK && start_afresh(t, one)) return;
    struct wire_end end = {.stopped = one->stopped};
    long tunnel = 0;
    curl_easy_getinfo(one->easy, CURLINFO_HTTP_CONNECTCODE, &tunnel);
    end.connected_us = time_of(one->easy, CURLINFO_PRETRANSFER_TIME_T);
    end.first_byte_us = time_of(one->easy, CURLINFO_STARTTRANSFER_TIME_T);
    end.total_us = time_of(one->easy, CURLINFO_TOTAL_TIME_T);
    end.tunnel_status = (unsigned)tunnel;
    end.connected = end.connected_us > 0 || one->head_bytes > 0;
    end.status = status_of(one, code, &end);
    if (code != CURLE_OK) {
        size_t n = strnlen(one->error, sizeof end.reason - 1);
        memcpy(end.reason, one->error, n);
    }
    curl_multi_remove_handle(t->multi, one->easy);
    *one->link = one->next;
    if (one->next) one->next->link = one->link;
    void *owner = one->owner;
    one->next_free = t->free;
    t->free = one;
    t->calls->done(owner, &end);
}

int transfers_deliver(struct transfers *t)
{
    int left, count = 0;
    for (const CURLMsg *message; (message = curl_multi_info_read(t->multi, &left)); count++) {
        struct transfer *one;
        CURLcode code = message->data.result;
        if (message->msg != CURLMSG_DONE) continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &one);
        end_transfer(t, one, code);
    }
    return count;
}

void transfers_versions(struct buf *out)
{
    const curl_version_info_data *v = curl_version_info(CURLVERSION_NOW);
    buf_printf(out, "libcurl %s, %s, nghttp2 %s", v->version, v->ssl_version, v->nghttp2_version ? v->nghttp2_version : "none");
}
