/* A host of plain ASCII is lower-cased while it is checked; only a "%" or another letter costs a decoding and ICU. */
#include "crawl/url/host.h"

#include "crawl/url/percent.h"
#include "pipeline/base/unicode.h"
#include "pipeline/base/utf8.h"

/* ---- IPv4 ---- */

enum { NOT_A_NUMBER = -1 };

/* §3.5 "IPv4 number parser": decimal, 0x hexadecimal, 0 octal. Values over 32 bits come back as 2^32; no digits after the
 * prefix is 0. */
static int64_t ipv4_number(struct str s)
{
    unsigned radix = 10;
    if (s.n == 0) return NOT_A_NUMBER;
    if (s.n >= 2 && s.p[0] == '0' && (s.p[1] | 0x20) == 'x') {
        radix = 16;
        s = str_from_at(s, 2);
    } else if (s.n >= 2 && s.p[0] == '0') {
        radix = 8;
        s = str_from_at(s, 1);
    }
    uint64_t value = 0;
    for (size_t i = 0; i < s.n; i++) {
        int digit = ascii_hex(s.p[i]);
        if (digit < 0 || (unsigned)digit >= radix) return NOT_A_NUMBER;
        value = value * radix + (unsigned)digit;
        if (value > UINT32_MAX) value = UINT64_C(1) << 32;
    }
    return (int64_t)value;
}

/* §3.5 "ends in a number": then the host is an IPv4 address or nothing. */
static bool ends_in_number(struct str domain)
{
    if (domain.n && domain.p[domain.n - 1] == '.') domain.n--;
    size_t at = domain.n;
    while (at && domain.p[at - 1] != '.') at--;
    struct str last = str_from_at(domain, at);
    size_t digits = 0;
    while (digits < last.n && ascii_is_digit(last.p[digits])) digits++;
    return last.n && (digits == last.n || ipv4_number(last) != NOT_A_NUMBER);
}

static int ipv4_parse(struct str s, uint32_t *address)
{
    if (s.n && s.p[s.n - 1] == '.') s.n--;
    uint64_t value = 0;
    for (unsigned part = 0; part < 4; part++) {
        bool more = s.n && memchr(s.p, '.', s.n);
        int64_t number = ipv4_number(str_cut(&s, '.'));
        if (number == NOT_A_NUMBER) return -1;
        if (!more) { /* the last number fills all that is left */
            unsigned bits = 8 * (4 - part);
            if ((uint64_t)number >> bits) return -1;
            *address = (uint32_t)(value << bits | (uint64_t)number);
            return 0;
        }
        if (number > 255) return -1;
        value = value << 8 | (uint64_t)number;
    }
    return -1; /* five parts or more */
}

