#!/usr/bin/env bash
# A replica set of one member (snapshot reads need one). With logins its members must share a key file, owner only.
set -euo pipefail

umask 077
printf '%s' "${MONGO_REPLICA_KEY:?}" > /tmp/replica.key
exec docker-entrypoint.sh mongod --replSet rs0 --bind_ip_all --keyFile /tmp/replica.key
