/*
 * What the targets share: a machine for each input, the same as for any other,
 * children of a shape that the input chooses, and the books that must balance
 * whatever was called.
 */
#ifndef FUZZ_WORLD_H
#define FUZZ_WORLD_H

#include "tests/fuzz/fuzz_image.h"
#include "tests/host/fixture/guest.h"

/* The largest number of fake.steps that one exit may take. */
#define FUZZ_STEPS_MAX 16384u

/* What a machine has at the beginning of an input. */
struct fuzz_start {
	enum fake_machine machine;
	u32 vps;      /* of each child: bit i, there is a VP fuzz_vp_index(i) */
	u32 children; /* without memory; fuzz_shape_make takes them in turn */
	void (*more)(void); /* what else is made; the same in each call */
};
#define FUZZ_CHILDREN 4u /* fewer than so many */

/* A machine, small, so that an input is cheap. The same for the same start. */
void fuzz_begin(const struct fuzz_start *start);

/* With FUZZ_ANEW set: put back or built anew, it is the same (fuzz_image.h). */
void fuzz_compare(void);

/*
 * Tears every child down through the parent's calls and demands that nothing
 * has been lost and nothing is left; ends the machine.
 */
void fuzz_end(void);

/* The books are right (tests/books), and no exit was too long. */
void fuzz_audit(void);
/* A machine without children. */
void fuzz_audit_open(struct fuzz_books *books);

/* The child after `previous`, 0: none (any more). */
u64 fuzz_next_child(u64 previous);

/* ---- Shapes ---- */

#define FUZZ_PAGES 16
#define FUZZ_VPS 4u /* of the indices that fuzz_vp_index names */
#define FUZZ_SHAPE_BYTES (4 + 2 * FUZZ_PAGES)

struct fuzz_page {
	u64 gpn;
	u64 source; /* the root's page number, once it is mapped */
	u32 flags;  /* of MapGpaPages */
	u8 fill;    /* 0: zero, 1: a repeated word, 2: all different */
};

struct fuzz_shape {
	u32 vps; /* bit i: there is a VP fuzz_vp_index(i) */
	u32 page_count;
	bool no_memory; /* D18 */
	u64 os_id;
	u64 hypercall;
	struct fuzz_page pages[FUZZ_PAGES];
};

#define FUZZ_SPARE_PAGES 12u /* of a pool, for tables and an overlay */

u32 fuzz_vp_index(u32 i);

/* The index of a VP that there is, by any number; any index where there is none. */
u32 fuzz_vp_of(u64 id, u32 number);

/* The next child of the start, or a new one with the same VPs. */
u64 fuzz_take_child(void);

/* Takes exactly FUZZ_SHAPE_BYTES. */
void fuzz_shape_read(struct fuzz_in *in, struct fuzz_shape *shape);

/* fuzz_take_child, with memory; `filled`: contents, OS id, hypercall page. */
u64 fuzz_shape_make(struct fuzz_shape *shape, bool filled);

/* Steps of it, each with what it needs of the child's pool. */
void fuzz_map(u64 id, u64 gpn, u64 source, u32 flags);
void fuzz_create_vp(u64 id, u32 index);
/* A child with the same VPs and as large a pool as another, and no memory. */
u64 fuzz_child(const struct partition *like);

#define FUZZ_REGISTERS 400u /* there are fewer, but those of the APIC's page */

/* Sets `count` registers to what the input says; refusals are fine. */
void fuzz_set_registers(struct fuzz_in *in, u64 id, u32 count);

/* Gives every register of a VP a value that it can hold, if any other. */
void fuzz_disturb(struct fuzz_in *in, u64 id);

/* A VP runs for a moment and leaves with an intercept, perhaps. */
void fuzz_run(struct fuzz_in *in, u64 id, u32 index);

#define FUZZ_NO_VP UINT32_MAX
/*
 * No register and no byte of memory differs between the two children. The states that
 * registers are read from are compared, and of VP `whole` all registers as well.
 */
void fuzz_same(u64 id, u64 other, u32 whole);

/* ---- A child's VPs as they were ---- */

struct fuzz_snapshot;
/* There is one at a time. */
const struct fuzz_snapshot *fuzz_snapshot_take(u64 id);
bool fuzz_snapshot_holds(const struct fuzz_snapshot *s, u64 id);

/* What was applied is good, and every VP can be entered and left. */
void fuzz_check_vps(u64 id);

/* Clears both suspend bits of every VP; false: a call was refused. */
bool fuzz_resume(u64 id);

/* A result word that the interface documents for this direction. */
bool fuzz_result_known(u32 result, bool restoring);

#endif
