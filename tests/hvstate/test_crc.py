"""CRC-32C: known answers, parts, speed."""

import time

from hvstate_lib.crc import crc32c


def by_bits(data: bytes) -> int:
    """The CRC as its definition says, without tables."""
    crc = 0xFFFFFFFF
    for byte in data:
        for bit in range(8):
            out = (crc ^ byte >> bit) & 1
            crc = crc >> 1 ^ (0x82F63B78 if out else 0)
    return crc ^ 0xFFFFFFFF


def test_known_answers():
    assert crc32c(b"123456789") == 0xE3069283
    # RFC 3720, appendix B.4
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(bytes(range(32))) == 0x46DD794E


def test_all_lengths_and_cuts():
    data = bytes(i * 37 & 0xFF for i in range(40))
    for end in range(len(data)):
        whole = by_bits(data[:end])
        assert crc32c(data[:end]) == whole
        for cut in range(end):
            assert crc32c(data[cut:end], crc32c(data[:cut])) == whole


def test_a_mebibyte_takes_no_seconds():
    began = time.process_time()
    crc32c(bytes(1 << 20))
    assert time.process_time() - began < 3
