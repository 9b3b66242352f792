/*
 * Debug exceptions: a child's single steps, and a watchpoint on what it writes.
 */
#include "tests/linux/stress/stress.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STEPS = 200, HITS = 50, WRITES = 20000 };

/* DR7 for breakpoint 0: of this process alone, four bytes, when they are written. */
static const unsigned long watch_writes = 0xd0001;

static volatile u32 watched;

static void be_traced(void)
{
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		_exit(1);
	(void)raise(SIGSTOP);
	for (u32 i = 0; i < WRITES; i++)
		watched = i;
	_exit(0);
}

/* Let the child go on by a request until it stops for a debug exception. */
static bool next_trap(pid_t child, enum __ptrace_request request)
{
	int status;

	return !ptrace(request, child, NULL, NULL) &&
	       waitpid(child, &status, 0) == child && WIFSTOPPED(status) &&
	       WSTOPSIG(status) == SIGTRAP;
}

/* Where the kernel has a child's debug register. */
static void *debug_register(u32 number)
{
	return (void *)(offsetof(struct user, u_debugreg) +
	                number * sizeof(((struct user *)NULL)->u_debugreg[0]));
}

u64 trace_steps(void)
{
	u64 steps = 0, hits = 0;
	pid_t child = fork();
	int status;

	if (child == 0)
		be_traced();
	if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status))
		return STRESS_IMPOSSIBLE;
	while (steps < STEPS && next_trap(child, PTRACE_SINGLESTEP))
		steps++;
	if (ptrace(PTRACE_POKEUSER, child, debug_register(0), &watched) ||
	    ptrace(PTRACE_POKEUSER, child, debug_register(7), watch_writes))
		return STRESS_IMPOSSIBLE;
	/* Each stop must be that breakpoint's (bit 0 of DR6), and is put away. */
	while (hits < HITS && next_trap(child, PTRACE_CONT) &&
	       (ptrace(PTRACE_PEEKUSER, child, debug_register(6), NULL) & 1)) {
		hits++;
		(void)ptrace(PTRACE_POKEUSER, child, debug_register(6), NULL);
	}
	(void)kill(child, SIGKILL);
	(void)waitpid(child, NULL, 0);
	return steps << 32 | hits;
}
