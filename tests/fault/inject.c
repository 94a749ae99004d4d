/* Fails the n-th call of one kind, for tests: LD_PRELOAD this, and set WINNOW_FAULT=KIND:N[:ERRNO].
 *
 * Kinds: write (write, pwrite), fsync, rename, open (for writing), malloc (malloc, calloc, realloc). Only the N-th call fails;
 * with N followed by "+", it and all later ones. When the fault has fired, the file named by WINNOW_FAULT_FIRED is made, so
 * that a loop over N knows when it has seen all calls. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum kind { NONE, WRITE, FSYNC, RENAME, OPEN, MALLOC };

static enum kind wanted;
static long wanted_call;
static bool and_later;
static int error_number = ENOSPC;
static atomic_long calls;
static bool ready;

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t count, size_t n);
extern void *__libc_realloc(void *p, size_t n);

__attribute__((constructor)) static void begin(void)
{
    static const char *const names[] = {"none", "write", "fsync", "rename", "open", "malloc"};
    const char *fault = getenv("WINNOW_FAULT");
    for (int i = 1; fault && i < 6; i++) {
        size_t n = strlen(names[i]);
        if (strncmp(fault, names[i], n) != 0 || fault[n] != ':') continue;
        char *end;
        wanted_call = strtol(fault + n + 1, &end, 10);
        and_later = *end == '+';
        end += and_later;
        if (*end == ':') error_number = atoi(end + 1);
        wanted = (enum kind)i;
    }
    ready = true;
}

static void fired(void)
{
    const char *path = getenv("WINNOW_FAULT_FIRED");
    if (!path) return;
    long fd = syscall(SYS_openat, AT_FDCWD, path, O_CREAT | O_WRONLY, 0666);
    if (fd >= 0) syscall(SYS_close, fd);
}

static bool fails(enum kind kind)
{
    if (!ready || kind != wanted) return false;
    long call = atomic_fetch_add(&calls, 1) + 1;
    if (call != wanted_call && !(and_later && call > wanted_call)) return false;
    fired();
    errno = kind == MALLOC ? ENOMEM : error_number;
    return true;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* stderr and stdout stay whole: the sentence must get out */
ssize_t write(int fd, const void *p, size_t n) { return fd > 2 && fails(WRITE) ? -1 : syscall(SYS_write, fd, p, n); }
ssize_t pwrite(int fd, const void *p, size_t n, off_t at) { return fails(WRITE) ? -1 : syscall(SYS_pwrite64, fd, p, n, at); }
ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at) { return fails(WRITE) ? -1 : syscall(SYS_pwrite64, fd, p, n, at); }
int fsync(int fd) { return fails(FSYNC) ? -1 : (int)syscall(SYS_fsync, fd); }
int rename(const char *from, const char *to) { return fails(RENAME) ? -1 : (int)syscall(SYS_rename, from, to); }

static int open_file(const char *path, int flags, mode_t mode)
{
    if ((flags & O_ACCMODE) != O_RDONLY && fails(OPEN)) return -1;
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}
int open(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return open_file(path, flags, mode);
}
int open64(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return open_file(path, flags | O_LARGEFILE, mode);
}

void *malloc(size_t n) { return fails(MALLOC) ? NULL : __libc_malloc(n); }
void *calloc(size_t count, size_t n) { return fails(MALLOC) ? NULL : __libc_calloc(count, n); }
void *realloc(void *p, size_t n) { return fails(MALLOC) ? NULL : __libc_realloc(p, n); }
