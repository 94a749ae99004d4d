/* URLs hold "://" and domains do not, so that both kinds of keys live in one sorted array. */
#include "crawl/robots/optout.h"

#include "pipeline/base/fail.h"
#include "pipeline/base/hash.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { KEY_BYTES = 16, DIGEST_DIGITS = 64, DOMAIN_LABELS_MAX = 128 };

struct key {
    unsigned char bytes[KEY_BYTES];
};

struct optout {
    struct key *keys;
    size_t count, room;
    struct url_parser parser;
};

struct optout *optout_new(void)
{
    struct optout *list = calloc(1, sizeof *list);
    if (!list) return fail_memory(), NULL;
    if (url_parser_init(&list->parser) < 0) {
        free(list);
        return NULL;
    }
    return list;
}

void optout_free(struct optout *list)
{
    if (!list) return;
    url_parser_free(&list->parser);
    free(list->keys);
    free(list);
}

static struct key key_of(struct str s)
{
    unsigned char digest[32];
    struct key key;
    hash_sha256(s, digest);
    memcpy(key.bytes, digest, KEY_BYTES);
    return key;
}

static int add_key(struct optout *list, struct key key)
{
    if (list->count == list->room) {
        size_t room = list->room ? list->room * 2 : 1024;
        struct key *larger = realloc(list->keys, room * sizeof *larger);
        if (!larger) return fail_memory();
        list->keys = larger;
        list->room = room;
    }
    list->keys[list->count++] = key;
    return 0;
}

/* Reads 64 hexadecimal digits; false for anything else. */
static bool read_digest(struct str line, struct key *key)
{
    if (line.n != DIGEST_DIGITS) return false;
    for (size_t i = 0; i < line.n; i++) {
        int digit = ascii_hex(line.p[i]);
        if (digit < 0) return false;
        if (i / 2 < KEY_BYTES) key->bytes[i / 2] = (unsigned char)((i & 1 ? key->bytes[i / 2] << 4 : 0) | digit);
    }
    return true;
}

/* A domain passes through the URL parser, which knows IDNA, case, and hosts that are addresses. */
static int add_domain(struct optout *list, struct str domain)
{
    struct url url;
    if (str_starts(domain, STR("*."))) domain = str_from_at(domain, 2);
    if (domain.n > URL_MAX - 16) return fail("this is no domain");
    char text[URL_MAX];
    int n = snprintf(text, sizeof text, "http://%.*s/", STR_ARG(domain));
    enum url_status status = url_parse(&list->parser, &url, NULL, str_of(text, (size_t)n), NULL);
    if (status != URL_OK || url.port >= 0 || url_has_userinfo(&url) || !str_eq(url_target(&url), STR("/")))
        return fail("'%.*s' is neither a URL, a domain nor a SHA-256", STR_ARG(domain));
    struct str host = url_host(&url);
    if (host.n && host.p[host.n - 1] == '.') host.n--;
    return add_key(list, key_of(host));
}

int optout_add(struct optout *list, struct str line)
{
    struct key key;
    struct url url;
    line = str_trim(line);
    if (!line.n || line.p[0] == '#') return 0;
    if (read_digest(line, &key)) return add_key(list, key);
    if (str_find(line, STR("://")) == SIZE_MAX) return add_domain(list, line);
    enum url_status status = url_parse(&list->parser, &url, NULL, line, NULL);
    if (status != URL_OK) return fail("'%.*s': %s", STR_ARG(line), url_reason(status));
    return add_key(list, key_of(url_without_fragment(&url)));
}

int optout_load(struct optout *list, const char *path)
{
    FILE *file = fopen(path, "re");
    if (!file) return fail_errno("%s", path);
    char *line = NULL;
    size_t room = 0, number = 0;
    ssize_t n;
    int result = 0;
    while (result == 0 && (n = getline(&line, &room, file)) >= 0) {
        number++;
        result = optout_add(list, str_of(line, (size_t)n));
        if (result < 0) fail_prefix("%s: line %zu: ", path, number);
    }
    if (result == 0 && ferror(file)) result = fail_errno("%s", path);
    free(line);
    fclose(file);
    return result;
}

static int compare_keys(const void *a, const void *b) { return memcmp(a, b, KEY_BYTES); }

int optout_seal(struct optout *list)
{
    if (!list->count) return 0;
    qsort(list->keys, list->count, sizeof *list->keys, compare_keys);
    size_t kept = 1;
    for (size_t i = 1; i < list->count; i++)
        if (compare_keys(&list->keys[i], &list->keys[kept - 1]) != 0) list->keys[kept++] = list->keys[i];
    list->count = kept;
    return 0;
}

size_t optout_count(const struct optout *list) { return list ? list->count : 0; }

static bool holds(const struct optout *list, struct str s)
{
    struct key key = key_of(s);
    return bsearch(&key, list->keys, list->count, sizeof *list->keys, compare_keys);
}

bool optout_has(const struct optout *list, const struct url *url)
{
    if (!list || !list->count) return false;
    if (holds(list, url_without_fragment(url))) return true;
    struct str domain = url_host(url);
    if (domain.n && domain.p[domain.n - 1] == '.') domain.n--;
    for (int i = 0; i < DOMAIN_LABELS_MAX && domain.n; i++) {
        if (holds(list, domain)) return true;
        const char *dot = url->host_kind == URL_DOMAIN ? memchr(domain.p, '.', domain.n) : NULL;
        if (!dot) break;
        domain = str_from_at(domain, (size_t)(dot - domain.p) + 1);
    }
    return false;
}
