"""Disks with a Linux for the root: Debian's kernels, an initramfs of our own.

Kernels and busybox come from Debian's packages, unpacked under build/linux; what runs
in there is tests/linux.  The kernel is an EFI program, which the shell starts.
"""

from __future__ import annotations

import fcntl
import gzip
from dataclasses import dataclass
from pathlib import Path

from outer_disk import archive
from packages import PackageError, Packages, run

HERE = Path(__file__).resolve().parent
SOURCES = HERE.parent / "linux"
FOLDER = HERE.parents[1] / "build/linux"
META = "linux-image-cloud-amd64"        # depends on the newest of its release
BUSYBOX = "busybox-static"
DEPTH = 4                               # packages from META to the kernel's file
SIZE_MIB = 96


@dataclass(frozen=True)
class Kernel:
    """A kernel by the release of Debian that has it; the last one is preferred."""

    name: str
    releases: tuple[str, ...]

    def file(self) -> Path:
        """The kernel, an EFI program; PackageError when it cannot be had."""
        folder = FOLDER / self.name
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / "lock", "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (found := kernel_in(folder)):
                packages = Packages(folder, self.releases)
                packages.unpack(kernel_packages(packages))
                found = kernel_in(folder)
        if not found:
            raise PackageError(f"no kernel in the packages of {META}")
        return found


DEBIAN_12 = Kernel("6.1", ("bookworm",))
CURRENT = Kernel("7", ("trixie", "trixie-backports"))


def kernel_in(folder: Path) -> Path | None:
    """Older packages have it in /boot, newer ones beside its modules."""
    files = folder / "files"
    found = [*files.glob("boot/vmlinuz-*"),
             *files.glob("usr/lib/modules/*/vmlinuz")]
    return found[0] if found else None


def kernel_packages(packages: Packages) -> list[str]:
    """Those that may have the kernel's file: what META leads to, without modules."""
    found: list[str] = []
    new = [META]
    for _ in range(DEPTH):
        new = [name for one in new for name in packages.depends(one)
               if name.startswith("linux-") and "modules" not in name]
        found += new
    return [name for name in dict.fromkeys(found)
            if name.startswith(("linux-image-", "linux-binary-"))]


def busybox() -> bytes:
    """The static one of this machine's release."""
    folder = FOLDER / "busybox"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        file = folder / "files/bin/busybox"
        if not file.exists():
            Packages(folder).unpack([BUSYBOX])
    return file.read_bytes()


def program(name: str) -> bytes:
    """A static program of tests/linux."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    source, made = SOURCES / f"{name}.c", FOLDER / name
    with open(FOLDER / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (not made.exists()
                or made.stat().st_mtime_ns < source.stat().st_mtime_ns):
            run("gcc", "-std=gnu11", "-O2", "-static", "-Wall", "-Wextra",
                "-Werror", "-o", str(made), str(source))
    return made.read_bytes()


def initramfs(seconds: int, end: str, counted: bool) -> bytes:
    """What the kernel starts: it runs for so long, then ends the machine.

    counted: the hypervisor is the one for tests, which is asked for its exits.
    """
    return gzip.compress(archive({
        **({"bin/exits": program("exits")} if counted else {}),
        "init": (SOURCES / "root_init.sh").read_bytes(),
        "bin/busybox": busybox(), "bin/clock": program("clock"),
        "seconds": f"{seconds}\n".encode(), "end": f"{end}\n".encode(),
    }), mtime=0)
