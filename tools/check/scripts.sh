#!/bin/sh
# Shell scripts are clean for shellcheck.
set -u

find .ci tools tests \( -name '*.sh' -o -path .ci/run \) -exec shellcheck {} +
