"""Failures to inject into an emulation: small declarations that a test or a chaos run hands to `serve`.

What a healthy vendor answers is in that vendor's file.
"""

import json
import threading
from dataclasses import dataclass
from typing import Literal, get_args

StatusKind = Literal["401", "403", "404", "429", "500", "502", "503", "504"]
BodyKind = Literal["html", "empty", "truncated", "latency"]
PageKind = Literal["duplicated_page", "shuffled_page", "empty_page", "repeated_cursor", "short_page"]
ExportKind = Literal["failed_export", "stuck_export"]
FieldKind = Literal["new_field", "missing_field", "retyped_field"]

STATUS_KINDS: frozenset[str] = frozenset(get_args(StatusKind))
FIELD_KINDS: frozenset[str] = frozenset(get_args(FieldKind))
BODY_KINDS: frozenset[str] = frozenset(get_args(BodyKind))


@dataclass(frozen=True, slots=True)
class Fault:
    """One failure of one vendor.

    It strikes requests whose path starts with `path_prefix`: not the first `after` of them, then `times`
    (None: for good). By kind:

    - "401" ... "504": that status in the vendor's own form; 502 and above without a body. With "429",
      `retry_after` is sent word for word as Retry-After; None sends none.
    - "html", "empty": status 200 with an HTML page, or with nothing. "truncated": the connection closes
      after half of the announced bytes. "latency": the reply waits for `seconds`.
    - "duplicated_page": rows of the page before come once more. (A list paged by offset has moved down:
      declare it with `times=None`, since it does not move back.)
    - "shuffled_page": the page's rows are out of order. "short_page": half the page size, nothing lost.
    - "empty_page": no rows, though more follow (lists that end at an empty page end there).
    - "repeated_cursor": the page leads back to itself (a list paged by offset gives its first page again).
    - "failed_export", "stuck_export": an export ends as failed, or never ends.
    - "new_field", "missing_field", "retyped_field": the rows of a JSON page have a `field` that was never
      there, lack it, or have it as a list.
    """

    vendor: str
    path_prefix: str
    kind: StatusKind | BodyKind | PageKind | ExportKind | FieldKind
    after: int = 0
    times: int | None = 1
    retry_after: str | None = None
    seconds: float = 0.0
    field: str = ""

    def reshape(self, body: bytes) -> bytes:
        """A JSON page whose rows drifted as a field kind says. Rows: the objects in the page's lists."""
        page = json.loads(body)
        lists = [page] if isinstance(page, list) else [of for of in page.values() if isinstance(of, list)]
        for row in (row for rows in lists for row in rows if isinstance(row, dict)):
            if self.kind == "new_field":
                row[self.field] = "new"
            elif self.kind == "missing_field":
                row.pop(self.field, None)
            elif self.field in row:
                row[self.field] = [row[self.field]]
        return json.dumps(page, separators=(",", ":")).encode()


class Faults:
    """The declared faults and how often each was met. Safe to share between threads."""

    def __init__(self, *faults: Fault) -> None:
        self._met: list[tuple[Fault, int]] = [(fault, 0) for fault in faults]
        self._lock = threading.Lock()

    def due(self, vendor: str, path: str) -> Fault | None:
        """The fault that strikes this request: the first declared one whose turn it is, or None."""
        chosen: Fault | None = None
        with self._lock:
            for index, (fault, met) in enumerate(self._met):
                if fault.vendor != vendor or not path.startswith(fault.path_prefix):
                    continue
                self._met[index] = (fault, met + 1)
                has_turn = met >= fault.after and (fault.times is None or met < fault.after + fault.times)
                if has_turn and chosen is None:
                    chosen = fault
        return chosen
