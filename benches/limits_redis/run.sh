#!/usr/bin/env bash
# Decisions a second through Redis: `RedisStore` against `redis-benchmark` with the same script, keys and
# number of requests at a time, in turns. Needs redis-server and redis-benchmark; about a minute after
# building.
#
#   benches/limits_redis/run.sh          40,000 requests a turn
#   benches/limits_redis/run.sh 1000     so many, to try it
set -euo pipefail
cd "$(dirname "$0")/../.."

for tool in redis-server redis-benchmark; do
  command -v "$tool" >/dev/null || { echo "please install redis-server, which brings $tool" >&2; exit 1; }
done
exec cargo bench --features redis --bench limits_redis -- "$@"
