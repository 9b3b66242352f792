/*
 * The door to the hardware in memory: RAM is a sparse mapping of this process,
 * a host-physical address an offset into it. One world at a time; every test
 * starts with a fresh one.
 */
#ifndef FAKE_ARCH_H
#define FAKE_ARCH_H

#include "hv/arch.h"
#include "hv/base/cpu.h"
#include "hv/main.h"
#include "hv/vp/vp.h"

enum fake_machine {
	FAKE_SKYLAKE_X, /* AVX-512 and PKRU */
	FAKE_HASWELL,   /* AVX2 */
	FAKE_NO_XSAVE,  /* SSE only */
	FAKE_MACHINES
};

struct fake_options {
	enum fake_machine machine;
	u64 ram;            /* bytes from 0 up, 0: FAKE_RAM */
	u32 reserved_pages; /* of the hypervisor, 0: FAKE_RESERVED */
	bool no_gigabyte;   /* no 1-GiB leaves in the EPT */
	u8 *memory;         /* RAM, all zero, stays the caller's; NULL: ours */
	u8 *touched;        /* fake.touched */
};

#define FAKE_RAM (64ull << 20)
#define FAKE_RESERVED 1024u
#define FAKE_HOLE_BASE 0xa0000ull /* not RAM, not write-back */
#define FAKE_HOLE_END 0x100000ull

struct fake_dump;

struct fake_world {
	struct arch_facts facts; /* a test may change them */
	enum fake_machine machine;
	const struct fake_dump
		*dump; /* CPUID of this one, NULL: of `machine` */
	u64 tsc;       /* moves only when a test moves it */
	u64 tsc_step;  /* or by so much when it is read */
	u8 *ram;
	bool ram_is_ours;
	u8 *touched; /* a byte a page: enum fake_touched; or NULL */
	u64 ram_bytes;
	u64 reserved_base;
	bool no_gigabyte;
	struct handoff handoff;
	struct cpu cpu;
	struct cpu *here; /* whose code runs: `cpu`, unless a test has others */

	/* What crossed the door. */
	u64 steps;   /* pages and table entries touched, 64-byte units moved */
	u64 filled;  /* words written by fills */
	u32 flushes; /* of any guest-physical space */
	u32 applies;
	u32 captured; /* parts of states, ever */
	u32 interrupts;
	u8 interrupt_vector; /* the last one */
};
extern struct fake_world fake;

/* Start-up as on the machine, without launching anything. */
enum handoff_result fake_start(const struct fake_options *options);
void fake_stop(void);

/* Setup and teardown of a cmocka test: a default world. */
int fake_setup(void **state);
int fake_teardown(void **state);

enum fake_touched {
	FAKE_UNTOUCHED,
	FAKE_TOUCHED,
	FAKE_EMPTIED, /* somebody has looked since, and it was all zero */
};

/* Somebody reaches for a page, and may write to it. */
static inline void fake_touch(u64 hpa)
{
	if (fake.touched)
		fake.touched[hpa >> PAGE_SHIFT] = FAKE_TOUCHED;
}

/* All of a page is zero: looked at, and known from now on until it is reached for. */
bool fake_is_empty(u64 hpa);

/*
 * What a fake keeps of a world outside of RAM and `fake`. Behind it, where it may
 * grow, all is zero or means nothing.
 */
struct fake_span {
	void *at;
	u64 bytes;
};
struct fake_span fake_arch_span(void);

/* Memory of this process, all zero, that costs nothing until it is written to. */
u8 *fake_memory(u64 bytes);

/* The facts of another machine, for streams that travel. */
void fake_become(enum fake_machine machine);

struct partition *fake_root(void);
struct vp *fake_root_vp(void);

/*
 * A VP enters its guest: dirty state goes to the "hardware", and what vp->state
 * then holds of it is garbage until it is captured. The pointer is to what the
 * guest can change while it runs, until fake_exit.
 */
struct vp_state *fake_enter(struct vp *vp);
void fake_exit(struct vp *vp);
bool fake_is_entered(const struct vp *vp);

/* All VPs that have a VMCS, one after the other: *at is 0 at first. NULL: no more. */
struct vp *fake_next_vp(u64 *at);

/* Runs fn in a process of its own. True: it failed a CHECK. */
bool fake_fails_check(void (*fn)(void *), void *argument);

/* Words that are all 0. Quick, and without a look at what the sanitizers know. */
bool fake_is_zero(const u64 *at, u64 words);

/* Words that are all the same. Quick where they are RAM. */
void fake_fill(void *to, u64 word, u64 words);

/* A pseudo-random word; the same in every run. */
u64 fake_random(u64 *seed);

#endif
