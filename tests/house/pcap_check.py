#!/usr/bin/python3
"""scripts/lib/pcap_check.py sees bad checksums, resets and retransmissions, and nothing else."""

import importlib.util
import os
import struct
import sys
import tempfile
import unittest

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../scripts/lib/pcap_check.py")
spec = importlib.util.spec_from_file_location("checker", PATH)
checker = importlib.util.module_from_spec(spec)
sys.modules["checker"] = checker
sys.dont_write_bytecode = True
spec.loader.exec_module(checker)

OURS, THEIRS = bytes([10, 25, 0, 10]), bytes([10, 25, 1, 1])
SYN, ACK, FIN, RST = 2, 16, 1, 4
START = 0xFFFFFF00  # sequence numbers wrap inside every test


def invert(total):
    return struct.pack(">H", ~total & 0xFFFF)


def frame(seq, payload=b"", flags=ACK, src=OURS, dst=THEIRS, spoil=False):
    tcp = struct.pack(">HHIIBBHHH", 40000, 25, seq & 0xFFFFFFFF, 1, 5 << 4, flags, 1000, 0, 0)
    tcp += payload
    total = checker.ones_sum(src + dst + struct.pack(">II", len(tcp), 6) + tcp)
    tcp = tcp[:16] + invert(total ^ spoil) + tcp[18:]
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0) + src + dst
    ip = ip[:10] + invert(checker.ones_sum(ip)) + ip[12:]
    return b"\2" * 12 + b"\x08\x00" + ip + tcp


class PcapCheck(unittest.TestCase):
    def check(self, *timed):
        with tempfile.NamedTemporaryFile(suffix=".pcap") as f:
            f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
            for ms, data in timed:
                f.write(struct.pack("<IIII", 100, ms * 1000, len(data), len(data)) + data)
            f.flush()
            return checker.check(f.name, ["10.25.0.10"])

    def session(self):
        return [(0, frame(START, flags=SYN)), (1, frame(START + 1)),
                (2, frame(START + 1, b"x" * 300)), (3, frame(START + 301, b"odd")),
                (4, frame(START + 304, flags=ACK | FIN))]

    def test_a_clean_session_has_nothing_to_tell(self):
        r = self.check(*self.session())
        self.assertEqual((r.segments, r.connections, r.bad_checksums, r.rst_ours, r.rst_theirs,
                          r.retransmits, r.cut), (5, 1, 0, 0, [], [], 0))

    def test_a_repeated_segment_is_a_retransmission_with_its_gap(self):
        s = self.session()
        r = self.check(*s[:3], (250, s[2][1]), *[(300 + t, f) for t, f in s[3:]])
        self.assertEqual(len(r.retransmits), 1)
        self.assertAlmostEqual(r.retransmits[0][2], 0.248, places=3)

    def test_a_repeated_syn_is_a_retransmission(self):
        self.assertEqual(len(self.check((0, frame(START, flags=SYN)),
                                        (500, frame(START, flags=SYN))).retransmits), 1)

    def test_a_new_connection_on_the_same_ports_is_not(self):
        r = self.check(*self.session(), (900, frame(77, flags=SYN)), (901, frame(78, b"y")))
        self.assertEqual((len(r.retransmits), r.connections), (0, 2))

    def test_a_wrong_bit_in_a_checksum_is_seen(self):
        self.assertEqual(self.check((0, frame(START, b"abc", spoil=True))).bad_checksums, 1)

    def test_resets_of_both_sides_are_counted(self):
        r = self.check((0, frame(START, flags=RST)),
                       (1, frame(5, flags=RST, src=THEIRS, dst=OURS)))
        self.assertEqual((r.rst_ours, r.rst_theirs), (1, ["10.25.1.1"]))

    def test_pure_acknowledgments_are_never_retransmissions(self):
        self.assertEqual(self.check(*self.session(), (9, frame(START + 305)),
                                    (10, frame(START + 305))).retransmits, [])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]])
