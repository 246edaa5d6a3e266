#!/bin/sh
# find-python.sh MODULE...: prints the first Python 3 that has these modules. The one of the
# distribution is tried as well, since another one is often first in PATH.
list=$(echo "$*" | sed 's/ /, /g')
for python in ${PYTHON:-} python3 /usr/bin/python3; do
    "$python" -c "import $list" 2>/dev/null || continue
    command -v "$python"
    exit 0
done
echo "no Python 3 with the modules: $*; run 'make deps', or say PYTHON=/path/to/python3" >&2
exit 1
