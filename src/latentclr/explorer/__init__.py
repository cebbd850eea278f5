"""The page on which directions are tried, over modules without a UI: recipe, shelf, drawing, export."""
