#!/bin/bash
# Runs what pack.sh packed on a GPU host, within a number of minutes, and leaves few files.
# usage: run.sh [--minutes N] [--only a,b,c,d,e] [--smallest] [--out DIR] [--archives DIR] [--device cuda|cpu]
#   --minutes N      for everything, unpacking included; 12 by default
#   --only LIST      some of the parts below; all by default
#   --smallest       each part in its smallest form: a rehearsal
#   --out DIR        for summary.md, results.json, log.txt and pictures, those of earlier calls too; gpu-host-results by default
#   --archives DIR   beside this file, or artifacts/gpu-host, by default
#   --device D       cuda by default
# PYTHON names the interpreter whose PyTorch is used, TORCH_LIB_DIR the folder of another libtorch, GPU_HOST_WORK the folder to unpack into;
# CHECKS is a part of the names of the checks to run in part a, GRAPHS of what to measure in part d; LOADS, PRECISIONS and ROUNDS are
# those of part b, WIDTH and BLOCKS those of part c-narrow, STEPS, RATE, BATCH and PRECISION those of both trainings of part c.
# The exit code is the number of parts that failed.
set -u
minutes=12 only=a,b,c,d,e smallest='' out=gpu-host-results archives='' device=cuda

# --- The parts, in order of worth, and their shares of the time. ---
parts=(a:3 b:5 c-narrow:6 c-paper:5 d:3 e:2)

# Sets $command; $1 is the part, $2 the seconds that it may take.
command_of() {
  local left=$(($2 * 4 / 5)) minutes_of rate cores
  case $1 in
    a) command=(RealNvp.ML.Bench device --device "$device" --only "${CHECKS:-}"
         --seconds "$([ "$smallest" ] && echo 15 || echo "$left")") ;;
    b) command=(RealNvp.ML.Bench training --device "$device" --python "$peer")
       if [ "$smallest" ]; then command+=(--precisions f32 --loads tabular --threads 1) # cores of a rehearsal may be busy
       elif [ "$device" = cpu ]; then command+=(--precisions f32 --loads tabular,image,image32)
       else command+=(--precisions "${PRECISIONS:-f32,tf32,bf16}" --loads "${LOADS:-tabular,image32,image}" --rounds "${ROUNDS:-5}"
         --seconds "$left"); fi ;;
    c-*) # checks of the graphs, bits per dimension and pictures follow training, on the CPU
       # the learning rate falls over so many steps; a guess of the steps per second makes it low when the time is up
       [ "$1" = c-narrow ] && left=$(($2 - 30)) rate=12 || left=$(($2 - 50)) rate=6
       [ "$left" -ge 20 ] || left=20
       minutes_of=$(awk "BEGIN { print $left / 60 }")
       command=(TrainImages --data "$cifar" --preset cifar10 --device "$device" --out "$work/results/$1")
       if [ "$smallest" ]; then command+=(--width 4 --blocks 1 --train 300 --test 50 --threads 1 --steps 1000 --minutes 0.15)
       else command+=(--steps "${STEPS:-$((left * rate))}" --minutes "$minutes_of" --rate "${RATE:-0.002}"); fi
       # launching kernels takes longer than computing them: larger batches cost nothing
       if [ "$smallest" ]; then :
       elif [ "$1" = c-narrow ]; then command+=(--width "${WIDTH:-32}" --blocks "${BLOCKS:-4}" --test 1000 --batch "${BATCH:-256}")
       else command+=(--test 500 --batch "${BATCH:-128}"); fi
       if [ "$device" != cpu ]; then command+=(--precision "${PRECISION:-bf16}"); fi ;;
    d) command=(RealNvp.ML.Bench cuda --device "$device" --python "$peer" --only "${GRAPHS:-}"
         --seconds "$([ "$smallest" ] && echo 5 || echo "$left")") ;;
    e) cores=$(for n in 1 2 4 8 16; do [ "$n" -gt "$cpus" ] || echo "$n"; done | paste -sd,)
       command=(RealNvp.ML.Bench scoring --cores "$cores" --seconds "$([ "$smallest" ] && echo 5 || echo "$left")") ;;
  esac
  if [ "$smallest" ] && [ "${command[0]}" = RealNvp.ML.Bench ]; then command+=(--rounds 1); fi
}
# --- ---

here=$(cd "$(dirname "$0")" && pwd)
while [ $# -gt 0 ]; do
  case $1 in
    --minutes) minutes=$2; shift 2 ;;
    --only) only=$2; shift 2 ;;
    --smallest) smallest=yes; shift ;;
    --out) out=$2; shift 2 ;;
    --archives) archives=$2; shift 2 ;;
    --device) device=$2; shift 2 ;;
    *) sed -n '2,13s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
done
if [ -z "$archives" ]; then
  archives=$here
  [ -e "$here/app.tar.xz" ] || archives=$here/../../artifacts/gpu-host
