"""What a Linux is made of: Debian's kernels, and an initramfs with our tests.

Kernels and busybox come from Debian's packages, whatever this machine has itself; they
are fetched once, unpacked under build/linux, and never installed.
"""

from __future__ import annotations

import fcntl
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import archive
from boots import BUILD, ROOT
from packages import PackageError, Packages, run

FOLDER = ROOT / "build/linux"
SOURCES = ROOT / "tests/linux"
META = "linux-image-cloud-amd64"        # depends on the newest of a release
PART = re.compile(r"linux-(image|binary)-\d")
# Which releases have them; the last one is meant.
KERNELS = {"6.1": ("bookworm", "bookworm-updates"),
           "7": ("trixie", "trixie-backports")}
USER, PASSWORD = "root", "stasis"
# crypt(3) of the password: it guards nothing.
PASSWD = f"{USER}:$1$stasis$r4HTrEZ0gaHrkci3sm5Tc.:0:0::/:/bin/sh\n"
PROFILE = "export PATH=/bin PS1='stasis# '\n"


def kernel(name: str) -> Path:
    """The vmlinuz of one of KERNELS; fetched at the first time."""
    path = FOLDER / name / "vmlinuz"
    with one_at_a_time():
        if not path.exists():
            files = unpacked(FOLDER / name, KERNELS[name])
            shutil.copy(find_kernel(files), path.with_suffix(".new"))
            path.with_suffix(".new").rename(path)
            shutil.rmtree(files)
    return path


def busybox() -> Path:
    """The statically linked one of the oldest release."""
    path = FOLDER / "busybox"
    with one_at_a_time():
        if not path.exists():
            work = FOLDER / "tools"
            packages = Packages(work, next(iter(KERNELS.values())))
            packages.unpack(["busybox-static"])
            shutil.copy(packages.files / "bin/busybox", path)
            shutil.rmtree(work)
    return path


def program(name: str) -> archive.Entry:
    """One of tests/linux, as make has built it."""
    path = BUILD / "linux/bin" / name
    if not path.exists():
        raise PackageError(f"{path} is not there: run make test-vm")
    return archive.program(path.read_bytes())


def content() -> dict[str, archive.Entry]:
    """What there is in the user space: init, busybox, the tests."""
    tool = busybox()
    return {
        # The kernel opens it for init.
        "dev/console": archive.device(5, 1),
        **{name: archive.folder() for name in ("proc", "sys", "tmp")},
        "etc/passwd": archive.text(PASSWD),
        "etc/profile": archive.text(PROFILE),
        "bin/busybox": archive.program(tool.read_bytes()),
        **{f"bin/{applet}": archive.link("busybox")
           for applet in run(str(tool), "--list").split()
           if applet != "busybox"},
        **{f"bin/{name}": archive.program(
            (SOURCES / f"{name}.sh").read_bytes())
           for name in ("check", "printed")},
        **{f"bin/{name}": program(name) for name in ("stress", "rate")},
        "init": archive.program((SOURCES / "init.sh").read_bytes()),
    }


def initramfs() -> Path:
    """The archive, made anew each time: that takes no time and is the same."""
    path = FOLDER / "initrd.gz"
    packed = archive.packed(content())  # which waits for its turn itself
    with one_at_a_time():
        fresh = path.with_suffix(".new")
        fresh.write_bytes(packed)
        fresh.rename(path)              # who reads the old one keeps it
    return path


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Several runs share the folder."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with open(FOLDER / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def unpacked(folder: Path, releases: tuple[str, ...]) -> Path:
    """Have the packages with a release's kernel unpacked."""
    packages = Packages(folder, releases)
    wanted: list[str] = []
    new = [META]
    while new:
        # Newer ones have the kernel itself in another package than its modules.
        new = [name for one in new for name in packages.depends(one)
               if PART.match(name)]
        wanted += new
    packages.unpack(wanted)
    return packages.files


def find_kernel(files: Path) -> Path:
    """Where a package has it: below boot, or beside the modules."""
    found = [*files.glob("boot/vmlinuz-*"),
             *files.glob("usr/lib/modules/*/vmlinuz")]
    if len(found) != 1:
        raise PackageError(f"{len(found)} kernels below {files}")
    return found[0]
