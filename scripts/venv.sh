# Sourced by the scripts beside it: makes .venv once and installs tlzoo into it.
#
#   use_venv base    what users need
#   use_venv dev     what the tests need too
#
# A second call is quick: a stamp in .venv says which pyproject.toml it was installed from.

say() { printf '\n== %s\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

find_python() {
    local candidate
    for candidate in ${PYTHON:-} python3.11 python3.12 python3.13 python3 python; do
        if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    fail "no Python 3.11, 3.12 or 3.13 found (python3 is $(python3 --version 2>&1 || true)).
  what to do: install one, or say where it is: PYTHON=/path/to/python3.11 $0"
}

make_venv() {
    local python
    python=$(find_python) || exit 1
    say "Making .venv with $("$python" --version)"
    "$python" -m venv --clear .venv || fail "$python cannot make virtual environments.
  what to do: on Debian and Ubuntu, sudo apt-get install python3-venv"
}

use_venv() {
    local wanted=$1 target=. stamp sum
    [ "$wanted" = dev ] && target='.[dev]'
    stamp=.venv/.tlzoo-$wanted
    sum=$(cat pyproject.toml setup.py | cksum)
    # A .venv that was moved, was interrupted while it was made, or whose Python has gone is made anew.
    .venv/bin/python -c 'import pip' 2>/dev/null || make_venv
    if [ "$(cat "$stamp" 2>/dev/null)" != "$sum" ]; then
        say "Installing tlzoo and what it needs into .venv (minutes, the first time)"
        .venv/bin/python -m pip install --quiet --disable-pip-version-check --editable "$target"
        printf '%s\n' "$sum" >.venv/.tlzoo-base
        printf '%s\n' "$sum" >"$stamp"
    else
        say "Using .venv as it is ($(.venv/bin/python --version))"
    fi
}
