/* What the page scanner finds on a page, and that hostile pages cost no more than their length. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "crawl/html/choose.h"
#include "crawl/html/kernels.h"
#include "crawl/html/page.h"

enum { EVERYTHING = 31 };

static struct arena arena;

static struct html_page scan_up_to(const char *html, size_t n, uint32_t max_images)
{
    struct html_page page;
    struct html_scan_options options = {.collect = EVERYTHING, .max_images = max_images};
    arena_reset(&arena);
    assert_int_equal(html_scan(&page, &arena, str_of(html, n), &options), 0);
    return page;
}

static struct html_page scan(const char *html) { return scan_up_to(html, strlen(html), 0); }

static void assert_slice(struct str s, const char *expected) /* NULL: absent */
{
    if (!expected) {
        assert_null(s.p);
        return;
    }
    assert_non_null(s.p);
    if (!str_eq(s, str_from(expected))) fail_msg("'%.*s' is not '%s'", STR_ARG(s), expected);
}

static void assert_attribute(const struct html_page *page, size_t image, enum html_attribute_name name, const char *expected)
{
    assert_true(image < page->images);
    assert_slice(page->image[image].attribute[name], expected);
}

/* The pieces of a text, joined. */
static void assert_text(const struct html_page *page, struct html_text text, const char *expected)
{
    char joined[1000];
    size_t n = 0;
    for (uint32_t i = 0; i < text.count; i++) {
        struct str piece = page->piece[text.first + i];
        assert_true(n + piece.n < sizeof joined);
        memcpy(joined + n, piece.p, piece.n);
        n += piece.n;
    }
    assert_slice(str_of(joined, n), expected);
}

/* The src of all images, joined by spaces. */
static void assert_images(const char *html, const char *expected)
{
    struct html_page page = scan(html);
    char joined[1000] = "";
    size_t n = 0;
    for (size_t i = 0; i < page.images; i++) {
        struct str src = page.image[i].attribute[HTML_ATTRIBUTE_SRC];
        n += (size_t)snprintf(joined + n, sizeof joined - n, "%s%.*s", i ? " " : "", STR_ARG(src));
    }
    if (strcmp(joined, expected) != 0) fail_msg("%s gave '%s', not '%s'", html, joined, expected);
}

/* ---- Images and their attributes ---- */

static void test_the_first_of_duplicate_attributes_holds(void **state)
{
    (void)state;
    struct html_page page = scan("<img src=a SRC='b' alt=\"\" ALT=x>");
    assert_attribute(&page, 0, HTML_ATTRIBUTE_SRC, "a");
    assert_attribute(&page, 0, HTML_ATTRIBUTE_ALT, "");
}

static void test_an_empty_attribute_is_told_from_an_absent_one(void **state)
{
    (void)state;
    struct html_page page = scan("<img alt><img alt=''><img><img alt=>");
    assert_attribute(&page, 0, HTML_ATTRIBUTE_ALT, "");
    assert_attribute(&page, 1, HTML_ATTRIBUTE_ALT, "");
    assert_attribute(&page, 2, HTML_ATTRIBUTE_ALT, NULL);
    assert_attribute(&page, 3, HTML_ATTRIBUTE_ALT, "");
}

static void test_attributes_are_read_as_the_standard_does(void **state)
{
    (void)state;
    struct html_page page = scan("<IMG/src=a/b/alt title=\"1'2\"width=3/height=4 =\"5\">");
    assert_attribute(&page, 0, HTML_ATTRIBUTE_SRC, "a/b/alt");
    assert_attribute(&page, 0, HTML_ATTRIBUTE_TITLE, "1'2");
    assert_attribute(&page, 0, HTML_ATTRIBUTE_WIDTH, "3/height=4");
    page = scan("<img alt = 'x>y' data-lazy-SRC=q\"r>");
    assert_attribute(&page, 0, HTML_ATTRIBUTE_ALT, "x>y");
    assert_attribute(&page, 0, HTML_ATTRIBUTE_DATA_LAZY_SRC, "q\"r");
}

static void test_every_attribute_that_may_hold_a_url_or_a_text_is_kept(void **state)
{
    (void)state;
    for (unsigned a = 1; a < HTML_IMAGE_ATTRIBUTES; a++) {
        char html[100];
        snprintf(html, sizeof html, "<img x=1 %s='v%u'>", html_attribute_name_texts[a], a);
        struct html_page page = scan(html);
        for (unsigned b = 1; b < HTML_IMAGE_ATTRIBUTES; b++) assert_int_equal(page.image[0].attribute[b].p != NULL, a == b);
        assert_int_equal(page.image[0].attribute[a].p[1], '0' + (int)(a > 9 ? a / 10 : a));
    }
}

