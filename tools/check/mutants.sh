#!/bin/sh
# Every mutant of the core still fits its source. `make mutants` tries them.
exec "${PYTHON:-/usr/bin/python3}" tests/mutation/mutate.py fit
