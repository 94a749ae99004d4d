/* tdmrep.json: which files of a host are reserved from text and data mining (W3C TDM Reservation Protocol, final report of May
 * 2024, §TDM File on the Origin Server).
 *
 *     struct robots rules;
 *     if (tdmrep_parse(&rules, body) < 0) return -1;
 *     if (tdmrep_reserves(&rules, url_target(&url))) ...
 *     robots_free(&rules);
 *
 * The file is a JSON array of {"location": pattern, "tdm-reservation": 0|1}. Patterns are those of robots.txt, "*" and "$", but
 * the first in the file that matches decides, not the longest, and escapes of letters, digits and "-._~" stand for the bytes
 * themselves; "%24" and "%2A" for a real "$" and "*". What matches no pattern is not reserved, nor is anything by a file that
 * is no such JSON. Beyond the letter of it, since owners mean it: one object without its array, "1" and true for 1, a location
 * with the host in front, or without its slash.
 */
#ifndef WINNOW_TDMREP_H
#define WINNOW_TDMREP_H

#include "crawl/robots/robots.h"

enum { TDMREP_BYTES_MAX = ROBOTS_BYTES_MAX };

/* `rules` owns its memory and no part of `bytes`. Rules that allow are those that reserve nothing. 0, or -1 when out of memory. */
int tdmrep_parse(struct robots *rules, struct str bytes);
/* Whether a path with its query is reserved. Any thread; bounded as robots_allows is. */
bool tdmrep_reserves(const struct robots *rules, struct str target);

#endif
