#define PCRE2_CODE_UNIT_WIDTH 8
#include "filters/text/patterns.h"

#include "pipeline/base/fail.h"

#include <pcre2.h>
#include <stdlib.h>

struct patterns {
    pcre2_match_context *limits; /* constant once made */
    size_t count;
    pcre2_code *codes[];
};

static pcre2_code *compile(struct str source, bool ignore_case)
{
    int error;
    PCRE2_SIZE at;
    uint32_t flags = PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF | (ignore_case ? PCRE2_CASELESS : 0u);
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)source.p, source.n, flags, &error, &at, NULL);
    if (!code) {
        char why[128] = "";
        pcre2_get_error_message(error, (PCRE2_UCHAR *)why, sizeof why);
        fail_usage("pattern '%.*s': at character %zu: %s", STR_ARG(source), at + 1, why);
        return NULL;
    }
    pcre2_jit_compile(code, PCRE2_JIT_COMPLETE); /* without it (a processor it does not know) matching is only slower */
    return code;
}

struct patterns *patterns_new(const struct str *sources, size_t count, bool ignore_case)
{
    struct patterns *p = calloc(1, sizeof *p + count * sizeof *p->codes);
    if (!p || !(p->limits = pcre2_match_context_create(NULL))) {
        fail_memory();
        return patterns_free(p), NULL;
    }
    pcre2_set_match_limit(p->limits, PATTERN_MATCH_LIMIT);
    pcre2_set_heap_limit(p->limits, PATTERN_HEAP_KIB);
    for (; p->count < count; p->count++) {
        p->codes[p->count] = compile(sources[p->count], ignore_case);
        if (!p->codes[p->count]) return patterns_free(p), NULL;
    }
    return p;
}

void patterns_free(struct patterns *p)
{
    if (!p) return;
    for (size_t i = 0; i < p->count; i++) pcre2_code_free(p->codes[i]);
    pcre2_match_context_free(p->limits);
    free(p);
}

struct patterns_room {
    pcre2_match_data *match;
};

struct patterns_room *patterns_room_new(void)
{
    struct patterns_room *room = calloc(1, sizeof *room);
    if (room && (room->match = pcre2_match_data_create(1, NULL))) return room;
    free(room);
    fail_memory();
    return NULL;
}

void patterns_room_free(struct patterns_room *room)
{
    if (!room) return;
    pcre2_match_data_free(room->match);
    free(room);
}

enum pattern_answer patterns_find(const struct patterns *p, struct patterns_room *room, struct str text, struct str *found)
{
    for (size_t i = 0; i < p->count; i++) {
        int result = pcre2_match(p->codes[i], (PCRE2_SPTR)(text.p ? text.p : ""), text.n, 0, 0, room->match, p->limits);
        if (result == PCRE2_ERROR_NOMATCH) continue;
        if (result < 0) return PATTERN_GAVE_UP;
        const PCRE2_SIZE *place = pcre2_get_ovector_pointer(room->match);
        size_t from = place[0], to = place[1] > from ? place[1] : from; /* \K may end before it begins */
        *found = str_of((text.p ? text.p : "") + from, to - from);
        return PATTERN_FOUND;
    }
    return PATTERN_NONE;
}
