/* The parts of a URL as somebody wrote it: no parsing, no repairs. winnow's own column `url` is what crawl/url made; a raw
 * one, or one of other people's lists, may be anything. */
#ifndef WINNOW_FILTERS_AUTHORITY_H
#define WINNOW_FILTERS_AUTHORITY_H

#include "pipeline/base/str.h"

struct written_url {
    struct str scheme;    /* before "://"; absent without it, and then all but `path` are */
    struct str user;      /* before "@"; absent without it */
    struct str host;      /* IPv6 with its brackets */
    struct str port;      /* behind ":"; absent without it */
    struct str path;      /* up to "?" or "#" */
    struct str rest;      /* from there on */
};
struct written_url url_as_written(struct str url);

/* Whether Django's URLValidator, which LAION's crawler asked, takes an http or https URL: a scheme of `schemes` (words parted
 * by commas), a host of labels of letters, digits and inner hyphens (other than ASCII is a letter) with a top level of two
 * letters at least or `xn--`, or localhost, IPv4 or IPv6 in brackets; a port of one to five digits; no white space. */
bool url_django_valid(struct str url, struct str schemes);

#endif
