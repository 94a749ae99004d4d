/* Regular expressions (PCRE2 with its compiler to machine code, UTF on), sought in hostile text: a match that takes more than
 * PATTERN_MATCH_LIMIT steps ends and is told apart from "none".
 */
#ifndef WINNOW_FILTERS_PATTERNS_H
#define WINNOW_FILTERS_PATTERNS_H

#include "pipeline/base/str.h"

enum { PATTERN_MATCH_LIMIT = 100000, PATTERN_HEAP_KIB = 4096 };

struct patterns;
struct patterns *patterns_new(const struct str *sources, size_t count, bool ignore_case); /* NULL: which one does not compile */
void patterns_free(struct patterns *p);
enum pattern_answer { PATTERN_NONE, PATTERN_FOUND, PATTERN_GAVE_UP };
/* The first pattern that occurs in `text`; *found is the place (of PATTERN_FOUND). `room` from patterns_room_new, a thread's. */
struct patterns_room;
enum pattern_answer patterns_find(const struct patterns *p, struct patterns_room *room, struct str text, struct str *found);
struct patterns_room *patterns_room_new(void); /* NULL with a sentence */
void patterns_room_free(struct patterns_room *room);

#endif
