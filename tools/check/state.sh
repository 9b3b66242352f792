#!/bin/sh
# Every variable that is not a processor's own is in a list, with its reason.
exec "${PYTHON:-/usr/bin/python3}" tools/check/state.py
