"""Real traces in their several formats, each turned into a file of 64-bit little-endian ids."""

import array
import gzip
import lzma
import pathlib
import struct
import subprocess
import sys


class Unreadable(Exception):
    """A trace that is not there, or is not what its name says."""


def unpacked(path):
    """The bytes of a file, decompressed as its last suffix says."""
    try:
        if path.suffix == ".gz":
            return gzip.decompress(path.read_bytes())
        if path.suffix == ".xz":
            return lzma.decompress(path.read_bytes())
        if path.suffix == ".zst":
            return subprocess.run(["zstd", "-dcq", str(path)], capture_output=True,
                                  check=True).stdout
        return path.read_bytes()
    except FileNotFoundError as error:
        raise Unreadable(f"{error.filename}: not there") from error
    except (OSError, EOFError, lzma.LZMAError, subprocess.CalledProcessError) as error:
        raise Unreadable(f"{path}: {error}") from error


def big_endian(raw, code):
    """Ids of 32 ("I") or 64 ("Q") bits, the most significant byte first."""
    ids = array.array(code)
    ids.frombytes(raw[:len(raw) - len(raw) % ids.itemsize])
    if sys.byteorder == "little":
        ids.byteswap()
    return ids


def lis(raw):
    """Lines `start count ignore ignore`: `count` blocks one after another."""
    for line in raw.splitlines():
        start, count = line.split(None, 2)[:2]
        yield from range(int(start), int(start) + int(count))


def numbers(raw):
    """One number a line; lines that begin with an asterisk are marks."""
    for line in raw.splitlines():
        if line.strip() and not line.startswith(b"*"):
            yield int(line)


def sized(raw):
    """Lines `time id size`."""
    for line in raw.splitlines():
        if line.strip():
            yield int(line.split()[1])


def oracle_general(raw):
    """Records of u32 time, u64 id, u32 size, i64 next access, little-endian."""
    for _, key, _, _ in struct.iter_unpack("<IQIq", raw[:len(raw) - len(raw) % 24]):
        yield key


FORMATS = {
    ".lis.zst": lis,
    ".be64.gz": lambda raw: big_endian(raw, "Q"),
    ".be64.xz": lambda raw: big_endian(raw, "Q"),
    ".be32.xz": lambda raw: big_endian(raw, "I"),
    ".txt.gz": numbers,
    ".sized.txt.xz": sized,
    ".oracleGeneral.bin": oracle_general,
}


def name_and_format(path):
    """The trace's name and its reader, or None for a file that is no trace of these."""
    suffix = max((s for s in FORMATS if path.name.endswith(s)), key=len, default=None)
    return None if suffix is None else (path.name.removesuffix(suffix), FORMATS[suffix])


def convert(folder, target, reads_max):
    """Writes target/NAME.u64 for each trace in `folder`, at most `reads_max` ids; yields names.

    A file that is there already is taken as it is.
    """
    folder, target = pathlib.Path(folder), pathlib.Path(target)
    if not folder.is_dir():
        raise Unreadable(f"{folder}: no such folder; name one with --traces DIR")
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted(folder.iterdir()):
        known = name_and_format(path)
        if known is None:
            continue
        name, read = known
        written = target / f"{name}.u64"
        if not written.exists():
            ids = array.array("Q")
            for key in read(unpacked(path)):
                if len(ids) == reads_max:
                    break
                ids.append(key)
            if sys.byteorder == "big":
                ids.byteswap()
            part = written.with_suffix(".part")
            part.write_bytes(ids.tobytes())
            part.rename(written)
        yield name
