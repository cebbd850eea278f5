"""What commands let choose of matched strength."""

from typing import Literal

MeasureName = Literal["picture", "features"]
LENGTH = 3.0
"""Length of the edits whose median change is the usual target: the one that methods sort by."""
LONGEST = 24.0
"""Length of the longest edit that is tried: LENGTH doubled three times, far out of what was sampled."""
