#!/bin/bash
# A bare Debian in a folder, with nothing but Python, make and git. `make matrix` uses it; it needs root and debootstrap.
#   bare.sh make SUITE FOLDER [PACKAGE...]   trixie has Python 3.13, forky and sid have 3.14
#   bare.sh in FOLDER COMMAND...             run a command there, in /root/project
#   bare.sh remove FOLDER
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin

make() {
  local suite=$1 folder=$2 recipe=/usr/share/debootstrap/scripts/$1 mirror
  shift 2
  [ -e "$recipe" ] || recipe=/usr/share/debootstrap/scripts/sid # a suite that is newer than this debootstrap
  mirror=$(apt-get indextargets --format '$(REPO_URI)' | head -n 1)
  debootstrap --variant=minbase --include=python3,python3-venv,make,git,ca-certificates \
    "$suite" "$folder" "$mirror" "$recipe"
  # A network and pip that are set up as here; what lies on this machine's disk is for another Python.
  cp /etc/resolv.conf /etc/hosts "$folder/etc/"
  cp /etc/ssl/certs/ca-certificates.crt "$folder/etc/ssl/certs/"
  for file in /etc/pip.conf /etc/xdg/pip/pip.conf; do
    [ -f "$file" ] || continue
    mkdir -p "$folder${file%/*}"
    grep -v 'constraint\|find-links\|file://' "$file" > "$folder$file" || true
  done
  # Terminals and shared memory are mounts of their own below /dev.
  for place in proc dev dev/pts dev/shm; do
    mount --bind "/$place" "$folder/$place"
  done
  if [ $# -gt 0 ]; then
    # A mirror may be a snapshot of some weeks ago: it is signed as ever, only no longer fresh.
    within "$folder" apt-get --option Acquire::Check-Valid-Until=false update
    within "$folder" apt-get install --yes --no-install-recommends "$@"
  fi
}

within() {
  local folder=$1
  shift
  mkdir -p "$folder/root/project"
  env -i HOME=/root LANG=C.UTF-8 PATH=/usr/local/bin:/usr/bin:/bin DEBIAN_FRONTEND=noninteractive PIP_DEFAULT_TIMEOUT=180 \
    "$(command -v chroot)" "$folder" /bin/bash -c 'cd /root/project && exec "$@"' bash "$@"
}

remove() {
  local place
  for place in dev/shm dev/pts dev proc; do
    # Lazily, because a forking process may still live there for some minutes.
    umount --lazy "$1/$place" 2> /dev/null || true
    if mountpoint --quiet "$1/$place"; then
      echo "$1/$place is still mounted" >&2
      exit 1
    fi
  done
  rm -rf --one-file-system "$1"
}

# In braces, so that bash has read all of it before it begins: this file may change while a command takes its hour.
{
  command=$1
  shift
  case $command in
    make) make "$@" ;;
    in) within "$@" ;;
    remove) remove "$@" ;;
  esac
  exit
}
