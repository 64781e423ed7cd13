#!/usr/bin/env bash
# The emulated hosts: what they shape, and that nothing of them is left, whatever happened.
set -u
hosts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/hosts
"$hosts" check || exit $?
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
status=0
fail() { echo "FAIL: $*"; status=1; }
# Namespaces, state and switch processes of a prefix.
left() { ip netns list | grep -E "^$1-"; ls -d "/run/mixserve-hosts/$1" 2>/dev/null; pgrep -f "linkd .*/$1-n"; }

cat >"$scratch/net.py" <<'PY'
# stream BYTES | echo COUNT | datagrams COUNT, as host 0 (asks) and host 1 (answers)
import os, socket, struct, sys, time
what, n, first = sys.argv[1], int(sys.argv[2]), os.environ["MIXSERVE_HOST"] == "0"
if what == "datagrams":
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("", 7001))
    if first:
        for i in range(20 + n):  # the first ones find the way
            s.sendto(struct.pack("i", i - 20), ("198.18.0.2", 7001))
            time.sleep(0.05 if i < 20 else 0.0005)
    else:
        s.settimeout(5)
        got = 0
        try:
            while (i := struct.unpack("i", s.recv(64))[0]) < n - 1 or got == 0:
                got += i >= 0
                s.settimeout(2)
        except TimeoutError:
            pass
        print(got)
    sys.exit()
if first:
    for attempt in range(100):
        try:
            s = socket.create_connection(("198.18.0.2", 7001), 10)
            break
        except ConnectionRefusedError:
            time.sleep(0.05)
    s.settimeout(30)
else:
    listener = socket.create_server(("", 7001))
    listener.settimeout(20)
    s = listener.accept()[0]
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
if what == "stream":
    if first:
        begin = time.time()
        s.sendall(bytes(n))
        s.recv(1)
        print(n / (time.time() - begin) * 8 / 1e6)
    else:
        while n > 0:
            n -= len(s.recv(1 << 20))
        s.send(b"x")
else:
    best = 1e9
    for i in range(n):
        if first:
            begin = time.time()
            s.send(b"x")
            s.recv(1)
            best = min(best, time.time() - begin)
        else:
            s.recv(1)
            s.send(b"x")
    if first:
        print(best * 1e6)
PY
measure() { "$hosts" with 2 "${@:3}" -- sh -c "timeout 60 '$hosts' each \$HOSTS_PREFIX python3 '$scratch/net.py' $1 $2"; }
within() { # WHAT VALUE LOW HIGH
  echo "$1: $2"
  awk -v v="$2" -v l="$3" -v h="$4" 'BEGIN {exit !(v != "" && v >= l && v <= h)}' || fail "$1 is '$2', expected $3 to $4"
}

# A link is never faster than it was made; how much slower is up to what else this machine does.
[ "$("$hosts" with 1 --cores 1 -- sh -c "'$hosts' run \$HOSTS_PREFIX 0 nproc")" = 1 ] || fail "a host with --cores 1 has not one processor"
[ "$("$hosts" with 2 --cores 0.5 -- sh -c "'$hosts' each \$HOSTS_PREFIX nproc" | paste -sd' ')" = "1 1" ] ||
  fail "two hosts with --cores 0.5 have not one processor each"
