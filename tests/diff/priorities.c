/* nice, getpriority, setpriority, scheduling classes. */
#include "kit.h"
int main(void)
{
    SHOW(getpriority(PRIO_PROCESS, 0));
    SHOW(nice(5));
    SHOW(getpriority(PRIO_PROCESS, 0));
    SHOW(setpriority(PRIO_PROCESS, 0, 50));
    SHOW(getpriority(PRIO_PROCESS, 0));
    SHOW(setpriority(PRIO_PROCESS, 0, 0));
    SHOW(setpriority(PRIO_PROCESS, 999999, 0));
    SHOW(getpriority(9, 0));
    SHOW(sched_getscheduler(0));
    SHOW(sched_get_priority_max(SCHED_FIFO));
    SHOW(sched_get_priority_min(SCHED_FIFO));
    SHOW(sched_yield());
    cpu_set_t set;
    IS(sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) >= 1);
    MUST(setuid(1000));
    SHOW(nice(3));
    SHOW(setpriority(PRIO_PROCESS, 0, 1));
    return 0;
}
