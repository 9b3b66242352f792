"""Debian packages, fetched and unpacked into a folder, never installed.

What is made of them is the same on every machine, whatever it has itself.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

NO_MORE = [f"--no-{kind}" for kind in (
    "recommends", "suggests", "conflicts", "breaks", "replaces", "enhances",
    "pre-depends")]
MIRROR = "http://deb.debian.org/debian"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
URI = re.compile(r"^'([^']+)' (\S+) \d+ (\S*)$", re.M)


class PackageError(Exception):
    """A package cannot be had."""


class Packages:
    """Packages below one folder: debs/ as they came, files/ unpacked.

    They are those of this machine's sources, or of a release of Debian.
    """

    def __init__(self, folder: Path, releases: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self.files = folder / "files"
        self._debs = folder / "debs"
        self._stamp = folder / "unpacked.json"
        self._options: list[str] = []
        self._sources: list[str] = []
        if releases:
            self._use(releases)

    def depends(self, name: str) -> list[str]:
        """What a package depends on directly."""
        said = self._apt("apt-cache", "depends", *NO_MORE, name)
        return re.findall(r"^  Depends: ([^<\s]+)", said, re.M)

    def libraries(self, name: str) -> list[str]:
        """The libraries that a package needs, with those that they need."""
        found: set[str] = set()
        new = {name}
        while new:
            said = self._apt("apt-cache", "depends", *NO_MORE, *sorted(new))
            needed = re.findall(r"^ [ |]Depends: (lib\S+|zlib1g)$", said, re.M)
            new = set(needed) - found
            found |= new
        return sorted(found)

    def unpack(self, names: list[str]) -> bool:
        """Have these packages unpacked; whether anything had to change."""
        wanted = self._uris(names)
        if self._unpacked() == sorted(wanted):
            return False
        self._debs.mkdir(parents=True, exist_ok=True)
        missing = [name for file, name in wanted.items()
                   if not (self._debs / file).exists()]
        if missing:
            self._download(missing)
            wanted = self._uris(names)      # lists may have become newer
        shutil.rmtree(self.files, ignore_errors=True)
        for file in sorted(wanted):
            run("dpkg", "-x", str(self._debs / file), str(self.files))
        for deb in set(self._debs.glob("*.deb")):
            if deb.name not in wanted:
                deb.unlink()
        self._stamp.write_text(json.dumps(sorted(wanted)))
        return True

    def _use(self, releases: tuple[str, ...]) -> None:
        """Sources of our own; the last release is what is preferred."""
        self.folder.mkdir(parents=True, exist_ok=True)
        sources = self.folder.resolve() / "sources.list"
        sources.write_text("".join(
            f"deb [signed-by={KEYRING}] {MIRROR} {release} main\n"
            for release in releases))
        self._sources = ["-o", f"Dir::Etc::SourceList={sources}",
                         "-o", "Dir::Etc::SourceParts=/dev/null",
                         "-o", f"APT::Default-Release={releases[-1]}"]
        self._update()

    def _unpacked(self) -> list[str]:
        """The files that were unpacked the last time."""
        if not self._stamp.exists():
            return []
        return list(json.loads(self._stamp.read_text()))

    def _uris(self, names: list[str]) -> dict[str, str]:
        """The name of each package by the file that it comes in."""
        # Where apt finds the file it prints nothing.
        said = self._apt("apt-get", "--print-uris", "download", *names,
                         cwd=self.folder)
        files = [file for _uri, file, _sum in URI.findall(said)]
        return {file: file.split("_")[0] for file in files}

    def _download(self, names: list[str]) -> None:
        """Fetch packages; with fresh lists when those are too old."""
        try:
            self._apt("apt-get", "-q", "download", *names, cwd=self._debs)
        except PackageError:
            self._update()
            self._apt("apt-get", "-q", "download", *names, cwd=self._debs)

    def _apt(self, *argv: str, cwd: Path | None = None) -> str:
        """Run apt; once more with lists of our own when it has none."""
        tool, *rest = argv
        try:
            return run(tool, *self._options, *rest, cwd=cwd)
        except PackageError:
            if self._options:
                raise
            self._update()
            return run(tool, *self._options, *rest, cwd=cwd)

    def _update(self) -> None:
        """Lists of our own: needs neither root nor changes the machine."""
        lists = self.folder.resolve() / "lists"
        (lists / "partial").mkdir(parents=True, exist_ok=True)
        self._options = [*self._sources, "-o", f"Dir::State::Lists={lists}",
                         "-o", f"Dir::Cache={self.folder.resolve()}/cache"]
        run("apt-get", *self._options, "-q", "update")


def run(*argv: str, cwd: Path | None = None) -> str:
    """A command's output, or PackageError with what it said."""
    if not shutil.which(argv[0]):
        raise PackageError(f"there is no {argv[0]} here: it is made of "
                           "Debian's packages")
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True,
                          env=dict(os.environ, LC_ALL="C"), check=False)
    if done.returncode != 0:
        raise PackageError(f"{' '.join(argv)[:200]}: failed:\n"
                           f"{(done.stderr or done.stdout).strip()}")
    return done.stdout
