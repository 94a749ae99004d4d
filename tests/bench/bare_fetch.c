/* What bounds `winnow fetch --from-web` from below, as two sums: the network by bare curl-multi, and the codecs alone. Prints
 * pictures, bytes and CPU milliseconds (user + system of this process) beyond the first picture, which is fetched, or made,
 * alone and pays for starting.
 *
 *     bare_fetch net CONNECTIONS CA.pem LIST              URLs, one a line; bodies are gathered and thrown away
 *     bare_fetch codec THREADS SIZE scaled|exact LIST     JPEG files, read beforehand: decode, area means, encode with quality 95
 *
 * Transfers are set up as the fetcher does: kept connections, shared TLS sessions, the CA file loaded once, HTTP/2 by ALPN,
 * one epoll. Codecs too: libjpeg-turbo, the same scaling of the inverse DCT, the same area means, the longer side made SIZE. */
#include "crawl/image/resize.h"
#include "pipeline/base/fail.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include <jpeglib.h>

enum { LIST_MOST = 1 << 16, EVENTS = 256, QUALITY = 95, RECEIVE_BYTES = 32 << 10 };

_Noreturn static void give_up(const char *what)
{
    fprintf(stderr, "bare_fetch: %s\n", what);
    exit(1);
}

static double cpu_ms(void)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1e3 + (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e3;
}

/* ---- lists */

struct list {
    char *lines[LIST_MOST];
    size_t count;
};

static void read_list(struct list *list, const char *path)
{
    FILE *file = fopen(path, "r");
    char line[4096];
    if (!file) give_up("the list cannot be opened");
    while (list->count < LIST_MOST && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        list->lines[list->count++] = strdup(line);
    }
    fclose(file);
    if (!list->count) give_up("the list is empty");
}

/* ---- the network */

struct body {
    char *bytes;
    size_t n, room;
};

struct net {
    CURLM *multi;
    CURLSH *share;
    int epoll;
    long timeout_ms; /* libcurl's; -1: none */
    const struct list *list;
    size_t next, end, done, bytes; /* `end`: URLs up to it may start */
};

static size_t on_body(char *bytes, size_t size, size_t n, void *context)
{
    struct body *body = context;
    if (body->n + n > body->room) {
        body->room = 2 * (body->n + n);
        body->bytes = realloc(body->bytes, body->room);
        if (!body->bytes) return 0;
    }
    memcpy(body->bytes + body->n, bytes, size * n);
    body->n += size * n;
    return size * n;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *socket_context)
{
    (void)easy;
    const struct net *net = context;
    struct epoll_event event = {.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u), .data.fd = fd};
    epoll_ctl(net->epoll, what == CURL_POLL_REMOVE ? EPOLL_CTL_DEL : socket_context ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
    curl_multi_assign(net->multi, fd, what == CURL_POLL_REMOVE ? NULL : net->multi); /* anything but NULL: it is watched */
    return 0;
}

static int on_timer(CURLM *multi, long milliseconds, void *context)
{
    (void)multi;
    ((struct net *)context)->timeout_ms = milliseconds;
    return 0;
}

static void net_open(struct net *net, const struct list *list)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    *net = (struct net){.multi = curl_multi_init(), .share = curl_share_init(), .epoll = epoll_create1(EPOLL_CLOEXEC), .timeout_ms = -1, .list = list};
    if (!net->multi || !net->share || net->epoll < 0) give_up("no transfers");
    curl_share_setopt(net->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    curl_multi_setopt(net->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(net->multi, CURLMOPT_SOCKETDATA, net);
    curl_multi_setopt(net->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(net->multi, CURLMOPT_TIMERDATA, net);
    curl_multi_setopt(net->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
    curl_multi_setopt(net->multi, CURLMOPT_MAXCONNECTS, 256L);
}

static CURL *easy_new(const struct net *net, const char *ca, struct body *body)
{
    CURL *easy = curl_easy_init();
    if (!easy) give_up("no transfer");
    curl_easy_setopt(easy, CURLOPT_PRIVATE, body);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(easy, CURLOPT_CAINFO, ca);
    curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, -1L);
    curl_easy_setopt(easy, CURLOPT_SHARE, net->share);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)RECEIVE_BYTES);
    curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, body);
    return easy;
}

