"""Lists that move while they are read by offset: read again until nothing new comes.

A row that is inserted or that moves to the other end shifts its neighbours, so that one of them comes twice
or is stepped over. Paging itself is in `pagination`; what identifies a row is in the vendor's file.
"""

from collections.abc import Callable, Iterator

from connectors.errors import PaginationLoop, Truncated

_PASSES = 5
_PAGES_WITHOUT_NEWS = 5


def settled(
    read: Callable[[], Iterator[tuple[list[bytes], int | None]]],
    identity: Callable[[bytes], str | bytes],
    *,
    where: str,
) -> Iterator[list[bytes]]:
    """The rows of each page that were not yielded before, byte for byte.

    `read` starts one pass over the list and gives pages of rows with the total that the vendor tells, where
    it does. A pass without repeats, with as many rows as were promised when it began, is the last; so is one
    that brought nothing new, unless whole pages repeated in place of rows that were promised. Raises
    `PaginationLoop` where page after page repeats, and `Truncated` where the list never came to rest.
    Memory: some 200 bytes for each row of the list.
    """
    last_pass: dict[str | bytes, int] = {}
    versions: set[int] = set()
    for number in range(_PASSES):
        promised: int | None = None
        came = repeats = idle = 0
        has_stalled = False
        known = len(versions)
        for page, total in read():
            promised = total if promised is None else promised
            fresh = []
            new_in_pass = 0
            for row in page:
                key, version = identity(row), hash(row)
                new_in_pass += last_pass.get(key) != number
                last_pass[key] = number
                if version not in versions:
                    versions.add(version)
                    fresh.append(row)
            came += new_in_pass
            repeats += len(page) - new_in_pass
            idle = idle + 1 if page and not new_in_pass else 0
            has_stalled = has_stalled or idle > 0
            if idle == _PAGES_WITHOUT_NEWS:
                raise PaginationLoop(f"{idle} pages in a row brought nothing new", where=where)
            yield fresh
        is_full = came >= (promised or 0)
        if (repeats == 0 and is_full) or (len(versions) == known and (is_full or not has_stalled)):
            return
    raise Truncated("the list kept moving while it was read", where=where)
