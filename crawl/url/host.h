/* Hosts of URLs (URL standard §3): domains, IPv4 in all its spellings, IPv6. Used by url.c. */
#ifndef WINNOW_URL_HOST_H
#define WINNOW_URL_HOST_H

#include "crawl/url/url.h"

/* Appends the serialised form of `host` (not empty, percent-escapes and all) and says what it is; `work` is scratch memory.
 * URL_OK, or what is wrong with it. */
enum url_status url_host_parse(struct buf *out, struct buf *work, struct str host, enum url_host_kind *kind);

/* The eight pieces of an IPv6 address without brackets; -1 when it is none. */
int url_ipv6_parse(struct str address, uint16_t pieces[8]);
/* Appends the compressed form (RFC 5952) without brackets. */
int url_ipv6_append(struct buf *out, const uint16_t pieces[8]);

#endif
