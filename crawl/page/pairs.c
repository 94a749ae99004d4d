/* The charset comes first where it must (a page in UTF-16 or ISO-2022-JP is transcoded whole), else after the scan, which
 * also finds the meta element that declares it. Then each image: where its URL stands, the URL, its texts.
 */
#include "crawl/page/pairs.h"

#include "crawl/html/choose.h"
#include "crawl/page/values.h"
#include "crawl/url/url.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/unicode.h"
#include "pipeline/base/utf8.h"
#include "pipeline/rows/batch.h"

#include <stdlib.h>

enum {
    PAGE_ARENA_BYTES = 256 << 20, /* of one page: its slices, pairs and values */
    ROBOTS_BYTES_MAX = 4096,      /* directives that are kept */
    LANG_BYTES_MAX = 64,
    DECLARED_SIZE_MAX = 1000000,  /* pixels; more is a mistake of the page */
};

struct page_reader {
    struct page_options options;
    struct arena arena;
    struct page_values values;
    struct url_parser parser;
    struct buf whole;              /* a page that was transcoded whole */
    struct buf text;               /* scratch */
    struct url base;               /* of the page at hand; its href lies in the arena */
    struct url_query_encoder query;
    const struct url_query_encoder *encoder; /* NULL for UTF-8 */
    struct html_page html;
    struct page *page;
    size_t room;                   /* pairs allocated */
    size_t previous;               /* the pair of the last image that has one; SIZE_MAX without */
    bool previous_noscript;
};

const char *page_text_name(enum page_text text)
{
    static const char *const names[] = {
#define PAGE_TEXT_NAME(name, text) text,
        PAGE_TEXTS(PAGE_TEXT_NAME)
#undef PAGE_TEXT_NAME
    };
    return names[text];
}

int page_text_find(struct str name)
{
    for (int i = 0; i < PAGE_TEXT_COUNT; i++)
        if (str_eq(name, str_from(page_text_name((enum page_text)i)))) return i;
    return -1;
}

const char *page_count_name(enum page_count count)
{
    static const char *const names[PAGE_COUNTS] = {
        [PAGE_IMAGES] = "images", [PAGE_IMAGES_LOST] = "images_over_limit", [PAGE_IMAGES_INERT] = "images_in_template",
        [PAGE_NO_URL] = "images_without_url", [PAGE_URL_OTHER_SCHEME] = "urls_of_other_schemes", [PAGE_URL_BAD] = "urls_bad",
        [PAGE_URL_TOO_LONG] = "urls_too_long", [PAGE_NO_TEXT] = "texts_absent", [PAGE_EMPTY_TEXT] = "texts_empty",
        [PAGE_TEXT_CUT] = "texts_cut", [PAGE_COPY_IN_NOSCRIPT] = "images_repeated_in_noscript",
    };
    return names[count];
}

struct page_reader *page_reader_new(const struct page_options *options)
{
    struct page_reader *r = calloc(1, sizeof *r);
    if (!r) return fail_memory(), NULL;
    r->options = *options;
    arena_init(&r->arena, PAGE_ARENA_BYTES);
    page_values_init(&r->values, &r->arena);
    buf_init(&r->whole, PAGE_ARENA_BYTES);
    buf_init(&r->text, PAGE_ARENA_BYTES);
    r->query.append = charset_encode_query;
    if (url_parser_init(&r->parser) < 0) {
        page_reader_free(r);
        return NULL;
    }
    return r;
}

void page_reader_free(struct page_reader *r)
{
    if (!r) return;
    arena_free(&r->arena);
    page_values_free(&r->values);
    buf_free(&r->whole);
    buf_free(&r->text);
    url_parser_free(&r->parser);
    free(r);
}

/* ---- charset and scan */

static unsigned what_to_collect(const struct page_options *options)
{
    unsigned collect = HTML_COLLECT_LICENSE;
    if (options->texts & 1u << PAGE_TEXT_FIGCAPTION) collect |= HTML_COLLECT_FIGCAPTION;
    if (options->texts & 1u << PAGE_TEXT_LINK_TEXT) collect |= HTML_COLLECT_LINK_TEXT;
    if (options->texts & 1u << PAGE_TEXT_HEADING) collect |= HTML_COLLECT_HEADING;
    return collect;
}

