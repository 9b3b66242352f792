"""The strict Bochs: Debian's source of Bochs with our part in it, in build/strict.

build.py makes it if need be, and prints its folder, for BOCHS= in the environment.
Nothing is installed. What is fetched is checked against the sum that is here.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parents[1] / "build/strict"
MIRROR = "http://deb.debian.org/debian/pool/main/b/bochs"
# Of Debian 13: its 3.0 is what the hooks are for.
SOURCE = "bochs_3.0+dfsg.orig.tar.xz"
SHA256 = "78f6c73d4a6472d5130a87ab9dc306d02c7c71ed8e25b3a8ef642e2a7acd282b"
OURS = ("hooks.patch", "strict.cc", "strict.hh")
# What Debian's build has of the processor; of the rest what tests/vm asks for.
CONFIGURE = """
--with-rfb --without-x --disable-docbook --disable-plugins
--enable-cpu-level=6 --enable-x86-64 --enable-smp --enable-fpu --enable-3dnow
--enable-vmx=2 --enable-svm --enable-avx --enable-evex --enable-cet --enable-amx
--enable-uintr --enable-memtype --enable-protection-keys --enable-monitor-mwait
--enable-all-optimizations --enable-repeat-speedups --enable-pci --enable-a20-pin
--enable-debugger --disable-debugger-gui
""".split()
STEP = 40                               # files of a line of progress


class BuildError(Exception):
    """It cannot be built, and why."""


def run(*argv: str, cwd: Path) -> None:
    """A command that says nothing unless it fails."""
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(f"{argv[0]} failed:\n{(done.stdout + done.stderr)[-2000:]}")


def stamp() -> str:
    """What it is made of."""
    text = b"".join((HERE / name).read_bytes() for name in OURS)
    return hashlib.sha256(text + SHA256.encode() + " ".join(CONFIGURE).encode()).hexdigest()


def say(what: str) -> None:
    """A line of progress; the output itself is for the shell."""
    print(f"  STRICT   {what}", file=sys.stderr, flush=True)


def fetch() -> Path:
    """The source, which apt's own tool has checked."""
    path = FOLDER / SOURCE
    if not path.exists():
        say(f"fetch {SOURCE}")
        part = path.with_suffix(".part")
        run("/usr/lib/apt/apt-helper", "download-file",
            f"{MIRROR}/{SOURCE.replace('+', '%2b')}", str(part), f"SHA256:{SHA256}",
            cwd=FOLDER)
        part.rename(path)
    if hashlib.sha256(path.read_bytes()).hexdigest() != SHA256:
        raise BuildError(f"{path}: has another sum; remove it, and try again")
    return path


def compile_all(tree: Path) -> None:
    """make, and how far it is."""
    done = 0
    tail: list[str] = []
    with subprocess.Popen(["make", f"-j{os.cpu_count() or 1}"], cwd=tree, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as make:
        assert make.stdout
        for line in make.stdout:
            tail = [*tail[-20:], line]
            done += " -c " in line
            if " -c " in line and done % STEP == 0:
                say(f"{done} files compiled")
    if make.returncode:
        raise BuildError("make failed:\n" + "".join(tail))


def build() -> None:
    """From the archive to bochs-bin, in one tree."""
    tree = FOLDER / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir()
    run("tar", "-xf", str(fetch()), "--strip-components=1", cwd=tree)
    run("patch", "-p1", "-F0", "-i", str(HERE / "hooks.patch"), cwd=tree)
    for name in OURS[1:]:
        shutil.copy(HERE / name, tree / "cpu")
    say("configure")
    run("./configure", *CONFIGURE, "CFLAGS=-O2 -w", "CXXFLAGS=-O2 -w", cwd=tree)
    compile_all(tree)
    shutil.copy(tree / "bochs", FOLDER / "bochs-bin")
    shutil.rmtree(tree)


def main() -> int:
    """See the head of the file."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    made = FOLDER / "made-of"
    with open(FOLDER / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            if not made.exists() or made.read_text() != stamp():
                made.unlink(missing_ok=True)
                build()
                made.write_text(stamp())
        except (BuildError, OSError) as error:
            print(f"strict: {error}", file=sys.stderr)
            return 1
    print(FOLDER)
    return 0


if __name__ == "__main__":
    sys.exit(main())
