/* The parser, written along the parts of a URL instead of the standard's state machine (§4.4).
 *
 * For http and https each state ends at bytes that can be searched for: the authority at the first / \ ? #, the path at the
 * first ? #, the query at the first #. So the input is cut into these parts, and each part has one function that appends its
 * serialised form to the href. A reference without an authority begins as a copy of the base's href up to the part that it
 * replaces. */
#include "crawl/url/url.h"

#include "crawl/url/host.h"
#include "crawl/url/percent.h"

static const struct {
    const char *name, *reason;
} statuses[URL_STATUS_COUNT] = {
    [URL_OK] = {"ok", "a URL"},
    [URL_OTHER_SCHEME] = {"other_scheme", "the scheme is neither http nor https"},
    [URL_RELATIVE] = {"relative", "a relative reference without a base"},
    [URL_NO_HOST] = {"no_host", "there is no host"},
    [URL_BAD_DOMAIN] = {"bad_domain", "the host is not a domain name"},
    [URL_BAD_IPV4] = {"bad_ipv4", "the host ends in a number and is not an IPv4 address"},
    [URL_BAD_IPV6] = {"bad_ipv6", "the host in brackets is not an IPv6 address"},
    [URL_BAD_PORT] = {"bad_port", "the port is not a number from 0 to 65535"},
    [URL_TOO_LONG] = {"too_long", "longer than 65536 bytes"},
    [URL_FAILED] = {"failed", "the Unicode tables that the host needs are not installed"},
};
_Static_assert(URL_MAX == 65536, "the sentence for URL_TOO_LONG names the limit");

const char *url_reason(enum url_status status) { return statuses[status].reason; }
const char *url_status_name(enum url_status status) { return statuses[status].name; }

int url_parser_init(struct url_parser *parser)
{
    buf_init(&parser->href, URL_MAX);
    buf_init(&parser->clean, URL_MAX);
    buf_init(&parser->host, URL_MAX);
    if (buf_reserve(&parser->href, URL_MAX) == 0 && buf_reserve(&parser->clean, URL_MAX) == 0 &&
        buf_reserve(&parser->host, URL_MAX) == 0)
        return 0;
    url_parser_free(parser);
    return -1;
}

void url_parser_free(struct url_parser *parser)
{
    buf_free(&parser->href);
    buf_free(&parser->clean);
    buf_free(&parser->host);
}

/* ---- cutting the input ---- */

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

static struct str trim_controls(struct str s)
{
    while (s.n && (unsigned char)s.p[0] <= 0x20) s = str_from_at(s, 1);
    while (s.n && (unsigned char)s.p[s.n - 1] <= 0x20) s.n--;
    return s;
}

/* Whether a byte below 0x10 is there; such bytes are rare, so eight are asked at once. */
static bool has_low_control(struct str s)
{
    uint64_t found = 0, w;
    size_t at = 0;
    for (; at + 8 <= s.n; at += 8) {
        memcpy(&w, s.p + at, 8);
        found |= ~(((w & EACH(0x7F)) + EACH(0x70)) | w) & EACH(0x80);
    }
    for (; at < s.n; at++) found |= (unsigned char)s.p[at] < 0x10;
    return found;
}

/* The input without tabs and newlines: itself where it has none. */
static int drop_tabs(struct buf *clean, struct str *s)
{
    if (!has_low_control(*s)) return s->n > URL_MAX ? -1 : 0;
    buf_clear(clean);
    for (size_t at = 0; at < s->n; at++)
        if (!(url_byte(s->p[at]) & TAB_OR_NEWLINE) && buf_byte(clean, s->p[at]) < 0) return -1;
    *s = buf_str(clean);
    return 0;
}

/* What a reference begins with. */
enum scheme { SCHEME_NONE, SCHEME_OTHER, SCHEME_HTTP = 4, SCHEME_HTTPS = 5 }; /* of ours: the length of its name */

static bool in_scheme(char c) { return ascii_is_alpha(c) || ascii_is_digit(c) || c == '+' || c == '-' || c == '.'; }

/* Tabs and newlines may still be there: a long data: URL is sent away before it is read. *end is set for http and https. */
static enum scheme find_scheme(struct str s)
{
    char name[8];
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (url_byte(c) & TAB_OR_NEWLINE) continue;
        if (c == ':' && n) {
            if (str_eq(str_of(name, n), STR("http"))) return SCHEME_HTTP;
            return str_eq(str_of(name, n), STR("https")) ? SCHEME_HTTPS : SCHEME_OTHER;
        }
        if (!in_scheme(c) || (n == 0 && !ascii_is_alpha(c))) return SCHEME_NONE;
        if (n < sizeof name) name[n++] = ascii_lower(c);
    }
    return SCHEME_NONE;
}

static bool is_slash(char c) { return url_byte(c) & SLASH; }

static size_t count_slashes(struct str s)
{
    size_t n = 0;
    while (n < s.n && is_slash(s.p[n])) n++;
    return n;
}

