/* The entries of a zip file, from its central directory: names, places, sizes. Nothing is decompressed.
 *
 *     struct zip zip;
 *     if (zip_open(&zip, "model.pt", bytes) < 0) return -1;
 *     const struct zip_entry *e = zip_find(&zip, STR("archive/data.pkl"));
 *     if (e && zip_stored(&zip, e, &data) < 0) return -1;         data: a slice of `bytes`
 *     zip_close(&zip);
 *
 * Zip64 is read; files in several parts and encrypted entries are refused. Sizes and checks are the central directory's (writers
 * that stream leave those of the local headers 0).
 */
#ifndef WINNOW_CLIP_ZIP_H
#define WINNOW_CLIP_ZIP_H

#include "pipeline/base/str.h"

struct zip_entry {
    struct str name;   /* slice of the file */
    uint64_t size;     /* of the content */
    uint64_t packed;   /* bytes in the file */
    uint64_t header;   /* offset of the local header */
    unsigned method;   /* 0: stored, 8: deflated */
    unsigned flags;
    uint32_t crc;      /* of the content; 0: may not have been computed (torch.serialization.set_crc32_options) */
    bool intact;       /* the content has been held against it */
};

struct zip {
    const char *file;           /* for messages */
    struct str bytes;
    struct zip_entry *entries;  /* by name in byte order, none twice */
    size_t n;
};

bool zip_begins(struct str bytes); /* with a local header */
int zip_open(struct zip *zip, const char *file, struct str bytes); /* `zip` may be closed in either case */
void zip_close(struct zip *zip);
const struct zip_entry *zip_find(const struct zip *zip, struct str name); /* NULL without a sentence */
/* -1 with a sentence: compressed, out of bounds, or not what its CRC says. */
int zip_stored(const struct zip *zip, const struct zip_entry *entry, struct str *content);

#endif
