#include "filters/clip/int8_check.h"

#include "pipeline/base/fail.h"

#include <math.h>
#include <stdlib.h>

const char *int8_check_text(size_t i)
{
    static const char *const texts[INT8_CHECK_INPUTS] = {
        "a photo of a dog",
        "a red car parked in front of an old house",
        "portrait of a woman, oil on canvas",
        "42",
        "map of the city centre with streets, parks and the river",
        "Stock vector icon set: phone, mail, address",
        "two children play football on a wet meadow under a grey sky in the evening",
        "fresh pasta with tomatoes and basil",
    };
    return texts[i];
}

static uint32_t next(uint32_t *state) /* a linear congruence: the pictures are the same everywhere */
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static uint8_t sample(size_t which, size_t x, size_t y, size_t channel, size_t side, uint32_t *state)
{
    size_t across = 255 * x / side, down = 255 * y / side;
    switch (which) {
    case 0: return (uint8_t)(channel == 0 ? across : channel == 1 ? down : 255 - across);
    case 1: return (uint8_t)(channel == 2 ? 200 : 90 + 40 * channel);
    case 2: return (uint8_t)(x < side / 2 ? 20 + 30 * channel : 220 - 10 * channel);
    case 3: return (uint8_t)((x / 9 + y / 23) % 2 ? 240 - 60 * channel : 30 + across / 2);
    case 4: return (uint8_t)((x / 3) % 3 == channel ? 250 : 10);
    case 5: return (uint8_t)next(state);
    case 6: return (uint8_t)((across + down) / 2 / (channel + 1) + next(state) % 32);
    default: return (uint8_t)((x > side / 4 && x < 3 * side / 4 && y > side / 3) ? 60 + 50 * channel : 180 + down / 4);
    }
}

static void make_pictures(size_t side, uint8_t *pixels)
{
    uint32_t state = 1;
    for (size_t i = 0; i < INT8_CHECK_INPUTS; i++)
        for (size_t y = 0; y < side; y++)
            for (size_t x = 0; x < side; x++)
                for (size_t c = 0; c < 3; c++) *pixels++ = sample(i, x, y, c, side, &state);
}

static double cosine(const float *a, const float *b, size_t n)
{
    double ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < n; i++) ab += (double)a[i] * b[i], aa += (double)a[i] * a[i], bb += (double)b[i] * b[i];
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0;
}

static int run(const struct tower *t, enum clip_side side, const uint8_t *pixels, const struct tower_text *texts, float *out)
{
    struct tower_work *w = tower_work_new(t);
    if (!w) return -1;
    int result = side == CLIP_IMAGE ? tower_images(t, w, pixels, INT8_CHECK_INPUTS, NULL, out)
                                    : tower_texts(t, w, texts, INT8_CHECK_INPUTS, NULL, out);
    tower_work_free(w);
    return result;
}

int int8_check(const struct clip_config *config, enum clip_side side, const struct tower *int8, const struct tower *bf16,
               const struct tower_text *texts, double *least)
{
    size_t embed = config->embed;
    uint8_t *pixels = side == CLIP_IMAGE ? malloc(INT8_CHECK_INPUTS * clip_pixels_bytes(config->image_size)) : NULL;
    float *a = malloc(INT8_CHECK_INPUTS * embed * sizeof *a), *b = malloc(INT8_CHECK_INPUTS * embed * sizeof *b);
    int result = a && b && (pixels || side == CLIP_TEXT) ? 0 : fail_memory();
    if (result == 0 && pixels) make_pictures(config->image_size, pixels);
    if (result == 0) result = run(int8, side, pixels, texts, a);
    if (result == 0) result = run(bf16, side, pixels, texts, b);
    *least = 1;
    for (size_t i = 0; result == 0 && i < INT8_CHECK_INPUTS; i++) {
        double c = cosine(a + i * embed, b + i * embed, embed);
        if (!(c >= *least)) *least = c;
    }
    free(pixels);
    free(a);
    free(b);
    return result;
}
