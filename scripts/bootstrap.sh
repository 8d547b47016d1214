#!/usr/bin/env bash
# Makes .venv with the locked requirements of one set: `bootstrap.sh runtime` (for `make up`) or `bootstrap.sh dev`
# (for `make test`). Does nothing when that was done for these very requirements. Needs Python 3.11 or newer, no more.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

set_name=${1:-runtime}
lock=requirements/$set_name.txt
venv=.venv

fail() { printf 'bootstrap: %s\n' "$*" >&2; exit 1; }
say() { printf 'bootstrap: %s\n' "$*" >&2; }

[ -f "$lock" ] || fail "unknown set of requirements: $set_name"

find_python() {
  local candidate
  for candidate in "${PYTHON:-}" python3.11 python3.12 python3.13 python3; do
    [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 || continue
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  fail "Python 3.11 or newer is needed (Debian: apt-get install python3); set PYTHON to its path"
}

# Runs a command as root: directly, or by sudo when that asks no question.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif sudo -n true 2>/dev/null; then sudo -n "$@"; else return 1; fi
}

make_venv() {
  "$python" -m venv "$venv" >/dev/null 2>&1 && [ -x "$venv/bin/pip" ] && return
  rm -rf "$venv"
  say "this Python cannot make virtual environments; installing python3-venv"
  if command -v apt-get >/dev/null && as_root env DEBIAN_FRONTEND=noninteractive bash -c \
      'apt-get update -qq && apt-get install -y -qq python3-venv' >/dev/null 2>&1; then
    "$python" -m venv "$venv" >/dev/null 2>&1 && [ -x "$venv/bin/pip" ] && return
    rm -rf "$venv"
  fi
  if "$python" -m virtualenv --version >/dev/null 2>&1; then
    "$python" -m virtualenv -q "$venv" && return
  fi
  if command -v uv >/dev/null 2>&1; then
    uv venv -q --seed --python "$python" "$venv" && return
  fi
  if "$python" -m pip --version >/dev/null 2>&1; then
    say "using virtualenv from PyPI"
    if "$python" -m pip install -q --user virtualenv 2>/dev/null \
        || "$python" -m pip install -q --user --break-system-packages virtualenv; then
      "$python" -m virtualenv -q "$venv" && return
    fi
  fi
  fail "no way to make a virtual environment: install python3-venv (apt-get install python3-venv) and try again"
}

# What the environment was made from: the lock, the interpreter, the place (scripts in it hold its absolute path).
stamp_of() {
  { cat "$1" pyproject.toml requirements/build.txt; printf '%s\n' "$python" "$PWD"; } | sha256sum | cut -d' ' -f1
}

python=$(find_python)
# dev contains runtime: after `make test`, `make up` has nothing to do.
for done_set in "$set_name" dev; do
  stamp=$venv/.bootstrap-$done_set
  if [ -x "$venv/bin/billwright" ] && [ -f "$stamp" ] \
      && [ "$(cat "$stamp")" = "$(stamp_of "requirements/$done_set.txt")" ]; then
    exit 0
  fi
done

exec 9>"${TMPDIR:-/tmp}/billwright-bootstrap-$(id -u).lock"
flock 9  # two `make` at once in one tree take turns

[ -x "$venv/bin/python" ] && "$venv/bin/python" -c '' 2>/dev/null || { rm -rf "$venv"; make_venv; }

say "installing $(grep -c '==' "$lock") locked packages ($set_name)"
pip=("$venv/bin/python" -m pip --disable-pip-version-check -qq)
"${pip[@]}" install --require-hashes -r requirements/build.txt -r "$lock" ||
  fail "the packages could not be installed; is there a way to PyPI (proxy, PIP_INDEX_URL)?"
"${pip[@]}" install --no-deps --no-build-isolation --no-index -e .
rm -f "$venv"/.bootstrap-*
stamp_of "$lock" > "$venv/.bootstrap-$set_name"
