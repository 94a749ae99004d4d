/* Any bytes as a shard: reading ends, and a member read by its place is the member that was met on the way. Any bytes as the
 * cells of a row: KEY.json stays JSON that says the same. The first byte chooses. */
#include "pipeline/base/utf8.h"
#include "shard/sample.h"
#include "shard/store.h"
#include "shard/tar.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MEMBERS_MAX = 100, MEMBER_BYTES_MAX = 1 << 20 };

static void check(int good)
{
    if (!good) abort();
}

static void read_by_place(const char *path, const struct tar_member *member, struct str met)
{
    struct buf part;
    buf_init(&part, MEMBER_BYTES_MAX);
    struct store *s = store_open(path);
    check(s != NULL);
    check(store_read(s, member->offset, member->size, &part) == 0);
    check(str_eq(buf_str(&part), met));
    store_close(s);
    buf_free(&part);
}

static void read_shard(const char *path)
{
    struct store *s = store_open(path);
    struct tar_reader *r = s ? tar_reader_open(store_next, store_skip, s) : NULL;
    struct tar_member member;
    struct buf data;
    buf_init(&data, MEMBER_BYTES_MAX);
    for (int i = 0; r && i < MEMBERS_MAX && tar_reader_next(r, &member) > 0; i++) {
        check(member.name.n <= TAR_NAME_CEILING);
        check(member.offset >= member.header);
        buf_clear(&data);
        if (tar_reader_data(r, &data) < 0) break;
        check(data.n == member.size);
        if (i % 8 == 0) read_by_place(path, &member, buf_str(&data));
    }
    buf_free(&data);
    tar_reader_close(r);
    store_close(s);
}

static void as_file(const uint8_t *data, size_t size)
{
    char path[64];
    int fd = memfd_create("shard", MFD_CLOEXEC);
    check(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    read_shard(path);
    close(fd);
}

/* Cells are given escaped, as row files hold them: whatever their escapes mean, and damaged UTF-8. */
static void as_cells(struct str bytes)
{
    struct columns columns;
    struct sample_layout layout;
    struct batch batch;
    struct arena scratch;
    struct buf out, expected;
    columns_init(&columns);
    check(columns_parse(&columns, STR("url\ttext\tstored\twidth\tsim_x\tmine")) == 0);
    check(sample_layout_init(&layout, &columns) == 0);
    check(batch_init(&batch, &columns, 16 << 20) == 0);
    arena_init(&scratch, 16 << 20);
    buf_init(&out, SAMPLE_JSON_MAX);
    buf_init(&expected, SAMPLE_JSON_MAX);
    struct row *row = batch_add(&batch);
    check(row != NULL);
    for (size_t i = 0; i < columns.count; i++) row->cells[i] = str_cut(&bytes, '\t');
    check(sample_json(&layout, row, STR("000000001"), &scratch, &out) == 0);
    for (size_t i = 0; i < out.n; i++) check(out.p[i] == '\n' || (out.p[i] >= ' ' && out.p[i] <= '~'));
    json_t *parsed = json_loadb(out.p, out.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    check(parsed != NULL);
    const json_t *caption = json_object_get(parsed, "caption");
    check(utf8_repair(&expected, row_text(row, layout.text, &scratch)) == 0);
    check(str_eq(buf_str(&expected), str_of(json_string_value(caption), json_string_length(caption))));
    json_decref(parsed);
    buf_free(&expected);
    buf_free(&out);
    arena_free(&scratch);
    batch_free(&batch);
    sample_layout_free(&layout);
    columns_free(&columns);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > CELL_BYTES_MAX) return 0;
    char *end = malloc(size); /* at the end of its own allocation: a read beyond it is seen */
    check(end != NULL);
    memcpy(end, data, size);
    if (data[0] == 7) as_cells(str_of(end + 1, size - 1));
    else as_file((const uint8_t *)end, size);
    free(end);
    return 0;
}
