#!/usr/bin/env bash
# Makes the Debian package of a program that is built: tools/package.sh PROGRAM FOLDER.
#
# What is in it comes from packaging/, from the program itself (its completions and its page of the
# manual) and from docs/configuration.md (headrace.toml(5)); what it depends on is read from the
# program by dpkg-shlibdeps.  The same program gives the same package, byte for byte.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
[[ $# -eq 2 ]] || { echo "usage: tools/package.sh PROGRAM FOLDER" >&2; exit 2; }
program=$(realpath "$1") folder=$2
version=$("$program" version | cut -d ' ' -f 2)-1
arch=$(dpkg --print-architecture)
# Whoever publishes packages says who they are, in the variables that all of Debian's tools read.
maintainer="${DEBFULLNAME:-Headrace} <${DEBEMAIL:-headrace@localhost.localdomain}>"
changed=$(git -C "$root" log -1 --format=%ct 2>/dev/null || stat -c %Y "$root/CHANGELOG.md")
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$changed}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree
umask 022

# put MODE FROM TO: one file of the package.
put() { install -D -m "$1" "$2" "$tree/$3"; }
# packed TO: standard input, as a file that is read with zcat.
packed() { install -d "$tree/$(dirname "$1")" && gzip -9n >"$tree/$1"; }

put 755 "$program" usr/bin/headrace
strip --strip-unneeded --remove-section=.comment "$tree/usr/bin/headrace"
put 644 "$root/packaging/headrace.service" lib/systemd/system/headrace.service
put 644 "$root/packaging/headrace.sysusers" usr/lib/sysusers.d/headrace.conf
put 644 "$root/packaging/headrace.tmpfiles" usr/lib/tmpfiles.d/headrace.conf
put 644 "$root/packaging/headrace.toml" etc/headrace/headrace.toml

"$program" completions bash >"$work/bash"
"$program" completions zsh >"$work/zsh"
"$program" completions fish >"$work/fish"
put 644 "$work/bash" usr/share/bash-completion/completions/headrace
put 644 "$work/zsh" usr/share/zsh/vendor-completions/_headrace
put 644 "$work/fish" usr/share/fish/vendor_completions.d/headrace.fish
"$program" manual | packed usr/share/man/man1/headrace.1.gz
python3 "$root/tools/manual.py" "$root/docs/configuration.md" |
  packed usr/share/man/man5/headrace.toml.5.gz

doc=usr/share/doc/headrace
put 644 "$root/packaging/debian/copyright" $doc/copyright
packed $doc/changelog.gz <"$root/CHANGELOG.md"
packed $doc/changelog.Debian.gz <<TEXT
headrace ($version) unstable; urgency=medium

  * What has changed is told in changelog.gz.

 -- $maintainer  $(date -u -R -d "@$SOURCE_DATE_EPOCH")
TEXT

# dpkg-shlibdeps wants to stand in a source package.
mkdir "$work/debian"
printf 'Source: headrace\n\nPackage: headrace\nArchitecture: any\n' >"$work/debian/control"
libraries=$(cd "$work" && dpkg-shlibdeps -O "tree/usr/bin/headrace" 2>"$work/said") ||
  { cat "$work/said" >&2; exit 1; }

for script in postinst prerm postrm; do
  put 755 "$root/packaging/debian/$script" DEBIAN/$script
done
echo /etc/headrace/headrace.toml >"$tree/DEBIAN/conffiles"
(cd "$tree" && find . -type f ! -path './DEBIAN/*' -printf '%P\0' | sort -z | xargs -0 md5sum) \
  >"$work/md5sums"
put 644 "$work/md5sums" DEBIAN/md5sums
depends="${libraries#shlibs:Depends=}, procps"
depends+=", systemd | systemd-standalone-sysusers | systemd-sysusers"
cat >"$tree/DEBIAN/control" <<TEXT
Package: headrace
Version: $version
Architecture: $arch
Maintainer: $maintainer
Installed-Size: $(du -k --apparent-size -s --exclude=DEBIAN "$tree" | cut -f 1)
Depends: $depends
Recommends: ca-certificates
Section: database
Priority: optional
Description: read-through cache that accounts for every answer
 Headrace stands between applications and an expensive source of truth: a
 PostgreSQL or SQLite database, Firestore, or an HTTP interface.  It answers
 repeated reads from memory or from a store that survives restarts, and asks
 the source once however many ask.
 .
 Once an invalidation has returned, the old value never comes back.
TEXT

mkdir -p "$folder"
dpkg-deb --root-owner-group -Zxz --build "$tree" "$folder/headrace_${version}_$arch.deb"
