"""A Slurm cluster of four nodes in the namespaces that run.sh made; this machine is its login node.

Each node has namespaces of its own, and dies with the first process in them.
"""
import glob
import os
import pathlib
import re
import socket
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
SCRATCH = pathlib.Path(os.environ["SCRATCH"])
NODES = [1, 2, 3, 4]
NETWORK = "10.77.0"
SECONDS = 120  # for anything that happens on the cluster; most of it takes a few
# A fit of the tests would take minutes on the slow network, and a second or two on the other.
SLOW, FAST = "1mbit", "1gbit"
ENDED = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL")
UNSHARE = ["unshare", "--mount", "--uts", "--ipc", "--net", "--pid", "--fork", "--kill-child",
           "--mount-proc"]


def call(*words, **how):
    """What a command prints; it must succeed."""
    done = subprocess.run(list(map(str, words)), stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=SECONDS, check=False, **how)
    if done.returncode != 0:
        raise AssertionError(f"{words} returned {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout.strip()


def wait_for(what, holds, seconds=SECONDS):
    """Waits until holds() is true, and returns what it returned."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = holds()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"waited {seconds} s: {what}")


class Cluster:
    """Starts as soon as it is made; it has no end but that of its namespaces."""

    def __init__(self):
        self.nodes = {}  # those alive, by number: their first process
        self.make_login_node()
        self.write_configuration()
        with open(SCRATCH / "munge.key", "wb", opener=lambda p, f: os.open(p, f, 0o600)) as key:
            key.write(os.urandom(128))
        call("munged", "--force", f"--key-file={SCRATCH}/munge.key",
             f"--socket={SCRATCH}/munge.socket", f"--pid-file={SCRATCH}/munged.pid",
             f"--log-file={SCRATCH}/log/munged", f"--seed-file={SCRATCH}/munge.seed")
        call("slurmctld")
        for number in NODES:
            self.start_node(number)
        self.wait_until_idle()

    def make_login_node(self):
        call("mount", "-t", "tmpfs", "tmpfs", SCRATCH)  # it vanishes with the namespace, too
        for folder in ("state", "log", "spool", "tmp"):
            (SCRATCH / folder).mkdir()
        socket.sethostname("login")
        hosts = [("127.0.0.1", "localhost"), (f"{NETWORK}.254", "login")]
        hosts += [(f"{NETWORK}.{number}", f"node{number}") for number in NODES]
        (SCRATCH / "hosts").write_text("".join(f"{ip} {name}\n" for ip, name in hosts))
        call("mount", "--bind", SCRATCH / "hosts", "/etc/hosts")
        call("ip", "link", "set", "lo", "up")
        call("ip", "link", "add", "name", "bridge0", "type", "bridge")
        call("ip", "address", "add", f"{NETWORK}.254/24", "dev", "bridge0")
        call("ip", "link", "set", "bridge0", "up")

    def write_configuration(self):
        text = (HERE / "slurm.conf.in").read_text()
        text = text.replace("@SCRATCH@", str(SCRATCH)).replace("@NETWORK@", NETWORK)
        for number in NODES:
            text += f"NodeName=node{number} NodeAddr={NETWORK}.{number} CPUs=2 RealMemory=1000\n"
        nodes = f"Nodes=node[1-{len(NODES)}]"
        text += f"PartitionName=all {nodes} Default=YES GraceTime=20\n"
        text += f"PartitionName=urgent {nodes} PriorityTier=2\n"
        (SCRATCH / "slurm.conf").write_text(text)
        for name in list(os.environ):  # what is set for another cluster, or for tests without one
            if name.startswith(("OMPI_", "PMIX_", "SLURM_", "SBATCH_", "SRUN_")):
                del os.environ[name]
        os.environ |= {"SLURM_CONF": f"{SCRATCH}/slurm.conf", "TMPDIR": f"{SCRATCH}/tmp",
                       # Open MPI as root, on these networks, and more ranks than cores.
                       "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
                       "OMPI_MCA_btl_tcp_if_include": f"{NETWORK}.0/24",
                       "OMPI_MCA_oob_tcp_if_include": f"{NETWORK}.0/24",
                       "OMPI_MCA_pml": "ob1", "OMPI_MCA_mpi_yield_when_idle": "1"}

    def start_node(self, number):
        for folder in ("spool", "tmp"):
            (SCRATCH / folder / f"node{number}").mkdir(exist_ok=True)
        with open(SCRATCH / f"log/node{number}", "ab") as log:
            node = subprocess.Popen([*UNSHARE, HERE / "node.sh", f"node{number}",
                                     f"{NETWORK}.{number}"], stdout=log, stderr=log)
        own = os.readlink("/proc/self/ns/net")
        wait_for("a network of its own", lambda: os.readlink(f"/proc/{node.pid}/ns/net") != own)
        call("ip", "link", "add", f"port{number}", "type", "veth", "peer", "name", "eth0", "netns",
             node.pid)
        call("ip", "link", "set", f"port{number}", "master", "bridge0", "up")
        self.nodes[number] = node

    def kill_node(self, number):
        """Nothing on the node gets to do anything any more, nor does it answer."""
        node = self.nodes.pop(number)
        node.kill()
        node.wait()

    def link(self, number, state):
        """Whether anything comes to the node, or from it: "down" or "up"."""
        call("ip", "link", "set", f"port{number}", state)

    def limit(self, speed):
        """Sets the speed at which nodes can be sent to."""
        for number in self.nodes:
            call("tc", "qdisc", "replace", "dev", f"port{number}", "root", "tbf", "rate", speed,
                 "burst", "20kb", "latency", "10s")

    def is_idle(self):
        return call("sinfo", "-h", "-t", "idle", "-o", "%D") == str(len(NODES))

    def wait_until_idle(self):
        try:
            wait_for("all nodes are idle", self.is_idle)
        except AssertionError:
            for name in glob.glob(f"{SCRATCH}/log/*"):
                print(f"---- {name}", pathlib.Path(name).read_text()[-2000:], file=sys.stderr)
            raise


class Job:
    """A job by its number, or by NUMBER_TASK."""

    def __init__(self, number):
        self.number = number

    def facts(self):
        """What Slurm says of it, by name."""
        return dict(re.findall(r"(\S+?)=(\S*)", call("scontrol", "show", "job", self.number)))

    def wait_for(self, what, holds, seconds=SECONDS):
        """Waits until what is known of the job is so; not when it has ended before that."""
        def look():
            facts = self.facts()
            found = holds(facts)
            if not found and facts["JobState"] in ENDED:
                raise AssertionError(f"the job has ended before: {what}")
            return found
        try:
            return wait_for(what, look, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.facts()}\n{self.log()}") from None

    def wait_for_end(self, seconds=SECONDS):
        """Its state when there is no more to come."""
        return self.wait_for("the job has ended", lambda facts: facts["JobState"] in ENDED and
                             facts, seconds)

    def log(self):
        path = pathlib.Path(self.facts()["StdOut"])
        return path.read_text() if path.exists() else "(no log)"
