#include "filters/model_fetch.h"

#include "crawl/net/download.h"
#include "filters/model_sums.h"
#include "pipeline/base/buf.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"
#include "pipeline/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define MODEL_BYTES_MAX ((uint64_t)64 << 30) /* the largest listed is 10 GB */

enum { URL_MAX = 4096, FROM_BYTES_MAX = 8192, SAY_EVERY_S = 15 };

struct part {
    const struct model_fetch *f;
    const char *name;       /* of the file */
    char url[URL_MAX], path[PATH_MAX], part[PATH_MAX + 8], from[PATH_MAX + 16];
    char validator[DOWNLOAD_VALIDATOR_MAX];
    int fd;
    uint64_t there, size;   /* bytes in the part; of the whole file, UINT64_MAX: not known */
    time_t said;
};

/* ---- what a part says of itself: URL, validator, size, a line each */

static int note_part(const struct part *p)
{
    char text[FROM_BYTES_MAX];
    struct file_out out = {.fd = -1};
    int n = snprintf(text, sizeof text, "%s\n%s\n%llu\n", p->url, p->validator, (unsigned long long)p->size);
    int result = file_create(&out, p->from);
    if (result == 0) result = file_write(&out, str_of(text, (size_t)n));
    if (result == 0) result = file_publish(&out);
    file_discard(&out);
    return result;
}

/* What is there is gone on with where it came from the same place and has a validator. */
static int read_part(struct part *p)
{
    struct buf text;
    off_t size = lseek(p->fd, 0, SEEK_END);
    if (size < 0) return fail_errno("%s", p->part);
    p->there = 0;
    p->size = UINT64_MAX;
    p->validator[0] = 0;
    if (!size || !file_exists(p->from)) return 0;
    buf_init(&text, FROM_BYTES_MAX);
    if (buf_read_file(&text, p->from) == 0) {
        struct str rest = buf_str(&text), url = str_cut(&rest, '\n'), validator = str_cut(&rest, '\n'), number = str_cut(&rest, '\n');
        uint64_t whole;
        if (str_eq(url, str_from(p->url)) && validator.n && validator.n < sizeof p->validator && str_to_u64(number, &whole) == 0) {
            snprintf(p->validator, sizeof p->validator, "%.*s", STR_ARG(validator));
            p->there = (uint64_t)size;
            p->size = whole;
        }
    }
    buf_free(&text);
    return 0;
}

