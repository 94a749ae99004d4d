/* Numbers of a picture beside its embedding: what classifiers of their own, which need no CLIP model, make of its pixels. They lie
 * behind its pooled row, in an item as in the cache. */
#include "filters/score.h"

#include "filters/preset.h"
#include "pipeline/base/fail.h"

#include <stdlib.h>

enum { SIZE = sizeof(float) };

/* ---- opening */

static int open_gantman(struct score *s, struct columns *out)
{
    char path[PRESET_PATH_MAX];
    if (preset_find_classifier("gantman", path) < 0) return -1;
    const struct matmul *matmul = matmul_open(NULL);
    if (!matmul || !(s->extras.gantman = nsfw_open(path, matmul))) return -1;
    for (size_t i = 0; i < NSFW_CLASSES; i++) {
        size_t column = score_add_column(out, "p_%s_%s", nsfw_classes[i], "gantman");
        if (column == SIZE_MAX) return -1;
        s->extras.columns[s->extras.count++] = column;
    }
    return 0;
}

static int open_opennsfw(struct score *s, const char *path, struct columns *out)
{
    const struct matmul *matmul = matmul_open(NULL);
    size_t column = score_add_column(out, "p_%s_%s", "nsfw", "opennsfw");
    if (column == SIZE_MAX || !matmul || !(s->extras.opennsfw = open_nsfw_open(path, matmul))) return -1;
    s->extras.columns[s->extras.count++] = column;
    return 0;
}

static int open_watermark(struct score *s, struct columns *out)
{
    char path[PRESET_PATH_MAX];
    if (preset_find_classifier("watermark", path) < 0) return -1;
    const struct matmul *matmul = matmul_open(NULL);
    size_t column = score_add_column(out, "p_%s_%s", "watermark", "builtin");
    if (column == SIZE_MAX || !matmul || !(s->extras.watermark = watermark_open(path, matmul))) return -1;
    s->extras.columns[s->extras.count++] = column;
    return 0;
}

/* The model's classes that the measures are weighed together with. */
static int find_kinds(struct score *s)
{
    for (size_t i = 0; i < BLANK_KINDS; i++) {
        size_t k = 0;
        while (k < clip_picture_classes(s->clip) && strcmp(clip_picture_class(s->clip, k), blank_kinds[i]) != 0) k++;
        if (k == clip_picture_classes(s->clip))
            return fail_usage("--classifier blank: it needs the classes of pictures that model builtin tells apart, %s does not", s->name);
        s->extras.blank_kinds[i] = k;
    }
    return 0;
}

static int open_blank(struct score *s, struct columns *out)
{
    if (find_kinds(s) < 0) return -1;
    for (size_t i = 0; i < BLANK_MEASURES; i++) {
        size_t column = score_add_column(out, "%s%s", blank_measure_names[i], "");
        if (column == SIZE_MAX) return -1;
        s->extras.columns[s->extras.count++] = column;
    }
    s->extras.blank = true;
    return (s->extras.blank_column = score_add_column(out, "p_%s_%s", "blank", s->name)) == SIZE_MAX ? -1 : 0;
}

int score_extras_open(struct score *s, const struct score_options *o, struct columns *out)
{
    static const char with_file[] = "opennsfw=";
    const char *opennsfw = NULL;
    bool gantman = false, watermark = false, blank = false;
    for (size_t i = 0; i < o->classifiers.count; i++) {
        const char *name = o->classifiers.items[i];
        if (strcmp(name, "gantman") == 0) gantman = true;
        else if (strcmp(name, "watermark") == 0) watermark = true;
        else if (strcmp(name, "blank") == 0) blank = true;
        else if (strncmp(name, with_file, sizeof with_file - 1) == 0) opennsfw = name + sizeof with_file - 1;
        else return fail_usage("--classifier %s: there are gantman, watermark, blank and opennsfw=FILE.onnx", name);
    }
    if (gantman && open_gantman(s, out) < 0) return -1;
    if (opennsfw && open_opennsfw(s, opennsfw, out) < 0) return -1;
    if (watermark && open_watermark(s, out) < 0) return -1;
    if (blank && open_blank(s, out) < 0) return -1;
    if (s->extras.count) s->keeps_pooled = true;
    return 0;
}

void score_extras_close(struct score *s)
{
    nsfw_close(s->extras.gantman);
    open_nsfw_close(s->extras.opennsfw);
    watermark_close(s->extras.watermark);
}

int score_extras_describe(const struct score *s, json_t *classifiers)
{
    const struct score_extras *e = &s->extras;
    bool ok = !e->gantman || json_object_set_new(classifiers, "gantman", score_json_of_digest(nsfw_digest(e->gantman))) == 0;
    ok &= !e->opennsfw || json_object_set_new(classifiers, "opennsfw", score_json_of_digest(open_nsfw_digest(e->opennsfw))) == 0;
    ok &= !e->watermark || json_object_set_new(classifiers, "watermark", score_json_of_digest(watermark_digest(e->watermark))) == 0;
    return ok ? 0 : fail_memory();
}

