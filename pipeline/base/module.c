/* Late loading by dlopen. The folder is $WINNOW_MODULES, else one of those in locate(), seen from the executable: beside it,
 * in the build tree, where `make install` puts it, above a unit test. */
#include "pipeline/base/module.h"

#include "pipeline/base/fail.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MODULES = 16 };

static struct {
    const char *name;
    const void *exported;
} opened[MODULES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* The first existing candidate path for the module; -1 when there is none. */
static int locate(const char *name, char path[PATH_MAX])
{
    const char *folder = getenv("WINNOW_MODULES");
    if (folder) {
        snprintf(path, PATH_MAX, "%s/%s.so", folder, name);
        return access(path, R_OK);
    }
    char executable[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", executable, sizeof executable - 1);
    if (n < 0) return -1;
    executable[n] = 0;
    *strrchr(executable, '/') = 0;
    static const char *const places[] = {"modules", "build/modules", "../lib/winnow", "../modules", "../../modules"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (snprintf(path, PATH_MAX, "%s/%s/%s.so", executable, places[i], name) < PATH_MAX && access(path, R_OK) == 0) return 0;
    return -1;
}

static const void *load(const char *name)
{
    char path[PATH_MAX], symbol[64];
    if (locate(name, path) < 0) {
        fail("module '%s' is not installed: build it with 'make', or set WINNOW_MODULES to its folder", name);
        return NULL;
    }
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        fail("module '%s' cannot be opened: %s; 'make deps' installs what is missing", name, dlerror());
        return NULL;
    }
    snprintf(symbol, sizeof symbol, "winnow_module_%s", name);
    const void *exported = dlsym(handle, symbol);
    if (!exported) fail("%s: no symbol %s: built by another version? run 'make clean all'", path, symbol);
    return exported;
}

const void *module_open(const char *name)
{
    pthread_mutex_lock(&lock);
    const void *found = NULL;
    size_t i = 0;
    while (i < MODULES && opened[i].name && strcmp(opened[i].name, name) != 0) i++;
    if (i == MODULES) {
        fail("more than %d modules", MODULES);
    } else if (opened[i].name) {
        found = opened[i].exported;
    } else if ((found = load(name))) {
        opened[i].name = name;
        opened[i].exported = found;
    }
    pthread_mutex_unlock(&lock);
    return found;
}
