/* Registrable domains, by the public suffix list (publicsuffix.org) that libpsl carries: what belongs to one owner. */
#ifndef WINNOW_URL_DOMAIN_H
#define WINNOW_URL_DOMAIN_H

#include "crawl/url/url.h"

/* The registrable domain of a host as url_host() gives it, a slice of it: example.co.uk of www.example.co.uk. An IP address,
 * a public suffix (github.io) and a name without dots (localhost) are their own; a trailing dot is cut off, since both
 * spellings name one machine. Any thread. */
struct str url_registrable_domain(struct str host, enum url_host_kind kind);

#endif
