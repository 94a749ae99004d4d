/* Opt-out lists: URLs and domains whose owners do not want their pictures used.
 *
 *     struct optout *list = optout_new();
 *     if (optout_load(list, "optout.txt") < 0 || optout_seal(list) < 0) return -1;
 *     if (optout_has(list, &url)) ...
 *
 * A file is text, one entry a line; "#" at the beginning of a line or behind white space begins a comment:
 *     https://example.com/a.jpg      this URL (normalised as crawl/url does it, without fragment)
 *     example.com                    this domain and all below it; "*.example.com" and ".example.com" say the same
 *     9f86d081884c7d65…              64 hexadecimal digits: SHA-256 of such a URL or domain, so that a list can be passed on
 *                                    without showing what stands in it
 * Kept are the first 16 bytes of SHA-256 of each entry, sorted: 16 bytes an entry.
 */
#ifndef WINNOW_OPTOUT_H
#define WINNOW_OPTOUT_H

#include "crawl/url/url.h"

struct optout;

struct optout *optout_new(void); /* NULL with a sentence */
void optout_free(struct optout *list);

/* Adds a file's entries; -1 with a sentence that names the file and the line of an entry that is none of the three. */
int optout_load(struct optout *list, const char *path);
/* Adds one line, or nothing for an empty one or a comment; -1 with a sentence. */
int optout_add(struct optout *list, struct str line);
int optout_seal(struct optout *list); /* sorts; before the first question, and after it nothing is added */

size_t optout_count(const struct optout *list); /* different entries, after sealing */
/* Whether the URL, its host, or a domain above the host is listed. Any thread. A NULL list holds nothing. */
bool optout_has(const struct optout *list, const struct url *url);

#endif
