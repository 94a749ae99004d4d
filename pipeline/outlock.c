/* The lock is a folder: renaming one is atomic on every file system, also where fcntl locks are absent, and fails where a folder
 * stands that is not empty. It comes into place with its owner inside, so every lock says who made it: host, process, and the
 * process's start time, so that a process number given again is not taken for the owner. */
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

static void remove_lock(const char *lock)
{
    char owner[PATH_MAX + 16];
    snprintf(owner, sizeof owner, "%s/owner", lock);
    unlink(owner);
    rmdir(lock);
}

/* 1 when it is made, 0 when another one stands there, -1 with a sentence. */
static int make(const char *lock, const char *aside)
{
    char owner[PATH_MAX + 16], text[OWNER_BYTES];
    remove_lock(aside); /* of an earlier process with this number */
    if (mkdir(aside, 0777) < 0) return fail_errno("%s: cannot make the lock", aside);
    snprintf(owner, sizeof owner, "%s/owner", aside);
    owner_text(text);
    FILE *f = fopen(owner, "w");
    int result = f && fputs(text, f) >= 0 ? 1 : -1;
    if ((f && fclose(f) != 0) || result < 0) result = fail_errno("%s: cannot write", owner);
    if (result > 0 && rename(aside, lock) < 0)
        result = errno == EEXIST || errno == ENOTEMPTY ? 0 : fail_errno("%s: cannot make the lock", lock);
    if (result <= 0) remove_lock(aside);
    return result;
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
    if (got != 3) {
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
    snprintf(aside, sizeof aside, "%s/lock.%ld", out, (long)getpid());
    if (file_make_folders(lock) < 0) return -1;
    int made = make(lock, aside);
    if (made == 0 && owner_is_dead(lock, who) && rename(lock, aside) == 0) {
        if (owner_is_dead(aside, who)) { /* still: nobody was quicker and put his own in its place */
            remove_lock(aside);
            made = make(lock, aside);
        } else {
            rename(aside, lock);
        }
    }
    if (made < 0) return -1;
    if (made == 0) owner_is_dead(lock, who); /* as it is now */
    return made ? 0 : fail_usage("%s is in use by %s: wait for it; if it is no more, remove %s", out, who, lock);
}

void outlock_release(const char *out)
{
    char lock[PATH_MAX];
    snprintf(lock, sizeof lock, "%s/lock", out);
    remove_lock(lock);
}
