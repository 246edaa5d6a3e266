#!/bin/bash
# node.sh NAME ADDRESS: the first process of a node, in namespaces of its own; killed, it takes all
# others of the node with it.
set -eu
hostname "$1"
mount -t tmpfs tmpfs /dev/shm
ip link set lo up
until ip link show eth0 >/dev/null 2>&1; do sleep 0.05; done
ip address add "$2/24" dev eth0
ip link set eth0 up
slurmd -D -N "$1" &
wait
