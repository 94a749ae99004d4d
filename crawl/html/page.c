/* A table says of each element whether anything depends on its tags, which differs with what is collected; the kernel stops
 * at those alone. Of the tree, only what few elements need is kept: counters for template and noscript, a stack for figures
 * and one for foreign content. */
#include "crawl/html/page.h"

#include "crawl/html/foreign.h"
#include "crawl/html/lexer.h"
#include "crawl/html/meta.h"
#include "pipeline/base/fail.h"

enum { FIGURE_DEPTH = 32 }; /* figures in figures that are told apart */

struct open_text { /* text that is being collected, or has been */
    struct html_text text;
    bool open;
};

struct scan {
    const struct html_kernels *k;
    const char *p, *end, *start;
    struct html_page *page;
    struct arena *arena;
    unsigned collect;
    uint32_t max_images;
    struct html_wanted wanted; /* tags to stop at, outside foreign content and while no text is collected */

    struct html_foreign foreign;
    uint32_t templates; /* open <template> elements */
    bool noscript, picture, select;
    bool body;          /* something stood that no frameset can follow */
    uint32_t picture_source; /* where the open picture's sources begin */

    const char *link;   /* behind the name of the open <a>, NULL outside links */
    uint32_t link_image; /* images from here on stand in it */
    struct str license;

    uint32_t collecting; /* open texts */
    struct html_text last_heading;
    struct open_text heading, link_text;
    struct open_text *caption; /* one a figure */
    uint32_t figures, figure_depth; /* found; open, also beyond FIGURE_DEPTH */
    uint32_t open_figure[FIGURE_DEPTH]; /* from 1 */

    size_t image_room, source_room, piece_room, figure_room;
};

/* Makes room for one more; the old array stays in the arena, so all of them cost twice the last. */
static void *grow(struct scan *s, void *array, size_t count, size_t *room, size_t size)
{
    if (count < *room) return array;
    size_t larger = *room ? *room * 2 : 16;
    void *new = arena_alloc(s->arena, larger * size);
    if (!new) return NULL;
    if (count) memcpy(new, array, count * size);
    *room = larger;
    return new;
}

/* ---- Collected text ---- */

static int add_piece(struct scan *s, struct str text)
{
    struct html_page *page = s->page;
    if (text.n == 0 || page->pieces >= HTML_MAX_PIECES) return 0;
    struct str *array = grow(s, page->piece, page->pieces, &s->piece_room, sizeof *array);
    if (!array) return -1;
    page->piece = array;
    page->piece[page->pieces++] = text;
    return 0;
}

static void open_text(struct scan *s, struct open_text *text)
{
    if (text->open) return;
    *text = (struct open_text){{(uint32_t)s->page->pieces, 0}, true};
    s->collecting++;
}

/* True if it was open. */
static bool close_text(struct scan *s, struct open_text *text)
{
    if (!text->open) return false;
    text->text.count = (uint32_t)s->page->pieces - text->text.first;
    text->open = false;
    s->collecting--;
    return true;
}

static bool parts_text(enum html_element element) /* a block: the text before it and that behind are no one word */
{
    switch (element) {
    case HTML_BR: case HTML_P: case HTML_DIV: case HTML_LI: case HTML_UL: case HTML_OL: case HTML_DL: case HTML_DT: case HTML_DD:
    case HTML_H1: case HTML_H2: case HTML_H3: case HTML_H4: case HTML_H5: case HTML_H6: case HTML_HR: case HTML_TABLE:
    case HTML_TR: case HTML_TD: case HTML_TH: case HTML_BLOCKQUOTE: case HTML_CENTER: case HTML_PRE: case HTML_SECTION:
    case HTML_ARTICLE: case HTML_HEADER: case HTML_FOOTER: case HTML_FIGURE: case HTML_FIGCAPTION: case HTML_OPTION:
        return true;
    default:
        return false;
    }
}

/* ---- Tags whose attributes count ---- */

/* Reads a tag's attributes into slots by name, the first of each; slots are absent at the start. False if the page ends in
 * it. s->p stands behind the name, then behind the tag. */
static bool read_attributes(struct scan *s, struct str *slot, unsigned first, unsigned slots)
{
    struct html_attribute attribute;
    enum html_tag_step step;
    while ((step = s->k->next_attribute(&s->p, s->end, &attribute)) == HTML_TAG_ATTRIBUTE) {
        unsigned at = (unsigned)html_attribute_of(attribute.name) - first;
        if (at < slots && !slot[at].p) slot[at] = attribute.value;
    }
    return step != HTML_TAG_CUT;
}

