/*
 * General registers and segments by the numbers that instructions have for them
 * (SDM volume 2, table 2-2 and 3.1.1.3).
 */
#ifndef STASIS_X86_OPERANDS_H
#define STASIS_X86_OPERANDS_H

enum vp_gpr { VP_RAX, VP_RCX, VP_RDX, VP_RBX, VP_RSP, VP_RBP, VP_RSI, VP_RDI };

/* LDTR and TR have no number in instructions: they follow as in the TLFS. */
enum vp_segment {
	VP_ES,
	VP_CS,
	VP_SS,
	VP_DS,
	VP_FS,
	VP_GS,
	VP_LDTR,
	VP_TR,
	VP_SEGMENTS
};

#endif
