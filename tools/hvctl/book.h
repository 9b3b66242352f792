/*
 * What hvctl must know from one command to the next. Children live on in the
 * hypervisor while no hvctl is loaded, so their book is kept in reserved memory
 * and found again through the front.
 */
#ifndef STASIS_HVCTL_BOOK_H
#define STASIS_HVCTL_BOOK_H

#include "include/types.h"
#include "parent/device.h"
#include "parent/transport.h"
#include "tools/hvctl/command.h"

#define BOOK_CHILDREN 32
#define BOOK_VP_WORDS 3   /* of 32 VP indices each, as a stream has them */
#define BOOK_DEVICES 1024 /* bytes of the states of all devices */
#define BOOK_NAME 64      /* bytes of UTF-8 */
#define BOOK_WORDS 1024   /* bytes of the words that it was created by */

/* How a child has ended: none of its VPs is to run again. */
enum book_end {
	BOOK_GOES_ON,
	BOOK_EXITED, /* it has written its exit port */
	BOOK_OFF,    /* it has switched itself off, */
	BOOK_RESET,  /* or wants to begin anew */
};

struct book_child {
	u64 id;  /* 0: this entry is free */
	u64 ram; /* our GPA of its pages, in one piece */
	u64 ram_pages;
	u32 vps[BOOK_VP_WORDS]; /* bitmap of VP indices */
	enum book_end ended;
	u8 exit_code;
	/* As parent/device.h has them. */
	_Alignas(DEVICE_STATE_ALIGN) u8 devices[BOOK_DEVICES];
	char name[BOOK_NAME]; /* the file it came from */
	/* For a reset: each with its zero, and one more; none of a restored child. */
	char words[BOOK_WORDS];
};

struct book {
	u64 magic;
	u64 transport[TRANSPORT_WORDS];
	u64 ticks_in_ms; /* of the front's clock */
	u64 pages;       /* of the book itself */
	struct book_child child[BOOK_CHILDREN];
};

/*
 * Makes the hypervisor ready for hypercalls and polled messages, and finds the
 * book or begins one. Prints why if it cannot.
 */
enum hvctl_result book_open(void);

/* The book, once it is open. */
struct book *book_get(void);

/* A free entry, or null after a line about it. */
struct book_child *book_new_child(void);

/* The child that a word of the command line names, or null after a line. */
struct book_child *book_find(const char *word);

/* The entry of an id, or null. */
struct book_child *book_child_of(u64 id);

/* The VP index after the one given (start with -1), or -1 at the end. */
int book_next_vp(const struct book_child *child, int vp);

#endif
