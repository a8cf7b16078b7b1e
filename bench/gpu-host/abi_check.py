#!/usr/bin/env python3
"""Says whether a PyTorch's libtorch has what TorchSharp's native library imports: abi_check.py libLibTorchSharp.so TORCH_LIB_DIR.

Reads the symbol tables of the files themselves, so that it holds for every version of either. Missing functions fail where they are
called, missing data stop the library from loading. Exit code: 0 for nothing missing, 1 for functions, 2 for data or a library that
does not load.
"""

import ctypes
import os
import shutil
import struct
import subprocess
import sys

LIBRARIES = ["libc10.so", "libtorch_cpu.so", "libtorch_cuda.so", "libtorch.so", "libc10_cuda.so"]


def symbols(path):
    """Name, whether defined, whether weak and whether of a named version, for each dynamic symbol of a 64-bit little-endian ELF file."""
    with open(path, "rb") as file:
        header = file.read(64)
        if header[:6] != b"\x7fELF\x02\x01":
            sys.exit(f"{path} is no 64-bit ELF library.")
        table, = struct.unpack_from("<Q", header, 0x28)
        width, count, _ = struct.unpack_from("<HHH", header, 0x3A)
        file.seek(table)
        raw = file.read(width * count)
        sections = [struct.unpack_from("<IIQQQQI", raw, i * width) for i in range(count)]

        def content(section):
            file.seek(section[4])
            return file.read(section[5])

        dynamic = next(section for section in sections if section[1] == 11)  # SHT_DYNSYM
        names = content(sections[dynamic[6]])
        versions = next((content(section) for section in sections if section[1] == 0x6FFFFFFF), None)  # SHT_GNU_versym
        for i, (name, info, _, section, _, _) in enumerate(struct.iter_unpack("<IBBHQQ", content(dynamic))):
            version = struct.unpack_from("<H", versions, 2 * i)[0] & 0x7FFF if versions else 0
            yield names[name:names.find(b"\0", name)].decode(), section != 0, info >> 4 == 2, version > 1


def demangled(names):
    if names and shutil.which("c++filt"):
        return subprocess.run(["c++filt"], input="\n".join(names), text=True, capture_output=True, check=False).stdout.splitlines()
    return names


def main(library, folder):
    here = [name for name in LIBRARIES if os.path.exists(os.path.join(folder, name))]
    # symbols of a named version are those of glibc and libstdc++
    needed = {name for name, defined, weak, versioned in symbols(library) if name and not defined and not weak and not versioned}
    found = {name for file in here for name, defined, _, _ in symbols(os.path.join(folder, file)) if defined}
    missing = sorted(needed - found)
    data = [name for name in missing if name.startswith(("_ZTV", "_ZTI", "_ZTH")) or "_singleton" in name or name.endswith("_enabledE")]
    print(f"{len(needed)} symbols imported, {len(missing)} missing, of them {len(data)} data; libraries: {', '.join(here)}")
    for name in demangled(missing):
        print("  missing:", name)
    broken = False
    for file in here + [library]:
        try:
            ctypes.CDLL(os.path.join(folder, file), ctypes.RTLD_GLOBAL)
        except OSError as error:
            broken = True
            print("  does not load:", error)
    return 2 if data or broken else 1 if missing else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(os.path.abspath(sys.argv[1]), sys.argv[2]))
