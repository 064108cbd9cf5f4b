#!/bin/sh
# Three hosts on one database and, if one is named, one bus, each with a directory of its own and one key to sign
# with: tests/cluster.sh PROGRAM DATABASE [BUS]. What they keep is below .troupe-cluster.
set -eu
program=$1
database=$2
[ -z "${3:-}" ] || export TROUPE_BUS="$3"
port=${TROUPE_CLUSTER_PORT:-7070}
home=${TROUPE_CLUSTER_HOME:-.troupe-cluster}
hosts=
trap 'kill $hosts 2>/dev/null; wait' EXIT
trap 'exit 130' INT TERM
mkdir -p -m 700 "$home"
for number in 0 1 2; do
    dir=$home/$number
    if [ $number != 0 ] && [ ! -e "$dir/signing.key" ]; then
        mkdir -p -m 700 "$dir"
        install -m 600 "$home/0/signing.key" "$home/0/webhooks.key" "$dir"
    fi
    TROUPE_DATABASE=$database "$program" --data-dir "$dir" serve --listen "127.0.0.1:$((port + number))" &
    hosts="$hosts $!"
    tries=0
    until curl -sf "http://127.0.0.1:$((port + number))/readyz" >/dev/null; do
        tries=$((tries + 1))
        [ $tries -lt 300 ] && kill -0 "${hosts##* }" || exit 1
        sleep 0.2
    done
done
"$program" --data-dir "$home/0" --host "http://127.0.0.1:$port" hosts
echo "talk to any of them: troupe --data-dir $home/0 --host http://127.0.0.1:$port agents"
wait