/* The part up to the first byte that is one of `ends`; `rest` begins with that byte. */
static struct str cut_before(struct str *rest, bool (*ends)(char))
{
    size_t n = 0;
    while (n < rest->n && !ends(rest->p[n])) n++;
    struct str part = str_of(rest->p, n);
    *rest = str_from_at(*rest, n);
    return part;
}
static bool ends_authority(char c) { return is_slash(c) || c == '?' || c == '#'; }
static bool ends_path(char c) { return c == '?' || c == '#'; }
static bool ends_query(char c) { return c == '#'; }

/* ---- the parts ---- */

static enum url_status room(int result) { return result < 0 ? URL_TOO_LONG : URL_OK; }

/* Everything before the authority's last "@"; nothing is written for an empty user name and password. */
static enum url_status add_userinfo(struct buf *href, struct url *u, struct str userinfo)
{
    struct str password = userinfo, username = str_cut(&password, ':');
    if (url_percent_encode(href, username, PERCENT_USERINFO) < 0) return URL_TOO_LONG;
    u->username_end = (uint32_t)href->n;
    if (password.n && (buf_byte(href, ':') < 0 || url_percent_encode(href, password, PERCENT_USERINFO) < 0)) return URL_TOO_LONG;
    return username.n || password.n ? room(buf_byte(href, '@')) : URL_OK;
}

static enum url_status add_port(struct buf *href, struct url *u, struct str digits)
{
    uint32_t port = 0;
    u->port = -1;
    if (digits.n == 0) return URL_OK;
    for (size_t i = 0; i < digits.n; i++) {
        if (!ascii_is_digit(digits.p[i])) return URL_BAD_PORT;
        port = port * 10 + (uint32_t)(digits.p[i] - '0');
        if (port > 65535) return URL_BAD_PORT;
    }
    if (port == (u->scheme_end == SCHEME_HTTPS ? 443 : 80)) return URL_OK;
    u->port = (int32_t)port;
    return buf_byte(href, ':') < 0 ? URL_TOO_LONG : room(buf_u64(href, port));
}

/* Where the host ends: at the first colon outside brackets. */
static size_t host_length(struct str s)
{
    bool brackets = false;
    size_t n = 0;
    for (; n < s.n && (brackets || s.p[n] != ':'); n++) brackets = s.p[n] == '[' || (brackets && s.p[n] != ']');
    return n;
}

static enum url_status add_authority(struct url_parser *parser, struct url *u, struct str authority)
{
    struct buf *href = &parser->href;
    const char *at_sign = authority.n ? memrchr(authority.p, '@', authority.n) : NULL;
    enum url_status status;
    u->username_end = u->scheme_end + 3;
    if (at_sign) {
        size_t n = (size_t)(at_sign - authority.p);
        if ((status = add_userinfo(href, u, str_of(authority.p, n))) != URL_OK) return status;
        authority = str_from_at(authority, n + 1);
    }
    u->host_at = (uint32_t)href->n;
    size_t n = host_length(authority);
    if (n == 0) return URL_NO_HOST;
    if ((status = url_host_parse(href, &parser->host, str_of(authority.p, n), &u->host_kind)) != URL_OK) return status;
    u->host_end = (uint32_t)href->n;
    return add_port(href, u, str_from_at(authority, n + 1));
}

/* 1 for "." and 2 for "..", each dot also as %2e; 0 for all other segments. */
static int dots(struct str segment)
{
    int count = 0;
    for (size_t at = 0; at < segment.n; count++) {
        if (segment.p[at] == '.') at++;
        else if (segment.n - at >= 3 && segment.p[at] == '%' && segment.p[at + 1] == '2' && (segment.p[at + 2] | 0x20) == 'e') at += 3;
        else return 0;
    }
    return count <= 2 ? count : 0;
}

/* Drops the last segment with the slash before it. */
static void shorten(struct buf *href, const struct url *u)
{
    while (href->n > u->path_at && href->p[--href->n] != '/') {}
}

/* One segment that needs work, with the slash before it. `last`: nothing follows, so a dotted one leaves an empty segment. */
static int add_segment(struct buf *href, const struct url *u, struct str segment, int dotted, bool last)
{
    if (dotted == 2) shorten(href, u);
    if (dotted) return last ? buf_byte(href, '/') : 0;
    return buf_byte(href, '/') < 0 ? -1 : url_percent_encode(href, segment, PERCENT_PATH);
}

/* Appends the segments of `path`, whose first slash is cut off, to what is there of the path. Segments that stay as they are
 * wait and are copied together, most paths at once. */
