#!/bin/sh
# No fact of the processor is stated twice.
exec "${PYTHON:-/usr/bin/python3}" tools/check/facts.py
