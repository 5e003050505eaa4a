"""The order of keys in merged counts.

Aer collects counts in a C++ `unordered_map` for each of its threads and then adds the later maps to the first. The
order in which Python sees the keys is the order in which such a map hands them out: it depends on what was inserted
when, and so even Aer's own depends on its number of threads. Ranges of shots that ran on several workers are combined
here as Aer combines its threads, so that the order is the one Aer gives with as many threads as there are ranges.
(That of libstdc++, with which Aer's wheels for Linux are built.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_MASK = 2**64 - 1
_MULTIPLIER = 0xC6A4A7935BD1E995
_SEED = 0xC70F6907
#: Numbers of buckets of a map that grows one by one.
_BUCKETS = (
    *(13, 29, 59, 127, 257, 541, 1109, 2357, 5087, 10273, 20753, 42043, 85229, 172933, 351061, 712697),
    *(1447153, 2938679, 5967347, 12117689),
)
#: Stands before the first key.
_HEAD = None


def combined_keys(parts: Sequence[Iterable[str]]) -> list[str]:
    """The keys of all parts, in the order of Aer's map after the later parts were added to the first.

    Args:
        parts: the keys of each part, in the order in which Aer gave them.
    """
    keys = list(parts[0])
    known = set(keys)
    new: list[str] = []
    for part in parts[1:]:
        for key in part:
            if key not in known:
                known.add(key)
                new.append(key)
    if not new:
        return keys
    chain = _Chain(keys)
    for key in new:
        chain.insert(key)
    return chain.keys()


class _Chain:
    """The one list of all entries that libstdc++'s `unordered_map` keeps, bucket by bucket.

    Args:
        keys: the keys of an existing map in its order; a map's order and size say all about it.
    """

    def __init__(self, keys: list[str]) -> None:
        self._hashes = {key: _hash(key.encode("utf-8", "surrogatepass")) for key in keys}
        self._buckets = next((number for number in _BUCKETS if number >= len(keys)), _BUCKETS[-1])
        self._next: dict[str | None, str | None] = {_HEAD: None}
        #: For each bucket in use the key before its first.
        self._before: dict[int, str | None] = {}
        last: str | None = _HEAD
        for key in keys:
            self._next[last] = key
            self._before.setdefault(self._hashes[key] % self._buckets, last)
            last = key
        self._next[last] = None

    def insert(self, key: str) -> None:
        """Inserts a key that is not there."""
        self._hashes[key] = _hash(key.encode("utf-8", "surrogatepass"))
        if len(self._hashes) > self._buckets and self._buckets < _BUCKETS[-1]:
            old = self.keys()
            self._buckets = next(number for number in _BUCKETS if number > self._buckets)
            self._next, self._before = {_HEAD: None}, {}
            for earlier in old:
                self._link(earlier)
        self._link(key)

    def keys(self) -> list[str]:
        """All keys in the map's order."""
        keys: list[str] = []
        key = self._next[_HEAD]
        while key is not None:
            keys.append(key)
            key = self._next[key]
        return keys

    def _link(self, key: str) -> None:
        """Puts a key first in its bucket; a bucket that was empty comes first in the list."""
        bucket = self._hashes[key] % self._buckets
        if bucket in self._before:
            before = self._before[bucket]
            self._next[key], self._next[before] = self._next[before], key
            return
        first = self._next[_HEAD]
        self._next[key], self._next[_HEAD] = first, key
        self._before[bucket] = _HEAD
        if first is not None:
            self._before[self._hashes[first] % self._buckets] = key


def _hash(data: bytes) -> int:
    """`std::hash<std::string>` of libstdc++ on 64 bits: MurmurHash2."""
    value = _SEED ^ (len(data) * _MULTIPLIER & _MASK)
    whole = len(data) & ~7
    for start in range(0, whole, 8):
        word = int.from_bytes(data[start : start + 8], "little") * _MULTIPLIER & _MASK
        word = (word ^ word >> 47) * _MULTIPLIER & _MASK
        value = (value ^ word) * _MULTIPLIER & _MASK
    if whole < len(data):
        value = (value ^ int.from_bytes(data[whole:], "little")) * _MULTIPLIER & _MASK
    value = (value ^ value >> 47) * _MULTIPLIER & _MASK
    return value ^ value >> 47
