/* What one page says about its pictures, read without building a tree (ingest.md's "HTML without a tree").
 *
 * html_scan goes once over the bytes of a page as they came: any charset in which ASCII bytes mean ASCII (UTF-16 and
 * ISO-2022-JP are transcoded first). All results are slices of these bytes, raw: white space, character references and the
 * charset are the caller's to undo (html_decode_references after transcoding), for the few values that become rows. Arrays
 * lie in the arena. A slice whose p is NULL is an absent attribute; an empty one was written empty.
 *
 *     struct html_page page;
 *     struct html_scan_options options = {.collect = HTML_COLLECT_FIGCAPTION};
 *     if (html_scan(&page, &arena, body, &options) < 0) return -1;
 *     for (size_t i = 0; i < page.images; i++) use(page.image[i].attribute[HTML_ATTRIBUTE_ALT]);
 *
 * Scripts are not run: the contents of <noscript> count, as for a reader without scripting. Images stand in the order of
 * their tags, which is the tree's save where a table moves them in front of itself.
 */
#ifndef WINNOW_HTML_PAGE_H
#define WINNOW_HTML_PAGE_H

#include "crawl/html/names.h"
#include "pipeline/base/arena.h"

enum html_collect { /* what html_scan looks for beyond the images; nothing costs time that is not asked for */
    HTML_COLLECT_FIGCAPTION = 1 << 0, /* html_image.caption */
    HTML_COLLECT_HEADING = 1 << 1,    /* html_image.heading */
    HTML_COLLECT_LINK_TEXT = 1 << 2,  /* html_image.link_text */
    HTML_COLLECT_LINK = 1 << 3,       /* html_image.link */
    HTML_COLLECT_LICENSE = 1 << 4,    /* html_image.license */
};

struct html_scan_options {
    unsigned collect;    /* enum html_collect */
    uint32_t max_images; /* further ones are counted in images_lost; 0 means HTML_MAX_IMAGES */
};

enum {
    HTML_MAX_IMAGES = 20000,   /* of a page; galleries of 5,000 exist */
    HTML_MAX_SOURCES = 60000,  /* <source> elements in <picture>, three a picture */
    HTML_MAX_FIGURES = 20000,
    HTML_MAX_PIECES = 1 << 18, /* pieces of collected text, 4 MiB of slices */
    HTML_MAX_ROBOTS = 8,       /* meta elements that speak to robots */
};

/* Text that stands between tags: html_page.piece[first .. first + count). The pieces of neighbouring blocks are kept
 * apart by a piece of one space. */
struct html_text {
    uint32_t first, count;
};

struct html_source { /* a <source> of a <picture> */
    struct str srcset, data_srcset, type, media;
};

enum html_image_flag {
    HTML_IMAGE_IN_NOSCRIPT = 1 << 0,
    HTML_IMAGE_IN_TEMPLATE = 1 << 1, /* inert: no reader sees it */
    HTML_IMAGE_IN_PICTURE = 1 << 2,
    HTML_IMAGE_IN_FOREIGN = 1 << 3,  /* as HTML inside svg or math, in foreignObject and the like */
    HTML_IMAGE_IN_SELECT = 1 << 4,   /* parsers before 2025 drop it */
    HTML_IMAGE_FROM_IMAGE = 1 << 5,  /* written <image> */
};

struct html_image {
    struct str attribute[HTML_IMAGE_ATTRIBUTES]; /* by enum html_attribute_name, HTML_ATTRIBUTE_SRC to _LOWSRC */
    size_t offset;         /* of its `<` in the page */
    unsigned flags;        /* enum html_image_flag */
    uint32_t first_source, sources; /* html_page.source: those of the picture before the image */
    uint32_t figure;       /* the innermost open figure, from 1; 0: none */
    struct str link;       /* href of the link around the image */
    struct str license;    /* href of the last link to creativecommons.org/licenses before the image */
    struct html_text caption, heading, link_text;
};

struct html_robots {
    struct str agent, content; /* <meta name=agent content=…>; agent is `robots` or a crawler's name, case as written */
};

struct html_page {
    struct html_image *image;
    size_t images;
    uint64_t images_lost;       /* beyond max_images */
    struct html_source *source;
    size_t sources;
    struct str *piece;          /* collected text */
    size_t pieces;
    struct str base;            /* href of the first <base> that has one */
    struct str lang;            /* <html lang> */
    struct str charset;         /* label of the first <meta> that declares one, anywhere on the page */
    struct str title;           /* contents of the first <title>: references count in it, tags do not */
    struct str og_image, og_image_alt, og_title; /* contents of <meta property=og:…>, the first of each */
    struct str tdm_reservation; /* content of <meta name=tdm-reservation> */
    struct html_robots robots[HTML_MAX_ROBOTS];
    size_t robots_count;
    bool frameset;              /* the page is a frameset: nothing behind it is shown */
};

/* 0, or -1 with a sentence when the arena is full. Time is linear in bytes.n. */
int html_scan(struct html_page *page, struct arena *arena, struct str bytes, const struct html_scan_options *options);

#endif
