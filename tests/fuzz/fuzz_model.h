/*
 * The reference model of partitions and their save and restore processes.
 */
#ifndef FUZZ_MODEL_H
#define FUZZ_MODEL_H

#include "tests/fuzz/fuzz_world.h"

#define MODEL_PARTITIONS 3
#define MODEL_VPS 3
#define MODEL_PAGES 16
#define MODEL_STREAMS 3
#define MODEL_DRAIN_MAX 256u

enum model_state {
	MODEL_NONE, /* an id that exists no more, or never did */
	MODEL_UNINITIALIZED,
	MODEL_ACTIVE,
	MODEL_FINALIZED,
};

struct model_process {
	bool open;
	bool restoring;
	bool summary;
	bool changed; /* the partition is another than at START (D10) */
	u32 stream;   /* restoring: which one */
	u32 at;       /* and how far it was consumed */
	struct guest_stream saved;
};

struct model_partition {
	u64 id;
	enum model_state state;
	u64 vps;     /* indices */
	u64 running; /* of them, not explicitly suspended */
	u64 mapped;  /* pages */
	bool half;   /* memory written, no restore completed since */
	struct model_process process;
};

/* A stream that a save has completed, and what it was a save of. */
struct model_stream {
	struct guest_stream bytes;
	bool summary;
	u64 vps;
	u64 mapped;
};

struct model {
	struct model_partition partitions[MODEL_PARTITIONS];
	struct model_stream streams[MODEL_STREAMS];
	u32 next_stream;
	u64 last_id;
	u32 pages_left; /* that may still be deposited */
	u64 source;     /* pages of the root that are mapped into children */
	void *drained[MODEL_DRAIN_MAX];
	u32 drained_count;
};

void model_begin(struct model *m, struct fuzz_in *in);
/* Another partition, or the same in another life. */
void model_become(struct model_partition *p, u64 id, enum model_state state);

bool model_is(const struct model_partition *p, u64 states);
/* What an id answers; then what its state does; then the index of a VP. */
enum hv_status model_id_status(const struct model_partition *p);
enum hv_status model_state_status(const struct model_partition *p, u64 states);
enum hv_status model_vp_status(const struct model_partition *p, u32 index);
u64 model_available(const struct model_partition *p);

/* The partition is not what it was. */
void model_changed(struct model_partition *p);

/* One call each, with flags of the input's choice. */
void model_save(struct model *m, struct fuzz_in *in, struct model_partition *p);
void model_restore(struct model *m, struct fuzz_in *in,
                   struct model_partition *p);

#endif
