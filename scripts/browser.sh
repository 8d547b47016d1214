#!/usr/bin/env bash
# Chromium for the browser tests: Debian's, installed when we may, otherwise a loud word about what will be skipped.
set -uo pipefail

if command -v chromium >/dev/null 2>&1; then
  exit 0
fi
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif sudo -n true 2>/dev/null; then sudo -n "$@"; else return 1; fi
}
echo "browser: installing Debian's chromium for tests/browser" >&2
if command -v apt-get >/dev/null 2>&1 && as_root env DEBIAN_FRONTEND=noninteractive bash -c \
    'apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium chromium-driver' >/dev/null 2>&1 \
    && command -v chromium >/dev/null 2>&1; then
  exit 0
fi
cat >&2 <<'TEXT'
************************************************************************
browser: no chromium here and no right (or no network) to install it.
SKIPPED: everything in tests/browser. To run it:
  apt-get install chromium chromium-driver
************************************************************************
TEXT
exit 0