static int scan(struct page_reader *r, const struct page_source *source)
{
    const struct html_scan_options options = {.collect = what_to_collect(&r->options)};
    if (html_scan(&r->html, &r->arena, source->body, &options) < 0) return -1;
    struct charset_evidence evidence = {source->body, source->http, r->html.charset, source->detected};
    struct charset_choice choice = charset_sniff(&evidence);
    r->page->charset = charset_name(choice.charset);
    r->page->charset_source = charset_source_name(choice.source);
    r->query.charset = (int)choice.charset;
    r->encoder = choice.charset == CHARSET_UTF_8 ? NULL : &r->query;
    r->values.charset = choice.charset;
    if (charset_is_ascii_compatible(choice.charset)) return 0;

    r->values.charset = CHARSET_UTF_8; /* wide, stateful or unsafe: all of it first */
    buf_clear(&r->whole);
    if (charset_decode(&r->whole, choice.charset, str_from_at(source->body, choice.bom_bytes)) < 0) return -1;
    return html_scan(&r->html, &r->arena, buf_str(&r->whole), &options);
}

/* ---- URLs */

/* The page's URL, and the one against which its references count. */
static int find_base(struct page_reader *r, const struct page_source *source)
{
    struct url url;
    enum url_status status = url_parse(&r->parser, &url, NULL, source->uri, NULL);
    if (status != URL_OK) return fail("the page's URL is none: %s", url_reason(status));
    struct str href = arena_copy(&r->arena, url.href);
    if (!href.p) return -1;
    r->base = url_move(&url, href);
    r->page->url = url_without_fragment(&r->base);
    if (!r->html.base.p) return 0;
    struct str value = page_value(&r->values, r->html.base, false);
    struct url base;
    if (!value.p || url_parse(&r->parser, &base, &r->base, value, NULL) != URL_OK) return 0;
    href = arena_copy(&r->arena, base.href);
    if (!href.p) return -1;
    r->base = url_move(&base, href);
    return 0;
}

/* Resolves a reference of the page: absent, and counted, when it does not become a URL of http or https. */
static struct str resolve(struct page_reader *r, struct str reference)
{
    struct url url;
    switch (url_parse(&r->parser, &url, &r->base, reference, r->encoder)) {
    case URL_OK: return arena_copy(&r->arena, url_without_fragment(&url));
    case URL_OTHER_SCHEME: r->page->counts[PAGE_URL_OTHER_SCHEME]++; return STR_ABSENT;
    case URL_TOO_LONG: r->page->counts[PAGE_URL_TOO_LONG]++; return STR_ABSENT;
    default: r->page->counts[PAGE_URL_BAD]++; return STR_ABSENT;
    }
}

/* ---- pairs */

static struct page_pair *add_pair(struct page_reader *r)
{
    struct page *page = r->page;
    if (page->count == r->room) {
        size_t room = r->room ? r->room * 2 : 64;
        struct page_pair *more = arena_alloc(&r->arena, room * sizeof *more);
        if (!more) return NULL;
        if (page->count) memcpy(more, page->pair, page->count * sizeof *more);
        page->pair = more;
        r->room = room;
    }
    struct page_pair *pair = &page->pair[page->count++];
    *pair = (struct page_pair){.width = -1, .height = -1};
    return pair;
}

/* At most what a cell holds. */
static struct str cut_to_cell(struct page_reader *r, struct str s)
{
    if (s.n <= CELL_BYTES_MAX) return s;
    r->page->counts[PAGE_TEXT_CUT]++;
    s.n = utf8_cut(s, CELL_BYTES_MAX);
    while (s.n && s.p[s.n - 1] == ' ') s.n--;
    return s;
}

/* The form of column `text`; absent when memory ends. */
static struct str text_of(struct page_reader *r, struct str value)
{
    buf_clear(&r->text);
    if (unicode_text(&r->text, value) < 0) return STR_ABSENT;
    struct str text = buf_str(&r->text);
    if (str_eq(text, value)) return cut_to_cell(r, value);
    return arena_copy(&r->arena, cut_to_cell(r, text));
}

struct image_at_hand {
    const struct html_image *html;
    uint32_t ordinal;
    struct str url, url_raw;
    const char *url_source;
};

