/* The door to the module `tar`. Whoever holds a handle has opened the module already, so only the functions that make one
 * look it up. */
#include "shard/tar.h"

#include "pipeline/base/module.h"
#include "shard/tar_module.h"

#include <stdatomic.h>

/* The module, opened on first need; NULL with a sentence. */
static const struct tar_module *module(void)
{
    static _Atomic(const struct tar_module *) opened;
    const struct tar_module *m = atomic_load_explicit(&opened, memory_order_acquire);
    if (m) return m;
    m = module_open("tar");
    if (m) atomic_store_explicit(&opened, m, memory_order_release);
    return m;
}

struct tar_writer *tar_writer_open(tar_write_function *write, void *context)
{
    const struct tar_module *m = module();
    return m ? m->writer_open(write, context) : NULL;
}

int tar_writer_add(struct tar_writer *w, struct str name, struct str data, uint64_t *offset)
{
    return module()->writer_add(w, name, data, offset);
}

uint64_t tar_writer_offset(const struct tar_writer *w) { return module()->writer_offset(w); }
int tar_writer_finish(struct tar_writer *w) { return module()->writer_finish(w); }

void tar_writer_close(struct tar_writer *w)
{
    if (w) module()->writer_close(w);
}

struct tar_reader *tar_reader_open(tar_read_function *read, tar_skip_function *skip, void *context)
{
    const struct tar_module *m = module();
    return m ? m->reader_open(read, skip, context) : NULL;
}

int tar_reader_next(struct tar_reader *r, struct tar_member *member) { return module()->reader_next(r, member); }
int tar_reader_data(struct tar_reader *r, struct buf *out) { return module()->reader_data(r, out); }
uint64_t tar_reader_passed(const struct tar_reader *r) { return module()->reader_passed(r); }
bool tar_reader_has_end_mark(const struct tar_reader *r) { return module()->reader_has_end_mark(r); }

void tar_reader_close(struct tar_reader *r)
{
    if (r) module()->reader_close(r);
}

const char *tar_library_version(void)
{
    const struct tar_module *m = module();
    return m ? m->version() : NULL;
}
