#!/bin/sh
# No file over 500 lines, no function over 60.
exec "${PYTHON:-/usr/bin/python3}" tools/check/sizes.py
