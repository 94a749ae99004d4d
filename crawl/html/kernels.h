/* The inner loops of reading HTML: finding the next tag that matters, getting past a tag, taking one attribute.
 *
 * One body (kernels_body.h) is compiled for blocks of 32 bytes (AVX2), 16 bytes (SSE2) and 16 bytes of plain C; all give
 * the same answers. None reads outside [p, end). The bytes are in any charset in which ASCII bytes mean ASCII and no
 * trail byte is `<` `>` `"` `'` `=` `/` or white space: UTF-8, every single-byte one, EUC-*, Shift_JIS, Big5, gb18030.
 *
 *     const struct html_kernels *k = html_kernels();
 *     struct html_tag tag;
 *     while (k->next_tag(p, end, wanted, &tag)) ...
 */
#ifndef WINNOW_HTML_KERNELS_H
#define WINNOW_HTML_KERNELS_H

#include "crawl/html/names.h"

/* One attribute as written: the name in its own case, the value without its quotes, NUL, CR and references not treated.
 * An attribute without a value has an empty value that is not absent (value.p != NULL). */
struct html_attribute {
    struct str name, value;
};

enum html_tag_step {
    HTML_TAG_ATTRIBUTE,  /* an attribute was read */
    HTML_TAG_CLOSED,     /* `>` was read */
    HTML_TAG_SELF_CLOSED, /* `/>` was read */
    HTML_TAG_CUT,        /* the page ends inside the tag, which therefore is none */
};

enum html_markup { /* what begins at a `<` */
    HTML_NO_MARKUP = 0,   /* nothing any more: the page ends */
    HTML_START_TAG = 1 << 0,
    HTML_END_TAG = 1 << 1,
    HTML_DECLARATION = 1 << 2, /* `<!`, `<?`, or `</` before anything but a letter: no tag */
};

struct html_tag {
    const char *start;         /* its `<` */
    struct str name;           /* as written; the tag goes on behind it */
    enum html_element element; /* HTML_UNKNOWN for names that matter nowhere */
    enum html_markup kind;
};

/* The tags to stop at. */
struct html_wanted {
    uint8_t element[HTML_COUNT]; /* HTML_START_TAG, HTML_END_TAG, both or 0; unknown ones under HTML_UNKNOWN */
    uint8_t letters[1024];       /* the same for whatever begins with these two letters, made by html_wanted_finish */
};

/* Where the first two bytes of a name stand in html_wanted.letters; the second may be what follows the name. */
static inline unsigned html_two_letters(const char *name) { return ((unsigned)name[0] & 31) << 5 | ((unsigned)name[1] & 31); }

void html_wanted_finish(struct html_wanted *wanted); /* makes `letters` from `element` */

struct html_kernels {
    const char *name;

    /* The next markup from `p` on, where text stands, that is wanted: declarations, and tags whose bit (enum html_markup)
     * is set in `wanted`. Others are passed by. A `<` before anything else than a letter, `!`, `/` or `?` is text. */
    enum html_markup (*next_tag)(const char *p, const char *end, const struct html_wanted *wanted, struct html_tag *out);

    /* The first byte `c`, or `end`. */
    const char *(*find_byte)(const char *p, const char *end, char c);

    /* The first place before `limit` where byte `a` is followed by byte `b` or `c`, or `limit`; both bytes lie before it. */
    const char *(*find_pair)(const char *p, const char *limit, const char *end, char a, char b, char c);

    /* From behind a tag's name or one of its attributes to behind its `>`; HTML_TAG_CLOSED, _SELF_CLOSED or _CUT
     * (*at = end). */
    enum html_tag_step (*skip_tag)(const char **at, const char *end);

    /* The next attribute [HTML 13.2.5.32-40], from behind a tag's name or an attribute. Duplicates are not removed:
     * the first holds. */
    enum html_tag_step (*next_attribute)(const char **at, const char *end, struct html_attribute *out);
};

const struct html_kernels *html_kernels(void); /* the best that the processor has; see pipeline/base/cpu.h */

/* All that this build has, for tests; NULL ends the list. Those that the processor lacks are left out. */
const struct html_kernels *const *html_kernels_all(void);

extern const struct html_kernels html_kernels_portable;
#if defined(__x86_64__)
extern const struct html_kernels html_kernels_sse2, html_kernels_avx2;
#endif

#endif
