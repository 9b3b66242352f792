/*
 * The front: a console that is kept, files in memory, a clock that ticks when asked.
 */
#include "tools/hvctl/front.h"

#include "tests/host/parent/fake.h"

struct parent_front parent_front;
static struct front_file *writing;
static u64 ticks;
static void *the_book;

void front_reset(void)
{
	for (u32 i = 0; i < FRONT_FILES; i++)
		free(parent_front.file[i].data);
	memset(&parent_front, 0, sizeof(parent_front));
	writing = NULL;
	the_book = NULL;
}

void front_text(const char *text)
{
	size_t count = strlen(text);

	assert_true(parent_front.length + count < sizeof(parent_front.text));
	memcpy(parent_front.text + parent_front.length, text, count + 1);
	parent_front.length += (u32)count;
}

u32 front_key(u8 bytes[FRONT_KEY])
{
	const char *typed = parent_front.typed;

	if (parent_front.key_after == 0 || --parent_front.key_after)
		return 0;
	/* A letter a look; the last one ends it. */
	bytes[0] = typed ? (u8)*typed : 'q';
	if (typed && typed[1]) {
		parent_front.typed++;
		parent_front.key_after = 1;
	}
	return 1;
}

u64 front_ticks(void)
{
	return ticks += 7;
}

u64 front_ticks_in_ms(void)
{
	return 1;
}

bool front_time(struct rtc_time *now)
{
	*now = parent_front.time;
	return now->year != 0;
}

void *front_allocate(u64 bytes)
{
	if (parent_front.block_limit &&
	    parent_front.blocks == parent_front.block_limit)
		return NULL;
	parent_front.blocks++;
	return malloc(bytes);
}

void front_free(void *memory)
{
	assert_non_null(memory);
	parent_front.blocks--;
	free(memory);
}

struct front_file *front_find(const char *name)
{
	for (u32 i = 0; i < FRONT_FILES; i++)
		if (parent_front.file[i].data &&
		    strcmp(parent_front.file[i].name, name) == 0)
			return &parent_front.file[i];
	return NULL;
}

static struct front_file *new_file(const char *name)
{
	struct front_file *f = front_find(name);

	for (u32 i = 0; !f && i < FRONT_FILES; i++)
		if (!parent_front.file[i].data)
			f = &parent_front.file[i];
	assert_non_null(f);
	assert_true(strlen(name) < sizeof(f->name));
	strcpy(f->name, name);
	free(f->data);
	f->data = malloc(FRONT_FILE_MAX);
	f->size = 0;
	return f;
}

void front_put(const char *name, const void *data, u64 size)
{
	struct front_file *f = new_file(name);

	assert_true(size <= FRONT_FILE_MAX);
	memcpy(f->data, data, size);
	f->size = size;
}

/* A copy of that very size: a look beyond its end is seen by the sanitizer. */
bool front_read_file(const char *path, u8 **data, u64 *size)
{
	const struct front_file *f = front_find(path);

	if (!f) {
		front_text("hvctl: cannot open ");
		front_text(path);
		front_text("\n");
		return false;
	}
	*data = front_allocate(f->size ? f->size : 1);
	memcpy(*data, f->data, f->size);
	*size = f->size;
	return true;
}

bool front_create_file(const char *path)
{
	assert_false(parent_front.file_open);
	parent_front.file_open = true;
	writing = new_file(path);
	return true;
}

bool front_write_file(const u8 *data, u64 size)
{
	assert_true(parent_front.file_open);
	if (parent_front.file_room &&
	    writing->size + size > parent_front.file_room) {
		front_text("\nhvctl: cannot write\n");
		return false;
	}
	assert_true(writing->size + size <= FRONT_FILE_MAX);
	memcpy(writing->data + writing->size, data, size);
	writing->size += size;
	return true;
}

void front_end_file(bool keep)
{
	assert_true(parent_front.file_open);
	parent_front.file_open = false;
	if (keep)
		return;
	free(writing->data);
	writing->data = NULL;
}

void *front_find_book(void)
{
	return the_book;
}

bool front_keep_book(void *book)
{
	the_book = book;
	return true;
}
