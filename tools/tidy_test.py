"""Each rule of tidy.py finds what it is there for, and leaves alone what is right."""

import contextlib
import io
import pathlib
import tempfile
import unittest

import tidy

HEADER = ("// headrace/x.h: what it is.\n//\n"
          "// Threads: values.  Errors: none.  Lifetimes: values.\n#pragma once\n")


def rules(path, text):
    """The rules that one file breaks, but for its missing test."""
    return {f.rule for f in tidy.findings_of([tidy.File(path, text)])} - {"untested"}


class Rules(unittest.TestCase):
    def breaks(self, rule, path, *texts):
        for text in texts:
            with self.subTest(text):
                self.assertEqual(rules(path, text), {rule})

    def passes(self, path, *texts):
        for text in texts:
            with self.subTest(text):
                self.assertEqual(rules(path, text), set())

    def test_long_files(self):
        self.breaks("file_lines", "src/core/a.cc", "int a;\n" * 601)
        self.passes("src/core/a.cc", "int a;\n" * 600)
        self.passes("docs/a.md", "word\n" * 601)

    def test_long_functions(self):
        body = "  call();\n" * 69
        nested = "  if (a) {\n  }\n" * 35
        self.breaks("function_lines", "src/core/a.cc",
                    "int f() {\n" + body + "}\n",
                    "namespace a {\nstruct B : C {\n  B() : a_{1}, b_(2) {\n" + body + "}\n};\n}\n",
                    "template <class T>\nauto f(T t = {}) -> int {\n" + body + "}\n",
                    "TEST(A, B) {\n" + nested + "}\n",
                    "const auto f = [](int a) {\n" + body + "};\n")
        self.passes("src/core/a.cc",
                    "int f() {\n" + "  call();\n" * 68 + "}\n",
                    "namespace a {\nint b() { return 1; }\n" + "int f();\n" * 80 + "}\n",
                    "struct A {\n" + "  int f() { return g({1}); }\n" * 80 + "};\n",
                    "const int a[] = {\n" + "  f(1),\n" * 80 + "};\n",
                    "enum class A : int {\n" + "  a,\n" * 80 + "};\n")
        self.breaks("function_lines", "tools/a.py", "def f():\n" + "    pass\n" * 70)

    def test_lines(self):
        self.breaks("line_columns", "src/core/a.cc", "// " + "a" * 98 + "\n")
        self.passes("src/core/a.cc", "// " + "é" * 97 + "\n")
        self.breaks("tabs", "cmake/a.cmake", "if(a)\n\tb()\n")
        self.breaks("trailing_blanks", "README.md", "a \n", "a\r\n")
        self.passes("fuzz/corpus/http/a", "a\r\n", "a \n", "a\t")
        self.breaks("final_newline", "README.md", "a")

    def test_left_for_later(self):
        for word in ("TO" "DO", "FIX" "ME", "X" "XX", "HA" "CK"):
            self.breaks("later", "src/core/a.cc", f"int a;  // {word}: more.\n")
            self.breaks("later", "dev", f"#!/bin/bash\n# {word}\n")

    def test_machines_and_registries(self):
        self.breaks("machine", "README.md", "see /wor" "k/main\n", "cd /hom" "e/anna/headrace\n")
        self.passes("README.md", "framework/main, ${CMAKE}/" + "work/a\n")
        self.breaks("registry", "README.md", "from https://deb.debia" "n.org/a\n",
                    "http://registry.npmj" "s.org\n")

    def test_public_headers(self):
        self.passes("include/headrace/x.h", HEADER)
        for word in ("Threads:", "Errors:", "Lifetimes:"):
            self.breaks("header_contract", "include/headrace/x.h",
                        HEADER.replace(word, ""), HEADER.replace(word, "") + f"// {word} late.\n")
        self.breaks("header_comment", "include/headrace/x.h", HEADER.replace("headrace/x.h", "x.h"))
        self.breaks("pragma_once", "src/core/a.h", "int a;\n")

    def test_the_mind_touches_nothing(self):
        for world in ("auto t = std::chrono::steady_clock::time_point();", "auto t = Clock::now();",
                      "std::thread t(f);", "std::jthread t(f);", "int s = socket(1, 2, 3);",
                      'auto e = std::getenv("HOME");', "std::cout << 1;", 'std::printf("a");',
                      "std::random_device r;", 'std::ifstream f("a");'):
            for path in ("src/core/a.cc", "src/flight/a.h", "include/headrace/x.h"):
                self.breaks("mind", path, HEADER + world + "\n")
            self.passes("src/io/a.cc", world + "\n")
            self.passes("src/core/a_test.cc", world + "\n")
        self.passes("src/core/a.cc", "auto t = clock_.now();  // Never steady_clock.\n",
                    "auto id = std::thread::id();\n", 'auto s = "socket";\n')

    def test_nothing_sleeps(self):
        for path in ("src/io/a.cc", "src/io/a_test.cc", "tests/kit/a.h", "apps/headrace/a.cc"):
            text = "#pragma once\nvoid f() { std::this_thread::sleep_for(a); }\n"
            self.breaks("sleep", path, text)
            self.breaks("sleep", path, text.replace("std::this_thread::sleep_for", "usleep"))

    def test_errors_are_values(self):
        self.breaks("throw", "src/io/a.cc", "void f() { throw 1; }\n", "void f() { throw; }\n")
        self.passes("src/io/a.cc", "// They throw.\n", 'auto s = "throw"; auto t = R"(throw;)";\n')
        self.passes("src/io/a_test.cc", "void f() { throw 1; }\n")

    def test_types_own_memory(self):
        self.breaks("new", "src/io/a.cc", "auto a = new Thing(1);\n", "void f() { delete a; }\n",
                    "void f() { delete[] a; }\n", "std::unique_ptr<A> a(new A);\n",
                    "auto a = ::new A;\n")
        self.passes("src/io/a.cc", "A(const A&) = delete;\n", "auto a = ::new (place) A(1);\n",
                    "void operator delete(void* p);\n",
                    "int newest;\nauto n = 1'000;  // new thing\n")

    def test_coroutines_that_one_compiler_breaks(self):
        self.breaks("coroutine", "src/io/a.cc", "if (co_await f()) g();\n",
                    "if (!co_await f()) g();\n", "switch (co_await f()) {\n}\n",
                    "auto a = b ? co_await f() : g();\n", "co_await (a ? f() : g());\n",
                    "co_await f({1});\n", "co_await f(Key{.a = 1});\n", "co_await f(1, {});\n")
        self.passes("src/io/a.cc", "if (auto a = co_await f(); a) {\n}\n",
                    "while (co_await f()) {\n}\n", "for (auto a : co_await f()) {\n}\n",
                    "auto a = co_await f(Key(1), b);\n", "co_return co_await std::move(a);\n")

    def test_names(self):
        self.breaks("name", "src/io/string_util.cc", "int a;\n")
        self.breaks("name", "src/helpers/a.cc", "int a;\n")
        self.breaks("name", "src/io/a.cc", "class CacheManager {};\n", "struct KeyInfo;\n",
                    "enum class DataKind { a };\n")
        self.passes("src/io/database.cc", "class SqliteDatabase {};\n", "class Informed {};\n")

    def test_queues_are_bounded(self):
        self.breaks("unbounded", "src/io/a.cc", "std::deque<int> a_;\n", "std::list<int> a_;\n",
                    "std::priority_queue<int> a_;\n", "std::deque<int> a_;  // Soon.\n")
        self.passes("src/io/a.cc", "std::deque<int> a_;  // At most waiters_max.\n",
                    "// At most waiters_max.\nstd::list<int> a_;\n")
        self.passes("src/io/a_test.cc", "std::deque<int> a_;\n")

    def test_the_mind_is_tested(self):
        def untested(*paths):
            files = [tidy.File(path, "int a;\n") for path in paths]
            return [f.path for f in tidy.findings_of(files) if f.rule == "untested"]

        self.assertEqual(untested("src/core/a.cc", "src/io/b.cc"), ["src/core/a.cc"])
        self.assertEqual(untested("src/core/a.cc", "src/core/a_test.cc"), [])


