"""What people look at: contact sheets and run folders."""

from latentclr.report.sheet import contact_sheet

__all__ = ["contact_sheet"]
