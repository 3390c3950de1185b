# Sourced by the scripts beside it: a temporary folder with npm packages at fixed versions, and a check of what was printed.
# They need Node 18 or newer and npm, install nothing outside of the folder, and never run kvcache.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

# packages NAME@VERSION...: without their install scripts, so that only what the registry holds is run. $overrides: versions of
# what they depend on, as JSON.
packages() {
  printf '{"private": true, "overrides": %s}\n' "${overrides:-{\}}" >package.json
  npm install --ignore-scripts --no-audit --no-fund --silent "$@" >/dev/null
}

# expect TEXT: standard input is exactly that; else it is shown beside it, and the script fails.
expect() {
  local seen
  seen=$(cat)
  printf '%s\n' "$seen"
  if [ "$seen" != "$1" ]; then
    printf 'changed. It used to be:\n%s\n' "$1" >&2
    exit 1
  fi
}
