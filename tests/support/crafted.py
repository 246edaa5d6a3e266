"""Checkpoints taken apart and put together again with a right hash, whatever is in their fields."""
import struct

PHASES = 11
MAGIC = b"skymeans state 2\n\0"
WORD = struct.Struct("<q")
GOLDEN, ONES = 0x9e3779b97f4a7c15, 2 ** 64 - 1


def mix(bits):
    """km_mix of src/base/hash.h, of one number."""
    bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9 & ONES
    bits = (bits ^ bits >> 27) * 0x94d049bb133111eb & ONES
    return bits ^ bits >> 31


def hash_of(data):
    """hash_bytes of src/result/checkpoint.c and src/cluster/state.c."""
    found = len(data)
    for i in range(0, len(data), 8):
        found = mix(found ^ int.from_bytes(data[i:i + 8], "little")) + GOLDEN & ONES
    return found


class Checkpoint:
    """Fields in their order: a list of [name, format of struct, values]."""

    def __init__(self, path, k, d):
        with open(path, "rb") as file:
            self.data = file.read()
        self.fields, self.at = [], self.data.index(b"\n") + 1
        self.first_line = self.data[:self.at]
        assert hash_of(self.data[:-8]) == int.from_bytes(self.data[-8:], "little")
        size, = self.take("question size", "q")
        self.take("question", f"{size}s")
        self.take_past()
        size, = self.take("state size", "q")
        self.state_at, self.n_before = self.at, len(self.fields)
        assert self.at + size == len(self.data) - 8, "a field is missing here"
        self.take("magic", f"{len(MAGIC)}s")
        size, = self.take("problem size", "q")
        self.take("problem", f"{size}s")
        self.take_state(k * d)
        self.take_fits(k, k * d)
        assert self.at == len(self.data) - 16, "a field of the state is missing here"

    def take(self, name, form):
        values = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        self.fields.append([name, form, list(values)])
        return values

    def take_history(self, name, count):
        for i in range(count):
            for part, form in (("number", "q"), ("inertia", "d"), ("shift", "d"),
                               ("relabeled", "q"), ("seconds", "d"),
                               ("distances", "q"), ("most distances", "q")):
                self.take(f"{name} {i} {part}", form)

    def take_past(self):
        for name in ("started", "seconds", "joules"):
            self.take(name, "d")
        for name in ("goes", "bytes read", "memory"):
            self.take(name, "q")
        for name in ("least", "mean", "most"):
            self.take(name, f"{PHASES}d")
        for name in ("assignments", "distances", "reductions", "bytes reduced"):
            self.take(name, "q")

    def take_state(self, n):
        self.take("hash", "Q")
        n_iterations, = self.take("state iterations", "q")
        self.take("words", "i")
        if n_iterations > 0:
            self.take("state used", f"{n}d")
            self.take("state centers", f"{n}d")
            self.take_history("state", n_iterations)

    def take_fits(self, k, n):
        count, = self.take("fits", "q")
        if count == 0:
            return
        for name, form in (("best", "q"), ("fits inertia", f"{count}d"),
                           ("fits iterations", f"{count}q"), ("fits centers", f"{count * n}d"),
                           ("best centers", f"{n}d"), ("best previous", f"{n}d"),
                           ("sizes", f"{k}q"), ("weights", f"{k}d"), ("refilled", "q"),
                           ("best inertia", "d")):
            self.take(name, form)
        n_iterations, = self.take("best iterations", "q")
        self.take_history("best", n_iterations)
        self.take("stop", "i")
        self.take("empty", "q")

    def packed(self, changed=None, place=0, value=None):
        """The file, in which a value of a field is another one."""
        parts = [self.first_line, b""]  # before the state, and the state, which has a hash of its own
        for number, (name, form, values) in enumerate(self.fields):
            if name == changed:
                values = values[:place] + [value] + values[place + 1:]
            parts[number >= self.n_before] += struct.pack("<" + form, *values)
        return self.with_hash(parts[0] + self.with_hash(parts[1]))

    @staticmethod
    def with_hash(data):
        return data + hash_of(data).to_bytes(8, "little")
