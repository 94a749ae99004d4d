/* AVIF: the boxes that lead from the primary item to its size, turn and mirror.
 *
 *   ftyp | meta: pitm (which item), iprp: ipco (properties, numbered from 1), ipma (item -> property numbers)
 *        | moov: trak: tkhd (size of a sequence), mdia: minf: stbl: stsz (its frames)
 * A sequence (brand avis) is read from its track, everything else from the primary item, as libavif does.
 */
#include "crawl/image/headers.h"

struct box {
    struct str type, body;
};

/* Takes the next box off `rest`; false at the end or when what follows is no box (ISO/IEC 14496-12 §4.2). */
static bool next_box(struct str *rest, struct box *box)
{
    if (rest->n < 8) return false;
    uint64_t size = read_be32(rest->p), head = 8;
    if (size == 1) {
        if (rest->n < 16) return false;
        size = (uint64_t)read_be32(rest->p + 8) << 32 | read_be32(rest->p + 12);
        head = 16;
    } else if (size == 0) {
        size = rest->n; /* to the end of the file */
    }
    if (size < head || size > rest->n) return false;
    box->type = str_of(rest->p + 4, 4);
    box->body = str_of(rest->p + head, (size_t)(size - head));
    *rest = str_from_at(*rest, (size_t)size);
    return true;
}

/* The body of the first box of that type; absent when there is none. */
static struct str find_box(struct str boxes, const char *type)
{
    struct box box;
    while (next_box(&boxes, &box))
        if (memcmp(box.type.p, type, 4) == 0) return box.body;
    return STR_ABSENT;
}

/* The n-th property (from 1) of an ipco box. */
static bool find_property(struct str ipco, unsigned n, struct box *box)
{
    while (n && next_box(&ipco, box)) n--;
    return n == 0;
}

static unsigned turned(unsigned orientation, unsigned quarter_turns) /* one more step anticlockwise each */
{
    static const unsigned anticlockwise[9] = {0, 8, 5, 6, 7, 4, 1, 2, 3};
    while (quarter_turns--) orientation = anticlockwise[orientation];
    return orientation;
}

static unsigned mirrored(unsigned orientation, bool left_right)
{
    static const unsigned top_bottom[9] = {0, 4, 3, 2, 1, 8, 7, 6, 5}, across[9] = {0, 2, 1, 4, 3, 6, 5, 8, 7};
    return (left_right ? across : top_bottom)[orientation];
}

struct item {
    bool sized;
    unsigned deepest; /* bits a sample */
};

static void take_property(struct box property, struct image_info *info, struct item *item)
{
    struct str body = property.body;
    if (str_eq(property.type, STR("ispe")) && body.n >= 12) { /* ISO/IEC 23008-12 §6.5.3 */
        info->width = read_be32(body.p + 4);
        info->height = read_be32(body.p + 8);
        item->sized = true;
    } else if (str_eq(property.type, STR("irot")) && body.n >= 1) { /* §6.5.10: quarter turns anticlockwise */
        info->orientation = turned(info->orientation, body.p[0] & 3);
    } else if (str_eq(property.type, STR("imir")) && body.n >= 1) { /* §6.5.12: axis 0 swaps top and bottom */
        info->orientation = mirrored(info->orientation, body.p[0] & 1);
    } else if (str_eq(property.type, STR("av1C")) && body.n >= 3 && (body.p[2] & 0x40)) {
        item->deepest = 16;
    }
}

/* ipma (§9.3): the entries of `item_id`, applied in their order. */
static void apply_associations(struct str ipma, struct str ipco, uint32_t item_id, struct image_info *info, struct item *item)
{
    if (ipma.n < 8) return;
    unsigned id_bytes = ipma.p[0] ? 4 : 2, index_bytes = (ipma.p[3] & 1) ? 2 : 1;
    uint32_t entries = read_be32(ipma.p + 4);
    struct str rest = str_from_at(ipma, 8);
    while (entries-- && rest.n > id_bytes) {
        uint32_t id = id_bytes == 4 ? read_be32(rest.p) : read_be16(rest.p);
        size_t count = (uint8_t)rest.p[id_bytes];
        rest = str_from_at(rest, id_bytes + 1);
        if (count * index_bytes > rest.n) return;
        for (size_t i = 0; id == item_id && i < count; i++) {
            const char *p = rest.p + i * index_bytes;
            unsigned index = index_bytes == 2 ? read_be16(p) & 0x7fff : (uint8_t)*p & 0x7f;
            struct box property;
            if (index && find_property(ipco, index, &property)) take_property(property, info, item);
        }
        if (id == item_id) return;
        rest = str_from_at(rest, count * index_bytes);
    }
}

static void primary_item(struct str file, struct image_info *info, struct item *item)
{
    struct str meta = find_box(file, "meta");
    if (meta.n < 4) return;
    meta = str_from_at(meta, 4); /* version and flags */
    struct str pitm = find_box(meta, "pitm"), iprp = find_box(meta, "iprp");
    struct str ipco = find_box(iprp, "ipco"), ipma = find_box(iprp, "ipma");
    if (pitm.n < 6 || (pitm.p[0] && pitm.n < 8)) return;
    uint32_t id = pitm.p[0] ? read_be32(pitm.p + 4) : read_be16(pitm.p + 4);
    apply_associations(ipma, ipco, id, info, item);
}

/* The first track that has a size: 16.16 numbers at the end of tkhd (14496-12 §8.3.2). */
static void sequence(struct str file, struct image_info *info, struct item *item)
{
    struct str moov = find_box(file, "moov");
    struct box track;
    while (next_box(&moov, &track)) {
        struct str head = find_box(track.body, "tkhd");
        if (!str_eq(track.type, STR("trak")) || head.n < 84) continue;
        uint32_t width = read_be32(head.p + head.n - 8) >> 16, height = read_be32(head.p + head.n - 4) >> 16;
        if (!width || !height) continue;
        info->width = width;
        info->height = height;
        info->orientation = 1;
        item->sized = true;
        struct str table = find_box(find_box(find_box(track.body, "mdia"), "minf"), "stbl");
        struct str sizes = find_box(table, "stsz");
        if (sizes.n >= 12 && read_be32(sizes.p + 8) > 0) info->frames = read_be32(sizes.p + 8);
        item->deepest = 16; /* not looked up: an upper estimate will do */
        return;
    }
}

bool avif_is_cut(struct str bytes)
{
    struct box box;
    while (next_box(&bytes, &box)) {}
    return bytes.n > 0;
}

enum image_status avif_header(struct str bytes, struct image_info *info)
{
    struct item item = {.deepest = 8};
    primary_item(bytes, info, &item);
    if (memcmp(bytes.p + 8, "avis", 4) == 0) sequence(bytes, info, &item);
    if (!item.sized) return avif_is_cut(bytes) ? IMAGE_TRUNCATED : IMAGE_CORRUPT;
    if (info->width == 0 || info->height == 0) return IMAGE_CORRUPT;
    /* the decoder's frame with 3 full planes, as many again for references, an alpha plane, RGBA, the plane */
    uint64_t pixels = (uint64_t)info->width * info->height;
    info->memory = pixels < UINT32_MAX ? pixels * (7 * item.deepest / 8 + 4 * item.deepest / 8 + 3) + (8 << 20) : UINT64_MAX;
    return IMAGE_OK;
}
