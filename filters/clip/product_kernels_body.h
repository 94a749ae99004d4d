/* Products of floats, and of pairs of 16-bit numbers with sums in 32 bits: the part of block_kernels_body.h that runs where no
 * library does. Both are the same loops over units of 32 bits, `pairs` says which.
 *
 * k is cut into parts of at most TILE_DEPTH units, n into panels two vectors wide, the last three where that leaves no vector
 * empty, rows into tiles; weights stand in the order in which they are needed: [part][panel][depth of the part][columns of the
 * panel]. The sums of a tile stay in registers while the depth runs. Where k has several parts and n is large, rows are copied once for
 * each part as [tile][depth][rows of the tile], so that all reading goes straight on.
 * A row's sums run in the same order whatever tile it lies in.
 */
enum {
    TILE_DEPTH = 256,   /* of a product's panel: 256 x 16 floats are 16 KiB, half a first-level cache */
    AHEAD_STEPS = 8,    /* from one request for the next panel to the following */
    AHEAD_LINE = 16,    /* units in a line of the caches */
    TURNED_COLUMNS = 256, /* of a product whose rows are turned: with fewer the turning takes longer than it saves */
    WIDE = 3,           /* vectors of the widest panel */
    WIDE_ROWS = TILE_ROWS * 2 / 3, /* of its tiles: as many sums */
};

static size_t round_up(size_t n, size_t to) { return (n + to - 1) / to * to; }

/* Parts of k are alike, so that none is too short to be worth its beginning and end. */
static size_t part_depth(size_t k)
{
    size_t parts = (k + TILE_DEPTH - 1) / TILE_DEPTH;
    return parts ? (k + parts - 1) / parts : 0;
}

/* Of the panel before which `columns` of the product are left. */
static size_t panel_width(size_t columns, size_t k)
{
    return k <= TILE_DEPTH && columns > TILE_COLUMNS && columns <= WIDE * LANES ? WIDE * LANES : TILE_COLUMNS;
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
        for (size_t column = 0, width; column < n; column += width, packed += depth * width) {
            width = panel_width(n - column, k);
            size_t columns = n - column < width ? n - column : width;
            if (columns < width) memset(packed, 0, depth * width * sizeof *packed);
            turn(weights + column * k + from, columns, k, depth, packed, width);
        }
    }
}

static size_t pack_size(size_t n, size_t k)
{
    size_t column = 0;
    while (column < n) column += panel_width(n - column, k);
    return column * k;
}

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
    size_t n, k;        /* k in units */
    enum linear_after after;
    size_t width, columns; /* of the panel; columns that there are: fewer at the end */
    float bias[WIDE * LANES]; /* of the panel; zeros where there is none, and behind the first part */
    size_t from, depth; /* the part of k */
    size_t row, y_row;  /* from a row to the next: of x, where they are not turned; of y */
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

/* An earlier part of k (with LINEAR_ADD: the caller) left in y what the sums are added to. */
INLINE bool goes_on(const struct product *p) { return p->from || p->after == LINEAR_ADD; }

INLINE void tile_end(const bool pairs, const unsigned rows, const unsigned vectors, const struct product *p, float *y,
                     vf sums[TILE_ROWS][WIDE])
{
    if (goes_on(p)) {
        UNROLL for (unsigned r = 0; r < rows; r++)
            UNROLL for (unsigned v = 0; v < vectors; v++)
                sums[r][v] = unit_add(pairs, sums[r][v], vf_load(y + r * p->y_row + v * LANES));
    }
    if (!pairs && p->after == LINEAR_RELU6 && p->from + p->depth == p->k) {
        UNROLL for (unsigned r = 0; r < rows; r++)
            UNROLL for (unsigned v = 0; v < vectors; v++) sums[r][v] = vf_relu6(sums[r][v]);
    }
    UNROLL for (unsigned r = 0; r < rows; r++)
        UNROLL for (unsigned v = 0; v < vectors; v++) vf_store(y + r * p->y_row + v * LANES, sums[r][v]);
}

INLINE void tile(const bool pairs, const bool turned, const unsigned rows, const unsigned vectors, struct product *p, const float *panel,
                 const float *x, float *y)
{
    const size_t row = turned ? 1 : p->row, unit = turned ? rows : 1;
    vf sums[TILE_ROWS][WIDE];
    UNROLL for (unsigned r = 0; r < rows; r++) {
        __builtin_prefetch(y + r * p->y_row, 1);
        UNROLL for (unsigned v = 0; v < vectors; v++) sums[r][v] = vf_load(p->bias + v * LANES);
    }
    for (size_t d = 0; d < p->depth;) {
        for (size_t i = 0; i < p->ahead_lines && p->ahead < p->ahead_end; i++, p->ahead += AHEAD_LINE) __builtin_prefetch(p->ahead, 0, 2);
        size_t end = d + AHEAD_STEPS < p->depth ? d + AHEAD_STEPS : p->depth;
        for (; d < end; d++) {
            vf weights[WIDE];
            UNROLL for (unsigned v = 0; v < vectors; v++)
                weights[v] = *(const vf *)(const void *)(panel + (d * vectors + v) * LANES);
            UNROLL for (unsigned r = 0; r < rows; r++) {
                vf number = unit_all(pairs, x + d * unit + r * row);
                UNROLL for (unsigned v = 0; v < vectors; v++) sums[r][v] = unit_step(pairs, number, weights[v], sums[r][v]);
            }
        }
    }
    tile_end(pairs, rows, vectors, p, y, sums);
}

