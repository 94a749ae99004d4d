#include "filters/picture/blank.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

const char *const blank_measure_names[BLANK_MEASURES] = {"picture_colours", "picture_largest",    "picture_edges",
                                                         "picture_flat",    "picture_saturation", "picture_side"};
const char *const blank_kinds[BLANK_KINDS] = {"drawing", "logo", "painting", "photo", "placeholder", "screenshot"};

enum { LATTICE = 512, FIELDS = 16, COLOURS = 1 << 12, FLAT_RANGE = 8 };

static unsigned luma(const uint8_t *p) { return (299u * p[0] + 587u * p[1] + 114u * p[2] + 500) / 1000; }

struct sums {
    uint64_t pixels, edges, neighbours, saturation;
    uint32_t colours[COLOURS];
    uint8_t low[FIELDS][FIELDS], high[FIELDS][FIELDS];
    bool seen[FIELDS][FIELDS];
};

static void add_pixel(struct sums *s, const struct image *image, uint32_t x, uint32_t y)
{
    size_t row = (size_t)image->width * 3;
    const uint8_t *p = image->rgb + y * row + (size_t)x * 3;
    unsigned most = p[0], least = p[0], value = luma(p);
    for (int c = 1; c < 3; c++) {
        if (p[c] > most) most = p[c];
        if (p[c] < least) least = p[c];
    }
    s->pixels++;
    s->saturation += most - least;
    s->colours[(size_t)(p[0] >> 4) << 8 | (size_t)(p[1] >> 4) << 4 | p[2] >> 4]++;
    if (x + 1 < image->width) s->edges += (unsigned)abs((int)value - (int)luma(p + 3)), s->neighbours++;
    if (y + 1 < image->height) s->edges += (unsigned)abs((int)value - (int)luma(p + row)), s->neighbours++;
    size_t i = (size_t)y * FIELDS / image->height, k = (size_t)x * FIELDS / image->width;
    if (!s->seen[i][k] || value < s->low[i][k]) s->low[i][k] = (uint8_t)value;
    if (!s->seen[i][k] || value > s->high[i][k]) s->high[i][k] = (uint8_t)value;
    s->seen[i][k] = true;
}

void blank_measure(const struct image *image, float measures[BLANK_MEASURES])
{
    struct sums s;
    uint32_t longer = image->width > image->height ? image->width : image->height, step = (longer + LATTICE - 1) / LATTICE;
    memset(&s, 0, sizeof s);
    for (uint32_t y = 0; y < image->height; y += step)
        for (uint32_t x = 0; x < image->width; x += step) add_pixel(&s, image, x, y);
    uint32_t colours = 0, largest = 0, fields = 0, flat = 0;
    for (size_t i = 0; i < COLOURS; i++) {
        colours += s.colours[i] > 0;
        if (s.colours[i] > largest) largest = s.colours[i];
    }
    for (size_t i = 0; i < FIELDS; i++)
        for (size_t k = 0; k < FIELDS; k++) {
            fields += s.seen[i][k];
            flat += s.seen[i][k] && s.high[i][k] - s.low[i][k] <= FLAT_RANGE;
        }
    double pixels = s.pixels ? (double)s.pixels : 1;
    measures[BLANK_COLOURS] = (float)colours;
    measures[BLANK_LARGEST] = (float)(largest / pixels);
    measures[BLANK_EDGES] = (float)((double)s.edges / (double)(s.neighbours ? s.neighbours : 1));
    measures[BLANK_FLAT] = (float)flat / (float)(fields ? fields : 1);
    measures[BLANK_SATURATION] = (float)((double)s.saturation / pixels);
    measures[BLANK_SIDE] = (float)(image->width < image->height ? image->width : image->height);
}

/* What the logistic function is made of: measures on scales on which they add up, and logarithms of the kinds' odds. */
enum { TERMS = BLANK_MEASURES + BLANK_KINDS };

/* Fitted by train/fit_blank.py. */
static const double constant = 12.232527;
static const double coefficients[TERMS] = {-0.827292, 2.934928, -0.433452, -1.749877, 0.005988, -1.071594, 0.600733,
                                           -0.007186, -0.319509, 0.147649, 0.681995,  0.408134};

static double odds(double p) { return log((p + 1e-4) / (1 - p + 1e-4)); }

double blank_probability(const float m[BLANK_MEASURES], const double kinds[BLANK_KINDS])
{
    static const double side_most = 64; /* beyond that it says nothing */
    double terms[TERMS] = {log2(m[BLANK_COLOURS]), m[BLANK_LARGEST], log2(1 + m[BLANK_EDGES]), m[BLANK_FLAT],
                           log2(1 + m[BLANK_SATURATION]), log2(fmin(m[BLANK_SIDE], side_most))};
    double sum = constant;
    if (m[BLANK_COLOURS] == 1 && m[BLANK_EDGES] == 0) return 1; /* all pixels are alike, whatever the classes say */
    for (size_t i = 0; i < BLANK_KINDS; i++) terms[BLANK_MEASURES + i] = odds(kinds[i]);
    for (size_t i = 0; i < TERMS; i++) sum += coefficients[i] * terms[i];
    return 1 / (1 + exp(-sum));
}
