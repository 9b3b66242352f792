"""The commands as a user calls them."""

import json
import re
import xml.etree.ElementTree as ET

import pytest

from hvstate_lib.problem import Verdict
from samples import HVSTATE, RICH, run, write

STATUS = [({}, 0, "complete"),
          ({"damage": [{"do": "truncate", "length": 5000}]}, 3,
           "incomplete: byte 5000"),
          ({"damage": [{"do": "flip", "chunk": "COMPAT"}]}, 4, "corrupt"),
          ({"prolog": {"version_major": 2}}, 5, "unsupported version"),
          ({"prolog": {"vendor": 3}}, 6, "incompatible processor")]


@pytest.fixture(name="rich")
def fixture_rich(tmp_path):
    """A file with the rich stream."""
    return write(tmp_path, "rich", RICH)


@pytest.mark.parametrize("description, status, said", STATUS)
def test_verify(tmp_path, description, status, said):
    path = write(tmp_path, "it", description)
    for command in ("verify", "info", "dump"):
        assert said in run(command, path, status=status)
    assert len(STATUS) == len(Verdict)


def test_verify_of_several_files(tmp_path, rich):
    bad = write(tmp_path, "bad", {"damage": [{"do": "flip", "chunk": 2}]})
    said = run("verify", rich, bad, rich, status=4)
    assert said.count("rich.sav: complete") == 2
    assert "bad.sav: corrupt: byte 4368 (0x1110), chunk 2 (VP_INDICES)" \
        in said


def test_info_fits_on_a_screen(rich):
    said = run("info", rich)
    assert len(said.splitlines()) <= 24
    for text in ("id 0x1122334455667788", "50 pages (200 KiB)", "11 filled",
                 "VP 0", "VP 5", "64-bit mode", "message 0x80000001 waits",
                 "rip 0x10000", "4-level",
                 "synic on, simp at 0x7000, siefp at 0x8000, timer 0 due at "
                 "2.500 s, timer 3 expired, 2 messages wait"):
        assert text in said
    assert said.count("synic") == 1


def test_dump_shows_all(rich):
    said = run("dump", rich)
    for text in ("stream_id            0x1122334455667788",
                 "CPUID.1:EDX          0x02000020", "LSTAR",
                 "gpn 0x100000 count 32 rw-", "component 2 (AVX)",
                 "cr0                  0x80010033 (PE MP ET NE WP PG)",
                 "timer0.config        0x20003 (enabled periodic)",
                 "message 1", "simp                 0x7001 (enabled)",
                 "0200  10 00 00 80 18",
                 "verdict: complete"):
        assert text in said
    assert "48 c7 c0 78" not in said
    assert "48 c7 c0 78" in run("dump", "--pages", rich)


def test_diff(tmp_path, rich):
    assert run("diff", rich, rich) == ""
    assert run("diff", rich, write(tmp_path, "id",
                                   RICH | {"stream_id": 3})) == ""
    vps = [RICH["vps"][0] | {"vp_gp": {"rip": 0x10000}}, RICH["vps"][1]]
    memory = [piece for piece in RICH["memory"] if piece["gpn"] != 17]
    memory[3] = {"gpn": 16, "hex": "90"}
    other = write(tmp_path, "other", RICH | {"vps": vps, "memory": memory})
    said = run("diff", rich, other, status=1)
    assert "VP 0 rax: 0xabcdef -> 0x0" in said
    assert "VP 5" not in said
    assert "pages 0x10..0x10 (1 at 0x10000) differ" in said
    assert "map 0x11..0x11 (1 at 0x11000): r-- -> unmapped" in said
    assert re.search(r"PARTITION page_count: 50 -> 49", said)
    assert len(said.splitlines()) == 5, said


def test_diff_of_what_a_synic_holds(tmp_path, rich):
    first = RICH["vps"][0]
    synic = first["vp_synic"] | {"timer0.due": 25000001}
    queue = [first["vp_queue"][0], first["vp_queue"][1] | {"sint": 15}]
    changed = {name: value for name, value in first.items()
               if name != "vp_sief"} | {"vp_synic": synic, "vp_queue": queue,
               "vp_sim": {"page": {"0x200": "0x1880000010", "0xf00": 1}}}
    other = write(tmp_path, "other",
                  RICH | {"vps": [changed, RICH["vps"][1]]})
    assert run("diff", rich, other, status=1).splitlines() == [
        "VP 0 timer0.due: 0x17d7840 -> 0x17d7841", "VP 0 flags: 0x3 -> 0x1",
        "VP 0 message slot 15 differs",
        "VP 0 event flags of SINT 0 differs",
        "VP 0 message1.sint: 3 -> 15"]


def test_diff_wants_complete_streams(tmp_path, rich):
    bad = write(tmp_path, "bad", {"damage": [{"do": "flip", "chunk": 2}]})
    assert "corrupt" in run("diff", rich, bad, status=2)


def test_map_is_a_picture(tmp_path, rich):
    root = ET.fromstring(run("map", rich))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    texts = "".join(root.itertext())
    for word in ("zero: 34", "filled (one 8-byte word): 11",
                 "repeated (same as an earlier page): 1",
                 "full (content of its own): 4", "unmapped",
                 "0x100000000", "4 GiB unmapped"):
        assert word in texts, texts
    run("map", rich, "-o", tmp_path / "it.svg")
    ET.parse(tmp_path / "it.svg")


@pytest.mark.parametrize("memory", [
    [], [{"count": 1 << 24}], [{"gpn": i * 100, "count": 3}
                               for i in range(300)]])
def test_map_of_all_sizes(tmp_path, memory):
    path = write(tmp_path, "it", {"memory": memory})
    said = run("map", path)
    ET.fromstring(said)
    assert len(said) < 1 << 20


@pytest.mark.parametrize("description, said", [
    ({"nonsense": 1}, "'nonsense' is not known"),
    ({"compat": {"nonsense": 1}}, "no field 'nonsense'"),
    ({"vps": [{"mode": "odd"}]}, "mode 'odd'"),
    ({"vps": [{"vp_gp": {"rax": 1 << 64}}]}, "rax"),
    ({"stream_id": "five"}, "five"),
    ({"memory": [{"file": "missing"}]}, "missing"),
    ({"edit": [{"do": "dance"}]}, "'dance' is not known"),
    ({"edit": [{"do": "set", "chunk": "VP_GP"}]}, "'field' is missing"),
    ({"edit": [{"do": "remove", "chunk": "VP#7"}]}, "there is no VP#7"),
    ({"damage": [{"do": "flip", "chunk": "VP", "bit": 9999}]}, "only"),
    ({"from": "missing.sav"}, "missing.sav"),
])
def test_make_says_what_is_wrong(tmp_path, description, said):
    path = tmp_path / "it.json"
    path.write_text(json.dumps(description))
    told = run("make", path, tmp_path / "it.sav", status=2)
    assert told.startswith("hvstate: ") and said in told
    assert not (tmp_path / "it.sav").exists()


def test_errors_are_one_line(tmp_path):
    assert run("info", tmp_path / "no", status=2).startswith(
        f"hvstate: {tmp_path}/no: No such file")
    (tmp_path / "bad.json").write_text("{")
    assert "bad.json" in run("make", tmp_path / "bad.json", "x", status=2)


def test_help_says_what_addresses_are():
    assert HVSTATE.stat().st_mode & 0o111
    assert "GUEST-PHYSICAL" in run("core", "--help")
    assert "exit status" in run("--help")
