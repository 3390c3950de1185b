# Sourced by the scripts beside it: where things are, and how a step is shown.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
logs=$root/build/logs
# Before setup ran there may be neither nproc (macOS) nor sysctl (Linux).
cores=$(nproc 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null || echo 2)

say() { printf '%s\n' "$*"; }
die() { printf '%s\n' "$*" >&2; exit 1; }

# quiet LABEL COMMAND...: one line when it works; its output only when it fails.
quiet() {
  local label=$1 log start=$SECONDS code=0
  shift
  mkdir -p "$logs"
  log=$logs/${label//[^a-zA-Z0-9]/-}.log
  printf '== %s: %s\n' "$label" "$*"
  "$@" >"$log" 2>&1 </dev/null || code=$?
  if [ $code -ne 0 ]; then
    tail -n 80 "$log" >&2
    say "== $label failed with exit code $code after $((SECONDS - start)) s; all of its output: $log" >&2
    return $code
  fi
  [ $((SECONDS - start)) -lt 3 ] || say "   done in $((SECONDS - start)) s"
}

# With ccache a second clone, and CI on the same machine, compile nothing twice: paths are made relative so that they agree.
use_ccache() {
  command -v ccache >/dev/null || return 0
  export CMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER-ccache}
  export CCACHE_BASEDIR=${CCACHE_BASEDIR-$root} CCACHE_NOHASHDIR=${CCACHE_NOHASHDIR-1}
}

# build PRESET [TARGET]: into build/PRESET, everything unless a target is named.
build() {
  use_ccache
  cd "$root"
  quiet "configure $1" cmake --preset "$1" || return
  quiet "build $1" cmake --build --preset "$1" -j "$cores" ${2:+--target "$2"}
}
