"""What people look at: sheets of edits, comparisons of runs, charts, and the pages of evaluations."""

from latentclr.report.comparison import Comparison, compare
from latentclr.report.sheet import contact_sheet

__all__ = ["Comparison", "compare", "contact_sheet"]
