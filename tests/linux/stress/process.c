/*
 * Processes and threads: new programs, words to and fro, one lock for all.
 */
#include "tests/linux/stress/stress.h"

#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	PROGRAMS = 6,
	WORDS = 300,
	THREADS = 4,
	ADDITIONS = 400,
	YIELD_EACH = 16
};

u64 process_programs(void)
{
	u64 good = 0;

	for (u32 i = 0; i < PROGRAMS; i++) {
		pid_t child = fork();
		int status = 1;

		if (child == 0) {
			execl("/bin/true", "true", (char *)NULL);
			_exit(1);
		}
		good += waitpid(child, &status, 0) == child && status == 0;
	}
	return good;
}

/* The far end: each word comes back changed. */
static void answer(int in, int out)
{
	u64 word;

	for (u64 i = 0; i < WORDS; i++) {
		if (read(in, &word, sizeof(word)) != sizeof(word))
			_exit(1);
		word = stress_mix(word, i);
		if (write(out, &word, sizeof(word)) != sizeof(word))
			_exit(1);
	}
	_exit(0);
}

u64 process_pipes(void)
{
	u64 word = 1, hash = 0;
	int there[2], here[2];
	pid_t child;

	if (pipe(there) || pipe(here))
		return STRESS_IMPOSSIBLE;
	child = fork();
	if (child == 0)
		answer(there[0], here[1]);
	for (u32 i = 0; i < WORDS; i++) {
		if (write(there[1], &word, sizeof(word)) != sizeof(word) ||
		    read(here[0], &word, sizeof(word)) != sizeof(word))
			break;
		hash = stress_mix(hash, word);
	}
	for (u32 i = 0; i < 2; i++) {
		(void)close(there[i]);
		(void)close(here[i]);
	}
	(void)waitpid(child, NULL, 0);
	return hash;
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static volatile u64 sum; /* under lock */

static void *add(void *argument)
{
	for (u32 i = 0; i < ADDITIONS; i++) {
		(void)pthread_mutex_lock(&lock);
		sum = sum + 1;
		(void)pthread_mutex_unlock(&lock);
		if (i % YIELD_EACH == 0)
			(void)sched_yield();
	}
	return argument;
}

u64 process_threads(void)
{
	pthread_t threads[THREADS];

	sum = 0;
	for (u32 i = 0; i < THREADS; i++) {
		if (pthread_create(&threads[i], NULL, add, NULL))
			return STRESS_IMPOSSIBLE;
	}
	for (u32 i = 0; i < THREADS; i++)
		(void)pthread_join(threads[i], NULL);
	return sum;
}