class Exceptions(unittest.TestCase):
    FOUND = [tidy.Finding("a.cc", 1, "new", "", 1), tidy.Finding("a.cc", 9, "new", "", 1),
             tidy.Finding("b.cc", 1, "file_lines", "", 640)]

    def left(self, apply, text):
        return [f.rule for f in apply(self.FOUND, text)]

    def test_what_is_allowed_is_not_found(self):
        self.assertEqual(self.left(tidy.allow, "# Why.\nnew a.cc It must.\n"), ["file_lines"])

    def test_what_is_allowed_wants_a_reason_and_a_need(self):
        self.assertIn("allowed", self.left(tidy.allow, "new a.cc\n"))
        self.assertIn("allowed", self.left(tidy.allow, "throw a.cc It must.\n"))

    def test_a_debt_is_not_found(self):
        self.assertEqual(self.left(tidy.ratchet, "a.cc new 2\nb.cc file_lines 640\n"), [])

    def test_a_debt_may_not_grow(self):
        self.assertEqual(self.left(tidy.ratchet, "a.cc new 1\n"), ["new", "new", "file_lines"])
        self.assertIn("file_lines", self.left(tidy.ratchet, "b.cc file_lines 639\n"))

    def test_a_debt_that_shrank_is_said(self):
        self.assertIn("ratchet", self.left(tidy.ratchet, "a.cc new 3\n"))
        self.assertIn("ratchet", self.left(tidy.ratchet, "c.cc new 1\n"))
        self.assertIn("ratchet", self.left(tidy.ratchet, "a.cc new\n"))


class Program(unittest.TestCase):
    def test_reads_a_folder(self):
        silence = contextlib.redirect_stdout(io.StringIO())
        with tempfile.TemporaryDirectory() as folder, silence:
            root = pathlib.Path(folder) / "build" / "headrace"
            self.assertEqual(tidy.main([str(root)]), 1, "nothing to read is no success")
            (root / "src" / "io").mkdir(parents=True)
            (root / "src" / "io" / "a.cc").write_text("int a;\n")
            (root / "picture.png").write_bytes(b"\0\1 \n")
            (root / "build").mkdir()
            (root / "build" / "a.cc").write_text("\t")
            self.assertEqual(tidy.main([str(root)]), 0)
            (root / "src" / "io" / "b.cc").write_text("int b; \n")
            self.assertEqual(tidy.main([str(root)]), 1)


if __name__ == "__main__":
    unittest.main()
