#!/bin/bash
# Packs, and runs every part in its smallest form on the CPU in an environment like a GPU host's: no .NET, libtorch in another folder.
# usage, from the repository root: bench/gpu-host/rehearse.sh --data DIR [--only a,b,c,d,e] [--no-pack]
# Needs Debian's python3-torch and libopenblas0-openmp as the peer. Takes less than ten minutes after packing; fails where a part fails.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd) root=$(cd "$(dirname "$0")/../.." && pwd)
data='' only=a,b,c,d,e pack=yes out=$root/artifacts/gpu-host
while [ $# -gt 0 ]; do
  case $1 in
    --data) data=$2; shift 2 ;;
    --only) only=$2; shift 2 ;;
    --no-pack) pack=''; shift ;;
    *) sed -n '2,4s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
done
if [ "$pack" ]; then
  [ "$data" ] || { echo "--data is missing: the folder with images/cifar10-*.bin.gz." >&2; exit 2; }
  "$here/pack.sh" --data "$data" --out "$out"
fi

host=$out/rehearsal
rm -rf "$host"; mkdir -p "$host/bin" "$host/libtorch" "$host/home" "$host/archives"
# a host's libtorch lies far from the program
packages=$(dotnet nuget locals global-packages -l | sed 's/^[^:]*: *//')
for file in "${packages%/}"/libtorch-cpu-linux-x64/*/runtimes/linux-x64/native/*; do ln -sf "$file" "$host/libtorch/"; done
[ -e "$host/libtorch/libtorch_cpu.so" ] || { echo "There is no libtorch in the package cache: build the bench once." >&2; exit 1; }
# the tools of this machine without its .NET
cp -s /usr/bin/* "$host/bin/" 2> /dev/null || true
rm -f "$host/bin/dotnet"
# the scripts as they arrive there, beside the archives
cp "$here"/*.sh "$here"/*.py "$host/archives/"
for file in "$out"/app.tar.xz "$out"/cifar10.images.xz "$out"/ort-cuda.*; do [ ! -e "$file" ] || ln -s "$file" "$host/archives/"; done

# one thread: OpenMP spins where cores are busy
env -i OMP_NUM_THREADS=1 PATH="$host/bin" HOME="$host/home" PYTHON=/usr/bin/python3 TORCH_LIB_DIR="$host/libtorch" \
  GPU_HOST_WORK="$host/work" bash "$host/archives/run.sh" --smallest --device cpu --minutes 9 --only "$only" --out "$host/results"
