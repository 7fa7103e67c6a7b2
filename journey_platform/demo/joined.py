"""Which identifiers are one person's, by what stood together. What stands together is told in `truth`."""

from collections import defaultdict
from collections.abc import Iterable

from journey_platform.demo.reckoning import Identifier


class Joined:
    """Sets of identifiers that grow together (union-find); the smallest identifier stands for its set."""

    def __init__(self) -> None:
        self._parent: dict[Identifier, Identifier] = {}

    def find(self, identifier: Identifier) -> Identifier:
        root = self._parent.setdefault(identifier, identifier)
        while root != self._parent[root]:
            root = self._parent[root]
        while identifier != root:
            self._parent[identifier], identifier = root, self._parent[identifier]
        return root

    def join(self, identifiers: Iterable[Identifier]) -> None:
        roots = sorted({self.find(identifier) for identifier in identifiers})
        for root in roots[1:]:
            self._parent[root] = roots[0]

    def sets(self) -> list[frozenset[Identifier]]:
        members: dict[Identifier, set[Identifier]] = defaultdict(set)
        for identifier in self._parent:
            members[self.find(identifier)].add(identifier)
        return [frozenset(members[root]) for root in sorted(members)]
