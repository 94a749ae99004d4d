#include "filters/url/authority.h"

#include "filters/text/measure.h"

enum { ENDS_AUTHORITY = 1, ENDS_PATH = 2, IN_LABEL = 4 };
static const unsigned char kinds[256] = {
    ['/'] = ENDS_AUTHORITY, ['?'] = ENDS_AUTHORITY | ENDS_PATH, ['#'] = ENDS_AUTHORITY | ENDS_PATH,
    ['0' ... '9'] = IN_LABEL, ['A' ... 'Z'] = IN_LABEL, ['a' ... 'z'] = IN_LABEL, [0x80 ... 0xFF] = IN_LABEL,
};

static size_t first_of(struct str s, unsigned kind) /* offset; s.n when there is none */
{
    size_t i = 0;
    while (i < s.n && !(kinds[(unsigned char)s.p[i]] & kind)) i++;
    return i;
}

/* The offset of "://" when nothing that ends an authority stands before it; SIZE_MAX otherwise. */
static size_t scheme_end(struct str url)
{
    size_t slash = first_of(url, ENDS_AUTHORITY);
    return slash && slash + 1 < url.n && memcmp(url.p + slash - 1, "://", 3) == 0 ? slash - 1 : SIZE_MAX;
}

static size_t byte_at(struct str s, char c) /* offset; s.n when there is none */
{
    const char *at = s.n ? memchr(s.p, c, s.n) : NULL;
    return at ? (size_t)(at - s.p) : s.n;
}

struct written_url url_as_written(struct str url)
{
    struct written_url w = {.path = STR_ABSENT};
    struct str behind = url;
    size_t colon = scheme_end(url);
    if (colon != SIZE_MAX) {
        w.scheme = str_of(url.p, colon);
        behind = str_from_at(url, colon + 3);
        struct str authority = str_of(behind.p, first_of(behind, ENDS_AUTHORITY));
        behind = str_from_at(behind, authority.n);
        for (size_t i = authority.n; i-- > 0;)
            if (authority.p[i] == '@') {
                w.user = str_of(authority.p, i);
                authority = str_from_at(authority, i + 1);
                break;
            }
        size_t end = authority.n && authority.p[0] == '[' ? byte_at(authority, ']') : byte_at(authority, ':');
        if (authority.n && authority.p[0] == '[' && end < authority.n) end++;
        w.host = str_of(authority.p, end);
        if (end < authority.n && authority.p[end] == ':') w.port = str_from_at(authority, end + 1);
    }
    w.path = str_of(behind.p, first_of(behind, ENDS_PATH));
    w.rest = str_from_at(behind, w.path.n);
    return w;
}

/* ---- Django's rules ---- */

static bool is_label(struct str s)
{
    if (s.n == 0 || s.n > 63 || s.p[0] == '-' || s.p[s.n - 1] == '-') return false;
    for (size_t i = 0; i < s.n; i++)
        if (!(kinds[(unsigned char)s.p[i]] & IN_LABEL) && s.p[i] != '-') return false;
    return true;
}

static bool is_top_level(struct str s)
{
    if (!is_label(s) || s.n < 2) return false;
    if (str_starts_nocase(s, STR("xn--"))) return true;
    for (size_t i = 0; i < s.n; i++)
        if (ascii_is_digit(s.p[i])) return false;
    return true;
}

static bool is_ipv4(struct str s)
{
    int parts = 0;
    while (s.p) {
        struct str part = str_cut(&s, '.');
        uint64_t value;
        bool octal = part.n > 1 && part.p[0] == '0';
        if (part.n == 0 || part.n > 3 || octal || str_to_u64(part, &value) < 0 || value > 255) return false;
        parts++;
    }
    return parts == 4;
}

static bool is_ipv6(struct str s) /* as the validator does: characters only, then a library that we need not be stricter than */
{
    if (s.n < 4 || s.p[0] != '[' || s.p[s.n - 1] != ']') return false;
    for (size_t i = 1; i + 1 < s.n; i++)
        if (ascii_hex(s.p[i]) < 0 && s.p[i] != ':' && s.p[i] != '.') return false;
    return str_find(s, STR(":")) != SIZE_MAX;
}

static bool is_host(struct str host)
{
    if (host.n == 0 || host.n > 253) return false;
    if (str_eq_nocase(host, STR("localhost")) || is_ipv4(host) || is_ipv6(host)) return true;
    if (host.p[host.n - 1] == '.') host.n--;
    struct str label = STR_ABSENT;
    int labels = 0;
    for (struct str rest = host; rest.p; labels++) {
        label = str_cut(&rest, '.');
        if (!is_label(label)) return false;
    }
    return labels > 1 && is_top_level(label);
}

static bool is_port(struct str port)
{
    uint64_t value;
    return !port.p || (port.n >= 1 && port.n <= 5 && str_to_u64(port, &value) == 0);
}

bool url_django_valid(struct str url, struct str schemes)
{
    struct written_url w = url_as_written(url);
    bool scheme = false;
    for (struct str rest = schemes; rest.p && !scheme;) scheme = str_eq_nocase(str_cut(&rest, ','), w.scheme);
    return scheme && w.scheme.p && is_host(w.host) && is_port(w.port) && !measure_has_space(url);
}
