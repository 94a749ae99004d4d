/* Thumbnails. Whatever lies in packs and shards came from the web: it goes through the guarded decoder, with limits of its own,
 * and only what our encoder made of its pixels reaches the page. */
#include "reports/page_private.h"

#include "crawl/image/encode.h"
#include "crawl/image/orientation.h"
#include "crawl/image/resize.h"
#include "pipeline/base/fail.h"
#include "shard/store.h"
#include "shard/tar.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    SIDE = 144,                  /* px of the longer side */
    QUALITY = 75,
    PIXELS_MAX = 16 << 20,       /* decoded for a thumbnail: 48 MB */
    DECODE_MEMORY_MAX = 128 << 20,
    STORED_BYTES_MAX = 24 << 20,
    STORES = 4,                  /* packs and shards that stay open */
};

struct page_pictures {
    const struct funnel *f;
    const struct stats *s;
    struct {
        char path[PATH_MAX];
        struct store *store;
        uint64_t used;
    } open[STORES];
    uint64_t clock;
    size_t bytes;                /* of the page, so far */
    struct arena arena;
    struct buf stored, picture, jpeg; /* as in the pack or shard; of a sample, its picture; ours */
    struct image image, upright, small;
};

struct page_pictures *page_pictures_open(const struct funnel *f, const struct stats *s)
{
    struct page_pictures *p = calloc(1, sizeof *p);
    if (!p) return fail_memory(), NULL;
    p->f = f;
    p->s = s;
    arena_init(&p->arena, 16 << 20);
    buf_init(&p->stored, STORED_BYTES_MAX);
    buf_init(&p->picture, STORED_BYTES_MAX);
    buf_init(&p->jpeg, 4 << 20);
    return p;
}

void page_pictures_close(struct page_pictures *p)
{
    if (!p) return;
    for (int i = 0; i < STORES; i++) store_close(p->open[i].store);
    arena_free(&p->arena);
    buf_free(&p->stored);
    buf_free(&p->picture);
    buf_free(&p->jpeg);
    image_free(&p->image);
    image_free(&p->upright);
    image_free(&p->small);
    free(p);
}

static struct store *store_of(struct page_pictures *p, const char *path)
{
    int oldest = 0;
    for (int i = 0; i < STORES; i++) {
        if (p->open[i].store && strcmp(p->open[i].path, path) == 0) {
            p->open[i].used = ++p->clock;
            return p->open[i].store;
        }
        if (p->open[i].used < p->open[oldest].used) oldest = i;
    }
    struct store *store = strlen(path) < PATH_MAX ? store_open(path) : NULL;
    if (!store) return NULL;
    store_close(p->open[oldest].store);
    p->open[oldest].store = store;
    p->open[oldest].used = ++p->clock;
    strcpy(p->open[oldest].path, path);
    return store;
}

/* ---- the bytes */

static int once(void *context, struct str *piece)
{
    struct str *bytes = context;
    *piece = *bytes;
    *bytes = str_of(bytes->p, 0);
    return 0;
}

/* The picture among the members of a sample: what is neither .json nor .txt. */
static int picture_of_sample(struct page_pictures *p)
{
    struct str source = buf_str(&p->stored);
    struct tar_reader *reader = tar_reader_open(once, NULL, &source);
    struct tar_member member;
    bool found = false;
    buf_clear(&p->picture);
    while (reader && !found && tar_reader_next(reader, &member) > 0) {
        if (str_ends(member.name, STR(".json")) || str_ends(member.name, STR(".txt"))) continue;
        found = tar_reader_data(reader, &p->picture) == 0;
        if (!found) break;
    }
    tar_reader_close(reader);
    return found ? 0 : -1;
}

static bool is_bare_name(struct str name)
{
    return name.n && !memchr(name.p, '/', name.n) && !memchr(name.p, 0, name.n) && !str_eq(name, STR(".")) && !str_eq(name, STR(".."));
}

static int read_stored(struct page_pictures *p, const struct example *x)
{
    buf_clear(&p->stored);
    arena_reset(&p->arena);
    const char *path;
    if (x->key.n) {
        path = steps_shard_path(&p->f->steps, x->shard, &p->arena);
    } else {
        if (!is_bare_name(x->pack)) return -1;
        path = p->s->packs ? arena_printf(&p->arena, "%s/%.*s", p->s->packs, STR_ARG(x->pack))
                           : arena_printf(&p->arena, "%s/packs/%.*s", p->f->steps.out, STR_ARG(x->pack));
    }
    struct store *store = path && x->length <= STORED_BYTES_MAX ? store_of(p, path) : NULL;
    if (!store || store_read(store, x->offset, x->length, &p->stored) < 0) return -1;
    return x->key.n ? picture_of_sample(p) : 0;
}

/* ---- the pixels */

/* The picture as a small JPEG in p->jpeg; -1 when it cannot be had. */
static int make_small(struct page_pictures *p, struct str bytes)
{
    static const struct image_limits limits = {.bytes = STORED_BYTES_MAX, .pixels = PIXELS_MAX, .scans = 100};
    static const struct resize_options options = {.mode = RESIZE_KEEP_RATIO_LARGEST, .size = SIDE, .only_if_bigger = true};
    struct image_info info = {0};
    enum image_status status = image_probe(bytes, &limits, &info);
    if (status != IMAGE_OK || info.memory > DECODE_MEMORY_MAX) return -1;
    if (image_decode(bytes, &limits, IMAGE_OVER_WHITE, &p->image, &status) < 0 || status != IMAGE_OK) return -1;
    struct image *picture = &p->image;
    if (info.orientation > 1) {
        if (orientation_apply(picture, info.orientation, &p->upright) < 0) return -1;
        picture = &p->upright;
    }
    struct resize_plan plan = resize_plan_for(&options, picture->width, picture->height);
    if (!resize_fits(&plan, &limits, RESIZE_SIDE_JPEG)) return -1;
    if (plan.changes) {
        if (resize_apply(picture, &plan, &p->small) < 0) return -1;
        picture = &p->small;
    }
    buf_clear(&p->jpeg);
    if (encode_image(picture, IMAGE_JPEG, QUALITY, &p->jpeg) < 0) return -1;
    p->small.width = picture->width; /* what the page is told */
    p->small.height = picture->height;
    return 0;
}

enum page_picture page_picture(struct page_pictures *p, const struct example *x, struct html *h)
{
    if (!x->length || (!x->key.n && !x->pack.n)) return PICTURE_NONE;
    if (p->bytes >= PAGE_PICTURES) return PICTURE_TOO_MUCH;
    if (read_stored(p, x) < 0 || make_small(p, buf_str(x->key.n ? &p->picture : &p->stored)) < 0) return PICTURE_GONE;
    size_t before = h->out->n;
    html_f(h, "<img alt=\"\" width=\"%u\" height=\"%u\" src=\"data:image/jpeg;base64,", p->small.width, p->small.height);
    html_base64(h, buf_str(&p->jpeg));
    html_f(h, "\">");
    p->bytes += h->out->n - before;
    return PICTURE_SHOWN;
}
