/* What the module `tar` exports; private to tar.c and tar_module.c. tar.h documents each function under its own name. */
#ifndef WINNOW_SHARD_TAR_MODULE_H
#define WINNOW_SHARD_TAR_MODULE_H

#include "shard/tar.h"

struct tar_module {
    struct tar_writer *(*writer_open)(tar_write_function *write, void *context);
    int (*writer_add)(struct tar_writer *w, struct str name, struct str data, uint64_t *offset);
    uint64_t (*writer_offset)(const struct tar_writer *w);
    int (*writer_finish)(struct tar_writer *w);
    void (*writer_close)(struct tar_writer *w);
    struct tar_reader *(*reader_open)(tar_read_function *read, tar_skip_function *skip, void *context);
    int (*reader_next)(struct tar_reader *r, struct tar_member *member);
    int (*reader_data)(struct tar_reader *r, struct buf *out);
    uint64_t (*reader_passed)(const struct tar_reader *r);
    bool (*reader_has_end_mark)(const struct tar_reader *r);
    void (*reader_close)(struct tar_reader *r);
    const char *(*version)(void);
};

#endif