static void test_images_in_tags_comments_and_raw_text_are_none(void **state)
{
    (void)state;
    assert_images("<img src=1><div title='<img src=2>'><!-- <img src=3> --><script><img src=4></script><style><img src=5></style>"
                  "<textarea><img src=6></textarea><iframe><img src=7></iframe><xmp><img src=8></xmp><title><img src=9></title>"
                  "<noembed><img src=10></noembed><noframes><img src=11></noframes><img src=12><? <img src=13><img src=14><plaintext>"
                  "<img src=15>", "1 12 14");
    assert_images("<p title=a\"b><img src=1></p x=\"><img src=2>\"><img src=3><p =\"><img src=4>", "1 3 4");
    assert_images("<script><!--<script></script><img src=1>--></script><img src=2>", "2");
    assert_images("<script><!--</script><img src=1>--><img src=2>", "1 2");
    assert_images("a < b <img src=1", "");
    assert_images("<!-- > <img src=1>", "");
    assert_images("<!--><img src=1><!---><img src=2><!-- --!><img src=3>", "1 2 3");
}

static void test_what_stands_in_noscript_template_picture_select_is_marked(void **state)
{
    (void)state;
    struct html_page page = scan("<noscript><img></noscript><template><img><template></template><img></template>"
                                 "<picture><img></picture><select><img></select><image><img>");
    const unsigned flags[] = {HTML_IMAGE_IN_NOSCRIPT, HTML_IMAGE_IN_TEMPLATE, HTML_IMAGE_IN_TEMPLATE, HTML_IMAGE_IN_PICTURE,
                              HTML_IMAGE_IN_SELECT, HTML_IMAGE_FROM_IMAGE, 0};
    assert_int_equal(page.images, sizeof flags / sizeof *flags);
    for (size_t i = 0; i < page.images; i++) assert_int_equal(page.image[i].flags, flags[i]);
}

static void test_an_image_has_the_sources_before_it_in_its_picture(void **state)
{
    (void)state;
    struct html_page page = scan("<video><source srcset=no></video><picture><source srcset='a 1x' media=m type=t><source data-srcset=b>"
                                 "<img></picture><img><picture><source srcset=c><img>");
    assert_int_equal(page.image[0].sources, 2);
    const struct html_source *source = &page.source[page.image[0].first_source];
    assert_slice(source[0].srcset, "a 1x");
    assert_slice(source[0].media, "m");
    assert_slice(source[0].type, "t");
    assert_slice(source[1].srcset, NULL);
    assert_slice(source[1].data_srcset, "b");
    assert_int_equal(page.image[1].sources, 0);
    assert_int_equal(page.image[2].sources, 1);
    assert_slice(page.source[page.image[2].first_source].srcset, "c");
}

static void test_images_beyond_the_limit_are_counted(void **state)
{
    (void)state;
    const char html[] = "<img src=1><img src=2><img src=3><img src=4>";
    struct html_page page = scan_up_to(html, strlen(html), 3);
    assert_int_equal(page.images, 3);
    assert_int_equal(page.images_lost, 1);
}

/* ---- Foreign content ---- */

static void test_svg_is_no_html_until_something_breaks_out(void **state)
{
    (void)state;
    assert_images("<svg><image src=1><style><img src=2></style><img src=3>", "2 3");
    assert_images("<svg><title><img src=1></title><image src=2></image></svg><image src=3>", "1 3");
    assert_images("<svg><![CDATA[<img src=1>]]></svg><![CDATA[ > <img src=2>]]>", "2");
    assert_images("<svg><a href=x><path d='>'/></a><foreignObject><image src=1><style><img src=2></style></foreignObject><image src=3>",
                  "1");
    assert_images("<svg/><image src=1>", "1");
    assert_images("<div><svg><g></div><image src=1>", "1");
    assert_images("<svg><font><image src=1></font></svg><svg><font size=1><image src=2>", "2");
}

static void test_mathml_has_places_of_html(void **state)
{
    (void)state;
    assert_images("<math><mi><image src=1></mi><mrow><image src=2></mrow><annotation-xml><image src=3></annotation-xml>"
                  "<annotation-xml encoding='Text/HTML'><image src=4></annotation-xml></math>", "1 4");
    assert_images("<math><annotation-xml><svg><foreignObject><image src=1></foreignObject></svg></annotation-xml><image src=2></math>",
                  "1");
}

