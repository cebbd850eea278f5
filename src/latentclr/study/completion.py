"""What somebody shows to whoever pays them: that they have answered everything, and not who they are."""

import hashlib
import hmac

from latentclr.study.answers import ALPHABET
from latentclr.study.plan import Study

LENGTH = 10
"""Characters: about 50 bits."""


def completion_code(study: Study, key: str) -> str:
    """The code that a participant sees behind the last item.

    Nobody can work it out beforehand: it is made with the checksum of study.json, which no participant sees.

    Args:
        study: in which they took part.
        key: of the participant.
    """
    number = int.from_bytes(hmac.digest(study.digest.encode(), f"completed|{key}".encode(), hashlib.sha256))
    digits = []
    for _ in range(LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        digits.append(ALPHABET[digit])
    return "".join(digits).upper()
