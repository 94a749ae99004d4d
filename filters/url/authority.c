#include "filters/url/authority.h"

#include "pipeline/base/unicode.h"
#include "pipeline/base/utf8.h"

static size_t first_of(struct str s, const char *set) /* offset; s.n when there is none */
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] && strchr(set, s.p[i])) return i;
    return s.n;
}

struct written_url url_as_written(struct str url)
{
    struct written_url w = {.path = STR_ABSENT};
    struct str behind = url;
    size_t colon = str_find(url, STR("://"));
    if (colon != SIZE_MAX && first_of(url, "/?#") > colon) {
        w.scheme = str_of(url.p, colon);
        behind = str_from_at(url, colon + 3);
        struct str authority = str_of(behind.p, first_of(behind, "/?#"));
        behind = str_from_at(behind, authority.n);
        for (size_t i = authority.n; i-- > 0;)
            if (authority.p[i] == '@') {
                w.user = str_of(authority.p, i);
                authority = str_from_at(authority, i + 1);
                break;
            }
        size_t end = authority.n && authority.p[0] == '[' ? first_of(authority, "]") : first_of(authority, ":");
        if (authority.n && authority.p[0] == '[' && end < authority.n) end++;
        w.host = str_of(authority.p, end);
        if (end < authority.n && authority.p[end] == ':') w.port = str_from_at(authority, end + 1);
    }
    w.path = str_of(behind.p, first_of(behind, "?#"));
    w.rest = str_from_at(behind, w.path.n);
    return w;
}

/* ---- Django's rules ---- */

static bool is_label_byte(char c) { return ascii_is_alpha(c) || ascii_is_digit(c) || (unsigned char)c >= 0x80; }

static bool is_label(struct str s)
{
    if (s.n == 0 || s.n > 63 || s.p[0] == '-' || s.p[s.n - 1] == '-') return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_label_byte(s.p[i]) && s.p[i] != '-') return false;
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
        if (part.n == 0 || part.n > 3 || (part.n > 1 && part.p[0] == '0') || str_to_u64(part, &value) < 0 || value > 255) return false;
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
    if (!scheme || !w.scheme.p || !is_host(w.host) || !is_port(w.port)) return false;
    for (size_t at = 0; at < url.n;)
        if (unicode_is_space(utf8_next(url, &at))) return false;
    return true;
}
