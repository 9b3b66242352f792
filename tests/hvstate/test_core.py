"""gdb opens the cores: registers, threads, memory, code."""

import re
import shutil
import struct
import subprocess

import pytest

from hvstate_lib.paging import walk
from samples import RICH, UPPER, read, run, write

pytestmark = pytest.mark.skipif(not shutil.which("gdb"),
                                reason="gdb is not installed")


def gdb(core, *commands):
    """What gdb says to the commands."""
    argv = ["gdb", "-nx", "-batch", "-core", str(core)]
    for command in commands:
        argv += ["-ex", command]
    done = subprocess.run(argv, text=True, capture_output=True, timeout=60)
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def core(tmp_path_factory):
    """The core of the rich stream."""
    folder = tmp_path_factory.mktemp("core")
    stream = write(folder, "rich", RICH)
    run("core", stream, folder / "core")
    return folder / "core"


def test_registers_and_code(core):
    said = gdb(core, "info registers", "x/4i $rip")
    assert re.search(r"^rax +0xabcdef\b", said, re.M)
    assert re.search(r"^rip +0x10000\b", said, re.M)
    assert re.search(r"^rsp +0x8000\b", said, re.M)
    assert re.search(r"^cs +0x8\b", said, re.M)
    assert re.search(r"=> 0x10000:\s+mov +\$0x12345678,%rax", said)
    assert re.search(r"0x1000a:\s+hlt", said)
    assert "warning" not in said.lower()


def test_a_thread_for_each_vp(core):
    said = gdb(core, "info threads", "thread 2", "p/x $rip", "x/2i $rip")
    assert "LWP 1" in said and "LWP 6" in said
    assert f"= {UPPER + 0x10000:#x}" in said
    assert re.search(r"mov +\$0x12345678,%rax", said)


def test_vector_registers_and_bases(core):
    said = gdb(core, "p/x $xmm0.v16_int8", "p/x $ymm0.v32_int8",
               "p/x $fs_base", "p/x $mxcsr", "p/x $fctrl")
    low = ", ".join(f"{i:#x}" for i in range(16))
    assert f"{{{low}}}" in said
    assert f"{{{low}, 0xa0, 0xa1, 0xa2" in said
    assert "0x123456789" in said
    assert "0x1f80" in said and "0x37f" in said


def test_memory(core):
    said = gdb(core, "x/1gx 0", "x/1gx 0x1000", "x/1gx 0xf000",
               "x/1gx 0x100000000", f"x/1gx {UPPER + 0x1000:#x}",
               "x/1gx 0x12000")
    assert re.search(r"^0x0:\s+0x0{16}$", said, re.M)
    assert re.search(r"^0x1000:\s+0x0{12}2003$", said, re.M)
    assert re.search(r"^0xf000:\s+0x4141414142424242$", said, re.M)
    assert re.search(r"^0x100000000:\s+0x0{16}$", said, re.M)
    assert re.search(rf"^{UPPER + 0x1000:#x}:\s+0x0{{12}}2003$", said, re.M)
    assert "Cannot access memory at address 0x12000" in said


def test_linear_only(core, tmp_path):
    stream = write(tmp_path, "rich", RICH)
    run("core", stream, tmp_path / "core", "--linear", 5)
    said = gdb(tmp_path / "core", "x/1gx 0x1000", "x/1gx 0x100000000")
    assert re.search(r"^0x1000:\s+0x0{12}2003$", said, re.M)
    assert "Cannot access memory at address 0x100000000" in said
    assert "no VP 1" in run("core", stream, tmp_path / "x", "--linear", 1,
                            status=2)


def test_initial_components_are_initial(tmp_path):
    """What XSTATE_BV does not have is not taken from VP_FP."""
    stream = write(tmp_path, "init", RICH | {"vps": [RICH["vps"][0] | {
        "vp_xsave": {"xstate_bv": 0}}]})
    run("core", stream, tmp_path / "core")
    said = gdb(tmp_path / "core", "p/x $xmm0.uint128", "p/x $fctrl",
               "p/x $mxcsr")
    assert "= 0x0\n" in said and "0x37f" in said and "0x1f80" in said


def test_without_xsave_and_without_memory(tmp_path):
    stream = write(tmp_path, "bare", {"memory": [],
                                      "partition": {"flags": 0}})
    run("core", stream, tmp_path / "core")
    said = gdb(tmp_path / "core", "p/x $rip", "p/x $mxcsr")
    assert "0xfff0" in said and "0x1f80" in said


def test_a_summary_has_no_core(tmp_path):
    stream = write(tmp_path, "summary", {"summary": True})
    assert "no state" in run("core", stream, tmp_path / "core", status=2)


def paged(words, **control):
    """The mappings that page tables at 0x1000 make."""
    stream = read({"memory": [{"count": 16, "words": {
        str(at): word for at, word in words.items()}}],
        "vps": [{"mode": "long", "vp_control": {"cr3": "0x1000"} | control}]})
    mappings, all_seen = walk(stream.memory, stream.vps[0])
    assert all_seen
    return [(m.linear, m.physical, m.length) for m in mappings]


def test_paging_modes():
    large = {0x1000: 0x2003, 0x2000: 0x83, 0x2008: 0x40000083}
    assert paged(large) == [(0, 0, 1 << 31)]
    assert paged({0x1FF8: 0x2003, 0x2FF8: 0x3003, 0x3FF8: 0x4003,
                  0x4FF8: 0x5003}) == [(2**64 - 4096, 0x5000, 4096)]
    assert paged({0x1008: 0x2001, 0x2000: 0x80000083}, efer=0, cr4=0x20) == [
        (1 << 30, 0x80000000, 1 << 21)]
    small = {0x1000: 0x2003, 0x2000: 0x7003_00000000 | 0x6003}
    assert paged(small, efer=0, cr4=0) == [(0, 0x6000, 8192)]
    pse = {0x1000: 0x00402083}
    assert paged(pse, efer=0, cr4=0x10) == [(0, 0x1_00400000, 1 << 22)]
    five = {0x1000: 0x2003, 0x2000: 0x3003, 0x3000: 0x83}
    assert paged(five, cr4=0x1020) == [(0, 0, 1 << 30)]
    assert paged({}, cr0=0x10) == []


def test_tables_that_point_to_themselves_end():
    stream = read({"memory": [{"count": 16, "words": {
        str(0x1000 + 8 * i): 0x1003 for i in range(512)}}],
        "vps": [{"mode": "long", "vp_control": {"cr3": "0x1000"}}]})
    _, all_seen = walk(stream.memory, stream.vps[0])
    assert not all_seen


def test_header_fields(core):
    raw = core.read_bytes()
    assert raw[:4] == b"\x7fELF"
    kind, machine = struct.unpack_from("<HH", raw, 16)
    assert (kind, machine) == (4, 62)
