/* Base and reference, parted by the first NUL. Whatever comes in: no crash, and a URL that came out is ASCII without white
 * space, parses to itself with the same parts, and is the base's own when an empty reference is resolved against it. */
#include "crawl/url/domain.h"
#include "crawl/url/url.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds, const char *what, const struct url *u)
{
    if (holds) return;
    fprintf(stderr, "%s: %.*s\n", what, STR_ARG(u->href));
    abort();
}

static bool same_parts(const struct url *a, const struct url *b)
{
    return str_eq(a->href, b->href) && a->scheme_end == b->scheme_end && a->username_end == b->username_end &&
           a->host_at == b->host_at && a->host_end == b->host_end && a->path_at == b->path_at && a->query_at == b->query_at &&
           a->fragment_at == b->fragment_at && a->port == b->port && a->host_kind == b->host_kind;
}

static void check(const struct url *u, struct url_parser *second)
{
    struct url again;
    for (size_t i = 0; i < u->href.n; i++) demand(u->href.p[i] > ' ' && u->href.p[i] < 0x7F, "not plain ASCII", u);
    demand(u->href.n <= URL_MAX, "too long", u);
    demand(url_parse(second, &again, NULL, u->href, NULL) == URL_OK && same_parts(u, &again), "does not parse to itself", u);
    demand(url_parse(second, &again, u, STR(""), NULL) == URL_OK, "takes no empty reference", u);
    demand(str_eq(again.href, url_without_fragment(u)), "an empty reference changes it", u);
    demand(url_path(u).n && url_path(u).p[0] == '/' && url_host(u).n, "has no path or host", u);
    demand(str_ends(url_host(u), url_registrable_domain(url_host(u), u->host_kind)) || str_ends(url_host(u), STR(".")), "owner", u);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct url_parser bases, references, seconds;
    if (!seconds.href.p && (url_parser_init(&bases) < 0 || url_parser_init(&references) < 0 || url_parser_init(&seconds) < 0)) abort();
    struct str reference = str_of((const char *)data, size), base_input = str_cut(&reference, 0);
    struct url base, u;
    bool has_base = url_parse(&bases, &base, NULL, base_input, NULL) == URL_OK;
    if (has_base) check(&base, &seconds);
    if (reference.p && url_parse(&references, &u, has_base ? &base : NULL, reference, NULL) == URL_OK) check(&u, &seconds);
    return 0;
}
