"""Every public header compiles alone: `headers_alone.py COMPILER INCLUDE_FOLDER`."""

import concurrent.futures
import os
import pathlib
import subprocess
import sys


def compile_alone(compiler, folder, header):
    """What the compiler says to a file that includes `header` twice and nothing else."""
    source = f'#include "{header}"\n' * 2
    ended = subprocess.run(
        [compiler, "-std=c++23", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-I", str(folder),
         "-x", "c++", "-"], input=source, text=True, capture_output=True, check=False)
    return ended.stderr if ended.returncode else ""


def main(compiler, folder):
    folder = pathlib.Path(folder)
    headers = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.h"))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        said = list(pool.map(lambda header: compile_alone(compiler, folder, header), headers))
    failed = [header for header, text in zip(headers, said) if text]
    for header, text in zip(headers, said):
        if text:
            print(f"{header} does not compile alone:\n{text}")
    print(f"headers_alone: {len(headers)} headers, {len(failed)} failed")
    return 0 if headers and not failed else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
