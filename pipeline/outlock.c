/* The lock is a folder, since mkdir is atomic on every file system, also where fcntl locks are absent. Inside stands who
 * made it: host, process, and the process's start time, so that a process number given again is not taken for the owner. */
#include "pipeline/outlock.h"

#include "pipeline/base/buf.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OWNER_BYTES = 512 };

/* Field 22 of /proc/PID/stat: clock ticks from boot to the process's start; 0 when there is no such process. */
static unsigned long long start_time(long process)
{
    char path[64], stat[1024];
    snprintf(path, sizeof path, "/proc/%ld/stat", process);
    FILE *f = fopen(path, "r");
    if (!f) return 0;
    size_t n = fread(stat, 1, sizeof stat - 1, f);
    fclose(f);
    stat[n] = 0;
    const char *p = strrchr(stat, ')'); /* the name may hold anything */
    unsigned long long ticks = 0;
    for (int field = 2; p && field < 22; field++) p = strchr(p + 1, ' ');
    if (p) sscanf(p, "%llu", &ticks);
    return ticks;
}

static void owner_text(char text[OWNER_BYTES])
{
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    snprintf(text, OWNER_BYTES, "%s %ld %llu\n", host, (long)getpid(), start_time(getpid()));
}

static int make(const char *lock)
{
    char owner_path[PATH_MAX + 16], text[OWNER_BYTES];
    if (mkdir(lock, 0777) < 0) return -1;
    snprintf(owner_path, sizeof owner_path, "%s/owner", lock);
    owner_text(text);
    FILE *f = fopen(owner_path, "w");
    if (!f || fputs(text, f) < 0 || fclose(f) != 0) return fail_errno("%s: cannot write", owner_path);
    return 0;
}

/* Whether the lock's owner is a dead process of this machine; *who describes it. */
static bool owner_is_dead(const char *lock, char who[OWNER_BYTES])
{
    char path[PATH_MAX + 16], host[256] = "", mine[256] = "";
    long process = 0;
    unsigned long long started = 0;
    snprintf(path, sizeof path, "%s/owner", lock);
    FILE *f = fopen(path, "r");
    int got = f ? fscanf(f, "%255s %ld %llu", host, &process, &started) : 0;
    if (f) fclose(f);
    gethostname(mine, sizeof mine - 1);
    if (got != 3) { /* made and not yet written, or its maker was killed just then */
        snprintf(who, OWNER_BYTES, "an unknown process");
        return false;
    }
    snprintf(who, OWNER_BYTES, "process %ld on %s", process, host);
    return strcmp(host, mine) == 0 && start_time(process) != started;
}

int outlock_take(const char *out)
{
    char lock[PATH_MAX], aside[PATH_MAX], who[OWNER_BYTES];
    if (snprintf(lock, sizeof lock, "%s/lock", out) >= (int)sizeof lock - 32) return fail_usage("%s: too long a path", out);
    if (file_make_folders(lock) < 0) return -1;
    if (make(lock) == 0) return 0;
    if (errno != EEXIST) return fail_errno("%s: cannot make the lock", lock);
    if (owner_is_dead(lock, who)) {
        /* whoever renames it away first may make the new one: rename is atomic too */
        snprintf(aside, sizeof aside, "%s/lock.%ld", out, (long)getpid());
        if (rename(lock, aside) == 0) {
            char owner[PATH_MAX + 16];
            snprintf(owner, sizeof owner, "%s/owner", aside);
            unlink(owner);
            rmdir(aside);
            if (make(lock) == 0) return 0;
        }
        snprintf(who, sizeof who, "another process");
    }
    return fail_usage("%s is in use by %s: wait for it; if it is no more, remove %s", out, who, lock);
}

void outlock_release(const char *out)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/lock/owner", out);
    unlink(path);
    snprintf(path, sizeof path, "%s/lock", out);
    rmdir(path);
}
