/*
 * hvctl's two doors in memory: a transport whose hypercalls are the core's, in the
 * fake root partition, and a front with files, a console and a key.
 */
#ifndef FAKE_PARENT_H
#define FAKE_PARENT_H

#include "parent/device.h"
#include "parent/rtc.h"
#include "tests/host/fixture/test.h"
#include "tools/hvctl/command.h"

/* A machine with the hypervisor, no book, no files. Setup of a cmocka test. */
int parent_setup(void **state);
int parent_teardown(void **state);

/* ---- The transport (transport.c) ---- */

extern struct parent_transport {
	bool absent;  /* no hypervisor */
	bool refused; /* the hypercall page cannot be had */
	u32 limit;    /* pages that may be taken, 0: all */
	u32 taken;    /* pages that are taken, and not deposited */
	u32 waits;    /* calls of transport_wait */
	bool open;    /* and not closed since */
} parent_transport;

void transport_reset(void);

/* ---- The front (front.c) ---- */

#define FRONT_FILES 6u
#define FRONT_FILE_MAX (4u << 20)

struct front_file {
	char name[32]; /* "": no file */
	u8 *data;
	u64 size;
};

extern struct parent_front {
	char text[65536]; /* of the console since the last command */
	u32 length;
	struct front_file file[FRONT_FILES];
	u64 file_room; /* a write beyond it fails; 0: any may be written */
	u32 key_after; /* a key is pressed at this many looks for one, 0: never */
	const char *typed; /* those, one a look; NULL: q */
	u32 blocks;        /* of memory that are in use */
	u32 block_limit;   /* 0: any number */
	bool file_open;
	struct rtc_time time; /* year 0: it does not know */
} parent_front;

void front_reset(void);
struct front_file *front_find(const char *name);
void front_put(const char *name, const void *data, u64 size);

/* ---- Children ---- */

/*
 * What a child does, an instruction a step: its RIP says where it is, whatever machine
 * it is on. Behind the last one it writes 0 to the exit port.
 */
struct child_step {
	/* IN or OUT, of two bytes; */
	u16 port;
	u8 size;
	bool in;
	bool from_rax; /* out: what is there already */
	bool string;
	u32 value;
	/* or these bytes, whose access to memory is refused there. */
	u8 length; /* 0: a port's */
	u8 code[15];
	u8 access; /* HV_INTERCEPT_* */
	bool mapped;
	u64 gpa;
};
extern const struct child_step *child_program;
extern u32 child_steps;
extern u64 child_base; /* RIP of the first */

/* A step of each child that may run. */
void child_turn(void);

/* Bytes of a child's memory, within a page that must be there. */
void *child_at(u64 id, u64 gpa, u32 bytes);

/* ---- Devices (devices.c): hvctl's own, and one that remembers ---- */

#define LATCH_PORT 0x50 /* and the next: what was written is read */
#define LATCH_KIND 0x4c415443u
#define LATCH_LIMIT 0x7fffu /* a larger state is none */

/* A device in memory: bytes, and what was done to it last. Behind it is one that only is. */
#define BANK_GPA 0xfe000000ull
#define BANK_BYTES 64u
#define SILENT_GPA (BANK_GPA + BANK_BYTES)
struct bank {
	u8 byte[BANK_BYTES];
	u32 reads;
	u32 writes;
	u32 size; /* of the last one */
	u64 offset;
};
extern struct bank *bank; /* of the child that was made or came to it last */

/* Untouched: 80H, 81H, ... */
void bank_fill(void);

extern const struct device_table devices_table;
void devices_reset(void);

/* One command; its result. What it printed is in parent_front.text. */
enum hvctl_result hvctl(const char *line);

#define assert_says(what) assert_non_null(strstr(parent_front.text, what))
#define assert_not_says(what) assert_null(strstr(parent_front.text, what))

#endif