/* Rows of the next tile, of those that are left: as even as may be, since a tile of two rows takes as long as one of four. */
static unsigned tile_rows(size_t rows, unsigned most)
{
    size_t tiles = (rows + most - 1) / most, each = (rows + tiles - 1) / tiles;
    return each + 2 >= most ? (unsigned)each : each >= 2 ? 2 : 1;
}

KERNEL static void after_rows(const struct product *p, size_t rows, float *y)
{
    for (size_t r = 0; r < rows; r++, y += p->y_row)
        for (size_t i = 0; i < p->width; i += LANES) vf_store(y + i, vf_after(p->after, vf_load(y + i)));
}

static void copy_columns(const struct product *p, size_t rows, const float *from, size_t from_row, float *to, size_t to_row)
{
    for (size_t r = 0; r < rows; r++) memcpy(to + r * to_row, from + r * from_row, p->columns * sizeof *to);
}

/* A panel that the columns do not fill works beside y. */
INLINE void panel_rows(const bool pairs, const bool turned, const unsigned most, const unsigned vectors, struct product *p,
                       const float *panel, size_t rows, const float *x, float *y)
{
    const bool ends = !pairs && (p->after == LINEAR_QUICKGELU || p->after == LINEAR_GELU) && p->from + p->depth == p->k;
    const bool narrow = p->columns < p->width;
    float beside[TILE_ROWS * TILE_COLUMNS]; /* WIDE_ROWS * WIDE vectors are no more */
    unsigned n;
    p->y_row = narrow ? p->width : p->n;
    for (; rows; rows -= n, x += n * (turned ? p->depth : p->row), y += n * p->n) {
        float *to = narrow ? beside : y;
        n = tile_rows(rows, most);
        if (narrow && goes_on(p)) copy_columns(p, n, y, p->n, to, p->width);
        if (n == most) tile(pairs, turned, most, vectors, p, panel, x, to);
        else if (n == most - 1) tile(pairs, turned, most - 1, vectors, p, panel, x, to);
        else if (n == most - 2) tile(pairs, turned, most - 2, vectors, p, panel, x, to);
        else if (n == 2) tile(pairs, turned, 2, vectors, p, panel, x, to);
        else tile(pairs, turned, 1, vectors, p, panel, x, to);
        if (ends) after_rows(p, n, to);
        if (narrow) copy_columns(p, n, to, p->width, y, p->n);
    }
}

/* One part of k. */
INLINE const float *part_panels(const bool pairs, const bool turned, struct product *p, const float *panel, const float *end,
                                const float *bias, size_t rows, const float *x, float *y)
{
    size_t turns = (rows + TILE_ROWS - 1) / TILE_ROWS * ((p->depth + AHEAD_STEPS - 1) / AHEAD_STEPS);
    for (size_t column = 0; column < p->n; column += p->width) {
        p->width = panel_width(p->n - column, p->k);
        p->columns = p->n - column < p->width ? p->n - column : p->width;
        memset(p->bias, 0, sizeof p->bias);
        if (bias && !p->from) memcpy(p->bias, bias + column, p->columns * sizeof *bias);
        size_t size = p->depth * p->width;
        const float *next = panel + size;
        p->ahead = next;
        p->ahead_lines = (size / AHEAD_LINE + turns) / turns;
        p->ahead_end = (size_t)(end - next) < size ? end : next + size;
        if (turned || p->width == TILE_COLUMNS) panel_rows(pairs, turned, TILE_ROWS, 2, p, panel, rows, x, y + column); /* k is large: no wide panel */
        else panel_rows(pairs, false, WIDE_ROWS, WIDE, p, panel, rows, x, y + column);
        panel = next;
    }
    return panel;
}

INLINE void product_units(const bool pairs, struct product *p, const float *panel, const float *bias, size_t rows, const float *x,
                          float *y, float *turned)
{
    const float *end = panel + pack_size(p->n, p->k);
    size_t each = part_depth(p->k), n;
    const bool turns = p->k > TILE_DEPTH && p->n >= TURNED_COLUMNS;
    p->row = p->k;
    for (p->from = 0; p->from < p->k; p->from += p->depth) {
        p->depth = p->k - p->from < each ? p->k - p->from : each;
        for (size_t r = 0; turns && r < rows; r += n) {
            n = tile_rows(rows - r, TILE_ROWS);
            turn(x + r * p->k + p->from, n, p->k, p->depth, turned + r * p->depth, n);
        }
        panel = turns ? part_panels(pairs, true, p, panel, end, bias, rows, turned, y) :
                        part_panels(pairs, false, p, panel, end, bias, rows, x + p->from, y);
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