struct hash128 score_extras_key(const struct score *s)
{
    struct hash128 of[5] = {clip_digest(s->clip)};
    if (!s->extras.count) return of[0];
    if (s->extras.gantman) of[1] = nsfw_digest(s->extras.gantman);
    of[2].low = s->extras.blank;
    if (s->extras.opennsfw) of[3] = open_nsfw_digest(s->extras.opennsfw);
    if (s->extras.watermark) of[4] = watermark_digest(s->extras.watermark);
    return hash_xxh3_128(str_of((const char *)of, sizeof of), 0);
}

/* ---- lanes */

int score_extras_open_lane(const struct score *s, struct score_lane *lane)
{
    if (!s->extras.count) return 0;
    lane->extras = malloc(SCORE_CHUNK * s->extras.count * SIZE);
    lane->nsfw_pixels = malloc((size_t)SCORE_CHUNK * (s->extras.gantman ? NSFW_PIXELS : 1));
    lane->opennsfw_pixels = malloc((size_t)SCORE_CHUNK * (s->extras.opennsfw ? OPEN_NSFW_PIXELS : 1));
    lane->watermark_pixels = malloc((size_t)SCORE_CHUNK * (s->extras.watermark ? WATERMARK_PIXELS : 1));
    if (!lane->extras || !lane->nsfw_pixels || !lane->opennsfw_pixels || !lane->watermark_pixels) return fail_memory();
    if (s->extras.gantman && !(lane->nsfw = nsfw_work_new(s->extras.gantman))) return -1;
    if (s->extras.opennsfw && !(lane->opennsfw = open_nsfw_work_new(s->extras.opennsfw))) return -1;
    if (s->extras.watermark && !(lane->watermark = watermark_work_new(s->extras.watermark))) return -1;
    return 0;
}

void score_extras_close_lane(struct score_lane *lane)
{
    nsfw_work_free(lane->nsfw);
    open_nsfw_work_free(lane->opennsfw);
    watermark_work_free(lane->watermark);
    free(lane->nsfw_pixels);
    free(lane->opennsfw_pixels);
    free(lane->watermark_pixels);
    free(lane->extras);
}

/* ---- pictures */

int score_extras_decoded(const struct score *s, struct score_lane *lane, size_t place)
{
    const struct score_extras *e = &s->extras;
    if (e->blank) blank_measure(&lane->image, lane->extras + place * e->count + e->count - BLANK_MEASURES);
    int result = e->gantman ? nsfw_pixels(lane->nsfw, &lane->image, lane->nsfw_pixels + place * NSFW_PIXELS) : 0;
    if (result == 0 && e->opennsfw)
        result = open_nsfw_pixels(lane->opennsfw, &lane->image, lane->opennsfw_pixels + place * OPEN_NSFW_PIXELS);
    if (result == 0 && e->watermark)
        result = watermark_pixels(lane->watermark, &lane->image, lane->watermark_pixels + place * WATERMARK_PIXELS);
    return result;
}

/* `each` numbers of n pictures to place *at of theirs, which moves on. */
static void place(const struct score *s, struct score_lane *lane, size_t n, const float *numbers, size_t each, size_t *at)
{
    for (size_t i = 0; i < n; i++) memcpy(lane->extras + i * s->extras.count + *at, numbers + i * each, each * SIZE);
    *at += each;
}

int score_extras_run(const struct score *s, struct score_lane *lane, size_t n)
{
    const struct score_extras *e = &s->extras;
    float probabilities[SCORE_CHUNK * NSFW_CLASSES];
    size_t at = 0;
    if (e->gantman) {
        if (nsfw_run(e->gantman, lane->nsfw, lane->nsfw_pixels, n, probabilities) < 0) return -1;
        place(s, lane, n, probabilities, NSFW_CLASSES, &at);
    }
    if (e->opennsfw) {
        if (open_nsfw_run(e->opennsfw, lane->opennsfw, lane->opennsfw_pixels, n, probabilities) < 0) return -1;
        place(s, lane, n, probabilities, 1, &at);
    }
    if (e->watermark) {
        if (watermark_run(e->watermark, lane->watermark, lane->watermark_pixels, n, probabilities) < 0) return -1;
        place(s, lane, n, probabilities, 1, &at);
    }
    return 0;
}

double score_blank(const struct score *s, const struct score_item *item, size_t row)
{
    const double *classes = item->values + row * s->values + s->class_value;
    double kinds[BLANK_KINDS];
    for (size_t i = 0; i < BLANK_KINDS; i++) kinds[i] = classes[s->extras.blank_kinds[i]];
    return blank_probability(score_extras(s, item, row) + s->extras.count - BLANK_MEASURES, kinds);
}
