/* libpsl wants a C string, and gives a pointer into it; the list is compiled into the library and read without locks. */
#include "crawl/url/domain.h"

#include <libpsl.h>

enum { NAME_MAX_BYTES = 254 }; /* 253 octets of text and a NUL (RFC 1035 §2.3.4); a longer host has no owner */

struct str url_registrable_domain(struct str host, enum url_host_kind kind)
{
    if (kind != URL_DOMAIN) return host;
    if (host.n && host.p[host.n - 1] == '.') host.n--;
    if (host.n >= NAME_MAX_BYTES) return host;
    char name[NAME_MAX_BYTES];
    memcpy(name, host.p, host.n);
    name[host.n] = 0;
    const char *found = psl_registrable_domain(psl_builtin(), name);
    return found ? str_from_at(host, (size_t)(found - name)) : host;
}
