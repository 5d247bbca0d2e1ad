#!/usr/bin/env bash
# Unpacks the servers that tests start into .cache/servers: redis-server 7 and memcached of Debian
# 12, and the library that moves a server's clock, valkey-server 8 of its backports, and the newest
# valkey-server, of the next Debian.
#
# They are unpacked and not installed: so it needs no root, no package's script starts a service or
# takes a port, and the libraries of the machine stay as they are.  Apt fetches and checks them as
# it does all else, from the machine's own mirror, with lists in a folder of its own.  What is there
# is not fetched again.  What cannot be had is said in one line, and stands in NAME.missing, whose
# words the tests repeat that are skipped; `tools/servers.sh again` tries once more.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
servers=$root/.cache/servers
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# What belongs to each name: its suite, and its packages with the libraries that a machine set up
# for the build may lack.  The next Debian's program runs on the next Debian's C library.
declare -A suites=([debian]=bookworm [backports]=bookworm-backports [newest]=forky)
declare -A packages=(
  [debian]="redis-server redis-tools memcached libfaketime liblzf1 libjemalloc2
    libevent-2.1-7 libsasl2-2"
  [backports]="valkey-server valkey-tools"
  [newest]="valkey-server valkey-tools libc6 libgcc-s1 libstdc++6 libatomic1 libjemalloc2 liblzf1
    libssl3t64 libsystemd0 libzstd1 zlib1g"
)

# The mirror that this machine's apt takes Debian 12 from, whichever way that is written down.
mirror() {
  apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
    awk '$1 == "bookworm" && $2 == "main" && !found { print $3; found = 1 }'
}

# What starts in bin.
declare -A programs=([debian]="redis-server memcached" [backports]=valkey-server
  [newest]=valkey-newest)

# Writes bin/PROGRAM, which becomes the program itself and so keeps its process id.
write_starter() {
  local program=$1 folder=$2 path=$3 libraries=$4 loader=${5:-}
  mkdir -p "$servers/bin"
  {
    printf '#!/bin/sh\n# Written by tools/servers.sh.\nhere=${0%%/*}/..\n'
    if [[ -n $loader ]]; then
      printf 'exec "$here/%s/%s" --library-path "%s" "$here/%s/%s" "$@"\n' \
        "$folder" "$loader" "$libraries" "$folder" "$path"
    else
      printf 'LD_LIBRARY_PATH="%s" exec "$here/%s/%s" "$@"\n' "$libraries" "$folder" "$path"
    fi
  } >"$servers/bin/$program"
  chmod +x "$servers/bin/$program"
}

write_starters() {
  local triplet libraries
  triplet=$(dpkg-architecture -q DEB_HOST_MULTIARCH)
  libraries="\$here/$1/usr/lib/$triplet"
  case $1 in
    debian)
      write_starter redis-server debian usr/bin/redis-server "$libraries"
      write_starter memcached debian usr/bin/memcached "$libraries"
      ;;
    # It takes its libraries from beside redis-server.
    backports)
      write_starter valkey-server backports usr/bin/valkey-server \
        "\$here/debian/usr/lib/$triplet"
      ;;
    newest)
      local loader=("$servers"/newest/usr/lib/"$triplet"/ld-linux*.so.*)
      write_starter valkey-newest newest usr/bin/valkey-server "$libraries" \
        "${loader[0]#"$servers"/newest/}"
      ;;
  esac
}

# Fetches and unpacks what belongs to a name; says in `why` what went wrong.
why=''
fetch() {
  local name=$1 from=$2 folder=$3 deb
  mkdir -p "$folder"/{lists/partial,archives/partial,debs,tree}
  echo "deb [signed-by=$keyring] $from ${suites[$name]} main" >"$folder/sources.list"
  # What is installed plays no part: without a status, apt takes the suite's own versions.
  local apt=(apt-get -q -o "Dir::Etc::sourcelist=$folder/sources.list"
             -o Dir::Etc::sourceparts=/dev/null -o "Dir::State::lists=$folder/lists"
             -o "Dir::Cache=$folder" -o Dir::State::status=/dev/null -o APT::Sandbox::User=
             -o Acquire::Languages=none
             -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false
             -o Acquire::Retries=3 -o Acquire::http::Timeout=30 -o APT::Update::Error-Mode=any)
  why="apt cannot read ${suites[$name]} from the mirror of this machine"
  "${apt[@]}" update >"$folder/log" 2>&1 || return 1
  why="apt cannot fetch what it needs from ${suites[$name]}"
  # Several words on purpose: one for each package.
  # shellcheck disable=SC2086
  (cd "$folder/debs" && "${apt[@]}" download ${packages[$name]} >>"$folder/log" 2>&1) || return 1
  why="dpkg cannot unpack what apt fetched"
  for deb in "$folder"/debs/*.deb; do
    dpkg -x "$deb" "$folder/tree" >>"$folder/log" 2>&1 || return 1
  done
}

# Puts what was fetched into its place, and keeps it if it runs.
unpack() {
  local name=$1 folder=$2 program
  rm -rf "${servers:?}/$name" "$servers/$name".*
  mv "$folder/tree" "$servers/$name"
  write_starters "$name"
  for program in ${programs[$name]}; do
    "$servers/bin/$program" --version >>"$folder/log" 2>&1 && continue
    why="its $program does not run here"
    for program in ${programs[$name]}; do rm -f "$servers/bin/$program"; done
    return 1
  done
}

# The stamp's name stands for this script: when that changes, all is fetched anew.
set_up() {
  local name=$1 stamp=$servers/$1.$version missing=$servers/$1.missing folder from
  [[ ! -e $stamp ]] || return 0
  [[ $again == again || ! $missing -nt ${BASH_SOURCE[0]} ]] || return 0
  echo "Fetching ${packages[$name]%% *} from ${suites[$name]}"
  mkdir -p "$servers"
  folder=$(mktemp -d "$servers/fetch-XXXXXX")
  from=$(mirror) || from=''
  why="apt has no source for the main part of bookworm"
  if [[ -n $from ]] && fetch "$name" "$from" "$folder" && unpack "$name" "$folder"; then
    : >"$stamp"
  else
    echo "$why" >"$missing"
    echo "Without it, and its tests will be skipped: $why." \
      "$(grep -m 1 -e '^E:' -e error "$folder/log" 2>/dev/null)" >&2
  fi
  rm -rf "$folder"
}

again=${1:-}
version=$(cksum <"${BASH_SOURCE[0]}" | cut -d ' ' -f 1)
for name in debian backports newest; do set_up "$name"; done
