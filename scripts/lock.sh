#!/usr/bin/env bash
# Rewrites requirements/*.txt from requirements/*.in; pins that still fit stay. `lock.sh --upgrade` takes the newest.
# Needs uv. Locks cover every Python from 3.11.0 and every platform, and hold no index address.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../requirements"
for name in dev runtime build; do
  constraint=()
  [ "$name" = dev ] || constraint=(--constraint dev.txt)
  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
    "${constraint[@]}" "$@" --output-file "$name.txt" "$name.in"
done