static void test_foreign_elements_without_end_are_survived(void **state)
{
    (void)state;
    char html[4000] = "<svg>";
    for (int i = 0; i < 200; i++) strcat(html, "<g>");
    for (int i = 0; i < 200; i++) strcat(html, "</g>");
    strcat(html, "</svg><image src=1>");
    assert_images(html, "1");
}

/* ---- Texts around images ---- */

static void test_the_innermost_figure_gives_the_caption(void **state)
{
    (void)state;
    struct html_page page = scan("<figure><img><figcaption>One &amp; <b>two</b><br>three</figcaption></figure><img>"
                                 "<figure><figcaption>outer</figcaption><img><figure><img><figcaption>in<p>ner</figcaption></figure><img></figure>"
                                 "<figure><img></figure>");
    assert_text(&page, page.image[0].caption, "One &amp; two three");
    assert_text(&page, page.image[1].caption, "");
    assert_text(&page, page.image[2].caption, "outer");
    assert_text(&page, page.image[3].caption, "in ner");
    assert_text(&page, page.image[4].caption, "outer");
    assert_text(&page, page.image[5].caption, "");
}

static void test_a_caption_holds_no_scripts_or_comments(void **state)
{
    (void)state;
    struct html_page page = scan("<figure><img><figcaption>a<script>x</script><!-- y -->b<style>z</style></figure>");
    assert_text(&page, page.image[0].caption, "ab");
}

static void test_link_and_heading_belong_to_the_images_in_and_behind_them(void **state)
{
    (void)state;
    struct html_page page = scan("<img><h2>Head</h2><a class=x href='big.jpg'>see <img> here</a><img><h3>Next</h3><a><img></a>");
    assert_text(&page, page.image[0].heading, "");
    assert_slice(page.image[0].link, NULL);
    assert_text(&page, page.image[1].heading, "Head");
    assert_slice(page.image[1].link, "big.jpg");
    assert_text(&page, page.image[1].link_text, "see  here");
    assert_slice(page.image[2].link, NULL);
    assert_text(&page, page.image[2].link_text, "");
    assert_text(&page, page.image[3].heading, "Next");
    assert_slice(page.image[3].link, NULL);
}

static void test_the_last_license_link_before_the_image_is_its_license(void **state)
{
    (void)state;
    struct html_page page = scan("<img><a rel=license href=\"https://creativecommons.org/licenses/by/4.0/\">x</a><a href='/other'>y</a><img>"
                                 "<a title='creativecommons.org/licenses/zero/1.0' href='/summer'>y</a><img>"
                                 "<a href=//creativecommons.org/licenses/by-sa/3.0/deed.en?comments>x</a><img>");
    assert_slice(page.image[0].license, NULL);
    assert_slice(page.image[1].license, "https://creativecommons.org/licenses/by/4.0/");
    assert_slice(page.image[2].license, "https://creativecommons.org/licenses/by/4.0/");
    assert_slice(page.image[3].license, "//creativecommons.org/licenses/by-sa/3.0/deed.en?comments");
}

/* ---- The page ---- */

static void test_what_the_head_says_is_kept(void **state)
{
    (void)state;
    struct html_page page = scan(
        "<!doctype html><html lang='pt-BR'><head><base target=x><base href='/b/'><base href='/c/'><title>T &amp; <i>U</title>"
        "<meta http-equiv='Content-Type' content='text/html; charset=\"koi8-r\"'><meta charset=utf-8><meta name=ROBOTS content='noindex'>"
        "<meta name=googlebot content=noimageindex><meta property='og:image' content=i.jpg><meta property=og:image content=j.jpg>"
        "<meta name='og:title' content='Ti'><meta property='og:image:alt' content=''><meta name=tdm-reservation content=1>");
    assert_slice(page.lang, "pt-BR");
    assert_slice(page.base, "/b/");
    assert_slice(page.title, "T &amp; <i>U");
    assert_slice(page.charset, "koi8-r");
    assert_int_equal(page.robots_count, 2);
    assert_slice(page.robots[0].content, "noindex");
    assert_slice(page.robots[1].agent, "googlebot");
    assert_slice(page.og_image, "i.jpg");
    assert_slice(page.og_image_alt, "");
    assert_slice(page.og_title, "Ti");
    assert_slice(page.tdm_reservation, "1");
}

static void test_a_frameset_ends_the_page_unless_a_body_stood_before(void **state)
{
    (void)state;
    assert_images("<html><head></head><frameset><frame src=x><noframes><img src=1></noframes></frameset><img src=2>", "");
    assert_images("<body><img src=1><frameset><img src=2>", "1 2");
}

/* ---- Where the URL stands ---- */

