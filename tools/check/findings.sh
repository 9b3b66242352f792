#!/bin/sh
# Each test that docs/findings.md names is there.
exec "${PYTHON:-/usr/bin/python3}" tools/check/findings.py
