#!/usr/bin/env bash
# Puts the client libraries that tests drive against the program, and the public test suites that
# judge it, into .cache/clients: a virtual environment of Python, node_modules, and the sources of
# suites as their authors publish them, which are never changed.
#
# Versions are pinned in tests/clients.  What is there is not fetched again.  What cannot be had is
# said in one line and stands in NAME.missing, whose words the tests repeat that are skipped;
# `tools/clients.sh again` tries once more.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
clients=$root/.cache/clients
pins=$root/tests/clients

# Prefers the system's own Python, which stays where it is.
python_folder() {
  local python=/usr/bin/python3
  [[ -x $python ]] || python=python3
  why="python3 cannot make a virtual environment (the package python3-venv)"
  rm -rf "$clients/python"
  "$python" -m venv "$clients/python" || return 1
  why="pip cannot fetch what $pins/requirements.txt names"
  "$clients/python/bin/pip" install --disable-pip-version-check --no-input \
    -r "$pins/requirements.txt" || return 1
}

node_folder() {
  why="there is no node with npm"
  command -v node >/dev/null && command -v npm >/dev/null || return 1
  why="npm cannot fetch what $pins/package.json names"
  mkdir -p "$clients/node"
  cp "$pins/package.json" "$clients/node/"
  (cd "$clients/node" && npm install --no-audit --no-fund --ignore-scripts) || return 1
}

# Source archives as they stand on the package index; building them is not needed.
suites_folder() {
  local archive
  why="the virtual environment of Python is not there"
  [[ -x $clients/python/bin/pip ]] || return 1
  why="pip cannot fetch what $pins/suites.txt names"
  rm -rf "$clients/suites"
  mkdir -p "$clients/suites/archives"
  "$clients/python/bin/pip" download --disable-pip-version-check --no-input --no-deps \
    --no-binary :all: --no-build-isolation -d "$clients/suites/archives" \
    -r "$pins/suites.txt" || return 1
  why="what pip fetched cannot be unpacked"
  for archive in "$clients"/suites/archives/*.tar.gz; do
    tar -xzf "$archive" -C "$clients/suites" || return 1
  done
  why="npm cannot fetch connect-redis"
  (cd "$clients/suites/archives" &&
    npm pack --silent "$(sed -n 's/^# npm: //p' "$pins/suites.txt")") || return 1
  mkdir -p "$clients/suites/connect-redis"
  tar -xzf "$clients"/suites/archives/connect-redis-*.tgz -C "$clients/suites/connect-redis" \
    --strip-components=1 || return 1
}

# The stamp's name stands for this script and the pins: when those change, all is fetched anew.
why=''
set_up() {
  local name=$1 stamp=$clients/$1.$version missing=$clients/$1.missing
  [[ ! -e $stamp ]] || return 0
  [[ $again == again || ! $missing -nt ${BASH_SOURCE[0]} ]] || return 0
  echo "Fetching the $name part of what tests drive"
  mkdir -p "$clients"
  rm -f "$clients/$name".*
  if "${name}_folder" >"$clients/$name.log" 2>&1; then
    : >"$stamp"
  else
    echo "$why" >"$missing"
    echo "Without it, and its tests will be skipped: $why." >&2
  fi
}

again=${1:-}
version=$(cat "${BASH_SOURCE[0]}" "$pins"/* | cksum | cut -d ' ' -f 1)
for name in python node suites; do set_up "$name"; done
