/* The page scanner, the tokenizer and what is made of attribute values. Beside what the sanitizers see: all kernels agree, a
 * tag is skipped to where its attributes end one by one, and the scanner's images are start tags of the tokenizer's. */
#include <stdlib.h>

#include "crawl/html/choose.h"
#include "crawl/html/page.h"
#include "crawl/html/references.h"
#include "crawl/html/srcset.h"
#include "crawl/html/tokenizer.h"

static void check(bool claim)
{
    if (!claim) abort();
}

static void check_values(const struct html_page *page)
{
    struct buf out;
    buf_init(&out, 1 << 22);
    for (size_t i = 0; i < page->images; i++)
        for (unsigned a = 1; a < HTML_IMAGE_ATTRIBUTES; a++) {
            struct str raw = page->image[i].attribute[a];
            buf_clear(&out);
            html_decode_references(&out, raw, true);
            if (!html_needs_decoding(raw)) check(str_eq(buf_str(&out), raw));
            struct html_candidate best;
            if (html_srcset_best(buf_str(&out), &best)) check(best.url.n > 0);
        }
    for (size_t i = 0; i < page->images; i++) {
        html_choose(page, &page->image[i], false);
        html_choose(page, &page->image[i], true);
    }
    buf_free(&out);
}

static void check_skipping(const struct html_kernels *k, const char *p, const char *end)
{
    const char *skipped = p, *stepped = p;
    struct html_attribute attribute;
    enum html_tag_step step, skip = k->skip_tag(&skipped, end);
    do step = k->next_attribute(&stepped, end, &attribute);
    while (step == HTML_TAG_ATTRIBUTE);
    check(skip == step && skipped == stepped);
}

/* The tags that the kernels stop at, when only images and links are wanted and when all are. */
static void check_kernels(struct str bytes)
{
    struct html_wanted wanted[2] = {{.element = {[HTML_IMG] = HTML_START_TAG, [HTML_A] = HTML_START_TAG | HTML_END_TAG}}};
    html_wanted_finish(&wanted[0]);
    memset(&wanted[1], HTML_START_TAG | HTML_END_TAG, sizeof wanted[1]);
    const char *end = bytes.p + bytes.n;
    for (int w = 0; w < 2; w++) {
        const char *p = bytes.p;
        for (;;) {
            struct html_tag first, other;
            const struct html_kernels *const *k = html_kernels_all();
            enum html_markup kind = (*k)->next_tag(p, end, &wanted[w], &first);
            while (*++k) {
                check((*k)->next_tag(p, end, &wanted[w], &other) == kind && other.start == first.start);
                if (kind == HTML_START_TAG || kind == HTML_END_TAG) check(other.element == first.element && str_eq(other.name, first.name));
            }
            if (kind == HTML_NO_MARKUP) break;
            p = first.start + 2;
            if (kind == HTML_DECLARATION) continue;
            p = first.name.p + first.name.n;
            for (k = html_kernels_all(); *k; k++) check_skipping(*k, p, end);
            (*html_kernels_all())->skip_tag(&p, end);
        }
    }
}

static void check_tokens(struct str bytes, bool foreign)
{
    struct html_tokenizer t = html_tokenizer(bytes);
    t.foreign = foreign;
    size_t read = 0;
    for (struct html_token token; html_next_token(&t, &token); read++) {
        if (token.kind == HTML_TOKEN_DOCTYPE) html_parse_doctype(&token);
        if (token.kind == HTML_TOKEN_START_TAG) t.state = html_state_after(token.element);
        for (struct html_attribute a; token.kind == HTML_TOKEN_START_TAG && html_token_attribute(&t, &token, &a);)
            check(a.name.n > 0 && a.value.p);
    }
    check(t.p == t.end && read <= bytes.n + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str bytes = str_of((const char *)data, size);
    struct arena arena;
    arena_init(&arena, 64 << 20);
    struct html_page page;
    for (unsigned collect = 0; collect < 32; collect += 31) {
        struct html_scan_options options = {.collect = collect, .max_images = 1000};
        check(html_scan(&page, &arena, bytes, &options) == 0);
        for (size_t i = 0; i < page.images; i++) check(page.image[i].offset < size && data[page.image[i].offset] == '<');
        for (size_t i = 0; i < page.images; i++) check(page.image[i].caption.first + page.image[i].caption.count <= page.pieces);
    }
    check_values(&page);
    check_kernels(bytes);
    check_tokens(bytes, false);
    check_tokens(bytes, true);
    arena_free(&arena);
    return 0;
}
