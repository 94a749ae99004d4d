/* Processes on this machine: fork and exec of this very program, one a task. A signal to the run is passed on to them; they
 * publish nothing half, so a task that was stopped is simply done again. */
#include "pipeline/engine_local.h"

#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t stop_signal;
static void on_signal(int number) { stop_signal = number; }

struct child {
    pid_t process; /* 0: free */
    uint64_t task;
};

const char *engine_local_log(const struct plan *plan, size_t step, uint64_t task, struct arena *arena)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/log/%s.%05llu.log", plan->output, plan->steps[step].name, (unsigned long long)task);
    return arena_c_string(arena, str_from(path));
}

/* In the child: stderr to the log, nothing to read, death with the parent. */
static void become(char **argv, const char *log)
{
    int to = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0666), from = open("/dev/null", O_RDONLY);
    if (to < 0 || from < 0 || dup2(to, STDERR_FILENO) < 0 || dup2(to, STDOUT_FILENO) < 0 || dup2(from, STDIN_FILENO) < 0) _exit(1);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    execv("/proc/self/exe", argv);
    _exit(127);
}

static int start(const struct plan *plan, size_t step, uint64_t task, uint64_t threads, struct child *child)
{
    struct arena arena;
    arena_init(&arena, 256 << 20);
    size_t argc = 0;
    char **argv = plan_command(plan, step, task, &arena, &argc), threads_option[64];
    const char *log = engine_local_log(plan, step, task, &arena);
    char **full = argv ? arena_alloc(&arena, (argc + 4) * sizeof *full) : NULL;
    int result = full && log && file_make_folders(log) == 0 ? 0 : -1;
    if (result == 0) {
        memcpy(full, argv, argc * sizeof *full);
        if (plan->steps[step].command->stage) {
            snprintf(threads_option, sizeof threads_option, "--threads=%llu", (unsigned long long)threads);
            full[argc++] = threads_option;
        }
        full[argc] = NULL;
        pid_t process = fork();
        if (process == 0) become(full, log);
        if (process < 0) result = fail_errno("cannot start a process");
        else *child = (struct child){process, task};
    }
    arena_free(&arena);
    return result;
}

static void note_end(struct engine_result *r, uint64_t task, int status)
{
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (code == EXIT_DONE || code == EXIT_DAMAGED) {
        r->done++;
        r->damaged += code == EXIT_DAMAGED;
    } else if (code == EXIT_INTERRUPTED) {
        r->interrupted = true;
    } else if (!r->failed_code || task < r->failed_task) {
        r->failed_code = code;
        r->failed_task = task;
    }
}

void engine_local_begin(void)
{
    const struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

int engine_local_step(const struct plan *plan, size_t step, uint64_t workers, uint64_t threads, struct engine_result *result)
{
    *result = (struct engine_result){0};
    struct child *children = calloc(workers, sizeof *children);
    uint64_t next = 0, running = 0, tasks = plan->steps[step].tasks;
    bool told = false;
    int outcome = children ? 0 : fail_memory();
    while (children && (running || (next < tasks && outcome == 0))) {
        bool stopping = stop_signal || result->failed_code || result->interrupted || outcome < 0;
        for (uint64_t i = 0; i < workers && next < tasks && !stopping; i++) {
            if (children[i].process) continue;
            outcome = start(plan, step, next, threads, &children[i]);
            if (outcome < 0) break;
            running++;
            next++;
        }
        if (!running) break;
        if (stop_signal && !told) {
            for (uint64_t i = 0; i < workers; i++)
                if (children[i].process) kill(children[i].process, SIGTERM);
            told = true;
        }
        int status;
        pid_t ended = waitpid(-1, &status, 0);
        if (ended < 0 && errno == EINTR) continue;
        if (ended < 0) break;
        for (uint64_t i = 0; i < workers; i++)
            if (children[i].process == ended) {
                children[i].process = 0;
                running--;
                note_end(result, children[i].task, status);
            }
    }
    if (stop_signal) result->interrupted = true;
    free(children);
    return outcome;
}
