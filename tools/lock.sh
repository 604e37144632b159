#!/bin/sh
# Writes requirements.lock: the exact version of every package that `make` installs.
# torch's version is chosen here by hand, since its builds are large and machines keep copies of them.
set -eu
torch=2.13.0
# Debian 12 has Python 3.11.2, and some versions ask for a later 3.11: tests/test_project.py tells
# which, and older ones are asked for here.
older="soupsieve<3"

rm -rf build/lock
"$1" -m venv build/lock
build/lock/bin/python -m pip install --disable-pip-version-check "torch==$torch" "$older" ".[dev]"
{
    echo "# Exact versions for \`make\`; written by \`make lock\` from the ranges in pyproject.toml."
    build/lock/bin/python -m pip list --disable-pip-version-check --format=freeze \
        --exclude dlkit --exclude pip |
        sed 's/+[a-z0-9.]*$//' | LC_ALL=C sort -f
} > build/requirements.lock
mv build/requirements.lock requirements.lock
rm -rf build/lock
