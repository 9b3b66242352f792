/*
 * parent/acpi_tables.c: each table byte by byte where a system looks, and the AML by what
 * ACPI's own compiler reads in it.
 */
#include <stdio.h>
#include <unistd.h>

#include "parent/acpi_tables.h"
#include "tests/host/fixture/test.h"

#define AT 0xe0000u

static u8 tables[4096];
static u32 size;

static u64 get(u32 at, u32 bytes)
{
	u64 value = 0;

	memcpy(&value, tables + at, bytes);
	return value;
}

static void make(u32 cpus)
{
	memset(tables, 0xff, sizeof(tables));
	size = acpi_tables_write(tables, cpus);
	assert_true(size <= sizeof(tables));
}

static void assert_sum(u32 at, u32 bytes)
{
	u8 sum = 0;

	for (u32 i = 0; i < bytes; i++)
		sum = (u8)(sum + tables[at + i]);
	assert_int_equal(sum, 0);
}

/* Where the table at this address is in ours, whole and with a right sum. */
static u32 table_at(u64 address, const char *signature)
{
	u32 at = (u32)(address - AT);

	assert_true(address >= AT && address < AT + size);
	assert_memory_equal(tables + at, signature, 4);
	assert_true(at + get(at + 4, 4) <= size);
	assert_sum(at, (u32)get(at + 4, 4));
	return at;
}

/* By the pointers, as a system finds it: n-th of the XSDT. */
static u32 table_of(u32 n, const char *signature)
{
	u32 xsdt = table_at(get(24, 8), "XSDT");

	assert_int_equal(get(xsdt + 4, 4), 36 + 2 * 8);
	return table_at(get(xsdt + 36 + 8 * n, 8), signature);
}

static void test_rsdp(void **state)
{
	(void)state;
	make(1);
	assert_memory_equal(tables, "RSD PTR ", 8);
	assert_sum(0, 20);
	assert_int_equal(tables[15], 2);
	assert_int_equal(get(16, 4), 0);
	assert_int_equal(get(20, 4), 36);
	assert_sum(0, 36);
	assert_int_equal(get(33, 3), 0);
}

static void assert_port(u32 at, u64 port)
{
	assert_int_equal(get(at, 4), 0x01000801);
	assert_int_equal(get(at + 4, 8), port);
}

static void test_fadt(void **state)
{
	u32 fadt;

	(void)state;
	make(2);
	fadt = table_of(0, "FACP");
	assert_int_equal(get(fadt + 4, 4), 276);
	assert_int_equal(tables[fadt + 8], 6);
	assert_int_equal(get(fadt + 40, 4), get(fadt + 140, 8));
	table_at(get(fadt + 140, 8), "DSDT");
	assert_int_equal(get(fadt + 109, 2), 0x04); /* no VGA */
	assert_int_equal(get(fadt + 112, 4), 0x100431);
	assert_port(fadt + 116, 0x606);
	assert_int_equal(tables[fadt + 128], 1);
	assert_port(fadt + 244, 0x604);
	assert_port(fadt + 256, 0x605);
	/* No fixed hardware of any kind. */
	for (u32 at = 44; at < 109; at++)
		assert_int_equal(tables[fadt + at], 0);
	for (u32 at = 148; at < 244; at++)
		assert_int_equal(tables[fadt + at], 0);
}

static void test_madt(void **state)
{
	u32 madt, at;

	(void)state;
	for (u32 cpus = 1; cpus <= 64; cpus++) {
		make(cpus);
		madt = table_of(1, "APIC");
		assert_int_equal(get(madt + 36, 4), 0xfee00000);
		assert_int_equal(get(madt + 40, 4), 0);
		assert_int_equal(get(madt + 4, 4), 44 + 8 * cpus + 12);
		at = madt + 44;
		for (u32 cpu = 0; cpu < cpus; cpu++, at += 8)
			assert_int_equal(get(at, 8), 0x100000800ull |
			                                     cpu << 16 |
			                                     cpu << 24);
		assert_int_equal(get(at, 8), 0xfec0000000000c01ull);
		assert_int_equal(get(at + 8, 4), 0);
	}
}

/* ---- The DSDT ---- */

static char text[65536];

/* What iasl makes of it: it ends with success, and says what it has read. */
static void disassemble(void)
{
	u32 dsdt = table_at(get(table_of(0, "FACP") + 140, 8), "DSDT");
	char folder[] = "/tmp/acpi.XXXXXX", name[64], command[256];
	FILE *file;
	size_t count;

	assert_non_null(mkdtemp(folder));
	snprintf(name, sizeof(name), "%s/dsdt.aml", folder);
	file = fopen(name, "wb");
	assert_non_null(file);
	fwrite(tables + dsdt, 1, get(dsdt + 4, 4), file);
	fclose(file);
	snprintf(command, sizeof(command),
	         "cd %s && iasl -d dsdt.aml >out 2>&1 && "
	         "iasl -p again dsdt.dsl >>out 2>&1",
	         folder);
	assert_int_equal(system(command), 0);
	snprintf(name, sizeof(name), "%s/dsdt.dsl", folder);
	file = fopen(name, "rb");
	assert_non_null(file);
	count = fread(text, 1, sizeof(text) - 1, file);
	text[count] = 0;
	fclose(file);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	assert_int_equal(system(command), 0);
	/* Blanks tell nothing. */
	count = 0;
	for (u32 i = 0; text[i]; i++)
		if (text[i] != ' ' && text[i] != '\n')
			text[count++] = text[i];
	text[count] = 0;
}

#define assert_has(what) assert_non_null(strstr(text, what))

static void test_dsdt(void **state)
{
	(void)state;
	make(19);
	disassemble();
	assert_has("Scope(\\_SB){Device(C000){Name(_HID,\"ACPI0007\"");
	assert_has("Name(_UID,Zero)");
	assert_has("Device(C001){");
	assert_has("Name(_UID,One)");
	assert_has("Device(C012){");
	assert_has("Name(_UID,0x12)");
	assert_null(strstr(text, "C013"));
	assert_has("Device(COM1){Name(_HID,EisaId(\"PNP0501\")");
	assert_has("IO(Decode16,0x03F8,//RangeMinimum0x03F8,//RangeMaximum0x01"
	           ",//Alignment0x08,//Length)");
	assert_has("Interrupt(ResourceConsumer,Edge,ActiveHigh,Exclusive,,,)"
	           "{0x00000004,}");
	assert_has("Device(RTC){Name(_HID,EisaId(\"PNP0B00\")");
	assert_has("IO(Decode16,0x0070,//RangeMinimum0x0070,//RangeMaximum0x01"
	           ",//Alignment0x02,//Length)})");
	assert_has("Name(_S5,Package(0x02)//_S5_:S5SystemState{0x05,Zero})");
}

static void test_dsdt_of_the_most(void **state)
{
	(void)state;
	make(64);
	disassemble();
	assert_has("Device(C03F){");
	assert_has("Name(_UID,0x3F)");
	assert_has("Device(COM1){");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rsdp),
		cmocka_unit_test(test_fadt),
		cmocka_unit_test(test_madt),
		cmocka_unit_test(test_dsdt),
		cmocka_unit_test(test_dsdt_of_the_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
