# From a C header to nasm's: `#define NAME number`, `#define NAME BIT(n)` and rows
# of an enum, `NAME = number,`. What is computed from other names stays C's.
s%^#define ([A-Z][A-Z0-9_]*) (0x[0-9a-f]+|[0-9]+)u?l*( */.*)?$%\%define \1 \2%p
s%^#define ([A-Z][A-Z0-9_]*) (BIT\(|\(1u << )([0-9]+)\)( */.*)?$%\%define \1 (1 << \3)%p
s%^\t([A-Z][A-Z0-9_]*) = (0x[0-9a-f]+|[0-9]+),.*$%\%define \1 \2%p