/* The value of a text source of an image; absent when it has none. */
static struct str text_value(struct page_reader *r, const struct html_image *image, enum page_text text)
{
    static const enum html_attribute_name attributes[] = {
        [PAGE_TEXT_ALT] = HTML_ATTRIBUTE_ALT, [PAGE_TEXT_TITLE] = HTML_ATTRIBUTE_TITLE,
        [PAGE_TEXT_ARIA_LABEL] = HTML_ATTRIBUTE_ARIA_LABEL, [PAGE_TEXT_DATA_IMAGE_TITLE] = HTML_ATTRIBUTE_DATA_IMAGE_TITLE,
    };
    switch (text) {
    case PAGE_TEXT_FIGCAPTION: return image->caption.count ? page_pieces(&r->values, &r->html, image->caption) : STR_ABSENT;
    case PAGE_TEXT_LINK_TEXT: return image->link_text.count ? page_pieces(&r->values, &r->html, image->link_text) : STR_ABSENT;
    case PAGE_TEXT_HEADING: return image->heading.count ? page_pieces(&r->values, &r->html, image->heading) : STR_ABSENT;
    case PAGE_TEXT_OG: case PAGE_TEXT_COUNT: return STR_ABSENT;
    default: return page_value(&r->values, image->attribute[attributes[text]], false);
    }
}

/* HTML's dimension attributes: digits, and whatever follows but a per cent sign. */
static int64_t declared_size(struct str raw)
{
    struct str s = str_trim(raw);
    int64_t value = 0;
    size_t n = 0;
    for (; n < s.n && ascii_is_digit(s.p[n]); n++)
        if ((value = value * 10 + (s.p[n] - '0')) > DECLARED_SIZE_MAX) return -1;
    return n == 0 || memchr(s.p, '%', s.n) ? -1 : value;
}

static struct str license_of(struct page_reader *r, const struct html_image *image)
{
    if (!image->license.p) return STR_ABSENT;
    struct str value = page_value(&r->values, image->license, false);
    struct url url;
    if (!value.p || url_parse(&r->parser, &url, &r->base, value, r->encoder) != URL_OK) return STR_ABSENT;
    return arena_copy(&r->arena, url.href);
}

static int add_text(struct page_reader *r, const struct image_at_hand *at, enum page_text text, struct str value)
{
    struct str folded = value.n ? text_of(r, value) : value;
    if (value.n && !folded.p) return -1;
    if (!folded.n) {
        r->page->counts[value.p ? PAGE_EMPTY_TEXT : PAGE_NO_TEXT]++;
        if (!value.p || text != PAGE_TEXT_ALT || !r->options.keep_empty) return 0;
    }
    struct page_pair *pair = add_pair(r);
    if (!pair) return -1;
    pair->url = at->url;
    pair->url_raw = at->url_raw;
    pair->url_source = at->url_source;
    pair->text = folded;
    if (!str_eq(value, folded)) pair->text_raw = cut_to_cell(r, value);
    pair->text_source = folded.n ? page_text_name(text) : "alt_empty";
    pair->text_ordinal = text;
    pair->image = at->ordinal;
    if (!at->html) return 0;
    pair->width = declared_size(at->html->attribute[HTML_ATTRIBUTE_WIDTH]);
    pair->height = declared_size(at->html->attribute[HTML_ATTRIBUTE_HEIGHT]);
    pair->license = license_of(r, at->html);
    return 0;
}

/* A lazy image and its copy for readers without scripting stand side by side: the second of the two goes. */
static void drop_noscript_copy(struct page_reader *r, const struct html_image *image, size_t first)
{
    struct page *page = r->page;
    bool noscript = image->flags & HTML_IMAGE_IN_NOSCRIPT;
    if (page->count == first) {
        r->previous = SIZE_MAX; /* no pair: the next image has no neighbour */
        return;
    }
    size_t count = page->count - first;
    bool same = r->previous != SIZE_MAX && first - r->previous == count && noscript != r->previous_noscript;
    for (size_t i = 0; same && i < count; i++) {
        const struct page_pair *a = &page->pair[r->previous + i], *b = &page->pair[first + i];
        same = a->text_ordinal == b->text_ordinal && str_eq(a->url, b->url) && str_eq(a->text, b->text);
    }
    if (same) {
        page->counts[PAGE_COPY_IN_NOSCRIPT]++;
        page->count = first;
        r->previous = SIZE_MAX;
        return;
    }
    r->previous = first;
    r->previous_noscript = noscript;
}