fi
work=${GPU_HOST_WORK:-/tmp/gpu-host} python=${PYTHON:-python3}
mkdir -p "$work/results" "$out"
out=$(cd "$out" && pwd) deadline=$(awk "BEGIN { print int($SECONDS + 60 * $minutes) }")
cifar=$work/cifar10 peer=$work/peer-python
cpus=$(env -u OMP_NUM_THREADS nproc)

# --- Unpacking, once for each archive. Python does it: a host may lack xz. ---
unpack() { # name, stamp of the archive, command...
  local name=$1 stamp=$2; shift 2
  if [ "$(cat "$work/$name.stamp" 2> /dev/null)" = "$stamp" ]; then return; fi
  rm -rf "${work:?}/$name" "$work/$name.stamp"
  if "$@"; then echo "$stamp" > "$work/$name.stamp"; echo "unpacked $name ($SECONDS s)"; else echo "FAILED to unpack $name"; fi
}
untar() {
  "$python" -c 'import sys, tarfile
with tarfile.open(fileobj=sys.stdin.buffer, mode="r|xz") as archive:
    archive.extractall(sys.argv[1])' "$work"
}
untar_app() { untar < "$archives/app.tar.xz" && chmod +x "$work/app/RealNvp.ML.Bench" "$work/app/TrainImages"; }
untar_ort() { # the same programs on the other ONNX Runtime; links, not copies, since only the folder differs
  cat "$archives"/ort-cuda.tar.xz.part-* | untar && cp -al "$work/app" "$work/ort-cuda/app" \
    && cp --remove-destination "$work"/ort-cuda/*.so "$work/ort-cuda/app"
}
if [ -e "$archives/app.tar.xz" ]; then unpack app "$(cksum < "$archives/app.tar.xz")" untar_app; fi
if [ -e "$archives/cifar10.images.xz" ]; then
  unpack cifar10 "$(cksum < "$archives/cifar10.images.xz")" "$python" "$here/images.py" unpack "$archives/cifar10.images.xz" "$cifar"
fi
if [ -e "$archives/ort-cuda.sha256" ]; then
  sum=$(cat "$archives/ort-cuda.sha256")
  if [ "$(cat "$archives"/ort-cuda.tar.xz.part-* 2> /dev/null | sha256sum | cut -d' ' -f1)" = "$sum" ]; then
    unpack ort-cuda "$sum $(cat "$work/app.stamp")" untar_ort
  else
    echo "ONNX Runtime's CUDA provider waits for parts that are not here yet"
  fi
fi
if [ ! -x "$work/app/RealNvp.ML.Bench" ]; then echo "There are no programs: app.tar.xz is not in $archives." >&2; exit 100; fi

# --- Where libtorch is. ---
site=$("$python" -c 'import importlib.util, os
print(os.path.dirname(os.path.dirname(importlib.util.find_spec("torch").origin)))' 2> /dev/null)
torch=${TORCH_LIB_DIR:-$site/torch/lib}
if [ ! -e "$torch/libtorch_cpu.so" ]; then echo "There is no libtorch in '$torch': set PYTHON or TORCH_LIB_DIR." >&2; exit 100; fi
nvidia=$(for folder in "$site"/nvidia/*/lib; do [ ! -d "$folder" ] || printf ':%s' "$folder"; done)
libraries=$torch$nvidia${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
# Preloaded, because TorchSharp says that there is no GPU, and nothing else, where libtorch_cuda is not loaded before.
preload=$(for name in libc10 libtorch_cpu libc10_cuda libtorch_cuda libtorch; do
  [ ! -e "$torch/$name.so" ] || printf '%s:' "$torch/$name.so"
done)
preload=${preload%:}

# The peer runs as its user would run it, without our libraries.
cat > "$peer" << PEER
#!/bin/bash
if [ "\$LD_PRELOAD" = '$preload' ]; then unset LD_PRELOAD; fi
export LD_LIBRARY_PATH='${LD_LIBRARY_PATH:-}'
if [ -z "\$LD_LIBRARY_PATH" ]; then unset LD_LIBRARY_PATH; fi
exec "$(command -v "$python")" "\$@"
PEER
chmod +x "$peer"

export ORT_DISABLE_TELEMETRY=1 CUDA_MODULE_LOADING=LAZY
export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 DOTNET_gcServer=0 DOTNET_EnableWriteXorExecute=0 DOTNET_EnableDiagnostics=0

# --- Facts about the host. ---
{
  echo "$(date -u '+%Y-%m-%d %H:%M') UTC, $cpus cores, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(uname -r)"
  timeout 20 nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm,power.limit --format=csv,noheader 2> /dev/null \
    || echo "no nvidia-smi"
  timeout 90 "$python" -c 'import sys, torch
print("Python", sys.version.split()[0], "torch", torch.__version__, "CUDA", torch.version.cuda, "cuDNN", torch.backends.cudnn.version())
print("torch sees", torch.cuda.get_device_name(0) if torch.cuda.is_available() else "no GPU")' 2>&1 | tail -3
  echo "libtorch: $torch"
  LD_LIBRARY_PATH=$libraries timeout 90 "$python" "$here/abi_check.py" "$work/app/libLibTorchSharp.so" "$torch" 2>&1 | sed 30q
  if [ -e "$work/ort-cuda.stamp" ]; then
    provider=$work/ort-cuda/libonnxruntime_providers_cuda.so
    lacks=$(LD_LIBRARY_PATH=$libraries ldd "$provider" 2>&1 | sed -n 's/ => not found//p' | tr -d '\t' | paste -sd' ')
    echo "ONNX Runtime's CUDA provider lacks: ${lacks:-nothing}"
  fi
} > "$work/results/facts.txt"
cat "$work/results/facts.txt"

# --- Results so far, rewritten after every part. ---
compose() {
  local name entry
  {
    printf '# A run on a GPU host\n\n```\n%s\n```\n\n' "$(cat "$work/results/facts.txt")"
    printf '| part | seconds | exit code | command |\n| --- | ---: | ---: | --- |\n'
    for entry in "${parts[@]}"; do cat "$work/results/${entry%:*}.row" 2> /dev/null; done
    for entry in "${parts[@]}"; do
      name=${entry%:*}
      [ -e "$work/results/$name.row" ] || continue
      printf '\n## Part %s\n\n' "$name"
      if [ -s "$work/results/$name.md" ]; then cat "$work/results/$name.md"
      elif [ -e "$work/results/$name.log" ]; then printf '```\n%s\n```\n' "$(tail -n 40 "$work/results/$name.log" | cut -c1-300)"; fi
    done
  } > "$out/summary.md.tmp" && mv "$out/summary.md.tmp" "$out/summary.md"
  cat "$work"/results/*.jsonl > "$out/results.json" 2> /dev/null
  for entry in "$work"/results/*.log; do
    printf '\n===== %s\n' "$(basename "$entry" .log)"; tail -c 400000 "$entry"
  done > "$out/log.txt" 2> /dev/null
  for name in c-narrow c-paper; do
    for picture in samples reconstructions; do
      [ ! -e "$work/results/$name/$picture.png" ] || cp "$work/results/$name/$picture.png" "$out/$picture-${name#c-}.png"
    done
  done
}

# --- The parts. ---
failed=0 weight=0
wanted() { case ,$only, in *,"${1%-*}",* | *,"$1",*) true ;; *) false ;; esac; }
for entry in "${parts[@]}"; do if wanted "${entry%:*}"; then weight=$((weight + ${entry#*:})); fi; done
for entry in "${parts[@]}"; do
  name=${entry%:*} share=${entry#*:}
  wanted "$name" || continue
  seconds=$(((deadline - SECONDS - 5) * share / weight)) # what a part leaves goes to those after it
  weight=$((weight - share))
  rm -rf "$work/results/$name" "$work/results/$name".*
  log=$work/results/$name.log
  obstacle=''
  if [ "$seconds" -lt 10 ]; then obstacle='no time left'; fi
  if [ "${name%-*}" = c ] && [ ! -e "$work/cifar10.stamp" ]; then obstacle='no data'; fi
  if [ "$obstacle" ]; then
    echo "part $name: $obstacle"; echo "| $name | 0 | $obstacle | |" > "$work/results/$name.row"
    failed=$((failed + 1)); compose; continue
  fi
  command_of "$name" "$seconds"
  program=$work/app/${command[0]}
  # a training is worth nothing before its end: rather than lose it, it may take from the parts after it
  if [ "${name%-*}" = c ]; then seconds=$((seconds + 60)); fi
  if [ "$seconds" -gt $((deadline - SECONDS - 5)) ]; then seconds=$((deadline - SECONDS - 5)); fi
  # The checks and the rates of a GPU need the CUDA provider; the others are to run on the ONNX Runtime that the packages name.
  # What was unpacked beside earlier programs would run those.
  if [[ "$name" = [ad] ]] && [[ "$(cat "$work/ort-cuda.stamp" 2> /dev/null)" = *" $(cat "$work/app.stamp")" ]]; then
    program=$work/ort-cuda/app/${command[0]}
  fi
  if [ "${command[0]}" = RealNvp.ML.Bench ]; then command+=(--json "$work/results/$name.jsonl" --markdown "$work/results/$name.md"); fi
  printf '\n=== part %s, at most %s s: %s\n' "$name" "$seconds" "${command[*]}"
  start=$SECONDS
  (cd "$work" && timeout -k 5 "$seconds" env LD_LIBRARY_PATH="$libraries" LD_PRELOAD="$preload" "$program" "${command[@]:1}") \
    > "$log" 2>&1 < /dev/null
  code=$?
  echo "| $name | $((SECONDS - start)) | $code | \`${command[*]//"$work/"/}\` |" > "$work/results/$name.row"
  [ "$code" = 0 ] || failed=$((failed + 1))
  compose
  tail -n 25 "$log" | cut -c1-250
  echo "--- part $name: exit code $code after $((SECONDS - start)) s"
done
printf '\n%s parts failed; results are in %s\n' "$failed" "$out"
exit "$failed"
