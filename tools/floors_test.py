"""floors.py finds includes that go up or sideways, and circles, and lets the right ones pass."""

import pathlib
import unittest

import floors

TABLE = (pathlib.Path(__file__).resolve().parent / "floors.txt").read_text()


def texts(path, *includes):
    text = "".join(f"#include {each}\n" for each in includes)
    return [b.text for b in floors.check(TABLE, [(pathlib.PurePosixPath(path), text)])]


class Table(unittest.TestCase):
    def test_the_table_itself_goes_down_only(self):
        self.assertEqual(list(floors.Floors(TABLE).faults()), [])
        wrong = TABLE.replace("memory: core", "memory: core wire")
        self.assertIn("memory names wire", "".join(floors.Floors(wrong).faults()))


class Includes(unittest.TestCase):
    def wrong(self, path, include):
        with self.subTest(path + " " + include):
            self.assertEqual(len(texts(path, include)), 1)

    def right(self, path, *includes):
        with self.subTest(path):
            self.assertEqual(texts(path, *includes), [])

    def test_what_goes_down_is_right(self):
        self.right("src/cache/a.cc", '"cache/b.h"', '"memory/b.h"', '"headrace/store.h"',
                   "<vector>")
        self.right("src/stores/embedded/a.cc", '"stores/embedded/a.h"', '"wire/envelope.h"',
                   '"headrace/stores/embedded.h"', "<sqlite3.h>", "<sys/stat.h>")
        self.right("src/server/http/a.cc", '"headrace/engine.h"', "<boost/asio.hpp>",
                   "<boost/asio/ip/tcp.hpp>", '"wire/json.h"')
        self.right("include/headrace/sources/http.h", '"headrace/runtime.h"')
        self.right("src/core/a.cc", "<xxhash.h>", "<atomic>")
        self.right("apps/headrace/a.cc", '"serve.h"', "<CLI/CLI.hpp>", '"server/http/a.h"')
        self.right("examples/a.cc", '"headrace/engine.h"', '"headrace/stores/embedded.h"')

    def test_what_goes_up_or_sideways_is_wrong(self):
        self.wrong("src/core/a.cc", '"memory/a.h"')
        self.wrong("src/core/a.cc", '"headrace/clock.h"')
        self.wrong("src/memory/a.cc", '"flight/a.h"')
        self.wrong("src/memory/a.cc", '"headrace/engine.h"')
        self.wrong("src/cache/a.cc", '"io/loop.h"')
        self.wrong("src/cache/a.cc", '"headrace/runtime.h"')
        self.wrong("src/wire/a.cc", '"io/loop.h"')
        self.wrong("src/io/a.cc", '"wire/http.h"')
        self.wrong("src/sources/http/a.cc", '"stores/embedded/a.h"')
        self.wrong("src/sources/http/a.cc", '"headrace/sources/sqlite.h"')
        self.wrong("src/server/http/a.cc", '"cache/engine.h"')
        self.wrong("src/server/http/a.cc", '"headrace/stores/embedded.h"')
        self.wrong("include/headrace/key.h", '"core/hash.h"')
        self.wrong("include/headrace/key.h", '"headrace/store.h"')
        self.wrong("examples/a.cc", '"cache/a.h"')

    def test_libraries_have_their_floor(self):
        self.wrong("src/memory/a.cc", "<boost/asio.hpp>")
        self.wrong("src/cache/a.cc", "<xxhash.h>")
        self.wrong("src/cache/a.cc", "<unistd.h>")
        self.wrong("src/wire/a.cc", "<boost/asio/ip/tcp.hpp>")
        self.wrong("src/io/a.cc", "<boost/beast/http.hpp>")
        self.wrong("src/server/http/a.cc", "<sqlite3.h>")
        self.wrong("src/server/http/a.cc", "<toml++/toml.h>")

    def test_tests_see_what_stands_below_them(self):
        self.right("src/stores/embedded/a_test.cc", '"kit/world.h"', "<gtest/gtest.h>",
                   '"headrace/engine.h"', '"io/loop.h"')
        self.right("src/sources/sqlite/fixture.h", '"kit/folder.h"', "<gtest/gtest.h>")
        self.right("tests/integration/a_test.cc", '"headrace/engine.h"', '"kit/world.h"')
        self.wrong("src/cache/a_test.cc", '"headrace/stores/embedded.h"')
        self.wrong("src/memory/a_test.cc", '"cache/engine.h"')

    def test_what_is_on_no_floor_is_wrong(self):
        self.wrong("src/core/a.cc", '"hash.h"')
        self.wrong("src/core/a.cc", '"headrace/unheard_of.h"')
        self.assertEqual(len(texts("src/attic/a.cc")), 1)
        self.assertEqual(len(texts("include/headrace/unheard_of.h")), 1)

    def test_what_is_commented_out_counts_not(self):
        text = '// #include "io/a.h"\n/*\n#include "io/a.h"\n*/\n#include "io/b.h"  // Why.\n'
        found = floors.check(TABLE, [(pathlib.PurePosixPath("src/core/a.cc"), text)])
        self.assertEqual([b.line for b in found], [5])


class Circles(unittest.TestCase):
    def test_finds_one(self):
        self.assertEqual(floors.cycle_of({"a": {"b"}, "b": {"c"}, "c": {"b"}}), ["b", "c"])
        self.assertEqual(floors.cycle_of({"a": {"b", "c"}, "b": {"c"}}), [])

    def test_finds_one_in_files(self):
        files = [(pathlib.PurePosixPath("src/io/a.cc"), '#include "wire/a.h"\n'),
                 (pathlib.PurePosixPath("src/wire/a.cc"), '#include "io/a.h"\n')]
        found = floors.check(TABLE, files)
        self.assertIn("a circle: io -> wire -> io", [b.text for b in found])


if __name__ == "__main__":
    unittest.main()
