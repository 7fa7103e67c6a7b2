"""A shop that has no API: receipts of its tills, pages of its site, its loyalty cards; and reading them."""

import os
from datetime import UTC, date, datetime
from pathlib import Path

from connectors.base import Page, Window
from connectors.files.drops import FileDrops, FilesConfig, of_folder
from tests.connectors.controlled_clock import ControlledClock

ZONE = "Europe/Amsterdam"
FIRST, LAST = date(2026, 11, 2), date(2026, 11, 6)
NOW = datetime(2026, 11, 10, 5, tzinfo=UTC)
ALL = Window(datetime(2026, 10, 1, tzinfo=UTC), NOW)

DECLARATION = """
feeds:
  receipts:
    files: tills/*.csv
    grain: receipt of a till
    notation: {delimiter: ";", decimal: ",", thousands: ".", zone: Europe/Amsterdam, times: [FORMAT]}
    key: [receipt]
    time: sold
    columns: {amount: number}
    personal: [card]
    touchpoints:
      - type: order
        channel: commerce
        unless: {kind: return}
        identifiers: {loyalty_id: $card}
        subject_id: $receipt
        medium: store
        value: $amount
        unit: EUR
      - type: refund
        channel: commerce
        when: {kind: return}
        identifiers: {loyalty_id: $card}
        subject_id: $receipt
        medium: store
        value: -$amount
        unit: EUR
  pages:
    files: site/*.parquet
    time: at
    touchpoints:
      - type: {column: what, values: {view: page_view, buy: order}, otherwise: event}
        channel: web
        identifiers: {cookie_id: $device, loyalty_id: $card}
        url: $address
        traffic_channel: Direct
  cards:
    files: cards.csv
    kind: entity
    key: [card]
    personal: [mail]
    contacts:
      - identifiers: {loyalty_id: $card, email: $mail}
        attributes: {email: $mail, favourite: $favourite}
""".replace("FORMAT", '"%d-%m-%Y %H:%M"')

RECEIPTS = """receipt;sold;kind;amount;card
R1;02-11-2026 09:15;sale;12,50;C1
R2;02-11-2026 23:30;sale;1.200,00;C2
R3;04-11-2026 10:00;return;12,50;C1
R4;06-11-2026 16:45;sale;7;
"""
CARDS = "card,mail,favourite\nC1,ann@example.org,tea\nC2,bob@example.org,\n"

SETTLED = NOW.timestamp() - 3600


def folder_of(folder: Path, declaration: str = DECLARATION, **files: str) -> Path:
    """A folder with a declaration, and text files by path (`__` for a slash, `_csv` for the ending)."""
    drop(folder, "files.yaml", declaration)
    for name, content in files.items():
        drop(folder, name.replace("__", "/").replace("_csv", ".csv"), content)
    return folder


def drop(folder: Path, name: str, content: str | bytes, *, at: float = SETTLED) -> Path:
    """A file that was written at a moment."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    os.utime(path, (at, at))
    return path


def source(folder: Path) -> FileDrops:
    return of_folder(str(folder))(FilesConfig(str(folder)), ControlledClock(NOW))


def read(folder: Path, feed: str, window: Window = ALL) -> Page:
    """All pages of one read as one."""
    whole = Page([])
    for page in source(folder).read(feed, window):
        whole.records += page.records
        whole.bad += page.bad
        whole.skipped += page.skipped
    return whole
