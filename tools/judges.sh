#!/usr/bin/env bash
# Installs the judges of the OpenAPI document, a validator and schemathesis, in a virtual
# environment of their own, .cache/judges: the versions in tools/judges.txt.
#
# What is there is not fetched again.  What cannot be had is said in one line, and stands in
# .cache/judges.missing, whose words the test repeats that is skipped; `tools/judges.sh again` tries
# once more.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
judges=$root/.cache/judges
missing=$judges.missing
wanted=$root/tools/judges.txt

! cmp -s "$wanted" "$judges/installed.txt" || exit 0
[[ ${1:-} == again || ! $missing -nt $wanted ]] || exit 0
echo "Fetching schemathesis"
mkdir -p "$root/.cache"
rm -rf "$judges" "$missing"
why=''
if ! python3 -m venv "$judges" >"$missing" 2>&1; then
  why="python3 makes no virtual environment here"
elif ! "$judges/bin/python" -m pip install --quiet --disable-pip-version-check \
  --requirement "$wanted" >"$missing" 2>&1; then
  why="pip cannot have what is in tools/judges.txt"
fi
if [[ -z $why ]]; then
  rm "$missing"
  cp "$wanted" "$judges/installed.txt"
else
  echo "Without it, and its test will be skipped: $why. $(tail -n 1 "$missing")" >&2
  echo "$why" >"$missing"
fi
