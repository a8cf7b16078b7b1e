#!/bin/bash
# Packs the bench, the sample TrainImages and data for a GPU host that has a Python's PyTorch, but no .NET and no network.
# usage: bench/gpu-host/pack.sh [--data DIR] [--out DIR] [--images N] [--tests N] [--with-ort-cuda] [--no-app]
#   --data DIR        CIFAR-10 is in DIR/images or in DIR; without it no data are packed
#   --out DIR         artifacts/gpu-host by default
#   --images N        training images to pack; 20000 by default
#   --tests N         test images to pack; 2000 by default
#   --with-ort-cuda   also ONNX Runtime's CUDA provider, for one architecture, in parts
#   --no-app          leave the archive of the programs as it is
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd) root=$(cd "$(dirname "$0")/../.." && pwd)
data='' out=$root/artifacts/gpu-host images=20000 tests=2000 ort_cuda='' app=yes
ort_cuda_version=${ORT_CUDA_VERSION:-1.31.0} # the newest one that feeds have of this large package; the managed half may be a patch newer
architecture=${ARCHITECTURE:-90}             # H100 and H200
part_size=58M
while [ $# -gt 0 ]; do
  case $1 in
    --data) data=$2; shift 2 ;;
    --out) out=$2; shift 2 ;;
    --images) images=$2; shift 2 ;;
    --tests) tests=$2; shift 2 ;;
    --with-ort-cuda) ort_cuda=yes; shift ;;
    --no-app) app=''; shift ;;
    *) sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
done
mkdir -p "$out"; out=$(cd "$out" && pwd)
export ORT_DISABLE_TELEMETRY=1 DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1

numpy_python() { # the first python3 that has numpy
  local python
  for python in ${PYTHON:-} python3 /usr/bin/python3; do
    if "$python" -c 'import numpy' 2> /dev/null; then echo "$python"; return; fi
  done
  echo "No python3 with numpy: apt install python3-numpy, or set PYTHON." >&2; exit 1
}

# most bytes are machine code: the x86 filter earns a few percent
squeeze() { xz -T1 --x86 --lzma2="preset=${XZ_PRESET:-9}" > "$1.tmp"; mv "$1.tmp" "$1"; }

if [ "$app" ]; then
  rm -rf "$out/app" # publishing leaves what lies there
  # Untrimmed, since ML.NET reflects. An output folder of its own, so that the ordinary build's stays; both programs share one runtime.
  for project in bench/RealNvp.ML.Bench samples/TrainImages; do
    dotnet publish "$root/$project" -c Release -r linux-x64 --self-contained -p:Backend=host -p:ArtifactsPath="$out/build/" \
      -p:CreateSymbolicLinksForCopyLocalIfPossible=false -p:DebugType=none -p:GenerateDocumentationFile=false -o "$out/app" -v:q
  done
  # what only debuggers, other systems and other garbage collectors need
  (cd "$out/app" && rm -f onnxruntime.* onnxruntime_providers_shared.* ./*.dbg ./*.pdb ./*.xml ./*.lib createdump \
    libmscordaccore.so libmscordbi.so libcoreclrtraceptprovider.so libclrgc.so libclrgcexp.so)
  # what only the benchmarks of services, clusters and pretrained nets need, which are not run there
  (cd "$out/app" && rm -rf DnnImageModels Microsoft.AspNetCore.*.dll Orleans*.dll Microsoft.Orleans*.dll Microsoft.CodeAnalysis*.dll \
    StackExchange.Redis.dll)
  for needed in RealNvp.ML.Bench TrainImages libcoreclr.so libLibTorchSharp.so libonnxruntime.so pytorch/training.py; do
    [ -e "$out/app/$needed" ] || { echo "The published programs lack $needed." >&2; exit 1; }
  done
  if [ -e "$out/app/libtorch_cpu.so" ]; then echo "The published programs hold a libtorch." >&2; exit 1; fi
  tar -C "$out" -cf - app | squeeze "$out/app.tar.xz"
fi

if [ "$data" ]; then
  folder=$data; [ -d "$data/images" ] && folder=$data/images
  "$(numpy_python)" "$here/images.py" pack "$folder" "$images" "$tests" "$out/cifar10.images.tmp"
  mv "$out/cifar10.images.tmp" "$out/cifar10.images.xz"
fi

if [ "$ort_cuda" ]; then
  scratch=$out/ort-cuda-restore
  mkdir -p "$scratch"
  cat > "$scratch/restore.csproj" << PROJECT
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup><TargetFramework>net10.0</TargetFramework></PropertyGroup>
  <ItemGroup><PackageDownload Include="Microsoft.ML.OnnxRuntime.Gpu.Linux" Version="[$ort_cuda_version]" /></ItemGroup>
</Project>
PROJECT
  dotnet restore "$scratch/restore.csproj" -p:ArtifactsPath="$scratch/build/" -v:q
  packages=$(dotnet nuget locals global-packages -l | sed 's/^[^:]*: *//')
  native=${packages%/}/microsoft.ml.onnxruntime.gpu.linux/$ort_cuda_version/runtimes/linux-x64/native
  provider=libonnxruntime_providers_cuda.so
  rm -rf "$out/ort-cuda"; mkdir "$out/ort-cuda"
  cp "$native/libonnxruntime.so" "$native/libonnxruntime_providers_shared.so" "$out/ort-cuda"
  # no flow has attention or mixtures of experts, whose kernels are half of the rest
  if [ -e "$here/thin_fatbin.py" ]; then
    python3 "$here/thin_fatbin.py" --keep "$architecture" --common "$native/$provider" "$out/ort-cuda/$provider"
  else
    cp "$native/$provider" "$out/ort-cuda"
  fi
  rm -f "$out"/ort-cuda.tar.xz*
  tar -C "$out" -cf - ort-cuda | squeeze "$out/ort-cuda.tar.xz"
  split -b "$part_size" -d -a 2 "$out/ort-cuda.tar.xz" "$out/ort-cuda.tar.xz.part-"
  # the host must know whether all parts are there
  sha256sum < "$out/ort-cuda.tar.xz" | cut -d' ' -f1 > "$out/ort-cuda.sha256"
  rm "$out/ort-cuda.tar.xz"
fi

echo "archives:"
(cd "$out" && for file in app.tar.xz cifar10.images.xz ort-cuda.sha256 ort-cuda.tar.xz.part-*; do
  [ ! -e "$file" ] || printf '  %6.1f MB  %s\n' "$(stat -c %s "$file" | awk '{ print $1 / 1e6 }')" "$out/$file"
done)
