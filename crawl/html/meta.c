#include "crawl/html/meta.h"

struct str html_charset_of_content(struct str content)
{
    for (;;) {
        size_t at = str_find_nocase(content, STR("charset"));
        if (at == SIZE_MAX) return STR_ABSENT;
        content = str_from_at(content, at + 7);
        while (content.n && html_is_space(*content.p)) content = str_from_at(content, 1);
        if (content.n && *content.p == '=') break;
    }
    content = str_from_at(content, 1);
    while (content.n && html_is_space(*content.p)) content = str_from_at(content, 1);
    if (!content.n) return STR_ABSENT;
    if (*content.p == '"' || *content.p == '\'') {
        const char *close = memchr(content.p + 1, *content.p, content.n - 1);
        return close ? str_of(content.p + 1, (size_t)(close - content.p - 1)) : STR_ABSENT;
    }
    size_t n = 0;
    while (n < content.n && !html_is_space(content.p[n]) && content.p[n] != ';') n++;
    return str_of(content.p, n);
}

static bool is(struct str a, struct str lower) { return a.n == lower.n && str_eq_nocase(a, lower); }

static void take_charset(struct html_page *page, const struct html_meta *meta)
{
    if (page->charset.p) return;
    if (meta->charset.p) page->charset = str_trim(meta->charset);
    else if (is(meta->http_equiv, STR("content-type"))) page->charset = html_charset_of_content(meta->content);
}

/* `robots` or the name of one crawler; all of them end so, and nothing else does that a page would say. */
static bool speaks_to_robots(struct str name)
{
    return is(name, STR("robots")) || (name.n > 3 && str_eq_nocase(str_from_at(name, name.n - 3), STR("bot")));
}

void html_take_meta(struct html_page *page, const struct html_meta *meta)
{
    take_charset(page, meta);
    if (!meta->content.p) return;
    const struct {
        struct str name;
        struct str *to;
    } kinds[] = {
        {STR("og:image"), &page->og_image},         {STR("og:image:url"), &page->og_image},
        {STR("og:image:alt"), &page->og_image_alt}, {STR("og:title"), &page->og_title},
        {STR("tdm-reservation"), &page->tdm_reservation},
    };
    struct str property = str_trim(meta->property), name = str_trim(meta->name);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!kinds[i].to->p && (is(property, kinds[i].name) || is(name, kinds[i].name))) *kinds[i].to = meta->content;
    if (speaks_to_robots(name) && page->robots_count < HTML_MAX_ROBOTS)
        page->robots[page->robots_count++] = (struct html_robots){name, meta->content};
}
