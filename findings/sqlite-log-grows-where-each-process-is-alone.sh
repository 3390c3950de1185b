#!/usr/bin/env bash
# sqlite3 and libsqlite3-0 3.40.1-2+deb12u2 (apt, Debian 12), amd64.
#
# Expected: in WAL mode the log is brought into the database when it has reached wal_autocheckpoint pages, and the next writer begins it
# anew from the start: it stays about as long as that, whoever writes. SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE (for a close that writes nothing)
# leaves the log where it is when the last connection closes, and changes nothing else.
# Seen: that holds within a process. Where each transaction is a process of its own and no other has the database open, the log is
# checkpointed by every one of them and never begun anew: whoever opens the database first recovers the log and takes none of it for
# checkpointed. 200 transactions of 7 pages make a log of 5.8 MB in place of 0.3, and every one copies all pages since the beginning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
cd "$folder"
apt-get download -qq sqlite3=3.40.1-2+deb12u2 libsqlite3-0=3.40.1-2+deb12u2 2>/dev/null
for package in *.deb; do dpkg -x "$package" .; done
libraries=$(dirname "$(find "$folder" -name libsqlite3.so.0)")
sqlite() { LD_LIBRARY_PATH=$libraries ./usr/bin/sqlite3 "$@"; }
settings='.dbconfig no_ckpt_on_close on
PRAGMA wal_autocheckpoint=64;'
insert='INSERT INTO t VALUES(zeroblob(20000));'
for database in one many; do sqlite $database 'PRAGMA journal_mode=WAL; CREATE TABLE t(x);' >/dev/null; done
{ printf '%s\n' "$settings"; for ((i = 0; i < 200; ++i)); do printf '%s\n' "$insert"; done; } | sqlite one >/dev/null
for ((i = 0; i < 200; ++i)); do printf '%s\n%s\n' "$settings" "$insert" | sqlite many >/dev/null; done
seen="in one process: a log of $(stat -c %s one-wal) bytes
in a process each: $(stat -c %s many-wal) bytes"
printf '%s\n' "$seen"
[ "$seen" = "in one process: a log of 288432 bytes
in a process each: 5768032 bytes" ] || { echo 'changed' >&2; exit 1; }
