/* Byte slices.
 *
 * A `struct str` is a pointer and a length: it owns nothing, is not terminated by NUL, and lives as long as what it
 * points into. Empty is n == 0; "absent" is p == NULL (then n == 0 too), and an absent slice is also empty.
 * Everything here is ASCII-only where letters matter: the formats that use it (HTTP, WARC, HTML, URL) are.
 *
 *     struct str line = str_cut(&rest, '\n');      rest loses its first line
 */
#ifndef WINNOW_STR_H
#define WINNOW_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *p; /* first byte; NULL when the value is absent */
    size_t n;      /* bytes */
};

#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})
#define STR_ABSENT ((struct str){NULL, 0})
/* for printf: "%.*s", STR_ARG(s); the precision is clipped to INT_MAX */
#define STR_ARG(s) (int)((s).n > 0x7fffffff ? 0x7fffffff : (s).n), ((s).p ? (s).p : "")

static inline struct str str_of(const char *p, size_t n) { return (struct str){p, n}; }
static inline struct str str_from(const char *c_string) { return (struct str){c_string, c_string ? strlen(c_string) : 0}; }
static inline bool str_eq(struct str a, struct str b) { return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0); }
static inline bool str_starts(struct str s, struct str head) { return s.n >= head.n && memcmp(s.p, head.p, head.n) == 0; }
static inline bool str_ends(struct str s, struct str tail)
{
    return s.n >= tail.n && memcmp(s.p + s.n - tail.n, tail.p, tail.n) == 0;
}
static inline struct str str_from_at(struct str s, size_t at) /* the rest from byte `at` on; empty when beyond */
{
    if (!s.p) return s; /* absent stays absent */
    return at >= s.n ? str_of(s.p + s.n, 0) : str_of(s.p + at, s.n - at);
}
static inline char ascii_lower(char c) { return (c >= 'A' && c <= 'Z') ? (char)(c | 0x20) : c; }
static inline bool ascii_is_alpha(char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }
static inline bool ascii_is_digit(char c) { return c >= '0' && c <= '9'; }
static inline bool ascii_is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); } /* HT LF VT FF CR SP */
static inline int ascii_hex(char c) /* value of a hexadecimal digit, -1 for anything else */
{
    if (c >= '0' && c <= '9') return c - '0';
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool str_eq_nocase(struct str a, struct str b);        /* ASCII letters compare equal in either case */
bool str_starts_nocase(struct str s, struct str head);
int str_compare(struct str a, struct str b);           /* by bytes, then by length: <0, 0, >0 */
struct str str_trim(struct str s);                     /* without ASCII white space at both ends */
struct str str_cut(struct str *rest, char separator);  /* the part before `separator`; `rest` moves behind it. Without a
                                                          separator: everything, and `rest` becomes absent (p == NULL) */
size_t str_find(struct str s, struct str needle);      /* offset of the first occurrence, SIZE_MAX when there is none */
size_t str_find_nocase(struct str s, struct str needle);

/* Strict numbers: the whole slice is digits (and one sign for i64); 0 and *out, or -1 and *out untouched. No message. */
int str_to_u64(struct str s, uint64_t *out);
int str_to_i64(struct str s, int64_t *out);
int str_to_double(struct str s, double *out);          /* decimal or exponent form, finite; at most 63 bytes */
int str_to_size(struct str s, uint64_t *out);          /* bytes: 512, 64k, 1.5G, 1GiB (powers of 1024) */

/* Distance of insertions, deletions, replacements, swaps; for "did you mean". At most 64 bytes each, else SIZE_MAX. */
size_t str_distance(struct str a, struct str b);

#endif
