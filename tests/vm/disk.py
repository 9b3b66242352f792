"""A GPT disk image with an EFI system partition, without root rights."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

CYLINDER = 16 * 63 * 512                # bytes, in the geometry told to Bochs
ESP_OFFSET = 1 << 20


class DiskError(Exception):
    """A file is not there, or a tool is not."""


class Disk:
    """A GPT disk image with one EFI system partition, made without root."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, path: Path, files: Mapping[str, bytes | Path],
               size_mib: int = 64) -> Disk:
        """Make a disk at path; files maps a name in the ESP to its content."""
        disk = cls(path)
        cylinders = -(-(size_mib << 20) // CYLINDER)
        with open(path, "wb") as image:
            image.truncate(cylinders * CYLINDER)
        run_tool("sgdisk", "-n", "1:2048:0", "-t", "1:ef00", str(path))
        # The backup GPT takes the last 33 sectors.  FAT16 with 4-KiB
        # clusters: the firmware is slow with FAT32's 512-byte ones.
        sectors = cylinders * CYLINDER // 512 - 2048 - 34
        disk._mtool("mformat", "-T", str(sectors), "-c", "8", "::")
        for folder in sorted({str(up) for name in files
                              for up in Path(name).parents} - {"."}):
            disk._mtool("mmd", "::" + folder)
        for name, content in files.items():
            disk.write(name, content)
        return disk

    @property
    def cylinders(self) -> int:
        """The size in the unit Bochs wants."""
        return self.path.stat().st_size // CYLINDER

    def write(self, name: str, content: bytes | Path) -> None:
        """Put a file into the ESP, over one that may be there."""
        if isinstance(content, Path):
            content = content.read_bytes()
        self._mtool("mcopy", "-o", "-", "::" + name, data=content)

    def read(self, name: str) -> bytes:
        """The content of a file in the ESP."""
        return self._mtool("mcopy", "::" + name, "-")

    def remove(self, name: str) -> None:
        """Delete a file in the ESP."""
        self._mtool("mdel", "::" + name)

    def exists(self, name: str) -> bool:
        """Whether the ESP has that file."""
        try:
            self._mtool("mdir", "::" + name)
        except DiskError:
            return False
        return True

    def _mtool(self, tool: str, *args: str, data: bytes = b"") -> bytes:
        image = f"{self.path}@@{ESP_OFFSET}"
        return run_tool(tool, "-i", image, *args, data=data)


def run_tool(*argv: str, data: bytes = b"") -> bytes:
    """Run a disk tool; its output, or DiskError with what it said."""
    env = dict(os.environ, MTOOLS_SKIP_CHECK="1")
    done = subprocess.run(argv, input=data, capture_output=True, env=env)
    if done.returncode != 0:
        said = (done.stderr + done.stdout).decode(errors="replace").strip()
        raise DiskError(f"{argv[0]} failed: {said}")
    return done.stdout


def main() -> None:
    """disk.py IMAGE FILE...: a disk with these files in its root."""
    image, *names = map(Path, sys.argv[1:])
    Disk.create(image, {path.name: path for path in names})


if __name__ == "__main__":
    main()