static enum url_status add_segments(struct buf *href, const struct url *u, struct str path)
{
    size_t kept = 0; /* where the segments begin that are not yet copied */
    for (size_t at = 0;; at++) {
        size_t from = at;
        unsigned seen = 0;
        for (; at < path.n; at++) {
            unsigned class = url_byte(path.p[at]);
            if (class & SLASH) break;
            seen |= class;
        }
        struct str segment = str_of(path.p + from, at - from);
        int dotted = segment.n && (segment.p[0] == '.' || segment.p[0] == '%') ? dots(segment) : 0;
        bool last = at >= path.n, plain = !dotted && !(seen & PERCENT_PATH);
        if (plain && !last && path.p[at] == '/') continue;
        if (plain && last) return room(buf_byte(href, '/') < 0 ? -1 : buf_add(href, str_from_at(path, kept)));
        if (from > kept && (buf_byte(href, '/') < 0 || buf_add(href, str_of(path.p + kept, from - 1 - kept)) < 0)) return URL_TOO_LONG;
        if (add_segment(href, u, segment, dotted, last) < 0) return URL_TOO_LONG;
        if (last) return URL_OK;
        kept = at + 1;
    }
}

static enum url_status add_query(struct buf *href, struct url *u, struct str *rest, const struct url_query_encoder *encoder)
{
    u->query_at = (uint32_t)href->n;
    if (!rest->n || rest->p[0] != '?') return URL_OK;
    *rest = str_from_at(*rest, 1);
    struct str query = cut_before(rest, ends_query);
    if (buf_byte(href, '?') < 0) return URL_TOO_LONG;
    return room(encoder ? encoder->append(href, encoder->charset, query) : url_percent_encode(href, query, PERCENT_QUERY));
}

static enum url_status add_fragment(struct buf *href, struct url *u, struct str rest)
{
    u->fragment_at = (uint32_t)href->n;
    if (!rest.n) return URL_OK;
    return buf_byte(href, '#') < 0 ? URL_TOO_LONG : room(url_percent_encode(href, str_from_at(rest, 1), PERCENT_FRAGMENT));
}

/* ---- whole references ---- */

/* `rest` begins at the authority, behind all slashes. */
static enum url_status parse_absolute(struct url_parser *parser, struct url *u, enum scheme scheme, struct str *rest,
                                      const struct url_query_encoder *encoder)
{
    struct buf *href = &parser->href;
    if (buf_add(href, scheme == SCHEME_HTTP ? STR("http://") : STR("https://")) < 0) return URL_TOO_LONG;
    u->scheme_end = scheme;
    enum url_status status = add_authority(parser, u, cut_before(rest, ends_authority));
    if (status != URL_OK) return status;
    u->path_at = (uint32_t)href->n;
    struct str path = cut_before(rest, ends_path);
    status = add_segments(href, u, str_from_at(path, path.n != 0));
    return status == URL_OK ? add_query(href, u, rest, encoder) : status;
}

/* Begins with the base's href up to the first part that the reference replaces: path, last segment, query or fragment. */
static enum url_status parse_relative(struct url_parser *parser, struct url *u, const struct url *base, struct str *rest,
                                      const struct url_query_encoder *encoder)
{
    struct buf *href = &parser->href;
    struct str path = cut_before(rest, ends_path);
    bool from_root = path.n && is_slash(path.p[0]), has_query = rest->n && rest->p[0] == '?';
    size_t kept = from_root ? base->path_at : path.n || has_query ? base->query_at : base->fragment_at;
    *u = *base;
    if (buf_add(href, url_part(base, 0, kept)) < 0) return URL_TOO_LONG;
    if (path.n) {
        if (!from_root) shorten(href, u);
        enum url_status status = add_segments(href, u, str_from_at(path, from_root));
        if (status != URL_OK) return status;
    }
    return path.n || has_query ? add_query(href, u, rest, encoder) : URL_OK;
}

enum url_status url_parse(struct url_parser *parser, struct url *out, const struct url *base, struct str input,
                          const struct url_query_encoder *encoder)
{
    struct str rest = input.n ? trim_controls(input) : STR("");
    enum scheme scheme = find_scheme(rest);
    if (scheme == SCHEME_OTHER) return URL_OTHER_SCHEME;
    if (scheme == SCHEME_NONE && !base) return URL_RELATIVE;
    if (drop_tabs(&parser->clean, &rest) < 0) return URL_TOO_LONG;
    if (scheme != SCHEME_NONE) rest = str_from_at(rest, scheme + 1);

    struct url u = {.port = -1};
    buf_clear(&parser->href);
    size_t slashes = count_slashes(rest);
    enum url_status status;
    if (base && slashes < 2 && (scheme == SCHEME_NONE || scheme == base->scheme_end)) {
        status = parse_relative(parser, &u, base, &rest, encoder);
    } else {
        if (scheme == SCHEME_NONE) scheme = base->scheme_end;
        rest = str_from_at(rest, slashes);
        status = parse_absolute(parser, &u, scheme, &rest, encoder);
    }
    if (status == URL_OK) status = add_fragment(&parser->href, &u, rest);
    if (status != URL_OK) return status;
    u.href = buf_str(&parser->href);
    *out = u;
    return URL_OK;
}

int url_origin(struct buf *out, const struct url *u)
{
    size_t before = out->n;
    if (buf_add(out, url_part(u, 0, u->scheme_end + 3)) == 0 &&
        buf_add(out, url_part(u, u->host_at, u->path_at)) == 0) /* the port is written only where it is not the scheme's own */
        return 0;
    out->n = before;
    return -1;
}
