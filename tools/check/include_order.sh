#!/bin/sh
# Its own header first, then those of the system, then the project's; no cycle of headers.
exec "${PYTHON:-/usr/bin/python3}" tools/check/include_order.py
