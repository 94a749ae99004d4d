/* Products of floats, and of pairs of 16-bit numbers with sums in 32 bits: the part of block_kernels_body.h that runs where no
 * library does. Both are the same loops over units of 32 bits, `pairs` says which.
 *
 * k is cut into parts of at most TILE_DEPTH units, n into panels of TILE_COLUMNS columns, rows into tiles; weights stand in the
 * order in which they are needed: [part][panel][depth of the part][TILE_COLUMNS]. The sums of a tile stay in registers while the
 * depth runs. For each part the rows are copied once as [tile][depth][rows of the tile], so that all reading goes straight on.
 * A row's sums run in the same order whatever tile it lies in.
 */
enum {
    TILE_DEPTH = 256,   /* of a product's panel: 256 x 16 floats are 16 KiB, half a first-level cache */
    AHEAD_STEPS = 8,    /* from one request for the next panel to the following */
    AHEAD_LINE = 16,    /* units in a line of the caches */
};

static size_t round_up(size_t n, size_t to) { return (n + to - 1) / to * to; }

/* Parts of k are alike, so that none is too short to be worth its beginning and end. */
static size_t part_depth(size_t k)
{
    size_t parts = (k + TILE_DEPTH - 1) / TILE_DEPTH;
    return parts ? (k + parts - 1) / parts : 0;
}

/* Four numbers of four rows change places. */
INLINE void turn_4(const float *from, size_t from_stride, float *to, size_t to_stride)
{
    v4 a = (v4)*(const v4_memory *)(const void *)from, b = (v4)*(const v4_memory *)(const void *)(from + from_stride);
    v4 c = (v4)*(const v4_memory *)(const void *)(from + 2 * from_stride), d = (v4)*(const v4_memory *)(const void *)(from + 3 * from_stride);
    v4 ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5), ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    v4 cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5), cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    *(v4_memory *)(void *)to = (v4_memory)__builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5);
    *(v4_memory *)(void *)(to + to_stride) = (v4_memory)__builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7);
    *(v4_memory *)(void *)(to + 2 * to_stride) = (v4_memory)__builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5);
    *(v4_memory *)(void *)(to + 3 * to_stride) = (v4_memory)__builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7);
}

/* to[depth, to_stride] = from[rows, from_stride] turned; to_stride >= rows. Four rows at least go in fours, the last four again
 * over what is there already. */
INLINE void turn(const float *from, size_t rows, size_t from_stride, size_t depth, float *to, size_t to_stride)
{
    size_t d = 0;
    for (; rows >= 4 && d + 4 <= depth; d += 4)
        for (size_t r = 0; r < rows; r += 4) {
            size_t first = r + 4 <= rows ? r : rows - 4;
            turn_4(from + first * from_stride + d, from_stride, to + d * to_stride + first, to_stride);
        }
    for (; d < depth; d++)
        for (size_t r = 0; r < rows; r++) memcpy(to + d * to_stride + r, from + r * from_stride + d, sizeof *to);
}

/* ---- weights */

KERNEL static void pack_panels(const float *weights, size_t n, size_t k, float *packed)
{
    size_t each = part_depth(k);
    for (size_t from = 0, depth; from < k; from += depth) {
        depth = k - from < each ? k - from : each;
        for (size_t column = 0; column < n; column += TILE_COLUMNS, packed += depth * TILE_COLUMNS) {
            size_t columns = n - column < TILE_COLUMNS ? n - column : TILE_COLUMNS;
            if (columns < TILE_COLUMNS) memset(packed, 0, depth * TILE_COLUMNS * sizeof *packed);
            turn(weights + column * k + from, columns, k, depth, packed, TILE_COLUMNS);
        }
    }
}

static size_t pack_size(size_t n, size_t k) { return round_up(n, TILE_COLUMNS) * k; }

static size_t pairs_of(size_t k) { return (k + 1) / 2; }

static size_t pack_s8_size(size_t n, size_t k) { return pack_size(n, pairs_of(k)) * 2; }