static struct str link_of(const struct scan *s) /* href of the open link; absent if it has none */
{
    struct html_attribute attribute;
    const char *at = s->link;
    while (s->k->next_attribute(&at, s->end, &attribute) == HTML_TAG_ATTRIBUTE)
        if (html_attribute_of(attribute.name) == HTML_ATTRIBUTE_HREF) return attribute.value;
    return STR_ABSENT;
}

static int take_image(struct scan *s, const struct html_tag *tag)
{
    struct html_page *page = s->page;
    if (page->images >= s->max_images) {
        page->images_lost++;
        return s->k->skip_tag(&s->p, s->end), 0;
    }
    struct html_image *array = grow(s, page->image, page->images, &s->image_room, sizeof *array);
    if (!array) return -1;
    page->image = array;
    struct html_image *image = &array[page->images];
    memset(image, 0, sizeof *image);
    if (!read_attributes(s, image->attribute, 0, HTML_IMAGE_ATTRIBUTES)) return 0;
    image->attribute[HTML_ATTRIBUTE_UNKNOWN] = STR_ABSENT;
    image->offset = (size_t)(tag->start - s->start);
    image->flags = (s->noscript ? HTML_IMAGE_IN_NOSCRIPT : 0u) | (s->templates ? HTML_IMAGE_IN_TEMPLATE : 0u) |
                   (s->picture ? HTML_IMAGE_IN_PICTURE : 0u) | (s->foreign.depth ? HTML_IMAGE_IN_FOREIGN : 0u) |
                   (s->select ? HTML_IMAGE_IN_SELECT : 0u) | (tag->element == HTML_IMAGE ? HTML_IMAGE_FROM_IMAGE : 0u);
    if (s->picture) {
        image->first_source = s->picture_source;
        image->sources = (uint32_t)page->sources - s->picture_source;
    }
    if (s->figure_depth) image->figure = s->open_figure[(s->figure_depth < FIGURE_DEPTH ? s->figure_depth : FIGURE_DEPTH) - 1];
    image->license = s->license;
    image->heading = s->last_heading;
    if (s->link && (s->collect & HTML_COLLECT_LINK)) image->link = link_of(s);
    page->images++;
    return 0;
}

static int take_source(struct scan *s)
{
    enum { FIRST = HTML_ATTRIBUTE_SRCSET, SLOTS = HTML_ATTRIBUTE_MEDIA - FIRST + 1 };
    struct str slot[SLOTS] = {{NULL, 0}};
    struct html_page *page = s->page;
    if (!read_attributes(s, slot, FIRST, SLOTS) || !s->picture || page->sources >= HTML_MAX_SOURCES) return 0;
    struct html_source *array = grow(s, page->source, page->sources, &s->source_room, sizeof *array);
    if (!array) return -1;
    page->source = array;
    page->source[page->sources++] = (struct html_source){
        .srcset = slot[0],
        .data_srcset = slot[HTML_ATTRIBUTE_DATA_SRCSET - FIRST],
        .type = slot[HTML_ATTRIBUTE_TYPE - FIRST],
        .media = slot[HTML_ATTRIBUTE_MEDIA - FIRST],
    };
    return 0;
}

static void take_meta(struct scan *s)
{
    enum { FIRST = HTML_ATTRIBUTE_NAME, SLOTS = HTML_ATTRIBUTE_HTTP_EQUIV - FIRST + 1 };
    struct str slot[SLOTS] = {{NULL, 0}};
    if (!read_attributes(s, slot, FIRST, SLOTS) || s->templates) return;
    html_take_meta(s->page, &(struct html_meta){
        .name = slot[0],
        .property = slot[HTML_ATTRIBUTE_PROPERTY - FIRST],
        .content = slot[HTML_ATTRIBUTE_CONTENT - FIRST],
        .charset = slot[HTML_ATTRIBUTE_CHARSET - FIRST],
        .http_equiv = slot[HTML_ATTRIBUTE_HTTP_EQUIV - FIRST],
    });
}

/* <html lang>, <base href>: the first that is there, and none of a tag that the page cuts. */
static void take_first(struct scan *s, enum html_attribute_name name, struct str *to)
{
    struct str value = STR_ABSENT;
    if (read_attributes(s, &value, name, 1) && !to->p && !s->templates) *to = value;
}

/* ---- Links and figures ---- */

static void end_link(struct scan *s)
{
    if (close_text(s, &s->link_text))
        for (size_t i = s->link_image; i < s->page->images; i++) s->page->image[i].link_text = s->link_text.text;
    s->link = NULL;
}

