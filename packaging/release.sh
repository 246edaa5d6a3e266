#!/bin/sh
# release.sh FOLDER: makes skymeans-VERSION.tar.gz of the commit that is checked out, and beside it the
# recipes of packaging/recipes with its checksum filled in. The same commit gives the same bytes, whoever
# makes them.
set -eu
cd "$(dirname "$0")/.."
folder=$1

refuse() {
    echo "release: $1" >&2
    exit 1
}

version=$(sed -n 's/^#define KM_VERSION "\(.*\)"$/\1/p' src/base/version.h)
[ -z "$(git status --porcelain)" ] || refuse 'uncommitted changes (git status): commit them'
# Each of these names the version, which is then that of the release.
while read -r file pattern; do
    grep -qE "$pattern" "$file" || refuse "another version ($file): not $version, as in src/base/version.h"
done <<END
CHANGELOG.md ^##.$version.
CITATION.cff ^version:.$version\$
codemeta.json "version":."$version"
packaging/debian/changelog ^skymeans.\\($version-
tools/python/pyproject.toml ^version.=."$version"\$
docs/install.md find_package\\(skymeans.${version%.*}
END

name=skymeans-$version
umask 022
mkdir -p "$folder"
git -c tar.umask=0022 archive --format=tar --prefix="$name/" HEAD | gzip -9n >"$folder/$name.tar.gz"
cd "$folder"
sha256sum "$name.tar.gz" >"$name.tar.gz.sha256"
read -r sum _ <"$name.tar.gz.sha256"
cd - >/dev/null
for recipe in packaging/recipes/*; do
    sed -e "s/@VERSION@/$version/g" -e "s/@SHA256@/$sum/g" "$recipe" \
        >"$folder/$(basename "$recipe" | sed "s/VERSION/$version/")"
done
echo "$folder/$name.tar.gz"