static int ipv4_append(struct buf *out, uint32_t a)
{
    return buf_printf(out, "%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
}

/* ---- IPv6 ---- */

/* The dotted end of an IPv6 address: exactly four decimal numbers without leading zeros. */
static int dotted_quad(struct str s, uint16_t pieces[2])
{
    uint32_t value = 0;
    for (int part = 0; part < 4; part++) {
        struct str digits = str_cut(&s, '.');
        uint64_t number;
        if (digits.n > 3 || str_to_u64(digits, &number) < 0 || number > 255 || (digits.n > 1 && digits.p[0] == '0')) return -1;
        if ((part < 3) != (s.p != NULL)) return -1;
        value = value << 8 | (uint32_t)number;
    }
    pieces[0] = (uint16_t)(value >> 16);
    pieces[1] = (uint16_t)value;
    return 0;
}

int url_ipv6_parse(struct str s, uint16_t pieces[8])
{
    int count = 0, compress = -1; /* the piece behind "::", which stands for one zero at least */
    size_t at = 0;
    memset(pieces, 0, 8 * sizeof *pieces);
    if (s.n && s.p[0] == ':') {
        if (s.n < 2 || s.p[1] != ':') return -1;
        at = 2;
        compress = ++count;
    }
    while (at < s.n) {
        if (count == 8) return -1;
        if (s.p[at] == ':') {
            if (compress >= 0) return -1;
            at++;
            compress = ++count;
            continue;
        }
        size_t from = at;
        unsigned value = 0;
        for (; at < s.n && at - from < 4 && ascii_hex(s.p[at]) >= 0; at++) value = value << 4 | (unsigned)ascii_hex(s.p[at]);
        if (at < s.n && s.p[at] == '.') {
            if (at == from || count > 6 || dotted_quad(str_from_at(s, from), pieces + count) < 0) return -1;
            count += 2;
            break;
        }
        if (at < s.n && (s.p[at] != ':' || ++at == s.n)) return -1;
        pieces[count++] = (uint16_t)value;
    }
    if (compress < 0) return count == 8 ? 0 : -1;
    int moved = count - compress; /* pieces behind "::" go to the end */
    memmove(pieces + 8 - moved, pieces + compress, (size_t)moved * sizeof *pieces);
    memset(pieces + compress, 0, (size_t)(8 - count) * sizeof *pieces);
    return 0;
}

/* The first longest run of zero pieces, of two or more; its length. */
static int longest_zeros(const uint16_t pieces[8], int *at)
{
    int longest = 1;
    for (int i = 0; i < 8; i++) {
        int n = 0;
        while (i + n < 8 && pieces[i + n] == 0) n++;
        if (n > longest) {
            longest = n;
            *at = i;
        }
        i += n;
    }
    return longest > 1 ? longest : 0;
}

int url_ipv6_append(struct buf *out, const uint16_t pieces[8])
{
    int zeros_at = -1, zeros = longest_zeros(pieces, &zeros_at);
    for (int i = 0; i < 8; i++) {
        if (zeros && i == zeros_at) {
            if (buf_add(out, i ? STR(":") : STR("::")) < 0) return -1;
            i += zeros - 1;
            continue;
        }
        if (buf_printf(out, i < 7 ? "%x:" : "%x", pieces[i]) < 0) return -1;
    }
    return 0;
}

static enum url_status parse_ipv6(struct buf *out, struct str host)
{
    uint16_t pieces[8];
    if (host.n < 2 || host.p[host.n - 1] != ']' || url_ipv6_parse(str_of(host.p + 1, host.n - 2), pieces) < 0) return URL_BAD_IPV6;
    bool room = buf_byte(out, '[') == 0 && url_ipv6_append(out, pieces) == 0 && buf_byte(out, ']') == 0;
    return room ? URL_OK : URL_TOO_LONG;
}

/* ---- domains ---- */

/* Percent-decode, "UTF-8 decode without BOM", domain to ASCII (§3.2): the long way. */
static enum url_status decode_domain(struct buf *out, struct buf *work, struct str host)
{
    buf_clear(work);
    if (url_percent_decode(work, host) < 0) return URL_TOO_LONG;
    struct str decoded = buf_str(work);
    if (!utf8_valid(decoded)) return URL_BAD_DOMAIN; /* U+FFFD, which damaged sequences become, is in no domain name */
    if (unicode_domain_to_ascii(out, decoded) == 0) return URL_OK;
    return !utf8_is_ascii(decoded) && unicode_ready() < 0 ? URL_FAILED : URL_BAD_DOMAIN;
}

static enum url_status parse_domain(struct buf *out, struct buf *work, struct str host)
{
    size_t start = out->n;
    unsigned seen = 0;
    if (buf_reserve(out, host.n) < 0) return URL_TOO_LONG;
    for (size_t i = 0; i < host.n; i++) {
        seen |= url_byte(host.p[i]);
        out->p[start + i] = ascii_lower(host.p[i]);
    }
    if (!(seen & (HOST_SLOW | HOST_FORBIDDEN))) {
        out->n += host.n;
        return URL_OK;
    }
    if (!(seen & HOST_SLOW)) return URL_BAD_DOMAIN;
    enum url_status status = decode_domain(out, work, host);
    for (size_t i = start; status == URL_OK && i < out->n; i++)
        if (url_byte(out->p[i]) & HOST_FORBIDDEN) status = URL_BAD_DOMAIN;
    return status;
}

enum url_status url_host_parse(struct buf *out, struct buf *work, struct str host, enum url_host_kind *kind)
{
    *kind = URL_IPV6;
    if (host.p[0] == '[') return parse_ipv6(out, host);
    *kind = URL_DOMAIN;
    size_t start = out->n;
    enum url_status status = parse_domain(out, work, host);
    if (status != URL_OK) return status;
    struct str domain = str_from_at(buf_str(out), start);
    if (!ends_in_number(domain)) return URL_OK;
    *kind = URL_IPV4;
    uint32_t address;
    if (ipv4_parse(domain, &address) < 0) return URL_BAD_IPV4;
    out->n = start;
    return ipv4_append(out, address) < 0 ? URL_TOO_LONG : URL_OK;
}