/* Looks for the "mm" in creativecommons.org, rare enough in tags to be worth a closer look. */
static bool names_license(const struct scan *s, const char *p, const char *behind)
{
    const struct str site = STR("creativecommons.org/licenses");
    if ((size_t)(behind - p) < site.n) return false;
    const char *limit = behind - site.n + 12;
    for (p += 10; (p = s->k->find_pair(p, limit, s->end, 'm', 'm', 'm')) < limit; p++)
        if (str_starts(str_of(p - 10, (size_t)(behind - p + 10)), site)) return true;
    return false;
}

static void start_link(struct scan *s)
{
    end_link(s);
    s->link = s->p;
    s->link_image = (uint32_t)s->page->images;
    enum html_tag_step step = s->k->skip_tag(&s->p, s->end);
    if (step == HTML_TAG_CUT) return;
    if ((s->collect & HTML_COLLECT_LICENSE) && names_license(s, s->link, s->p)) {
        struct str href = link_of(s);
        if (str_find(href, STR("creativecommons.org/licenses")) != SIZE_MAX) s->license = href;
    }
    if (s->collect & HTML_COLLECT_LINK_TEXT) open_text(s, &s->link_text);
}

static int start_figure(struct scan *s)
{
    uint32_t depth = s->figure_depth++;
    if (depth >= FIGURE_DEPTH) return 0;
    s->open_figure[depth] = 0;
    if (!(s->collect & HTML_COLLECT_FIGCAPTION) || s->figures >= HTML_MAX_FIGURES) return 0;
    struct open_text *array = grow(s, s->caption, s->figures, &s->figure_room, sizeof *array);
    if (!array) return -1;
    s->caption = array;
    s->caption[s->figures++] = (struct open_text){{0, 0}, false};
    s->open_figure[depth] = s->figures;
    return 0;
}

static struct open_text *innermost_caption(const struct scan *s) /* NULL where captions are not collected */
{
    if (s->figure_depth == 0 || s->figure_depth > FIGURE_DEPTH) return NULL;
    uint32_t figure = s->open_figure[s->figure_depth - 1];
    return figure ? &s->caption[figure - 1] : NULL;
}

static void end_caption(struct scan *s)
{
    struct open_text *caption = innermost_caption(s);
    if (caption) close_text(s, caption);
}

static void start_caption(struct scan *s) /* the first <figcaption> of a figure is its caption */
{
    struct open_text *caption = innermost_caption(s);
    if (caption && !close_text(s, caption) && caption->text.count == 0) open_text(s, caption);
}

static void end_figure(struct scan *s)
{
    end_caption(s);
    if (s->figure_depth) s->figure_depth--;
}

static void start_heading(struct scan *s)
{
    s->body = true;
    close_text(s, &s->heading); /* a heading cannot stand in another: that one was not closed */
    if (s->collect & HTML_COLLECT_HEADING) open_text(s, &s->heading);
}

/* ---- The walk ---- */

enum action { /* what a start tag in HTML content asks for */
    PASS, /* nothing */
    A, BASE, BODY, FIGURE, FIGCAPTION, FOREIGN, FRAMESET, HEADING, HTML, IMG, META, NOSCRIPT, PICTURE, PLAINTEXT, RAW, SCRIPT,
    SELECT, SELECT_END, SOURCE, TEMPLATE, TITLE
};

static const uint8_t actions[HTML_COUNT] = {
    [HTML_A] = A, [HTML_BASE] = BASE, [HTML_BODY] = BODY, [HTML_FIGURE] = FIGURE, [HTML_FIGCAPTION] = FIGCAPTION,
    [HTML_FRAMESET] = FRAMESET, [HTML_H1] = HEADING, [HTML_H2] = HEADING, [HTML_H3] = HEADING, [HTML_H4] = HEADING,
    [HTML_H5] = HEADING, [HTML_H6] = HEADING, [HTML_HTML] = HTML, [HTML_IFRAME] = RAW, [HTML_IMAGE] = IMG, [HTML_IMG] = IMG,
    [HTML_INPUT] = SELECT_END, [HTML_KEYGEN] = SELECT_END, [HTML_MATH] = FOREIGN, [HTML_META] = META, [HTML_NOEMBED] = RAW,
    [HTML_NOFRAMES] = RAW, [HTML_NOSCRIPT] = NOSCRIPT, [HTML_PICTURE] = PICTURE, [HTML_PLAINTEXT] = PLAINTEXT,
    [HTML_SCRIPT] = SCRIPT, [HTML_SELECT] = SELECT, [HTML_SOURCE] = SOURCE, [HTML_STYLE] = RAW, [HTML_SVG] = FOREIGN,
    [HTML_TEMPLATE] = TEMPLATE, [HTML_TEXTAREA] = RAW, [HTML_TITLE] = TITLE, [HTML_XMP] = RAW,
};

