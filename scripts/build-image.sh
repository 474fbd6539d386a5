#!/bin/sh
# The steps that make the content of the container image: dist/ and the production dependencies of a source tree, in a
# folder of their own. The Dockerfile runs it, and scripts/check-image.sh runs it without containers.
#
#   sh scripts/build-image.sh SOURCE OUT
set -eu

source=$(cd "$1" && pwd)
mkdir -p "$2"
out=$(cd "$2" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cd "$source"
cp package.json package-lock.json .npmrc "$out"
cp package.json package-lock.json .npmrc tsconfig.json tsconfig.build.json "$work"
cp -R src scripts "$work"

# The optional packages are the Node.js runtimes that a machine without Node 24 needs; an image brings its own.
cd "$work"
npm ci --omit=optional --ignore-scripts
node scripts/build.ts

cd "$out"
npm ci --omit=dev --omit=optional --ignore-scripts
rm .npmrc
cp -R "$work/dist" dist
