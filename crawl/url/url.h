/* URLs of pages and pictures: the URL standard (url.spec.whatwg.org) for http and https.
 *
 *     struct url_parser parser;
 *     if (url_parser_init(&parser) < 0) return -1;                      once a thread: no parse allocates afterwards
 *     struct url page, picture;
 *     if (url_parse(&parser, &page, NULL, record_uri, NULL) != URL_OK) ...
 *     base = copy of page                                               url_move(&base, arena_copy(&arena, page.href))
 *     switch (url_parse(&parser, &picture, &base, src, NULL)) ...       once for each src
 *
 * A result is one string, the href, and offsets into it. The href lies in the parser and dies with its next parse; a base
 * therefore lies elsewhere. What the parser makes is ASCII, without white space, and parses to itself. Other schemes than
 * http and https are recognised and not parsed further. No result is longer than URL_MAX bytes, and no input of any kind
 * takes more than time linear in its length. One thread a parser.
 */
#ifndef WINNOW_URL_H
#define WINNOW_URL_H

#include "pipeline/base/buf.h"
#include "pipeline/base/str.h"

enum { URL_MAX = 64 << 10 }; /* bytes of an href, and of an input without tabs and newlines: what a cell of a row may hold */

enum url_status {
    URL_OK,
    URL_OTHER_SCHEME,    /* absolute, neither http nor https: data:, javascript:, ftp:, mailto: */
    URL_RELATIVE,        /* a relative reference, and no base to resolve it against */
    URL_NO_HOST,
    URL_BAD_DOMAIN,      /* not a domain by UTS 46, or with forbidden characters such as % < ^ */
    URL_BAD_IPV4,        /* the last label is a number, the whole is no IPv4 address */
    URL_BAD_IPV6,
    URL_BAD_PORT,
    URL_TOO_LONG,        /* over URL_MAX */
    URL_FAILED,          /* not the URL's fault: a host that needs ICU, and no module `unicode`. fail_message() says so; stop */
    URL_STATUS_COUNT,
};
const char *url_reason(enum url_status status); /* a static sentence for people: "the port is not a number from 0 to 65535" */
const char *url_status_name(enum url_status status); /* for columns and counts: "ok", "bad_port" */

enum url_host_kind { URL_DOMAIN, URL_IPV4, URL_IPV6 };

/*   https://user:pass@example.com:8080/a/b?q=1#top
 *   |    |      |     |          |    |   |   |
 *   0    |      |     host_at    |    |   |   fragment_at (href.n when there is none)
 *        |      username_end     |    |   query_at (fragment_at when there is none)
 *        scheme_end              |    path_at
 *                                host_end
 * Without userinfo username_end is scheme_end + 3 and host_at too; without a password it is followed by "@". */
struct url {
    struct str href;
    uint32_t scheme_end, username_end, host_at, host_end, path_at, query_at, fragment_at;
    int32_t port; /* as written; -1 when the scheme's own */
    enum url_host_kind host_kind;
};

/* How a page that is not UTF-8 sends queries. Appends `query` (UTF-8, without "?") in the page's charset, percent-encoded
 * with the special-query set, what the charset lacks as %26%23N%3B: charset_encode_query() of crawl/charset does it. */
struct url_query_encoder {
    int (*append)(struct buf *out, int charset, struct str query);
    int charset;
};

struct url_parser {
    struct buf href;  /* the last result */
    struct buf clean; /* private: an input without its tabs and newlines */
    struct buf host;  /* private: a percent-decoded host and its ASCII form */
};
int url_parser_init(struct url_parser *parser); /* allocates all it ever will, 192 KiB; -1 when there is no memory */
void url_parser_free(struct url_parser *parser);

/* Parses `input` (UTF-8; damaged sequences count as U+FFFD), a relative reference against `base` (NULL: none; its href not in
 * this parser). `encoder` NULL means a UTF-8 page. *out is set for URL_OK alone. */
enum url_status url_parse(struct url_parser *parser, struct url *out, const struct url *base, struct str input,
                          const struct url_query_encoder *encoder);

/* The same URL whose href was copied to other memory. */
static inline struct url url_move(const struct url *u, struct str copy_of_href)
{
    struct url moved = *u;
    moved.href = copy_of_href;
    return moved;
}

static inline struct str url_part(const struct url *u, size_t from, size_t to) { return str_of(u->href.p + from, to - from); }
static inline struct str url_scheme(const struct url *u) { return url_part(u, 0, u->scheme_end); } /* "http" or "https" */
static inline struct str url_username(const struct url *u) { return url_part(u, u->scheme_end + 3, u->username_end); }
static inline struct str url_password(const struct url *u) /* without ":"; empty when there is none */
{
    return u->host_at > u->username_end + 1 ? url_part(u, u->username_end + 1, u->host_at - 1) : url_part(u, 0, 0);
}
static inline bool url_has_userinfo(const struct url *u) { return u->host_at > u->scheme_end + 3; }
static inline struct str url_host(const struct url *u) { return url_part(u, u->host_at, u->host_end); } /* IPv6 in brackets */
static inline uint16_t url_port(const struct url *u) /* never absent: 80 or 443 when none is written */
{
    return (uint16_t)(u->port >= 0 ? u->port : u->scheme_end == 5 ? 443 : 80);
}
static inline struct str url_path(const struct url *u) { return url_part(u, u->path_at, u->query_at); } /* begins with "/" */
static inline struct str url_query(const struct url *u) /* without "?"; absent when there is none */
{
    return u->query_at < u->fragment_at ? url_part(u, u->query_at + 1, u->fragment_at) : STR_ABSENT;
}
static inline struct str url_fragment(const struct url *u) /* without "#"; absent when there is none */
{
    return u->fragment_at < u->href.n ? url_part(u, u->fragment_at + 1, u->href.n) : STR_ABSENT;
}
static inline struct str url_without_fragment(const struct url *u) { return url_part(u, 0, u->fragment_at); } /* column `url` */
static inline struct str url_target(const struct url *u) { return url_part(u, u->path_at, u->fragment_at); } /* path and query */

int url_origin(struct buf *out, const struct url *u); /* appends scheme://host, and :port unless the scheme's own */

#endif
