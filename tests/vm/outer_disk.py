"""The disk of the outer machine: a Linux with KVM, QEMU and OVMF.

All of it comes from Debian's packages, unpacked under build/kvm.  The kernel
and an initramfs with what it needs to read a disk are loaded by the firmware,
which is slow; everything else is read by the kernel, where it is used.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import archive
from disk import Disk
from packages import PackageError, Packages, run

HERE = Path(__file__).resolve().parent
KVM = HERE.parents[1] / "build/kvm"
IMAGE = KVM / "outer.img"
STAMP = KVM / "outer.json"
LISTS = Path("/var/lib/apt/lists")      # become newer by apt-get update
INIT = HERE / "outer_init.sh"
QEMU = "usr/bin/qemu-system-x86_64"
SIZE_MIB = 160

# For the initramfs, and what init loads from the disk.
DISK_MODULES = ("ata_piix", "sd_mod", "vfat", "nls_cp437", "nls_ascii")
KVM_MODULES = ("kvm-intel",)
# Files that QEMU opens by itself, and the firmware of the inner machines.
DATA = ("usr/share/qemu/kvmvapic.bin", "usr/share/ovmf/OVMF.fd")
# The clock must be the TSC: see docs/testing.md.
COMMAND_LINE = ("console=ttyS0,115200 initrd=\\initrd mitigations=off nokaslr "
                "tsc=reliable no_timer_check quiet loglevel=4 panic=1")


def image() -> Path:
    """The disk, made anew when a package or one of its makers changed."""
    KVM.mkdir(parents=True, exist_ok=True)
    with open(KVM / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before, now = read_stamp(), stamp()
        if before != now:
            packages = Packages(KVM)
            changed = packages.unpack(package_names(packages))
            if changed or before.get("makers") != now["makers"]:
                build(packages.files)
            STAMP.write_text(json.dumps(now))
    return IMAGE


def package_names(packages: Packages) -> list[str]:
    """All that is on the disk."""
    kernel = [name for name in packages.depends("linux-image-cloud-amd64")
              if name.startswith("linux-image-")]
    return [*kernel, "busybox-static", "ovmf", "qemu-system-x86",
            "qemu-system-data", *packages.libraries("qemu-system-x86")]


def stamp() -> dict[str, str]:
    """What the disk was made with: apt's lists, and files of this folder."""
    makers = (INIT, *(HERE / f"{name}.py" for name in (
        "archive", "disk", "outer_disk", "packages")))
    every = b"".join(maker.read_bytes() for maker in makers)
    lists = LISTS.stat().st_mtime_ns if LISTS.exists() else 0
    return {"lists": str(lists), "makers": hashlib.sha256(every).hexdigest()}


def read_stamp() -> dict[str, str]:
    """That of the disk as it is; empty when there is none."""
    if not IMAGE.exists() or not STAMP.exists():
        return {}
    return dict(json.loads(STAMP.read_text()))


def build(files: Path) -> None:
    """Make the disk from the unpacked packages."""
    (kernel,) = (files / "boot").glob("vmlinuz-*")
    modules = Modules(next((files / "lib/modules").iterdir()))
    early = modules.in_order(DISK_MODULES)
    late = [module for module in modules.in_order(KVM_MODULES)
            if module not in early]
    STAMP.unlink(missing_ok=True)
    Disk.create(IMAGE, {
        "startup.nsh": script(), "vmlinuz.efi": kernel,
        "initrd": initramfs(files, early),
        "modules": names(late),
        **{f"lib/{module.name}": module for module in late},
        **{name: files / name for name in (QEMU, *DATA)},
        **{f"lib64/{name}": path
           for name, path in libraries(files, files / QEMU)},
    }, size_mib=SIZE_MIB)


def script() -> bytes:
    """The startup.nsh."""
    return f"@echo -off\r\nfs0:\r\nvmlinuz.efi {COMMAND_LINE}\r\n".encode()


def names(modules: list[Path]) -> bytes:
    """For init: what to load, in this order."""
    return "".join(f"{module.name}\n" for module in modules).encode()


class Modules:
    """A kernel's modules, which say themselves what they need."""

    def __init__(self, folder: Path) -> None:
        self._paths = {path.stem.replace("-", "_"): path
                       for path in folder.rglob("*.ko")}

    def in_order(self, wanted: tuple[str, ...]) -> list[Path]:
        """These and what they depend on, each behind what it needs."""
        order: list[Path] = []
        for name in wanted:
            path = self._paths[name.replace("-", "_")]
            needs = re.search(rb"\0depends=([^\0]*)\0", path.read_bytes())
            depends = needs[1].decode() if needs else ""
            for one in self.in_order(tuple(filter(None, depends.split(",")))):
                if one not in order:
                    order.append(one)
            if path not in order:
                order.append(path)
        return order


def libraries(files: Path, program: Path) -> Iterator[tuple[str, Path]]:
    """All shared libraries that a program needs, by the names it uses."""
    folders = (files / "lib/x86_64-linux-gnu", files / "usr/lib/x86_64-linux-gnu",
               files / "lib64")
    found: dict[str, Path] = {}
    new = [program]
    while new:
        said = run("readelf", "-d", str(new.pop()))
        for name in re.findall(r"\(NEEDED\).*\[(.+)\]", said):
            if name in found:
                continue
            path = find_library(name, folders)
            found[name] = path
            new.append(path)
    loader = "ld-linux-x86-64.so.2"
    found.setdefault(loader, find_library(loader, folders))
    yield from found.items()


def find_library(name: str, folders: tuple[Path, ...]) -> Path:
    """Where a library is; PackageError when no package has it."""
    for folder in folders:
        # Links there may be absolute: of the machine that is meant.
        for path in (folder / name, folder / Path(name).name):
            if path.is_symlink() and not path.exists():
                path = folder / Path(path.readlink()).name
            if path.exists():
                return path.resolve()
    raise PackageError(f"no package of QEMU's has {name}")


def initramfs(files: Path, modules: list[Path]) -> bytes:
    """What the kernel starts with: busybox, init, drivers of the disk."""
    content = {"init": INIT.read_bytes(),
               "bin/busybox": (files / "bin/busybox").read_bytes(),
               "modules": names(modules),
               **{f"lib/{module.name}": module.read_bytes()
                  for module in modules}}
    return archive.packed(archive.programs(content))
