"""Whole persons out of rows in any order, sorted, a bounded number of rows at a time.

Rows are put into buckets by ranges of persons, as they come; a bucket is sorted when its turn comes, so that
no more than a few are in memory. What does not fit waits in files. What is read, and by whom, is in `engine`.

Text that is asked for as codes becomes one when it comes in: rows then move as numbers, and a kernel finds
every text once.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, pairwise, takewhile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_BUCKETS = 256
_CHUNK_ROWS = 1_000_000
_HELD_BYTES = 200_000_000


def whole_persons(
    batches: Iterable[pa.Table],
    *,
    person: str,
    sort_by: Sequence[str],
    rows_per_call: int,
    coded: Iterable[str] = (),
    folder: str,
) -> Iterator[pa.Table]:
    """Tables of one or more whole persons, sorted by `person` (an integer; null last) and `sort_by`.

    Each has about `rows_per_call` rows: it is cut at the first border between persons after so many. Without
    rows there is one table with none. `batches`: at least one, all of one schema. `coded`: text columns that
    come out dictionary-encoded. `folder`: where rows wait.
    """
    codes = {name: _Codes() for name in coded}
    chunks = _chunks(batches, codes)
    first, second = next(chunks), next(chunks, None)
    if second is None:
        pieces: Iterable[pa.Table] = [first]
    else:
        buckets = _Buckets(person, first, folder)
        # A chunk is put into its buckets while the next comes in.
        with ThreadPoolExecutor(1) as pool:
            adding = pool.submit(buckets.add, first)
            for chunk in chain([second], chunks):
                adding.result()
                adding = pool.submit(buckets.add, chunk)
            adding.result()
        pieces = buckets.pieces(rows_per_call)
    wholes = (
        whole for piece in pieces for whole in _cut(_sorted(piece, (person, *sort_by)), person, rows_per_call)
    )
    for whole in _ahead(wholes):
        yield _with_texts(whole, codes)


def _ahead(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The same, the next of which is made while one is looked at."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, tables, None)
        while (table := coming.result()) is not None:
            coming = pool.submit(next, tables, None)
            yield table


def _chunks(batches: Iterable[pa.Table], codes: dict[str, "_Codes"]) -> Iterator[pa.Table]:
    """The rows with codes for texts, about as many at a time."""
    waiting: list[pa.Table] = []
    rows = held = 0
    for batch in batches:
        waiting.append(batch)
        rows += len(batch)
        held += batch.nbytes
        if rows >= _CHUNK_ROWS or held >= _HELD_BYTES:
            yield _with_codes(waiting, codes)
            waiting, rows, held = [], 0, 0
    if waiting:
        yield _with_codes(waiting, codes)


class _Codes:
    """The texts of a column so far, each with its number."""

    def __init__(self) -> None:
        self.texts = pa.array([], pa.string())

    def of(self, column: pa.ChunkedArray) -> pa.Array:
        """Numbers instead of texts; null stays null."""
        encoded = column.combine_chunks().dictionary_encode()
        known = pc.index_in(encoded.dictionary, self.texts)
        is_new = np.asarray(known.is_null())
        places = known.fill_null(0).to_numpy(zero_copy_only=False).copy()
        places[is_new] = len(self.texts) + np.arange(is_new.sum())
        self.texts = pa.concat_arrays([self.texts, encoded.dictionary.filter(pa.array(is_new))])
        return pa.array(places, pa.int32()).take(encoded.indices)


def _with_codes(batches: Sequence[pa.Table], codes: dict[str, _Codes]) -> pa.Table:
    rows = pa.concat_tables(batches)
    for name, known in codes.items():
        rows = rows.set_column(rows.schema.get_field_index(name), name, known.of(rows[name]))
    return rows.combine_chunks()


def _with_texts(rows: pa.Table, codes: dict[str, _Codes]) -> pa.Table:
    for name, known in codes.items():
        column = pa.DictionaryArray.from_arrays(rows[name].combine_chunks(), known.texts)
        rows = rows.set_column(rows.schema.get_field_index(name), name, column)
    return rows


class _Buckets:
    """Rows by ranges of persons. The first rows show where the ranges end."""

    def __init__(self, person: str, first: pa.Table, folder: str) -> None:
        self._person = person
        keys = first[person].drop_null().to_numpy()
        shares = np.arange(1, _BUCKETS) / _BUCKETS
        self._ends = np.unique(np.quantile(keys, shares, method="lower")) if len(keys) else keys
        self._folder = Path(folder)
        # The last is of the rows of nobody, who are one person.
        self._held: list[list[pa.Table]] = [[] for _ in range(len(self._ends) + 2)]
        self._files: dict[int, tuple[pa.NativeFile, pa.RecordBatchWriter]] = {}
        self._bytes = 0

    def add(self, chunk: pa.Table) -> None:
        keys = chunk[self._person].combine_chunks()
        bucket = np.searchsorted(self._ends, keys.fill_null(0).to_numpy()).astype(np.uint16)
        bucket[~np.asarray(keys.is_valid())] = len(self._held) - 1
        order = np.argsort(bucket, kind="stable")
        sorted_rows = _taken(chunk, pa.array(order))
        borders = np.searchsorted(bucket[order], np.arange(len(self._held) + 1))
        for number, (begin, end) in enumerate(pairwise(borders)):
            if end > begin:
                self._held[number].append(sorted_rows.slice(begin, end - begin))
        self._bytes += sorted_rows.nbytes
        if self._bytes >= _HELD_BYTES:
            self._spill()

    def _spill(self) -> None:
        for number, held in enumerate(self._held):
            if not held:
                continue
            if number not in self._files:
                sink = pa.OSFile(self._name(number), "wb")
                self._files[number] = (sink, pa.ipc.new_stream(sink, held[0].schema))
            self._files[number][1].write_table(pa.concat_tables(held).combine_chunks())
            held.clear()
        self._bytes = 0

    def pieces(self, rows_per_call: int) -> Iterator[pa.Table]:
        """Neighbouring buckets together, in the order of persons, until they have `rows_per_call` rows."""
        for sink, writer in self._files.values():
            writer.close()
            sink.close()
        together: list[pa.Table] = []
        for number, held in enumerate(self._held):
            if number in self._files:
                with pa.memory_map(self._name(number)) as source:
                    together.append(pa.ipc.open_stream(source).read_all())
            together += held
            held.clear()
            if sum(map(len, together)) >= rows_per_call:
                yield pa.concat_tables(together)
                together = []
        if together:
            yield pa.concat_tables(together)

    def _name(self, number: int) -> str:
        return str(self._folder / f"{number:03d}.arrow")


def _sorted(rows: pa.Table, keys: Sequence[str]) -> pa.Table:
    """Rows in ascending order of `keys`, null last; as they came where all are equal.

    Numbers and times decide almost always: what comes after them is looked at where they leave a tie.
    """
    whole = rows.combine_chunks()
    numeric = list(takewhile(lambda name: _is_numeric(whole.schema.field(name).type), keys))
    columns = [column for name in numeric for column in _ranked(whole[name])]
    order = np.lexsort(columns[::-1]) if columns else np.arange(len(whole))
    rest = keys[len(numeric) :]
    if rest and len(whole):
        is_next = np.zeros(len(whole), dtype=bool)
        for column in columns:
            is_next[1:] |= np.diff(column[order]) != 0
        group = np.cumsum(is_next)
        is_tied = np.zeros(len(whole), dtype=bool)
        is_tied[1:] = ~is_next[1:]
        is_tied[:-1] |= ~is_next[1:]
        places = np.flatnonzero(is_tied)
        tied = whole.select(rest).take(pa.array(order[places])).append_column("", pa.array(group[places]))
        by = pc.sort_indices(tied, [("", "ascending"), *((name, "ascending") for name in rest)])
        order[places] = order[places][by.to_numpy()]
    return _taken(whole, pa.array(order))


def _taken(rows: pa.Table, order: pa.Array) -> pa.Table:
    """The rows in this order. Columns of one value are left: they are the same in any."""
    constant = {name for name in rows.column_names if _has_one_value(rows[name])}
    moved = [name for name in rows.column_names if name not in constant]
    with ThreadPoolExecutor(2) as pool:
        taken = dict(zip(moved, pool.map(lambda name: rows[name].take(order), moved), strict=True))
    return pa.table({name: taken.get(name, rows[name]) for name in rows.column_names})


def _has_one_value(column: pa.ChunkedArray) -> bool:
    if column.null_count or not pa.types.is_integer(column.type):
        return bool(column.null_count == len(column))
    ends = pc.min_max(column)
    return bool(ends["min"] == ends["max"])


def _is_numeric(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_timestamp(kind) or pa.types.is_date(kind))


def _ranked(column: pa.ChunkedArray) -> list[np.ndarray]:
    """Arrays that sort as the column does: whether it is null, where any is, and its number."""
    values = column.cast(pa.int32()) if pa.types.is_date32(column.type) else column
    numbers = values.cast(pa.int64()).fill_null(0).to_numpy()
    return [np.asarray(column.is_null()), numbers] if column.null_count else [numbers]


def _cut(rows: pa.Table, person: str, rows_per_call: int) -> Iterator[pa.Table]:
    """Sorted rows in pieces, each to the first border between persons after `rows_per_call` rows."""
    is_border = np.zeros(max(len(rows) - 1, 0), dtype=bool)
    for column in _ranked(rows[person]):
        is_border |= np.diff(column) != 0
    borders = np.flatnonzero(is_border) + 1
    begin = 0
    while True:
        place = np.searchsorted(borders, begin + rows_per_call)
        end = int(borders[place]) if place < len(borders) else len(rows)
        yield rows.slice(begin, end - begin)
        if end == len(rows):
            return
        begin = end
