"""Another QEMU than the installed one: that of Debian 12's backports.

other_qemu.py prints the path of a script that starts it, for QEMU= in the
environment.  It is unpacked in build/ with its libraries, and never installed.
"""

from __future__ import annotations

import fcntl
import sys
from pathlib import Path

from packages import PackageError, Packages, run

FOLDER = Path(__file__).resolve().parents[2] / "build/qemu"
RELEASES = ("bookworm", "bookworm-backports")
PACKAGE = "qemu-system-x86"
SCRIPT = """\
#!/bin/sh
# Made by tests/vm/other_qemu.py.
QEMU_MODULE_DIR={files}/usr/lib/x86_64-linux-gnu/qemu
export QEMU_MODULE_DIR
exec {files}/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 \\
\t--library-path {files}/lib/x86_64-linux-gnu:{files}/usr/lib/x86_64-linux-gnu \\
\t{files}/usr/bin/qemu-system-x86_64 -L {files}/usr/share/qemu \\
\t-L {files}/usr/share/seabios "$@"
"""


def script() -> Path:
    """What starts it; made at the first time, or after `make clean`."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / "qemu-system-x86_64"
    with open(FOLDER / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            packages = Packages(FOLDER, RELEASES)
            packages.unpack([PACKAGE, "qemu-system-common", "qemu-system-data",
                             "seabios", *packages.libraries(PACKAGE)])
            fresh = path.with_suffix(".new")
            fresh.write_text(SCRIPT.format(files=packages.files))
            fresh.chmod(0o755)
            run(str(fresh), "--version")
            fresh.rename(path)
    return path


def main() -> int:
    """See the head of the file."""
    try:
        print(script())
    except PackageError as error:
        print(f"other_qemu: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
