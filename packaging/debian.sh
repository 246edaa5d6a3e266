#!/bin/sh
# debian.sh FOLDER: makes the Debian packages of the commit that is checked out, in FOLDER, from its release.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=$1
tarball=$("$here/release.sh" "$folder")
name=$(basename "$tarball" .tar.gz)
cd "$folder"
rm -rf "$name"
cp "$name.tar.gz" "skymeans_${name#skymeans-}.orig.tar.gz"
tar xzf "$name.tar.gz"
cp -r "$name/packaging/debian" "$name/debian"
cd "$name"
dpkg-buildpackage -us -uc
lintian