static void widen_s8(const int8_t *x, size_t rows, size_t k, int16_t *wide)
{
    for (size_t r = 0; r < rows; r++, x += k) {
        for (size_t d = 0; d < k; d++) *wide++ = x[d];
        if (k % 2) *wide++ = 0;
    }
}

static bool pack_s8(const int8_t *weights, size_t n, size_t k, int16_t *packed)
{
    int16_t *wide = malloc(n * pairs_of(k) * 2 * sizeof *wide);
    if (!wide) return false;
    widen_s8(weights, n, k, wide);
    pack_panels((const float *)(const void *)wide, n, pairs_of(k), (float *)(void *)packed);
    free(wide);
    return true;
}

/* ---- tiles */

struct product {
    const float *bias;  /* of the tile's columns; NULL: none */
    size_t n, k;        /* k in units */
    enum linear_after after;
    size_t columns;     /* of the tile: TILE_COLUMNS, fewer at the end */
    size_t from, depth; /* the part of k */
    const float *ahead, *ahead_end; /* what of the next panel was not asked for */
    size_t ahead_lines; /* at a time */
};

INLINE vf unit_all(const bool pairs, const float *x)
{
    if (!pairs) return vf_all(*x);
    int32_t unit;
    memcpy(&unit, x, sizeof unit);
    return (vf)(unit - (vi){0});
}

INLINE vf unit_add(const bool pairs, vf a, vf b) { return pairs ? (vf)((vi)a + (vi)b) : a + b; }

INLINE vf unit_step(const bool pairs, vf number, vf panel, vf sum)
{
    return pairs ? (vf)((vi)sum + vi_pairs((vi)number, (vi)panel)) : vf_fma(number, panel, sum);
}

/* y = sums and the bias, and what an earlier part of k (with LINEAR_ADD: the caller) left in y. */
INLINE void tile_end(const bool pairs, const unsigned rows, const struct product *p, float *y, vf sums[TILE_ROWS][2])
{
    const bool goes_on = p->from || p->after == LINEAR_ADD, narrow = p->columns < TILE_COLUMNS;
    float bias[TILE_COLUMNS] = {0}, whole[TILE_COLUMNS] = {0};
    if (p->from == 0 && p->bias) memcpy(bias, p->bias, p->columns * sizeof *bias);
    const vf left = vf_load(bias), right = vf_load(bias + LANES);
    UNROLL for (unsigned r = 0; r < rows; r++) {
        float *at = narrow ? whole : y + r * p->n;
        vf a = unit_add(pairs, sums[r][0], left), b = unit_add(pairs, sums[r][1], right);
        if (goes_on) {
            if (narrow) memcpy(whole, y + r * p->n, p->columns * sizeof *whole);
            a = unit_add(pairs, a, vf_load(at));
            b = unit_add(pairs, b, vf_load(at + LANES));
        }
        vf_store(at, a);
        vf_store(at + LANES, b);
        if (narrow) memcpy(y + r * p->n, whole, p->columns * sizeof *whole);
    }
}

INLINE void tile(const bool pairs, const unsigned rows, struct product *p, const float *panel, const float *x, float *y)
{
    vf sums[TILE_ROWS][2] = {{{0}}};
    UNROLL for (unsigned r = 0; r < rows; r++) __builtin_prefetch(y + r * p->n, 1);
    for (size_t d = 0; d < p->depth;) {
        for (size_t i = 0; i < p->ahead_lines && p->ahead < p->ahead_end; i++, p->ahead += AHEAD_LINE) __builtin_prefetch(p->ahead, 0, 2);
        size_t end = d + AHEAD_STEPS < p->depth ? d + AHEAD_STEPS : p->depth;
        for (; d < end; d++) {
            vf left = *(const vf *)(const void *)(panel + d * TILE_COLUMNS);
            vf right = *(const vf *)(const void *)(panel + d * TILE_COLUMNS + LANES);
            UNROLL for (unsigned r = 0; r < rows; r++) {
                vf number = unit_all(pairs, x + d * rows + r);
                sums[r][0] = unit_step(pairs, number, left, sums[r][0]);
                sums[r][1] = unit_step(pairs, number, right, sums[r][1]);
            }
        }
    }
    tile_end(pairs, rows, p, y, sums);
}

