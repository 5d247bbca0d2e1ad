#!/usr/bin/env bash
# Makes the clean root that the Debian package is installed into: .cache/roots/bookworm.tar, the
# least that Debian 12 can be, by debootstrap, from the mirror that this machine's apt takes it from
# and with what that is told of it.  No service of it can start: its policy-rc.d says so.
#
# What is there is not made again.  What cannot be had is said in one line and stands in
# bookworm.missing, whose words the test repeats that is skipped; `tools/roots.sh again` tries once
# more.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
roots=$root/.cache/roots
suite=bookworm
seconds_max=600

mirror() {
  apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
    awk -v suite="$suite" '$1 == suite && $2 == "main" && !found { print $3; found = 1 }'
}

# Says in `why` what went wrong.
why=''
make_root() {
  local tree=$1 from
  why="only root may make a root"
  [[ $EUID -eq 0 ]] || return 1
  why="there is no debootstrap"
  command -v debootstrap >/dev/null || return 1
  why="apt has no source for the main part of $suite"
  from=$(mirror) && [[ -n $from ]] || return 1
  why="debootstrap cannot make it of $from"
  # What it mounts stays in a namespace of its own.
  timeout "$seconds_max" unshare --mount debootstrap --variant=minbase "$suite" "$tree" "$from" ||
    return 1
  rm -f "$tree"/var/cache/apt/archives/*.deb
  printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d"
  chmod +x "$tree/usr/sbin/policy-rc.d"
  apt-config dump | grep -E '^Acquire::(Check|ForceIP|ftp|https?|Retries)' \
    >"$tree/etc/apt/apt.conf.d/90machine" || true
  why="apt in it cannot read $from"
  unshare --mount chroot "$tree" apt-get -q -o Acquire::Languages=none \
    -o Acquire::GzipIndexes=true -o APT::Sandbox::User=root -o APT::Update::Error-Mode=any \
    update || return 1
  why="tar cannot keep it"
  tar -C "$tree" -cf "$roots/made" . || return 1
}

again=${1:-}
# The stamp's name stands for this script: when that changes, it is made anew.
version=$(cksum <"${BASH_SOURCE[0]}" | cut -d ' ' -f 1)
stamp=$roots/$suite.$version missing=$roots/$suite.missing
[[ ! -e $stamp ]] || exit 0
[[ $again == again || ! $missing -nt ${BASH_SOURCE[0]} ]] || exit 0
echo "Making a root of Debian $suite"
mkdir -p "$roots"
rm -f "$roots/$suite".*
tree=$(mktemp -d "$roots/tree-XXXXXX")
trap 'rm -rf --one-file-system "$tree"' EXIT
chmod 755 "$tree"
if make_root "$tree" >"$roots/log" 2>&1; then
  mv "$roots/made" "$roots/$suite.tar"
  : >"$stamp"
else
  echo "$why" >"$missing"
  echo "Without it, and its test will be skipped: $why." >&2
fi
