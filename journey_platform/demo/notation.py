"""How people, forms and vendors write one and the same identifier, each function in one of its spellings."""

import hashlib
from random import Random

from journey_platform.demo.chance import happens, one_of


def email_as_typed(rng: Random, address: str) -> str:
    """Mostly as it is, else with capitals."""
    if happens(rng, 0.85):
        return address
    local, _, domain = address.partition("@")
    return one_of(rng, (f"{local.title()}@{domain}", address.upper(), f"{local}@{domain.capitalize()}"))


def email_as_pasted(rng: Random, address: str) -> str:
    """As typed, at times with the blanks around it that a copied cell brings."""
    typed = email_as_typed(rng, address)
    return one_of(rng, (f" {typed}", f"{typed} ")) if happens(rng, 0.1) else typed


def phone_as_typed(rng: Random, number: str) -> str:
    """`number` is "+" and digits; blanks, dashes, dots or brackets may come in, and "00" for the "+"."""
    prefix, digits = number[:3], number[3:]
    pairs = [digits[i : i + 2] for i in range(0, len(digits), 2)]
    return one_of(
        rng,
        (
            number,
            f"{prefix} {digits}",
            f"{prefix} {' '.join(pairs)}",
            f"{prefix}-{'-'.join(pairs)}",
            f"({prefix}) {digits[:1]} {digits[1:]}",
            f"00{prefix[1:]}.{'.'.join(pairs)}",
        ),
    )


def handle_as_typed(rng: Random, handle: str) -> str:
    """`handle` is name@host; with the leading @ and capitals that people write."""
    return one_of(rng, (handle, f"@{handle}", f"@{handle.title()}"))


def click_id(address: str) -> str:
    """What the mailing vendor puts into the links of whom the list has under `address`."""
    return hashlib.md5(f"unique {address}".encode()).hexdigest()[:10]
