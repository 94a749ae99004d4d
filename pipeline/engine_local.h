/* The local engine: runs the tasks of one step as processes on this machine, some at a time. */
#ifndef WINNOW_ENGINE_LOCAL_H
#define WINNOW_ENGINE_LOCAL_H

#include "pipeline/plan.h"

struct engine_result {
    uint64_t done, damaged;   /* tasks that ended with 0, with 3 */
    bool interrupted;         /* a signal came; nothing new was started */
    uint64_t failed_task;     /* the first that failed, when failed_code is not 0 */
    int failed_code;
};

/* From here on SIGINT and SIGTERM end the step at hand (or the next one at once), and no longer the process. Once, before
 * anything is begun that must be undone. */
void engine_local_begin(void);
/* Runs all tasks of a step with at most `workers` processes at once, each with `threads` threads. What a task says on stderr
 * goes to OUT/log/STEP.NNNNN.log. Stops starting new ones after a failure or a signal, and waits for those that run. 0 with
 * *result, or -1 when no process can be started. */
int engine_local_step(const struct plan *plan, size_t step, uint64_t workers, uint64_t threads, struct engine_result *result);
/* Path of a task's log. */
const char *engine_local_log(const struct plan *plan, size_t step, uint64_t task, struct arena *arena);

#endif
