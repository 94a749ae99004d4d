/* A sample: the members of a tar that hold one row, as img2dataset's readers expect them.
 *
 *     KEY.jpg   the stored picture       (png, webp, gif, avif by its format)
 *     KEY.json  what is known of it      (schemas/sample.schema.json)
 *     KEY.txt   the caption: column `text`, no line feed behind
 *
 * Members stand sorted by extension, so a picture may stand before, between or behind the others. KEY.json is laid out like
 * Python's json.dumps(meta, indent=4): ASCII, keys in the order caption, url, key, status, error_message, width, height,
 * original_width, original_height, exif, sha256 (so far img2dataset's own), id, place, page_url, warc_date, then scores, then
 * the users' own columns. A key has one JSON type in all samples, as loaders demand that infer types from the first ones: an
 * absent text is "", an absent number is null.
 *
 *     struct sample_layout layout;
 *     sample_layout_init(&layout, columns);
 *     sample_json(&layout, row, key, &scratch, &out);        `out` is appended to
 *     sample_layout_free(&layout);
 *
 * A layout is constant once made: any number of threads may use it.
 */
#ifndef WINNOW_SHARD_SAMPLE_H
#define WINNOW_SHARD_SAMPLE_H

#include "pipeline/base/buf.h"
#include "pipeline/rows/batch.h"
#include "pipeline/rows/columns.h"

/* Ceiling of one KEY.json: a row of at most 1 MiB, of which each byte becomes at most six (\u00XX), and the names. */
enum { SAMPLE_JSON_MAX = 6 * ROW_BYTES_MAX + (64 << 10) };

struct sample_field;
struct sample_layout {
    struct sample_field *fields; /* in the order of KEY.json */
    size_t count;
    size_t text, stored;         /* columns */
};

/* Needs the columns `url text stored`; -1 with a sentence when one is missing. Other columns may be absent, and are then "" or
 * null in every sample. The columns must outlive the layout. */
int sample_layout_init(struct sample_layout *layout, const struct columns *columns);
void sample_layout_free(struct sample_layout *layout);

/* Appends KEY.json of a row. `scratch` takes cells without their escapes. */
int sample_json(const struct sample_layout *layout, const struct row *row, struct str key, struct arena *scratch,
                struct buf *out);

/* The extension that readers look for: "jpg" for jpeg; absent for a format that has none. The slice is constant. */
struct str sample_extension(struct str format);

/* Digits of a sample's number in its shard: ceil(log10(samples)), at least 1: 10000 → 4, 1000 → 3, 1001 → 4. */
unsigned sample_index_digits(uint64_t samples_per_shard);

/* Appends the key of sample `index` of shard `shard`: shard * 10^index_digits + index, padded with zeros to `shard_digits` +
 * index_digits digits: 000010005 for shard 1, index 5 of 10000. */
int sample_key(struct buf *out, uint64_t shard, uint64_t index, unsigned shard_digits, unsigned index_digits);

/* Appends a JSON string: quotes, and escapes for everything that is not printable ASCII (as Python's ensure_ascii). */
int sample_json_string(struct buf *out, struct str utf8);

#endif
