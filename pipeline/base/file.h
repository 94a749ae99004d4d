/* Files that appear whole or not at all.
 *
 *     struct file_out out;
 *     if (file_create(&out, "part/00000.rows.zst") < 0) return -1;     writes part/00000.rows.zst.tmp
 *     ... file_write(&out, bytes) ...
 *     if (file_publish(&out) < 0) return -1;                           fsync, rename, fsync of the folder
 *     file_discard(&out);                                              after a failure; harmless after publishing
 *
 * Nothing else in the house renames or creates files under their final names, save packs (DESIGN §3).
 */
#ifndef WINNOW_FILE_H
#define WINNOW_FILE_H

#include "pipeline/base/buf.h"
#include "pipeline/base/hash.h"

struct file_out {
    int fd;          /* -1 when there is none */
    char *path;      /* final name; NULL for standard output */
    char *temporary;
    uint64_t bytes;  /* written so far */
    struct hash_stream *hash; /* XXH3-128 of the bytes as stored */
};

int file_create(struct file_out *out, const char *path); /* makes missing folders */
int file_create_stdout(struct file_out *out);            /* publish only closes; EPIPE is reported as file_closed_by_reader */
int file_write(struct file_out *out, struct str bytes);
int file_publish(struct file_out *out);
void file_discard(struct file_out *out);
bool file_closed_by_reader(void); /* the thread's last file_write failed since the reader of a pipe went away */

int file_write_all(int fd, struct str bytes, const char *name);
int file_pread(int fd, void *to, size_t n, uint64_t offset); /* exactly n bytes, or -1 */
int file_sync_folder(const char *path_of_file);              /* fsync of the folder that holds it */
int file_rename_durably(const char *from, const char *to);   /* fsync of `from`, rename, fsync of the folder */
int file_make_folders(const char *path);                     /* of the folder part of a path (up to the last '/') */
int file_size(const char *path, uint64_t *size);             /* -1 with a sentence */
bool file_exists(const char *path);
/* XXH3-128 of the first and the last MiB (of the whole where they meet): names a crawl file in a manifest. */
int file_ends_hash(const char *path, uint64_t *size, struct hash128 *hash);
int file_content_hash(const char *path, uint64_t *size, struct hash128 *hash); /* of the whole file */

#endif