/* The tags that matter for what is collected. */
static void choose_wanted(struct html_wanted *tags, unsigned collect)
{
    uint8_t *wanted = tags->element;
    static const uint8_t ends[] = {HTML_NOSCRIPT, HTML_PICTURE, HTML_SELECT, HTML_TEMPLATE};
    const unsigned links = HTML_COLLECT_LINK | HTML_COLLECT_LINK_TEXT;
    for (size_t i = 0; i < HTML_COUNT; i++) wanted[i] = actions[i] != PASS ? HTML_START_TAG : 0;
    for (size_t i = 0; i < sizeof ends; i++) wanted[ends[i]] |= HTML_END_TAG;
    if (collect & links) wanted[HTML_A] |= HTML_END_TAG;
    else if (!(collect & HTML_COLLECT_LICENSE)) wanted[HTML_A] = 0;
    for (size_t i = HTML_H1; i <= HTML_H6; i++) wanted[i] = collect & HTML_COLLECT_HEADING ? HTML_START_TAG | HTML_END_TAG : 0;
    wanted[HTML_FIGURE] = wanted[HTML_FIGCAPTION] = collect & HTML_COLLECT_FIGCAPTION ? HTML_START_TAG | HTML_END_TAG : 0;
    html_wanted_finish(tags);
}

static void start_picture(struct scan *s)
{
    s->picture = s->body = true;
    s->picture_source = (uint32_t)s->page->sources;
}

static void skip_tag(struct scan *s) { s->k->skip_tag(&s->p, s->end); }

/* A start tag while foreign content is open. True if it is HTML's; s->p then stays behind its name. */
static bool foreign_start(struct scan *s, struct str name, enum html_element element)
{
    struct html_foreign_tag tag = {.name = name, .element = element};
    const char *behind_name = s->p;
    if (element == HTML_FONT || element == HTML_ANNOTATION_XML) {
        enum { FIRST = HTML_ATTRIBUTE_ENCODING, SLOTS = 4 };
        struct str slot[SLOTS] = {{NULL, 0}};
        read_attributes(s, slot, FIRST, SLOTS);
        tag.breaks_out = slot[1].p || slot[2].p || slot[3].p; /* color, face, size */
        tag.html_encoded = str_eq_nocase(slot[0], STR("text/html")) || str_eq_nocase(slot[0], STR("application/xhtml+xml"));
        tag.self_closing = s->p - behind_name >= 2 && s->p[-2] == '/';
    } else {
        tag.self_closing = s->k->skip_tag(&s->p, s->end) == HTML_TAG_SELF_CLOSED;
    }
    if (!html_foreign_start(&s->foreign, &tag)) return false;
    if (element != HTML_SVG && element != HTML_MATH) html_foreign_push(&s->foreign, &tag);
    s->p = behind_name;
    return true;
}

static void take_title(struct scan *s, struct str name)
{
    skip_tag(s);
    const char *contents = s->p;
    s->p = html_raw_text_end(s->k, s->p, s->end, name);
    if (!s->page->title.p) s->page->title = str_of(contents, (size_t)(s->p - contents));
}

static void open_foreign(struct scan *s, const struct html_tag *tag)
{
    bool self_closing = s->k->skip_tag(&s->p, s->end) == HTML_TAG_SELF_CLOSED;
    html_foreign_push(&s->foreign, &(struct html_foreign_tag){tag->name, tag->element, .self_closing = self_closing});
    s->body = true;
}

