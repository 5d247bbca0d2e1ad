"""Each format of traces.py on a few ids that were packed by hand."""

import array
import gzip
import lzma
import pathlib
import shutil
import struct
import subprocess
import tempfile
import unittest

import traces


class Convert(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name) / "in"
        self.target = pathlib.Path(temporary.name) / "out"
        self.folder.mkdir()

    def ids(self, name, raw, reads_max=100):
        (self.folder / name).write_bytes(raw)
        self.assertEqual(list(traces.convert(self.folder, self.target, reads_max)), ["t"])
        found = array.array("Q")
        found.frombytes((self.target / "t.u64").read_bytes())
        return list(found)

    def test_big_endian(self):
        packed = lzma.compress(struct.pack(">3I", 1, 2**31, 7))
        self.assertEqual(self.ids("t.be32.xz", packed), [1, 2**31, 7])

    def test_big_endian_of_64_bits(self):
        packed = gzip.compress(struct.pack(">2Q", 2**63, 7))
        self.assertEqual(self.ids("t.be64.gz", packed), [2**63, 7])

    def test_one_number_a_line(self):
        self.assertEqual(self.ids("t.txt.gz", gzip.compress(b"3\n*\n4\n*mark\n\n3\n")), [3, 4, 3])

    def test_time_id_size(self):
        self.assertEqual(self.ids("t.sized.txt.xz", lzma.compress(b"1 9 100\n2 8 5\n")), [9, 8])

    def test_records(self):
        packed = b"".join(struct.pack("<IQIq", 5, key, 512, -1) for key in (11, 2**40))
        self.assertEqual(self.ids("t.oracleGeneral.bin", packed), [11, 2**40])

    @unittest.skipUnless(shutil.which("zstd"), "zstd is not installed")
    def test_runs_of_blocks(self):
        packed = subprocess.run(["zstd", "-cq"], input=b"10 3 0 0\n5 1 0 1\n", capture_output=True,
                                check=True).stdout
        self.assertEqual(self.ids("t.lis.zst", packed), [10, 11, 12, 5])

    def test_a_long_one_is_cut(self):
        self.assertEqual(self.ids("t.txt.gz", gzip.compress(b"1\n2\n3\n"), reads_max=2), [1, 2])

    def test_what_is_no_trace_is_passed_over(self):
        (self.folder / "README.md").write_text("words")
        (self.folder / "a.csv").write_text("1,2")
        self.assertEqual(list(traces.convert(self.folder, self.target, 5)), [])

    def test_a_torn_file_is_told_by_its_name(self):
        (self.folder / "t.txt.gz").write_bytes(gzip.compress(b"1\n2\n" * 100)[:20])
        with self.assertRaisesRegex(traces.Unreadable, "t.txt.gz"):
            list(traces.convert(self.folder, self.target, 5))

    def test_a_folder_that_is_not_there(self):
        with self.assertRaisesRegex(traces.Unreadable, "--traces DIR"):
            list(traces.convert(self.folder / "no", self.target, 5))


if __name__ == "__main__":
    unittest.main()
