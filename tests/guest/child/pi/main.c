/*
 * The pi child: the first 1000 digits of pi, one OUT to the console port each,
 * about as much work between any two. A parent may stop it anywhere.
 *
 * A spigot after Rabinowitz and Wagon: pi as a number in a mixed radix, whose
 * "digits" are all 2; each pass multiplies by ten and the carry is a digit.
 */
#include "tests/guest/child/pi/guard.h"

#define DIGITS 1000
#define GUARD_DIGITS 10 /* computed with, not printed */
#define PLACES ((DIGITS + GUARD_DIGITS) * 10 / 3 + 1)

#define EXIT_DONE 0
#define EXIT_DAMAGED 2

static u32 place[PLACES];
static u32 printed;
static bool damaged;

NO_VECTORS static void put(char c)
{
	if (!damaged && !guard_put(c)) {
		damaged = true;
		__asm__ volatile("outb %%al, $0xe9" : : "a"('!'));
	}
}

NO_VECTORS static void put_digit(u32 digit)
{
	if (printed >= DIGITS)
		return;
	put((char)('0' + digit));
	if (printed++ == 0)
		put('.');
}

/* Multiplies by ten; answers what comes out in front: 0 to 10. */
NO_VECTORS static u32 next_carry(void)
{
	u32 carry = 0, x, digit;

	for (u32 i = PLACES; i > 0; i--) {
		x = 10 * place[i - 1] + carry * i;
		place[i - 1] = x % (2 * i - 1);
		carry = x / (2 * i - 1);
	}
	digit = carry / 10;
	place[0] = carry % 10;
	return digit;
}

/*
 * A 10 carries into the digit before, and through nines into the one before
 * those; so one digit that is no nine, and all nines behind it, are held back.
 */
NO_VECTORS int pi_main(void)
{
	u32 held = 0, nines = 0, digit;
	bool first = true;

	for (u32 i = 0; i < PLACES; i++)
		place[i] = 2;
	while (printed < DIGITS && !damaged) {
		digit = next_carry();
		if (digit == 9) {
			nines++;
			continue;
		}
		if (!first)
			put_digit(held + digit / 10);
		for (; nines; nines--)
			put_digit(digit == 10 ? 0 : 9);
		held = digit % 10;
		first = false;
	}
	put('\n');
	return damaged ? EXIT_DAMAGED : EXIT_DONE;
}