static void start_next(struct net *net, CURL *easy)
{
    if (net->next == net->end) return;
    curl_easy_setopt(easy, CURLOPT_URL, net->list->lines[net->next++]);
    curl_multi_add_handle(net->multi, easy);
}

static void take_finished(struct net *net)
{
    int left;
    for (const CURLMsg *message; (message = curl_multi_info_read(net->multi, &left));) {
        CURL *easy = message->easy_handle;
        struct body *body;
        if (message->data.result != CURLE_OK) give_up(curl_easy_strerror(message->data.result));
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, &body);
        net->bytes += body->n;
        net->done++;
        body->n = 0;
        curl_multi_remove_handle(net->multi, easy);
        start_next(net, easy);
    }
}

/* Until all URLs before `end` are done. */
static void net_run(struct net *net)
{
    struct epoll_event events[EVENTS];
    int running;
    while (net->done < net->end) {
        int n = epoll_wait(net->epoll, events, EVENTS, (int)net->timeout_ms);
        for (int i = 0; i < n; i++) {
            int what = (events[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) | (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                       (events[i].events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
            curl_multi_socket_action(net->multi, events[i].data.fd, what, &running);
        }
        if (n == 0) curl_multi_socket_action(net->multi, CURL_SOCKET_TIMEOUT, 0, &running);
        take_finished(net);
    }
}

static void fetch_all(const struct list *list, size_t connections, const char *ca)
{
    struct net net;
    struct body *bodies = calloc(connections, sizeof *bodies);
    CURL **easies = calloc(connections, sizeof *easies);
    if (!bodies || !easies) give_up("out of memory");
    net_open(&net, list);
    for (size_t i = 0; i < connections; i++) easies[i] = easy_new(&net, ca, &bodies[i]);
    net.end = 1;
    start_next(&net, easies[0]);
    net_run(&net);
    double begun = cpu_ms();
    net.end = list->count;
    for (size_t i = 0; i < connections; i++) start_next(&net, easies[i]);
    net_run(&net);
    printf("%zu %zu %.3f\n", net.done - 1, net.bytes, cpu_ms() - begun);
    for (size_t i = 0; i < connections; i++) {
        curl_easy_cleanup(easies[i]);
        free(bodies[i].bytes);
    }
    curl_multi_cleanup(net.multi);
    curl_share_cleanup(net.share);
    curl_global_cleanup();
    free(easies);
    free(bodies);
}

/* ---- the codecs */

struct file {
    unsigned char *bytes;
    size_t n;
};

struct codec {
    struct file *files;
    size_t count;
    uint32_t size;
    bool exact;
    atomic_size_t next, made;
};

static void read_file(struct file *file, const char *path)
{
    FILE *in = fopen(path, "rb");
    if (!in || fseek(in, 0, SEEK_END) != 0) give_up("a picture cannot be read");
    long n = ftell(in);
    file->n = n > 0 ? (size_t)n : 0;
    file->bytes = malloc(file->n + 1);
    rewind(in);
    if (!file->bytes || fread(file->bytes, 1, file->n, in) != file->n) give_up("a picture cannot be read");
    fclose(in);
}

/* As in crawl/image/codecs/jpeg.c: half, quarter or eighth, never below 1.5 times what is wanted. */
static unsigned eighths(const struct resize_plan *plan, uint32_t width, uint32_t height)
{
    uint64_t least_width = plan->resized_width + (plan->resized_width + 1) / 2, least_height = plan->resized_height + (plan->resized_height + 1) / 2;
    for (unsigned n = 1; n <= 4; n *= 2)
        if ((width * n + 7) / 8 >= least_width && (height * n + 7) / 8 >= least_height) return n;
    return 8;
}

static void decode(const struct codec *codec, const struct file *file, struct image *image, struct resize_plan *plan)
{
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    jpeg.err = jpeg_std_error(&errors); /* ends the program */
    jpeg_create_decompress(&jpeg);
    jpeg_mem_src(&jpeg, file->bytes, file->n);
    jpeg_read_header(&jpeg, TRUE);
    const struct resize_options how = {.mode = RESIZE_KEEP_RATIO_LARGEST, .size = codec->size, .only_if_bigger = true};
    *plan = resize_plan_for(&how, jpeg.image_width, jpeg.image_height);
    jpeg.out_color_space = JCS_RGB;
    jpeg.dct_method = JDCT_ISLOW;
    jpeg.scale_num = codec->exact || !plan->changes ? 8 : eighths(plan, jpeg.image_width, jpeg.image_height);
    jpeg.scale_denom = 8;
    jpeg_calc_output_dimensions(&jpeg);
    if (image_set_size(image, jpeg.output_width, jpeg.output_height) < 0) give_up(fail_message());
    jpeg_start_decompress(&jpeg);
    while (jpeg.output_scanline < jpeg.output_height) {
        JSAMPROW rows[4];
        for (JDIMENSION i = 0; i < 4; i++) rows[i] = image->rgb + 3 * (size_t)image->width * (jpeg.output_scanline + i);
        JDIMENSION left = jpeg.output_height - jpeg.output_scanline;
        jpeg_read_scanlines(&jpeg, rows, left < 4 ? left : 4);
    }
    jpeg_destroy_decompress(&jpeg);
}

static void encode(const struct image *image)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned char *bytes = NULL;
    unsigned long n = 0;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &bytes, &n);
    jpeg.image_width = image->width;
    jpeg.image_height = image->height;
    jpeg.input_components = 3;
    jpeg.in_color_space = JCS_RGB;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, QUALITY, TRUE);
    jpeg.dct_method = JDCT_ISLOW;
    jpeg_start_compress(&jpeg, TRUE);
    while (jpeg.next_scanline < jpeg.image_height) {
        JSAMPROW row = image->rgb + 3 * (size_t)image->width * jpeg.next_scanline;
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    free(bytes);
}

static void make(const struct codec *codec, const struct file *file, struct image *decoded, struct image *resized)
{
    struct resize_plan plan;
    decode(codec, file, decoded, &plan);
    if (plan.changes && resize_apply(decoded, &plan, resized) < 0) give_up(fail_message());
    encode(plan.changes ? resized : decoded);
}

static void *make_all(void *context)
{
    struct codec *codec = context;
    struct image decoded = {0}, resized = {0};
    for (size_t i; (i = atomic_fetch_add(&codec->next, 1)) < codec->count; atomic_fetch_add(&codec->made, 1))
        make(codec, &codec->files[i], &decoded, &resized);
    image_free(&decoded);
    image_free(&resized);
    return NULL;
}

static void code_all(const struct list *list, size_t threads, uint32_t size, bool exact)
{
    struct codec codec = {.files = calloc(list->count, sizeof *codec.files), .count = list->count, .size = size, .exact = exact};
    pthread_t *handles = calloc(threads, sizeof *handles);
    struct image decoded = {0}, resized = {0};
    size_t bytes = 0;
    if (!codec.files || !handles) give_up("out of memory");
    for (size_t i = 0; i < list->count; i++) {
        read_file(&codec.files[i], list->lines[i]);
        bytes += codec.files[i].n;
    }
    make(&codec, &codec.files[0], &decoded, &resized);
    codec.next = 1;
    double begun = cpu_ms();
    for (size_t i = 0; i < threads; i++)
        if (pthread_create(&handles[i], NULL, make_all, &codec) != 0) give_up("no thread");
    for (size_t i = 0; i < threads; i++) pthread_join(handles[i], NULL);
    printf("%zu %zu %.3f\n", codec.made, bytes, cpu_ms() - begun);
    for (size_t i = 0; i < list->count; i++) free(codec.files[i].bytes);
    image_free(&decoded);
    image_free(&resized);
    free(codec.files);
    free(handles);
}

static size_t number(const char *text)
{
    long n = strtol(text, NULL, 10);
    if (n < 1 || n > 1 << 20) give_up("a number out of its range");
    return (size_t)n;
}

int main(int argc, char **argv)
{
    static struct list list;
    bool net = argc == 5 && strcmp(argv[1], "net") == 0;
    if (!net && (argc != 6 || strcmp(argv[1], "codec") != 0)) give_up("net CONNECTIONS CA.pem LIST, or codec THREADS SIZE scaled|exact LIST");
    read_list(&list, argv[argc - 1]);
    if (net) fetch_all(&list, number(argv[2]), argv[3]);
    else code_all(&list, number(argv[2]), (uint32_t)number(argv[3]), strcmp(argv[4], "exact") == 0);
    for (size_t i = 0; i < list.count; i++) free(list.lines[i]);
    return 0;
}
