"""What people look at: contact sheets, run folders and comparisons of runs."""

from latentclr.report.comparison import Comparison, Entry, compare
from latentclr.report.sheet import contact_sheet

__all__ = ["Comparison", "Entry", "compare", "contact_sheet"]