static int read_image(struct page_reader *r, uint32_t ordinal)
{
    const struct html_image *image = &r->html.image[ordinal];
    if (image->flags & HTML_IMAGE_IN_TEMPLATE) return r->page->counts[PAGE_IMAGES_INERT]++, 0;
    r->page->counts[PAGE_IMAGES]++;
    struct html_choice choice = html_choose(&r->html, image, r->options.prefer_largest);
    if (!choice.url.p) return r->page->counts[PAGE_NO_URL]++, 0;
    struct str raw = page_value(&r->values, choice.url, false);
    struct str url = raw.p ? resolve(r, raw) : STR_ABSENT;
    if (!url.p) return 0;
    struct image_at_hand at = {image, ordinal, url, str_eq(raw, url) ? STR_ABSENT : raw, choice.source};
    size_t first = r->page->count;
    for (unsigned t = 0; t < PAGE_TEXT_OG; t++)
        if (r->options.texts & 1u << t && add_text(r, &at, (enum page_text)t, text_value(r, image, (enum page_text)t)) < 0) return -1;
    drop_noscript_copy(r, image, first);
    return 0;
}

static int read_og(struct page_reader *r)
{
    if (!(r->options.texts & 1u << PAGE_TEXT_OG) || !r->html.og_image.p) return 0;
    struct str raw = page_value(&r->values, r->html.og_image, false);
    struct str text = page_value(&r->values, r->html.og_image_alt.n ? r->html.og_image_alt : r->html.og_title, false);
    struct str url = raw.p ? resolve(r, raw) : STR_ABSENT;
    if (!url.p) return 0;
    struct image_at_hand at = {NULL, (uint32_t)r->html.images, url, str_eq(raw, url) ? STR_ABSENT : raw, "og:image"};
    return add_text(r, &at, PAGE_TEXT_OG, text);
}

/* ---- facts of the page */

static int add_directive(struct buf *out, struct str agent, struct str content)
{
    content = str_trim(content);
    if (!content.n) return 0;
    if (out->n && buf_add(out, STR(", ")) < 0) return -1;
    if (agent.n && !str_eq_nocase(agent, STR("robots")) && (buf_add(out, agent) < 0 || buf_add(out, STR(": ")) < 0)) return -1;
    return buf_add(out, content);
}

static int find_robots(struct page_reader *r, const struct http_head *head)
{
    struct buf joined;
    buf_init(&joined, PAGE_ARENA_BYTES);
    int result = 0;
    for (size_t i = 0; i < r->html.robots_count && result == 0; i++)
        result = add_directive(&joined, page_value(&r->values, r->html.robots[i].agent, false),
                               page_value(&r->values, r->html.robots[i].content, false));
    for (unsigned i = 0; head && i < head->robots.count && result == 0; i++)
        result = add_directive(&joined, STR_ABSENT, head->robots.value[i]);
    if (result == 0 && r->html.tdm_reservation.n)
        result = add_directive(&joined, STR("tdm-reservation"), page_value(&r->values, r->html.tdm_reservation, false));
    else if (result == 0 && head && head->tdm_reservation.n)
        result = add_directive(&joined, STR("tdm-reservation"), head->tdm_reservation);
    if (joined.n && result == 0) {
        r->page->robots = text_of(r, buf_str(&joined));
        r->page->robots = arena_copy(&r->arena, r->page->robots);
        if (r->page->robots.n > ROBOTS_BYTES_MAX) r->page->robots.n = utf8_cut(r->page->robots, ROBOTS_BYTES_MAX);
    }
    buf_free(&joined);
    return result;
}

static void find_lang(struct page_reader *r, const struct http_head *head)
{
    struct str lang = page_value(&r->values, r->html.lang, false);
    if (!str_trim(lang).n && head) {
        struct str rest = head->content_language, first;
        lang = http_next_element(&rest, &first) ? first : STR_ABSENT;
    }
    if (lang.n && lang.n <= LANG_BYTES_MAX) r->page->lang = text_of(r, lang);
}

int page_read(struct page_reader *r, const struct page_source *source, struct page *page)
{
    arena_reset(&r->arena);
    *page = (struct page){.count = 0};
    r->page = page;
    r->room = 0;
    r->previous = SIZE_MAX;
    if (scan(r, source) < 0 || find_base(r, source) < 0) return -1;
    page->counts[PAGE_IMAGES_LOST] += r->html.images_lost;
    for (uint32_t i = 0; i < r->html.images; i++)
        if (read_image(r, i) < 0) return -1;
    if (read_og(r) < 0) return -1;
    if (!page->count) return 0; /* nobody will ask */
    find_lang(r, source->head);
    return find_robots(r, source->head);
}
