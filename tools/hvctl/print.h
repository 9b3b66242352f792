/*
 * hvctl's output. The formats are printf's, as far as a table of registers needs
 * them: d u x X with l, s, c, a width, and 0 in front of it.
 */
#ifndef STASIS_HVCTL_PRINT_H
#define STASIS_HVCTL_PRINT_H

void print(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
