#!/bin/sh
# platform.sh NODES [CORES [GBPS]]: a machine for SimGrid, of nodes with 64 cores on a fat tree of two levels,
# 16 nodes to a switch, as many links up as down. A link has 100 Gb/s and 250 ns: between nodes of
# two switches a message crosses four, so 1 us. Ranks of a node copy messages at 5 GB/s each.
set -eu
nodes=$1 cores=${2:-64} gbps=${3:-12.5}
switches=$(((nodes + 15) / 16))
cat <<X
<?xml version='1.0'?>
<!DOCTYPE platform SYSTEM "https://simgrid.org/simgrid.dtd">
<platform version="4.1">
  <cluster id="machine" prefix="node-" suffix="" radical="0-$((16 * switches - 1))" speed="1Gf"
           core="$cores" bw="${gbps}GBps" lat="250ns" loopback_bw="5GBps" loopback_lat="200ns"
           topology="FAT_TREE" topo_parameters="2;16,$switches;1,16;1,1"/>
</platform>
X
