/*
 * The record is whole after every write: what comes next may be a second
 * failure, or somebody's hand on the switch.
 */
#include "arch/x86_64/common/record.h"

#include "arch/x86_64/common/regs.h"
#include "hv/base/log.h"

#define LOG_HEAD "the log before that, its end:\n"
#define LOG_TAIL 4096u /* bytes of it */
#define LOG_PIECE 256u
#define LOG_PIECES 256u /* more than there can be */

static struct handoff_record *record;

void record_init(const struct handoff *h)
{
	record = (struct handoff_record *)h->reserved_base;
}

/* The state between bytes is inverted once only, at the ends (RFC 3720). */
static u32 crc_add(u32 crc, char byte)
{
	return ~__builtin_ia32_crc32qi(~crc, (u8)byte);
}

void record_write(const char *text, u32 count)
{
	for (u32 i = 0; record && i < count; i++) {
		if (record->length >= sizeof(record->text))
			return;
		record->text[record->length] = text[i];
		record->crc = crc_add(record->crc, text[i]);
		record->length++;
	}
}

/* Where the log ends, or where reading it comes to if it is damaged. */
static u64 log_end(void)
{
	u8 piece[LOG_PIECE];
	u64 position = 0;

	for (u32 i = 0; i < LOG_PIECES; i++)
		position += log_read(&position, piece, sizeof(piece));
	return position;
}

static void write_log(void)
{
	u64 end = log_end();
	u64 position = end > LOG_TAIL ? end - LOG_TAIL : 0;
	u8 piece[LOG_PIECE];

	record_write(LOG_HEAD, sizeof(LOG_HEAD) - 1);
	for (u32 i = 0; i < LOG_TAIL / LOG_PIECE; i++) {
		u32 count = log_read(&position, piece, sizeof(piece));

		record_write((const char *)piece, count);
		position += count;
	}
}

/* A reset throws the caches away, and not into memory (SDM 9.1.1). */
void record_finish(void)
{
	write_log();
	caches_write_back();
}
