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

int score_extras_open(struct score *s, const struct score_options *o, struct columns *out)
{
    for (size_t i = 0; i < o->classifiers.count; i++) {
        const char *name = o->classifiers.items[i];
        if (strcmp(name, "gantman") != 0) return fail_usage("--classifier %s: there is gantman", name);
        if (strcmp(s->name, name) == 0) return fail_usage("--classifier %s: the model has that name: --name gives it another", name);
        if (!s->extras.gantman && open_gantman(s, out) < 0) return -1;
    }
    if (s->extras.count) s->keeps_pooled = true;
    return 0;
}

void score_extras_close(struct score *s) { nsfw_close(s->extras.gantman); }

struct hash128 score_extras_key(const struct score *s)
{
    struct hash128 of[2] = {clip_digest(s->clip)};
    if (!s->extras.count) return of[0];
    of[1] = nsfw_digest(s->extras.gantman);
    return hash_xxh3_128(str_of((const char *)of, sizeof of), 0);
}

/* ---- lanes */

int score_extras_open_lane(const struct score *s, struct score_lane *lane)
{
    if (!s->extras.count) return 0;
    lane->extras = malloc(SCORE_CHUNK * s->extras.count * SIZE);
    lane->nsfw_pixels = malloc((size_t)SCORE_CHUNK * NSFW_PIXELS);
    if (!lane->extras || !lane->nsfw_pixels) return fail_memory();
    return (lane->nsfw = nsfw_work_new(s->extras.gantman)) ? 0 : -1;
}

void score_extras_close_lane(struct score_lane *lane)
{
    nsfw_work_free(lane->nsfw);
    free(lane->nsfw_pixels);
    free(lane->extras);
}

/* ---- pictures */

int score_extras_decoded(const struct score *s, struct score_lane *lane, size_t place)
{
    return s->extras.gantman ? nsfw_pixels(lane->nsfw, &lane->image, lane->nsfw_pixels + place * NSFW_PIXELS) : 0;
}

int score_extras_run(const struct score *s, struct score_lane *lane, size_t n)
{
    return s->extras.gantman ? nsfw_run(s->extras.gantman, lane->nsfw, lane->nsfw_pixels, n, lane->extras) : 0;
}
