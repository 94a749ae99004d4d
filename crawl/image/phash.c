/* The grid in whole numbers, the DCT as two products with an 8 x 32 matrix of cosines. */
#include "crawl/image/phash.h"

#include "crawl/image/area.h"

#include <math.h>
#include <stdlib.h>

enum { GRID = 32, CORNER = 8, BITS = CORNER * CORNER };

/* cos(pi k / 64) for any k; the table has the first quarter. */
static double cosine(unsigned k)
{
    static const double quarter[33] = {
        1.0, 0.9987954562051724, 0.9951847266721969, 0.989176509964781,
        0.9807852804032304, 0.970031253194544, 0.9569403357322088, 0.9415440651830208,
        0.9238795325112867, 0.9039892931234433, 0.881921264348355, 0.8577286100002721,
        0.8314696123025452, 0.8032075314806449, 0.773010453362737, 0.7409511253549591,
        0.7071067811865476, 0.6715589548470183, 0.6343932841636455, 0.5956993044924335,
        0.5555702330196023, 0.5141027441932217, 0.4713967368259978, 0.4275550934302822,
        0.38268343236508984, 0.33688985339222005, 0.29028467725446233, 0.24298017990326398,
        0.19509032201612833, 0.14673047445536175, 0.09801714032956077, 0.049067674327418126,
        0.0,
    };
    k %= 128;
    if (k > 64) k = 128 - k;
    return k <= 32 ? quarter[k] : -quarter[64 - k];
}

static void luma_grid(const uint64_t *sums, double whole, double grid[GRID][GRID])
{
    for (unsigned y = 0; y < GRID; y++)
        for (unsigned x = 0; x < GRID; x++, sums += 3)
            grid[y][x] = (double)(299 * sums[0] + 587 * sums[1] + 114 * sums[2]) / (1000 * whole);
}

static void corner_of_dct(double grid[GRID][GRID], int64_t corner[BITS]) /* in 1/1024 */
{
    double cosines[CORNER][GRID], rows[GRID][CORNER];
    for (unsigned u = 0; u < CORNER; u++)
        for (unsigned x = 0; x < GRID; x++) cosines[u][x] = cosine((2 * x + 1) * u);
    for (unsigned y = 0; y < GRID; y++) {
        for (unsigned u = 0; u < CORNER; u++) {
            double sum = 0;
            for (unsigned x = 0; x < GRID; x++) sum += grid[y][x] * cosines[u][x];
            rows[y][u] = sum;
        }
    }
    for (unsigned v = 0; v < CORNER; v++) {
        for (unsigned u = 0; u < CORNER; u++) {
            double sum = 0;
            for (unsigned y = 0; y < GRID; y++) sum += rows[y][u] * cosines[v][y];
            corner[v * CORNER + u] = llround(sum * 1024);
        }
    }
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

int phash_of(const struct image *image, uint64_t *hash)
{
    uint64_t sums[GRID * GRID * 3];
    double grid[GRID][GRID];
    int64_t corner[BITS], sorted[BITS];
    if (area_sums(image, GRID, GRID, sums) < 0) return -1;
    luma_grid(sums, (double)image->width * image->height, grid);
    corner_of_dct(grid, corner);
    memcpy(sorted, corner, sizeof sorted);
    qsort(sorted, BITS, sizeof *sorted, compare);
    int64_t twice_median = sorted[BITS / 2 - 1] + sorted[BITS / 2];
    *hash = 0;
    for (unsigned i = 0; i < BITS; i++) *hash = *hash << 1 | (2 * corner[i] > twice_median);
    return 0;
}
