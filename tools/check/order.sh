#!/bin/sh
# The folders of hv/ call and include downwards alone.
exec "${PYTHON:-/usr/bin/python3}" tools/check/order.py
