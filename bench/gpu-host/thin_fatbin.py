#!/usr/bin/env python3
"""Empties the device code for other GPUs in a CUDA library, so that the library packs small.

A CUDA library holds its kernels once per GPU architecture, and a host loads those of its own alone. The payloads of all others become
zeros in the copy; headers, sizes and offsets stay, so nothing moves. Where a container has nothing for the architecture, the nearest lower
one is kept, or else the PTX.
"""

import argparse
import collections
import mmap
import shutil
import struct
import sys

MAGIC = 0xBA55ED50
PTX, CUBIN = 1, 2
Entry = collections.namedtuple("Entry", "kind arch start size")


def sections(data):
    """Name, offset and size of each section of a 64-bit little-endian ELF file."""
    if data[:6] != b"\x7fELF\x02\x01":
        sys.exit("This is no 64-bit ELF library.")
    table, = struct.unpack_from("<Q", data, 0x28)
    width, count, names = struct.unpack_from("<HHH", data, 0x3A)
    headers = [struct.unpack_from("<IIQQQQ", data, table + i * width) for i in range(count)]
    text = headers[names][4]
    for name, _, _, _, offset, size in headers:
        start = text + name
        yield data[start:data.find(b"\0", start)].decode(), offset, size


def containers(data, offset, size):
    """The entries of each container of a section."""
    at, end = offset, offset + size
    while at + 16 <= end:
        magic, _, header, body = struct.unpack_from("<IHHQ", data, at)
        if magic != MAGIC:
            at += 8  # containers are aligned, with zeros between them
            continue
        yield list(entries(data, at + header, at + header + body))
        at += header + body


def entries(data, at, end):
    while at < end:
        kind, _, header, size = struct.unpack_from("<HHIQ", data, at)
        arch, = struct.unpack_from("<I", data, at + 28)
        if header < 32 or at + header + size > end:
            sys.exit(f"An entry at {at:#x} does not fit into its container: the layout is another one.")
        yield Entry(kind, arch, at + header, size)
        at += header + size


def kept(found, keep, common):
    """What a GPU of the architecture would load: its own code, or that of the nearest lower one, or else PTX, which the driver compiles."""
    if common and len({entry.arch for entry in found}) == 1:
        return []
    cubins = [entry for entry in found if entry.kind == CUBIN]
    own = max((entry.arch for entry in cubins if entry.arch <= keep and entry.arch // 10 == keep // 10), default=None)
    if own is not None:
        return [entry for entry in cubins if entry.arch == own]
    return [entry for entry in found if entry.kind == PTX and entry.arch <= keep] or found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library")
    parser.add_argument("copy")
    parser.add_argument("--keep", type=int, default=90, help="the architecture as a number, 90 for 9.0 (default)")
    parser.add_argument("--common", action="store_true",
                        help="drop kernels that were written for one architecture alone as well: in ONNX Runtime those of attention and of "
                        "mixtures of experts. They are loaded on first use, so a graph without them never misses them")
    arguments = parser.parse_args()
    shutil.copyfile(arguments.library, arguments.copy)
    found, left = collections.Counter(), collections.Counter()
    exact = others = 0
    with open(arguments.copy, "r+b") as file, mmap.mmap(file.fileno(), 0) as data:
        for name, offset, size in sections(data):
            if name not in (".nv_fatbin", "__nv_relfatbin"):
                continue
            for container in containers(data, offset, size):
                chosen = kept(container, arguments.keep, arguments.common)
                if any(entry.arch == arguments.keep for entry in chosen):
                    exact += 1
                else:
                    others += 1
                for entry in container:
                    what = ("PTX" if entry.kind == PTX else "code" if entry.kind == CUBIN else f"kind {entry.kind}", entry.arch)
                    found[what] += entry.size
                    if entry in chosen:
                        left[what] += entry.size
                    else:
                        data[entry.start:entry.start + entry.size] = bytes(entry.size)
    if not found:
        sys.exit("The library has no device code.")
    for (kind, arch), size in sorted(found.items()):
        print(f"{kind:6} {arch:4} {size:12,} bytes, {left[kind, arch]:12,} kept")
    print(f"{exact} containers keep code for {arguments.keep}, {others} do not")


main()
