#!/usr/bin/env bash
# damage.sh ARTIFACT SCRIPT: copies ARTIFACT to ./damaged and runs SCRIPT in it.
rm -rf damaged && cp -r "$1" damaged && cd damaged && eval "$2"