/* Rows of the next tile, of those that are left: as even as may be, since a tile of two rows takes as long as one of four. */
static unsigned tile_rows(size_t rows)
{
    size_t tiles = (rows + TILE_ROWS - 1) / TILE_ROWS, most = (rows + tiles - 1) / tiles;
    return most >= TILE_ROWS - 2 ? (unsigned)most : most >= 2 ? 2 : 1;
}

KERNEL static void after_rows(const struct product *p, size_t rows, float *y)
{
    for (size_t r = 0; r < rows; r++, y += p->n) {
        float whole[TILE_COLUMNS] = {0}, *at = y;
        if (p->columns < TILE_COLUMNS) at = memcpy(whole, y, p->columns * sizeof *whole);
        vf_store(at, vf_after(p->after, vf_load(at)));
        vf_store(at + LANES, vf_after(p->after, vf_load(at + LANES)));
        if (at == whole) memcpy(y, whole, p->columns * sizeof *whole);
    }
}

INLINE void panel_rows(const bool pairs, struct product *p, const float *panel, size_t rows, const float *x, float *y)
{
    const bool ends = !pairs && p->after > LINEAR_ADD && p->from + p->depth == p->k;
    unsigned n;
    for (; rows; rows -= n, x += n * p->depth, y += n * p->n) {
        n = tile_rows(rows);
        if (n == TILE_ROWS) tile(pairs, TILE_ROWS, p, panel, x, y);
        else if (n == TILE_ROWS - 1) tile(pairs, TILE_ROWS - 1, p, panel, x, y);
        else if (n == TILE_ROWS - 2) tile(pairs, TILE_ROWS - 2, p, panel, x, y);
        else if (n == 2) tile(pairs, 2, p, panel, x, y);
        else tile(pairs, 1, p, panel, x, y);
        if (ends) after_rows(p, n, y);
    }
}

INLINE void product_units(const bool pairs, struct product *p, const float *panel, const float *bias, size_t rows, const float *x,
                          float *y, float *turned)
{
    const float *end = panel + pack_size(p->n, p->k);
    size_t each = part_depth(p->k), n;
    for (p->from = 0; p->from < p->k; p->from += p->depth) {
        p->depth = p->k - p->from < each ? p->k - p->from : each;
        for (size_t r = 0; r < rows; r += n) {
            n = tile_rows(rows - r);
            turn(x + r * p->k + p->from, n, p->k, p->depth, turned + r * p->depth, n);
        }
        size_t size = p->depth * TILE_COLUMNS, turns = (rows + TILE_ROWS - 1) / TILE_ROWS * ((p->depth + AHEAD_STEPS - 1) / AHEAD_STEPS);
        p->ahead_lines = (size / AHEAD_LINE + turns) / turns;
        for (size_t column = 0; column < p->n; column += TILE_COLUMNS, panel += size) {
            p->columns = p->n - column < TILE_COLUMNS ? p->n - column : TILE_COLUMNS;
            p->bias = bias ? bias + column : NULL;
            p->ahead = panel + size;
            p->ahead_end = (size_t)(end - p->ahead) < size ? end : p->ahead + size;
            panel_rows(pairs, p, panel, rows, turned, y + column);
        }
    }
}

static size_t product_room(size_t rows, size_t k) { return rows * (k + 1 + TILE_DEPTH) * sizeof(float); }

KERNEL static void product(const float *packed, const float *bias, size_t n, size_t k, enum linear_after after, size_t rows,
                           const float *x, float *y, void *room)
{
    struct product p = {.n = n, .k = k, .after = after};
    product_units(false, &p, packed, bias, rows, x, y, room);
}

KERNEL static void product_s8(const int16_t *packed, size_t n, size_t k, size_t rows, const int8_t *x, int32_t *y, void *room)
{
    struct product p = {.n = n, .k = pairs_of(k), .after = LINEAR_PLAIN};
    float *turned = room, *wide = turned + rows * TILE_DEPTH;
    widen_s8(x, rows, k, (int16_t *)(void *)wide);
    product_units(true, &p, (const float *)(const void *)packed, NULL, rows, wide, (float *)(void *)y, turned);
}