static int start_tag(struct scan *s, const struct html_tag *tag)
{
    s->p = tag->name.p + tag->name.n;
    if (s->foreign.depth && !foreign_start(s, tag->name, tag->element)) return 0;
    if (s->collecting && parts_text(tag->element) && add_piece(s, STR(" ")) < 0) return -1;
    switch ((enum action)actions[tag->element]) {
    case IMG: s->body = true; return take_image(s, tag);
    case A: s->body = true; start_link(s); return 0;
    case META: take_meta(s); return 0;
    case SOURCE: return take_source(s);
    case FOREIGN: open_foreign(s, tag); return 0;
    case TITLE: take_title(s, tag->name); return 0;
    case BASE: take_first(s, HTML_ATTRIBUTE_HREF, &s->page->base); return 0;
    case HTML: take_first(s, HTML_ATTRIBUTE_LANG, &s->page->lang); return 0;
    case PLAINTEXT: s->p = s->end; return 0;
    default: break;
    }
    skip_tag(s); /* the attributes of the others say nothing */
    switch ((enum action)actions[tag->element]) {
    case SCRIPT: s->p = html_script_end(s->k, s->p, s->end, tag->name); break;
    case RAW: s->p = html_raw_text_end(s->k, s->p, s->end, tag->name); break;
    case BODY: s->body = true; break;
    case FIGURE: return start_figure(s);
    case FIGCAPTION: start_caption(s); break;
    case FRAMESET: s->page->frameset = !s->body && !s->templates; break;
    case HEADING: start_heading(s); break;
    case NOSCRIPT: s->noscript = true; break;
    case PICTURE: start_picture(s); break;
    case SELECT: s->select = !s->select; break;
    case SELECT_END: s->select = false; break;
    case TEMPLATE: s->templates += s->templates < UINT32_MAX; break;
    default: break;
    }
    return 0;
}

static int end_tag(struct scan *s, const struct html_tag *tag)
{
    s->p = tag->name.p + tag->name.n;
    if (s->k->skip_tag(&s->p, s->end) == HTML_TAG_CUT) return 0;
    if (s->foreign.depth) html_foreign_end(&s->foreign, tag->name, tag->element);
    switch (tag->element) {
    case HTML_A: end_link(s); break;
    case HTML_FIGURE: end_figure(s); break;
    case HTML_FIGCAPTION: end_caption(s); break;
    case HTML_H1: case HTML_H2: case HTML_H3: case HTML_H4: case HTML_H5: case HTML_H6:
        if (close_text(s, &s->heading)) s->last_heading = s->heading.text;
        break;
    case HTML_NOSCRIPT: s->noscript = false; break;
    case HTML_PICTURE: s->picture = false; break;
    case HTML_SELECT: s->select = false; break;
    case HTML_TEMPLATE: s->templates -= s->templates > 0; break;
    default: break;
    }
    return s->collecting && parts_text(tag->element) ? add_piece(s, STR(" ")) : 0;
}

/* `<!`, `<?`, and `</` before anything but a letter; `</>` is nothing. */
static void declaration(struct scan *s, const char *at)
{
    struct str ignored;
    const char *p = at + 2;
    if (at[1] != '!') s->p = html_bogus_comment_end(s->k, p, s->end, &ignored);
    else if (html_starts_comment(p, s->end)) s->p = html_comment_end(s->k, p + 2, s->end, &ignored);
    else if (html_foreign_inside(&s->foreign) && html_starts_cdata(p, s->end)) s->p = html_cdata_end(s->k, p + 7, s->end, &ignored);
    else s->p = html_bogus_comment_end(s->k, p, s->end, &ignored);
}

static int walk(struct scan *s)
{
    struct html_wanted all;
    memset(&all, HTML_START_TAG | HTML_END_TAG, sizeof all);
    while (!s->page->frameset) {
        struct html_tag tag;
        enum html_markup kind = s->k->next_tag(s->p, s->end, s->foreign.depth || s->collecting ? &all : &s->wanted, &tag);
        if (s->collecting && add_piece(s, str_of(s->p, (size_t)(tag.start - s->p))) < 0) return -1;
        int result = 0;
        if (kind == HTML_NO_MARKUP) return 0;
        else if (kind == HTML_START_TAG) result = start_tag(s, &tag);
        else if (kind == HTML_END_TAG) result = end_tag(s, &tag);
        else declaration(s, tag.start);
        if (result < 0) return -1;
    }
    return 0;
}

/* What was open when the page ended is closed, and each image learns its figure's caption, which may stand behind it. */
static void finish(struct scan *s)
{
    end_link(s);
    while (s->figure_depth) end_figure(s);
    for (size_t i = 0; i < s->page->images; i++) {
        struct html_image *image = &s->page->image[i];
        if (image->figure) image->caption = s->caption[image->figure - 1].text;
    }
}

int html_scan(struct html_page *page, struct arena *arena, struct str bytes, const struct html_scan_options *options)
{
    memset(page, 0, sizeof *page);
    struct scan s = {
        .k = html_kernels(),
        .p = bytes.p,
        .start = bytes.p,
        .end = bytes.p + bytes.n,
        .page = page,
        .arena = arena,
        .collect = options->collect,
        .max_images = options->max_images ? options->max_images : HTML_MAX_IMAGES,
    };
    choose_wanted(&s.wanted, s.collect);
    if (walk(&s) < 0) return -1;
    finish(&s);
    return 0;
}
