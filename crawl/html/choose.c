/* Where the URL stands. src, unless it is a placeholder: empty, "#", data:, about:blank, or, only where another attribute
 * holds a usable URL, a picture declared 1×1 or whose file is called blank, spacer, loading … as a whole (a picture called
 * lazy-river is a picture). Then srcset, the lazy attributes, best first, and the sources of the <picture>. */
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
    {HTML_ATTRIBUTE_LOWSRC, "lowsrc", false},
};

/* Never a picture's address. */
static bool is_hollow(struct str url)
{
    url = str_trim(url);
    return !url.n || url.p[0] == '#' || str_starts_nocase(url, STR("data:")) || str_starts_nocase(url, STR("about:"));
}

/* Of a list of candidates: the best that is no placeholder; an absent url for none. */
static struct html_candidate best_of(struct str srcset)
{
    struct html_candidate next, best = {.url = STR_ABSENT};
    while (html_srcset_next(&srcset, &next))
        if (!is_hollow(next.url) && (!best.url.p || html_candidate_larger(&next, &best))) best = next;
    return best;
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

/* The bytes of a placeholder's word at the start of s, 0 for none. */
static size_t placeholder_word(struct str s)
{
    static const char *const words[] = {"1x1", "blank", "lazy", "loading", "pixel", "placeholder", "spacer", "transparent"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_starts_nocase(s, str_from(words[i]))) return strlen(words[i]);
    return 0;
}

/* The whole stem is made of these words, with digits and separators around and between. */
static bool is_placeholder_name(struct str stem)
{
    bool found = false;
    for (size_t i = 0; i < stem.n;) {
        size_t word = placeholder_word(str_from_at(stem, i));
        if (!word && !ascii_is_digit(stem.p[i]) && !memchr("-_.@+ ", stem.p[i], 6)) return false;
        found = found || word;
        i += word ? word : 1;
    }
    return found;
}

static bool is_stand_in(const struct html_image *image, struct str src)
{
    return (is_one(image->attribute[HTML_ATTRIBUTE_WIDTH]) && is_one(image->attribute[HTML_ATTRIBUTE_HEIGHT])) ||
           is_placeholder_name(file_stem(src));
}

/* The largest that the picture's <source> elements name. */
static struct html_candidate from_sources(const struct html_page *page, const struct html_image *image)
{
    struct html_candidate best = {.url = STR_ABSENT};
    for (uint32_t i = 0; i < image->sources; i++) {
        const struct html_source *source = &page->source[image->first_source + i];
        struct html_candidate next = best_of(source->srcset);
        if (!next.url.p) next = best_of(source->data_srcset);
        if (next.url.p && (!best.url.p || html_candidate_larger(&next, &best))) best = next;
    }
    return best;
}

/* Whether anything but src may hold a URL. */
static bool has_others(const struct html_image *image)
{
    if (image->sources || image->attribute[HTML_ATTRIBUTE_SRCSET].p) return true;
    for (size_t i = 0; i < sizeof lazy / sizeof *lazy; i++)
        if (image->attribute[lazy[i].name].p) return true;
    return false;
}

/* Takes the URL unless the choice is made already. */
static void offer(struct html_choice *choice, struct str url, const char *source)
{
    if (url.p && !choice->url.p) *choice = (struct html_choice){.url = url, .source = source};
}

struct html_choice html_choose(const struct html_page *page, const struct html_image *image, bool prefer_largest)
{
    const struct html_choice src = {.url = image->attribute[HTML_ATTRIBUTE_SRC], .source = "src"};
    bool hollow = is_hollow(src.url);
    if (!hollow && !prefer_largest && (!has_others(image) || !is_stand_in(image, src.url))) return src; /* nearly all */
    struct html_candidate listed = best_of(image->attribute[HTML_ATTRIBUTE_SRCSET]), other = from_sources(page, image);
    bool source_first = prefer_largest && other.url.p && (!listed.url.p || html_candidate_larger(&other, &listed));
    struct html_choice others = {.url = STR_ABSENT};
    if (source_first) offer(&others, other.url, "source");
    offer(&others, listed.url, "srcset");
    bool larger = prefer_largest && others.url.p;
    for (size_t i = 0; i < sizeof lazy / sizeof *lazy; i++) {
        struct str value = image->attribute[lazy[i].name];
        if (lazy[i].list) value = best_of(value).url;
        if (!is_hollow(value)) offer(&others, value, lazy[i].source);
    }
    offer(&others, other.url, "source");
    return hollow || larger || (others.url.p && is_stand_in(image, src.url)) ? others : src;
}
