#!/bin/sh
# The share of comments in each folder of the product.
exec "${PYTHON:-/usr/bin/python3}" tools/check/comments.py