static void assert_chosen(const char *html, bool largest, const char *url, const char *source)
{
    struct html_page page = scan(html);
    struct html_choice choice = html_choose(&page, &page.image[0], largest);
    assert_slice(choice.url, url);
    if (url) assert_string_equal(choice.source, source);
}

static void test_src_holds_unless_it_is_a_placeholder(void **state)
{
    (void)state;
    assert_chosen("<img src=a.jpg data-src=b.jpg srcset='c.jpg 2x'>", false, "a.jpg", "src");
    assert_chosen("<img src='data:image/gif;base64,R0' data-original=b.jpg lowsrc=c.jpg>", false, "b.jpg", "data-original");
    assert_chosen("<img src=' ' data-src='#' data-lazy=c.jpg>", false, "c.jpg", "data-lazy");
    assert_chosen("<img src='about:blank'>", false, NULL, NULL);
    assert_chosen("<img src=/i/Blank-2.gif?x/y data-src=b.jpg>", false, "b.jpg", "data-src");
    assert_chosen("<img src=/i/blank.gif>", false, "/i/blank.gif", "src");
    assert_chosen("<img src=/i/blank.gif data-src='data:,'>", false, "/i/blank.gif", "src");
    assert_chosen("<img src=lazy-river.jpg data-src=b.jpg>", false, "lazy-river.jpg", "src");
    assert_chosen("<img src=pixel-art.png data-src=b.jpg>", false, "pixel-art.png", "src");
    assert_chosen("<img src=p.gif width=1 height=1 data-src=b.jpg>", false, "b.jpg", "data-src");
    assert_chosen("<img data-srcset='a.jpg 1x, b.jpg 2x'>", false, "b.jpg", "data-srcset");
    assert_chosen("<picture><source srcset='a.webp 100w, b.webp 900w'><img></picture>", false, "b.webp", "source");
}

static void test_the_largest_candidate_is_taken_when_asked_for(void **state)
{
    (void)state;
    assert_chosen("<img src=a.jpg srcset='b.jpg 300w, c.jpg 900w'>", true, "c.jpg", "srcset");
    assert_chosen("<picture><source srcset='a.webp 1200w'><img src=a.jpg srcset='c.jpg 900w'></picture>", true, "a.webp", "source");
    assert_chosen("<img src=a.jpg srcset='data:image/gif;base64,R0 900w' data-src=b.jpg>", true, "a.jpg", "src");
}

/* ---- Kernels ---- */

static uint32_t draw(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33);
}

/* A page of what decides where tags end, in runs long enough to cross blocks. */
static size_t random_page(char *page, size_t room, uint64_t *seed)
{
    static const char *const parts[] = {"<", ">", "\"", "'", "=", "/", " ", "\n", "a", "b=", "=\"", "\" ", "='", "' ", "<a ", "</a>", "<img ",
                                        "<b>", " class=\"x y\"", " id='q'", "text ", "\x01", "<!--", "-->", "\xc3\xa9", " href=\"/a?b=c&d\""};
    size_t n = 0;
    while (n < room) {
        const char *part = parts[draw(seed) % (sizeof parts / sizeof *parts)];
        for (uint32_t times = draw(seed) % 8 ? 1 : draw(seed) % 40; times-- > 0;)
            for (size_t i = 0; part[i] && n < room; i++) page[n++] = part[i];
    }
    return n;
}

static void assert_tags_end_where_their_attributes_do(const char *page, const char *end)
{
    struct html_wanted wanted = {.element = {[HTML_IMG] = HTML_START_TAG}};
    html_wanted_finish(&wanted);
    struct html_wanted all;
    memset(&all, HTML_START_TAG | HTML_END_TAG, sizeof all);
    for (const struct html_kernels *const *k = html_kernels_all(); *k; k++) {
        struct html_tag wanted_tag, tag;
        const char *p = page;
        (*k)->next_tag(page, end, &wanted, &wanted_tag);
        while ((*html_kernels_all())->next_tag(p, end, &all, &tag)) { /* one tag after another, with the plain kernel */
            bool stops = tag.kind == HTML_DECLARATION || (tag.element == HTML_IMG && tag.kind == HTML_START_TAG);
            if (stops) assert_ptr_equal(tag.start, wanted_tag.start);
            if (tag.kind == HTML_DECLARATION) {
                p = tag.start + 2;
            } else {
                struct html_attribute ignored;
                const char *skipped = tag.name.p + tag.name.n;
                p = skipped;
                enum html_tag_step step;
                do step = (*html_kernels_all())->next_attribute(&p, end, &ignored);
                while (step == HTML_TAG_ATTRIBUTE);
                assert_int_equal((*k)->skip_tag(&skipped, end), step);
                assert_ptr_equal(skipped, p);
            }
            if (stops) (*k)->next_tag(p, end, &wanted, &wanted_tag);
        }
        assert_int_equal(wanted_tag.kind, HTML_NO_MARKUP);
    }
}

