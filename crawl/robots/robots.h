/* robots.txt (RFC 9309): what a host lets a crawler fetch.
 *
 *     struct robots rules;
 *     if (robots_parse(&rules, body, STR("winnow")) < 0) return -1;      keeps only the rules that concern this crawler
 *     if (!robots_allows(&rules, url_target(&url))) ...
 *     robots_free(&rules);
 *
 * The parser takes any bytes: a missing colon, misspelt names, CR, LF or CRLF, a byte order mark, comments. A group that
 * names the crawler (its product token, without regard to case) counts alone; several such groups are joined; without one
 * those for "*" count. Of the patterns that match a path the longest wins, and `Allow` wins a tie. "*" stands for any run of
 * bytes, "$" at the end for the end of the path. What is not ASCII in a pattern is compared in its %XX form, as URLs have it
 * (a path in which it stands raw matches nothing of the kind, as with Google's parser); other escapes are compared as they are
 * written, save for the case of their digits.
 */
#ifndef WINNOW_ROBOTS_H
#define WINNOW_ROBOTS_H

#include "pipeline/base/buf.h"
#include "pipeline/base/str.h"

enum {
    ROBOTS_BYTES_MAX = 500 << 10, /* that are parsed; RFC 9309 §2.5 asks for at least as much */
    ROBOTS_LINE_MAX = 2083 * 8,   /* bytes of a line that count: the longest URL of old browsers, eight times */
};

struct robots_rule {
    uint32_t at, n; /* the pattern, in `patterns` */
    bool allow, wild; /* wild: holds "*" or ends with "$" */
};

struct robots {
    struct buf patterns;       /* all of them, one after another */
    struct robots_rule *rules; /* the first that matches decides. From robots_parse: longest first, Allow before Disallow
                                  where equally long */
    size_t count, wild_count;
    int64_t crawl_delay_ms;    /* -1 when none is asked for */
};

/* Parses the first ROBOTS_BYTES_MAX bytes for the crawler whose product token is `agent`. 0, or -1 when out of memory. The
 * result owns its memory and no part of `bytes`. */
int robots_parse(struct robots *robots, struct str bytes, struct str agent);
/* Rules by hand, in the order in which they are asked (crawl/robots/tdmrep.h): an empty struct, and a pattern more. -1 with a
 * sentence when out of memory. */
void robots_init(struct robots *robots);
int robots_add(struct robots *robots, struct str pattern, bool allow);
void robots_free(struct robots *robots); /* may be called twice, and on a zeroed struct, which allows everything */
size_t robots_memory(const struct robots *robots); /* bytes held */

/* Whether a path with its query ("/a/b?c", as a URL has it) may be fetched. Time is bounded: a file with so many wildcards
 * that a long path would take over ROBOTS_WORK_MAX bytes of searching forbids that path. Any thread. */
enum { ROBOTS_WORK_MAX = 64 << 20 };
bool robots_allows(const struct robots *robots, struct str target);

#endif