# What another host starts on a host, as mpirun's daemon does, has that host's processors.
if [ "$(nproc)" -ge 2 ]; then
  echo "taskset -cp \$\$ | sed 's/.*: //'" >"$scratch/mask"
  masks=$("$hosts" with 2 --cores 1 -- sh -c "'$hosts' run \$HOSTS_PREFIX 1 sh '$scratch/mask'
    '$hosts' run \$HOSTS_PREFIX 0 '$hosts' agent \$HOSTS_PREFIX-n1 sh '$scratch/mask'
    '$hosts' run \$HOSTS_PREFIX 0 sh '$scratch/mask'")
  set -- $masks
  [ $# = 3 ] && [ "$1" = "$2" ] && [ "$1" != "$3" ] || fail "processors of n1, of n1 started from n0, and of n0 are '$masks'"
fi
"$hosts" with 1 --cores 0 -- true 2>/dev/null && fail "a host got no processor"
"$hosts" with 1 --cores $(($(nproc) + 1)) -- true 2>/dev/null && fail "a host got more processors than there are"
within 'Mbit/s of a 200 Mbit/s link' "$(measure stream 10000000 --rate 200)" 40 215
within 'Mbit/s of a 200 Mbit/s link with 1 ms' "$(measure stream 10000000 --rate 200 --latency 1000)" 40 215
within 'us there and back over 2 x 5 ms' "$(measure echo 5 --latency 5000)" 10000 200000
within 'datagrams of 1000 at 10 % loss' "$(measure datagrams 1000 --loss 10)" 700 970
# ...and TCP does not notice a loss, but for the time.
within 'Mbit/s at 1 % loss' "$(measure stream 2000000 --rate 200 --loss 1)" 0.5 215

# A cut cable carries nothing; a mended one does.
for latency in 0 100; do
  "$hosts" with 2 --rate 100 --latency $latency -- sh -c "
    '$hosts' link \$HOSTS_PREFIX n1 down
    timeout 20 '$hosts' run \$HOSTS_PREFIX n0 python3 -c 'import socket; socket.create_connection((\"n1\", 7001), 1)' 2>&1 | tail -n 1
    '$hosts' link \$HOSTS_PREFIX n1 up
    timeout 60 '$hosts' each \$HOSTS_PREFIX python3 '$scratch/net.py' echo 1" >"$scratch/cut" 2>&1
  grep -qE 'timed out|No route' "$scratch/cut" || fail "a cut cable: $(cat "$scratch/cut")"
  tail -n 1 "$scratch/cut" | grep -qE '^[0-9.]+$' || fail "a mended cable: $(cat "$scratch/cut")"
done

# Two at once; the number of a host; exit codes.
"$hosts" up mxa$$ 2 && "$hosts" up mxb$$ 3 --latency 100 || fail 'two at once'
[ "$("$hosts" each mxa$$ sh -c 'echo $MIXSERVE_HOST/$MIXSERVE_HOSTS' | sort | tr '\n' ' ')" = '0/2 1/2 ' ] || fail 'hosts of the first'
"$hosts" run mxb$$ n2 sh -c 'exit 7'; [ $? -eq 7 ] || fail 'exit code of run'
"$hosts" up mxa$$ 2 2>"$scratch/err" && fail 'the same prefix twice'
grep -q 'exist already' "$scratch/err" || fail "message: $(cat "$scratch/err")"
"$hosts" run mxa$$ n5 true 2>"$scratch/err" && fail 'a host that is not there'
grep -q 'no .n5' "$scratch/err" || fail "message: $(cat "$scratch/err")"
"$hosts" link mxa$$ n5 down 2>"$scratch/err" && fail 'a cable that is not there'
grep -q 'no .n5' "$scratch/err" || fail "message: $(cat "$scratch/err")"
for prefix in 'mx.*' ../mxa$$ ''; do
  "$hosts" down "$prefix" 2>/dev/null && fail "down of '$prefix'"
done
[ "$("$hosts" each mxa$$ echo here | wc -l)" -eq 2 ] || fail 'hosts are gone after a wrong down'
"$hosts" up mxtestd 2 --loss 100 2>"$scratch/err" && fail 'a loss of 100 %'
grep -q 'below 100' "$scratch/err" || fail "message: $(cat "$scratch/err")"
"$hosts" up mxtestd 2 --speed 100 2>"$scratch/err" && fail 'an unknown option'
grep -q "unknown option '--speed'" "$scratch/err" || fail "message: $(cat "$scratch/err")"
# What runs on a host ends with it, also if it does not want to.
{ "$hosts" run mxa$$ n1 sh -c 'trap "" TERM; exec setsid sleep 987'; } 2>/dev/null & stubborn=$!
for try in $(seq 100); do [ "$(ip netns pids mxa$$-n1 | wc -l)" -gt 0 ] && break; sleep 0.05; done
sleep 0.3
"$hosts" down mxa$$ || fail 'down'
wait $stubborn 2>/dev/null
pgrep -f '^sleep 987$' >/dev/null && fail 'a process outlived its host'
[ -z "$(left mxa$$)" ] || fail "left: $(left mxa$$)"
[ -n "$(left mxb$$)" ] || fail 'the other hosts went too'
"$hosts" down mxb$$
[ -z "$(left mxb$$)" ] || fail "left: $(left mxb$$)"

# After a failure, a refusal and a signal.
"$hosts" with 2 -- sh -c 'echo $HOSTS_PREFIX; exit 9' >"$scratch/prefix"; [ $? -eq 9 ] || fail 'exit code of with'
[ -z "$(left "$(cat "$scratch/prefix")")" ] || fail 'left after a failure'
MIXSERVE_LINKD=/bin/false "$hosts" up mxtestc 2 --latency 5 2>/dev/null && fail 'a switch that fails'
[ -z "$(left mxtestc)" ] || fail "left after a switch that failed: $(left mxtestc)"
"$hosts" with 2 --latency 100 -- sh -c 'echo $HOSTS_PREFIX; exec sleep 986' >"$scratch/prefix" & with=$!
for try in $(seq 100); do [ -s "$scratch/prefix" ] && break; sleep 0.05; done
kill -TERM $with; wait $with
[ $? -eq 143 ] || fail 'exit code after SIGTERM'
[ -z "$(left "$(cat "$scratch/prefix")")" ] || fail 'left after SIGTERM'
pgrep -f '^sleep 986$' >/dev/null && fail 'the command outlived SIGTERM'
exit $status