static void test_every_kernel_ends_a_tag_where_its_attributes_end(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (int round = 0; round < 4000; round++) {
        size_t room = 20 + draw(&seed) % 700;
        char *page = malloc(room); /* no byte to spare: reading beyond shows under the sanitizer */
        size_t n = random_page(page, room, &seed);
        assert_tags_end_where_their_attributes_do(page, page + n);
        free(page);
    }
}

/* ---- Hostile pages ---- */

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void test_time_grows_with_the_page_alone(void **state)
{
    (void)state;
    static const char *const hazards[] = {
        "<a ", "<a b=\"", "<!--", "<!-- -", "<script>", "<script><!--", "<script><!--<script>", "<noscript>", "<a>", "<figure>", "<svg>",
        "<svg><g>", "</x>", "<img a b c ", "<img ", "<img>", " a=1", "</", "<", "-", "<![CDATA[", "<svg><![CDATA[", "<title>", "<textarea></",
        "<figure><figcaption>x<figure>", "<h1>a", "<picture><source srcset=x>", "<select>", "<template>", "<a href=mmmmmmmmmm>", "m", "<a mm",
        "<math><mi>", "<svg><desc>", "&", "<meta name=robots content=x>", "<a =", "<a x='y\"", "<p class=x/>", "<xmp><", "<frameset>",
    };
    enum { BYTES = 2 << 20 };
    char *page = malloc(BYTES);
    for (size_t h = 0; h < sizeof hazards / sizeof *hazards; h++) {
        size_t n = strlen(hazards[h]);
        for (size_t i = 0; i < BYTES; i++) page[i] = hazards[h][i % n];
        for (int prefix = 0; prefix < 2; prefix++) { /* alone, and all inside an <svg> */
            if (prefix) memcpy(page, "<svg>", 5);
            double start = seconds();
            scan_up_to(page, BYTES, 0);
            double took = seconds() - start;
            if (took > 3) fail_msg("%s: %.1f s for 2 MiB", hazards[h], took); /* a quadratic one would take minutes */
        }
    }
    free(page);
}

static void test_a_full_arena_is_said(void **state)
{
    (void)state;
    struct arena small;
    arena_init(&small, 1 << 16);
    char html[16000] = "";
    for (size_t i = 0; i < 3000; i++) memcpy(html + 5 * i, "<img>", 5);
    struct html_page page;
    struct html_scan_options options = {.collect = 0};
    assert_int_equal(html_scan(&page, &small, str_of(html, 15000), &options), -1);
    arena_free(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_of_duplicate_attributes_holds),
        cmocka_unit_test(test_an_empty_attribute_is_told_from_an_absent_one),
        cmocka_unit_test(test_attributes_are_read_as_the_standard_does),
        cmocka_unit_test(test_every_attribute_that_may_hold_a_url_or_a_text_is_kept),
        cmocka_unit_test(test_images_in_tags_comments_and_raw_text_are_none),
        cmocka_unit_test(test_what_stands_in_noscript_template_picture_select_is_marked),
        cmocka_unit_test(test_an_image_has_the_sources_before_it_in_its_picture),
        cmocka_unit_test(test_images_beyond_the_limit_are_counted),
        cmocka_unit_test(test_svg_is_no_html_until_something_breaks_out),
        cmocka_unit_test(test_mathml_has_places_of_html),
        cmocka_unit_test(test_foreign_elements_without_end_are_survived),
        cmocka_unit_test(test_the_innermost_figure_gives_the_caption),
        cmocka_unit_test(test_a_caption_holds_no_scripts_or_comments),
        cmocka_unit_test(test_link_and_heading_belong_to_the_images_in_and_behind_them),
        cmocka_unit_test(test_the_last_license_link_before_the_image_is_its_license),
        cmocka_unit_test(test_what_the_head_says_is_kept),
        cmocka_unit_test(test_a_frameset_ends_the_page_unless_a_body_stood_before),
        cmocka_unit_test(test_src_holds_unless_it_is_a_placeholder),
        cmocka_unit_test(test_the_largest_candidate_is_taken_when_asked_for),
        cmocka_unit_test(test_every_kernel_ends_a_tag_where_its_attributes_end),
        cmocka_unit_test(test_time_grows_with_the_page_alone),
        cmocka_unit_test(test_a_full_arena_is_said),
    };
    arena_init(&arena, 256 << 20);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(&arena);
    return failed;
}