static int open_part(struct part *p)
{
    if (file_make_folders(p->part) < 0) return -1;
    p->fd = open(p->part, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (p->fd < 0) return fail_errno("%s", p->part);
    if (flock(p->fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? fail("%s: another process fetches it", p->part) : fail_errno("%s", p->part);
    return read_part(p);
}

/* ---- a transfer */

static int on_start(void *context, const struct download_head *head)
{
    struct part *p = context;
    if (head->size != UINT64_MAX && head->size > MODEL_BYTES_MAX)
        return fail("%s: %llu bytes: no model is as large", p->url, (unsigned long long)head->size);
    if (head->from == 0 && p->there) log_line("%s: the server has another file by now: from the beginning", p->name);
    if (ftruncate(p->fd, (off_t)head->from) < 0 || lseek(p->fd, (off_t)head->from, SEEK_SET) < 0) return fail_errno("%s", p->part);
    p->there = head->from;
    p->size = head->size;
    snprintf(p->validator, sizeof p->validator, "%s", head->validator);
    return note_part(p);
}

static int on_piece(void *context, struct str bytes)
{
    struct part *p = context;
    if (p->there + bytes.n > (p->size == UINT64_MAX ? MODEL_BYTES_MAX : p->size)) return fail("%s: longer than announced", p->url);
    if (file_write_all(p->fd, bytes, p->part) < 0) return -1;
    p->there += bytes.n;
    time_t now = time(NULL);
    if (p->f->quiet || now - p->said < SAY_EVERY_S) return 0;
    p->said = now;
    if (p->size == UINT64_MAX) log_line("%s: %llu MB", p->name, (unsigned long long)(p->there / 1000000));
    else log_line("%s: %llu of %llu MB", p->name, (unsigned long long)(p->there / 1000000), (unsigned long long)(p->size / 1000000));
    return 0;
}

/* What is there is of no use: a server that was asked for the rest refused. */
static void begin_anew(struct part *p)
{
    p->there = 0;
    p->validator[0] = 0;
}

/* Goes on after breaks as long as bytes come between them. 1: whole; 0: not there; -1. */
static int transfer(struct part *p)
{
    bool anew = false;
    for (unsigned idle = 0;;) {
        uint64_t before = p->there;
        if (p->there && p->there == p->size) return 1; /* killed between the last byte and the name */
        enum download_end end = download(&(struct download){.url = p->url, .user_agent = "winnow/" WINNOW_VERSION, .from = p->there,
                                                            .validator = p->validator, .start = on_start, .piece = on_piece, .context = p});
        if (end == DOWNLOAD_DONE && (p->size == UINT64_MAX || p->there == p->size)) return 1;
        if (end == DOWNLOAD_NOT_THERE) return 0;
        if (end == DOWNLOAD_DONE) end = DOWNLOAD_BROKEN, fail("%s: ends early", p->url);
        idle = p->there > before ? 0 : idle + 1;
        if (end == DOWNLOAD_REFUSED && p->there && !anew) {
            begin_anew(p);
            anew = true;
            continue;
        }
        if (end != DOWNLOAD_BROKEN || idle >= p->f->tries) {
            if (p->there) fail_prefix("%llu bytes came and are kept; the same command goes on: ", (unsigned long long)p->there);
            return -1;
        }
        unsigned wait_s = idle ? 1u << (idle - 1) : 0;
        if (!p->f->quiet) log_line("%s; again in %u s", fail_message(), wait_s);
        sleep(wait_s);
    }
}

/* ---- a file */

static int set_paths(struct part *p, const char *name)
{
    char path[1024];
    const struct model_fetch *f = p->f;
    if (model_entry_path(f->model, name, path, sizeof path) < 0) return -1;
    size_t host = f->mirror ? strlen(f->mirror) : 0;
    while (host && f->mirror[host - 1] == '/') host--;
    int n = f->mirror ? snprintf(p->url, sizeof p->url, "%.*s%s", (int)host, f->mirror, path)
                      : snprintf(p->url, sizeof p->url, "%s%s", model_entry_host(f->model), path);
    if (n >= (int)sizeof p->url || snprintf(p->path, sizeof p->path, "%s/%s", f->folder, name) >= (int)sizeof p->path)
        return fail_usage("a path or address of more than %d bytes", PATH_MAX);
    snprintf(p->part, sizeof p->part, "%s.part", p->path);
    snprintf(p->from, sizeof p->from, "%s.part.from", p->path);
    p->name = name;
    return 0;
}

/* 1: the file is there and is what it should be; 0: it is not there; -1: it is something else. */
static int check_there(const struct part *p)
{
    char known[SHA256_HEX], hex[SHA256_HEX];
    const char *published = p->f->model->sha256;
    if (!file_exists(p->path)) return 0;
    int found = published ? 1 : model_sums_find(p->f->folder, p->name, known);
    if (found < 0) return -1;
    if (!found)
        return fail_usage("%s is there already, and no SHA256SUMS beside it says that it was fetched: it is left alone; give another -o", p->path);
    if (model_file_sha256(p->path, hex) < 0) return -1;
    if (strcmp(hex, published ? published : known) == 0) return 1;
    return fail_usage("%s is there already and is something else (SHA-256 %s, not %s): it is left alone; give another -o", p->path, hex,
                      published ? published : known);
}

static int publish(struct part *p)
{
    char hex[SHA256_HEX];
    const char *published = p->f->model->sha256;
    if (fsync(p->fd) < 0) return fail_errno("%s", p->part);
    if (model_file_sha256(p->part, hex) < 0) return -1;
    if (published && strcmp(hex, published) != 0) {
        unlink(p->from);
        unlink(p->part); /* nothing of it can be gone on with */
        return fail("%s: its SHA-256 is %s, and %s was published: not kept", p->url, hex, published);
    }
    if (model_sums_put(p->f->folder, p->name, hex) < 0 || file_rename_durably(p->part, p->path) < 0) return -1;
    unlink(p->from);
    if (!p->f->quiet)
        log_line("%s: %llu bytes, SHA-256 %s (%s)", p->path, (unsigned long long)p->there, hex,
                 published ? "as published" : "none is published to compare it with; noted in SHA256SUMS");
    return 0;
}

/* 1: fetched, or there already; 0: the server does not have it; -1. */
static int fetch_file(const struct model_fetch *f, const char *name)
{
    struct part p = {.f = f, .fd = -1, .said = time(NULL)};
    int result = set_paths(&p, name);
    if (result == 0) result = check_there(&p);
    if (result > 0 && !f->quiet) log_line("%s is there already", p.path);
    if (result != 0) return result;
    result = open_part(&p);
    if (result == 0) result = transfer(&p);
    if (result == 0) unlink(p.part), unlink(p.from);
    if (result > 0 && publish(&p) < 0) result = -1;
    if (p.fd >= 0) close(p.fd);
    return result;
}

/* "a|b": the first that is there. */
static int fetch_first(const struct model_fetch *f, const char *names)
{
    struct str rest = str_from(names);
    while (rest.p) {
        char name[128];
        struct str one = str_cut(&rest, '|');
        snprintf(name, sizeof name, "%.*s", STR_ARG(one));
        int got = fetch_file(f, name);
        if (got) return got < 0 ? -1 : 0;
        if (rest.p && !f->quiet) log_line("%s; trying the next", fail_message());
    }
    return -1;
}

int model_fetch(const struct model_fetch *f)
{
    for (const char *const *names = model_entry_files(f->model); *names; names++)
        if (fetch_first(f, *names) < 0) return -1;
    return 0;
}
