/* URLs hold "://" and domains do not, so that both kinds of keys live in one sorted array. */
#include "crawl/robots/optout.h"

#include "pipeline/base/fail.h"
#include "pipeline/base/hash.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { KEY_BYTES = 16, DIGEST_DIGITS = 64, DOMAIN_LABELS_MAX = 128, LINE_MAX_BYTES = URL_MAX + 4096 /* a comment */ };

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

/* Whether a host may be meant: URLs allow more in theirs, and a digest of another kind looks like one. */
static bool is_domain(struct str host)
{
    size_t digits = 0;
    for (size_t i = 0; i < host.n; i++) {
        char c = host.p[i];
        if (!ascii_is_alpha(c) && !ascii_is_digit(c) && !memchr("-._:[]", c, 6)) return false;
        digits += ascii_hex(c) >= 0;
    }
    return host.n > 0 && !(digits == host.n && digits >= 32);
}

/* A domain passes through the URL parser, which knows IDNA, case, and hosts that are addresses. */
static int add_domain(struct optout *list, struct str line)
{
    struct url url;
    struct str domain = str_from_at(line, str_starts(line, STR("*.")) ? 2 : str_starts(line, STR(".")) ? 1 : 0);
    if (domain.n > URL_MAX - 16) return fail("%zu bytes are no domain", domain.n);
    char text[URL_MAX];
    int n = snprintf(text, sizeof text, "http://%.*s/", STR_ARG(domain));
    enum url_status status = url_parse(&list->parser, &url, NULL, str_of(text, (size_t)n), NULL);
    if (status != URL_OK || url.port >= 0 || url_has_userinfo(&url) || !str_eq(url_target(&url), STR("/")) || !is_domain(url_host(&url)))
        return fail("'%.*s' is neither a URL, a domain nor a SHA-256", STR_ARG(line));
    struct str host = url_host(&url);
    if (host.p[host.n - 1] == '.') host.n--;
    return add_key(list, key_of(host));
}

/* "#" at the beginning or behind white space begins a comment; elsewhere it is a fragment's. */
static struct str without_comment(struct str line)
{
    for (size_t i = 0; i < line.n; i++)
        if (line.p[i] == '#' && (i == 0 || ascii_is_space(line.p[i - 1]))) line.n = i;
    return str_trim(line);
}

int optout_add(struct optout *list, struct str line)
{
    struct key key;
    struct url url;
    line = without_comment(line);
    if (!line.n) return 0;
    for (size_t i = 0; i < line.n; i++) /* which URLs lose without a word */
        if ((unsigned char)line.p[i] < ' ') return fail("'%.*s' holds a tab or another control character: one entry a line is expected", STR_ARG(line));
    if (read_digest(line, &key)) return add_key(list, key);
    if (str_find(line, STR("://")) == SIZE_MAX) return add_domain(list, line);
    enum url_status status = url_parse(&list->parser, &url, NULL, line, NULL);
    if (status != URL_OK) return fail("'%.*s': %s", STR_ARG(line), url_reason(status));
    return add_key(list, key_of(url_without_fragment(&url)));
}

/* Bytes of the next line with its end; 0 at the file's end, LINE_MAX_BYTES for a longer one. */
static size_t read_line(FILE *file, char line[LINE_MAX_BYTES])
{
    size_t n = 0;
    for (int c; n < LINE_MAX_BYTES && (c = getc_unlocked(file)) != EOF;) {
        line[n++] = (char)c;
        if (c == '\n') break;
    }
    return n;
}

int optout_load(struct optout *list, const char *path)
{
    FILE *file = fopen(path, "re");
    char *line = malloc(LINE_MAX_BYTES);
    int result = !line ? fail_memory() : file ? 0 : fail_errno("%s", path);
    size_t number = 0, n = 1;
    while (result == 0 && (n = read_line(file, line)) > 0) {
        size_t mark = ++number == 1 && str_starts(str_of(line, n), STR("\xEF\xBB\xBF")) ? 3 : 0;
        if (n == LINE_MAX_BYTES) result = fail("a line of more than %d bytes", LINE_MAX_BYTES);
        else result = optout_add(list, str_of(line + mark, n - mark));
        if (result < 0) fail_prefix("%s: line %zu: ", path, number);
    }
    if (result == 0 && ferror(file)) result = fail_errno("%s", path);
    free(line);
    if (file) fclose(file);
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
