/* Where the URL stands. src, unless it is a placeholder: empty, "#", data:, about:blank, or, only where another attribute
 * holds a usable URL, a picture declared 1×1 or whose file is called blank, spacer, loading … as a whole (a picture called
 * lazy-river is a picture). Then the lazy attributes, best first. */
#include "crawl/html/choose.h"

#include "crawl/html/srcset.h"

static const struct {
    enum html_attribute_name name;
    const char *source;
    bool list; /* a srcset */
} lazy[] = {
    {HTML_ATTRIBUTE_DATA_SRC, "data-src", false},
    {HTML_ATTRIBUTE_DATA_LAZY_SRC, "data-lazy-src", false},
    {HTML_ATTRIBUTE_DATA_ORIGINAL, "data-original", false},
    {HTML_ATTRIBUTE_DATA_LAZY, "data-lazy", false},
    {HTML_ATTRIBUTE_DATA_SRCSET, "data-srcset", true},
    {HTML_ATTRIBUTE_DATA_LAZY_SRCSET, "data-lazy-srcset", true},
    {HTML_ATTRIBUTE_DATA_IMG_SRC, "data-img-src", false},
    {HTML_ATTRIBUTE_DATA_HI_RES_SRC, "data-hi-res-src", false},
    {HTML_ATTRIBUTE_DATA_FULL_SRC, "data-full-src", false},
    {HTML_ATTRIBUTE_DATA_ORIG_FILE, "data-orig-file", false},
    {HTML_ATTRIBUTE_DATA_LARGE_FILE, "data-large-file", false},
    {HTML_ATTRIBUTE_DATA_FLICKITY_LAZYLOAD, "data-flickity-lazyload", false},
    {HTML_ATTRIBUTE_LAZY_SRC, "lazy-src", false},
    {HTML_ATTRIBUTE_SRCSET, "srcset", true},
    {HTML_ATTRIBUTE_LOWSRC, "lowsrc", false},
};

/* Never a picture's address. */
static bool is_hollow(struct str url)
{
    url = str_trim(url);
    return !url.n || url.p[0] == '#' || str_starts_nocase(url, STR("data:")) || str_starts_nocase(url, STR("about:"));
}

/* Of a list of candidates: the best that is no placeholder. */
static struct str best_of(struct str srcset)
{
    struct html_srcset walk = {.rest = srcset};
    struct html_candidate next, best = {0};
    while (html_srcset_next(&walk, &next)) {
        if (is_hollow(next.url)) continue;
        if (!best.url.p || next.width > best.width || (next.width == best.width && !next.width && next.density > best.density)) best = next;
    }
    return best.url;
}

static bool is_one(struct str number) { return str_eq(str_trim(number), STR("1")) || str_eq(str_trim(number), STR("1px")); }

/* The last part of the path, without its ending. */
static struct str file_stem(struct str url)
{
    size_t end = 0, start = 0;
    while (end < url.n && url.p[end] != '?' && url.p[end] != '#') end++;
    for (size_t i = 0; i < end; i++)
        if (url.p[i] == '/') start = i + 1;
    struct str name = str_of(url.p + start, end - start);
    for (size_t i = name.n; i-- > 1;)
        if (name.p[i] == '.') return str_of(name.p, i);
    return name;
}

/* The whole stem is one of the words, with digits and separators around or between. */
static bool is_placeholder_name(struct str stem)
{
    static const char *const words[] = {"blank", "spacer", "pixel", "placeholder", "lazy", "loading", "transparent", "1x1"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        struct str word = str_from(words[i]);
        size_t at = str_find_nocase(stem, word);
        if (at == SIZE_MAX) continue;
        bool rest_is_filler = true;
        for (size_t k = 0; k < stem.n && rest_is_filler; k++)
            if (k < at || k >= at + word.n) rest_is_filler = ascii_is_digit(stem.p[k]) || memchr("-_.@+ ", stem.p[k], 6);
        if (rest_is_filler) return true;
    }
    return false;
}

static bool is_stand_in(const struct html_image *image, struct str src)
{
    return (is_one(image->attribute[HTML_ATTRIBUTE_WIDTH]) && is_one(image->attribute[HTML_ATTRIBUTE_HEIGHT])) ||
           is_placeholder_name(file_stem(src));
}

/* The first usable of the picture's <source> elements. */
static struct str from_sources(const struct html_page *page, const struct html_image *image)
{
    for (uint32_t i = 0; i < image->sources; i++) {
        const struct html_source *source = &page->source[image->first_source + i];
        struct str url = best_of(source->srcset);
        if (!url.p) url = best_of(source->data_srcset);
        if (url.p) return url;
    }
    return STR_ABSENT;
}

static void offer(struct html_choice *choice, struct str url, const char *source)
{
    if (!url.p) return;
    if (choice->url.p) choice->losers++;
    else *choice = (struct html_choice){.url = url, .source = source};
}

struct html_choice html_choose(const struct html_page *page, const struct html_image *image, bool prefer_largest)
{
    struct str src = image->attribute[HTML_ATTRIBUTE_SRC];
    struct html_choice others = {0};
    if (prefer_largest) {
        offer(&others, best_of(image->attribute[HTML_ATTRIBUTE_SRCSET]), "srcset");
        if (!others.url.p) offer(&others, from_sources(page, image), "source");
        if (others.url.p) return others;
    }
    for (size_t i = 0; i < sizeof lazy / sizeof *lazy; i++) {
        struct str value = image->attribute[lazy[i].name];
        if (value.n) offer(&others, lazy[i].list ? best_of(value) : is_hollow(value) ? STR_ABSENT : value, lazy[i].source);
    }
    if (image->sources) offer(&others, from_sources(page, image), "source");
    if (is_hollow(src) || (others.url.p && is_stand_in(image, src))) return others;
    return (struct html_choice){.url = src, .source = "src", .losers = others.losers + (others.url.p != NULL)};
}
